"""Rules on the tags screen: changed in a form, taken from files and other subjects, and written to files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from textual.widgets import Input, Static

from loratui.captions.service import captions_of, change_rules, rules_of
from loratui.catalog.edits import add_tags
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.tui.dialogs import Form
from loratui.tui.rule_files import RulesReport

from .conftest import settle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from textual.pilot import Pilot

    from loratui.catalog.store import Catalog
    from loratui.config import Home

    from .conftest import MakeApp


@pytest.fixture
def catalog(mira: Home) -> Iterator[Catalog]:
    """Mira with blue eyes and freckles on all twelve pictures, a smile on one."""
    with open_catalog(mira) as opened:
        add_tags(opened, "Mira", "", ["freckles", "blue eyes"])
        add_tags(opened, "Mira", "name:picture_00*", ["smile"])
        yield opened


async def press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


async def open_form(pilot: Pilot[None], key: str) -> None:
    await settle(pilot)
    await press(pilot, "t", key)
    assert isinstance(pilot.app.screen, Form)


def line(app: Any, name: str) -> Input:
    """The line of the form that is open, by the name of its field."""
    return next(one for one in app.screen.query("FormLine") if one.item.name == name)


def wrong(app: Any) -> str:
    return str(app.screen.query_one("#wrong", Static).render())


def first_caption(catalog: Catalog) -> str:
    return captions_of(catalog, "Mira")[select_memberships(catalog, "Mira")[0].id]


async def test_rules_are_changed_in_a_form_in_one_step(catalog: Catalog, make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, "R")
        await press(pilot, "right")
        assert line(app, "say").value == "sentence"
        line(app, "order").value = "alphabetical"
        line(app, "max_tokens").value = "50"
        await press(pilot, "ctrl+s")
        rules = rules_of(catalog, "Mira")
        assert (rules.say, rules.order, rules.max_tokens) == ("sentence", "alphabetical", 50)
        assert (rules.drop_overlaps, rules.general_threshold) == ("scored", 0.35)
        options = ["--say=sentence", "--order=alphabetical", "--max-tokens=50"]
        assert list(app.last_command) == ["rules", "set", "Mira", *options]
        assert "Say and order and max tokens changed: 12 captions read otherwise now." in app.messages[-1].text
        assert first_caption(catalog) == "photo of Mirvok, blue eyes, freckles, smile"
        await press(pilot, "u")
        assert first_caption(catalog) == "photo of Mirvok, freckles, blue eyes, smile"


@pytest.mark.parametrize(("field", "text"), [("max_tokens", "many"), ("general_threshold", "1.5")])
async def test_a_rule_that_makes_no_sense_keeps_the_form_open(
    catalog: Catalog, make_app: MakeApp, field: str, text: str
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, "R")
        line(app, field).value = text
        await press(pilot, "ctrl+s")
        assert isinstance(app.screen, Form)
        assert "Give a" in wrong(app)
        await press(pilot, "escape")
        assert rules_of(catalog, "Mira").max_tokens == 75


async def test_an_undesired_list_is_taken_in_and_each_entry_says_what_it_found(
    catalog: Catalog, make_app: MakeApp, tmp_path: Path
) -> None:
    (tmp_path / "undesired.txt").write_text("Blue_eyes, freckles, freckels", encoding="utf-8")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_form(pilot, "L")
        await press(pilot, *f"{tmp_path}/unde", "tab")
        assert line(app, "file").value == f"{tmp_path}/undesired.txt"
        await press(pilot, "ctrl+s")
        assert isinstance(app.screen, RulesReport)
        report = "\n".join(str(one.render()) for one in app.screen.query(Static))
        assert report.count("in 12 pictures") == 2
        assert "'freckels' matches no picture; did you mean 'freckles'?" in report
        assert "12 captions changed" in report
        assert "u undoes" in report
        assert first_caption(catalog) == "photo of Mirvok, smile"
        assert list(app.last_command) == ["rules", "import", "Mira", f"{tmp_path}/undesired.txt"]
        await press(pilot, "u")
        assert not isinstance(app.screen, RulesReport)
        assert rules_of(catalog, "Mira").imbued == ()
        assert "undesired.txt" in app.messages[-1].text
        # Later `u` may mean something else: from the task drawer the report is only read.
        await press(pilot, "w", "enter")
        assert isinstance(app.screen, RulesReport)
        await press(pilot, "u", "escape", "escape")
        assert rules_of(catalog, "Mira").imbued == ()


async def test_rules_of_another_subject_are_taken_over(catalog: Catalog, make_app: MakeApp) -> None:
    add_subject(catalog, "Tiko", "tikovok")
    change_rules(catalog, "Tiko", {"imbued": ["freckles"], "suffix": "outdoors"})
    change_rules(catalog, "Mira", {"imbued": ["smile"]})
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_form(pilot, "L")
        line(app, "other").value = "Tiko"
        await press(pilot, "ctrl+s", "escape")
        rules = rules_of(catalog, "Mira")
        assert (set(rules.imbued), rules.suffix) == ({"smile", "freckles"}, "outdoors")
        assert list(app.last_command) == ["rules", "import", "Mira", "--from=Tiko"]


async def test_prose_is_no_list_of_tags_until_that_is_wanted(
    catalog: Catalog, make_app: MakeApp, tmp_path: Path
) -> None:
    prose = tmp_path / "letter.txt"
    prose.write_text("A long story, and no list of tags, as people write it", encoding="utf-8")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_form(pilot, "L")
        form = app.screen
        await press(pilot, *str(prose), "ctrl+s")
        assert app.screen is form
        assert "is a tag of Mira" in wrong(app) and "--" not in wrong(app)
        assert line(app, "file").value == str(prose)
        assert rules_of(catalog, "Mira").imbued == ()
        line(app, "strange").focus()
        await press(pilot, "right")
        assert wrong(app) == ""
        await press(pilot, "ctrl+s")
        assert isinstance(app.screen, RulesReport)
        assert "and no list of tags" in rules_of(catalog, "Mira").imbued
        assert list(app.last_command) == ["rules", "import", "Mira", str(prose), "--anyway"]


async def test_what_can_not_be_taken_in_is_asked_again(catalog: Catalog, make_app: MakeApp, tmp_path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_form(pilot, "L")
        await press(pilot, "ctrl+s")
        assert wrong(app) == "Name either a file or a subject."
        line(app, "file").value = f"{tmp_path}/none.txt"
        await press(pilot, "ctrl+s")
        assert line(app, "file").value == f"{tmp_path}/none.txt"
        assert "none.txt" in wrong(app)
        await press(pilot, "escape")
        assert rules_of(catalog, "Mira").imbued == ()


async def test_rules_are_written_as_json_and_as_kohyas_list(
    catalog: Catalog, make_app: MakeApp, tmp_path: Path
) -> None:
    change_rules(catalog, "Mira", {"imbued": ["* eyes", "freckles"]})
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_form(pilot, "E")
        line(app, "file").value = f"{tmp_path}/rules.json"
        await press(pilot, "ctrl+s")
        assert json.loads((tmp_path / "rules.json").read_text())["rules"]["imbued"] == ["* eyes", "freckles"]
        assert app.messages[-1].text == f"Rules of Mira written to {tmp_path}/rules.json."
        await press(pilot, "E", *f"{tmp_path}/list.txt", "down", "right", "ctrl+s")
        assert (tmp_path / "list.txt").read_text() == "blue eyes,freckles\n"
        assert "knows no *" in app.messages[-1].text
        await press(pilot, "E", *"/no/folder/list.txt", "ctrl+s")
        assert line(app, "file").value == "/no/folder/list.txt"
        assert "There is no folder /no/folder" in wrong(app)


async def test_a_file_that_is_there_is_written_over_only_when_that_was_chosen(
    catalog: Catalog, make_app: MakeApp, tmp_path: Path
) -> None:
    taken = tmp_path / "rules.json"
    taken.write_text("mine")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_form(pilot, "E")
        line(app, "file").value = str(taken)
        await press(pilot, "ctrl+s")
        assert "is there already. Name another file, or have it written over." in wrong(app)
        assert taken.read_text() == "mine"
        await press(pilot, "down", "down", "right", "ctrl+s")
        assert json.loads(taken.read_text())["format"] == "loratui caption rules"
        assert list(app.last_command) == ["rules", "export", "Mira", str(taken), "--overwrite"]


async def test_rules_that_were_there_already_offer_no_undo(catalog: Catalog, make_app: MakeApp) -> None:
    add_subject(catalog, "Tiko", "tikovok")
    change_rules(catalog, "Tiko", {"imbued": ["freckles"]})
    change_rules(catalog, "Mira", {"imbued": ["freckles"]})
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_form(pilot, "L")
        line(app, "other").value = "Tiko"
        await press(pilot, "ctrl+s", "escape")
        assert app.messages[-1].text.endswith("0 captions changed. It was so already.")
