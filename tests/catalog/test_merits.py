"""Which of several copies is kept: what a person decided goes before what is measured, and nothing of it is lost."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from loratui.catalog import tables
from loratui.catalog.dedupe import find_groups, leave_out, read_version, resolve, resolve_groups
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import history, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_rating, set_repeats, set_role

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.dedupe import DuplicateGroup
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


def draw(seed: int = 1, side: int = 256) -> Image.Image:
    rng = np.random.default_rng(seed)
    canvas = np.zeros((side, side, 3))
    for cells in (3, 6, 12, 24, 48, 96):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        canvas += np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64) / cells**0.7
    canvas = (canvas - canvas.min()) / (canvas.max() - canvas.min()) * 255
    return Image.fromarray(canvas.astype(np.uint8))


@pytest.fixture
def group(catalog: Catalog, mira: Subject, tmp_path: Path) -> DuplicateGroup:
    """A soft original, and its mirror image that was sharpened when it was saved again."""
    return bring(catalog, mira, tmp_path, {"first.png": draw(), "second.png": sharpen(ImageOps.mirror(draw()))})


def sharpen(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.UnsharpMask(2, 200, 0))


def bring(catalog: Catalog, mira: Subject, folder: Path, pictures: dict[str, Image.Image]) -> DuplicateGroup:
    """Import these one after the other."""
    for name, image in pictures.items():
        image.save(folder / name)
        assert import_pictures(catalog, mira, [folder / name]).refused == []
    return only(catalog, mira)


def only(catalog: Catalog, mira: Subject) -> DuplicateGroup:
    (found,) = find_groups(catalog, mira)
    return found


def decided(catalog: Catalog, mira: Subject) -> dict[str, tuple[str, int, int | None]]:
    return {one.name: (one.role, one.rating, one.own_repeats) for one in select_memberships(catalog, mira)}


@pytest.mark.parametrize("copy", ["inbox", "supporting"])
def test_a_primary_original_is_kept_and_not_its_sharper_mirrored_copy(
    copy: str, group: DuplicateGroup, catalog: Catalog, mira: Subject
) -> None:
    soft, sharp = group.pictures
    assert sharp.sharpness > 1.3 * soft.sharpness
    set_role(catalog, mira, "primary", "name:first.png")
    set_rating(catalog, mira, 5, "name:first.png")
    set_repeats(catalog, mira, 6, "name:first.png")
    set_role(catalog, mira, copy, "name:second.png")
    found = only(catalog, mira)
    assert (found.best.name, found.reasons[:2]) == ("first.png", ("primary", "5 stars"))
    done = resolve(catalog, mira)
    assert (done.rejected, done.handovers) == (1, ())
    assert decided(catalog, mira) == {"first.png": ("primary", 5, 6), "second.png": ("rejected", 0, None)}


def test_a_primary_copy_is_kept_and_not_the_better_file_that_nobody_sorted(
    group: DuplicateGroup, catalog: Catalog, mira: Subject
) -> None:
    set_role(catalog, mira, "primary", "name:second.png")
    assert (only(catalog, mira).best.name, only(catalog, mira).reasons[0]) == ("second.png", "primary")
    set_role(catalog, mira, "primary", "name:first.png")
    set_rating(catalog, mira, 2, "name:first.png")
    set_rating(catalog, mira, 3, "name:second.png")
    assert (only(catalog, mira).best.name, only(catalog, mira).reasons[0]) == ("second.png", "3 stars")


def test_roles_count_from_primary_over_supporting_and_holdout_to_the_inbox(
    group: DuplicateGroup, catalog: Catalog, mira: Subject
) -> None:
    ranked = ("primary", "supporting", "holdout", "inbox")
    for better, worse in pairwise(ranked):
        set_role(catalog, mira, worse, "name:first.png")
        set_rating(catalog, mira, 5, "name:first.png")
        set_role(catalog, mira, better, "name:second.png")
        assert (only(catalog, mira).best.name, only(catalog, mira).reasons[0]) == ("second.png", better)


def test_of_two_mirror_images_the_one_imported_first_is_kept_where_nothing_else_tells(
    group: DuplicateGroup,
) -> None:
    assert (group.best.name, group.reasons[0]) == ("first.png", "imported before its mirror image")
    assert group.turned in ({group.pictures[0].id}, {group.pictures[1].id})


def test_names_and_lost_detail_tell_a_mirrored_copy_though_it_was_imported_first(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    told = bring(catalog, mira, tmp_path, {"a_flip.png": sharpen(ImageOps.mirror(draw())), "a.png": draw()})
    assert (told.best.name, told.reasons[0]) == ("a.png", "not mirrored, by its name")
    resolve(catalog, mira)
    small = ImageOps.mirror(draw(2)).resize((180, 180))
    lost = bring(catalog, mira, tmp_path, {"b.png": small, "b2.png": draw(2)})
    assert (lost.best.name, lost.reasons[0]) == ("b2.png", "more detail than its mirror image")
    resolve(catalog, mira)
    # A mirror that is in the picture says nothing.
    selfies = {"mirrors.png": draw(3), "mirrorless.png": sharpen(ImageOps.mirror(draw(3)))}
    assert bring(catalog, mira, tmp_path, selfies).reasons[0] == "imported before its mirror image"


def test_which_pictures_are_mirrored_is_known_through_a_chain_of_copies(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    mirrored = ImageOps.mirror(draw())
    pictures = {
        "a.png": draw(),
        "b.png": mirrored,
        "c.png": mirrored.resize((230, 230)),
        "d.png": draw().resize((230, 230)),
    }
    found = bring(catalog, mira, tmp_path, pictures)
    names = {one.name for one in found.pictures if one.id in found.turned}
    assert names in ({"a.png", "d.png"}, {"b.png", "c.png"})
    without = leave_out(found, {one.id for one in found.pictures if one.name in ("b.png", "c.png")})
    assert without is not None
    assert not without.mirrored
    assert found.mirrored


def test_a_kept_copy_takes_over_role_stars_and_repeats_in_one_step_that_undo_takes_back(
    group: DuplicateGroup, catalog: Catalog, mira: Subject
) -> None:
    set_role(catalog, mira, "primary", "name:first.png")
    set_rating(catalog, mira, 5, "name:first.png")
    set_repeats(catalog, mira, 6, "name:first.png")
    set_role(catalog, mira, "supporting", "name:second.png")
    before, steps = decided(catalog, mira), len(history(catalog))
    done = resolve(catalog, mira, keep="name:second.png")
    (taken,) = done.handovers
    assert (done.rejected, taken.name, taken.words) == (1, "second.png", "primary, 5 stars, x6")
    assert decided(catalog, mira) == {"first.png": ("rejected", 5, 6), "second.png": ("primary", 5, 6)}
    assert len(history(catalog)) == steps + 1
    undo(catalog)
    assert decided(catalog, mira) == before


def test_stars_of_a_supporting_copy_go_to_the_primary_picture_that_is_kept(
    group: DuplicateGroup, catalog: Catalog, mira: Subject
) -> None:
    set_role(catalog, mira, "primary", "name:first.png")
    set_role(catalog, mira, "supporting", "name:second.png")
    set_rating(catalog, mira, 4, "name:second.png")
    assert [(one.name, one.words) for one in resolve(catalog, mira).handovers] == [("first.png", "4 stars")]
    assert decided(catalog, mira)["first.png"] == ("primary", 4, None)


def test_what_was_decided_after_the_groups_were_found_is_handed_over_too(
    group: DuplicateGroup, catalog: Catalog, mira: Subject
) -> None:
    set_role(catalog, mira, "primary", "name:second.png")
    assert resolve_groups(catalog, mira, [group]).handovers[0].words == "primary, x5"
    assert decided(catalog, mira) == {"first.png": ("primary", 0, None), "second.png": ("rejected", 0, None)}


def test_the_default_repeats_of_a_role_go_before_a_lower_number_of_its_own(
    group: DuplicateGroup, catalog: Catalog, mira: Subject
) -> None:
    with catalog.write() as connection:
        connection.execute(tables.subject.update().values(primary_repeats=3))
    set_role(catalog, mira, "primary", "name:first.png")
    set_repeats(catalog, mira, 2, "name:second.png")
    (taken,) = resolve(catalog, mira, keep="name:second.png").handovers
    assert (taken.words, decided(catalog, mira)["second.png"]) == ("primary, x3", ("primary", 0, None))


def test_pictures_chosen_to_be_kept_stay_together_and_others_of_their_group_are_rejected(
    catalog: Catalog, mira: Subject, tmp_path: Path
) -> None:
    pictures = {f"{side}.png": draw(1, 256).resize((side, side)) for side in (256, 240, 224)}
    bring(catalog, mira, tmp_path, pictures)
    draw(2).save(tmp_path / "other.png")
    draw(2).save(tmp_path / "other.bmp")
    import_pictures(catalog, mira, [tmp_path / "other.png", tmp_path / "other.bmp"])
    assert resolve(catalog, mira, keep="name:2* OR name:other.*").rejected == 0
    assert resolve(catalog, mira, "name:other.png", keep="name:240.png").rejected == 0
    assert resolve(catalog, mira, keep="name:240.png OR name:224.png").rejected == 1
    (rejected,) = select_memberships(catalog, mira, "role:rejected")
    assert (rejected.name, rejected.reject_reason) == ("256.png", "duplicate of 240.png")


def test_the_version_of_the_groups_changes_with_stars_and_repeats(
    group: DuplicateGroup, catalog: Catalog, mira: Subject
) -> None:
    seen = {read_version(catalog, mira)}
    set_rating(catalog, mira, 1, "name:first.png")
    seen.add(read_version(catalog, mira))
    set_repeats(catalog, mira, 2, "name:first.png")
    seen.add(read_version(catalog, mira))
    assert len(seen) == 3
