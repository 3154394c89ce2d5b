"""What captions say of a tag, decided on the tags screen: imbued tags, prefix and suffix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pressing import press
from tags_driving import captions, show_tags, text_of
from textual.widgets import Input

from loratui.captions.service import change_rules, rules_of
from loratui.catalog.journal import undo

from .conftest import settle

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog

    from .conftest import MakeApp


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
    change_rules(catalog, "Mira", {"imbued": ["red eyes", "free*", "* eyes"]})
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await show_tags(pilot)
        screen.table.move_to_key("red eyes")
        await press(pilot, "i", "enter")
        assert rules_of(catalog, "Mira").imbued == ("free*", "blue eyes")
        assert list(app.last_command)[3:] == ["--keep=red eyes", "--keep=* eyes", "--imbue=blue eyes"]


async def test_a_tag_that_the_prefix_says_can_not_be_imbued(catalog: Catalog, make_app: MakeApp) -> None:
    change_rules(catalog, "Mira", {"prefix": "photo of {trigger}, freckles,"})
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await show_tags(pilot)
        assert screen.table.rows[0].cells[-1] == "in prefix"
        await press(pilot, "i")
        assert rules_of(catalog, "Mira").imbued == ()
        assert "The prefix says freckles" in app.messages[-1].text


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
