"""How long a person waits for tag counts and for what a rule would change: 10,000 pictures of twenty tags."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from loratui.captions.counts import CaptionBook, read_book
from loratui.captions.matching import match_entries
from loratui.catalog.store import open_catalog

from .library import build_wall

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.captions.counts import RulesPreview
    from loratui.config import Home

pytestmark = pytest.mark.benchmark

T = TypeVar("T")
PICTURES, TAGS, KNOWN, LOW = 10_000, 20, 2_000, 60

CHANGES: dict[str, Callable[[int], dict[str, Any]]] = {
    "imbue a common tag": lambda number: {"imbued": [f"tag {number % 10}"]},
    "imbue a rare tag": lambda number: {"imbued": [f"tag {number}"]},
    "imbue by a pattern": lambda number: {"imbued": ["tag 1*", f"tag {number}"]},
    "change the prefix": lambda number: {"prefix": f"picture {number} of {{trigger}},"},
    "rename a tag": lambda number: {"renames": {f"tag {number}": "hat"}},
    "cut at fewer tokens": lambda number: {"max_tokens": number - 60},
    "keep overlaps": lambda number: {"drop_overlaps": "no", "imbued": [f"tag {number}"]},
    "order by name": lambda number: {"order": "alphabetical", "imbued": [f"tag {number}"]},
}


def test_counting_tags_and_foreseeing_rules(home: Home) -> None:
    build_wall(home, PICTURES, drawn=8)
    add_tags(home)
    print()
    with open_catalog(home) as catalog:
        book = measure("read the pictures and tags", lambda: read_book(catalog, "Wall"))
        # Every measurement starts from what the last left, so each is given rules that were never tried.
        measure("count the tags", lambda: CaptionBook(book.subject, book.rules, book.pictures).count_tags())
        measure("compute every caption", lambda: CaptionBook(book.subject, book.rules, book.pictures).captions())
        counts = book.count_tags()
        book.captions()
        for what, change in CHANGES.items():
            number = count(100)
            preview = measure(what, lambda change=change, number=number: try_rules(book, change(next(number))))
            print(f"{'':28} {preview.changed:,} of {preview.pictures:,} captions change")
        measure("look for 100 entries", lambda: match_entries(book, [f"tag {at}" for at in range(1_950, 2_050)]))
        measure("find the longest caption", book.find_longest)
    print(f"{len(counts):,} tags, {sum(one.implied for one in counts):,} left out because others say them")


def try_rules(book: CaptionBook, changes: dict[str, Any]) -> RulesPreview:
    """What the screen waits for after a change: counts under the new rules, and which captions change."""
    after = book.with_rules(changes)
    after.count_tags()
    return book.compare(after)


def measure(what: str, work: Callable[[], T]) -> T:
    took, worked = [], []
    for _ in range(5):
        started, began = time.perf_counter(), time.process_time()
        result = work()
        took.append(1000 * (time.perf_counter() - started))
        worked.append(1000 * (time.process_time() - began))
    print(f"{what:28} {sorted(took)[2]:6.0f} ms, of the processor {sorted(worked)[2]:4.0f} ms  (budget 300 ms)")
    return result


def add_tags(home: Home) -> None:
    """Half of the tags from a person, half from a tagger, with low scores beside.

    Some are on most pictures and many on a few; each tenth is a more specific form of another.
    """
    draw = random.Random(1)
    known = [f"red tag {number // 10}" if number % 10 == 5 else f"tag {number}" for number in range(KNOWN)]
    weights = [1 / (number + 1) for number in range(KNOWN)]
    with closing(sqlite3.connect(home.database)) as connection, connection:
        edits, scores = [], []
        for id_, picture in connection.execute("SELECT id, picture_id FROM membership").fetchall():
            tags = list(dict.fromkeys(draw.choices(known, weights, k=3 * TAGS)))[:TAGS]
            edits += [(id_, tag, place) for place, tag in enumerate(tags[: TAGS // 2])]
            scores += [(picture, tag.replace(" ", "_"), draw.uniform(0.35, 1)) for tag in tags[TAGS // 2 :]]
            scores += [(picture, f"low_{one}", draw.uniform(0.1, 0.34)) for one in draw.sample(range(KNOWN), LOW)]
        connection.executemany("INSERT INTO tag_edit (membership_id, tag, position) VALUES (?, ?, ?)", edits)
        connection.executemany("INSERT INTO tag_score (picture_id, tagger, tag, score) VALUES (?, 'wd', ?, ?)", scores)
        connection.execute("INSERT INTO tagging (picture_id, tagger, at) SELECT id, 'wd', imported_at FROM picture")
