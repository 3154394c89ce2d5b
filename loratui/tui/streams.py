"""Where output goes while the app draws: the screen to the terminal, all else that is printed to a log file."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOG_LIMIT = 1 << 20
"""Bytes after which the log is begun anew; the one before is kept."""


class TerminalFile(io.TextIOBase):
    """Text for the terminal that is never refused: once the terminal has gone, it is dropped.

    Textual writes from a thread that would die of an error, after which the app waits for it for ever.
    """

    def __init__(self, fileno: int, on_loss: Callable[[], None]) -> None:
        super().__init__()
        self._fileno = fileno
        self._on_loss = on_loss
        self._pending: list[str] = []
        self.gone = False

    def fileno(self) -> int:
        return self._fileno

    def isatty(self) -> bool:
        return os.isatty(self._fileno)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._pending.append(text)
        return len(text)

    def flush(self) -> None:
        data = memoryview("".join(self._pending).encode("utf-8", "replace"))
        self._pending.clear()
        while data and not self.gone:
            try:
                data = data[os.write(self._fileno, data) :]
            except BlockingIOError:
                # Another program on this terminal may have asked not to wait.
                select.select([], [self._fileno], [])
            except OSError:
                self.gone = True
                self._on_loss()


class Streams:
    """Standard error of this process: the terminal's own, or a log file while the app draws."""

    def __init__(self, log: Path) -> None:
        """Takes nothing over yet. The log is made when it is missing, and begun anew when it is long."""
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with contextlib.suppress(FileNotFoundError):
            if log.stat().st_size > LOG_LIMIT:
                log.replace(log.with_suffix(".log.1"))
        self.log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._before = os.dup(2)
        self.terminal = self._before if os.isatty(2) else os.dup(1)
        """The terminal, out of reach of libraries that print on standard error."""
        self.on_loss: Callable[[], None] = lambda: None
        """Called, from any thread, when the terminal has gone."""
        self.file = TerminalFile(self.terminal, self.lose)
        self._stderr: TextIO | None = None
        self._lost = False

    def leave_terminal(self) -> None:
        """From now on what is printed on standard error goes to the log."""
        sys.stderr.flush()
        os.dup2(self.log, 2)
        if self._stderr is None:
            import logging

            self._stderr = sys.stderr
            sys.stderr = os.fdopen(os.dup(self.log), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
            # Textual catches what Python prints; these find their way to the log by themselves.
            logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s", force=True)
            logging.captureWarnings(True)

    def enter_terminal(self) -> None:
        """Standard error is the terminal's again, for programs that are started now."""
        os.dup2(self._before, 2)

    def close(self) -> None:
        """Give Python's standard error back as well."""
        self.enter_terminal()
        if self._stderr is not None:
            import logging

            logging.captureWarnings(False)
            sys.stderr, self._stderr = self._stderr, None

    def lose(self) -> None:
        """The terminal has gone."""
        if not self._lost:
            self._lost = True
            self.on_loss()

    @property
    def lost(self) -> bool:
        return self._lost
