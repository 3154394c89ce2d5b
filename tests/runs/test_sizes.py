"""How large the next training takes pictures: by the base it would use, and by the bucket a picture lands in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.captions.clearness import TrainingSize
from loratui.captions.misplaced import check_subject
from loratui.captions.proposals import propose_roles
from loratui.catalog.bases import add_base, get_base, list_bases
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.runs import create_run
from loratui.catalog.snapshots import save_snapshot
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, get_subject
from loratui.config import Settings
from loratui.errors import MissingFeatureError, NotFoundError, UsageError
from loratui.runs.bases import ensure_shipped_base
from loratui.runs.sizes import find_export_purpose, find_purpose, foresee_purpose, foresee_size
from loratui.runs.steps import plan_subject
from loratui.tui.facts import read_inspection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.rows import Base
    from loratui.catalog.store import Catalog
    from loratui.config import Home


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """Mira, with a picture of 64 pixels a side and a strip."""
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "Mirvok")
        Image.linear_gradient("L").resize((64, 64)).save(tmp_path / "small.png")
        Image.radial_gradient("L").resize((6000, 12)).save(tmp_path / "strip.png")
        import_pictures(opened, "Mira", [tmp_path / "small.png", tmp_path / "strip.png"])
        yield opened


def register(catalog: Catalog, name: str, resolution: int, family: str = "sd1") -> None:
    add_base(catalog, name, catalog.home.data / name, family=family, layout="folder", resolution=resolution)


@pytest.fixture
def nothing_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> Path:
        raise MissingFeatureError("The shipped assets are not installed.", hint="Reinstall loratui.")

    monkeypatch.setattr("loratui.runs.bases.find_assets", find)


def test_only_where_no_base_is_to_be_had_it_is_for_512_pixels(catalog: Catalog, nothing_ships: None) -> None:
    assert foresee_purpose(catalog, subject="Mira").words == "at 512 px: no base is registered"
    assert find_export_purpose(catalog, "Mira").describe(512).startswith("for 512 px: no base is registered;")
    assert foresee_size(catalog).resolution == 512
    register(catalog, "mine", 768)
    assert foresee_purpose(catalog, subject="Mira").words == "of base mine"


@pytest.mark.parametrize("side", [64, 600])
def test_all_that_looks_ahead_agrees_on_the_base_that_ships_before_it_was_ever_used(
    side: int, catalog: Catalog, tmp_path: Path
) -> None:
    add_pictures(catalog, tmp_path, "Rexvul", side)
    set_role(catalog, "Rexvul", "primary", "all")
    for trained in (False, True):
        if trained:
            train(catalog, "Rexvul", ensure_shipped_base(catalog))
        plan = plan_subject(catalog, "Rexvul")
        purpose = foresee_purpose(catalog, subject="Rexvul")
        size = foresee_size(catalog, subject="Rexvul")
        (picture,) = select_memberships(catalog, "Rexvul")
        looked = read_inspection(catalog, "Rexvul", picture.id, Settings())
        assert (plan.base.name, plan.recipe.resolution) == ("cast", 64)
        assert (purpose.base, purpose.recipe) == ("cast", plan.recipe)
        assert (size.base, size.resolution, size.why) == ("cast", 64, "for cast at 64 px")
        assert looked is not None and looked[0].placing is not None
        assert (looked[1], looked[0].placing.bucket.width) == ("of base cast", 64)
        assert [base.name for base in list_bases(catalog)] == ["cast"] * trained, "asking registers nothing"


def test_of_several_bases_the_one_that_a_subject_was_trained_with_last_counts(catalog: Catalog) -> None:
    register(catalog, "mine", 768)
    register(catalog, "other", 640)
    assert foresee_purpose(catalog, subject="Mira").words == "at 512 px: mine and other are registered"
    train(catalog, "Mira", get_base(catalog, "mine"))
    train(catalog, "Mira", get_base(catalog, "other"))
    add_subject(catalog, "Vera", "Verandel")
    assert foresee_purpose(catalog, subject="Mira").words == "of base other"
    assert foresee_purpose(catalog, subject="Vera").base == ""
    assert foresee_purpose(catalog, "mine", "Mira").base == "mine"


def test_the_only_base_tells_the_size_and_what_is_given_goes_before_it(catalog: Catalog) -> None:
    assert foresee_size(catalog).resolution == 64
    register(catalog, "little", 128, "cast")
    assert foresee_size(catalog).resolution == 128
    assert foresee_size(catalog, resolution=768).resolution == 768
    register(catalog, "other", 768)
    assert foresee_size(catalog).resolution == 512
    assert foresee_size(catalog, "other").resolution == 768
    with pytest.raises(UsageError, match="resolution"):
        foresee_size(catalog, resolution=0)


def test_a_picture_is_not_tiny_for_a_base_that_trains_at_its_size(catalog: Catalog) -> None:
    def find_tiny(training: TrainingSize) -> dict[str, str]:
        found = check_subject(catalog, "Mira", ["tiny"], training=training)
        return {one.membership.name: one.why for one in found.suspects}

    assert find_tiny(foresee_size(catalog, resolution=512)) == {
        "strip.png": "6000x12, enlarged 21.3 times to train at 512",
        "small.png": "64x64, enlarged 8.0 times to train at 512",
    }
    register(catalog, "little", 64, "cast")
    assert find_tiny(foresee_size(catalog)) == {"strip.png": "6000x12, enlarged 2.7 times to train at 64"}


def test_a_proposal_calls_no_picture_blown_up_that_the_base_trains_as_it_is(catalog: Catalog) -> None:
    def say(training: TrainingSize) -> str:
        found = propose_roles(catalog, "Mira", training=training)
        return " ".join(["; ".join(one.reasons) for one in (*found.primary, *found.supporting)])

    assert "64x64, blown up 8.0 times" in say(foresee_size(catalog, resolution=512))
    register(catalog, "little", 64, "cast")
    assert "64x64, blown up" not in say(foresee_size(catalog))


@pytest.mark.parametrize("side", [8, 12, 100, 512, 3000])
def test_the_usual_size_and_the_bucket_tell_alike_of_a_square(catalog: Catalog, side: int) -> None:
    assert foresee_size(catalog, resolution=512).measure(side, side) == pytest.approx(
        TrainingSize().measure(side, side)
    )


def add_pictures(catalog: Catalog, folder: Path, subject: str, side: int) -> None:
    add_subject(catalog, subject, subject)
    Image.radial_gradient("L").resize((side, side)).save(folder / f"{subject}.png")
    import_pictures(catalog, subject, [folder / f"{subject}.png"])


def train(catalog: Catalog, subject: str, base: Base) -> None:
    owner = get_subject(catalog, subject)
    snapshot = save_snapshot(catalog, owner.id, "h" * 64, "{}", 1)
    create_run(
        catalog,
        subject_id=owner.id,
        subject_name=owner.name,
        snapshot_id=snapshot.id,
        base_id=base.id,
        recipe={},
        total_steps=1,
        steps_per_epoch=1,
        prepare=lambda run: None,
    )


def test_photos_are_exported_for_512_pixels_where_only_the_shipped_base_is_there(
    catalog: Catalog, tmp_path: Path
) -> None:
    add_pictures(catalog, tmp_path, "Rexvul", 768)
    found = find_export_purpose(catalog, "Rexvul")
    assert (found.base, found.resolution, found.recipe.min_bucket) == ("", 512, 256)
    assert found.describe(512) == "for 512 px: no base of your own is registered; --resolution or `loratui base add`"
    assert found.describe(768) == "for 768 px"
    assert list_bases(catalog) == [], "asking registers nothing"
    ensure_shipped_base(catalog)
    assert find_export_purpose(catalog, "Rexvul") == found, "that it was tried out is no reason to export for it"
    register(catalog, "mine", 768)
    assert find_export_purpose(catalog, "Rexvul").describe(768) == "for mine at 768 px"
    register(catalog, "other", 512)
    assert find_export_purpose(catalog, "Rexvul").describe(512).startswith("for 512 px: mine and other are registered")
    assert find_export_purpose(catalog, "Rexvul", "other").base == "other"
    for find in (find_purpose, find_export_purpose):
        assert find(catalog, "Rexvul", "cast").resolution == 64
        with pytest.raises(NotFoundError):
            find(catalog, "Rexvul", "none")


def test_drawn_pictures_are_exported_for_the_base_that_ships(catalog: Catalog, tmp_path: Path) -> None:
    add_pictures(catalog, tmp_path, "Drawvul", 256)
    assert find_export_purpose(catalog, "Drawvul").describe(64) == "for cast at 64 px"
    assert list_bases(catalog) == []


def test_what_was_trained_on_the_shipped_base_is_exported_for_it(catalog: Catalog, tmp_path: Path) -> None:
    add_pictures(catalog, tmp_path, "Rexvul", 768)
    train(catalog, "Rexvul", ensure_shipped_base(catalog))
    assert find_export_purpose(catalog, "Rexvul").base == "cast"
