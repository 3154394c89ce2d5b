"""A snapshot's hash stands for the dataset: the same gives the same, any change another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loratui.captions.service import change_rules
from loratui.catalog.crops import set_crop
from loratui.catalog.edits import add_tags, set_caption
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import undo
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_rating, set_repeats, set_role
from loratui.catalog.snapshots import get_snapshot, list_snapshots
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, edit_subject, get_subject
from loratui.dataset.snapshot import SnapshotContent, SnapshotPicture, describe_dataset, freeze, parse_content
from loratui.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home


def test_the_same_dataset_is_stored_once(catalog: Catalog, mira: str) -> None:
    first = freeze(catalog, mira)
    assert freeze(catalog, mira) == first
    assert list_snapshots(catalog, get_subject(catalog, mira)) == [first]
    assert first.pictures == 4


CHANGES: dict[str, Callable[[Catalog, str], object]] = {
    "caption": lambda catalog, mira: set_caption(catalog, mira, "name:one", "a Mira in the sun"),
    "tag": lambda catalog, mira: add_tags(catalog, mira, "name:one", ["hat"]),
    "rule": lambda catalog, mira: change_rules(catalog, mira, {"prefix": "picture of {trigger},"}),
    "role": lambda catalog, mira: set_role(catalog, mira, "supporting", "name:one"),
    "holdout": lambda catalog, mira: set_role(catalog, mira, "holdout", "name:one"),
    "repeats": lambda catalog, mira: set_repeats(catalog, mira, 7, "name:one"),
    "trigger": lambda catalog, mira: edit_subject(catalog, mira, trigger="Zora"),
    "crop": lambda catalog, mira: set_crop(catalog, mira, "name:one", (10, 4, 50, 60)),
    "subject repeats": lambda catalog, mira: edit_subject(catalog, mira, primary_repeats=6),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_gives_another_hash_and_taking_it_back_the_old_one(catalog: Catalog, mira: str, what: str) -> None:
    before = freeze(catalog, mira).hash
    CHANGES[what](catalog, mira)
    assert freeze(catalog, mira).hash != before
    undo(catalog)
    assert freeze(catalog, mira).hash == before


def test_datasets_without_crops_keep_the_hash_they_had_before_there_were_crops() -> None:
    picture = SnapshotPicture("ab" * 32, "a.png", 96, 64, "primary", 5, "photo of Mira, hat")
    content = SnapshotContent("Mira", "Mira", "character", "woman", (picture,), (picture,))
    assert content.compute_hash() == "74d305253d1d6d75bbd350019c18019eaf85a07687b8ef9e45f5b22a7d8eecdc"


def test_a_crop_survives_the_canonical_json_and_gives_the_used_size(catalog: Catalog, mira: str) -> None:
    set_crop(catalog, mira, "name:one", (10, 4, 50, 60))
    content = parse_content(freeze(catalog, mira).content)
    assert content == describe_dataset(catalog, get_subject(catalog, mira))
    crops = {picture.name: (picture.crop, picture.used_size) for picture in content.pictures}
    assert crops["one.png"] == ((10, 4, 50, 60), (50, 60))
    assert crops["two.jpg"] == (None, (64, 96))


def test_a_new_training_picture_gives_another_hash(
    catalog: Catalog, mira: str, add_pictures: Callable[..., list[Path]]
) -> None:
    before = freeze(catalog, mira).hash
    import_pictures(catalog, mira, add_pictures({"five.png": (90, 90)}, folder="more", seed=50))
    assert freeze(catalog, mira).hash == before, "a picture in the inbox is not trained on"
    set_role(catalog, mira, "primary", "name:five")
    assert freeze(catalog, mira).hash != before


def test_what_does_not_reach_a_trainer_does_not_change_the_hash(catalog: Catalog, mira: str) -> None:
    before = freeze(catalog, mira).hash
    set_rating(catalog, mira, 4, "name:one")
    assert freeze(catalog, mira).hash == before


def test_two_libraries_with_the_same_dataset_agree_on_the_hash(
    catalog: Catalog, mira: str, tmp_path: Path, add_pictures: Callable[..., list[Path]]
) -> None:
    from loratui.config import find_home

    sizes = {"four.png": (120, 60), "three.webp": (80, 80), "two.jpg": (64, 96), "one.png": (96, 64)}
    with open_catalog(find_home({"LORATUI_HOME": str(tmp_path / "other")})) as other:
        add_subject(other, "mira", "Mira", class_word="woman")
        for name in sizes:
            import_pictures(other, "mira", [tmp_path / "pictures" / name])
        set_role(other, "mira", "primary", "name:one.png OR name:two.jpg")
        set_role(other, "mira", "supporting", "name:three.webp OR name:four.png")
        assert freeze(other, "mira").hash == freeze(catalog, mira).hash


def test_the_stored_content_reads_back_with_captions_and_the_holdout_apart(catalog: Catalog, mira: str) -> None:
    set_role(catalog, mira, "holdout", "name:two")
    snapshot = freeze(catalog, mira)
    content = parse_content(snapshot.content)
    assert content == describe_dataset(catalog, get_subject(catalog, mira))
    assert content.compute_hash() == snapshot.hash
    assert [picture.name for picture in content.holdout] == ["two.jpg"]
    assert {(picture.name, picture.repeats) for picture in content.pictures} == {
        ("one.png", 5),
        ("three.webp", 2),
        ("four.png", 2),
    }
    assert {picture.caption for picture in content.pictures} == {"photo of Mira"}


def test_a_subject_without_training_pictures_is_refused_with_a_hint(catalog: Catalog, mira: str) -> None:
    set_role(catalog, mira, "inbox", "all")
    with pytest.raises(RefusedError) as caught:
        freeze(catalog, mira)
    assert "role set" in caught.value.hint


def test_a_snapshot_is_found_by_the_start_of_its_hash(catalog: Catalog, mira: str) -> None:
    snapshot = freeze(catalog, mira)
    assert get_snapshot(catalog, snapshot.hash[:8]) == get_snapshot(catalog, snapshot.id) == snapshot
    for wrong in ("", "zzzzzz", snapshot.hash[:3]):
        with pytest.raises(NotFoundError):
            get_snapshot(catalog, wrong)


def test_a_snapshot_outlives_later_changes(catalog: Catalog, home: Home, mira: str) -> None:
    snapshot = freeze(catalog, mira)
    set_role(catalog, mira, "rejected", "name:one")
    assert len(select_memberships(catalog, mira, "role:primary")) == 1
    with open_catalog(home) as again:
        assert get_snapshot(again, snapshot.hash).content == snapshot.content
