"""What another program changes in the library while the app shows it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from library_driving import add, library, shown
from textual.widgets import Static
from waiting import until

from loratui.catalog import subjects
from loratui.catalog.store import Catalog, open_catalog
from loratui.errors import LoratuiError
from loratui.tui.bridge import POLL_S, Bridge
from loratui.tui.dialogs import Form
from loratui.tui.library import LibraryScreen
from loratui.tui.stopped import StoppedScreen

if TYPE_CHECKING:
    import pytest

    from loratui.config import Home

    from .conftest import MakeApp, Settle


async def test_what_the_command_line_changes_appears_without_a_key(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    assert POLL_S < 0.5, "a person sees it within a second"
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        add(mira, "Borun")
        await until(pilot, lambda: "Borun" in shown(pilot))


async def test_changes_are_looked_for_again_after_an_error_which_is_told_once(
    make_app: MakeApp, mira: Home, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        failed = 0

        def fail(catalog: Catalog) -> int:
            nonlocal failed
            failed += 1
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as broken:
            broken.setattr(Catalog, "data_version", fail)
            await until(pilot, lambda: failed >= 3)
        add(mira, "Borun")
        await until(pilot, lambda: "Borun" in shown(pilot))
        told = [told.text for told in pilot.app.messages if "disk I/O error" in told.text]
        assert len(told) == 1 and told[0].startswith("The library can't be watched for changes")


async def test_a_library_that_another_version_upgrades_meanwhile_is_said_over_every_screen_until_one_quits(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        with sqlite3.connect(mira.database) as other:
            other.execute("UPDATE alembic_version SET version_num = '9999'")
        await until(pilot, lambda: isinstance(app.screen, StoppedScreen))
        await pilot.press("j", "f4", "f5", "escape", "enter", "x")
        assert isinstance(app.screen, StoppedScreen), "no key leaves it"
        told = str(app.screen.query_one(Static).render())
        assert "schema 9999" in told and "Quit and start loratui anew" in told and "q quits" in told
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_a_library_that_is_newer_from_the_beginning_is_said_to_be_so_until_one_quits(
    make_app: MakeApp, mira: Home
) -> None:
    with sqlite3.connect(mira.database) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, StoppedScreen))
        assert "Upgrade loratui" in str(app.screen.query_one(Static).render())


async def test_a_library_that_could_not_be_opened_at_first_is_watched_once_it_is_open(
    make_app: MakeApp, mira: Home, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(bridge: Bridge) -> Catalog:
        raise LoratuiError("The library is on a disk that sleeps.", hint="Wait a moment.")

    real = Bridge.open
    monkeypatch.setattr(Bridge, "open", fail)
    async with make_app().run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: sum("disk that sleeps" in told.text for told in pilot.app.messages) >= 2)
        monkeypatch.setattr(Bridge, "open", real)
        library(pilot).library_changed()
        await until(pilot, lambda: shown(pilot) == ["Mira"])
        add(mira, "Borun")
        await until(pilot, lambda: "Borun" in shown(pilot))


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
        await until(pilot, lambda: isinstance(app.screen, LibraryScreen))
        await settle(pilot)
        assert isinstance(app.screen, LibraryScreen)
        assert "not in the library any more" in app.messages[-1].text
        assert app.subject == ""


async def test_a_subject_that_never_was_is_not_called_gone(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mirra")
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app.messages and isinstance(app.screen, LibraryScreen))
        await settle(pilot)
        assert app.messages[-1].text == "There is no subject 'Mirra'. Did you mean 'Mira'?"
        assert app.messages[-1].error


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
        await until(pilot, lambda: isinstance(app.screen, LibraryScreen))
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
