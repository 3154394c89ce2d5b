"""A sheet as a matrix: epochs across, prompts down, one layer for each seed; what people think of its images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.catalog import sheets
from loratui.catalog.runs import get_run
from loratui.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.rows import Cell, Run, Sheet
    from loratui.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """One epoch at one weight; `epoch` None is the base without a LoRA. `mean` is over its rated images."""

    epoch: int | None
    weight: float
    rated: int
    mean: float | None

    @property
    def title(self) -> str:
        """`epoch 3`, `epoch 3 x0.8` or `no LoRA`."""
        if self.epoch is None:
            return "no LoRA"
        return f"epoch {self.epoch}" + ("" if self.weight == 1.0 else f" x{self.weight:g}")


@dataclass(frozen=True, slots=True)
class Matrix:
    """The cells of a sheet by (column, prompt, seed), each an index into the tuple of that name."""

    sheet: Sheet
    run: Run
    columns: tuple[MatrixColumn, ...]
    prompts: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: dict[tuple[int, int, int], Cell]
    contact: Path
    """The labelled contact sheet; it is there once the sheet was rendered to its end."""

    @property
    def best(self) -> int | None:
        """The column with the highest mean rating, the earlier epoch of equals; None while nothing is rated."""
        rated = [
            (column.mean, -place)
            for place, column in enumerate(self.columns)
            if column.mean is not None and column.epoch is not None
        ]
        return -max(rated)[1] if rated else None

    @property
    def winner(self) -> int | None:
        """The best column, once at least two have ratings: before that it has beaten nothing."""
        return self.best if sum(column.mean is not None for column in self.columns) > 1 else None


def load_matrix(catalog: Catalog, reference: str = "", *, run: str = "") -> Matrix:
    """The matrix of a sheet by name; without one, of the newest sheet of a run or of all runs.

    Raises NotFoundError when there is no such sheet.
    """
    if reference:
        sheet = sheets.get_sheet(catalog, reference)
    else:
        found = sheets.list_sheets(catalog, get_run(catalog, run).id if run else None)
        if not found:
            of = f" of {run}" if run else ""
            raise NotFoundError(f"There is no sheet{of} yet.", hint=f"Make one: `loratui sheet {run or 'RUN'}`.")
        sheet = found[0]
    cells = sheets.list_cells(catalog, sheet.id)
    # The base alone comes first, whatever its weight says.
    keys = sorted({(cell.epoch is not None, cell.epoch or 0, cell.weight) for cell in cells})
    prompts = tuple(dict.fromkeys(cell.prompt for cell in cells))
    seeds = tuple(dict.fromkeys(cell.seed for cell in cells))
    by_place: dict[tuple[int, int, int], Cell] = {}
    ratings: list[list[int]] = [[] for _ in keys]
    for cell in cells:
        column = keys.index((cell.epoch is not None, cell.epoch or 0, cell.weight))
        by_place[column, prompts.index(cell.prompt), seeds.index(cell.seed)] = cell
        if cell.rating:
            ratings[column].append(cell.rating)
    columns = tuple(
        MatrixColumn(epoch if has_lora else None, weight, len(given), sum(given) / len(given) if given else None)
        for (has_lora, epoch, weight), given in zip(keys, ratings, strict=True)
    )
    contact = Path(sheet.folder) / f"{sheet.name}.png"
    return Matrix(sheet, get_run(catalog, sheet.run_id), columns, prompts, seeds, by_place, contact)


def choose_cells(
    matrix: Matrix,
    *,
    epochs: Sequence[int] = (),
    weights: Sequence[float] = (),
    prompts: Sequence[int] = (),
    seeds: Sequence[int] = (),
    without_lora: bool = False,
) -> list[Cell]:
    """Cells by epoch, weight, number of the prompt (from 1) and seed; what is not given is not asked for.

    Raises UsageError when nothing is chosen at all, NotFoundError when no cell is so.
    """
    if not (epochs or weights or prompts or seeds or without_lora):
        raise UsageError("Say which images.", hint="For example --epoch 3 --prompt 1 --seed 1.")
    found = [
        cell
        for (_, prompt, _), cell in matrix.cells.items()
        if (not (epochs or without_lora) or (without_lora if cell.epoch is None else cell.epoch in epochs))
        and (not weights or (cell.epoch is not None and cell.weight in weights))
        and (not prompts or prompt + 1 in prompts)
        and (not seeds or cell.seed in seeds)
    ]
    if not found:
        raise NotFoundError(
            f"Sheet {matrix.sheet.name} has no such image.",
            hint=f"`loratui review show {matrix.sheet.name}` lists all.",
        )
    return found
