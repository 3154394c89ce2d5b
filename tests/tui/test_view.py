"""One picture large: leafing, judging, and coming back to the wall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from textual.widgets import Static
from waiting import until

from loratui.catalog.query import select_memberships
from loratui.catalog.roles import remove_pictures
from loratui.catalog.store import open_catalog
from loratui.tui.chrome import HeaderLine, MessageLine
from loratui.tui.picture_view import PictureView
from loratui.tui.pictures import PicturesScreen
from loratui.tui.view import ViewScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    Settle = Callable[[Pilot[None]], Awaitable[None]]
    MakeApp = Callable[..., LoratuiApp]


def _view(app: LoratuiApp) -> ViewScreen:
    screen = app.top
    assert isinstance(screen, ViewScreen)
    return screen


def _facts(app: LoratuiApp) -> str:
    return str(_view(app).query_one("#facts", Static).render())


async def test_leafing_shows_each_picture_with_its_facts(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("l", "enter")
        await until(pilot, lambda: isinstance(app.top, ViewScreen))
        await until(pilot, lambda: "photo of Mirvok" in _facts(app))
        assert _view(app).query_one(HeaderLine).status == "2 of 12"
        assert _view(app).query_one(HeaderLine).crumbs[-1] == "picture_01.png"
        await until(pilot, lambda: _view(app).query_one(PictureView).ready)
        await pilot.press("n", "right", "down", "N", "up", "left")
        await settle(pilot)
        assert _view(app).place == 1
        await pilot.press("left", "left")
        assert _view(app).query_one(MessageLine).text == "This is the first picture."


@pytest.mark.parametrize("way_back", ["escape", "f3"])
async def test_pictures_are_judged_in_the_large_view_and_the_wall_follows(
    mira: Home, make_app: MakeApp, settle: Settle, way_back: str
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"role:inbox", "enter")
        await settle(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.top, ViewScreen))
        await settle(pilot)
        await pilot.press("p", "s", "5", "plus", "plus", "x")
        await settle(pilot)
        assert _view(app).place == 4
        await pilot.press("left", "left")
        await until(pilot, lambda: "inbox" in _facts(app))
        await pilot.press(way_back)
        await settle(pilot)
        wall = app.top
        assert isinstance(wall, PicturesScreen)
        assert wall.wall.cursor == 2 and len(wall.wall.ids) == 12
        label = wall.wall.get_label(wall.wall.ids[0])
        assert label is not None and label.role == "primary" and label.away
        await pilot.press("u", "u", "u")
        await settle(pilot)
    with open_catalog(mira) as catalog:
        rows = select_memberships(catalog, "Mira")
    assert [row.role for row in rows[:4]] == ["primary", "supporting", "inbox", "inbox"]
    assert rows[2].rating == 5 and rows[3].own_repeats is None


async def test_a_picture_that_went_away_is_told(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.top, ViewScreen))
        await settle(pilot)
        with open_catalog(mira) as catalog:
            remove_pictures(catalog, "Mira", [_view(app).id_shown])
        await until(pilot, lambda: "not in the subject any more" in _view(app).query_one(MessageLine).text)
        await pilot.press("p", "escape")
        await settle(pilot)
        assert isinstance(app.top, PicturesScreen) and len(app.top.wall.ids) == 11


async def test_the_last_picture_stays_when_it_is_judged(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("end", "enter")
        await until(pilot, lambda: isinstance(app.top, ViewScreen))
        await settle(pilot)
        await pilot.press("p", "s")
        await settle(pilot)
        assert _view(app).place == 11
        await until(pilot, lambda: _facts(app).startswith("supporting"))
    with open_catalog(mira) as catalog:
        assert select_memberships(catalog, "Mira")[-1].role == "supporting"
