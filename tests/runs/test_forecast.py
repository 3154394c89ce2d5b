"""What would become of a training: steps, estimates, doubts and what makes it impossible."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.captions.service import change_rules, show_captions
from loratui.catalog import edits
from loratui.catalog.bases import add_base, get_base
from loratui.catalog.dedupe import find_groups, keep
from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import apply_balance, set_role
from loratui.catalog.subjects import add_subject
from loratui.dataset.plan import make_plan
from loratui.runs import forecast
from loratui.runs.bases import ensure_shipped_base
from loratui.runs.forecast import Forecast, Machine
from loratui.training.recipe import Recipe, preset_for

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.store import Catalog

PLENTY = Machine("cpu", "", 64 * 10**9, 10**12)


@pytest.fixture
def mira(catalog: Catalog, tmp_path: Path) -> str:
    """A subject with four pictures in the inbox."""
    add_subject(catalog, "Mira", "miratok", kind="person")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, name in enumerate("abcd"):
        Image.linear_gradient("L").rotate(index * 90).resize((96, 64 + 16 * index)).convert("RGB").save(
            folder / f"{name}.png"
        )
    import_pictures(catalog, "Mira", [folder])
    return "Mira"


def look(catalog: Catalog, recipe: Recipe | None = None, machine: Machine = PLENTY) -> Forecast:
    base = ensure_shipped_base(catalog)
    report = forecast.inspect_subject(catalog, "Mira")
    return forecast.forecast(
        report,
        forecast.inspect_base(catalog, base),
        machine,
        recipe or preset_for(base.family, base.resolution),
    )


def codes(doubts: tuple[forecast.Doubt, ...]) -> set[str]:
    return {doubt.code for doubt in doubts}


def test_nothing_in_training_roles_and_no_consent_make_it_impossible(catalog: Catalog, mira: str) -> None:
    found = look(catalog)
    assert codes(found.blockers) == {"no_pictures", "consent"}
    assert found.plan is None
    assert found.estimate is None
    assert all(doubt.hint for doubt in found.blockers)


def test_steps_are_those_of_the_plan(catalog: Catalog, mira: str) -> None:
    set_role(catalog, "Mira", "primary", "name:a.png OR name:b.png")
    set_role(catalog, "Mira", "supporting", "name:c.png")
    recipe = replace(preset_for("cast", 64), batch_size=2, epochs=7)
    found = look(catalog, recipe)
    sizes = [(96, 64, 5), (96, 80, 5), (96, 96, 2)]
    expected = make_plan(sizes, resolution=64, bucket_step=16, min_bucket=32, max_bucket=128, batch_size=2, epochs=7)
    assert found.plan == expected
    assert found.estimate is not None
    assert found.estimate.seconds is None


def test_doubts_name_what_is_wrong_with_the_dataset(catalog: Catalog, mira: str) -> None:
    set_role(catalog, "Mira", "supporting", "name:a.png OR name:b.png")
    assert codes(look(catalog).doubts) == {"few_steps", "no_primary", "inbox", "untagged", "unrated"}
    set_role(catalog, "Mira", "primary", "name:c.png OR name:d.png OR name:b.png")
    edits.add_tags(catalog, "Mira", "", ["smile"])
    edits.set_caption(catalog, "Mira", "name:c.png", "a woman in the rain")
    found = look(catalog)
    assert codes(found.doubts) == {"few_steps", "ratio", "trigger", "unrated"}
    assert "c.png" in next(doubt.message for doubt in found.doubts if doubt.code == "trigger")
    apply_balance(catalog, "Mira")
    assert "ratio" not in codes(look(catalog).doubts)
    assert "few_steps" not in codes(look(catalog, replace(preset_for("cast", 64), epochs=1500)).doubts)


def test_a_tiny_base_needs_a_tenth_of_the_steps(catalog: Catalog, mira: str) -> None:
    set_role(catalog, "Mira", "primary", "")
    plan = look(catalog, replace(preset_for("cast", 64), epochs=1)).plan
    assert plan is not None
    enough = -(-150 // plan.steps_per_epoch)
    assert "few_steps" not in codes(look(catalog, replace(preset_for("cast", 64), epochs=enough)).doubts)
    few = look(catalog, replace(preset_for("cast", 64), epochs=1)).doubts[0]
    assert (few.code, few.hint) == ("few_steps", f"150 need {enough} epochs.")
    large = replace(preset_for("cast", 64), resolution=512, bucket_step=64, min_bucket=256, max_bucket=1024)
    assert look(catalog, large).doubts[0].hint.startswith("1,500 need")


def test_without_a_trigger_in_the_prefix_every_caption_lacks_it(catalog: Catalog, mira: str) -> None:
    set_role(catalog, "Mira", "primary", "all")
    edits.add_tags(catalog, "Mira", "", ["smile"])
    change_rules(catalog, "Mira", {"prefix": "a photo,"})
    (doubt,) = [doubt for doubt in look(catalog).doubts if doubt.code == "trigger"]
    assert doubt.message.startswith("4 captions lack")


def test_captions_that_the_trainer_cuts_are_doubted_and_stay_whole(catalog: Catalog, mira: str) -> None:
    pytest.importorskip("instant_clip_tokenizer")
    set_role(catalog, "Mira", "primary", "all")
    edits.add_tags(catalog, "Mira", "name:a.png", [f"tag number {number}" for number in range(40)])
    (doubt,) = [doubt for doubt in look(catalog).doubts if doubt.code == "long_captions"]
    assert doubt.message.startswith("1 caption is longer") and "a.png" in doubt.message
    texts = {each.membership.name: each for each in show_captions(catalog, "Mira")}
    assert texts["a.png"].text.endswith("tag number 39")
    assert "CLIP tokens" in texts["a.png"].warnings[-1] and texts["b.png"].warnings == ()


def test_pictures_of_one_flat_colour_are_doubted(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    Image.new("RGB", (90, 90), "red").save(tmp_path / "flat.png")
    import_pictures(catalog, "Mira", [tmp_path / "flat.png"])
    set_role(catalog, "Mira", "primary", "all")
    (doubt,) = [doubt for doubt in look(catalog).doubts if doubt.code == "blank"]
    assert "flat.png" in doubt.message


def test_pictures_that_look_alike_are_doubted_until_someone_decides(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    with Image.open(tmp_path / "pictures" / "a.png") as picture:
        picture.save(tmp_path / "again.bmp")
    import_pictures(catalog, "Mira", [tmp_path / "again.bmp"])
    set_role(catalog, "Mira", "primary", "all")
    assert [doubt.code for doubt in forecast.find_twins(catalog, "Mira")] == ["duplicates"]
    keep(catalog, "Mira")
    assert forecast.find_twins(catalog, "Mira") == []


def test_pictures_that_only_may_be_copies_are_not_called_duplicates(
    catalog: Catalog, mira: str, tmp_path: Path
) -> None:
    with Image.open(tmp_path / "pictures" / "a.png") as picture:
        picture.save(tmp_path / "again.bmp")
    import_pictures(catalog, "Mira", [tmp_path / "again.bmp"])
    set_role(catalog, "Mira", "primary", "all")
    nearly = [replace(group, tier="near") for group in find_groups(catalog, "Mira")[:1]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("loratui.catalog.dedupe.find_groups", lambda catalog, subject: nearly)
        (doubt,) = forecast.find_twins(catalog, "Mira")
    assert (doubt.code, doubt.message) == ("alike", "1 group of training pictures looks much alike.")


def test_a_full_disk_blocks_and_a_small_card_is_doubted(catalog: Catalog, mira: str) -> None:
    set_role(catalog, "Mira", "primary", "all")
    found = look(catalog, machine=Machine("cuda", "Tiny", 10**8, 10**6))
    assert "disk" in codes(found.blockers)
    (doubt,) = [doubt for doubt in found.doubts if doubt.code == "memory"]
    assert "Tiny has 0.1 GB" in doubt.message


def test_a_base_that_is_gone_blocks(catalog: Catalog, mira: str, toy_base: Path) -> None:
    add_base(catalog, "toy", toy_base, family="sd1", layout="folder", resolution=64)
    (toy_base / "model_index.json").unlink()
    report = forecast.inspect_base(catalog, get_base(catalog, "toy"))
    assert codes(report.blockers) == {"base"}


def test_the_trainer_must_be_there(catalog: Catalog, mira: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "trainer" not in codes(forecast.inspect_subject(catalog, "Mira").blockers)
    catalog.home.config_file.unlink()
    monkeypatch.setattr("loratui.runs.preflight.find_spec", lambda name: None)
    assert "trainer" in codes(forecast.inspect_subject(catalog, "Mira").blockers)


def test_pictures_too_narrow_to_train_without_enlarging_block(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    Image.linear_gradient("L").resize((400, 8)).convert("RGB").save(tmp_path / "thin.png")
    import_pictures(catalog, "Mira", [tmp_path / "thin.png"])
    set_role(catalog, "Mira", "primary", "all")
    found = look(catalog, replace(preset_for("cast", 64), upscale=False))
    assert "plan" in codes(found.blockers)
