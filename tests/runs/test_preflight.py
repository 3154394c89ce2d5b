"""What a run folder says of the dataset: the frozen pictures, each with its crop."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.catalog.crops import set_crop
from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import set_role
from loratui.catalog.subjects import add_subject
from loratui.dataset.snapshot import freeze
from loratui.runs.preflight import describe_dataset, plan_training
from loratui.training.recipe import preset_for
from loratui.training.runspec import read_run

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


@pytest.fixture
def nora(catalog: Catalog, tmp_path: Path) -> Subject:
    """A subject with a wide and a tall primary picture."""
    subject, _ = add_subject(catalog, "Nora", "noravok")
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.radial_gradient("L").resize((200, 100)).save(folder / "wide.png")
    Image.linear_gradient("L").resize((100, 150)).save(folder / "tall.png")
    import_pictures(catalog, subject, [folder])
    set_role(catalog, subject, "primary", "")
    return subject


def test_the_trainer_is_told_each_crop_and_plans_with_its_size(catalog: Catalog, nora: Subject, tmp_path: Path) -> None:
    recipe = preset_for("cast", 64)
    whole = freeze(catalog, nora)
    assert all("crop" not in picture for picture in describe_dataset(catalog, nora, whole)["pictures"])
    assert any(bucket.width > bucket.height for bucket in plan_training(whole, recipe).buckets)

    set_crop(catalog, nora, "name:wide.png", (50, 0, 100, 100))
    cropped = freeze(catalog, nora)
    assert not any(bucket.width > bucket.height for bucket in plan_training(cropped, recipe).buckets)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "dataset.json").write_text(json.dumps(describe_dataset(catalog, nora, cropped)))
    (folder / "run.json").write_text(
        json.dumps(
            {
                "version": 1,
                "run": "nora-0001",
                "output_name": "nora-0001",
                "subject": {"name": "Nora", "trigger": "noravok"},
                "base": {"name": "cast", "path": "/base", "family": "cast", "layout": "folder"},
                "recipe": recipe.to_dict(),
                "latents_cache": "/latents",
            }
        )
    )
    told = {picture.name: picture for picture in read_run(folder).pictures}
    assert (told["wide.png"].crop, told["wide.png"].used_size) == ((50, 0, 100, 100), (100, 100))
    assert (told["tall.png"].crop, told["tall.png"].used_size) == (None, (100, 150))
    assert told["wide.png"].path.is_file() and told["wide.png"].width == 200
