"""The trainer's side of events.jsonl: numbers go on without gaps, whatever happened to earlier attempts."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from loratui.events import RunEvent, parse_event

if TYPE_CHECKING:
    from pathlib import Path

STEP_INTERVAL_S = 0.2
"""Steps that end sooner after the last one told are not told."""


class EventLog:
    """Appends events of one attempt and knows those of the attempts before."""

    def __init__(self, path: Path, attempt: int) -> None:
        self._attempt = attempt
        self._cut_torn_line(path)
        self.earlier: list[RunEvent] = []
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as file:
                # Steps are by far the most lines and nobody here asks about them again.
                parsed = (parse_event(line) for line in file)
                self.earlier = [event for event in parsed if event]
        self._seq = max((event.seq for event in self.earlier), default=0)
        self.earlier = [event for event in self.earlier if event.type != "step"]
        # Unbuffered: an event is in the kernel's hands, safe from kill -9, when `write` returns.
        self._file = path.open("ab", buffering=0)
        self._told = 0.0

    def write(self, kind: str, *, durable: bool = False, **data: Any) -> None:
        """Append one event; `durable` ones are on the disk, with all before them, on return."""
        event = RunEvent(self._seq + 1, kind, data, self._attempt)
        line = event.to_line().encode()
        written = self._file.write(line)
        if written != len(line):
            # A full disk may take a part of the line: it must not stay, or the next one is lost with it.
            self._file.truncate(self._file.seek(0, os.SEEK_END) - written)
            written = self._file.write(line)
        self._seq += 1
        if durable:
            os.fsync(self._file.fileno())

    def write_step(self, *, always: bool = False, **data: Any) -> None:
        """Append a step event, at most five a second; `always` for those that end an epoch."""
        now = time.monotonic()
        if always or now - self._told >= STEP_INTERVAL_S:
            self._told = now
            self.write("step", **data)

    def has_checkpoint(self, epoch: int, autov3: str) -> bool:
        """Whether an earlier attempt told of this very checkpoint as its last word on the epoch."""
        told = [e.data.get("autov3") for e in self.earlier if e.type == "checkpoint" and e.data.get("epoch") == epoch]
        return bool(told) and told[-1] == autov3

    def close(self) -> None:
        """Close the file; doing so twice is harmless."""
        self._file.close()

    @staticmethod
    def _cut_torn_line(path: Path) -> None:
        if not path.exists():
            return
        with path.open("r+b") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole != len(content):
                file.truncate(whole)
