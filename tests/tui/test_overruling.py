"""Saying by one letter what pictures show, where the tags say something else or nothing."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from loratui.captions.coverage import coverage_of
from loratui.captions.facets import CHOICES
from loratui.catalog import edits, roles
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.cli.root import run
from loratui.tui.overruling import FacetPick, assign_letters, list_facets

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture
def full_mira(mira: Home) -> Home:
    """Mira with three primary pictures that a tagger would call full body."""
    with open_catalog(mira) as catalog:
        ids = [picture.id for picture in select_memberships(catalog, "Mira")]
        roles.set_role(catalog, "Mira", "primary", ids[:3])
        edits.add_tags(catalog, "Mira", ids[:3], ["full body", "facing viewer"])
    return mira


def pictures_in(home: Home, row: str, column: str = "front") -> int:
    with open_catalog(home) as catalog:
        return coverage_of(catalog, "Mira").find("angle", row, column).pictures


def test_every_value_has_a_letter_of_its_own_and_framings_have_digits() -> None:
    keys = assign_letters(list_facets())
    said = set(keys.values())
    wanted = {(facet, choice.name) for facet, found in CHOICES.items() for choice in found if facet != "clothing"}
    assert said == wanted
    assert [keys[digit][1] for digit in "12345"] == [choice.name for choice in CHOICES["framing"]]
    assert keys["s"] == ("angle", "side")


@pytest.mark.parametrize("way", [("f",), ("enter", "f")], ids=["wall", "view"])
async def test_a_letter_overrules_the_cell_of_the_picture_and_undo_takes_it_back(
    full_mira: Home,
    make_app: MakeApp,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
    way: tuple[str, ...],
) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(full_mira.data))
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        for key in way:
            await pilot.press(key)
            await settle(pilot)
        assert isinstance(app.screen, FacetPick)
        await pilot.press("2")
        await settle(pilot)
        assert pictures_in(full_mira, "portrait") == 1
        assert pictures_in(full_mira, "full body") == 2
        assert app.messages[-1].text == "picture_00.png: framing is portrait instead of full body. u undoes."
        command = [*app.last_command]
        await pilot.press("u")
        await settle(pilot)
        assert pictures_in(full_mira, "full body") == 3
    assert run(command) == 0, shlex.join(command)
    assert pictures_in(full_mira, "portrait") == 1


async def test_a_caption_written_by_hand_that_contradicts_is_named_with_its_key(
    full_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(full_mira) as catalog:
        edits.set_caption(catalog, "Mira", "name:picture_00*", "Mirvok, full body, at the sea")
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("f", "2")
        await settle(pilot)
        told = app.messages[-1].text
        assert "the caption of picture_00.png, written by hand, still says 'full body': e writes it anew" in told


async def test_marked_pictures_are_overruled_together_in_one_step(
    full_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("space", "space", "f", "s")
        await settle(pilot)
        assert pictures_in(full_mira, "full body", "side") == 2
        await pilot.press("f", "Z")
        assert isinstance(app.screen, FacetPick), "a letter without a meaning does nothing"
        await pilot.press("escape", "u")
        await settle(pilot)
        assert pictures_in(full_mira, "full body") == 3
