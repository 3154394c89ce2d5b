"""Where unexpected errors are kept: a person needs the sentence, a bug report needs the rest."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime

from loratui.config import Home, find_home
from loratui.errors import LoratuiError


def report_bug(error: BaseException, command: str, home: Home | None = None) -> LoratuiError:
    """Write the traceback of an unexpected error to errors.log of a home, and return the error that tells of it."""
    log = (home or find_home()).data / "errors.log"
    details = "".join(traceback.format_exception(error))
    try:
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"--- {datetime.now(UTC).isoformat()} {command}\n{details}\n")
        hint = f"This is a bug. The details are in {log}; please report them."
    except OSError:
        hint = f"This is a bug, and its details could not be written to {log}:\n{details}"
    return LoratuiError(f"unexpected {type(error).__name__}: {error}", hint=hint)
