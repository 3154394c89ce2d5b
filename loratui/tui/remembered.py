"""What forms offer again after a restart: the tagger that was used last."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loratui.config import Home

_NAME = "forms.json"


def read_tagger(home: Home) -> str:
    """The folder or name of the tagger that was used last; empty when none is known."""
    try:
        tagger = json.loads((home.data / _NAME).read_text(encoding="utf-8"))["tagger"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return tagger if isinstance(tagger, str) else ""


def write_tagger(home: Home, tagger: str) -> None:
    """Keep it, a folder with its whole path; where nothing can be written nothing is kept."""
    folder = Path(tagger).expanduser()
    kept = str(folder.absolute()) if folder.is_dir() else tagger
    # Named like the unfinished files of the store, so that what a killed app leaves is swept with them.
    part = home.data / f"{os.getpid()}-{threading.get_ident()}-forms.part"
    try:
        part.write_text(json.dumps({"tagger": kept}, ensure_ascii=False), encoding="utf-8")
        part.replace(home.data / _NAME)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
