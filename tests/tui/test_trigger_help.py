"""Triggers are judged while they are typed, and free ones are a key away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets import Static
from waiting import until

from loratui.captions.trigger_lint import open_lint
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, get_subject
from loratui.errors import RefusedError
from loratui.tui.dialogs import Form, FormLine, Pick

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]


def judged(app: LoratuiApp) -> str:
    return str(app.screen.query_one(".judged", Static).render())


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_a_trigger_is_judged_as_it_is_typed(
    mira: Home, make_app: MakeApp, settle: Settle, size: tuple[int, int]
) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("n", *"Tiko", "enter", *"mirvok")
        await until(pilot, lambda: "'Mira' has it" in judged(app))
        await pilot.press(*["backspace"] * 6, *"chair")
        await until(pilot, lambda: "common word" in judged(app))
        await pilot.press(*["backspace"] * 5, *"zuvadrek")
        await until(pilot, lambda: "nothing speaks against it" in judged(app))
        # Warnings are no refusal: the form is done as ever.
        await pilot.press("ctrl+s")
        await settle(pilot)
    with open_catalog(mira) as catalog:
        assert get_subject(catalog, "Tiko").trigger == "zuvadrek"


@pytest.mark.parametrize("word", ["dog", "ohwx"])
async def test_all_that_speaks_against_a_trigger_is_in_sight(
    mira: Home, make_app: MakeApp, settle: Settle, word: str
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("n", *"Tiko", "enter", *word)
        await until(pilot, lambda: app.glyphs.warn in judged(app))
        await settle(pilot)
        shown = app.screen.query_one(".judged", Static)
        drawn = " ".join(strip.text.strip() for strip in shown.render_lines(shown.size.region))
        assert " ".join(drawn.split()).endswith(" ".join(judged(app).split())[-20:])
        assert app.screen.query_one("Vertical").region.contains_region(shown.region)


@pytest.mark.parametrize("key", ["n", "e"])
async def test_the_first_line_is_in_sight_on_a_very_small_terminal(
    mira: Home, make_app: MakeApp, settle: Settle, key: str
) -> None:
    app = make_app()
    async with app.run_test(size=(50, 15)) as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
        await pilot.pause()
        line = app.screen.query(FormLine).first()
        assert line.has_focus and line.item.name == "name"
        assert app.screen.query_one("Vertical").content_region.contains_region(line.region)
        assert line.region.y > 2, "its label is above it"


async def test_a_free_word_is_chosen_from_suggestions_and_becomes_the_trigger(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n", *"Tiko", "enter", "ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, Pick))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, Form))
        word = next(line.value for line in app.screen.query(FormLine) if line.item.name == "trigger")
        with open_catalog(mira) as catalog:
            assert word.startswith("tik") and open_lint(catalog).check(word).good
        await pilot.press("ctrl+s")
        await settle(pilot)
    with open_catalog(mira) as catalog:
        assert get_subject(catalog, "Tiko").trigger == word


async def test_the_trigger_a_subject_has_is_no_clash_but_that_of_another_is(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        add_subject(catalog, "Zora", "zuvadrek")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("home", "e", "down")
        await until(pilot, lambda: judged(app) != "")
        assert "has it" not in judged(app)
        await pilot.press(*["backspace"] * 8, *"zuvadrel")
        await until(pilot, lambda: "nearly 'zuvadrek'" in judged(app))
        await pilot.press("escape")


async def test_a_suggestion_that_can_not_be_made_says_why_in_the_form(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RefusedError("The list of words is damaged.", hint="Install loratui anew.")

    monkeypatch.setattr("loratui.captions.trigger_ideas.suggest_triggers", refuse)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n", *"Tiko", "enter", "ctrl+t")
        wrong = app.screen.query_one("#wrong", Static)
        await until(pilot, lambda: str(wrong.render()) == "The list of words is damaged. Install loratui anew.")
