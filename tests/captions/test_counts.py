"""Tags counted over a subject, captions foreseen under other rules, and one tag put in place of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loratui.captions.counts import count_tags, imbue_tag, keep_tag, preview_rules, read_book
from loratui.captions.replacing import replace_tag, replace_words
from loratui.captions.rules import CaptionRules
from loratui.captions.service import captions_of, change_rules, rules_of
from loratui.captions.tags import fold_tag
from loratui.catalog.edits import (
    add_tags,
    forget_tag_edits,
    remove_tags,
    set_caption,
    set_rules,
    store_tag_scores,
    tag_edits_of,
    write_tag_edits,
)
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import redo, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.catalog.tagged import list_known_tags
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.captions.counts import TagCount
    from loratui.catalog.store import Catalog
    from loratui.config import Home

NAMES = ("one.png", "two.png", "three.png", "four.png")


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """A library with the subject mira and four pictures."""
    with open_catalog(home) as opened:
        add_subject(opened, "mira", "Mira")
        for number, name in enumerate(NAMES):
            Image.linear_gradient("L").rotate(90 * number).resize((64 + number, 64)).save(tmp_path / name)
        import_pictures(opened, "mira", [tmp_path / name for name in NAMES])
        yield opened


def counts(catalog: Catalog, query: str = "") -> dict[str, TagCount]:
    return {count.tag: count for count in count_tags(catalog, "mira", query)}


def caption(catalog: Catalog, name: str) -> str:
    (picture,) = select_memberships(catalog, "mira", f"name:{name}")
    return captions_of(catalog, "mira", [picture])[picture.id]


def score(catalog: Catalog, name: str, *scores: tuple[str, str, float]) -> None:
    (picture,) = select_memberships(catalog, "mira", f"name:{name}")
    store_tag_scores(catalog, picture.picture_id, "wd", scores)


def test_tags_are_counted_the_most_frequent_first_with_their_share(catalog: Catalog) -> None:
    add_tags(catalog, "mira", "", ["smile"])
    add_tags(catalog, "mira", "name:one OR name:two", ["hat"])
    add_tags(catalog, "mira", "name:one", ["beach"])
    found = count_tags(catalog, "mira")
    assert [(count.tag, count.pictures, count.share) for count in found] == [
        ("smile", 4, 1.0),
        ("hat", 2, 0.5),
        ("beach", 1, 0.25),
    ]
    assert [count.band for count in found] == ["critical", "info", ""]
    assert all(count.edited == count.pictures for count in found)


def test_a_taggers_tags_count_from_the_threshold_on_and_not_where_a_person_removed_them(catalog: Catalog) -> None:
    score(catalog, "one", ("red_hair", "general", 0.9), ("hat", "general", 0.2), ("mira_x", "character", 0.5))
    score(catalog, "two", ("red_hair", "general", 0.9), ("explicit", "rating", 0.9))
    remove_tags(catalog, "mira", "name:two", ["Red Hair"])
    found = counts(catalog)
    assert {tag: (count.pictures, count.edited) for tag, count in found.items()} == {"red hair": (1, 0)}


def test_a_tag_counts_once_per_picture_however_it_is_spelled(catalog: Catalog) -> None:
    score(catalog, "one", ("red_hair", "general", 0.9))
    add_tags(catalog, "mira", "name:one OR name:two", ["Red hair"])
    (count,) = count_tags(catalog, "mira")
    assert (count.tag, count.pictures, count.edited) == ("Red hair", 2, 2)


def test_shares_are_also_of_the_primary_pictures_and_of_what_training_sees(catalog: Catalog) -> None:
    set_role(catalog, "mira", "primary", "name:one")
    set_role(catalog, "mira", "supporting", "name:two OR name:three")
    add_tags(catalog, "mira", "", ["hat"])
    add_tags(catalog, "mira", "name:one OR name:four", ["smile"])
    smile = counts(catalog)["smile"]
    # A primary picture is seen five times an epoch, a supporting one twice, one in the inbox never.
    assert (smile.share, smile.share_primary, smile.weight) == (0.5, 1.0, 5 / 9)


def test_a_query_chooses_the_pictures_that_are_counted(catalog: Catalog) -> None:
    add_tags(catalog, "mira", "", ["smile"])
    add_tags(catalog, "mira", "name:one OR name:two", ["hat"])
    assert counts(catalog, "name:one OR name:three")["hat"].share == 0.5


def test_imbued_tags_are_counted_and_name_the_entry_that_leaves_them_out(catalog: Catalog) -> None:
    add_tags(catalog, "mira", "", ["red eyes", "freckles", "hat"])
    change_rules(catalog, "mira", {"imbued": ["* eyes", "freckles"]})
    assert {tag: count.imbued_by for tag, count in counts(catalog).items()} == {
        "red eyes": "* eyes",
        "freckles": "freckles",
        "hat": "",
    }


def test_pictures_with_a_caption_written_by_hand_are_told_apart(catalog: Catalog) -> None:
    add_tags(catalog, "mira", "", ["hat"])
    set_caption(catalog, "mira", "name:one", "Mira at the sea")
    assert counts(catalog)["hat"].written == 1
    assert read_book(catalog, "mira").written == 1


def test_a_subject_without_tags_has_none_to_count(catalog: Catalog) -> None:
    assert count_tags(catalog, "mira") == []
    assert read_book(catalog, "mira").check() == []


def test_a_preview_counts_the_captions_that_change_and_shows_some(catalog: Catalog) -> None:
    add_tags(catalog, "mira", "", ["smile"])
    add_tags(catalog, "mira", "name:one OR name:two OR name:three", ["freckles"])
    set_caption(catalog, "mira", "name:three", "Mira with freckles")
    preview = preview_rules(catalog, "mira", {"imbued": ["freckles"]}, limit=1)
    assert (preview.changed, preview.pictures) == (2, 4)
    (example,) = preview.examples
    assert (example.name, example.before, example.after) == (
        "one.png",
        "photo of Mira, smile, freckles",
        "photo of Mira, smile",
    )
    assert caption(catalog, "one") == example.before


def test_a_preview_refuses_rules_that_make_no_sense(catalog: Catalog) -> None:
    with pytest.raises(UsageError):
        preview_rules(catalog, "mira", {"prefix": "{who},"})


def test_doubts_name_missing_triggers_and_entries_that_imbue_nothing(catalog: Catalog) -> None:
    set_caption(catalog, "mira", "name:one OR name:two", "a woman at the sea")
    change_rules(catalog, "mira", {"imbued": ["frecles"]})
    assert read_book(catalog, "mira").check() == [
        "2 captions: the trigger Mira is missing.",
        "'frecles' is imbued, but no picture has it.",
    ]


def test_the_longest_caption_is_found_by_what_clip_reads(catalog: Catalog) -> None:
    pytest.importorskip("instant_clip_tokenizer")
    set_caption(catalog, "mira", "name:two", "Mira " + "smile " * 80)
    longest = read_book(catalog, "mira").find_longest()
    assert longest is not None
    assert (longest.name, longest.too_long) == ("two.png", 1)
    assert longest.tokens > 80


def test_a_tag_imbued_by_a_pattern_is_said_again_without_the_others() -> None:
    rules = CaptionRules(imbued=("* eyes", "freckles"))
    assert keep_tag(rules, "red eyes", ["red eyes", "blue eyes"]) == ["freckles", "blue eyes"]
    assert keep_tag(rules, "red eyes") == ["freckles"]
    assert imbue_tag(rules, "Freckles") == ["* eyes", "Freckles"]


TAGS = st.sampled_from(["smile", "hat", "red hair", "Red_Hair", "blue eyes", "green eyes", "old", "new", "^_^"])
EDITS = st.dictionaries(TAGS, st.booleans(), max_size=5)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "imbued": st.lists(st.sampled_from(["* eyes", "hat", "red hair", "*"]), max_size=2),
        "renames": st.dictionaries(st.sampled_from(["old", "hat"]), st.sampled_from(["new", "smile", ""]), max_size=2),
        "always_first": st.lists(TAGS, max_size=2),
        "prefix": st.sampled_from(["photo of {trigger},", "{trigger}, smile,", ""]),
        "aliases": st.just({"green eyes": ["blue eyes"]}),
        "implications": st.sampled_from([{}, {"smile": ["new"]}, {"smile": ["old"], "old": ["smile"]}]),
        "drop_overlaps": st.sampled_from(["no", "scored", "all"]),
        "order": st.sampled_from(["score", "alphabetical"]),
        "max_tokens": st.sampled_from([0, 6, 75]),
        "suffix": st.sampled_from(["", "grain"]),
    },
)


UNSET = CaptionRules().to_dict()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EDITS, min_size=4, max_size=4), RULES, RULES)
def test_counts_and_previews_agree_with_the_captions(
    catalog: Catalog, edits: list[dict[str, bool]], rules: dict[str, object], changes: dict[str, object]
) -> None:
    with open_catalog(catalog.home) as library:
        forget_tag_edits(library, "mira", "")
        score(library, "one", ("smile", "general", 0.8), ("red_hair", "general", 0.6), ("hair", "general", 0.9))
        for name, said in zip(NAMES, edits, strict=True):
            write_tag_edits(
                library,
                "mira",
                f"name:{name}",
                add=[tag for tag, present in said.items() if present],
                remove=[tag for tag, present in said.items() if not present],
            )
        # Stored as they are: a library may have rules that no one would be let change to.
        set_rules(library, "mira", {**UNSET, **rules})
        book = read_book(library, "mira")
        assert dict(zip([one.id for one in book.pictures], book.captions(), strict=True)) == captions_of(
            library, "mira"
        )
        for count in book.count_tags():
            assert count.pictures == len(book.find_holders()[fold_tag(count.tag)])
        before = captions_of(library, "mira")
        preview = preview_rules(library, "mira", changes)
        tried = book.with_rules(changes)
        assert tried.count_tags()
        assert book.compare(tried) == preview
        set_rules(library, "mira", {**UNSET, **rules, **changes})
        after = captions_of(library, "mira")
        assert preview.changed == sum(before[id_] != after[id_] for id_ in before)
        assert tried.captions() == list(after.values()) == read_book(library, "mira").captions()
        assert tried.count_tags() == read_book(library, "mira").count_tags()


def test_a_tag_takes_the_place_of_another(catalog: Catalog) -> None:
    add_tags(catalog, "mira", "name:one OR name:two", ["beach", "hat", "smile"])
    assert replace_tag(catalog, "mira", "", "hat", "straw hat").pictures == 2
    assert caption(catalog, "one") == "photo of Mira, beach, straw hat, smile"
    assert "hat" not in counts(catalog)


def test_replacing_is_one_step_that_undo_takes_back_and_redo_does_again(catalog: Catalog) -> None:
    score(catalog, "two", ("hat", "general", 0.9))
    add_tags(catalog, "mira", "name:one", ["beach", "hat", "cap"])
    set_caption(catalog, "mira", "name:three", "Mira with a Hat, hatless no more")
    before, edits = captions_of(catalog, "mira"), tag_edits_of(catalog, "mira")
    assert replace_tag(catalog, "mira", "", "hat", "cap").pictures == 3
    after = captions_of(catalog, "mira")
    entry = undo(catalog)
    assert entry.label == "mira: cap for hat in 3 pictures"
    assert captions_of(catalog, "mira") == before
    assert tag_edits_of(catalog, "mira") == edits
    redo(catalog)
    assert captions_of(catalog, "mira") == after


def test_a_taggers_tag_is_removed_and_the_new_one_added_by_hand(catalog: Catalog) -> None:
    score(catalog, "one", ("hat", "general", 0.9), ("smile", "general", 0.5))
    assert replace_tag(catalog, "mira", "", "hat", "cap").pictures == 1
    assert caption(catalog, "one") == "photo of Mira, cap, smile"


def test_a_tag_that_is_there_already_is_not_said_twice(catalog: Catalog) -> None:
    add_tags(catalog, "mira", "name:one", ["cap", "beach", "hat"])
    assert replace_tag(catalog, "mira", "", "hat", "cap").pictures == 1
    assert caption(catalog, "one") == "photo of Mira, cap, beach"


def test_a_removed_tag_is_said_again_when_it_takes_the_place_of_another(catalog: Catalog) -> None:
    add_tags(catalog, "mira", "name:one", ["hat"])
    remove_tags(catalog, "mira", "name:one", ["cap"])
    replace_tag(catalog, "mira", "", "hat", "cap")
    assert caption(catalog, "one") == "photo of Mira, cap"


def test_replacing_a_tag_by_another_spelling_keeps_it(catalog: Catalog) -> None:
    score(catalog, "one", ("red_hair", "general", 0.9))
    add_tags(catalog, "mira", "name:two", ["red hair"])
    replace_tag(catalog, "mira", "", "red hair", "Red Hair")
    assert (caption(catalog, "one"), caption(catalog, "two")) == ("photo of Mira, Red Hair",) * 2
    assert replace_tag(catalog, "mira", "", "Red Hair", "Red Hair").pictures == 0


def test_replacing_stays_within_the_selection(catalog: Catalog) -> None:
    add_tags(catalog, "mira", "", ["hat"])
    (one,) = select_memberships(catalog, "mira", "name:one")
    assert replace_tag(catalog, "mira", [one.id], "hat", "cap").pictures == 1
    assert (counts(catalog)["hat"].pictures, counts(catalog)["cap"].pictures) == (3, 1)


@pytest.mark.parametrize("wrong", ["", "  ", "a, b", "a\nb"])
def test_what_is_no_tag_is_refused(catalog: Catalog, wrong: str) -> None:
    with pytest.raises(UsageError):
        replace_tag(catalog, "mira", "", "hat", wrong)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("a red hat on her head", "a cap on her head"),
        ("Red Hat", "cap"),
        ("red_hat, smile", "cap, smile"),
        ("a red  hat", "a cap"),
        ("red hats and a tattered hat", "red hats and a tattered hat"),
        ("red-hat", "red-hat"),
    ],
)
def test_words_are_replaced_whole(text: str, after: str) -> None:
    assert replace_words(text, "red hat", "cap") == after


def test_a_replacement_is_taken_word_by_word() -> None:
    assert replace_words("a hat", "hat", r"\1 \g<0>") == r"a \1 \g<0>"
    assert replace_words("now :d and (o)_(o)", "(o)_(o)", "x") == "now :d and x"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS, st.lists(TAGS, unique=True, max_size=2), TAGS, TAGS)
def test_after_replacing_the_old_tag_is_gone_and_undo_brings_it_back(
    catalog: Catalog, said: dict[str, bool], scored: list[str], old: str, new: str
) -> None:
    with open_catalog(catalog.home) as library:
        forget_tag_edits(library, "mira", "")
        score(library, "four", *((tag, "general", 0.9) for tag in scored))
        for present in (True, False):
            change = {"add" if present else "remove": [tag for tag, is_in in said.items() if is_in == present]}
            write_tag_edits(library, "mira", "name:four", **change)
        before, edits = count_tags(library, "mira"), tag_edits_of(library, "mira")
        changed = replace_tag(library, "mira", "name:four", old, new).pictures
        found = {fold_tag(count.tag) for count in count_tags(library, "mira")}
        if fold_tag(old) in {fold_tag(count.tag) for count in before}:
            assert fold_tag(new) in found
            assert fold_tag(old) == fold_tag(new) or fold_tag(old) not in found
        else:
            assert not changed
        if changed:
            undo(library)
        assert (count_tags(library, "mira"), tag_edits_of(library, "mira")) == (before, edits)


def test_known_tags_are_those_of_all_subjects_each_once(catalog: Catalog) -> None:
    add_subject(catalog, "nora", "Nora")
    assert list_known_tags(catalog) == []
    add_tags(catalog, "mira", "", ["hat", "beach"])
    assert list_known_tags(catalog) == ["beach", "hat"]
    remove_tags(catalog, "mira", "", ["beach", "apron", "zebra"])
    assert list_known_tags(catalog) == ["hat"]
    assert rules_of(catalog, "mira").imbued == ()


def test_a_tag_that_a_more_specific_one_says_is_told_apart(catalog: Catalog) -> None:
    score(catalog, "one", ("hat", "general", 0.9), ("straw_hat", "general", 0.8))
    score(catalog, "two", ("hat", "general", 0.9))
    add_tags(catalog, "mira", "name:three", ["hat", "straw hat"])
    found = counts(catalog)
    assert (found["hat"].pictures, found["hat"].implied, found["straw hat"].implied) == (3, 1, 0)
    change_rules(catalog, "mira", {"drop_overlaps": "all"})
    assert counts(catalog)["hat"].implied == 2
    change_rules(catalog, "mira", {"drop_overlaps": "no"})
    assert counts(catalog)["hat"].implied == 0
