"""The verbs about what is learned with the trigger word, in real processes."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from loratui.captions.service import rules_of
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
    """Mira has red eyes and blonde hair on four pictures, and smiles on one."""
    from PIL import Image

    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "Mirvok")
        for number in range(4):
            Image.linear_gradient("L").rotate(90 * number).resize((64 + number, 64)).save(tmp_path / f"{number}.png")
        import_pictures(catalog, "Mira", [tmp_path / f"{number}.png" for number in range(4)])
        add_tags(catalog, "Mira", "", ["red eyes", "blonde hair"])
        add_tags(catalog, "Mira", "name:1.png", ["smile"])
    return home


def test_the_advice_says_what_to_imbue_and_what_fuses(mira: Home, run: Run, read: Read) -> None:
    advice = read("imbue", "suggest", "Mira", "--but", "hair")
    assert [(tag["tag"], tag["verdict"], tag["share"]) for tag in advice["tags"]] == [
        ("blonde hair", "fused", 1.0),
        ("red eyes", "imbue", 1.0),
        ("smile", "keep", 0.25),
    ]
    assert advice["proposed"] == ["red eyes"]
    assert advice["captions"]["examples"][0] == {
        "name": "0.png",
        "before": "photo of Mirvok, red eyes, blonde hair",
        "after": "photo of Mirvok, blonde hair",
    }
    assert "Eyes will be red unasked." in [outlook["sentence"] for outlook in advice["outlook"]]
    text = run("imbue", "suggest", "Mira").stdout
    assert "Eyes will be red unasked." in text
    assert "- photo of Mirvok, red eyes, blonde hair\n" in text


def test_the_advice_is_applied_unless_it_is_a_dry_run_and_undone(mira: Home, run: Run, read: Read) -> None:
    assert read("imbue", "apply", "Mira", "--preset", "all-but-hair", "--dry-run")["imbued"] == ["red eyes"]
    with open_catalog(mira) as catalog:
        assert rules_of(catalog, "Mira").imbued == ()
    result = read("imbue", "apply", "Mira", "--preset", "all-but-hair")
    assert result["added"] == [{"tag": "red eyes", "pictures": 4, "imbued_by": ""}]
    assert result["captions"]["changed"] == 4
    run("imbue", "apply", "Mira", "smile")
    with open_catalog(mira) as catalog:
        assert rules_of(catalog, "Mira").imbued == ("red eyes", "smile")
    assert run("undo").returncode == 0
    with open_catalog(mira) as catalog:
        assert rules_of(catalog, "Mira").imbued == ("red eyes",)


def test_a_preset_that_would_not_imbue_what_is_imbued_names_the_way_back(mira: Home, run: Run) -> None:
    run("imbue", "apply", "Mira")
    done = run("imbue", "apply", "Mira", "--preset", "all-but-hair").stdout
    assert "'blonde hair' stays on the list" in done
    command = done.partition("`loratui ")[2].partition("`")[0]
    assert run(*shlex.split(command)).returncode == 0
    with open_catalog(mira) as catalog:
        assert rules_of(catalog, "Mira").imbued == ("red eyes",)


def test_advice_without_proposals_says_what_was_looked_at(mira: Home, run: Run) -> None:
    done = run("imbue", "suggest", "Mira", "--preset", "object")
    assert "Shares are of 4 pictures that a tagger read or a person tagged." in done.stdout
    assert "Nothing to imbue among 3 tags of 4 pictures: none says anything about object parts" in done.stdout


def test_presets_and_groups_are_listed(mira: Home, run: Run, read: Read) -> None:
    names = [preset["name"] for preset in read("imbue", "presets")]
    assert {"person", "character", "style", "object", "all_but_hair"} <= set(names)
    (group,) = read("imbue", "groups", "eye_colour")
    assert (group["kind"], group["tags"][0]) == ("intrinsic", "blue eyes")
    assert "clothing_top" in run("imbue", "groups").stdout


def test_a_misspelled_group_gets_near_names(mira: Home, run: Run) -> None:
    done = run("imbue", "suggest", "Mira", "--but", "hari")
    assert done.returncode == 2
    assert "hair" in done.stderr


def test_a_tag_that_no_picture_has_is_imbued_with_a_warning_and_the_preset_is_not_spoken_of(
    mira: Home, run: Run, read: Read
) -> None:
    run("rules", "set", "Mira", "--imbue", "smile")
    done = run("imbue", "apply", "Mira", "red eyse")
    assert "warning: 'red eyse' matches no picture; did you mean 'red eyes'?" in done.stderr
    assert "the preset" not in done.stdout
    assert "the preset" in run("imbue", "apply", "Mira", "--preset", "character").stdout
    assert read("imbue", "apply", "Mira", "frekles")["warnings"] == ["'frekles' matches no picture."]
