"""What trainers say, taken into the database exactly once."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.sqlite import insert as upsert

from loratui.catalog import tables
from loratui.events import RunEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loratui.catalog.store import Catalog

END_STATES = ("done", "stopped", "failed")

# What events say -> the columns that show it.
_COLUMNS = {
    "start": {"total_steps": "total_steps", "steps_per_epoch": "steps_per_epoch"},
    "step": {
        "step": "step",
        "epoch": "epoch",
        "loss": "loss",
        "lr": "learning_rate",
        "images_per_s": "images_per_s",
        "eta_s": "eta_s",
    },
    "epoch": {"epoch": "epoch", "step": "step"},
    "end": {"step": "step"},
}


def ingest_events(catalog: Catalog, run_id: int, events: Sequence[RunEvent]) -> int:
    """Store the events that are new and bring the run's row and checkpoints up to date; returns how many were new.

    One transaction decides by (run, seq), so any number of processes may call this with overlapping events.
    Checkpoint events must be verified before: each becomes a checkpoint of the run.
    """
    run = tables.run
    with catalog.write() as connection:
        row = connection.execute(
            select(run.c.state, run.c.wish, run.c.reason, run.c.last_seq, run.c.folder).where(run.c.id == run_id)
        ).first()
        if row is None:
            return 0
        fresh = sorted({event.seq: event for event in events if event.seq > row.last_seq}.values(), key=_by_seq)
        if not fresh:
            return 0
        connection.execute(
            insert(tables.event),
            [
                {
                    "run_id": run_id,
                    "seq": event.seq,
                    "attempt": event.attempt,
                    "type": event.type,
                    "data": event.data,
                    "at": _time_of(event),
                }
                for event in fresh
            ],
        )
        attempt = connection.execute(
            select(func.max(tables.attempt.c.number)).where(tables.attempt.c.run_id == run_id)
        ).scalar()
        told = row.wish == "stop" and bool(row.reason)
        changes = _fold(fresh, current_attempt=attempt, queued=row.state == "queued", told=told)
        connection.execute(update(run).where(run.c.id == run_id).values(**changes, last_seq=fresh[-1].seq))
        folder = catalog.home.runs / row.folder
        for event in fresh:
            if event.type == "checkpoint":
                _record_checkpoint(connection, run_id, str(folder), event)
            elif event.type == "end":
                _close_attempt(connection, run_id, event)
    return len(fresh)


def _by_seq(event: RunEvent) -> int:
    return event.seq


def _time_of(event: RunEvent) -> datetime:
    try:
        at = datetime.fromisoformat(event.at)
    except ValueError:
        return datetime.now(UTC)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _fold(events: Iterable[RunEvent], *, current_attempt: int | None, queued: bool, told: bool) -> dict[str, Any]:
    """The columns of a run that these events change; `told` when whoever has it stopped said why."""
    changes: dict[str, Any] = {}
    for event in events:
        changes |= {
            column: event.data[key]
            for key, column in _COLUMNS.get(event.type, {}).items()
            if _is_number(event.data.get(key))
        }
        # A late word of an earlier process must not end a run that was queued again.
        if event.type == "end" and event.attempt == current_attempt and not queued:
            state = event.data.get("state")
            if not (told and state == "stopped"):
                # A trainer that stops knows only that it was asked to.
                changes |= {"reason": str(event.data.get("reason", "")), "hint": str(event.data.get("hint", ""))}
            changes |= {
                "state": state if state in END_STATES else "failed",
                "wish": "",
                "eta_s": None,
                "ended_at": _time_of(event),
            }
    return changes


def _is_number(value: object) -> bool:
    # Trainers may be anyone's: what is no number must not break every command that reads runs.
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _record_checkpoint(connection: Connection, run_id: int, folder: str, event: RunEvent) -> None:
    path = PurePath(str(event.data["path"]))
    values = {
        "run_id": run_id,
        "epoch": int(event.data["epoch"]),
        "step": int(event.data["step"]),
        # Relative to the run folder, so that a library can be moved.
        "path": os.path.relpath(path, folder) if path.is_absolute() else str(path),
        "autov3": str(event.data["autov3"]),
        "bytes": int(event.data["bytes"]),
        "created_at": _time_of(event),
    }
    # A resumed run writes the epoch after its last state again: same path, maybe other bytes.
    statement = upsert(tables.checkpoint).values(**values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["run_id", "path"],
            set_={key: value for key, value in values.items() if key not in ("run_id", "path")},
        )
    )


def _close_attempt(connection: Connection, run_id: int, event: RunEvent) -> None:
    connection.execute(
        update(tables.attempt)
        .where(
            tables.attempt.c.run_id == run_id,
            tables.attempt.c.number == event.attempt,
            tables.attempt.c.ended_at.is_(None),
        )
        .values(outcome=str(event.data.get("state", "")), ended_at=_time_of(event))
    )


def list_events(
    catalog: Catalog, run_id: int, *, after: int = 0, types: Sequence[str] = (), limit: int | None = None
) -> list[RunEvent]:
    """Ingested events in order; with `limit` the newest that many."""
    event = tables.event
    query = select(event).where(event.c.run_id == run_id, event.c.seq > after).order_by(event.c.seq.desc())
    if types:
        query = query.where(event.c.type.in_(types))
    with catalog.read() as connection:
        rows = connection.execute(query.limit(limit)).all()
    return [
        RunEvent(seq=row.seq, type=row.type, data=row.data, attempt=row.attempt, at=row.at.isoformat())
        for row in reversed(rows)
    ]


def read_steps(catalog: Catalog, run_id: int, *, after: int = 0) -> list[tuple[int, int, float, float | None]]:
    """(seq, step, loss, learning rate) of the steps ingested after a sequence number, in the order they were done."""
    # The database takes the numbers out of the JSON: five times as fast as reading whole events.
    query = text(
        "SELECT seq, data ->> 'step', data ->> 'loss', data ->> 'lr' FROM event "
        "WHERE run_id = :run_id AND seq > :after AND type = 'step' ORDER BY seq"
    )
    with catalog.read() as connection:
        rows = connection.execute(query, {"run_id": run_id, "after": after}).all()
    return [
        (seq, int(step), float(loss), float(rate) if _is_number(rate) else None)
        for seq, step, loss, rate in rows
        if _is_number(step) and _is_number(loss)
    ]


def read_loss_series(catalog: Catalog, run_id: int, *, points: int = 500) -> list[tuple[int, float]]:
    """(step, loss) in order of steps, thinned evenly to at most `points`; a step done again counts once, the last."""
    series = sorted({step: loss for _, step, loss, _ in read_steps(catalog, run_id)}.items())
    if len(series) <= points or points < 2:
        return series[-points:] if points > 0 else []
    spread = (len(series) - 1) / (points - 1)
    return [series[round(index * spread)] for index in range(points)]
