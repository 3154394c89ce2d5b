"""A small library with drawn pictures for the tests of snapshots and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home

SIZES = {"one.png": (96, 64), "two.jpg": (64, 96), "three.webp": (80, 80), "four.png": (120, 60)}


def draw(path: Path, size: tuple[int, int], seed: int) -> Path:
    """A picture of its own for every seed, in the format that the name asks for."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as opened:
        yield opened


@pytest.fixture
def add_pictures(tmp_path: Path) -> Callable[..., list[Path]]:
    """Draw some pictures into a folder of their own."""

    def add(sizes: dict[str, tuple[int, int]], folder: str = "pictures", seed: int = 0) -> list[Path]:
        return [draw(tmp_path / folder / name, size, seed + at) for at, (name, size) in enumerate(sizes.items())]

    return add


@pytest.fixture
def mira(catalog: Catalog, add_pictures: Callable[..., list[Path]]) -> str:
    """A subject with two primary and two supporting pictures; returns its name."""
    add_subject(catalog, "mira", "Mira", class_word="woman")
    import_pictures(catalog, "mira", add_pictures(SIZES))
    set_role(catalog, "mira", "primary", "name:one.png OR name:two.jpg")
    set_role(catalog, "mira", "supporting", "name:three.webp OR name:four.png")
    return "mira"
