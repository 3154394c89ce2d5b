"""How long the wall waits for its order: ids of 100,000 pictures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from loratui.catalog.query import ORDERS, get_memberships, select_ids
from loratui.catalog.store import open_catalog

from .library import build_wall

if TYPE_CHECKING:
    from loratui.config import Home

pytestmark = pytest.mark.benchmark


def test_ids_of_a_wall_in_every_order(home: Home) -> None:
    build_wall(home, 100_000, drawn=8)
    with open_catalog(home) as catalog:
        print()
        for order in ORDERS:
            took = []
            for _ in range(5):
                started = time.perf_counter()
                ids = select_ids(catalog, "Wall", order=order)
                took.append(1000 * (time.perf_counter() - started))
            print(f"{order:10} {sorted(took)[2]:6.0f} ms for {len(ids):,} ids  (budget 150 ms)")
        started = time.perf_counter()
        page = get_memberships(catalog, ids[:60])
        print(f"{'page':10} {1000 * (time.perf_counter() - started):6.0f} ms for {len(page)} rows")
