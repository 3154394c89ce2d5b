"""Keys that arrive in a bunch, as they do over a slow link: each goes where a person meant it."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
from textual import events
from waiting import until

from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, list_subjects
from loratui.tui import caption_editor
from loratui.tui.table import RowTable

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

MakeApp = Callable[..., "LoratuiApp"]
Settle = Callable[["Pilot[None]"], Awaitable[None]]

NAMES = {
    "\r": "enter",
    "\x13": "ctrl+s",
    "\x1b": "escape",
    "/": "slash",
    "?": "question_mark",
    ":": "colon",
    ",": "comma",
    " ": "space",
}


def type_at_once(app: LoratuiApp, text: str) -> None:
    """All keys of a text, before the app has handled the first of them."""
    for char in text:
        app.post_message(events.Key(NAMES.get(char, char), char if char.isprintable() else None))


async def drain(pilot: Pilot[None], settle: Settle) -> None:
    app: LoratuiApp = pilot.app  # type: ignore[assignment]
    await settle(pilot)
    assert not app.keys_waiting


async def test_a_form_typed_at_once_is_filled_in_line_by_line(home: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "nMira\rMirvok\r\rwoman\r")
        await drain(pilot, settle)
        with open_catalog(home) as catalog:
            (found,) = list_subjects(catalog)
        assert (found.subject.name, found.subject.trigger, found.subject.class_word) == ("Mira", "Mirvok", "woman")


async def test_keys_do_not_overtake_the_one_before_on_a_machine_that_takes_its_time(
    home: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if every mark came too late.
    monkeypatch.setattr("loratui.tui.keyboard.PATIENCE_S", 0.0)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "nMira\rMirvok\r\rwoman\r")
        await drain(pilot, settle)
        with open_catalog(home) as catalog:
            (found,) = list_subjects(catalog)
        assert (found.subject.name, found.subject.trigger, found.subject.class_word) == ("Mira", "Mirvok", "woman")


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set, it lets the captions be read that a dialog opens with; a hold is late at once."""
    may_answer, read = threading.Event(), caption_editor.draft_caption

    def read_late(*args: Any, **options: Any) -> Any:
        may_answer.wait(60)
        return read(*args, **options)

    monkeypatch.setattr(caption_editor, "draft_caption", read_late)
    monkeypatch.setattr("loratui.tui.keyboard.HOLD_S", 0.05)
    return may_answer


async def test_text_waits_for_its_dialog_however_long_that_takes_to_open(
    mira: Home, make_app: MakeApp, settle: Settle, reading: threading.Event
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        type_at_once(app, "epixie, shop\x13")
        await until(pilot, lambda: app._is_late)
        reading.set()
        await drain(pilot, settle)
        with open_catalog(mira) as catalog:
            pictures = select_memberships(catalog, "Mira")
        assert pictures[0].caption == "pixie, shop"
        assert {picture.role for picture in pictures} == {"inbox"}


async def test_esc_gives_up_a_dialog_that_takes_too_long_and_what_was_typed_for_it(
    mira: Home, make_app: MakeApp, settle: Settle, reading: threading.Event
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        type_at_once(app, "epsx")
        await until(pilot, lambda: app._is_late)
        type_at_once(app, "\x1b")
        await until(pilot, lambda: app.top is not None and app.top.scope == "library")
        reading.set()
        await settle(pilot)
        with open_catalog(mira) as catalog:
            assert {picture.role for picture in select_memberships(catalog, "Mira")} == {"inbox"}
        assert app.screen is app.top


async def test_a_caption_typed_behind_the_key_that_opens_its_dialog_is_a_caption_and_no_commands(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "\repixie, shop\x13")
        await drain(pilot, settle)
        with open_catalog(mira) as catalog:
            pictures = select_memberships(catalog, "Mira")
        assert pictures[0].caption == "pixie, shop"
        assert {picture.role for picture in pictures} == {"inbox"}


async def test_roles_typed_behind_the_key_that_opens_the_wall_are_all_set(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "\rpsxpsx")
        await drain(pilot, settle)
        with open_catalog(mira) as catalog:
            roles = [picture.role for picture in select_memberships(catalog, "Mira")]
        assert roles[:7] == [*["primary", "supporting", "rejected"] * 2, "inbox"]


@pytest.mark.parametrize("keys", ["\x1b" * 5, "?\x1b?\x1b", ":\x1b:\x1b", "w\x1bw\x1b"])
async def test_keys_go_on_after_screens_that_close_at_once(
    mira: Home, make_app: MakeApp, settle: Settle, keys: str
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        # Leaving the library does nothing; the others open on the wall and are left again.
        type_at_once(app, keys + "\rp" if keys[0] == "\x1b" else "\r" + keys + "p")
        await drain(pilot, settle)
        with open_catalog(mira) as catalog:
            assert select_memberships(catalog, "Mira")[0].role == "primary"


async def test_a_filter_typed_at_once_with_its_key_is_a_filter(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    with open_catalog(mira) as catalog:
        add_subject(catalog, "Xenia", "Xenvok")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        for filtered in (["Xenia"], ["Mira"]):
            type_at_once(app, f"/{filtered[0].lower()}\r")
            await drain(pilot, settle)
            assert [row.cells[0] for row in app.screen.query_one(RowTable).rows] == filtered
            type_at_once(app, "\x1b")
            await drain(pilot, settle)


async def test_ten_thousand_keys_at_once_are_all_handled(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "\r" + "lh" * 4_999 + "ll" + "p")
        await drain(pilot, settle)
        with open_catalog(mira) as catalog:
            roles = [picture.role for picture in select_memberships(catalog, "Mira")]
        assert roles.index("primary") == 2 and roles.count("primary") == 1


async def test_quitting_behind_a_burst_of_changes_writes_all_of_them(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "\r" + "psx" * 4 + "G1" + "lhG2" * 40 + "q")
        await until(pilot, lambda: app._exit)
    with open_catalog(mira) as catalog:
        pictures = select_memberships(catalog, "Mira")
    assert [picture.role for picture in pictures] == ["primary", "supporting", "rejected"] * 4
    assert pictures[-1].rating == 2
