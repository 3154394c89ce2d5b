"""Keys that mean something on another screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.captions.service import rules_of
from loratui.catalog.edits import add_tags
from loratui.catalog.store import open_catalog
from loratui.tui.balance import BalanceScreen
from loratui.tui.tags import TagsScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]


async def test_b_opens_the_balance_and_keys_of_the_wall_say_where_they_work(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        add_tags(catalog, "Mira", "", ["freckles"])
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("t")
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, TagsScreen)
        await pilot.press("i", "D")
        await settle(pilot)
        assert screen.message_line.text == "D, remove, works on the wall: F3."
        await pilot.press("b")
        await settle(pilot)
        assert isinstance(app.screen, BalanceScreen)
        await pilot.press("enter")
        await settle(pilot)
    with open_catalog(mira) as catalog:
        assert rules_of(catalog, "Mira").imbued == ("freckles",)
