"""The lines around every screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.cells import cell_len

from loratui.tui.chrome import HeaderLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]


async def test_the_header_is_as_wide_as_the_screen_whatever_letters_it_holds(make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        screen = cast("LoratuiApp", pilot.app).top
        assert screen is not None
        for name, status in (("Mira", "3 of 12 shown"), ("名前" * 20, "日本語 のタグ 12"), ("x" * 200, "日本" * 9)):
            screen.set_header("library", name, status=status)
            line = str(screen.query_one(HeaderLine).render())
            assert cell_len(line) == 80
            assert line.endswith(f"{status} ")
