"""From which score on a tagger's tags are worth believing: what its makers measured, and a cut found in the scores."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

CHARACTER_FLOOR = 0.15
"""Names are never cut lower than this: a picture without a known character has its largest gap in the noise."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from 0 to 1 from which tags of a category are used."""

    general: float = 0.35
    character: float = 0.85


# Where precision equals recall, by the model cards; the first name that a model's own contains counts.
_KNOWN = {
    "wd-eva02-large-tagger-v3": Thresholds(0.5296),
    "wd-vit-large-tagger-v3": Thresholds(0.2606),
    "wd-vit-tagger-v3": Thresholds(0.2614),
    "wd-convnext-tagger-v3": Thresholds(0.2682),
    "wd-swinv2-tagger-v3": Thresholds(0.2653),
    "wd-v1-4-vit-tagger-v2": Thresholds(0.3537),
    "wd-v1-4-convnext-tagger-v2": Thresholds(0.3685),
    "wd-v1-4-convnextv2-tagger-v2": Thresholds(0.3710),
    "wd-v1-4-swinv2-tagger-v2": Thresholds(0.3771),
    "wd-v1-4-moat-tagger-v2": Thresholds(0.3771),
    # What its author's own demonstration starts with.
    "cl_tagger": Thresholds(0.55, 0.60),
    "cast": Thresholds(0.5),
}


def thresholds_for(model: str) -> Thresholds:
    """The thresholds that suit a model of this name; 0.35 and 0.85, which most tools use, for an unknown one."""
    name = model.lower()
    return next((found for known, found in _KNOWN.items() if known in name), Thresholds())


def cut_general(scores: Iterable[float]) -> float | None:
    """MCut: the middle of the largest gap between neighbouring scores; None for fewer than two."""
    ordered = sorted(scores, reverse=True)
    gaps = [(upper - lower, (upper + lower) / 2) for upper, lower in pairwise(ordered)]
    # Of equal gaps the upper one: fewer tags, but surer ones.
    return max(gaps, key=lambda gap: gap[0])[1] if gaps else None


def cut_character(scores: Iterable[float]) -> float | None:
    """MCut for names of characters, never under 0.15."""
    cut = cut_general(scores)
    return None if cut is None else max(CHARACTER_FLOOR, cut)
