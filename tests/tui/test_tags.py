"""The tags screen, driven by keys; what came of it is read from the library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from textual.widgets import Input, Static

from loratui.captions.counts import count_tags
from loratui.captions.service import captions_of, rules_of
from loratui.catalog.edits import add_tags, set_caption
from loratui.catalog.grammar import Match, parse_query
from loratui.catalog.journal import undo
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.tui.filtered_wall import query_for_tag
from loratui.tui.pictures import PicturesScreen
from loratui.tui.table import RowTable
from loratui.tui.tag_form import TagForm
from loratui.tui.tags import TagsScreen

from .conftest import settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.pilot import Pilot

    from loratui.catalog.store import Catalog
    from loratui.config import Home

    from .conftest import MakeApp


@pytest.fixture
def catalog(mira: Home) -> Iterator[Catalog]:
    """Mira with freckles on all twelve pictures, red and blue eyes, and a hat on three."""
    with open_catalog(mira) as opened:
        add_tags(opened, "Mira", "", ["freckles"])
        add_tags(opened, "Mira", "name:picture_0*", ["red eyes"])
        add_tags(opened, "Mira", "name:picture_1*", ["blue eyes"])
        add_tags(opened, "Mira", "name:picture_00 OR name:picture_01 OR name:picture_02", ["hat"])
        yield opened


async def show_tags(pilot: Pilot[None]) -> TagsScreen:
    await settle(pilot)
    pilot.app.show_screen("tags", subject="Mira")  # type: ignore[attr-defined]
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TagsScreen)
    return screen


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


def text_of(screen: Any, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())


def tags_of(catalog: Catalog) -> dict[str, int]:
    return {count.tag: count.pictures for count in count_tags(catalog, "Mira")}


def captions(catalog: Catalog) -> dict[str, str]:
    by_id = captions_of(catalog, "Mira")
    return {picture.name: by_id[picture.id] for picture in select_memberships(catalog, "Mira")}


async def test_tags_are_listed_the_most_frequent_first_with_what_captions_do(
    catalog: Catalog, make_app: MakeApp
) -> None:
    async with make_app().run_test(size=(140, 40)) as pilot:
        screen = await show_tags(pilot)
        assert [row.key for row in screen.table.rows] == ["freckles", "red eyes", "hat", "blue eyes"]
        assert screen.table.rows[0].cells[-1] == "said"
        assert "critical" in screen.table.rows[0].cells
        preview = text_of(screen, "#preview")
        assert "12 captions change" in preview
        assert "[-freckles-]" in preview
        assert "picture_00.png" in preview


async def test_i_imbues_a_tag_and_says_it_again(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        await press(pilot, "i")
        assert rules_of(catalog, "Mira").imbued == ("freckles",)
        assert captions(catalog)["picture_05.png"] == "photo of Mirvok, red eyes"
        assert screen.table.rows[0].cells[-1] == "imbued"
        assert "[+freckles+]" in text_of(screen, "#preview")
        assert list(app.last_command) == ["rules", "set", "Mira", "--imbue=freckles"]
        await press(pilot, "enter")
        assert rules_of(catalog, "Mira").imbued == ()
        assert list(app.last_command) == ["rules", "set", "Mira", "--keep=freckles"]
        await press(pilot, "u", "u")
        assert rules_of(catalog, "Mira").imbued == ()


async def test_a_tag_imbued_by_a_pattern_asks_which_tags_are_meant(catalog: Catalog, make_app: MakeApp) -> None:
    from loratui.captions.service import change_rules

    change_rules(catalog, "Mira", {"imbued": ["* eyes"]})
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        screen.table.move_to_key("red eyes")
        await settle(pilot)
        assert "by '* eyes'" in text_of(screen, "#preview")
        await press(pilot, "i")
        await press(pilot, "enter")
        assert rules_of(catalog, "Mira").imbued == ("blue eyes",)
        undo(catalog)
        screen.library_changed()
        await settle(pilot)
        await press(pilot, "i")
        await press(pilot, "down", "enter")
        assert rules_of(catalog, "Mira").imbued == ()


async def test_an_entry_of_its_own_beside_a_pattern_does_not_let_the_others_slip(
    catalog: Catalog, make_app: MakeApp
) -> None:
    from loratui.captions.service import change_rules

    change_rules(catalog, "Mira", {"imbued": ["red eyes", "free*", "* eyes"]})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        screen.table.move_to_key("red eyes")
        await press(pilot, "i", "enter")
        assert rules_of(catalog, "Mira").imbued == ("free*", "blue eyes")
        assert list(app.last_command)[3:] == ["--keep=red eyes", "--keep=* eyes", "--imbue=blue eyes"]


async def test_a_tag_that_the_prefix_says_can_not_be_imbued(catalog: Catalog, make_app: MakeApp) -> None:
    from loratui.captions.service import change_rules

    change_rules(catalog, "Mira", {"prefix": "photo of {trigger}, freckles,"})
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show_tags(pilot)
        assert screen.table.rows[0].cells[-1] == "in prefix"
        await press(pilot, "i")
        assert rules_of(catalog, "Mira").imbued == ()
        assert "The prefix says freckles" in app.messages[-1].text


async def test_tab_scrolls_what_is_beside_the_table(catalog: Catalog, make_app: MakeApp) -> None:
    from loratui.captions.service import change_rules

    change_rules(catalog, "Mira", {"imbued": [f"misspelled {number}" for number in range(6)]})
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await show_tags(pilot)
        beside = screen.query_one("#beside")
        await press(pilot, "tab")
        assert beside.scroll_offset.y == beside.max_scroll_y > 0
        await press(pilot, "tab")
        assert beside.scroll_offset.y == 0


async def test_the_cursor_stays_on_its_tag_when_someone_else_changes_the_library(
    catalog: Catalog, make_app: MakeApp
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        await press(pilot, "j", "j")
        assert screen.table.cursor_key == "hat"
        add_tags(catalog, "Mira", "", ["smile", "beach"])
        screen.library_changed()
        await settle(pilot)
        assert screen.table.cursor_key == "hat"
        assert len(screen.table.rows) == 6


async def test_a_tag_is_added_with_completion_and_the_count_shown_before(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await show_tags(pilot)
        await press(pilot, "a")
        form = app.screen
        assert isinstance(form, TagForm)
        assert "all: 12 pictures" in text_of(form, "#scope")
        await press(pilot, "h", "tab")
        assert form.query_one(Input).value == "hat"
        assert text_of(form, "#touched") == "9 pictures will get it."
        await press(pilot, *", ")
        await press(pilot, *"smile", "enter")
        assert tags_of(catalog) == {"freckles": 12, "hat": 12, "smile": 12, "red eyes": 10, "blue eyes": 2}
        assert list(app.last_command) == ["caption", "tag", "Mira", "all", "--add=hat", "--add=smile"]
        await press(pilot, "u")
        assert tags_of(catalog)["hat"] == 3


async def test_each_tag_of_a_line_is_completed_by_itself(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await show_tags(pilot)
        await press(pilot, "a")
        line = app.screen.query_one(Input)
        await press(pilot, *"eyes", "tab")
        assert line.value == "red eyes"
        await press(pilot, *", ha", "tab")
        assert line.value == "red eyes, hat"
        await press(pilot, *", eyes", "tab", "tab")
        assert line.value == "red eyes, hat, blue eyes"


async def test_a_minus_removes_where_tags_are_added_in_one_step(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    before = {"freckles": 12, "red eyes": 10, "hat": 3, "blue eyes": 2}
    async with app.run_test(size=(120, 40)) as pilot:
        await show_tags(pilot)
        await press(pilot, "a")
        await press(pilot, *"hat, -hat", "enter")
        assert isinstance(app.screen, TagForm)
        assert text_of(app.screen, "#touched") == "hat can't be added and removed at once."
        await press(pilot, "ctrl+u", *"smile, -hat")
        assert text_of(app.screen, "#touched") == "12 pictures will get smile, 3 pictures will lose hat."
        await press(pilot, "enter")
        assert tags_of(catalog) == {"freckles": 12, "smile": 12, "red eyes": 10, "blue eyes": 2}
        assert not any("-hat" in caption for caption in captions(catalog).values())
        assert list(app.last_command) == ["caption", "tag", "Mira", "all", "--add=smile", "--remove=hat"]
        await press(pilot, "u")
        assert tags_of(catalog) == before


async def test_no_tag_is_replaced_by_one_with_a_minus(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await show_tags(pilot)
        await press(pilot, "r", *"-hat", "enter")
        assert isinstance(app.screen, TagForm)
        assert text_of(app.screen, "#touched") == "No tag begins with a minus: x removes tags."


async def test_a_tag_is_removed_from_the_pictures_that_have_it(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        screen.table.move_to_key("hat")
        await press(pilot, "x")
        assert text_of(app.screen, "#touched") == "3 pictures will lose it."
        await press(pilot, "enter")
        assert "hat" not in tags_of(catalog)
        assert "hat" not in {row.key for row in screen.table.rows}


async def test_replacing_says_how_many_change_and_is_undone_in_one_step(catalog: Catalog, make_app: MakeApp) -> None:
    set_caption(catalog, "Mira", "name:picture_07", "Mirvok with a hat")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        screen.table.move_to_key("hat")
        await press(pilot, "r")
        assert text_of(app.screen, "#touched") == "4 pictures will change; 1 caption written by hand will say it too."
        await press(pilot, *"cap", "enter")
        assert tags_of(catalog)["cap"] == 3
        assert screen.table.cursor_key == "cap"
        assert captions(catalog)["picture_07.png"] == "Mirvok with a cap"
        assert list(app.last_command) == ["caption", "replace", "Mira", "hat", "cap", "all"]
        await press(pilot, "u")
        assert "cap" not in tags_of(catalog)
        assert captions(catalog)["picture_07.png"] == "Mirvok with a hat"


async def test_the_scope_follows_the_wall_and_bounds_counts_and_edits(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        app.show_screen("pictures", subject="Mira")
        await settle(pilot)
        wall = app.screen
        assert isinstance(wall, PicturesScreen)
        wall.filter_by("name:picture_00 OR name:picture_05")
        await settle(pilot)
        await press(pilot, "space")
        screen = await show_tags(pilot)
        await press(pilot, "s")
        assert "[filtered name:picture_00 OR name:picture_05: 2 pictures]" in text_of(screen, "#scope")
        assert {row.key: row.cells[1] for row in screen.table.rows} == {"freckles": "2", "red eyes": "2", "hat": "1"}
        assert "2 pictures: 100% of the filtered" in text_of(screen, "#preview")
        assert "12 captions of the whole subject change" in text_of(screen, "#preview")
        await press(pilot, "a")
        await press(pilot, *"beach", "enter")
        assert tags_of(catalog)["beach"] == 2
        assert list(app.last_command)[3] == "name:picture_00 OR name:picture_05"
        await press(pilot, "s")
        assert "[marked: 1 picture]" in text_of(screen, "#scope")
        await press(pilot, "a")
        await press(pilot, *"sea", "enter")
        assert tags_of(catalog)["sea"] == 1
        assert list(app.last_command)[3].startswith("sha:")
        await press(pilot, "s")
        assert "[all: 12 pictures]" in text_of(screen, "#scope")


async def test_without_filter_or_marks_the_scope_key_says_how_to_get_them(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await show_tags(pilot)
        await press(pilot, "s")
        assert "Nothing is filtered or marked" in app.messages[-1].text


async def test_prefix_and_suffix_are_changed_and_a_wrong_placeholder_is_refused(
    catalog: Catalog, make_app: MakeApp
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await show_tags(pilot)
        await press(pilot, "P")
        line = app.screen.query(Input).first()
        line.value = "{who},"
        await press(pilot, "enter", "enter")
        assert rules_of(catalog, "Mira").prefix == "photo of {trigger},"
        line.value = "{trigger}, a {class_word},"
        await press(pilot, "ctrl+s")
        assert rules_of(catalog, "Mira").prefix == "{trigger}, a {class_word},"
        assert captions(catalog)["picture_11.png"] == "Mirvok, a woman, freckles, blue eyes"
        assert "12 captions" in app.messages[-1].text


async def test_a_filter_shows_the_tags_that_have_it_inside(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        await press(pilot, "slash", *"EYES", "enter")
        assert [row.key for row in screen.table.rows] == ["red eyes", "blue eyes"]
        await press(pilot, "escape")
        assert len(screen.table.rows) == 4
        assert app.screen is screen


async def test_the_order_key_sorts_by_the_next_column(catalog: Catalog, make_app: MakeApp) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        await press(pilot, "o")
        assert [row.key for row in screen.table.rows] == ["blue eyes", "freckles", "hat", "red eyes"]


async def test_the_example_caption_is_written_by_hand_and_n_shows_the_next(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        screen.table.move_to_key("hat")
        await press(pilot, "n")
        assert "2 of 3  picture_01.png" in text_of(screen, "#preview")
        await press(pilot, "e")
        await press(pilot, *"Mirvok!", "enter")
        assert captions(catalog)["picture_01.png"] == "Mirvok!"
        assert "by hand  1 caption" in text_of(screen, "#rules")


async def test_g_shows_the_pictures_that_have_the_tag(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        screen.table.move_to_key("red eyes")
        await press(pilot, "g")
        assert isinstance(app.screen, PicturesScreen)
        assert app.screen.query_text == 'tag:"red eyes"'
        assert len(app.screen.wall.ids) == 10


async def test_a_subject_without_tags_says_where_they_come_from(mira: Home, make_app: MakeApp) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await show_tags(pilot)
        shown = text_of(screen, "#empty")
        assert "loratui caption tag Mira" in shown
        assert "photo of Mirvok" in shown
        await press(pilot, "i")
        assert "W has a model tag" in screen.message_line.text
        await press(pilot, "a")
        await press(pilot, *"smile", "ctrl+s")
        assert [row.key for row in screen.table.rows] == ["smile"]
        assert not screen.query_one("#empty").display


async def test_a_subject_without_pictures_says_how_to_get_some(home: Home, make_app: MakeApp) -> None:
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "Mirvok")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show_tags(pilot)
        assert "Mira has no pictures yet" in text_of(screen, "#empty")
        await press(pilot, "a")
        assert app.screen is screen
        assert "F3 shows them" in app.messages[-1].text


async def test_doubts_about_captions_are_named(catalog: Catalog, make_app: MakeApp) -> None:
    from loratui.captions.service import change_rules

    set_caption(catalog, "Mira", "name:picture_03", "a woman, " + "smile, " * 60)
    change_rules(catalog, "Mira", {"imbued": ["frekles"]})
    async with make_app().run_test(size=(140, 40)) as pilot:
        screen = await show_tags(pilot)
        shown = text_of(screen, "#rules")
        assert "the trigger Mirvok is missing" in shown
        assert "'frekles' is imbued, but no picture has it" in shown
        pytest.importorskip("instant_clip_tokenizer")
        assert "of 75 tokens  picture_03.png" in shown
        assert "1 caption is longer than 75 tokens" in shown


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_markup_and_control_characters_in_tags_are_shown_as_text(
    mira: Home, make_app: MakeApp, size: tuple[int, int]
) -> None:
    with open_catalog(mira) as catalog:
        add_tags(catalog, "Mira", "", ["[red]not red[/red]", "[@click=app.quit]x[/]", "{trigger}"])
        async with make_app().run_test(size=size) as pilot:
            screen = await show_tags(pilot)
            assert {row.key for row in screen.table.rows} >= {"[red]not red[/red]", "{trigger}"}
            screen.table.move_to_key("[red]not red[/red]")
            await settle(pilot)
            assert "[red]not red[/red]" in text_of(screen, "#preview")
            await press(pilot, "i")
            assert rules_of(catalog, "Mira").imbued == ("[red]not red[/red]",)


async def test_a_thousand_tags_are_listed(mira: Home, make_app: MakeApp) -> None:
    with open_catalog(mira) as catalog:
        add_tags(catalog, "Mira", "", [f"tag {number}" for number in range(1000)])
        async with make_app().run_test(size=(120, 40)) as pilot:
            screen = await show_tags(pilot)
            await press(pilot, "end")
            assert screen.table.cursor == 999
            assert isinstance(screen.table, RowTable)


def test_the_query_for_a_tag_takes_it_as_it_is_spelled() -> None:
    assert parse_query(query_for_tag("red eyes")) == Match("tag", "red eyes")
    assert parse_query(query_for_tag("what?*")) == Match("tag", r"what\?\*")
    assert parse_query(query_for_tag('the "best"')) == Match("tag", 'the "best"')


async def test_what_a_training_commits_does_not_read_the_tags_again(catalog: Catalog, make_app: MakeApp) -> None:
    from loratui.catalog.measures import Measure, store_measures

    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        before = screen.view
        store_measures(catalog, [(1, "duplicates", Measure(0, "now"))])
        screen.library_changed()
        await settle(pilot)
        assert screen.view is before
        add_tags(catalog, "Mira", "", ["smile"])
        screen.library_changed()
        await settle(pilot)
        assert screen.view is not before
