"""The order of one epoch: which samples form which batch, decided by a seed and the epoch's number alone."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, NamedTuple

from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Batch(NamedTuple):
    """Samples of one bucket that are trained together."""

    bucket: int
    """Position of the bucket in the sequence that was passed in."""
    samples: tuple[int, ...]
    """What that sequence held, picture numbers as a rule; at most `batch_size` of them."""


def count_batches(samples_per_bucket: Sequence[int], batch_size: int) -> int:
    """Count the batches of an epoch: the last batch of each bucket is smaller, never dropped or mixed."""
    _check_batch_size(batch_size)
    return sum(math.ceil(samples / batch_size) for samples in samples_per_bucket)


def group_samples(sizes: Sequence[tuple[int, int]], repeats: Sequence[int]) -> dict[tuple[int, int], list[int]]:
    """Collect the picture numbers of each bucket size, each as often as it repeats, in order of size."""
    grouped: dict[tuple[int, int], list[int]] = {}
    for number, (size, times) in enumerate(zip(sizes, repeats, strict=True)):
        grouped.setdefault(size, []).extend([number] * times)
    return dict(sorted(grouped.items()))


def plan_epoch(buckets: Sequence[Sequence[int]], *, batch_size: int, seed: int, epoch: int) -> list[Batch]:
    """Shuffle the samples inside their buckets, cut them into batches and shuffle the batches.

    The same arguments give the same list on every machine and Python: only `Random.random`, whose sequence is
    promised to stay the same, is drawn from.
    """
    _check_batch_size(batch_size)
    # Seeding with text hashes it, so neighbouring seeds and epochs have nothing in common.
    draw = random.Random(f"loratui epoch {seed}:{epoch}").random
    batches: list[Batch] = []
    for number, samples in enumerate(buckets):
        shuffled = sorted(samples, key=lambda _: draw())
        for start in range(0, len(shuffled), batch_size):
            batches.append(Batch(number, tuple(shuffled[start : start + batch_size])))
    return sorted(batches, key=lambda _: draw())


def _check_batch_size(batch_size: int) -> None:
    if batch_size < 1:
        raise UsageError(f"A batch of {batch_size} pictures can't be trained.", hint="The smallest batch size is 1.")
