"""Pasting: several lines become one where one line is asked for, and nothing is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
from textual import events
from textual.app import App
from textual.widgets import Input

from loratui.tui.dialogs import Form
from loratui.tui.one_line import OneLine, TagLine

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

MakeApp = Callable[..., "LoratuiApp"]
Settle = Callable[["Pilot[None]"], Awaitable[None]]


@pytest.mark.parametrize(
    ("kind", "pasted", "line"),
    [
        (OneLine, "line1\nline2\r\n\n line3\n", "line1 line2 line3"),
        (OneLine, " as it is \n", " as it is "),
        (OneLine, "", ""),
        (OneLine, "\n", ""),
        (TagLine, "smile\nhat\n", "smile, hat"),
        (TagLine, "smile,\nhat, cap", "smile, hat, cap"),
    ],
)
async def test_pasted_lines_become_one(kind: type[OneLine], pasted: str, line: str) -> None:
    class Lines(App[None]):
        def compose(self) -> ComposeResult:
            yield kind()

    app = Lines()
    async with app.run_test() as pilot:
        app.query_one(Input).focus()
        app.post_message(events.Paste(pasted))
        await pilot.pause()
        assert app.query_one(Input).value == line


async def test_pasting_replaces_what_is_selected() -> None:
    class Lines(App[None]):
        def compose(self) -> ComposeResult:
            yield OneLine("old words")

    app = Lines()
    async with app.run_test() as pilot:
        line = app.query_one(Input)
        line.focus()
        line.select_all()
        app.post_message(events.Paste("new\nwords"))
        await pilot.pause()
        assert line.value == "new words"


async def test_a_name_pasted_into_a_form_keeps_all_its_lines(home: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await settle(pilot)
        app.post_message(events.Paste("Mira\nof the hill\n"))
        await settle(pilot)
        assert isinstance(app.screen, Form)
        assert app.screen.values["name"] == "Mira of the hill"


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
@pytest.mark.parametrize("keys", [("n",), ("enter", "a"), ("enter", "slash"), ("ctrl+p",)])
async def test_a_line_longer_than_its_room_scrolls_with_the_cursor(
    mira: Home, make_app: MakeApp, settle: Settle, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        line = app.focused
        assert isinstance(line, OneLine)
        room = line.size.width
        typed = "/a" + "b" * (room - 2)
        app.post_message(events.Paste(typed))
        await settle(pilot)
        await pilot.press("y", "z")
        await settle(pilot)
        assert line.size.height == 1, "no bar takes the line"
        assert drawn(line).endswith("byz "), "the end, with a cell for the cursor"
        await pilot.press("home")
        await settle(pilot)
        assert drawn(line).startswith("/ab"), "the beginning again"
        await pilot.press("end", "left", "left", "left")
        await settle(pilot)
        assert drawn(line).rstrip().endswith("byz")


def drawn(line: Input) -> str:
    """What stands on the line on the screen."""
    strips = line.screen._compositor.render_strips()
    content = line.content_region
    return strips[content.y].crop(content.x, content.right).text
