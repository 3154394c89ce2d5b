"""All pairs of hashes within distance 8. Run: pytest -m benchmark -s tests/benchmarks/test_all_pairs.py

CPU seconds of one thread; 5 % of the hashes are planted 0 to 8 flipped bits away from another.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loratui.catalog import hamming
from loratui.catalog.hamming import collapse, find_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loratui.catalog.hamming import Hashes, Pairs

pytestmark = pytest.mark.benchmark

RADIUS = 8


def make_hashes(count: int) -> tuple[Hashes, int]:
    """Distinct hashes, and how many pairs were planted among them."""
    rng = np.random.default_rng(count)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    planted = count // 20
    for number in range(planted):
        hashes[number] = hashes[count - 1 - number]
        for bit in rng.choice(64, rng.integers(0, RADIUS + 1), replace=False):
            hashes[number] ^= np.uint64(1) << np.uint64(bit)
    values, _ = collapse(hashes)
    return values, planted - (count - len(values))


def count_pairs(pairs: Iterator[Pairs]) -> tuple[int, float]:
    started = time.process_time()
    count = sum(len(some.left) for some in pairs)
    return count, time.process_time() - started


@pytest.mark.parametrize("count", [10_000, 100_000, 1_000_000])
def test_all_pairs_within_distance_8(count: int) -> None:
    values, planted = make_hashes(count)
    found, seconds = count_pairs(find_pairs(values, RADIUS))
    line = f"\n{count:,} hashes: {found:,} pairs in {seconds:.2f} s of CPU"
    if count <= 100_000:
        by_force, brute_seconds = count_pairs(hamming._compare_all(values, RADIUS))
        line += f"; brute force {brute_seconds:.2f} s, ratio {brute_seconds / seconds:.1f}"
        assert found == by_force
    print(line)
    assert found >= planted
