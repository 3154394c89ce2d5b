"""Sheets as matrices: what is where, means per epoch, and rating by place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loratui.catalog import sheets
from loratui.catalog.journal import undo
from loratui.catalog.sheets import PlannedCell
from loratui.errors import NotFoundError, UsageError
from loratui.review.matrix import choose_cells, load_matrix
from loratui.review.request import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog

BASE = BaseModel("drawn", "/nowhere/drawn", sha256="b" * 64)
PROMPTS = ("photo of Mirvok", "Mirvok, smile")


def plan_sheet(catalog: Catalog, run: Run, epochs: tuple[int | None, ...] = (2, None, 1)) -> str:
    cells = [
        PlannedCell(f"{epoch}-{prompt}-{seed}", None, epoch, 1.0 if epoch else 0.0, prompt, "", seed)
        for epoch in epochs
        for prompt in PROMPTS
        for seed in (7, 8, 9)
    ]
    return sheets.create_sheet(
        catalog, run_id=run.id, run_name=run.name, folder=run.name, settings={}, cells=cells
    ).name


def test_the_base_alone_comes_first_then_the_epochs_in_order(catalog: Catalog, make_run: Callable[..., Run]) -> None:
    matrix = load_matrix(catalog, plan_sheet(catalog, make_run(BASE)))
    assert [column.title for column in matrix.columns] == ["no LoRA", "epoch 1", "epoch 2"]
    assert (matrix.prompts, matrix.seeds) == (PROMPTS, (7, 8, 9))
    cell = matrix.cells[2, 1, 0]
    assert (cell.epoch, cell.prompt, cell.seed) == (2, PROMPTS[1], 7)
    assert len(matrix.cells) == 18
    assert matrix.contact == Path(matrix.sheet.folder) / f"{matrix.sheet.name}.png"


def test_the_best_column_is_the_epoch_with_the_highest_mean_of_its_rated_images(
    catalog: Catalog, make_run: Callable[..., Run]
) -> None:
    name = plan_sheet(catalog, make_run(BASE))
    matrix = load_matrix(catalog, name)
    assert matrix.best is None
    sheets.rate_cells(catalog, [matrix.cells[0, 0, 0].id], 5)
    assert load_matrix(catalog, name).best is None, "the base alone is no epoch to pick"
    assert load_matrix(catalog, name).winner is None
    sheets.rate_cells(catalog, [matrix.cells[1, 0, 0].id], 4)
    sheets.rate_cells(catalog, [matrix.cells[2, 0, 0].id, matrix.cells[2, 0, 1].id], 3)
    matrix = load_matrix(catalog, name)
    assert matrix.best == matrix.winner == 1
    assert (matrix.columns[2].rated, matrix.columns[2].mean) == (2, 3.0)
    undo(catalog)
    undo(catalog)
    assert load_matrix(catalog, name).best is None
    sheets.rate_cells(catalog, [matrix.cells[0, 0, 0].id], 0)
    sheets.rate_cells(catalog, [matrix.cells[1, 0, 0].id], 2)
    alone = load_matrix(catalog, name)
    assert (alone.best, alone.winner) == (1, None), "one column alone has beaten nothing"


def test_the_newest_sheet_of_a_run_is_shown_when_none_is_named(catalog: Catalog, make_run: Callable[..., Run]) -> None:
    run = make_run(BASE)
    with pytest.raises(NotFoundError, match="no sheet of"):
        load_matrix(catalog, run=run.name)
    plan_sheet(catalog, run)
    second = plan_sheet(catalog, run, (1,))
    assert load_matrix(catalog, run=run.name).sheet.name == second
    assert load_matrix(catalog).sheet.name == second


def test_images_are_chosen_by_epoch_prompt_and_seed(catalog: Catalog, make_run: Callable[..., Run]) -> None:
    matrix = load_matrix(catalog, plan_sheet(catalog, make_run(BASE)))
    assert len(choose_cells(matrix, epochs=[1])) == 6
    assert len(choose_cells(matrix, epochs=[1], without_lora=True)) == 12
    assert len(choose_cells(matrix, without_lora=True, seeds=[9])) == 2
    assert len(choose_cells(matrix, prompts=[2], seeds=[7, 8])) == 6
    assert [cell.epoch for cell in choose_cells(matrix, weights=[1.0], prompts=[1], seeds=[7])] == [2, 1]
    with pytest.raises(UsageError, match="Say which"):
        choose_cells(matrix)
    with pytest.raises(NotFoundError, match="no such image"):
        choose_cells(matrix, epochs=[5])


def test_the_verbs_list_show_and_rate(
    catalog: Catalog,
    make_run: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from loratui.cli.root import run as run_verb

    monkeypatch.setenv("LORATUI_HOME", str(catalog.home.data))
    name = plan_sheet(catalog, make_run(BASE))
    assert run_verb(["review", "rate", name, "4", "--epoch", "2", "--prompt", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rated": 3}
    assert run_verb(["review", "show", name, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["best"] == 2
    assert [cell["rating"] for cell in shown["cells"] if cell["epoch"] == 2] == [4, 4, 4, 0, 0, 0]
    assert run_verb(["review", "list", "--json"]) == 0
    assert [item["sheet"] for item in json.loads(capsys.readouterr().out)] == [name]
    assert run_verb(["review", "rate", name, "9", "--epoch", "2"]) == 2
