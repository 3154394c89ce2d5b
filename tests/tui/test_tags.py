"""The tags screen: what it lists and says, driven by keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from pressing import press
from tags_driving import captions, show_tags, text_of

from loratui.captions.service import change_rules, rules_of
from loratui.catalog.edits import add_tags, remove_tags, set_caption
from loratui.catalog.grammar import Match, parse_query
from loratui.catalog.importer import import_pictures
from loratui.catalog.measures import Measure, store_measures
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.tui.filtered_wall import query_for_tag
from loratui.tui.pictures import PicturesScreen
from loratui.tui.table import RowTable
from loratui.tui.tag_lines import ALL, Question, read_view

from .conftest import settle

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home

    from .conftest import MakeApp


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


async def test_long_names_of_tags_have_their_room_before_a_column_that_says_nothing(
    catalog: Catalog, make_app: MakeApp
) -> None:
    add_tags(catalog, "Mira", "name:picture_00", ["black thigh high stockings"])
    remove_tags(catalog, "Mira", "", ["freckles", "red eyes"])
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        drawn = [screen.table.render_line(y).text for y in range(len(screen.table.rows) + 1)]
        assert any("black thigh high stockings" in line for line in drawn), drawn
        assert not any(row.cells[6] for row in screen.table.rows) and "band" not in drawn[0]


async def test_tab_scrolls_what_is_beside_the_table(catalog: Catalog, make_app: MakeApp) -> None:
    change_rules(catalog, "Mira", {"imbued": [f"misspelled {number}" for number in range(6)]})
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await show_tags(pilot)
        beside = screen.query_one("#beside")
        await press(pilot, "tab")
        assert beside.scroll_offset.y == beside.max_scroll_y > 0
        await press(pilot, "tab")
        assert beside.scroll_offset.y == 0


@pytest.mark.parametrize("width", [80, 120])
async def test_shares_are_said_to_be_of_the_tagged_pictures_where_others_have_no_tags(
    width: int, catalog: Catalog, make_app: MakeApp, tmp_path: Path
) -> None:
    async with make_app().run_test(size=(width, 24)) as pilot:
        screen = await show_tags(pilot)
        assert text_of(screen, "#scope") == "Counts and edits are about  [all: 12 pictures]"
        assert "100% of all" in text_of(screen, "#preview")
        for number in range(20):
            Image.effect_noise((64, 64), 50 + number).save(tmp_path / f"untagged_{number}.png")
        import_pictures(catalog, "Mira", [tmp_path])
        screen.library_changed()
        await settle(pilot)
        assert text_of(screen, "#scope").endswith("[all: 32 pictures, shares of the 12 tagged]")
        assert "100% of the 12 tagged" in text_of(screen, "#preview")
        assert screen.query_one("#scope").render_line(0).text.rstrip().endswith("]")


def test_what_shares_are_of_fits_80_columns_in_large_subjects(catalog: Catalog) -> None:
    view = read_view(catalog, Question("Mira", ALL, "", ()), None)
    view = replace(view, scope=replace(view.scope, ids=tuple(range(12_345))), tagged=1_234)
    assert len(f"About  [all: 12,345 pictures, shares of {view.shares_of}]") <= 78


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
