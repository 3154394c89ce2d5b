"""Tags are added, removed and replaced on the tags screen, in the scope that is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pressing import press
from tags_driving import captions, show_tags, tags_of, text_of
from textual.widgets import Input

from loratui.captions.service import change_rules, rules_of
from loratui.catalog.edits import set_caption
from loratui.tui.pictures import PicturesScreen
from loratui.tui.tag_form import TagForm

from .conftest import settle

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog

    from .conftest import MakeApp


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


async def test_a_form_without_a_tag_stays_open_and_says_what_it_waits_for(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await show_tags(pilot)
        for key in "ar":
            await press(pilot, key, "ctrl+u", "ctrl+s")
            assert isinstance(app.screen, TagForm)
            assert text_of(app.screen, "#touched") == "There is no tag here: type one, or esc leaves."
            await press(pilot, "escape")


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


async def test_replacing_an_imbued_tag_tells_that_the_new_one_is_imbued_too(
    catalog: Catalog, make_app: MakeApp
) -> None:
    change_rules(catalog, "Mira", {"imbued": ["hat"]})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        screen.table.move_to_key("hat")
        await press(pilot, "r", "ctrl+u", *"straw_hat", "enter")
        assert "straw hat is imbued too, as hat was" in app.messages[-1].text
        assert screen.table.cursor_key == "straw hat"
        assert "straw" not in captions(catalog)["picture_00.png"]


async def test_replacing_in_a_scope_leaves_rules_alone_that_act_on_other_pictures_and_says_so(
    catalog: Catalog, make_app: MakeApp
) -> None:
    change_rules(catalog, "Mira", {"imbued": ["hat"]})
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        app.show_screen("pictures", subject="Mira")
        await settle(pilot)
        wall = app.screen
        assert isinstance(wall, PicturesScreen)
        wall.filter_by("name:picture_00")
        await settle(pilot)
        screen = await show_tags(pilot)
        await press(pilot, "s")
        screen.table.move_to_key("hat")
        await press(pilot, "r", "ctrl+u", *"Freckles", "enter")
        assert "freckles is said although hat is imbued: rules act on 11 pictures out of scope" in app.messages[-1].text
        assert rules_of(catalog, "Mira").imbued == ("hat",)
        await press(pilot, "u", "s")
        screen.table.move_to_key("hat")
        await press(pilot, "r", "ctrl+u", *"freckles", "enter")
        assert "freckles is imbued too, as hat was, and left out of 12 captions now" in app.messages[-1].text


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
