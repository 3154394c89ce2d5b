"""Sheets and their cells: what was planned, what has been rendered, and what a person thinks of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, update

from loratui.catalog import tables
from loratui.catalog.rows import Cell, Sheet, to_row
from loratui.catalog.store import now
from loratui.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Row

    from loratui.catalog.store import Catalog

MAX_RATING = 5


@dataclass(frozen=True, slots=True)
class PlannedCell:
    """An image that a sheet is going to have; `checkpoint_id` and `epoch` are None for the base alone."""

    key: str
    checkpoint_id: int | None
    epoch: int | None
    weight: float
    prompt: str
    negative: str
    seed: int


@dataclass(frozen=True, slots=True)
class BestEpoch:
    """The checkpoint that people like best: `mean` is over its `rated` images, 1 to 5."""

    run: str
    epoch: int
    mean: float
    rated: int


def create_sheet(
    catalog: Catalog, *, run_id: int, run_name: str, folder: str, settings: dict[str, Any], cells: Sequence[PlannedCell]
) -> Sheet:
    """Plan a sheet; one of the same run with the same settings and cells is returned instead of made twice.

    `folder` is relative to home.sheets, so that a library can be moved.
    """
    sheet, cell = tables.sheet, tables.cell
    wanted = {planned.key for planned in cells}
    with catalog.write() as connection:
        for row in connection.execute(select(sheet).where(sheet.c.run_id == run_id)):
            keys = connection.execute(select(cell.c.key).where(cell.c.sheet_id == row.id)).scalars()
            if row.settings == settings and set(keys) == wanted:
                return _load(catalog, row)
        number = int(connection.execute(select(func.count()).where(sheet.c.run_id == run_id)).scalar_one())
        taken = set(connection.execute(select(sheet.c.name)).scalars())
        name = next(name for n in range(number + 1, number + 10_000) if (name := f"{run_name}-s{n:02d}") not in taken)
        values = {"name": name, "run_id": run_id, "folder": folder, "settings": settings, "created_at": now()}
        made = connection.execute(insert(sheet).values(**values, state="planned").returning(sheet)).one()
        if cells:
            connection.execute(
                insert(cell), [{"sheet_id": made.id, "path": "", "rating": 0, **asdict(planned)} for planned in cells]
            )
        return _load(catalog, made)


def get_sheet(catalog: Catalog, reference: int | str) -> Sheet:
    """A sheet by its id or name; raises NotFoundError with the names that come near."""
    table = tables.sheet
    with catalog.read() as connection:
        column = table.c.id if isinstance(reference, int) else table.c.name
        row = connection.execute(select(table).where(column == reference)).one_or_none()
        if row is not None:
            return _load(catalog, row)
        names = list(connection.execute(select(table.c.name)).scalars())
    near = get_close_matches(str(reference), names, n=3)
    hint = f"Did you mean {', '.join(near)}?" if near else "Make one with `loratui sheet RUN`."
    raise NotFoundError(f"There is no sheet {reference!r}.", hint=hint)


def list_sheets(catalog: Catalog, run_id: int | None = None) -> list[Sheet]:
    """The sheets of a run or of all runs, newest first."""
    table = tables.sheet
    statement = select(table).order_by(table.c.id.desc())
    if run_id is not None:
        statement = statement.where(table.c.run_id == run_id)
    with catalog.read() as connection:
        return [_load(catalog, row) for row in connection.execute(statement).all()]


def list_cells(catalog: Catalog, sheet_id: int) -> list[Cell]:
    """The cells of a sheet in the order they were planned; `path` is absolute, or empty until it is rendered."""
    table = tables.cell
    with catalog.read() as connection:
        rows = connection.execute(select(table).where(table.c.sheet_id == sheet_id).order_by(table.c.id)).all()
    return [_load_cell(catalog, row) for row in rows]


def record_cells(catalog: Catalog, sheet_id: int, paths: Mapping[str, Path]) -> int:
    """Note where the images of cells (by key) lie; returns how many were new. A full sheet becomes `done`."""
    cell, sheet = tables.cell, tables.sheet
    new = 0
    with catalog.write() as connection:
        missing = set(
            connection.execute(select(cell.c.key).where(cell.c.sheet_id == sheet_id, cell.c.path == "")).scalars()
        )
        for key in missing & paths.keys():
            path = str(paths[key].relative_to(catalog.home.sheets))
            values = {"path": path, "rendered_at": now()}
            connection.execute(update(cell).where(cell.c.sheet_id == sheet_id, cell.c.key == key).values(**values))
            new += 1
        state = "done" if missing <= paths.keys() else "partial"
        connection.execute(update(sheet).where(sheet.c.id == sheet_id).values(state=state))
    return new


def best_epochs(catalog: Catalog) -> dict[int, BestEpoch]:
    """By subject id, the checkpoint with the highest mean rating; of equals that of the newer run, then the earlier."""
    cell, checkpoint, run = tables.cell.c, tables.checkpoint.c, tables.run.c
    rated = (
        select(cell.checkpoint_id, func.avg(cell.rating).label("mean"), func.count().label("rated"))
        .where(cell.checkpoint_id.is_not(None), cell.rating > 0)
        .group_by(cell.checkpoint_id)
        .subquery()
    )
    found = (
        select(run.subject_id, run.name, checkpoint.epoch, rated.c.mean, rated.c.rated)
        .select_from(rated)
        .join(tables.checkpoint, checkpoint.id == rated.c.checkpoint_id)
        .join(tables.run, run.id == checkpoint.run_id)
        .order_by(rated.c.mean, run.id, checkpoint.epoch.desc())
    )
    with catalog.read() as connection:
        last = {row[0]: row for row in connection.execute(found).all()}
    return {id_: BestEpoch(*row[1:]) for id_, row in last.items()}


def rate_cells(catalog: Catalog, cell_ids: Iterable[int], rating: int) -> int:
    """Give images 0 (none) to 5; returns how many there were. Undo takes it back."""
    if not 0 <= rating <= MAX_RATING:
        raise UsageError(f"A rating goes from 0 to {MAX_RATING}, not {rating}.", hint="0 takes the rating away.")
    ids = list(cell_ids)
    with catalog.journal("cell.rate", f"rate {len(ids)} image{'s' * (len(ids) != 1)} {rating}") as change:
        change.update(tables.cell, ids, {"rating": rating})
    return len(ids)


def _load(catalog: Catalog, row: Row[Any]) -> Sheet:
    sheet = to_row(Sheet, row)
    return replace(sheet, folder=str(catalog.home.sheets / sheet.folder))


def _load_cell(catalog: Catalog, row: Row[Any]) -> Cell:
    cell = to_row(Cell, row)
    return replace(cell, path=str(catalog.home.sheets / cell.path)) if cell.path else cell
