"""What long jobs say while they work, and the one-line JSON form that trainers append to files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: `done` of `total` units, with an estimate of the seconds left."""

    task: str
    done: int
    total: int
    eta_s: float | None = None
    note: str = ""


Report = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """The report of a caller that does not care."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of a run's events.jsonl.

    `seq` counts from 1 without gaps within a run, across its attempts. Types and their data:
    start {pid, total_steps, steps_per_epoch, device}, step {step, epoch, loss, lr, images_per_s, eta_s},
    epoch {epoch, step, loss}, checkpoint {epoch, step, path, autov3, bytes}, state {step},
    sample {epoch, path, prompt, seed}, warning {message, hint}, log {message},
    end {state, reason, hint, step} with state one of done, stopped, failed.
    """

    seq: int
    type: str
    data: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))

    def to_line(self) -> str:
        """The event as one JSON line with its newline."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, allow_nan=False) + "\n"


def parse_event(line: str) -> RunEvent | None:
    """Read one line; None for a line cut short by a kill or not written by us."""
    try:
        raw = json.loads(line)
    except json.JSONDecodeError:
        return None
    if not isinstance(raw, dict) or not isinstance(raw.get("seq"), int) or not isinstance(raw.get("type"), str):
        return None
    data = raw.get("data")
    return RunEvent(
        seq=raw["seq"],
        type=raw["type"],
        data=data if isinstance(data, dict) else {},
        attempt=raw["attempt"] if isinstance(raw.get("attempt"), int) else 1,
        at=str(raw.get("at", "")),
    )
