"""Comparing epochs by keyboard: the matrix, flipping on the same spot, zooming and rating."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from pressing import press
from sheet_library import PROMPTS, make_library, make_sheet, open_review
from textual.widgets import Static
from waiting import settle, until

from loratui.catalog import sheets
from loratui.catalog.sheets import PlannedCell
from loratui.review.matrix import load_matrix
from loratui.review.sheet import SheetForecast, SheetResult
from loratui.tui.cell import CellScreen
from loratui.tui.chrome import HeaderLine
from loratui.tui.dialogs import Confirm
from loratui.tui.keymap import actions_of
from loratui.tui.matrix import ImageMatrix

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog
    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

MakeApp = Callable[..., "LoratuiApp"]


@pytest.fixture
def catalog(home: Home) -> Catalog:
    """A library with one run and a sheet of it: the base and three epochs, two prompts, two seeds."""
    return make_library(home)


def matrix_of(app: LoratuiApp) -> ImageMatrix:
    return app.screen.query_one(ImageMatrix)


async def test_the_newest_sheet_is_shown_with_the_base_first(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(pilot)
        matrix = matrix_of(app)
        assert [heading.title for heading in matrix.headings] == ["no LoRA", "epoch 1", "epoch 2", "epoch 3"]
        assert tuple(matrix.rows) == PROMPTS
        assert matrix.has_focus


async def test_a_digit_rates_the_image_and_goes_to_the_next_epoch_and_u_takes_it_back(
    catalog: Catalog, make_app: MakeApp
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(pilot)
        await press(pilot, "right", "down", "4", "5")
        assert matrix_of(app).cursor == (3, 1)
        found = load_matrix(catalog)
        assert (found.cells[1, 1, 0].rating, found.cells[2, 1, 0].rating) == (4, 5)
        assert matrix_of(app).headings[2].note == "5.0 of 5 (1) best"
        assert app.last_command == [
            *("review", "rate", found.sheet.name, "5", "--epoch", "2", "--weight", "1", "--prompt", "2", "--seed", "7")
        ]
        await press(pilot, "u", "u")
        assert not any(cell.rating for cell in load_matrix(catalog).cells.values())


async def test_undo_is_offered_for_a_new_rating_and_not_for_the_one_it_had(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(pilot)
        await press(pilot, "4")
        assert app.messages[-1].text.endswith("4 stars. u undoes.")
        await press(pilot, "left", "4")
        assert app.messages[-1].text.endswith("4 stars. It was so already.")


async def test_flipping_shows_the_pinned_epoch_on_the_same_spot_and_rates_what_is_seen(
    catalog: Catalog, make_app: MakeApp
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_review(pilot)
        await press(pilot, "f")
        assert "Pin an epoch first" in screen.message_line.text
        await press(pilot, "right", "m", "right", "right", "f")
        matrix = matrix_of(app)
        assert (matrix.pinned, matrix.cursor, matrix.flipped) == (1, (3, 0), True)
        await press(pilot, "2")
        found = load_matrix(catalog)
        assert (found.cells[1, 0, 0].rating, found.cells[3, 0, 0].rating) == (2, 0)
        await press(pilot, "f")
        assert not matrix.flipped


async def test_zooming_goes_through_epochs_and_prompts_and_comes_back_to_the_image_seen_last(
    catalog: Catalog, make_app: MakeApp
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_review(pilot)
        await press(pilot, "enter")
        viewer = app.screen
        assert isinstance(viewer, CellScreen)
        await press(pilot, "right", "m", "right", "down", "s")
        cell = viewer.cell
        assert cell is not None and (cell.epoch, cell.prompt, cell.seed) == (2, PROMPTS[1], 8)
        await press(pilot, "f")
        cell = viewer.cell
        assert cell is not None and cell.epoch == 1
        await press(pilot, "3")
        assert load_matrix(catalog).cells[1, 1, 1].rating == 3
        await press(pilot, "escape")
        assert app.screen is screen
        assert (screen.matrix.cursor, screen.seed) == ((2, 1), 1)


async def test_another_sheet_is_chosen_from_a_list(catalog: Catalog, make_app: MakeApp) -> None:
    first = load_matrix(catalog)
    second = make_sheet(catalog, first.run.id, first.run.name, seeds=(9,))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_review(pilot)
        assert screen.found is not None and screen.found.sheet.name == second
        await press(pilot, "o")
        await press(pilot, "down", "enter")
        assert screen.found.sheet.name == first.sheet.name


async def test_a_sheet_that_another_program_makes_is_told_and_does_not_take_the_place_of_the_one_looked_at(
    catalog: Catalog, make_app: MakeApp
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_review(pilot)
        assert screen.found is not None
        shown = screen.found.sheet
        newer = make_sheet(catalog, shown.run_id, screen.found.run.name, seeds=(9,))
        await until(pilot, lambda: app.messages)
        assert app.messages[-1].text == f"A newer sheet is there: {newer}. o lists it first."
        await press(pilot, "3")
        assert screen.found.sheet.name == shown.name
        assert load_matrix(catalog, shown.name).cells[0, 0, 0].rating == 3
        assert not any(cell.rating for cell in load_matrix(catalog, newer).cells.values())
        await press(pilot, "o", "enter")
        assert screen.found.sheet.name == newer


async def test_a_library_without_sheets_says_how_to_make_one(home: Home, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_review(pilot)
        assert screen.found is None
        await press(pilot, "4")
        assert "no sheet" in screen.message_line.text
        await press(pilot, "n")
        assert "F4" in screen.message_line.text


async def test_a_rating_from_the_command_line_appears(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_review(pilot)
        sheets.rate_cells(catalog, [load_matrix(catalog).cells[3, 0, 0].id], 5)
        await until(pilot, lambda: screen.found is not None and screen.found.best == 3)


async def test_one_rated_epoch_is_not_called_best_and_the_mean_says_what_it_rests_on(
    catalog: Catalog, make_app: MakeApp
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(pilot)
        await press(pilot, "right", "2")
        assert matrix_of(app).headings[1].note == "2.0 of 5 (1)"


async def test_images_appear_while_their_sheet_renders(
    catalog: Catalog, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loratui.review import sheet as service

    shown = load_matrix(catalog)
    landed, go_on = threading.Event(), threading.Event()

    def render_slowly(catalog: Catalog, run: str, **about: Any) -> SheetResult:
        """Plans a sheet, renders its first image, and waits for the test before the rest."""
        cells = [PlannedCell(f"new-{epoch}", None, epoch or None, float(epoch > 0), "p", "", 1) for epoch in range(3)]
        sheet = sheets.create_sheet(
            catalog, run_id=shown.run.id, run_name=run, folder=run, settings={"seeds": [1]}, cells=cells
        )
        about["planned"](sheet)
        paths = {cell.key: Path(sheet.folder) / f"{cell.key}.png" for cell in cells}
        for path in paths.values():
            Image.new("RGB", (32, 32)).save(path)
        sheets.record_cells(catalog, sheet.id, {"new-0": paths["new-0"]})
        landed.set()
        go_on.wait(20)
        sheets.record_cells(catalog, sheet.id, paths)
        return SheetResult(sheet, paths["new-0"], (), sheets.list_cells(catalog, sheet.id), 3)

    monkeypatch.setattr(service, "make_sheet", render_slowly)
    monkeypatch.setattr(service, "foresee_sheet", lambda *_, **about: SheetForecast(1, 1, 1, images=3, missing=3))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_review(pilot)
        await press(pilot, "n")
        await press(pilot, "ctrl+s")
        await pilot.pause(0.4)
        await pilot.press("y")
        try:
            for _ in range(300):
                await pilot.pause(0.02)
                cell = None if screen.found is None else screen.found.cells.get((0, 0, 0))
                if cell is not None and cell.key == "new-0" and cell.path and screen.is_rendering:
                    break
            assert cell is not None and cell.key == "new-0" and cell.path, "the sheet being rendered is shown"
            assert not screen.why_not("cell.rate")
            await pilot.press("right", "4")
            assert "being rendered" in screen.message_line.text
            assert "being rendered" in str(app.export_screenshot()).replace("&#160;", " ")
        finally:
            go_on.set()
        await settle(pilot)
        assert not screen.is_rendering
        assert screen.found is not None and all(cell.path for cell in screen.found.cells.values())
        assert not screen.why_not("cell.rate")


async def test_a_rating_names_the_weight_that_the_column_has(catalog: Catalog, make_app: MakeApp) -> None:
    run = load_matrix(catalog).run
    cells = [PlannedCell(f"w{weight}", None, 2, weight, PROMPTS[0], "", 7) for weight in (0.5, 1.0)]
    sheet = sheets.create_sheet(
        catalog, run_id=run.id, run_name=run.name, folder=run.name, settings={"seeds": [7]}, cells=cells
    )
    path = Path(sheet.folder) / "w.png"
    Image.new("RGB", (32, 32), "red").save(path)
    sheets.record_cells(catalog, sheet.id, {cell.key: path for cell in cells})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(pilot)
        await press(pilot, "4")
        assert app.messages[-1].text == "Epoch 2 x0.5, prompt 1, seed 7: 4 stars. u undoes."
        await press(pilot, "3")
        assert app.messages[-1].text == "Epoch 2, prompt 1, seed 7: 3 stars. u undoes."


async def test_a_sheet_that_is_begun_does_not_take_the_place_of_another_trainings(
    catalog: Catalog, make_app: MakeApp
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_review(pilot)
        assert screen.found is not None
        shown = screen.found.sheet
        newer = make_sheet(catalog, shown.run_id, screen.found.run.name, seeds=(9,))
        screen.show_new_sheet("mira-0099", newer)
        await settle(pilot)
        assert screen.found.sheet.name == shown.name
        screen.show_new_sheet(screen.found.run.name, newer)
        await settle(pilot)
        assert screen.found.sheet.name == newer


async def test_going_on_with_an_interrupted_sheet_is_one_question_with_what_is_left(
    catalog: Catalog, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loratui.review import sheet as service

    shown = load_matrix(catalog).sheet
    missing = PlannedCell("late", None, 1, 1.0, "p", "", 1)
    sheets.create_sheet(
        catalog,
        run_id=shown.run_id,
        run_name="mira-0001",
        folder="mira-0001",
        settings={"prompts": ["p"], "seeds": [1], "negative": "blurry"},
        cells=[missing],
    )
    foreseen = SheetForecast(1, 1, 1, images=126, missing=95)
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(service, "foresee_sheet", lambda *_, **about: asked.append(about) or foreseen)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_review(pilot)
        assert screen.found is not None and screen.found.sheet.state != "done"
        header = screen.query_one("#header", HeaderLine)
        assert header.status.startswith("interrupted, n goes on")
        # One that was stopped from here is not called so.
        task = app.bridge.start_task("sheet", lambda *_: "", lambda result: result, owner=app)
        task.about = screen.found.sheet.name
        task.cancel.set()
        await settle(pilot)
        screen.library_changed()
        await settle(pilot)
        assert header.status.startswith("stopped by you, n goes on")
        await press(pilot, "n")
        assert isinstance(app.screen, Confirm)
        text = str(app.screen.query_one(Static).render())
        assert f"Go on with {screen.found.sheet.name}? 95 images to render." in text
        assert "126 images; 31 of them are there already." in text
        (about,) = asked
        assert about == {"prompts": ("p",), "negative": "blurry", "seeds": (1,), "epochs": (1,), "weights": (1.0,)}


async def test_the_palette_of_review_offers_to_zoom_once_and_both_keys_do(catalog: Catalog, make_app: MakeApp) -> None:
    assert [action.keys for action in actions_of("review") if action.label == "zoom"] == ["enter,z"]
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        for key in ("z", "enter"):
            await open_review(pilot)
            await press(pilot, key)
            assert isinstance(app.screen, CellScreen)
            await press(pilot, "escape")
