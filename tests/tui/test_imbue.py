"""The imbue assistant, driven by keys; what came of it is read from the library."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from textual.widgets import Static
from waiting import until

from loratui.captions.imbue import ImbueStudy
from loratui.captions.service import captions_of, change_rules, rules_of
from loratui.catalog.edits import add_tags, remove_tags, store_tag_scores
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.tui.chrome import KeyBar
from loratui.tui.dialogs import Pick
from loratui.tui.imbue import ImbueScreen
from loratui.tui.pictures import PicturesScreen
from loratui.tui.tags import TagsScreen

from .conftest import settle

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.pilot import Pilot

    from loratui.captions.outlook import Outlook
    from loratui.catalog.store import Catalog
    from loratui.config import Home

    from .conftest import MakeApp


@pytest.fixture
def catalog(mira: Home) -> Iterator[Catalog]:
    """Mira with freckles and red eyes always, blonde hair nearly always, outdoors always, a hat on three of twelve."""
    with open_catalog(mira) as opened:
        add_tags(opened, "Mira", "", ["freckles", "red eyes", "outdoors"])
        add_tags(opened, "Mira", "-name:picture_11*", ["blonde hair"])
        add_tags(opened, "Mira", "name:picture_00 OR name:picture_01 OR name:picture_02", ["hat", "scar"])
        set_role(opened, "Mira", "primary", "name:picture_0*")
        set_role(opened, "Mira", "supporting", "name:picture_1*")
        yield opened


async def show_assistant(pilot: Pilot[None]) -> ImbueScreen:
    """From the library by keys: the tags of Mira, then the assistant."""
    await settle(pilot)
    await press(pilot, "t", "I")
    screen = pilot.app.screen
    assert isinstance(screen, ImbueScreen)
    return screen


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def text_of(screen: Any, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())


def words_of(screen: ImbueScreen) -> dict[str, tuple[str, str]]:
    """By tag, the advice and what captions do."""
    return {row.key: (row.cells[1], row.cells[5]) for row in screen.table.rows}


def is_dim(pilot: Pilot[None], label: str) -> bool:
    """Whether a key stands dim in the bar at the foot, as it is on the screen now."""
    (drawn,) = (segment for segment in pilot.app.screen.query_one(KeyBar).render_line(0) if label in segment.text)
    return bool(drawn.style and drawn.style.dim)


def imbued(catalog: Catalog) -> set[str]:
    return set(rules_of(catalog, "Mira").imbued)


def captions(catalog: Catalog) -> dict[str, str]:
    by_id = captions_of(catalog, "Mira")
    return {picture.name: by_id[picture.id] for picture in select_memberships(catalog, "Mira")}


async def test_tags_stand_by_what_to_do_about_them_and_nothing_is_changed(catalog: Catalog, make_app: MakeApp) -> None:
    async with make_app().run_test(size=(140, 40)) as pilot:
        screen = await show_assistant(pilot)
        words = words_of(screen)
        assert words["freckles"] == ("imbue", "→ imbued")
        assert words["blonde hair"] == ("imbue", "→ imbued")
        assert words["outdoors"] == ("fuses", "said")
        assert words["scar"] == ("look again", "said")
        advice = [row.cells[1] for row in screen.table.rows]
        assert advice == sorted(advice, key=["imbue", "you decide", "fuses", "look again", "keep"].index)
        assert imbued(catalog) == set()
        assert "100% of 12 pictures, 100% of the primary, 100% of training" in text_of(screen, "#reason")


async def test_what_is_said_about_a_fused_tag_tells_what_to_do(catalog: Catalog, make_app: MakeApp) -> None:
    remove_tags(catalog, "Mira", "name:picture_10*", ["outdoors"])
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await show_assistant(pilot)
        screen.table.move_to_key("outdoors")
        await settle(pilot)
        reason = text_of(screen, "#reason")
        assert "Fuses: learned with Mirvok whatever the captions say." in reason
        assert "contrast picture" in reason
        assert "without it  picture_10.png" in reason


async def test_enter_imbues_what_is_proposed_in_one_step_that_u_undoes(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_assistant(pilot)
        assert "12 of 12 captions change" in text_of(screen, "#captions")
        assert "[-freckles-]" in text_of(screen, "#captions")
        await press(pilot, "enter")
        assert imbued(catalog) == {"freckles", "red eyes", "blonde hair"}
        assert captions(catalog)["picture_05.png"] == "photo of Mirvok, outdoors"
        assert words_of(screen)["freckles"] == ("imbue", "imbued")
        assert list(app.last_command)[:3] == ["imbue", "apply", "Mira"]
        assert set(app.last_command[3:]) == {"freckles", "red eyes", "blonde hair"}
        assert "12 captions changed. u undoes." in app.messages[-1].text
        await press(pilot, "enter")
        assert app.messages[-1].text == "Nothing is chosen: space takes a tag in."
        await press(pilot, "u")
        assert imbued(catalog) == set()
        assert words_of(screen)["freckles"] == ("imbue", "→ imbued")


async def test_the_key_of_the_next_example_is_drawn_anew_when_the_captions_come_late(
    catalog: Catalog, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_answer, foresee = threading.Event(), ImbueStudy.foresee

    def foresee_late(study: ImbueStudy, tags: Sequence[str]) -> tuple[Outlook, ...]:
        may_answer.wait(60)
        return foresee(study, tags)

    monkeypatch.setattr(ImbueStudy, "foresee", foresee_late)
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "t")
        await pilot.press("I")
        await until(pilot, lambda: isinstance(pilot.app.screen, ImbueScreen) and pilot.app.screen.tag)
        assert is_dim(pilot, "next example")
        may_answer.set()
        await settle(pilot)
        assert not is_dim(pilot, "next example")


async def test_space_takes_a_proposal_out_and_another_tag_in(catalog: Catalog, make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await show_assistant(pilot)
        assert "Eyes will be red unasked." in text_of(screen, "#outlook")
        screen.table.move_to_key("hat")
        await press(pilot, "space")
        screen.table.move_to_key("freckles")
        await press(pilot, "space")
        assert words_of(screen)["freckles"] == ("imbue", "said")
        assert words_of(screen)["hat"] == ("keep", "→ imbued")
        assert "[-freckles-]" not in text_of(screen, "#captions")
        await press(pilot, "A")
        assert imbued(catalog) == {"hat", "red eyes", "blonde hair"}


async def test_a_tag_on_the_list_is_not_taken_out_here_and_says_where(catalog: Catalog, make_app: MakeApp) -> None:
    change_rules(catalog, "Mira", {"imbued": ["* eyes"]})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_assistant(pilot)
        screen.table.move_to_key("red eyes")
        await press(pilot, "space")
        assert app.messages[-1].text.startswith("'* eyes' on the list has red eyes imbued already")
        await press(pilot, "A")
        assert imbued(catalog) == {"* eyes", "freckles", "blonde hair"}


async def test_advice_follows_another_preset_and_groups_are_left_to_the_prompt(
    catalog: Catalog, make_app: MakeApp
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_assistant(pilot)
        await press(pilot, "b")
        assert isinstance(app.screen, Pick)
        assert "drawn character" in text_of(app.screen, ".hint")
        await press(pilot, "down", "enter")
        assert "all but hair" in text_of(screen, "#preset")
        assert words_of(screen)["blonde hair"] == ("fuses", "said")
        assert words_of(screen)["freckles"] == ("imbue", "→ imbued")
        assert imbued(catalog) == set()
        await press(pilot, "B")
        assert isinstance(app.screen, Pick)
        await press(pilot, "enter", "escape")
        assert app.screen is screen
        assert "but not eye" in text_of(screen, "#preset")
        assert words_of(screen)["red eyes"][0] == "fuses"
        assert screen.screen_command() == ["imbue", "suggest", "Mira", "--preset", "all_but_hair", "--but=eye"]
        await press(pilot, "enter")
        assert imbued(catalog) == {"freckles"}


async def test_c_shows_captions_with_the_tag_alone_and_n_the_next_one(catalog: Catalog, make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await show_assistant(pilot)
        screen.table.move_to_key("hat")
        await press(pilot, "c")
        shown = text_of(screen, "#captions")
        assert "With hat imbued: 3 of 12 captions change" in shown
        assert "picture_00.png" in shown
        assert "[-freckles-]" not in shown
        await press(pilot, "n")
        assert "picture_01.png" in text_of(screen, "#captions")


async def test_g_shows_the_pictures_of_the_tag(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_assistant(pilot)
        screen.table.move_to_key("hat")
        await press(pilot, "g")
        assert isinstance(app.screen, PicturesScreen)
        assert app.wall_query == 'tag:"hat"'
        await press(pilot, "escape")
        assert app.screen is screen and screen.table.cursor_key == "hat"
        await press(pilot, "g", "t")
        assert isinstance(app.screen, TagsScreen)


async def test_a_tag_that_is_imbued_already_says_how_it_is_taken_off(catalog: Catalog, make_app: MakeApp) -> None:
    change_rules(catalog, "Mira", {"imbued": ["freckles", "* hair"]})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_assistant(pilot)
        screen.table.move_to_key("freckles")
        await press(pilot, "space")
        assert screen.message_line.text.startswith("freckles is imbued already; to take it off the list: esc leads")
        screen.table.move_to_key("blonde hair")
        await press(pilot, "space")
        assert "'* hair' on the list has blonde hair imbued already" in screen.message_line.text
        await press(pilot, "T")
        assert app.screen.scope == "train"  # type: ignore[attr-defined]


async def test_what_others_change_meanwhile_is_shown(catalog: Catalog, make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await show_assistant(pilot)
        change_rules(catalog, "Mira", {"imbued": ["freckles"]})
        screen.library_changed()
        await settle(pilot)
        assert words_of(screen)["freckles"] == ("imbue", "imbued")
        assert "1 imbued" in str(screen.query_one("#header").status)  # type: ignore[attr-defined]


async def test_without_tags_it_names_the_keys_that_give_some(mira: Home, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show_assistant(pilot)
        assert "W has a model tag all" in text_of(screen, "#empty")
        await press(pilot, "enter")
        assert app.messages[-1].text == "There are no tags yet: W has a model tag the pictures."
        await press(pilot, "escape")
        assert isinstance(app.screen, TagsScreen)


async def test_without_pictures_it_says_how_to_get_some(home: Home, make_app: MakeApp) -> None:
    with open_catalog(home) as opened:
        add_subject(opened, "Empty", "emptvok")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.show_screen("imbue", subject="Empty")
        await settle(pilot)
        assert "no pictures to train on" in text_of(app.screen, "#empty")


async def test_where_a_tagger_was_sure_of_nothing_the_app_leads_to_the_rules(mira: Home, make_app: MakeApp) -> None:
    with open_catalog(mira) as opened:
        for picture in select_memberships(opened, "Mira"):
            store_tag_scores(opened, picture.picture_id, "wd@1/p1", [("hat", "general", 0.2)])
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await press(pilot, "t")
        said = text_of(pilot.app.screen, "#empty")
        assert "no tag of theirs is used" in said and "from a score of 0.35 on: R changes" in said
        await press(pilot, "I")
        said = text_of(pilot.app.screen, "#empty")
        assert "Nothing scored 0.35 or more, the best 0.20: R on the tags screen" in said
        assert "loratui" not in said
