"""What captions say of a tag, decided on the tags screen: imbued tags, prefix and suffix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pressing import press
from tags_driving import captions, show_tags, tags_of, text_of
from textual.widgets import Input

from loratui.captions.service import change_rules, rules_of
from loratui.catalog import importer, subjects
from loratui.catalog.edits import add_tags, store_tag_scores
from loratui.catalog.journal import undo
from loratui.catalog.query import count_memberships, select_memberships
from loratui.catalog.store import open_catalog
from loratui.tui.asking import AskingForm

from .conftest import draw_pictures, settle

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home

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


async def test_a_prefix_with_refused_words_stays_in_its_form_and_no_later_key_reaches_the_screen(
    home: Home, tmp_path: Path, make_app: MakeApp
) -> None:
    draw_pictures(tmp_path / "rex", 2)
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok", kind="person", class_word="woman")
        importer.import_pictures(catalog, "Mira", [tmp_path / "rex"])
        add_tags(catalog, "Mira", "", ["freckles"])
        app = make_app()
        async with app.run_test(size=(120, 40)) as pilot:
            await show_tags(pilot)
            await press(pilot, "P", "ctrl+u", *"naked {trigger},", "ctrl+s", *"nice")
            form = app.screen
            assert isinstance(form, AskingForm)
            assert form.values["prefix"] == "naked {trigger},nice"
            assert rules_of(catalog, "Mira").imbued == ()
            await press(pilot, "ctrl+u", *"{trigger},", "ctrl+s")
            assert app.screen is not form
            assert rules_of(catalog, "Mira").prefix == "{trigger},"


async def test_the_form_of_rules_says_when_nothing_was_changed(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await show_tags(pilot)
        await press(pilot, "R", "ctrl+s")
        assert app.messages[-1].text == "Nothing was changed."


async def test_counts_and_queries_agree_on_a_tag_after_the_threshold_was_changed(
    catalog: Catalog, make_app: MakeApp
) -> None:
    for place, picture in enumerate(select_memberships(catalog, "Mira")):
        store_tag_scores(catalog, picture.picture_id, "wd", [("egyptian_cat", "general", place / 20)])
    assert (tags_of(catalog)["egyptian cat"], count_memberships(catalog, "Mira", 'tag:"egyptian cat"')) == (5, 5)
    async with make_app().run_test(size=(120, 40)) as pilot:
        await show_tags(pilot)
        await press(pilot, "R", "up", "ctrl+u", *"0.1", "ctrl+s")
    assert (tags_of(catalog)["egyptian cat"], count_memberships(catalog, "Mira", 'tag:"egyptian cat"')) == (10, 10)
