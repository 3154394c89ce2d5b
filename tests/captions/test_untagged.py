"""Why no picture has a tag, in words that lead on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.captions.counts import read_book
from loratui.captions.service import change_rules
from loratui.captions.untagged import explain_untagged
from loratui.catalog.edits import remove_tags, store_tag_scores
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """A library with Big Dog, of whom there are two pictures without tags, and Nobody, of whom there is none."""
    with open_catalog(home) as opened:
        add_subject(opened, "Big Dog", "mirvok")
        add_subject(opened, "Nobody", "zelkan")
        for number in range(2):
            Image.linear_gradient("L").rotate(90 * number).resize((64 + number, 64)).save(tmp_path / f"{number}.png")
        import_pictures(opened, "Big Dog", [tmp_path / "0.png", tmp_path / "1.png"])
        yield opened


def explain(catalog: Catalog, subject: str = "Big Dog", query: str = "") -> str:
    return explain_untagged(catalog, read_book(catalog, subject, query), query)


def score(catalog: Catalog, tag: str, score: float, category: str = "general") -> None:
    for member in select_memberships(catalog, "Big Dog"):
        store_tag_scores(catalog, member.picture_id, "wd-vit@1a2b/p1", [(tag, category, score)])


def test_pictures_that_no_tagger_has_read_are_to_be_tagged(catalog: Catalog) -> None:
    assert "`loratui tag 'Big Dog'` finds some" in explain(catalog)


def test_a_query_that_matches_nothing_is_said_to_match_nothing(catalog: Catalog) -> None:
    assert explain(catalog, query="tag:corgi").startswith("No picture of Big Dog matches tag:corgi: ")


def test_a_subject_without_pictures_needs_some_whatever_is_asked(catalog: Catalog) -> None:
    for query in ("", "tag:corgi"):
        assert explain(catalog, "Nobody", query).startswith("Nobody has no pictures")


def test_a_tagger_that_was_sure_of_nothing_leads_to_the_threshold_and_not_back_to_the_tagger(catalog: Catalog) -> None:
    score(catalog, "corgi", 0.28)
    assert explain(catalog) == (
        "2 of 2 pictures were tagged by wd-vit. Nothing scored 0.35 or more, the best 0.28: "
        "`loratui rules set 'Big Dog' --general-threshold 0.25` says such tags too."
    )
    change_rules(catalog, "Big Dog", {"general_threshold": 0.25})
    assert [one.tag for one in read_book(catalog, "Big Dog").count_tags()] == ["corgi"]


def test_a_tagger_that_knows_nothing_of_it_is_told_so(catalog: Catalog) -> None:
    score(catalog, "safe", 0.9, "rating")
    assert explain(catalog).endswith("Nothing scored 0.35 or more: the tagger knows nothing that they show.")


def test_tags_that_a_person_removed_are_not_to_be_found_again(catalog: Catalog) -> None:
    score(catalog, "corgi", 0.9)
    remove_tags(catalog, "Big Dog", "", ["corgi"])
    assert "a person removed" in explain(catalog)
