"""What another program changes in the library while the app shows it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from library_driving import add, shown

from loratui.catalog import subjects
from loratui.catalog.store import open_catalog
from loratui.tui.dialogs import Form
from loratui.tui.library import LibraryScreen

if TYPE_CHECKING:
    from loratui.config import Home

    from .conftest import MakeApp, Settle


async def test_what_the_command_line_changes_appears_within_a_second(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        add(mira, "Borun")
        changed = time.monotonic()
        while "Borun" not in shown(pilot):
            assert time.monotonic() - changed < 5
            await asyncio.sleep(0.02)
        # The clock of a busy machine is not to be trusted: twice the promise.
        assert time.monotonic() - changed < 2


async def test_screens_of_a_subject_that_someone_else_removes_are_left(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("enter", "t")
        await settle(pilot)
        with open_catalog(mira) as catalog:
            subjects.remove_subject(catalog, "Mira")
        for _ in range(100):
            await pilot.pause(0.05)
            if isinstance(app.screen, LibraryScreen):
                break
        await settle(pilot)
        assert isinstance(app.screen, LibraryScreen)
        assert "not in the library any more" in app.messages[-1].text
        assert app.subject == ""


async def test_keys_for_a_wall_that_went_away_do_nothing_to_another_subject(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        subjects.add_subject(catalog, "Anna", "Annavok")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        app.show_screen("pictures", subject="Mira")
        await settle(pilot)
        with open_catalog(mira) as catalog:
            subjects.remove_subject(catalog, "Mira")
        for _ in range(100):
            await pilot.pause(0.02)
            if isinstance(app.screen, LibraryScreen):
                break
        await pilot.press("e", "X")
        await settle(pilot)
        assert isinstance(app.screen, LibraryScreen)
        assert app.messages[-1].text == "Mira: not in the library any more. Keys typed for it were dropped."
        with open_catalog(mira) as catalog:
            assert [found.subject.name for found in subjects.list_subjects(catalog)] == ["Anna"]
        app._deaf_until = 0.0
        await pilot.press("e")
        await settle(pilot)
        assert isinstance(app.screen, Form)
