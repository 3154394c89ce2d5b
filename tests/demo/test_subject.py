"""The demo's folder: a data set with sidecars, and the files that curation must catch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageOps

from loratui.demo import subject, world

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subject.DemoManifest]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, subject.draw_demo_pictures(folder, seed=1, size=64)


def test_the_folder_holds_what_the_manifest_says(drawn: tuple[Path, subject.DemoManifest]) -> None:
    folder, manifest = drawn
    assert all((folder / picture.file).is_file() for picture in manifest.pictures)
    roles = [picture.role for picture in manifest.pictures]
    assert {role: roles.count(role) for role in roles} == {
        "primary": 24,
        "supporting": 24,
        "near_duplicate": 2,
        "mirrored": 1,
        "rotated": 1,
        "corrupt": 1,
    }


def test_sidecars_hold_the_flexible_tags_and_none_of_the_imbued(
    drawn: tuple[Path, subject.DemoManifest],
) -> None:
    folder, manifest = drawn
    for picture in manifest.pictures:
        if picture.role == "corrupt":
            continue
        text = (folder / picture.file).with_suffix(".txt").read_text(encoding="utf-8")
        tags = text.strip().split(", ")
        assert tuple(tags) == picture.tags
        assert not set(tags) & set(manifest.imbued)
        assert set(tags) & set(manifest.hair_colours)


def test_the_corrupt_file_does_not_open(drawn: tuple[Path, subject.DemoManifest]) -> None:
    folder, manifest = drawn
    broken = next(picture for picture in manifest.pictures if picture.role == "corrupt")
    with pytest.raises(OSError), Image.open(folder / broken.file) as image:
        image.load()


def test_the_rotated_photo_stands_upright_once_its_orientation_is_obeyed(
    drawn: tuple[Path, subject.DemoManifest],
) -> None:
    folder, _ = drawn
    with Image.open(folder / "phone_1.jpg") as image:
        assert image.getexif()[0x0112] == 6
        upright = ImageOps.exif_transpose(image).convert("RGB")
    # The shirt, and not hair, is at the bottom in the middle.
    red, green, blue = upright.getpixel((32, 62))
    shirt = world.SHIRTS["red shirt"]
    assert max(abs(red - shirt[0]), abs(green - shirt[1]), abs(blue - shirt[2])) < 40


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    first = subject.draw_demo_pictures(tmp_path / "a", seed=3, size=64)
    assert first == subject.draw_demo_pictures(tmp_path / "b", seed=3, size=64)
    for picture in first.pictures:
        assert (tmp_path / "a" / picture.file).read_bytes() == (tmp_path / "b" / picture.file).read_bytes()


def test_the_three_hair_colours_are_equally_common(drawn: tuple[Path, subject.DemoManifest]) -> None:
    _, manifest = drawn
    kept = [p for p in manifest.pictures if p.role in ("primary", "supporting")]
    counts = [sum(hair in p.tags for p in kept) for hair in manifest.hair_colours]
    assert max(counts) - min(counts) <= 2
