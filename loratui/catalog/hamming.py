"""All pairs of 64-bit hashes within a Hamming distance: exact at any size, in bounded memory, numpy alone."""

from __future__ import annotations

from itertools import combinations, pairwise
from math import comb
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Hashes = NDArray[np.uint64]
Indexes = NDArray[np.int64]

_BITS = 64
_ROWS_AT_ONCE = 1 << 22
# Seconds per element, measured on one core: one step of a sort's n log2 n, comparing one pair while joining,
# and comparing one pair by brute force. Only their proportions matter, and only for speed.
_SORT_COST, _JOIN_COST, _BRUTE_COST = 1.5e-9, 8e-9, 2.5e-9


class Pairs(NamedTuple):
    """Some of the pairs: positions `left` < `right` in the array that was searched, and their distances."""

    left: Indexes
    right: Indexes
    distance: NDArray[np.uint8]


def find_pairs(values: Hashes, radius: int) -> Iterator[Pairs]:
    """Yield every pair of values at most `radius` bits apart, each pair once, in no particular order.

    `values` must be distinct (see collapse): n equal ones would give n^2/2 pairs. Above a few thousand values it
    is a sort-join: cut the 64 bits into radius + k blocks; whatever radius bits differ, at least k blocks stay
    equal. So for every choice of k blocks, sort by those and compare neighbours with equal keys.
    """
    k = _choose_agreement(len(values), radius)
    if k == 0:
        yield from _compare_all(values, radius)
        return
    starts, widths = _cut_blocks(radius + k)
    blocks = [
        ((values >> np.uint64(start)) & np.uint64((1 << width) - 1)).astype(np.uint32)
        for start, width in zip(starts, widths, strict=True)
    ]
    masks = [np.uint64(((1 << width) - 1) << start) for start, width in zip(starts, widths, strict=True)]
    for chosen in combinations(range(radius + k), k):
        # A pair may agree in more than k blocks; it is reported for the first k of them alone.
        earlier = [masks[block] for block in range(chosen[-1]) if block not in chosen]
        yield from _join(
            [blocks[block] for block in chosen], [widths[block] for block in chosen], values, radius, earlier
        )


def collapse(hashes: Hashes) -> tuple[Hashes, Indexes]:
    """The distinct values, and for each hash the position of its value among them."""
    values, inverse = np.unique(hashes, return_inverse=True)
    return values, inverse.astype(np.int64)


def measure_distance(one: Hashes, other: Hashes) -> NDArray[np.uint8]:
    """Hamming distances, element by element."""
    distance: NDArray[np.uint8] = np.bitwise_count(one ^ other)
    return distance


def to_unsigned(signed: list[int]) -> Hashes:
    """Hashes as the database holds them (signed 64-bit) as unsigned ones."""
    return np.array(signed, dtype=np.int64).view(np.uint64)


def _choose_agreement(count: int, radius: int) -> int:
    """How many blocks must agree, by estimated cost; 0 for comparing all pairs."""
    pairs = count * (count - 1) / 2
    costs = {0: pairs * _BRUTE_COST}
    for k in range(1, 6):
        if _fits(radius, k):
            candidates = pairs / 2 ** (_BITS * k / (radius + k))
            each = count * np.log2(max(count, 2)) * _SORT_COST + candidates * _JOIN_COST
            costs[k] = comb(radius + k, k) * (each + 1e-4)
    return min(costs, key=lambda k: costs[k])


def _fits(radius: int, k: int) -> bool:
    """Whether the blocks have bits, and k of them go into the 32 that a key has."""
    return radius + k <= _BITS and k * -(-_BITS // (radius + k)) <= 32


def _cut_blocks(count: int) -> tuple[list[int], list[int]]:
    edges = [_BITS * number // count for number in range(count + 1)]
    return edges[:-1], [end - start for start, end in pairwise(edges)]


def _compare_all(values: Hashes, radius: int) -> Iterator[Pairs]:
    count = len(values)
    rows = max(1, _ROWS_AT_ONCE // max(count, 1))
    for start in range(0, count, rows):
        block = values[start : start + rows]
        distance = np.bitwise_count(block[:, None] ^ values[None, start + 1 :])
        row, column = np.nonzero(distance <= radius)
        # Column c is position start + 1 + c: keep those right of their row.
        row, column = row[column >= row], column[column >= row]
        if row.size:
            yield Pairs(row + start, column + start + 1, distance[row, column])


def _join(
    blocks: list[NDArray[np.uint32]], widths: list[int], values: Hashes, radius: int, earlier: list[np.uint64]
) -> Iterator[Pairs]:
    key = blocks[0]
    for block, width in zip(blocks[1:], widths[1:], strict=True):
        key = (key << np.uint32(width)) | block
    # Key and position in one number: a plain sort is several times faster than an argsort.
    order = np.sort((key.astype(np.uint64) << np.uint64(32)) | np.arange(len(values), dtype=np.uint64))
    position = (order & np.uint64(0xFFFFFFFF)).astype(np.int64)
    key = (order >> np.uint64(32)).astype(np.uint32)
    value = values[position]
    here = np.flatnonzero(key[:-1] == key[1:])
    step = 1
    while here.size:
        distance = np.bitwise_count(value[here] ^ value[here + step])
        hit = np.flatnonzero(distance <= radius)
        if hit.size:
            one, other = here[hit], here[hit] + step
            differing = value[one] ^ value[other]
            first = np.ones(len(hit), dtype=bool)
            for mask in earlier:
                first &= (differing & mask) != 0
            if first.any():
                a, b = position[one[first]], position[other[first]]
                yield Pairs(np.minimum(a, b), np.maximum(a, b), distance[hit[first]])
        step += 1
        # Equal keys stand together, so a run that ended at this step can't go on at the next.
        here = here[here < len(key) - step]
        here = here[key[here] == key[here + step]]
