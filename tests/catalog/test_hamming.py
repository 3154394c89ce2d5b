"""The pairs join: exact against comparing everything, and calm when many hashes are equal."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from loratui.catalog import hamming
from loratui.catalog.hamming import Hashes, collapse, find_pairs, to_unsigned


def clusters(seed: int, count: int, spread: int) -> Hashes:
    """Distinct random hashes, half of them a few flipped bits away from another."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 2**64, count, dtype=np.uint64)
    for number in range(count // 2):
        values[number] = values[rng.integers(count // 2, count)]
        for bit in rng.choice(64, rng.integers(0, spread + 1), replace=False):
            values[number] ^= np.uint64(1) << np.uint64(bit)
    return collapse(values)[0]


def brute_force(values: Hashes, radius: int) -> set[tuple[int, int, int]]:
    numbers = [int(value) for value in values]
    return {
        (i, j, (numbers[i] ^ numbers[j]).bit_count())
        for i in range(len(numbers))
        for j in range(i + 1, len(numbers))
        if (numbers[i] ^ numbers[j]).bit_count() <= radius
    }


def listed(values: Hashes, radius: int) -> list[tuple[int, int, int]]:
    return [
        (int(left), int(right), int(distance))
        for pairs in find_pairs(values, radius)
        for left, right, distance in zip(*pairs, strict=True)
    ]


@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 5), st.integers(0, 120))
@settings(max_examples=60, deadline=None)
def test_the_join_finds_exactly_the_pairs_of_brute_force_each_once(
    seed: int, radius: int, agreement: int, count: int
) -> None:
    assume(agreement == 0 or hamming._fits(radius, agreement))
    values = clusters(seed, count, radius + 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hamming, "_choose_agreement", lambda *_: agreement)
        found = listed(values, radius)
    assert len(found) == len(set(found))
    assert set(found) == brute_force(values, radius)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=60, unique=True), st.integers(0, 64))
@settings(max_examples=60, deadline=None)
def test_any_values_and_any_radius_are_exact(numbers: list[int], radius: int) -> None:
    values = np.array(numbers, dtype=np.uint64)
    assert sorted(listed(values, radius)) == sorted(brute_force(values, radius))


def test_a_size_that_is_joined_by_itself_equals_brute_force() -> None:
    values = clusters(7, 12_000, 10)
    assert hamming._choose_agreement(len(values), 8) > 0
    found = {(left, right) for left, right, _ in listed(values, 8)}
    every = {
        (int(left), int(right))
        for pairs in hamming._compare_all(values, 8)
        for left, right in zip(pairs.left, pairs.right, strict=True)
    }
    assert found == every
    assert len(found) > 1_000


def test_thousands_of_equal_hashes_collapse_to_one_value() -> None:
    hashes = np.concatenate([np.full(5_000, 0xFF00, np.uint64), clusters(3, 5_000, 6)])
    values, inverse = collapse(hashes)
    assert np.array_equal(values[inverse], hashes)
    tracemalloc.start()
    pairs = listed(values, 8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(pairs) < 50_000
    assert peak < 200e6


def test_a_crowd_of_close_values_comes_in_pieces_of_bounded_memory() -> None:
    # 3,000 values within 6 bits of each other: 4.5 million pairs.
    rng = np.random.default_rng(5)
    crowd = np.zeros(4_000, np.uint64)
    for _ in range(3):
        crowd ^= np.uint64(1) << rng.integers(0, 64, 4_000, dtype=np.uint64)
    values, _ = collapse(crowd)
    count = 0
    tracemalloc.start()
    for pairs in find_pairs(values, 6):
        count += len(pairs.left)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == len(values) * (len(values) - 1) // 2
    assert peak < 300e6


def test_hashes_come_out_of_the_database_unsigned() -> None:
    assert to_unsigned([-1, 0, 5]).tolist() == [2**64 - 1, 0, 5]
    assert to_unsigned([]).tolist() == []
