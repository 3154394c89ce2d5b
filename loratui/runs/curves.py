"""Loss and learning rate of a run as curves: read on from where one was, smoothed, and thinned to what a plot shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from loratui.catalog.run_events import read_steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.store import Catalog

SMOOTHING = 0.9
"""Weight of what was before, in the moving average."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Neighbouring steps as one point: the mean of the losses with their extremes, and the last smoothed loss."""

    step: int
    loss: float
    lowest: float
    highest: float
    smooth: float
    learning_rate: float | None


class Curve:
    """The steps of one run, kept between readings: each reading takes in only what is new."""

    def __init__(self, run_id: int) -> None:
        self._run_id = run_id
        self._last_seq = 0
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._rates: list[float | None] = []

    def __len__(self) -> int:
        return len(self._steps)

    def read_on(self, catalog: Catalog) -> int:
        """Take in the steps ingested since the last reading; returns how many there were."""
        found = read_steps(catalog, self._run_id, after=self._last_seq)
        for seq, step, loss, rate in found:
            self._last_seq = seq
            # A resumed run does the steps after its last state again: the later word counts.
            while self._steps and self._steps[-1] >= step:
                self._drop_last()
            self._steps.append(step)
            self._losses.append(loss)
            self._rates.append(rate)
        return len(found)

    def _drop_last(self) -> None:
        for series in (self._steps, self._losses, self._rates):
            series.pop()

    def thin(self, points: int, smoothing: float = SMOOTHING) -> list[Bin]:
        """At most `points` bins of equally many steps each; nothing that sticks out is lost."""
        smooth = smooth_values(self._losses, smoothing)
        length = len(self._steps)
        count = min(length, max(points, 0))
        bounds = [length * place // count for place in range(count + 1)] if count else []
        return [
            Bin(
                step=self._steps[end - 1],
                loss=sum(self._losses[start:end]) / (end - start),
                lowest=min(self._losses[start:end]),
                highest=max(self._losses[start:end]),
                smooth=smooth[end - 1],
                learning_rate=self._rates[end - 1],
            )
            for start, end in pairwise(bounds)
        ]


def smooth_values(values: Sequence[float], weight: float = SMOOTHING) -> list[float]:
    """The exponential moving average, without the pull towards zero at its start."""
    smooth: list[float] = []
    mean, total = 0.0, 0.0
    for value in values:
        mean = weight * mean + (1 - weight) * value
        total = weight * total + (1 - weight)
        smooth.append(mean / total)
    return smooth
