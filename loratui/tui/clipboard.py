"""Copying text out of a terminal, near or far: the terminal's clipboard, tmux's buffer, and a file."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from loratui.tui.app import LoratuiApp

LONGEST_ESCAPE = 74_994
"""Bytes of an OSC 52 that xterm and others still take."""


def copy(text: str, write: Callable[[str], object], environ: Mapping[str, str], kept: Path) -> None:
    """Copy a text in every way there is; none of them says whether it worked.

    `write` writes to the terminal; `kept` is the file that always holds the last copy.
    """
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = kept.with_suffix(".new")
    with contextlib.suppress(OSError):
        draft.write_text(text, encoding="utf-8", errors="replace")
        draft.replace(kept)
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode()
    if len(encoded) < LONGEST_ESCAPE:
        write(f"\x1b]52;c;{encoded}\x07")
    if "TMUX" in environ:
        # tmux takes OSC 52 only when set-clipboard is on; -w also passes the text to the terminal outside.
        threading.Thread(target=_give_to_tmux, args=(text, dict(environ)), daemon=True).start()


def copy_text(app: LoratuiApp, text: str) -> None:
    """Copy a text for the person at the app's terminal; it is also kept in clipboard.txt."""
    driver = app._driver
    if driver is not None:
        copy(text, driver.write, os.environ, app.home.data / "clipboard.txt")


def _give_to_tmux(text: str, environ: dict[str, str]) -> None:
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            ["tmux", "load-buffer", "-w", "-"],
            env=environ,
            input=text.encode("utf-8", "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=2,
            check=False,
        )
