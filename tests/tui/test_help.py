"""Help, palette and jump: what can be done from here, found by a few letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from loratui.catalog import subjects
from loratui.catalog.store import open_catalog
from loratui.tui.actions import EVERYWHERE
from loratui.tui.chooser import rank
from loratui.tui.dialogs import Form
from loratui.tui.help import HelpScreen
from loratui.tui.history import HistoryScreen
from loratui.tui.jump import JumpScreen
from loratui.tui.keymap import actions_of
from loratui.tui.library import LibraryScreen
from loratui.tui.palette import PaletteScreen, tell_where
from loratui.tui.registry import ACTIONS
from loratui.tui.table import RowTable
from loratui.tui.wall import ImageWall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]


def rows(pilot: Pilot[None]) -> list[tuple[str, ...]]:
    return [row.cells for row in pilot.app.screen.query_one(RowTable).rows]


def about(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#about", Static).content)


async def test_help_lists_the_keys_of_the_screen_before_those_that_work_everywhere(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        assert len(rows(pilot)) == len(actions_of("library"))
        assert rows(pilot)[0][:2] == ("enter", "open")
        where = [row[3] for row in rows(pilot)]
        assert where == sorted(where, key=["here", "everywhere"].index)
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, LibraryScreen)


async def test_typing_narrows_the_help_and_enter_does_it(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("f1", *"new sub")
        assert rows(pilot)[0][1] == "new subject"
        assert "loratui subject add   u undoes it   [keys] subject.add" in about(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Form)


async def test_what_can_not_be_done_says_why(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark", *"consent")
        assert rows(pilot)[0][2].startswith("not now: Consent is for persons")
        await pilot.press("enter")
        await settle(pilot)
        assert pilot.app.messages[-1].text.startswith("Consent is for persons")
        await pilot.press("colon", *"consent")
        assert about(pilot).startswith("Consent is for persons")


async def test_an_action_of_many_keys_asks_for_one_of_them(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("question_mark", *"picture.rate", "enter")
        await settle(pilot)
        assert pilot.app.messages[-1].text == "Rate: press one of 0 1 2 3 4 5"


async def test_nothing_found_is_said(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"qqqq", "enter")
        assert isinstance(pilot.app.screen, PaletteScreen)
        assert about(pilot) == "Nothing is called that. esc leaves."
        nothing = pilot.app.screen.query_one("#nothing", Static)
        assert nothing.display and str(nothing.content) == "Nothing found for 'qqqq'."
        await pilot.press(*["backspace"] * 4)
        assert not nothing.display and rows(pilot)


async def test_the_palette_knows_what_other_screens_do(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"not duplicates")
        assert rows(pilot)[0][0] == "not duplicates"
        assert rows(pilot)[0][2] == "works on the duplicates: F3, then d"
        await pilot.press("enter")
        await settle(pilot)
        assert pilot.app.messages[-1].text == "Not duplicates works on the duplicates: F3, then d."
        # What is about the whole subject needs no screen of its own.
        await pilot.press("colon", *"tagg")
        assert rows(pilot)[0][0] == "tag by model"
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, Form)


def test_every_screen_has_a_way_that_the_palette_names() -> None:
    for action in ACTIONS:
        if EVERYWHERE not in action.scopes:
            assert tell_where(action, {}).startswith("works ")


async def test_letters_of_a_name_find_it_before_letters_from_all_over(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    async with make_app(subject="Mira").run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"crp")
        assert rows(pilot)[0][0] == "crop"


async def test_the_palette_opens_screens_subjects_and_themes(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    with open_catalog(mira) as catalog:
        subjects.add_subject(catalog, "Borun", "Zantavo")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", *"history", "enter")
        await settle(pilot)
        assert isinstance(pilot.app.screen, HistoryScreen)
        await pilot.press("colon", *"loratui-light", "enter")
        await settle(pilot)
        assert pilot.app.theme == "loratui-light"
        await pilot.press("colon", *"borun", "enter")
        await settle(pilot)
        assert type(pilot.app.screen).__name__ == "PicturesScreen"
        assert pilot.app.subject == "Borun"


async def test_the_palette_undoes(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("X")
        await settle(pilot)
        await pilot.press("colon", *"undo", "enter")
        await settle(pilot)
        with open_catalog(mira) as catalog:
            assert [item.subject.name for item in subjects.list_subjects(catalog)] == ["Mira"]


async def test_jump_goes_to_the_row_with_the_letter(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    with open_catalog(mira) as catalog:
        subjects.add_subject(catalog, "Borun", "Zantavo")
        subjects.add_subject(catalog, "Teapot", "Kelumi", "object")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+o")
        assert isinstance(pilot.app.screen, JumpScreen)
        letters = pilot.app.screen.query(Static)
        assert [str(letter.content) for letter in letters] == ["a", "s", "d"]
        # Each stands on its row, below the header of the screen and that of the table.
        assert [letter.region.y for letter in letters] == [2, 3, 4]
        await pilot.press("d")
        await settle(pilot)
        assert isinstance(pilot.app.screen, LibraryScreen)
        assert pilot.app.subject == "Teapot"
        await pilot.press("ctrl+o", "escape")
        assert isinstance(pilot.app.screen, LibraryScreen)


async def test_jump_reaches_every_pane(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash", "ctrl+o")
        assert isinstance(pilot.app.screen, JumpScreen)
        await pilot.press("a")
        await settle(pilot)
        assert pilot.app.focused is pilot.app.screen.query_one(RowTable)


async def test_jump_reaches_every_picture_in_sight(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        wall = pilot.app.screen.query_one(ImageWall)
        await pilot.press("ctrl+o")
        places = {str(letter.content): letter.region for letter in pilot.app.screen.query(Static)}
        assert wall.region.contains_region(places["f"])
        await pilot.press("f")
        await settle(pilot)
        # a, s, d, f: the fourth.
        assert wall.cursor == 3


def test_the_start_of_the_name_beats_the_start_of_a_word_and_that_what_is_within() -> None:
    scores = [rank("bal", words) for words in ("balance", "apply balance", "unbalanced", "b.a.l", "train")]
    assert scores[-1] == -1
    assert scores[:-1] == sorted(scores[:-1])
    assert rank("", "anything") == 0
    assert rank("cap", "scape, the caption") < rank("cap", "scape"), "the best place counts, not the first"
    scattered = [rank("crp", words) for words in ("crop picture.crop", "the crop", "a car pie", "scrap paper")]
    assert scattered == sorted(scattered) and scattered[0] > rank("crop", "the microcrop")
    assert rank("tri cap", "train caption") > rank("tra cap", "train caption")
