"""The journal as a list: who did what, what is undone, and what `u` would take back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from waiting import until

from loratui.catalog import journal, subjects
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.tui.history import HistoryScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]


def history(pilot: Pilot[None]) -> HistoryScreen:
    assert isinstance(pilot.app.screen, HistoryScreen)
    return pilot.app.screen


def labels(pilot: Pilot[None]) -> list[tuple[str, str, str]]:
    return [row.cells[1:] for row in history(pilot).table.rows]  # type: ignore[misc]


async def test_an_empty_history_names_the_next_key(make_app: MakeApp, home: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("U")
        await settle(pilot)
        assert history(pilot).query_one("#empty").display
        await pilot.press("u")
        await settle(pilot)
        assert pilot.app.messages[-1].error
        assert "There is nothing to undo." in pilot.app.messages[-1].text


async def test_undo_and_redo_move_the_mark(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("X")
        await settle(pilot)
        await pilot.press("U")
        await settle(pilot)
        assert labels(pilot)[0] == ("tui", "remove subject Mira", "u undoes this")
        assert labels(pilot)[-1] == ("cli", "add subject Mira", "")
        assert history(pilot).table.rows[0].mark == "●"
        await pilot.press("u")
        await settle(pilot)
        assert labels(pilot)[0] == ("tui", "remove subject Mira", "undone")
        assert labels(pilot)[1][2] == "u undoes this"
        assert "1 undone" in str(history(pilot).query_one("#header").status)
        with open_catalog(mira) as catalog:
            assert len(subjects.list_subjects(catalog)) == 1
            await pilot.press("ctrl+r")
            await settle(pilot)
            assert subjects.list_subjects(catalog) == []
        assert labels(pilot)[0][2] == "u undoes this"


async def test_a_withdrawal_is_marked_as_what_u_refuses_and_the_refusal_says_how_one_goes_on(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        subjects.add_subject(catalog, "Ada", "Adavok", kind="person")
        set_role(catalog, "Mira", "primary", "name:picture_00")
        subjects.record_consent(catalog, "Ada", who="Ada", scope="training")
        subjects.withdraw_consent(catalog, "Ada")
        async with make_app().run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            await pilot.press("U")
            await settle(pilot)
            assert labels(pilot)[0][1:] == ("withdraw consent for Ada", "u refuses this")
            await pilot.press("u")
            await settle(pilot)
            told = pilot.app.messages[-1].text
            assert "`loratui undo --consent` undoes that, and then older actions can be undone" in told
            assert "older actions are changed by hand" in told
            assert not subjects.has_consent(subjects.get_subject(catalog, "Ada"))
            journal.undo(catalog, consent=True)
            await until(pilot, lambda: labels(pilot)[1][2] == "u undoes this")


async def test_what_the_command_line_does_is_listed_at_once(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("U")
        await settle(pilot)
        with open_catalog(mira) as catalog:
            set_role(catalog, "Mira", "primary", "")
            await until(pilot, lambda: "role primary" in labels(pilot)[0][1])
            assert labels(pilot)[0][0] == "cli"
            await pilot.press("u")
            await settle(pilot)
            assert journal.history(catalog)[0].undone_at is not None
        await pilot.press("escape")
        assert not isinstance(pilot.app.screen, HistoryScreen)


async def test_the_command_of_the_screen_is_copied(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("U")
        await settle(pilot)
        await pilot.press("Y")
        assert pilot.app.messages[-1].text.startswith("Copied: loratui history")
