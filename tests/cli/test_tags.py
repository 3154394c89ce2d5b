"""The verbs about tags, in real processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loratui.catalog.edits import add_tags
from loratui.catalog.importer import import_pictures
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.config import Home

    from .conftest import Read, Run


@pytest.fixture
def mira(home: Home, tmp_path: Path) -> Home:
    """Mira smiles on three pictures and wears a hat on one."""
    from PIL import Image

    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "Mirvok")
        for number in range(3):
            Image.linear_gradient("L").rotate(90 * number).resize((64 + number, 64)).save(tmp_path / f"{number}.png")
        import_pictures(catalog, "Mira", [tmp_path / f"{number}.png" for number in range(3)])
        add_tags(catalog, "Mira", "", ["smile"])
        add_tags(catalog, "Mira", "name:1.png", ["hat"])
    return home


def test_tags_are_listed_with_pictures_and_share(mira: Home, run: Run, read: Read) -> None:
    found = read("tags", "list", "Mira")
    assert [(item["tag"], item["pictures"], item["share"], item["band"]) for item in found] == [
        ("smile", 3, 1.0, "critical"),
        ("hat", 1, 0.3333, ""),
    ]
    assert [item["tag"] for item in read("tags", "list", "Mira", "-tag:hat")] == ["smile"]
    assert "smile" in run("tags", "list", "Mira").stdout


def test_a_tag_is_replaced_and_undo_brings_it_back(mira: Home, run: Run, read: Read) -> None:
    assert read("caption", "replace", "Mira", "smile", "grin", "name:1.png") == {
        "changed": 1,
        "captions_changed": 1,
        "rules": [],
        "notes": [],
    }
    assert {item["tag"]: item["pictures"] for item in read("tags", "list", "Mira")} == {
        "smile": 2,
        "grin": 1,
        "hat": 1,
    }
    assert run("undo").returncode == 0
    assert read("tags", "list", "Mira")[0]["pictures"] == 3


def test_both_verbs_that_put_a_tag_in_place_of_another_tell_what_captions_leave_out(
    mira: Home, run: Run, read: Read
) -> None:
    run("rules", "set", "Mira", "--imbue", "hat")
    renamed = read("tags", "rename", "Mira", "hat", "smile")
    assert (renamed["changed"], renamed["captions_changed"], renamed["rules"]) == (1, 3, ["imbued"])
    run("undo")
    assert read("caption", "replace", "Mira", "hat", "smile", "all") == renamed
    assert "3 captions that said it leave it out" in renamed["notes"][0]
    run("undo")
    done = run("caption", "replace", "Mira", "hat", "smile", "name:1.png")
    assert done.stdout == "1 picture changed; 0 captions read otherwise.\n"
    assert "The rules stay as they are" in done.stderr and "`loratui rules set Mira --imbue smile`" in done.stderr
    assert read("rules", "show", "Mira")["imbued"] == ["hat"]


def test_a_replacement_that_is_no_tag_is_a_usage_error(mira: Home, run: Run) -> None:
    done = run("caption", "replace", "Mira", "smile", "a, b")
    assert done.returncode == 2
    assert "is no tag" in done.stderr


def test_a_tag_with_a_minus_is_not_added_but_names_the_option_that_removes(mira: Home, run: Run, read: Read) -> None:
    for verb in (["caption", "tag", "Mira", "--add=-hat"], ["caption", "replace", "Mira", "smile", "--", "-hat"]):
        done = run(*verb)
        assert done.returncode == 2, done.stderr
        assert "minus" in done.stderr
        assert "--remove" in done.stderr
    assert {item["tag"] for item in read("tags", "list", "Mira")} == {"smile", "hat"}


def test_a_query_that_chooses_no_picture_is_told_from_pictures_without_tags(mira: Home, run: Run) -> None:
    nothing = "No picture of Mira matches role:primary: `loratui picture list Mira` shows them.\n"
    assert run("tags", "list", "Mira", "role:primary").stdout == nothing
    assert run("caption", "list", "Mira", "role:primary").stdout == nothing
    listed = run("tags", "list", "Mira")
    assert "band: from 85 %" in listed.stderr
    assert run("tags", "list", "Mira", "--quiet").stderr == ""


def test_what_changed_is_counted_in_pictures_that_had_the_tag(mira: Home, run: Run) -> None:
    assert run("tags", "remove", "Mira", "hat").stdout == (
        "hat: 1 of 3 pictures had it, 1 lost it.\n1 picture changed.\n"
    )
    assert run("tags", "remove", "Mira", "smil").stdout == (
        "smil: none of 3 pictures has it; it won't count there should a tagger find it; did you mean 'smile'?\n"
        "0 pictures changed.\n"
    )
    assert run("tags", "add", "Mira", "smile").stdout == "smile: 3 of 3 pictures had it already.\n0 pictures changed.\n"
    assert "2 of 3" not in run("caption", "tag", "Mira", "--add", "hat", "name:0.png").stdout


def test_what_changes_nothing_says_why_and_what_was_meant(mira: Home, run: Run) -> None:
    empty = run("tags", "add", "Mira", "")
    assert empty.returncode == 2
    assert "No tag was named" in empty.stderr
    assert run("tags", "add", "Mira", "hat", "role:primary").stdout.startswith(
        "No picture of Mira matches role:primary:"
    )
    meant = "None of 3 pictures has 'smiles'; did you mean 'smile'?\n"
    assert run("tags", "rename", "Mira", "smiles", "grin").stdout == meant
    assert run("caption", "replace", "Mira", "smiles", "grin").stdout == meant
    assert run("caption", "replace", "Mira", "smile", "smile").stdout == "3 pictures said it so already.\n"
    assert "matches name:nothing" in run("caption", "set", "Mira", "name:nothing", "a word").stdout
    run("caption", "set", "Mira", "name:0.png", "a word")
    assert run("caption", "set", "Mira", "name:0.png", "a word").stdout == "1 picture had that caption already.\n"


def test_a_tag_that_rules_say_otherwise_names_the_rule_in_the_way_and_what_changes_it(
    mira: Home, run: Run, read: Read
) -> None:
    read("rules", "set", "Mira", "--rename", "smile=grin")
    told = (
        "have 'smile', which the rule renames makes 'grin'. "
        "`loratui rules set Mira --rename 'smile=big beam'` makes it 'big beam' in all pictures."
    )
    assert " ".join(run("tags", "rename", "Mira", "smile", "big beam").stdout.split()) == f"3 pictures {told}"
    some = run("caption", "replace", "Mira", "smile", "big beam", "-name:0.png").stdout
    assert " ".join(some.split()) == f"2 pictures {told}"
    assert read("caption", "replace", "Mira", "smile", "big beam")["notes"] == [f"3 pictures {told}"]
    assert "said it so already" in run("tags", "rename", "Mira", "smile", "grin").stdout
    read("rules", "set", "Mira", "--rename", "smile=big beam")
    assert {item["tag"] for item in read("tags", "list", "Mira")} == {"big beam", "hat"}


def test_pictures_of_one_name_are_told_apart_by_their_folders(home: Home, tmp_path: Path, run: Run) -> None:
    from PIL import Image

    for number, folder in enumerate(("beach", "town")):
        (tmp_path / folder).mkdir()
        image = Image.linear_gradient("L").rotate(90 * number).resize((80 + number, 64))
        image.save(tmp_path / folder / "01.png")
    run("subject", "add", "Mira", "--trigger", "Mirvok")
    run("import", "Mira", str(tmp_path / "beach"), str(tmp_path / "town"))
    listed = run("caption", "list", "Mira").stdout
    assert "beach/01.png" in listed and "town/01.png" in listed
    proposed = run("propose", "Mira").stdout
    assert "beach/01.png" in proposed and "town/01.png" in proposed
    checked = run("check", "Mira", "--only", "tiny", "--resolution", "512").stdout
    assert "beach/01.png" in checked and "town/01.png" in checked


def test_a_tag_renamed_to_itself_counts_those_that_have_it_and_changes_nothing(mira: Home, run: Run) -> None:
    assert run("tags", "rename", "Mira", "hat", "hat").stdout == "1 picture said it so already.\n"


def test_a_scripts_shares_of_training_are_null_before_there_is_any(mira: Home, run: Run, read: Read) -> None:
    first = read("tags", "list", "Mira")[0]
    assert (first["weight"], first["share_primary"]) == (None, None)
    run("role", "set", "Mira", "supporting", "all")
    first = read("tags", "list", "Mira")[0]
    assert (first["weight"], first["share_primary"]) == (1.0, None)


def test_a_caption_warns_of_its_scope_and_not_where_it_reached_no_picture(mira: Home, run: Run) -> None:
    missed = run("caption", "set", "Mira", "name:nothing", "a word")
    assert missed.stderr == ""
    written = run("caption", "set", "Mira", "", "a word").stderr
    assert "No query was given, so this was for all 3 pictures of Mira" in written
    assert "the trigger Mirvok is missing" in written
    assert "No query" not in run("caption", "set", "Mira", "all", "another word").stderr


def test_a_minus_among_tags_to_add_names_the_verb_that_takes_away(mira: Home, run: Run) -> None:
    assert "`loratui tags remove`" in run("tags", "add", "Mira", "smile, -hat").stderr
