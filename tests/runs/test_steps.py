"""The steps that a subject would take now are those of its plan."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.catalog import crops, importer, roles, subjects
from loratui.catalog.bases import add_base
from loratui.catalog.blobs import refresh_states, store_path
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.dataset.snapshot import describe_dataset
from loratui.errors import UsageError
from loratui.runs.forecast import plan_content
from loratui.runs.steps import plan_subject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """Mira with two primary pictures, five repeats each, two supporting ones, one in the inbox, and a base."""
    with open_catalog(home) as opened:
        subjects.add_subject(opened, "Mira", "Mirvok")
        for number in range(5):
            noise = random.Random(number).randbytes(64 * (64 + 16 * (number % 2)))
            Image.frombytes("L", (64 + 16 * (number % 2), 64), noise).save(tmp_path / f"{number}.png")
        importer.import_pictures(opened, "Mira", sorted(tmp_path.glob("*.png")))
        roles.set_role(opened, "Mira", "primary", "name:0.png or name:1.png")
        roles.set_role(opened, "Mira", "supporting", "name:2.png or name:3.png")
        subjects.edit_subject(opened, "Mira", primary_repeats=5, supporting_repeats=2)
        add_base(opened, "small", tmp_path, family="cast", layout="folder", resolution=64)
        yield opened


def test_the_plan_is_that_of_the_dataset_with_the_preset_of_the_base(catalog: Catalog) -> None:
    crops.set_crop(catalog, "Mira", "name:1.png", (0, 0, 32, 64))
    found = plan_subject(catalog, "Mira")
    content = describe_dataset(catalog, subjects.get_subject(catalog, "Mira"))
    assert found.plan == plan_content(content, found.recipe)
    assert (found.base.name, found.recipe.resolution, found.lost) == ("small", 64, 0)
    assert (found.plan.pictures, found.plan.samples_per_epoch) == (4, 14)


def test_lost_training_pictures_are_counted(catalog: Catalog, home: Home) -> None:
    (lost,) = select_memberships(catalog, "Mira", "name:0.png")
    store_path(home, lost.sha256, lost.format).unlink()
    refresh_states(catalog)
    assert plan_subject(catalog, "Mira").lost == 1


def test_the_base_has_to_be_named_when_there_are_several(catalog: Catalog, tmp_path: Path) -> None:
    add_base(catalog, "other", tmp_path / "other", family="cast", layout="folder", resolution=64)
    with pytest.raises(UsageError, match="Which base"):
        plan_subject(catalog, "Mira")
    assert plan_subject(catalog, "Mira", "other").base.name == "other"
