"""What empty screens and refusals say of keys: those that the person has given, not those an action comes with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from textual.widgets import Static
from waiting import settle

from loratui.catalog import subjects
from loratui.catalog.store import open_catalog
from loratui.tui.base import LoratuiScreen
from loratui.tui.coverage_view import CoverageView
from loratui.tui.keymap import actions_of
from loratui.tui.registry import BY_ID

if TYPE_CHECKING:
    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    from .conftest import MakeApp

OWN = {
    "subject.pictures": "f13",
    "picture.primary": "f6",
    "picture.supporting": "f7",
    "app.undo": "f11",
    "app.redo": "f12",
    "subject.add": "f8",
    "subject.import": "f10",
    "subject.tag": "f14",
    "subject.tags": "f15",
    "subject.edit": "f16",
    "subject.balance": "f17",
    "balance.apply": "f18",
    "balance.cell": "f19",
    "tag.add": "f20",
    "sheet.make": "f21",
    "cell.pin": "f22",
    "cell.flip": "f23",
    "imbue.choose": "f24",
    "app.runs": "ctrl+e",
    "app.library": "ctrl+g",
    "app.back": "ctrl+k",
    "app.quit": "ctrl+n",
    "app.tasks": "ctrl+v",
    "filter.open": "ctrl+x",
    "proposal.take_out": "ctrl+y",
    "proposal.accept": "ctrl+a",
    "train.preset": "ctrl+t",
    "train.edit": "ctrl+w",
    "train.start": "insert",
    "subject.train": "delete",
    "app.history": "ctrl+d",
}
_WITHOUT_SUBJECT = ("library", "review", "history", "runs")
SCREENS = ("library", "pictures", "balance", "imbue", "proposals", "train", "review", "history", "runs", "duplicates")
# The ones these actions come with, as sentences name them: where one begins, or before what the key does.
_LETTERS = r"(?:n|a|p|s|b|t|c|e|m|f|r|u|q|w|T|U|W|/|esc|enter|space|ctrl\+[rsq])"
_DOES = r"(?= +(?!name)(?:and |in |on |there |then )?[a-z])"
_USUAL = re.compile(rf"(?:^|[.:;,(] |\n){_LETTERS}{_DOES}|\b(?:F2|F3|F4|p and s)\b|, then [a-z],")


@pytest.fixture
def own_keys(home: Home) -> Home:
    """An empty library, and a person who has given many actions other keys."""
    lines = "".join(f'"{action}" = "{key}"\n' for action, key in OWN.items())
    home.config_file.parent.mkdir(parents=True, exist_ok=True)
    home.config_file.write_text(f"[keys]\n{lines}")
    return home


def add_nobody(home: Home) -> None:
    """A subject without pictures."""
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Nobody", "Nobok")


def read(screen: LoratuiScreen) -> dict[str, str]:
    """All that a screen says of keys: what it shows, and why actions can't be done."""
    said = {f"#{one.id}": str(one.render()) for one in screen.query(Static) if one.display}
    said["coverage"] = "\n".join(str(view.render()) for view in screen.query(CoverageView))
    return said | {action.id: screen.why_not(action.id) for action in actions_of(screen.scope)}


def find_usual(screen: LoratuiScreen) -> dict[str, str]:
    """Where a screen names a key that an action comes with."""
    return {place: found.group() for place, said in read(screen).items() if (found := _USUAL.search(said))}


def show(app: LoratuiApp, name: str) -> None:
    if name != "library":
        app.show_screen(name, **({} if name in _WITHOUT_SUBJECT else {"subject": "Nobody"}))


@pytest.mark.parametrize("name", SCREENS)
async def test_an_empty_screen_names_the_keys_that_the_person_has_given(
    own_keys: Home, make_app: MakeApp, name: str
) -> None:
    if name not in _WITHOUT_SUBJECT:
        add_nobody(own_keys)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        show(app, name)
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, LoratuiScreen) and screen.scope == name
        assert find_usual(screen) == {}


@pytest.mark.parametrize("name", [name for name in SCREENS if name != "train"])
async def test_an_empty_screen_names_the_usual_keys_to_all_others(home: Home, make_app: MakeApp, name: str) -> None:
    if name not in _WITHOUT_SUBJECT:
        add_nobody(home)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        show(app, name)
        await settle(pilot)
        assert isinstance(app.screen, LoratuiScreen)
        assert find_usual(app.screen)


async def test_an_empty_balance_says_how_roles_are_given_with_the_keys_of_the_person(
    own_keys: Home, make_app: MakeApp
) -> None:
    add_nobody(own_keys)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        show(app, "balance")
        await settle(pilot)
        assert isinstance(app.screen, LoratuiScreen)
        said = read(app.screen)
        assert "F13 shows them, F6 and F7 set the role." in said["#influence"]
        assert "F13 shows the pictures; F6 and F7 make them" in str(said)


async def test_what_is_done_and_undone_is_told_with_the_keys_of_the_person(own_keys: Home, make_app: MakeApp) -> None:
    add_nobody(own_keys)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        show(app, "balance")
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        assert app.messages[-1].text.endswith("F11 undoes.")
        await pilot.press("f11")
        await settle(pilot)
        assert app.messages[-1].text == "Undid: Nobody: repeats of primary 6. F12 does it again."


def test_the_actions_with_other_keys_are_there() -> None:
    assert set(OWN) <= set(BY_ID)
