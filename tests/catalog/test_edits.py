"""Captions, tag edits, tag scores and rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from loratui.catalog import edits, scores
from loratui.catalog.journal import history, undo
from loratui.catalog.measures import stamp_tags
from loratui.catalog.query import select_memberships
from loratui.catalog.rows import Subject, TagEdit, TagScore
from loratui.catalog.subjects import add_subject
from loratui.catalog.tagged import list_tagged
from loratui.errors import UsageError

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog

Fill = Callable[..., list[int]]


def _tags(catalog: Catalog, subject: Subject) -> dict[int, list[tuple[str, bool]]]:
    return {
        id_: [(edit.tag, edit.present) for edit in found] for id_, found in edits.tag_edits_of(catalog, subject).items()
    }


def _scored(catalog: Catalog, subject: Subject, tagger: str | None = None) -> dict[int, list[str]]:
    found = edits.tag_scores_of(catalog, subject, tagger)
    return {picture: [score.tag for score in given] for picture, given in found.items()}


def _found(catalog: Catalog, subject: Subject, query: str) -> list[int]:
    return [picture.id for picture in select_memberships(catalog, subject, query)]


def test_a_caption_is_written_on_one_line_and_taken_back_with_none(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {}, {})
    assert edits.set_caption(catalog, mira, "", "  a cat,\n sitting ") == 2
    assert [row.caption for row in select_memberships(catalog, mira)] == ["a cat, sitting"] * 2
    assert edits.set_caption(catalog, mira, [select_memberships(catalog, mira)[0].id], None) == 1
    assert [row.caption for row in select_memberships(catalog, mira)] == [None, "a cat, sitting"]


def test_tags_keep_their_order_and_are_there_once(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    (first,) = fill(mira, {})
    assert edits.add_tags(catalog, mira, "", ["smile", " red hat ", "Red_Hat"]) == 2
    assert edits.add_tags(catalog, mira, "", ["red_hat", "scarf"]) == 1
    assert _tags(catalog, mira) == {first: [("smile", True), ("red hat", True), ("scarf", True)]}


def test_the_last_word_on_a_tag_counts(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    (first,) = fill(mira, {})
    edits.add_tags(catalog, mira, "", ["smile"])
    assert edits.remove_tags(catalog, mira, "", ["Smile"]) == 1
    assert _tags(catalog, mira) == {first: [("smile", False)]}
    assert edits.remove_tags(catalog, mira, "", ["smile"]) == 0
    undo(catalog)
    assert _tags(catalog, mira) == {first: [("smile", True)]}


def test_tags_are_added_and_removed_in_one_step(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    first, _ = fill(mira, {}, {})
    edits.add_tags(catalog, mira, [first], ["hat"])
    assert edits.write_tag_edits(catalog, mira, [first], add=["smile"], remove=["hat", "scarf"]) == 3
    assert _tags(catalog, mira) == {first: [("hat", False), ("smile", True), ("scarf", False)]}
    assert history(catalog)[0].label == "Mira: add smile; remove hat, scarf"
    undo(catalog)
    assert _tags(catalog, mira) == {first: [("hat", True)]}


def test_edits_and_scores_of_some_pictures_can_be_asked_for(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    _, second = fill(mira, {}, {})
    edits.add_tags(catalog, mira, "", ["hat"])
    pictures = [row.picture_id for row in select_memberships(catalog, mira)]
    for picture_id in pictures:
        edits.store_tag_scores(catalog, picture_id, "wd", [("smile", "general", 0.5)])
    assert list(edits.tag_edits_of(catalog, mira, ids=[second])) == [second]
    assert list(edits.tag_scores_of(catalog, mira, picture_ids=pictures[:1])) == pictures[:1]
    assert list(edits.tag_edits_of(catalog, mira, ids=[])) == []


def test_edits_can_be_forgotten_one_by_one_or_all(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    first, second = fill(mira, {}, {})
    edits.add_tags(catalog, mira, "", ["smile", "hat"])
    assert edits.forget_tag_edits(catalog, mira, [first], ["SMILE"]) == 1
    assert _tags(catalog, mira) == {first: [("hat", True)], second: [("smile", True), ("hat", True)]}
    assert edits.forget_tag_edits(catalog, mira, "") == 3
    assert _tags(catalog, mira) == {}


@pytest.mark.parametrize("tag", ["", " ", "a, b", "a\nb"])
def test_what_no_caption_can_hold_is_no_tag(catalog: Catalog, mira: Subject, fill: Fill, tag: str) -> None:
    fill(mira, {})
    with pytest.raises(UsageError):
        edits.add_tags(catalog, mira, "", ["fine", tag])
    assert _tags(catalog, mira) == {}


def test_a_tag_to_add_does_not_begin_with_a_minus_but_one_that_does_can_be_removed(
    catalog: Catalog, mira: Subject, fill: Fill
) -> None:
    (id_,) = fill(mira, {})
    with pytest.raises(UsageError, match="minus") as raised:
        edits.write_tag_edits(catalog, mira, "", add=["smile", "-hat"])
    assert "Remove the tag 'hat'" in raised.value.hint
    assert _tags(catalog, mira) == {}
    edits.remove_tags(catalog, mira, "", ["-hat"])
    assert _tags(catalog, mira) == {id_: [("-hat", False)]}


def test_edits_of_one_subject_leave_another_alone(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    nora, _ = add_subject(catalog, "Nora", "zelvara")
    fill(mira, {})
    fill(nora, {})
    edits.add_tags(catalog, mira, "", ["smile"])
    assert _tags(catalog, nora) == {}


def test_edits_and_scores_come_out_as_rows(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    (first,) = fill(mira, {})
    picture = select_memberships(catalog, mira)[0].picture_id
    edits.add_tags(catalog, mira, "", ["smile"])
    edits.store_tag_scores(catalog, picture, "wd", [("hat", "general", 0.4), ("Smile", "general", 0.9)])
    assert edits.tag_edits_of(catalog, mira) == {first: [TagEdit(first, "smile", True, 0)]}
    assert edits.tag_scores_of(catalog, mira) == {
        picture: [TagScore(picture, "wd", "smile", "general", 0.9), TagScore(picture, "wd", "hat", "general", 0.4)]
    }


def test_a_tagger_replaces_its_own_scores_and_no_others(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {})
    picture = select_memberships(catalog, mira)[0].picture_id
    edits.store_tag_scores(catalog, picture, "wd", [("hat", "general", 0.4)])
    edits.store_tag_scores(catalog, picture, "cast", [("smile", "general", 0.5)])
    edits.store_tag_scores(catalog, picture, "wd", [("scarf", "general", 0.6)])
    assert _scored(catalog, mira, "wd") == {picture: ["scarf"]}
    assert _scored(catalog, mira, "cast") == {picture: ["smile"]}
    assert _scored(catalog, mira, "nobody") == {}


def test_of_several_taggers_the_one_asked_last_counts(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    first, second = fill(mira, {}, {})
    one, two = (picture.picture_id for picture in select_memberships(catalog, mira))
    edits.store_many_tag_scores(
        catalog, "wd", {one: [("hat", "general", 0.9)], two: [("hat", "general", 0.8), ("tie", "general", 0.7)]}
    )
    edits.store_tag_scores(catalog, one, "cast", [("smile", "general", 0.9)])
    assert _scored(catalog, mira) == {one: ["smile"], two: ["hat", "tie"]}
    assert _found(catalog, mira, "tag:hat") == [second]
    assert _found(catalog, mira, "tag:smile") == [first]
    assert scores.list_tagged_by(catalog, "wd", [one, two, 99]) == {one, two}
    assert scores.let_count(catalog, "wd", [one, two]) == 1
    assert _scored(catalog, mira) == {one: ["hat"], two: ["hat", "tie"]}
    assert _found(catalog, mira, "tag:hat") == [first, second]
    assert scores.let_count(catalog, "wd", [one, two]) == 0
    # Nothing worth keeping is an answer too.
    edits.store_tag_scores(catalog, one, "cast", [])
    assert _scored(catalog, mira) == {two: ["hat", "tie"]}
    tagged = list_tagged(catalog, mira, thresholds={"general": 0.35})
    assert [(picture.id, list(picture.scored)) for picture in tagged] == [(first, []), (second, ["hat", "tie"])]


def test_a_change_of_taggers_changes_the_stamp_of_tags(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {})
    picture = select_memberships(catalog, mira)[0].picture_id
    edits.store_tag_scores(catalog, picture, "wd", [("hat", "general", 0.9)])
    edits.store_tag_scores(catalog, picture, "cast", [("smile", "general", 0.9)])
    before = stamp_tags(catalog)
    scores.let_count(catalog, "wd", [picture])
    assert stamp_tags(catalog) != before


def test_scores_are_bookkeeping_that_undo_knows_nothing_of(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {})
    picture = select_memberships(catalog, mira)[0].picture_id
    edits.store_tag_scores(catalog, picture, "wd", [("hat", "general", 0.4)])
    assert history(catalog)[0].action == "import"


def test_rules_are_stored_as_given_and_undone_like_the_rest(catalog: Catalog, mira: Subject) -> None:
    assert edits.get_rules(catalog, mira) == {}
    first = {"prefix": "photo of {trigger},", "imbued": ["blue eyes"], "thresholds": {"general": 0.35}}
    edits.set_rules(catalog, mira, first)
    edits.set_rules(catalog, "mira", {"prefix": ""})
    assert edits.get_rules(catalog, mira) == {"prefix": ""}
    undo(catalog)
    assert edits.get_rules(catalog, mira) == first
    undo(catalog)
    assert edits.get_rules(catalog, mira) == {}
