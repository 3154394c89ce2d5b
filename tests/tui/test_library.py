"""The library screen: what it lists, in which order, and what it says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from library_driving import add, cell, library, said, shown, status
from pressing import press
from textual.widgets import Static
from waiting import until

from loratui.catalog import subjects
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.errors import Cancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    import pytest

    from loratui.catalog.store import Catalog
    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    from .conftest import MakeApp, Settle


async def test_a_new_library_names_the_next_key_and_the_demo(make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        empty = pilot.app.screen.query_one("#empty", Static)
        assert empty.display
        assert "n   adds the first one" in str(empty.content)
        assert "loratui demo" in str(empty.content)
        await pilot.press("enter")
        assert said(pilot) == "There is no subject yet: n adds one."


async def test_subjects_are_listed_with_their_roles_and_what_waits(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        first, *rest = select_memberships(catalog, "Mira")
        set_role(catalog, "Mira", "primary", [first.id])
        set_role(catalog, "Mira", "supporting", [picture.id for picture in rest[:4]])
    async with make_app().run_test(size=(200, 30)) as pilot:
        await settle(pilot)
        assert cell(pilot, "subject") == "Mira"
        assert cell(pilot, "pictures") == "12"
        assert (cell(pilot, "primary"), cell(pilot, "support"), cell(pilot, "inbox")) == ("1", "4", "7")
        with open_catalog(mira) as catalog:
            assert cell(pilot, "ratio") == f"{subjects.summarize_subject(catalog, 'Mira').ratio:.2f}"
        assert status(pilot) == "1 subject"
        # Measured in the background, after the first data.
        await until(pilot, lambda: cell(pilot, "alike"))
        assert cell(pilot, "alike") == "0"


async def test_the_subject_beside_the_list_follows_the_cursor(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    add(mira, "Borun")
    async with make_app().run_test(size=(200, 40)) as pilot:
        await settle(pilot)
        await pilot.press("j")
        detail = pilot.app.screen.query_one("#detail", Static)
        await until(pilot, lambda: "photo of Mirvok" in str(detail.content))
        assert pilot.app.subject == "Mira"


async def test_a_thousand_subjects_move_sort_and_filter(make_app: MakeApp, home: Home, settle: Settle) -> None:
    with open_catalog(home) as catalog:
        words = [f"{a}{b}{c}u" for a in "bdfgklmnpr" for b in "aeiouyvzst" for c in "kmnprstvwz"]
        from loratui.catalog import tables
        from loratui.catalog.store import now
        from loratui.catalog.triggers import fold_trigger

        rows = [
            {"name": word, "trigger": word, "trigger_key": fold_trigger(word), "kind": "style", "created_at": now()}
            for word in words
        ]
        with catalog.write() as connection:
            connection.execute(tables.subject.insert(), rows)
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert status(pilot) == "1,000 subjects"
        await pilot.press("G")
        assert pilot.app.subject == max(words)
        await pilot.press("O")
        assert shown(pilot)[0] == max(words)
        await press(pilot, "slash", *"bak", "enter")
        assert shown(pilot) == ["baku"]
        assert status(pilot) == "/bak  1 of 1,000 subjects"
        await pilot.press("escape")
        assert len(shown(pilot)) == 1000


async def test_the_order_goes_through_the_columns_in_sight(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    add(mira, "Aron", "Borun")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert shown(pilot) == ["Aron", "Borun", "Mira"]
        assert library(pilot).table.columns[0].title == "subject▲"
        await pilot.press("o")
        assert shown(pilot) == ["Mira", "Aron", "Borun"]
        assert "pictures▼" in [column.title for column in library(pilot).table.columns]
        await pilot.press("O")
        assert shown(pilot) == ["Aron", "Borun", "Mira"]
        # 80 columns have no room for trigger, kind and ratio, so the order never gets there.
        titles = set()
        for _ in range(12):
            await pilot.press("o")
            titles |= {column.title[:-1] for column in library(pilot).table.columns if column.title[-1] in "▲▼"}
        assert titles == {"subject", "pictures", "inbox", "primary", "support", "alike", "last run"}


async def test_back_from_another_subject_keys_are_about_the_one_under_the_cursor(
    make_app: MakeApp, home: Home, settle: Settle
) -> None:
    add(home, "Ada", "Mira")
    async with make_app().run_test(size=(110, 30)) as pilot:
        app = cast("LoratuiApp", pilot.app)
        await settle(pilot)
        app.subject = "Mira"
        app.show_screen("pictures", subject="Mira")
        await settle(pilot)
        await press(pilot, "escape", "enter")
        assert (app.top.about if app.top else None) == {"subject": "Ada"}


async def test_a_filter_that_matches_nothing_says_so(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "slash", *"xyz", "enter")
        empty = pilot.app.screen.query_one("#empty", Static)
        assert empty.display and "No subject has 'xyz'" in str(empty.content)
        await pilot.press("e")
        assert said(pilot) == "Nothing is chosen: esc shows all."


async def test_an_error_that_was_read_goes_with_the_next_key_and_the_next_screen(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        library = app.top
        assert library is not None
        app.tell("It went wrong.", error=True)
        await press(pilot, "j")
        assert library.message_line.text == "It went wrong."
        monkeypatch.setattr("loratui.tui.chrome.READ_S", 0.0)
        await press(pilot, "j")
        assert library.message_line.text == ""
        app.tell("It went wrong.", error=True)
        app.show_screen("runs")
        await settle(pilot)
        await press(pilot, "escape")
        assert library.message_line.text == ""


async def test_measuring_stops_while_another_screen_is_open_and_goes_on_after(
    make_app: MakeApp, mira: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[threading.Event] = []

    def measure(catalog: Catalog, names: Sequence[str], *, cancel: threading.Event) -> int:
        started.append(cancel)
        cancel.wait(20)
        raise Cancelled("Stopped.", hint="")

    monkeypatch.setattr("loratui.review.overview.refresh_measures", measure)
    async with make_app().run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: started)
        assert not started[0].is_set()
        await press(pilot, "enter")
        assert [cancel.is_set() for cancel in started] == [True]
        await pilot.press("escape")
        await until(pilot, lambda: len(started) == 2)
        assert not started[1].is_set()
