"""Captions of a subject as a whole: rules, showing, and sidecars taken in as edits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loratui.captions.counts import count_tags
from loratui.captions.service import (
    SidecarImport,
    captions_of,
    change_rules,
    import_sidecars,
    rules_of,
    show_captions,
)
from loratui.captions.sidecars import Sidecar, parse_caption, tell_cleaned
from loratui.catalog.edits import add_tags, remove_tags, set_caption, store_tag_scores, tag_edits_of
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import history, redo, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, edit_subject
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home

NAMES = ("one.png", "two.png", "three.png")
SUFFIXES = (".caption", ".txt")


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as opened:
        yield opened


@pytest.fixture
def mira(catalog: Catalog, tmp_path: Path) -> dict[str, int]:
    """A subject with three pictures; returns their membership ids by name."""
    add_subject(catalog, "mira", "Mira")
    for number, name in enumerate(NAMES):
        Image.linear_gradient("L").rotate(90 * number).resize((64 + number, 64)).save(tmp_path / name)
    import_pictures(catalog, "mira", [tmp_path / name for name in NAMES])
    return {picture.name: picture.id for picture in select_memberships(catalog, "mira")}


def test_captions_follow_scores_edits_and_rules(catalog: Catalog, mira: dict[str, int]) -> None:
    (one,) = select_memberships(catalog, "mira", "name:one")
    store_tag_scores(
        catalog,
        one.picture_id,
        "wd",
        [("long_hair", "general", 0.9), ("blue_eyes", "general", 0.8), ("hat", "general", 0.5)],
    )
    add_tags(catalog, "mira", "name:one", ["red dress"])
    remove_tags(catalog, "mira", "name:one", ["hat"])
    change_rules(catalog, "mira", {"imbued": ["* eyes"]})
    assert captions_of(catalog, "mira") == {
        mira["one.png"]: "photo of Mira, red dress, long hair",
        mira["two.png"]: "photo of Mira",
        mira["three.png"]: "photo of Mira",
    }


def test_a_changed_rule_keeps_the_others_and_can_be_undone(catalog: Catalog, mira: dict[str, int]) -> None:
    change_rules(catalog, "mira", {"suffix": "film grain"})
    change_rules(catalog, "mira", {"prefix": "{trigger} at home,"})
    assert captions_of(catalog, "mira")[mira["one.png"]] == "Mira at home, film grain"
    undo(catalog)
    assert rules_of(catalog, "mira").prefix == "photo of {trigger},"
    assert rules_of(catalog, "mira").suffix == "film grain"


def test_history_tells_which_tags_and_rules_were_changed(catalog: Catalog, mira: dict[str, int]) -> None:
    change_rules(catalog, "mira", {"imbued": ["hat"]})
    change_rules(catalog, "mira", {"imbued": ["* eyes", "scarf"], "max_tokens": 70})
    change_rules(catalog, "mira", {"prefix": "{trigger},"}, label="as it was")
    assert [entry.label for entry in history(catalog, 3)] == [
        "mira: as it was",
        "mira: imbue * eyes, scarf; say hat again; change max tokens",
        "mira: imbue hat",
    ]


def test_rules_that_were_never_changed_follow_the_kind(catalog: Catalog, mira: dict[str, int]) -> None:
    change_rules(catalog, "mira", {"suffix": "ink"})
    edit_subject(catalog, "mira", kind="style")
    assert captions_of(catalog, "mira")[mira["one.png"]] == "Mira, ink"


def test_a_wrong_rule_changes_nothing(catalog: Catalog, mira: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        change_rules(catalog, "mira", {"suffix": "ink", "keep_tokens": "two"})
    assert rules_of(catalog, "mira").suffix == ""


def test_shown_captions_tell_written_ones_and_a_missing_trigger(catalog: Catalog, mira: dict[str, int]) -> None:
    set_caption(catalog, "mira", "name:two", "somebody in the sun")
    shown = {item.membership.name: item for item in show_captions(catalog, "mira", "name:*o*")}
    assert set(shown) == {"one.png", "two.png"}
    assert not shown["one.png"].written and shown["one.png"].warnings == ()
    assert shown["two.png"].written and shown["two.png"].warnings == ("the trigger Mira is missing",)


def test_sidecars_become_edits_in_one_step_that_undo_takes_back(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text("photo of Mira, 1girl, long_hair\n")
    (tmp_path / "two.caption").write_text("A woman called Mira stands on a long beach.")
    pairs = [(mira["one.png"], tmp_path / "one.txt"), (mira["two.png"], tmp_path / "two.caption")]
    before = captions_of(catalog, "mira")
    entries = len(history(catalog, 100))
    result = import_sidecars(catalog, "mira", pairs)
    assert (result.imported, result.unchanged, result.warnings) == (2, 0, ())
    assert len(history(catalog, 100)) == entries + 1
    after = captions_of(catalog, "mira")
    assert after[mira["one.png"]] == "photo of Mira, 1girl, long_hair"
    assert after[mira["two.png"]] == "A woman called Mira stands on a long beach."
    assert [edit.tag for edit in tag_edits_of(catalog, "mira")[mira["one.png"]]] == ["1girl", "long_hair"]
    undo(catalog)
    assert captions_of(catalog, "mira") == before
    redo(catalog)
    assert captions_of(catalog, "mira") == after


def test_importing_sidecars_again_changes_nothing(catalog: Catalog, mira: dict[str, int], tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("hat, smile")
    (tmp_path / "two.txt").write_text("a woman in the park on a sunny day")
    pairs = [(mira["one.png"], tmp_path / "one.txt"), (mira["two.png"], tmp_path / "two.txt")]
    import_sidecars(catalog, "mira", pairs)
    entries = len(history(catalog, 100))
    again = import_sidecars(catalog, "mira", pairs)
    assert (again.imported, again.unchanged) == (0, 2)
    assert len(history(catalog, 100)) == entries


def test_sidecars_never_overrule_what_a_person_said(catalog: Catalog, mira: dict[str, int], tmp_path: Path) -> None:
    set_caption(catalog, "mira", "name:two", "Mira in my own words")
    remove_tags(catalog, "mira", "name:one", ["long hair"])
    (tmp_path / "one.txt").write_text("hat, long_hair")
    (tmp_path / "two.txt").write_text("a woman in the park on a sunny day")
    pairs = [(mira["one.png"], tmp_path / "one.txt"), (mira["two.png"], tmp_path / "two.txt")]
    result = import_sidecars(catalog, "mira", pairs)
    captions = captions_of(catalog, "mira")
    assert captions[mira["one.png"]] == "photo of Mira, hat"
    assert captions[mira["two.png"]] == "Mira in my own words"
    assert any("were kept" in warning for warning in result.warnings)


def test_kohya_metadata_speaks_of_many_pictures(catalog: Catalog, mira: dict[str, int], tmp_path: Path) -> None:
    metadata = tmp_path / "meta_cap.json"
    metadata.write_text(
        json.dumps({"/x/one.png": {"tags": "hat, smile"}, "two": {"caption": "Mira walks her small dog"}})
    )
    result = import_sidecars(catalog, "mira", [(id_, metadata) for id_ in mira.values()])
    captions = captions_of(catalog, "mira")
    assert (result.imported, result.warnings) == (2, ())
    assert captions[mira["one.png"]] == "photo of Mira, hat, smile"
    assert captions[mira["two.png"]] == "Mira walks her small dog"
    assert captions[mira["three.png"]] == "photo of Mira"


def test_sidecars_that_can_not_be_read_are_told_and_stop_nothing(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "one.json").write_text("{")
    (tmp_path / "two.txt").write_bytes("übermut, hat".encode("latin-1"))
    (tmp_path / "three.txt").write_text("a sentence without any of the words we want")
    result = import_sidecars(
        catalog,
        "mira",
        [
            (mira["one.png"], tmp_path / "one.json"),
            (mira["one.png"], tmp_path / "absent.txt"),
            (mira["two.png"], tmp_path / "two.txt"),
            (mira["three.png"], tmp_path / "three.txt"),
        ],
    )
    assert result.imported == 2 and len(result.warnings) == 4
    assert captions_of(catalog, "mira")[mira["two.png"]] == "photo of Mira, übermut, hat"


def test_a_caption_file_that_loses_against_another_is_told(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "one.caption").write_text("hat, smile")
    (tmp_path / "one.txt").write_text("beach")
    (tmp_path / "two.caption").write_text("Mira walks her small dog on the beach")
    (tmp_path / "two.txt").write_text("dog, beach")
    (tmp_path / "three.caption").write_text("hat")
    (tmp_path / "three.txt").write_text("hat")
    pairs = [(id_, (tmp_path / name).with_suffix(suffix)) for name, id_ in mira.items() for suffix in SUFFIXES]
    differ, mixed = import_sidecars(catalog, "mira", pairs).warnings
    assert differ.startswith("For 1 picture ") and "one.caption and not" in differ and "one.txt" in differ
    assert mixed.startswith("For 1 picture ") and "two.caption" in mixed and "the tags are kept but not said" in mixed
    captions = captions_of(catalog, "mira")
    assert captions[mira["one.png"]] == "photo of Mira, hat, smile"
    assert captions[mira["two.png"]] == "Mira walks her small dog on the beach"


def test_a_binary_caption_file_is_told_and_not_read(catalog: Catalog, mira: dict[str, int], tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xe9")
    result = import_sidecars(catalog, "mira", [(mira["one.png"], tmp_path / "one.txt")])
    assert result.imported == 0
    assert ["is no text" in warning for warning in result.warnings] == [True]


def test_the_caption_file_that_is_not_utf_8_in_the_shared_pictures_is_read(
    catalog: Catalog, mira: dict[str, int], shared: Path
) -> None:
    path = shared / "data" / "torture" / "caption_only.txt"
    result = import_sidecars(catalog, "mira", [(mira["one.png"], path)])
    assert any("Latin-1" in warning for warning in result.warnings)


def import_text(catalog: Catalog, id_: int, path: Path, text: str, *, whole: bool = False) -> SidecarImport:
    path.write_text(text + "\n", encoding="utf-8")
    return import_sidecars(catalog, "mira", [(id_, path)], whole=whole)


@pytest.mark.parametrize(
    "text",
    [
        "Mira, corgi, running",
        r"Mira, foo\(bar\), a, a",
        "photo of Mira, a small dog, running over the grass",
        "corgi,  running,mira ,",
        "A small dog runs over the grass, and barks.",
    ],
)
def test_whole_captions_come_out_word_for_word_and_their_tags_are_known(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path, text: str
) -> None:
    change_rules(catalog, "mira", {"suffix": "grain", "imbued": ["corgi"]})
    result = import_text(catalog, mira["one.png"], tmp_path / "one.txt", text, whole=True)
    assert captions_of(catalog, "mira")[mira["one.png"]] == text
    assert result.notes == ()
    if "corgi" in text:
        assert "corgi" in {count.tag for count in count_tags(catalog, "mira", "name:one.png")}
    # What was read as tags at first can be had whole later.
    undo(catalog)
    import_text(catalog, mira["one.png"], tmp_path / "one.txt", text)
    import_text(catalog, mira["one.png"], tmp_path / "one.txt", text, whole=True)
    assert captions_of(catalog, "mira")[mira["one.png"]] == text


def test_lines_of_tags_get_commas_when_they_are_kept_whole(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path
) -> None:
    import_text(catalog, mira["one.png"], tmp_path / "one.txt", "1girl\nlong hair,\nhat", whole=True)
    assert captions_of(catalog, "mira")[mira["one.png"]] == "1girl, long hair, hat"


def test_an_import_tells_what_captions_say_otherwise_than_their_files(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path
) -> None:
    note, more = import_text(catalog, mira["one.png"], tmp_path / "one.txt", r"Mira, foo\(bar\), a, a").notes
    assert r"'Mira, foo\(bar\), a, a' became 'photo of Mira, foo(bar), a'" in note
    for reason in ("the prefix says them", "a tag stood twice", "backslashes", "--whole-captions"):
        assert reason in note
    assert "rules set mira --prefix '{trigger},'" in more
    assert import_text(catalog, mira["two.png"], tmp_path / "two.txt", "photo of Mira, hat").notes == ()
    assert import_text(catalog, mira["two.png"], tmp_path / "two.txt", "A dog walks over the grass.").notes == ()


@pytest.mark.parametrize(
    ("written", "said", "named"),
    [("zeta, alpha, zeta", "zeta, alpha", "'zeta'"), ("a, B, b, c, A", "a, B, c", "'a', 'B'")],
)
def test_a_tag_that_a_caption_file_has_twice_stands_where_it_was_written_first_and_is_named(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path, written: str, said: str, named: str
) -> None:
    (note,) = import_text(catalog, mira["one.png"], tmp_path / "one.txt", written).notes
    assert captions_of(catalog, "mira")[mira["one.png"]] == f"photo of Mira, {said}"
    assert f"a tag stood twice: {named})" in note


def test_the_own_trigger_stays_in_captions_that_have_no_prefix(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path
) -> None:
    change_rules(catalog, "mira", {"prefix": ""})
    assert import_text(catalog, mira["one.png"], tmp_path / "one.txt", "Mira, corgi, running").notes == ()
    assert captions_of(catalog, "mira")[mira["one.png"]] == "Mira, corgi, running"
    change_rules(catalog, "mira", {"prefix": "{trigger},"})
    assert captions_of(catalog, "mira")[mira["one.png"]] == "Mira, corgi, running"


words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=6)
tag_lists = st.lists(st.lists(words, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.one_of(tag_lists.map(", ".join), st.lists(words, min_size=6, max_size=9).map(" ".join)))
def test_any_kohya_caption_that_begins_as_the_rules_do_comes_out_as_it_went_in(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path, body: str
) -> None:
    parsed = parse_caption(body)
    tags = [tag.casefold() for tag in parsed.tags]
    if len(set(tags)) < len(tags) or "mira" in tags or "photo of mira" in tags:
        return
    text = f"photo of Mira, {', '.join(parsed.tags)}" if parsed.tags else parsed.text
    path = tmp_path / "any.txt"
    path.write_text(text + "\n", encoding="utf-8")
    if import_sidecars(catalog, "mira", [(mira["one.png"], path)]).imported:
        assert captions_of(catalog, "mira")[mira["one.png"]] == text
        undo(catalog)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" ,.\\()"), min_size=1))
def test_any_caption_that_is_kept_whole_comes_out_word_for_word(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path, text: str
) -> None:
    if parse_caption(text) == Sidecar():
        return
    import_text(catalog, mira["one.png"], tmp_path / "any.txt", text, whole=True)
    assert captions_of(catalog, "mira")[mira["one.png"]] == text.strip()
    undo(catalog)


def test_what_of_a_caption_file_can_not_be_kept_word_for_word_is_said(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text("Mira on a long white beach.\nThe sun is low.\n")
    (tmp_path / "two.txt").write_text("  \n ")
    pairs = [(mira["one.png"], tmp_path / "one.txt"), (mira["two.png"], tmp_path / "two.txt")]
    assert import_sidecars(catalog, "mira", pairs, whole=True).notes == (
        "1 caption is written on several lines; kept as one line, for a caption has no more.",
        "1 caption file holds nothing but space: the caption of this picture is computed.",
    )
    assert import_sidecars(catalog, "mira", pairs).notes == ()


def test_tabs_and_what_no_caption_holds_are_told_where_captions_are_kept_word_for_word(
    catalog: Catalog, mira: dict[str, int], tmp_path: Path
) -> None:
    (tmp_path / "one.txt").write_text("x\ty\x07z\n")
    (tmp_path / "two.json").write_text(json.dumps({"two.png": {"caption": "  a\tb, c \n"}}))
    pairs = [(mira["one.png"], tmp_path / "one.txt"), (mira["two.png"], tmp_path / "two.json")]
    assert import_sidecars(catalog, "mira", pairs, whole=True).notes == (
        "Not all is word for word: tabs became spaces in 2 captions; control characters were left out in 1; "
        "spaces at the ends were left out in 1.",
    )
    assert sorted(captions_of(catalog, "mira").values()) == ["a b, c", "photo of Mira", "x yz"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x, y\r\n\n", ""),
        (" \t \nx", ""),
        ("\tx", "ends"),
        ("x \ny", "ends"),
        ("x\ty", "tabs"),
        ("\x1b[1mx", "control"),
    ],
)
def test_what_cleaning_changes_is_told_by_its_kind(text: str, told: str) -> None:
    cleaned = tell_cleaned(text)
    assert [told in words for words in cleaned] == [True] * bool(told)
    assert parse_caption(text).cleaned == cleaned
