"""The picture wall: keys judge pictures, and what they did is in the library."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.tui.pictures import PicturesScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.catalog.rows import Membership
    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    Settle = Callable[[Pilot[None]], Awaitable[None]]


def _rows(home: Home, query: str = "") -> list[Membership]:
    with open_catalog(home) as catalog:
        return select_memberships(catalog, "Mira", query)


def _wall(app: LoratuiApp) -> PicturesScreen:
    screen = app.top
    assert isinstance(screen, PicturesScreen)
    return screen


async def test_one_key_gives_each_of_twelve_pictures_its_role(
    mira: Home, make_app: Callable[..., LoratuiApp], settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        keys = "ppppssssxxoi"
        await pilot.press(*keys)
        await settle(pilot)
        assert _wall(app).wall.cursor == 11
    wanted = {"p": "primary", "s": "supporting", "x": "rejected", "o": "holdout", "i": "inbox"}
    assert [row.role for row in _rows(mira)] == [wanted[key] for key in keys]
    assert Counter(row.role for row in _rows(mira))["primary"] == 4
