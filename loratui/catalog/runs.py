"""Runs in the database: made, found, listed, and told to stop or to go on."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, func, insert, select, text, update

from loratui.catalog import tables
from loratui.catalog.bases import forget_base_changes
from loratui.catalog.rows import Checkpoint, Run, Subject, to_row
from loratui.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loratui.catalog.store import Catalog

OPEN_STATES = ("queued", "running")
"""States in which something is still going to happen."""

_SLUG_LENGTH = 40


@dataclass(frozen=True, slots=True)
class LatestRun:
    """How a subject's newest run stands."""

    name: str
    state: str
    step: int
    total_steps: int
    epoch: int
    queued_at: datetime
    ended_at: datetime | None


def slugify(name: str) -> str:
    """The part of a run's name that comes from its subject: lower-case ASCII, digits and dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].strip("-")
    return slug or "run"


def create_run(
    catalog: Catalog,
    *,
    subject_id: int,
    subject_name: str,
    snapshot_id: int,
    base_id: int,
    recipe: dict[str, Any],
    total_steps: int,
    steps_per_epoch: int,
    continued_from: str = "",
    priority: int = 0,
    prepare: Callable[[Run], None],
) -> Run:
    """Queue a run under a name that was never used before, by this library or by a folder in its runs.

    `prepare` writes the run folder; it runs inside the transaction, so that no worker sees a run without one.
    """
    slug = slugify(subject_name)
    with catalog.write() as connection:
        number = _last_number(connection) + 1
        # Folders outlive a restored backup of the database: step over them.
        while (catalog.home.runs / _name(slug, number)).exists():
            number += 1
        name = _name(slug, number)
        connection.execute(
            insert(tables.run).values(
                id=number,
                name=name,
                subject_id=subject_id,
                snapshot_id=snapshot_id,
                base_id=base_id,
                recipe=recipe,
                # Relative to home.runs, so that a library can be moved.
                folder=name,
                output_name=name,
                state="queued",
                continued_from=continued_from,
                priority=priority,
                total_steps=total_steps,
                steps_per_epoch=steps_per_epoch,
                queued_at=datetime.now(UTC),
            )
        )
        run = _load(catalog, connection.execute(select(tables.run).where(tables.run.c.id == number)).one())
        prepare(run)
        forget_base_changes(connection, base_id)
    return run


def _name(slug: str, number: int) -> str:
    return f"{slug}-{number:04d}"


def _last_number(connection: Connection) -> int:
    # The table counts with AUTOINCREMENT, so this also remembers runs that were removed.
    last = connection.execute(text("SELECT seq FROM sqlite_sequence WHERE name = 'run'")).scalar()
    return int(last or 0)


def get_run(catalog: Catalog, reference: str | int) -> Run:
    """The run of that name, number, or unambiguous beginning of a name.

    Raises NotFoundError with near names, or UsageError when several runs begin like that.
    """
    word = str(reference).strip()
    run = tables.run
    with catalog.read() as connection:
        row = connection.execute(select(run).where(run.c.name == word)).first()
        if row is None and word.isascii() and word.isdigit():
            row = connection.execute(select(run).where(run.c.id == int(word))).first()
        if row is not None:
            return _load(catalog, row)
        names = list(connection.execute(select(run.c.name).order_by(run.c.id.desc())).scalars())
    matches = [name for name in names if word and name.startswith(word)]
    if len(matches) == 1:
        return get_run(catalog, matches[0])
    if matches:
        listed = ", ".join(matches[:5]) + (", ..." if len(matches) > 5 else "")
        raise UsageError(f"'{word}' could be {len(matches)} runs: {listed}.", hint="Give more of the name.")
    near = get_close_matches(word, names, n=3)
    hint = f"Did you mean {', '.join(near)}?" if near else "See `loratui run list`."
    raise NotFoundError(f"There is no run called '{word}'.", hint=hint)


def get_run_subject(catalog: Catalog, run_id: int) -> Subject:
    """The subject that a run trains; raises NotFoundError when the run is gone."""
    query = select(tables.subject).join(tables.run, tables.run.c.subject_id == tables.subject.c.id)
    with catalog.read() as connection:
        row = connection.execute(query.where(tables.run.c.id == run_id)).first()
    if row is None:
        raise NotFoundError(f"There is no run number {run_id}.", hint="See `loratui run list`.")
    return to_row(Subject, row)


def list_runs(
    catalog: Catalog, *, subject_id: int | None = None, states: Sequence[str] = (), limit: int | None = None
) -> list[Run]:
    """Runs, newest first."""
    query = select(tables.run).order_by(tables.run.c.id.desc())
    if subject_id is not None:
        query = query.where(tables.run.c.subject_id == subject_id)
    if states:
        query = query.where(tables.run.c.state.in_(states))
    with catalog.read() as connection:
        rows = connection.execute(query.limit(limit)).all()
    return [_load(catalog, row) for row in rows]


def list_runs_of_weights(catalog: Catalog, autov3: str) -> list[Run]:
    """The runs that saved a LoRA file of this hash, wherever the file lies now."""
    saved = select(tables.checkpoint.c.run_id).where(tables.checkpoint.c.autov3 == autov3)
    with catalog.read() as connection:
        rows = connection.execute(select(tables.run).where(tables.run.c.id.in_(saved)).order_by(tables.run.c.id)).all()
    return [_load(catalog, row) for row in rows]


def latest_runs(catalog: Catalog) -> dict[int, LatestRun]:
    """The newest run of every subject that has one, by subject id."""
    run = tables.run
    columns = [run.c[name] for name in LatestRun.__slots__]
    newest = select(func.max(run.c.id)).group_by(run.c.subject_id)
    with catalog.read() as connection:
        found = connection.execute(select(run.c.subject_id, *columns).where(run.c.id.in_(newest))).all()
    return {row[0]: LatestRun(*row[1:]) for row in found}


def remove_run(catalog: Catalog, reference: int | str) -> Run:
    """Forget a run with its checkpoints and sheets; their files stay, and undo brings it back.

    Raises NotFoundError, and ConflictError while the run is queued or running.
    """
    run = get_run(catalog, reference)
    with catalog.journal("run.remove", f"remove run {run.name}") as change:
        if not change.delete(tables.run, [run.id]):
            raise NotFoundError(f"The run {run.name} is gone already.", hint="See `loratui run list`.")
    return run


def count_runs(catalog: Catalog, states: Sequence[str] = OPEN_STATES) -> int:
    """How many runs are in one of these states."""
    with catalog.read() as connection:
        query = select(func.count()).select_from(tables.run).where(tables.run.c.state.in_(states))
        return int(connection.execute(query).scalar_one())


def has_had_runs(catalog: Catalog) -> bool:
    """Whether there ever was a run, also where all were removed since, alone or with their subjects."""
    with catalog.read() as connection:
        return _last_number(connection) > 0


def list_checkpoints(catalog: Catalog, run_id: int) -> list[Checkpoint]:
    """The LoRA files that a run has recorded, by epoch; `path` is absolute."""
    query = (
        select(tables.checkpoint, tables.run.c.folder)
        .join(tables.run, tables.run.c.id == tables.checkpoint.c.run_id)
        .where(tables.checkpoint.c.run_id == run_id)
        .order_by(tables.checkpoint.c.epoch, tables.checkpoint.c.step, tables.checkpoint.c.id)
    )
    with catalog.read() as connection:
        rows = connection.execute(query).all()
    return [_load_checkpoint(catalog, row) for row in rows]


def wish_stop(catalog: Catalog, run_id: int, reason: str = "", hint: str = "") -> str:
    """Ask for a run to stop and give its state after that: a queued one is stopped at once.

    A reason stays with a running one, with its hint, and is why it was stopped once its trainer has.
    """
    run = tables.run
    with catalog.write() as connection:
        connection.execute(
            update(run)
            .where(run.c.id == run_id, run.c.state == "queued")
            .values(
                state="stopped",
                reason=reason or "stopped before it began",
                hint=hint or "`loratui run resume` puts it back into the queue.",
                ended_at=datetime.now(UTC),
            )
        )
        told = {"reason": reason, "hint": hint} if reason else {}
        connection.execute(update(run).where(run.c.id == run_id, run.c.state == "running").values(wish="stop", **told))
        return str(connection.execute(select(run.c.state).where(run.c.id == run_id)).scalar_one())


def requeue_run(catalog: Catalog, run_id: int) -> bool:
    """Put a run that has ended early back into the queue; False when it is not in such a state."""
    run = tables.run
    with catalog.write() as connection:
        changed = connection.execute(
            update(run)
            .where(run.c.id == run_id, run.c.state.in_(("paused", "stopped", "failed")))
            .values(state="queued", wish="", reason="", hint="", ended_at=None, eta_s=None, queued_at=datetime.now(UTC))
        )
        return changed.rowcount > 0


def _load(catalog: Catalog, row: Row[Any]) -> Run:
    run = to_row(Run, row)
    return replace(run, folder=str(catalog.home.runs / run.folder))


def _load_checkpoint(catalog: Catalog, row: Row[Any]) -> Checkpoint:
    values = dict(row._mapping)
    folder = catalog.home.runs / Path(values.pop("folder"))
    return Checkpoint(**{**values, "path": str(folder / values["path"])})
