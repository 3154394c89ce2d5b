"""Duplicates: found through every change that keeps a picture the same, and nothing else called one."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from loratui.catalog import likeness
from loratui.catalog.blobs import picture_path
from loratui.catalog.dedupe import (
    duplicates_of_subject,
    find_groups,
    keep,
    leave_out,
    read_version,
    record_verdict,
    resolve,
    resolve_groups,
)
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import undo
from loratui.catalog.likeness import Likeness, ThumbnailCheck, find_alike
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.subjects import add_subject
from loratui.errors import Cancelled, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loratui.catalog.dedupe import DuplicateGroup
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.events import Progress


def draw(seed: int, side: int = 320) -> Image.Image:
    """A picture with structure and colour at every scale, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((side, side, 3))
    for cells in (3, 6, 12, 24, 48, 96, side):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        canvas += np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64) / cells**0.7
    canvas = (canvas - canvas.min()) / (canvas.max() - canvas.min()) * 255
    return Image.fromarray(canvas.astype(np.uint8))


def watermark(image: Image.Image) -> Image.Image:
    marked = image.copy()
    width, height = image.size
    ImageDraw.Draw(marked).rectangle((width * 0.7, height * 0.85, width, height), fill="white")
    return marked


def crop(image: Image.Image, share: float) -> Image.Image:
    edge = round(image.width * share / 2)
    return image.crop((edge, edge, image.width - edge, image.height - edge))


@pytest.fixture
def bring(catalog: Catalog, mira: Subject, tmp_path: Path) -> Callable[..., list[list[str]]]:
    """Import pictures given by name; returns the names of each group found, sorted."""

    def run(**pictures: Image.Image) -> list[list[str]]:
        folder = tmp_path / "in"
        folder.mkdir(exist_ok=True)
        for name, image in pictures.items():
            stem, _, suffix = name.rpartition("_")
            image.save(folder / f"{stem}.{suffix}", quality=90)
        assert import_pictures(catalog, mira, [folder]).refused == []
        return [sorted(member.name for member in group.pictures) for group in find_groups(catalog, mira)]

    return run


