"""What came of adding and removing tags: pictures that got one, lost one, or never had it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.captions.counts import read_book
from loratui.captions.service import change_rules
from loratui.captions.tag_edits import edit_tags, tell_lacking
from loratui.catalog.edits import store_tag_scores
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import undo
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, edit_subject
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """Five pictures of Doggo; a tagger saw a corgi in the first, by that name of the breed."""
    with open_catalog(home) as opened:
        add_subject(opened, "Doggo", "mirvok", kind="object")
        for number in range(5):
            Image.linear_gradient("L").rotate(60 * number).resize((64 + number, 64)).save(tmp_path / f"{number}.png")
        import_pictures(opened, "Doggo", [tmp_path])
        first = select_memberships(opened, "Doggo", "name:0.png")[0]
        store_tag_scores(opened, first.picture_id, "wd@1/p1", [("corgi", "general", 0.9)])
        yield opened


def count(catalog: Catalog, tag: str) -> int:
    return next((one.pictures for one in read_book(catalog, "Doggo").count_tags() if one.tag == tag), 0)


def test_only_pictures_that_had_a_tag_lose_it(catalog: Catalog) -> None:
    done = edit_tags(catalog, "Doggo", "", remove=["corgi"])
    assert (done.pictures, done.changed) == (5, 1)
    (corgi,) = done.tags
    assert (corgi.had, corgi.changed, corgi.noted) == (1, 1, 5)
    assert count(catalog, "corgi") == 0
    undo(catalog)
    assert count(catalog, "corgi") == 1


def test_a_tag_that_no_picture_has_is_told_with_what_is_near(catalog: Catalog) -> None:
    (corgo,) = edit_tags(catalog, "Doggo", "", remove=["corgo"]).tags
    assert (corgo.had, corgo.changed, corgo.near) == (0, 0, ("corgi",))
    # What other pictures of the subject have may have been meant as well.
    (corgo,) = edit_tags(catalog, "Doggo", "name:4.png", remove=["corgo"]).tags
    assert corgo.near == ("corgi",)


def test_pictures_that_show_a_tag_already_do_not_get_it(catalog: Catalog) -> None:
    done = edit_tags(catalog, "Doggo", "", add=["corgi", "grass"])
    assert done.changed == 5
    assert [(one.tag, one.had, one.changed, one.noted) for one in done.tags] == [("corgi", 1, 4, 5), ("grass", 0, 5, 5)]
    assert edit_tags(catalog, "Doggo", "", add=["Grass"]).changed == 0


def test_a_tag_that_is_added_takes_the_spelling_in_which_the_subject_has_it(catalog: Catalog) -> None:
    store_tag_scores(
        catalog, select_memberships(catalog, "Doggo")[1].picture_id, "wd@1/p1", [("red_ball", "general", 0.9)]
    )
    edit_tags(catalog, "Doggo", "name:0.png", add=["Grass Field"])
    for known in (None, ["corgi", "red ball", "Grass Field"]):
        done = edit_tags(catalog, "Doggo", "name:4.png", add=["grass_field", "Red_Ball", "new_one"], known=known)
        assert [one.tag for one in done.tags] == ["Grass Field", "red ball", "new_one"]
        undo(catalog)
    assert [one.tag for one in edit_tags(catalog, "Doggo", "", add=["grass_field"]).tags] == ["Grass Field"]


def test_a_tag_is_found_by_another_name_that_the_rules_give_it(catalog: Catalog) -> None:
    change_rules(catalog, "Doggo", {"aliases": {"welsh corgi": ["corgi"]}})
    (corgi,) = edit_tags(catalog, "Doggo", "", remove=["corgi"]).tags
    assert (corgi.had, corgi.changed) == (1, 1)


def test_a_query_without_pictures_changes_nothing_and_makes_no_entry(catalog: Catalog) -> None:
    done = edit_tags(catalog, "Doggo", "role:primary", remove=["corgi"])
    assert (done.pictures, done.changed, done.tags[0].near) == (0, 0, ())


def test_no_tag_at_all_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="No tag"):
        edit_tags(catalog, "Doggo", "", add=[])


def test_a_sexual_tag_of_a_person_is_warned_of_at_once(catalog: Catalog) -> None:
    edit_subject(catalog, "Doggo", kind="person")
    assert edit_tags(catalog, "Doggo", "", add=["smile", "grass"]).notes == ()
    (note,) = edit_tags(catalog, "Doggo", "name:0.png", add=["nud3"]).notes
    assert "can't say nude, and Doggo is a person" in note
    assert edit_tags(catalog, "Doggo", "role:primary", add=["nude"]).notes == ()
    assert edit_tags(catalog, "Doggo", "name:0.png", remove=["nud3"]).notes == ()


def test_a_sign_of_youth_is_warned_of_where_a_picture_is_sexual_already(catalog: Catalog) -> None:
    assert edit_tags(catalog, "Doggo", "name:1.png", add=["nude"]).notes == ()
    assert edit_tags(catalog, "Doggo", "name:2.png", add=["child"]).notes == ()
    (note,) = edit_tags(catalog, "Doggo", "", add=["school uniform"]).notes
    assert "1 picture of Doggo can't be used, such as 1.png" in note


def test_what_none_has_is_told_before_anything_is_changed(catalog: Catalog) -> None:
    assert tell_lacking(catalog, "Doggo", "", ["corgo", "corgi", "zebra"]) == [
        "No picture here has 'corgo'; did you mean 'corgi'?",
        "No picture here has 'zebra'.",
    ]
    done = edit_tags(catalog, "Doggo", "", remove=["corgo", "corgi"])
    assert done.tell_lacking() == ["No picture here has 'corgo'; did you mean 'corgi'?"]
    assert done.noted == 5
    (corgo,) = edit_tags(catalog, "Doggo", "name:4.png", remove=["corgo"], known=["corgi cross", "corgi", "grass"]).tags
    assert corgo.near == ("corgi",)


def test_a_tag_can_not_be_added_and_removed_at_once(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="corgi can't be added and removed at once"):
        edit_tags(catalog, "Doggo", "", add=["Corgi", "hat"], remove=["corgi"])
    assert count(catalog, "hat") == 0
