"""What tests of the library screen press and read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input

from loratui.catalog import subjects
from loratui.catalog.store import open_catalog
from loratui.tui.dialogs import Form
from loratui.tui.library import LibraryScreen

if TYPE_CHECKING:
    from textual.pilot import Pilot
    from waiting import Settle

    from loratui.config import Home


def library(pilot: Pilot[None]) -> LibraryScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, LibraryScreen)
    return screen


def shown(pilot: Pilot[None]) -> list[str]:
    return [row.cells[0] for row in library(pilot).table.rows]


def cell(pilot: Pilot[None], title: str, row: int = 0) -> str:
    table = library(pilot).table
    place = next(place for place, column in enumerate(table.columns) if column.title.rstrip("▲▼") == title)
    return table.rows[row].cells[place]


def status(pilot: Pilot[None]) -> str:
    return str(library(pilot).query_one("#header").status)


def said(pilot: Pilot[None]) -> str:
    return pilot.app.messages[-1].text


async def fill(pilot: Pilot[None], settle: Settle, *values: str) -> None:
    """Type each value into its line of the form that is shown, and send it; an empty one leaves the line as it is."""
    assert isinstance(pilot.app.screen, Form)
    for value in values:
        if value:
            line = pilot.app.focused
            assert isinstance(line, Input)
            line.value = value
        await pilot.press("enter")
    await settle(pilot)


def add(home: Home, *names: str) -> None:
    with open_catalog(home) as catalog:
        for name in names:
            subjects.add_subject(catalog, name, f"{name}ok")