def only_group(catalog: Catalog, subject: Subject) -> DuplicateGroup:
    (group,) = find_groups(catalog, subject)
    return group


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "squashed": lambda image: image.resize((300, 200)),
    "grey": lambda image: image.convert("L"),
    "brighter": lambda image: ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(1.2)).enhance(1.2),
    "watermarked": watermark,
    "cut by 2 %": lambda image: crop(image, 0.02),
    "mirrored": ImageOps.mirror,
    "mirrored and half the size": lambda image: ImageOps.mirror(image).resize((160, 160)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found_among_other_pictures(
    change: str, bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    others = {f"other{seed}_png": draw(seed) for seed in range(2, 8)}
    assert bring(original_png=draw(1), copy_png=CHANGES[change](draw(1)), **others) == [["copy.png", "original.png"]]
    group = only_group(catalog, mira)
    assert group.tier in ("duplicate", "near")
    assert group.mirrored is change.startswith("mirrored")


def test_badly_compressed_copies_lose_against_their_original(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    draw(1).save(tmp_path / "in" / "blocks.jpg", quality=12)
    bring(big_png=draw(1), small_png=draw(1).resize((200, 200)))
    group = only_group(catalog, mira)
    assert len(group.pictures) == 3
    assert group.best.name == "big.png"
    assert group.reasons[:3] == ("no blocks", "largest (320x320)", "lossless (PNG)")


def test_a_blown_up_copy_loses_against_the_small_original(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    sharp = draw(1).resize((120, 120), Image.Resampling.LANCZOS)
    bring(small_png=sharp, large_png=sharp.resize((720, 720), Image.Resampling.BICUBIC))
    group = only_group(catalog, mira)
    assert group.best.name == "small.png"
    # A soft picture is still better than its own thumbnail.
    soft = draw(2).resize((1200, 1200), Image.Resampling.BICUBIC)
    bring(soft_png=soft, thumb_png=soft.resize((100, 100)))
    assert {group.best.name for group in find_groups(catalog, mira)} == {"small.png", "soft.png"}


def test_other_files_with_the_same_pixels_are_the_surest_tier(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    assert bring(a_png=draw(1), b_bmp=draw(1)) == [["a.png", "b.bmp"]]
    assert only_group(catalog, mira).tier == "same_pixels"


def test_a_group_has_the_tier_of_its_weakest_link(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    bring(a_png=draw(1), b_bmp=draw(1), c_png=draw(1).convert("L"))
    group = only_group(catalog, mira)
    assert (len(group.pictures), group.tier) == (3, "duplicate")


def test_blank_pictures_are_not_duplicates_of_each_other_unless_their_pixels_are(
    bring: Callable[..., list[list[str]]],
) -> None:
    white, grey = Image.new("RGB", (300, 300), "white"), Image.new("RGB", (300, 300), (120, 120, 121))
    assert bring(white_png=white, grey_png=grey, white2_bmp=white) == [["white.png", "white2.bmp"]]


def test_the_same_layout_in_other_colours_is_another_picture(bring: Callable[..., list[list[str]]]) -> None:
    red, green, blue = draw(1).split()
    assert bring(a_png=draw(1), b_png=Image.merge("RGB", (blue, red, green))) == []


def test_different_things_on_one_plain_background_are_told_apart(bring: Callable[..., list[list[str]]]) -> None:
    pictures = {}
    for number in range(12):
        image = Image.new("RGB", (300, 300), (150, 20, 60))
        rng = np.random.default_rng(number)
        inner = Image.fromarray(rng.integers(120, 230, (18, 18, 3), dtype=np.uint8)).resize((140, 180))
        image.paste(inner, (80, 60))
        pictures[f"{number}_png"] = image
    assert bring(**pictures) == []


def test_not_duplicates_is_remembered_across_subjects_and_can_be_undone(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    bring(a_png=draw(1), b_png=draw(1).convert("L"), c_png=draw(2), d_png=draw(2).convert("L"))
    assert keep(catalog, mira, "name:a.png") == 1
    assert [group.best.name for group in find_groups(catalog, mira)] == ["c.png"]
    assert keep(catalog, mira, "name:a.png") == 0
    vera, _ = add_subject(catalog, "Vera", "verandel")
    import_pictures(catalog, vera, [tmp_path / "in"])
    assert len(find_groups(catalog, vera)) == 1
    assert keep(catalog, mira) == 1
    assert find_groups(catalog, mira) == []
    undo(catalog)
    assert len(find_groups(catalog, mira)) == 1


def test_a_verdict_can_be_changed_and_must_be_a_known_one(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    bring(a_png=draw(1), b_png=draw(1).convert("L"))
    one, other = (member.picture_id for member in select_memberships(catalog, mira))
    assert record_verdict(catalog, [(other, one), (one, other), (one, one)], "alternates") == 1
    assert record_verdict(catalog, [(one, other)], "not_duplicates") == 1
    assert find_groups(catalog, mira) == []
    with pytest.raises(UsageError):
        record_verdict(catalog, [(one, other)], "maybe")  # type: ignore[arg-type]


def test_resolving_rejects_all_but_the_best_with_the_reason_in_one_undo_step(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    bring(a_png=draw(1), b_png=draw(1).resize((100, 100)), c_png=draw(2), d_png=ImageOps.mirror(draw(2)), e_png=draw(3))
    set_role(catalog, mira, "primary", "name:d.png")
    assert duplicates_of_subject(catalog, mira) == {
        member.id for member in select_memberships(catalog, mira, "-name:e.png")
    }
    assert resolve(catalog, mira, "name:a.png").rejected == 1
    assert resolve(catalog, mira).rejected == 1
    rejected = {member.name: member.reject_reason for member in select_memberships(catalog, mira, "role:rejected")}
    assert rejected == {"b.png": "duplicate of a.png", "c.png": "duplicate of d.png"}
    assert find_groups(catalog, mira) == []
    undo(catalog)
    undo(catalog)
    assert len(find_groups(catalog, mira)) == 2


def test_near_groups_are_resolved_only_when_they_are_named(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    # Cut by 6 %: near, not duplicate.
    found = bring(a_png=draw(13), b_png=crop(draw(13), 0.06))
    group = only_group(catalog, mira)
    assert (found, group.tier) == ([["a.png", "b.png"]], "near")
    assert resolve(catalog, mira).rejected == 0
    assert resolve(catalog, mira, "dup:yes").rejected == 1


def test_groups_found_before_are_resolved_without_comparing_again_and_for_another_best(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(one_png=draw(1), one2_png=draw(1).resize((200, 200)), two_png=draw(2), two2_png=draw(2).resize((160, 160)))
    groups = find_groups(catalog, mira)
    small = next(member for member in groups[0].pictures if member.id != groups[0].best.id)
    monkeypatch.setattr("loratui.catalog.dedupe.find_groups", None)
    assert resolve_groups(catalog, mira, [replace(groups[0], best=small), groups[1]]).rejected == 2
    rejected = {member.name: member.reject_reason for member in select_memberships(catalog, mira, "role:rejected")}
    assert rejected == {"one.png": "duplicate of one2.png", "two2.png": "duplicate of two.png"}
    undo(catalog)
    assert select_memberships(catalog, mira, "role:rejected") == []


def test_groups_of_chosen_pictures_are_resolved_by_id_too(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    bring(one_png=draw(1), one2_png=draw(1).resize((200, 200)), two_png=draw(2), two2_png=draw(2).resize((160, 160)))
    (chosen,) = select_memberships(catalog, mira, "name:two.png")
    assert resolve(catalog, mira, [chosen.id]).rejected == 1
    assert [member.name for member in select_memberships(catalog, mira, "role:rejected")] == ["two2.png"]
    assert resolve(catalog, mira, []).rejected == 0


def test_a_group_without_one_of_three_has_a_best_of_its_own(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    bring(a_png=draw(1), b_png=draw(1).resize((240, 240)), c_png=draw(1).resize((200, 200)))
    group = only_group(catalog, mira)
    assert group.best.name == "a.png"
    left = leave_out(group, {group.best.id})
    assert left is not None
    assert (left.best.name, len(left.pictures)) == ("b.png", 2)
    assert leave_out(left, {left.best.id}) is None


def test_the_version_of_the_groups_changes_with_roles_and_verdicts_and_comes_back_with_undo(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    bring(a_png=draw(1), b_png=draw(1).resize((240, 240)))
    first = read_version(catalog, mira)
    assert read_version(catalog, mira) == first
    seen = {first}
    resolve(catalog, mira, "")
    seen.add(read_version(catalog, mira))
    undo(catalog)
    assert read_version(catalog, mira) == first
    keep(catalog, mira)
    seen.add(read_version(catalog, mira))
    assert len(seen) == 3


def test_duplicates_are_found_with_an_empty_cache_and_even_with_lost_files(
    bring: Callable[..., list[list[str]]], catalog: Catalog, mira: Subject
) -> None:
    bring(a_png=draw(1), b_png=draw(1).resize((200, 200)))
    shutil.rmtree(catalog.home.cache)
    assert len(find_groups(catalog, mira)) == 1
    for member in select_memberships(catalog, mira):
        picture_path(catalog, member).unlink()
    shutil.rmtree(catalog.home.cache)
    assert len(find_groups(catalog, mira)) == 1


def test_a_subject_without_pictures_has_no_groups(catalog: Catalog, mira: Subject) -> None:
    assert find_groups(catalog, mira) == []
    assert resolve(catalog, mira).rejected == 0
    assert keep(catalog, mira) == 0


def test_a_crowd_of_equal_hashes_gives_a_star_and_not_millions_of_pairs() -> None:
    rng = np.random.default_rng(1)
    one = rng.integers(0, 2**64, (1, 4), dtype=np.uint64)
    crowd = np.concatenate([np.repeat(one, 5_000, axis=0), rng.integers(0, 2**64, (500, 4), dtype=np.uint64)])
    found = find_alike(crowd)
    assert {pair.right for pair in found if pair.left == 0} == set(range(1, 5_000))
    assert len(found) == 4_999
    assert all(pair.is_strong and not pair.mirrored for pair in found)


def test_every_pair_of_a_few_equal_hashes_is_looked_at_as_colours_may_differ() -> None:
    hashes = np.repeat(np.random.default_rng(1).integers(0, 2**64, (1, 4), dtype=np.uint64), 4, axis=0)
    assert len(find_alike(hashes)) == 6


def test_of_61_photos_only_the_mirrored_pair_is_a_duplicate(catalog: Catalog, mira: Subject, shared: Path) -> None:
    result = import_pictures(catalog, mira, [shared / "data" / "photos"])
    assert result.imported == 61
    group = only_group(catalog, mira)
    sources = sorted(member.source_path.decode().split("/", -1)[-2:] for member in group.pictures)
    assert sources == [["dog5", "02.jpg"], ["dog5", "03.jpg"]]
    assert (group.tier, group.mirrored) == ("duplicate", True)


def test_the_nasty_near_duplicates_are_grouped_as_their_manifest_says(
    catalog: Catalog, mira: Subject, shared: Path
) -> None:
    folder = shared / "data" / "torture"
    wanted = ["dup_orig.jpg", "dup_hflip.jpg", "dup_resize.jpg", "dup_rotation.jpg", "dup_gray.jpg"]
    wanted += ["Landscape_1.jpg", "Landscape_8.jpg", "solid_grey.png", "alpha_hides_photo.png", "jpeg_named.png"]
    import_pictures(catalog, mira, [folder / name for name in wanted])
    groups = [{member.name for member in group.pictures} for group in find_groups(catalog, mira)]
    assert {"dup_orig.jpg", "dup_hflip.jpg", "dup_resize.jpg", "dup_gray.jpg"} in groups
    assert {"Landscape_1.jpg", "Landscape_8.jpg"} in groups
    assert len(groups) == 2


def test_similar_clothes_on_one_bed_are_not_duplicates(catalog: Catalog, mira: Subject, shared: Path) -> None:
    # The categories where hashes alone let most wrong pairs through.
    folders = [shared / "data" / "load" / name for name in ("pants", "longsleeve")]
    assert import_pictures(catalog, mira, folders).imported > 100
    assert find_groups(catalog, mira) == []


def test_looking_for_duplicates_can_be_stopped(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    image = draw(1)
    for name in ("a.png", "b.jpg"):
        image.save(tmp_path / name)
    import_pictures(catalog, mira, [tmp_path])
    cancel = threading.Event()
    assert len(find_groups(catalog, mira, cancel=cancel)) == 1
    cancel.set()
    with pytest.raises(Cancelled):
        find_groups(catalog, mira, cancel=cancel)


def test_the_look_for_duplicates_tells_how_far_it_is(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    image = draw(1)
    for name in ("a.png", "b.jpg"):
        image.save(tmp_path / name)
    import_pictures(catalog, mira, [tmp_path])
    told: list[Progress] = []
    find_groups(catalog, mira, report=told.append)
    assert (told[0].done, told[-1].done, told[-1].total, told[-1].eta_s) == (0, 1, 1, 0.0)


def test_each_thumbnail_is_read_once_however_many_pairs_there_are(
    catalog: Catalog, mira: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(3):
        image = draw(seed)
        for copy in range(4):
            ImageEnhance.Brightness(image).enhance(1 + copy / 40).save(tmp_path / f"{seed}{copy}.png")
    import_pictures(catalog, mira, [tmp_path])
    read: list[object] = []
    look_at = likeness._look_at

    def look(path: Path | None) -> object:
        read.append(path)
        return look_at(path)

    monkeypatch.setattr(likeness, "_look_at", look)
    # One that forgets all but a few still reads each once, because what hangs together is compared together.
    monkeypatch.setattr(likeness, "_KEPT", 4)
    assert sorted(len(group.pictures) for group in find_groups(catalog, mira)) == [4, 4, 4]
    assert len(read) == len(set(read)) == 12


def test_a_crowd_of_lookalikes_that_are_none_is_not_compared_pair_by_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[Likeness] = []

    def refuse(check: ThumbnailCheck, one: Likeness) -> bool:
        compared.append(one)
        return False

    monkeypatch.setattr(ThumbnailCheck, "_compare", refuse)
    check = ThumbnailCheck(lambda position: None)
    pairs = [Likeness(left, right, False, 5, 5) for left, right in combinations(range(200), 2)]
    assert not any(check.confirm(one) for one in pairs)
    assert len(compared) <= 200 * 24 < len(pairs) / 4


def test_pictures_are_compared_once_and_not_at_every_look(
    catalog: Catalog, mira: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = draw(1)
    image.save(tmp_path / "a.png")
    ImageOps.mirror(image).save(tmp_path / "b.png")
    draw(2).save(tmp_path / "c.png")
    import_pictures(catalog, mira, [tmp_path])
    found = find_groups(catalog, mira)
    assert [group.mirrored for group in found] == [True]
    monkeypatch.setattr(likeness, "_look_at", None)
    assert find_groups(catalog, mira) == found
    (file,) = (catalog.home.cache / "compared").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(TypeError):
        find_groups(catalog, mira)
    monkeypatch.undo()
    assert find_groups(catalog, mira) == found


def test_a_cache_that_can_not_be_written_stops_no_look(catalog: Catalog, mira: Subject, tmp_path: Path) -> None:
    draw(1).save(tmp_path / "a.png")
    draw(1).save(tmp_path / "b.jpg")
    import_pictures(catalog, mira, [tmp_path])
    (catalog.home.cache / "compared").write_text("in the way")
    assert len(find_groups(catalog, mira)) == 1
