"""Keys that arrive in a bunch, as they do over a slow link: each goes where a person meant it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
from textual import events

from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import list_subjects

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
    for _ in range(2_000):
        await settle(pilot)
        if not app.keys_waiting:
            return
    raise AssertionError("keys are left over")


async def test_a_form_typed_at_once_is_filled_in_line_by_line(home: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "nMira\rMirvok\r\rwoman\r")
        await drain(pilot, settle)
        with open_catalog(home) as catalog:
            (found,) = list_subjects(catalog)
        assert (found.subject.name, found.subject.trigger, found.subject.class_word) == ("Mira", "Mirvok", "woman")


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
        for _ in range(2_000):
            await pilot.pause(0.01)
            if app._exit:
                break
        assert app._exit
    with open_catalog(mira) as catalog:
        pictures = select_memberships(catalog, "Mira")
    assert [picture.role for picture in pictures] == ["primary", "supporting", "rejected"] * 4
    assert pictures[-1].rating == 2
