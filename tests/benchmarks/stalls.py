"""Runs the app as `loratui` does, and at the end writes how long its event loop stood still: stalls.py FILE ARGS...

A timer on the loop notes the longest gap between two of its ticks, beyond the interval itself.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from loratui.tui import app as tui
from loratui.tui.entry import run_app

TICK_S = 0.005
gaps: list[tuple[float, float]] = []


class WatchedApp(tui.LoratuiApp):
    """The app with a heartbeat."""

    # Textual looks for it beside the module of the class.
    CSS_PATH = Path(tui.__file__).with_name("style.tcss")

    def on_mount(self) -> None:
        self._beat = time.monotonic()
        self.set_interval(TICK_S, self.beat)

    def beat(self) -> None:
        now = time.monotonic()
        gaps.append((now, now - self._beat - TICK_S))
        self._beat = now


if __name__ == "__main__":
    out, arguments = Path(sys.argv[1]), sys.argv[2:]
    tui.LoratuiApp = WatchedApp  # type: ignore[misc]
    code = run_app(arguments)
    out.write_text(json.dumps(gaps))
    sys.exit(code)
