"""What people know a run by besides its own name: its subject, its base, and the stars of its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from loratui.catalog import tables

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class RunNames:
    """What a run trains, and on what."""

    subject: str
    base: str


def name_runs(catalog: Catalog) -> dict[int, RunNames]:
    """The names that belong to every run, by the run's id."""
    run, subject, base = tables.run, tables.subject, tables.base
    query = (
        select(run.c.id, subject.c.name, base.c.name)
        .join(subject, subject.c.id == run.c.subject_id)
        .join(base, base.c.id == run.c.base_id)
    )
    with catalog.read() as connection:
        return {id_: RunNames(of, on) for id_, of, on in connection.execute(query)}


def rate_checkpoints(catalog: Catalog, run_id: int) -> dict[int, float]:
    """The mean stars of a run's checkpoints by their id, over all rated images of all its sheets."""
    cell, checkpoint = tables.cell, tables.checkpoint
    query = (
        select(cell.c.checkpoint_id, func.avg(cell.c.rating))
        .join(checkpoint, checkpoint.c.id == cell.c.checkpoint_id)
        .where(checkpoint.c.run_id == run_id, cell.c.rating > 0)
        .group_by(cell.c.checkpoint_id)
    )
    with catalog.read() as connection:
        return {id_: float(mean) for id_, mean in connection.execute(query)}
