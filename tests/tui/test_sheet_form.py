"""What a new sheet is to show: asked for, refused in words, and asked again as it was typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from pressing import press
from sheet_library import make_library, open_review
from textual.widgets import Static

from loratui.errors import NotFoundError
from loratui.review.sheet import SheetForecast
from loratui.training.sampling import check_placeholders
from loratui.tui.dialogs import Confirm, Form, FormLine
from loratui.tui.sheet_form import check_numbers, read_numbers

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog
    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

MakeApp = Callable[..., "LoratuiApp"]


@pytest.fixture
def catalog(home: Home) -> Catalog:
    return make_library(home)


async def test_what_is_refused_about_a_sheet_is_told_in_the_form_which_stays(
    catalog: Catalog, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def foresee(*_: Any, epochs: Sequence[int], **about: Any) -> SheetForecast:
        if 99 in epochs:
            raise NotFoundError("It has no checkpoint of epoch 9, 99.", hint="There is: 1, 2, 3, 4.")
        return SheetForecast(1, 1, 4, images=8, missing=8)

    monkeypatch.setattr("loratui.review.sheet.foresee_sheet", foresee)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(pilot)
        await press(pilot, "n")
        form = app.screen
        assert isinstance(form, Form)
        await press(pilot, "end", *" | a new one", "down", "down", "down", *"9,99", "up", "ctrl+s")
        assert app.screen is form
        assert "no checkpoint of epoch 9, 99" in str(form.query_one("#wrong", Static).render())
        assert isinstance(app.focused, FormLine) and app.focused.item.name == "epochs"
        assert form.values["prompts"].endswith("| a new one")
        await press(pilot, "escape")
        await press(pilot, "n")
        again = app.screen
        assert isinstance(again, Form)
        assert again.values["prompts"].endswith("| a new one"), "kept for the next time"
        await press(pilot, "down", "down", "down", *"2", "ctrl+s")
        assert isinstance(app.screen, Confirm)


async def test_the_form_of_a_sheet_comes_back_as_typed_when_it_is_not_rendered_after_all(
    catalog: Catalog, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loratui.tui.dialogs.SETTLE_S", 0.0)
    found = SheetForecast(1, 1, 4, images=8, missing=8)
    monkeypatch.setattr("loratui.review.sheet.foresee_sheet", lambda *_, **about: found)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_review(pilot)
        await press(pilot, "n", "end", *" | a new one", "ctrl+s")
        assert isinstance(app.screen, Confirm)
        await press(pilot, "n")
        form = app.screen
        assert isinstance(form, Form)
        assert form.values["prompts"].endswith("| a new one")
        await press(pilot, "escape")
        assert app.screen is screen


async def test_a_placeholder_that_nothing_fills_is_told_in_the_line_of_the_prompts(
    catalog: Catalog, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def foresee(*_: Any, prompts: Sequence[str], **about: Any) -> SheetForecast:
        for prompt in prompts:
            check_placeholders(prompt)
        return SheetForecast(1, 1, 4, images=8, missing=8)

    monkeypatch.setattr("loratui.review.sheet.foresee_sheet", foresee)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await open_review(pilot)
        await press(pilot, "n", *"a {foo} hat", "down", "ctrl+s")
        form = app.screen
        assert isinstance(form, Form)
        told = str(form.query_one("#wrong", Static).render())
        assert told.startswith("Nothing is filled in for {foo}, in the prompt 'a {foo} hat'.")
        assert isinstance(app.focused, FormLine) and app.focused.item.name == "prompts"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("1, 5", [1, 5]),
        ("1 5", [1, 5]),
        ("1-6", [1, 2, 3, 4, 5, 6]),
        ("1..3, 9", [1, 2, 3, 9]),
        ("1 - 3", [1, 2, 3]),
        ("7-7", [7]),
        ("", []),
    ],
)
def test_numbers_of_a_sheet_may_be_ranges(text: str, numbers: list[int]) -> None:
    assert read_numbers(text) == numbers
    assert check_numbers(text) == ""


def test_a_range_that_is_too_long_is_told_how_long_one_may_be() -> None:
    assert check_numbers("1-1000") == ""
    assert "1,000 numbers at most" in check_numbers("1-999999")


@pytest.mark.parametrize("text", ["6-1", "1-", "a", "1...3", "1-99999999"])
def test_what_is_no_number_of_a_sheet_is_told(text: str) -> None:
    assert "1-6" in check_numbers(text)
