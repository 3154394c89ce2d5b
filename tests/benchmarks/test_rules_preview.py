"""How long a person waits for tag counts and for what a rule would change: 10,000 pictures of twenty tags."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import pytest

from loratui.captions.counts import read_book
from loratui.catalog.store import open_catalog

from .library import build_wall

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.config import Home

pytestmark = pytest.mark.benchmark

T = TypeVar("T")
PICTURES, TAGS, KNOWN = 10_000, 20, 2_000


def test_counting_tags_and_foreseeing_rules(home: Home) -> None:
    build_wall(home, PICTURES, drawn=8)
    add_tags(home)
    print()
    with open_catalog(home) as catalog:
        book = measure("read the pictures and tags", lambda: read_book(catalog, "Wall"))
        counts = measure("count the tags", book.count_tags)
        measure("compute every caption", book.captions)
        preview = measure("foresee a rule", lambda: book.preview({"imbued": ["tag 1*"]}))
        measure("find the longest caption", book.find_longest)
    print(f"{len(counts):,} tags; the rule changes {preview.changed:,} of {preview.pictures:,} captions")


def measure(what: str, work: Callable[[], T]) -> T:
    took = []
    for _ in range(5):
        started = time.perf_counter()
        result = work()
        took.append(1000 * (time.perf_counter() - started))
    print(f"{what:28} {sorted(took)[2]:6.0f} ms  (budget 300 ms)")
    return result


def add_tags(home: Home) -> None:
    """Half of the tags from a person, half from a tagger; some are on most pictures and many on a few."""
    draw = random.Random(1)
    known = [f"tag {number}" for number in range(KNOWN)]
    weights = [1 / (number + 1) for number in range(KNOWN)]
    with closing(sqlite3.connect(home.database)) as connection, connection:
        edits, scores = [], []
        for id_, picture in connection.execute("SELECT id, picture_id FROM membership").fetchall():
            tags = list(dict.fromkeys(draw.choices(known, weights, k=3 * TAGS)))[:TAGS]
            edits += [(id_, tag, place) for place, tag in enumerate(tags[: TAGS // 2])]
            scores += [(picture, tag.replace(" ", "_"), draw.uniform(0.35, 1)) for tag in tags[TAGS // 2 :]]
        connection.executemany("INSERT INTO tag_edit (membership_id, tag, position) VALUES (?, ?, ?)", edits)
        connection.executemany("INSERT INTO tag_score (picture_id, tagger, tag, score) VALUES (?, 'wd', ?, ?)", scores)
        connection.execute("INSERT INTO tagging (picture_id, tagger, at) SELECT id, 'wd', imported_at FROM picture")
