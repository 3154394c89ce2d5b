"""How a person stops a training: a `stop` file in its folder, SIGTERM or SIGINT. All mean: finish the step first."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType


class StopRequest:
    """Whether somebody asked to stop, and how."""

    def __init__(self, stop_file: Path) -> None:
        self._stop_file = stop_file
        self._signal = ""

    def listen(self) -> None:
        """Take SIGTERM and SIGINT from now on; only the main thread may call this."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)
        # The terminal that started us may close: a training outlives it.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = signal.Signals(number).name

    def reason(self) -> str:
        """What asked to stop, in words; empty while nobody did."""
        if self._signal:
            return f"stopped by {self._signal}"
        return "stopped on request" if self._stop_file.exists() else ""


class Stopped(Exception):  # noqa: N818 - a state, not an error
    """Raised at a point where stopping loses nothing."""

    def __init__(self, reason: str, step: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.step = step
