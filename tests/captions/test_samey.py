"""Which pictures teach nothing new: near-duplicates, bursts and the same scene, each with the one to keep."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.captions.samey import find_samey, list_doubles, samey_of
from loratui.captions.survey import CANDIDATES, survey
from loratui.catalog.blobs import picture_path
from loratui.catalog.dedupe import record_verdict
from loratui.catalog.edits import add_tags
from loratui.catalog.importer import import_pictures
from loratui.catalog.moments import find_moments
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_rating, set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, get_subject
from loratui.catalog.vocabulary import TRAINED
from loratui.demo import world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home

LOOK = world.Look("pale skin", "red hair", "long hair", "blue eyes", "freckles")
SCENE = world.Scene("smile", "facing viewer", "portrait", "red shirt", "none", "white background")


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "Mirvok")
        yield opened


def bring(catalog: Catalog, folder: Path, scenes: list[world.Scene], *, tagged: bool = True) -> list[int]:
    """Import drawn pictures of these scenes, all different drawings, and tag them truly; their ids in order."""
    for number, scene in enumerate(scenes):
        world.draw(LOOK, scene, number, 256).save(folder / f"{number:03}.png")
    import_pictures(catalog, "Mira", sorted(folder.glob("*.png")))
    members = select_memberships(catalog, "Mira")
    for member, scene in zip(members, scenes, strict=True):
        if tagged:
            add_tags(catalog, "Mira", [member.id], world.caption_tags(LOOK, scene))
    set_role(catalog, "Mira", "primary", "")
    return [member.id for member in members]


def test_the_same_scene_drawn_again_is_samey_and_another_scene_is_not(catalog: Catalog, tmp_path: Path) -> None:
    rng = random.Random(3)
    others = [world.random_scene(rng) for _ in range(20)]
    ids = bring(catalog, tmp_path, [SCENE, SCENE, SCENE, *dict.fromkeys(others)])
    (cluster, *rest) = samey_of(catalog, "Mira").clusters
    assert sorted(cluster.ids) == ids[:3]
    assert cluster.words.startswith("3 pictures ")
    assert cluster.words.endswith(": portrait, front, plain, smile, red shirt")
    assert not rest


@pytest.mark.parametrize(
    "change",
    [
        {"expression": "frown"},
        {"view": "from side"},
        {"framing": "full body"},
        {"background": "grass"},
        {"clothes": "blue shirt", "accessories": "hat"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_differs_in_something_that_a_lora_should_learn_is_kept(
    catalog: Catalog, tmp_path: Path, change: dict[str, str]
) -> None:
    bring(catalog, tmp_path, [SCENE, replace(SCENE, **change)])
    assert samey_of(catalog, "Mira").clusters == ()


def test_what_a_person_rated_highest_is_kept(catalog: Catalog, tmp_path: Path) -> None:
    ids = bring(catalog, tmp_path, [SCENE, SCENE, SCENE])
    set_rating(catalog, "Mira", 4, [ids[2]])
    (cluster,) = samey_of(catalog, "Mira").clusters
    assert (cluster.keep, cluster.skip) == (ids[2], (ids[0], ids[1]))


def test_near_duplicates_are_samey_with_and_without_tags(catalog: Catalog, tmp_path: Path) -> None:
    picture = world.draw(LOOK, SCENE, 7, 256)
    picture.save(tmp_path / "a.png")
    picture.resize((192, 192)).save(tmp_path / "b.jpg", quality=80)
    import_pictures(catalog, "Mira", [tmp_path / "a.png", tmp_path / "b.jpg"])
    first, second = (member.id for member in select_memberships(catalog, "Mira"))
    (cluster,) = samey_of(catalog, "Mira", CANDIDATES).clusters
    assert (cluster.kind, cluster.keep, cluster.skip) == ("near-duplicate", first, (second,))


def test_doubles_are_only_looked_for_among_the_pictures_asked_about(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = world.draw(LOOK, SCENE, 7, 256)
    picture.save(tmp_path / "a.png")
    picture.resize((192, 192)).save(tmp_path / "b.jpg", quality=80)
    import_pictures(catalog, "Mira", [tmp_path / "a.png", tmp_path / "b.jpg"])
    opened: list[object] = []
    monkeypatch.setattr("loratui.catalog.likeness._look_at", opened.append)
    assert samey_of(catalog, "Mira").clusters == ()
    assert opened == []
    samey_of(catalog, "Mira", CANDIDATES)
    assert len(opened) == 2


def test_pictures_that_a_person_told_apart_are_no_near_duplicates(catalog: Catalog, tmp_path: Path) -> None:
    picture = world.draw(LOOK, SCENE, 7, 256)
    picture.save(tmp_path / "a.png")
    picture.resize((192, 192)).save(tmp_path / "b.jpg", quality=80)
    import_pictures(catalog, "Mira", [tmp_path / "a.png", tmp_path / "b.jpg"])
    one, other = select_memberships(catalog, "Mira")
    add_tags(catalog, "Mira", [one.id], ["portrait", "smile", "indoors"])
    add_tags(catalog, "Mira", [other.id], ["portrait", "frown", "outdoors"])
    record_verdict(catalog, [(one.picture_id, other.picture_id)], "alternates")
    assert samey_of(catalog, "Mira", CANDIDATES).clusters == ()


def test_pictures_taken_within_seconds_are_a_burst(catalog: Catalog, tmp_path: Path) -> None:
    rng = random.Random(5)
    for number, second in enumerate(("10", "11", "59")):
        noise = Image.frombytes("RGB", (96, 96), rng.randbytes(96 * 96 * 3))
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:01 12:30:{second}"
        noise.save(tmp_path / f"{number}.jpg", exif=exif)
    import_pictures(catalog, "Mira", sorted(tmp_path.glob("*.jpg")))
    first, second_, third = (member.id for member in select_memberships(catalog, "Mira"))
    assert find_moments(catalog, [first, third])[third] - find_moments(catalog, [first])[first] == 49
    (cluster,) = samey_of(catalog, "Mira", CANDIDATES).clusters
    assert (cluster.kind, sorted(cluster.ids)) == ("burst", [first, second_])


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    "damage", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x09\0"]
)
def test_a_picture_with_broken_metadata_or_a_lost_file_has_no_time(
    catalog: Catalog, tmp_path: Path, damage: bytes
) -> None:
    for number in range(2):
        noise = Image.frombytes("RGB", (96, 96), random.Random(number).randbytes(96 * 96 * 3))
        noise.save(tmp_path / f"{number}.jpg", exif=damage)
    import_pictures(catalog, "Mira", sorted(tmp_path.glob("*.jpg")))
    lost, kept = select_memberships(catalog, "Mira")
    picture_path(catalog, lost).unlink()
    assert find_moments(catalog, [lost.id, kept.id]) == {}


def test_the_order_of_the_pictures_does_not_matter(catalog: Catalog, tmp_path: Path) -> None:
    rng = random.Random(9)
    scenes = [world.random_scene(rng) for _ in range(12)]
    bring(catalog, tmp_path, [rng.choice(scenes) for _ in range(40)])
    seen = survey(catalog, "Mira", all_tags=True)
    doubles = list_doubles(catalog, get_subject(catalog, "Mira"), TRAINED)
    expected = find_samey(seen, doubles)
    assert expected.clusters
    for _ in range(3):
        assert find_samey(rng.sample(seen, len(seen)), doubles) == expected


def test_photos_of_different_things_are_not_samey(catalog: Catalog, shared: Path) -> None:
    photos = sorted((shared / "data" / "photos").glob("*/*.jpg"))
    import_pictures(catalog, "Mira", photos)
    names = {member.id: member.source_path for member in select_memberships(catalog, "Mira")}
    for cluster in samey_of(catalog, "Mira", CANDIDATES).clusters:
        assert len({names[id_].rsplit(b"/", 2)[1] for id_ in cluster.ids}) == 1
