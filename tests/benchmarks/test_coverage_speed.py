"""How long a person waits for the coverage of 20,000 pictures, and for a proposal out of 10,000."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from loratui.captions.coverage import coverage_of
from loratui.captions.proposals import propose_roles
from loratui.captions.samey import samey_of
from loratui.catalog.store import open_catalog
from loratui.demo import world

from .library import build_wall

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.config import Home

pytestmark = pytest.mark.benchmark


def test_coverage_of_twenty_thousand_pictures(home: Home) -> None:
    build(home, 20_000, role="supporting")
    with open_catalog(home) as catalog:
        print()
        measure("coverage of 20,000 pictures", 1.0, lambda: coverage_of(catalog, "Wall"))
        measure("samey among 20,000 pictures", 10.0, lambda: samey_of(catalog, "Wall"))


def test_a_proposal_out_of_ten_thousand_pictures(home: Home) -> None:
    build(home, 10_000, role="inbox")
    with open_catalog(home) as catalog:
        print()
        measure("proposal of 10,000 pictures", 5.0, lambda: propose_roles(catalog, "Wall"))


def measure(what: str, budget: float, work: Callable[[], object]) -> None:
    took = []
    for _ in range(3):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    print(f"{what:32} {sorted(took)[1]:6.2f} s  (budget {budget:g} s)")


def build(home: Home, pictures: int, *, role: str) -> None:
    """Pictures that all look different, with thirty scored tags each, a true scene of the cast among them."""
    build_wall(home, pictures, drawn=8)
    rng = random.Random(1)
    known = [f"tag_{number}" for number in range(2_000)]
    weights = [1 / (number + 1) for number in range(2_000)]
    with closing(sqlite3.connect(home.database)) as connection, connection:
        ids = connection.execute("SELECT picture_id FROM membership ORDER BY id").fetchall()
        scores = []
        for (picture,) in ids:
            scene = [tag.replace(" ", "_") for tag in world.scene_tags(world.random_scene(rng))]
            tags = dict.fromkeys((*scene, *rng.choices(known, weights, k=30)))
            scores += [(picture, tag, rng.uniform(0.2, 1)) for tag in tags]
        connection.executemany("INSERT INTO tag_score (picture_id, tagger, tag, score) VALUES (?, 'wd', ?, ?)", scores)
        connection.execute("INSERT INTO tagging (picture_id, tagger, at) SELECT picture_id, 'wd', '' FROM membership")
        hashes = [(*(rng.getrandbits(64) - (1 << 63) for _ in range(4)), picture) for (picture,) in ids]
        connection.executemany(
            "UPDATE picture SET phash = ?, dhash = ?, phash_mirrored = ?, dhash_mirrored = ?, pixel_sha256 = id"
            " WHERE id = ?",
            hashes,
        )
        connection.execute("UPDATE membership SET role = ?", (role,))
