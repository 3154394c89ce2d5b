"""Intervals and the rule that turns them into verdicts; nothing here knows what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HOLDS, FAILS, OPEN = "holds", "does not hold", "not decided"
LEVEL = 0.95
_OPPOSITE = {HOLDS: FAILS, FAILS: HOLDS, OPEN: OPEN}
_STRIPS = 400
_Z = 1.959963984540054
"""The normal distribution's 97.5 % point."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its 95 % interval; unbounded where too few values were there to tell."""

    mean: float
    low: float
    high: float
    values: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `total` with Wilson's 95 % interval, each 0 to 1."""

    hits: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        return self.hits / self.total if self.total else math.nan


def t_point(freedom: int) -> float:
    """Student's t that 95 % of draws stay within on both sides, for 1 degree of freedom or more.

    With t = sqrt(n) tan(a) the probability of |T| < t is proportional to the integral of cos(u)^(n-1) from 0 to a.
    """
    if freedom < 1:
        raise ValueError(f"{freedom} degrees of freedom")
    scale = 2 * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)

    def inside(angle: float) -> float:
        step = angle / _STRIPS
        heights = [math.cos(step * n) ** (freedom - 1) for n in range(_STRIPS + 1)]
        return scale * step / 3 * (heights[0] + heights[-1] + 4 * sum(heights[1:-1:2]) + 2 * sum(heights[2:-1:2]))

    low, high = 0.0, math.pi / 2
    while high - low > 1e-13:
        middle = (low + high) / 2
        low, high = (middle, high) if inside(middle) < LEVEL else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def estimate_mean(values: Sequence[float]) -> Interval:
    """Mean with Student's t interval: what the values of other seeds would average to, taking them as normal."""
    count = len(values)
    if count == 0:
        return Interval(math.nan, -math.inf, math.inf)
    mean = math.fsum(values) / count
    if count == 1:
        return Interval(mean, -math.inf, math.inf, tuple(values))
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    reach = t_point(count - 1) * deviation / math.sqrt(count)
    return Interval(mean, mean - reach, mean + reach, tuple(values))


def estimate_share(hits: int, total: int) -> Share:
    """A share with Wilson's interval, which stays within 0 and 1 and is right for shares near them."""
    if not 0 <= hits <= total:
        raise ValueError(f"{hits} of {total}")
    if total == 0:
        return Share(0, 0, 0.0, 1.0)
    share, square = hits / total, _Z * _Z
    centre = (share + square / (2 * total)) / (1 + square / total)
    reach = _Z / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return Share(hits, total, max(0.0, min(share, centre - reach)), min(1.0, max(share, centre + reach)))


def judge_more(difference: Interval, margin: float) -> str:
    """Whether a difference is positive and at least `margin` (0 for any).

    It holds when the interval lies above 0 and the mean reaches the margin; it does not hold when the whole interval
    lies below the margin (or at or below 0 without one); anything else is not decided.
    """
    if difference.low > 0 and difference.mean >= margin:
        return HOLDS
    if difference.high < margin or difference.high <= 0:
        return FAILS
    return OPEN


def negate(verdict: str) -> str:
    """The verdict on the opposite claim."""
    return _OPPOSITE[verdict]


def combine(verdicts: Sequence[str]) -> str:
    """A claim of several parts holds when all of them do and fails when one of them does."""
    if FAILS in verdicts:
        return FAILS
    return OPEN if OPEN in verdicts or not verdicts else HOLDS
