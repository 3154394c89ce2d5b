"""How clear a picture is to learn from: by its size, its sharpness, its light and its remarks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from loratui.catalog.vocabulary import BRIGHT_FROM, DARK_BELOW
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.catalog.surveyed import SurveyedPicture

# Measured on photos: untouched ones have a sharpness of 0.13 and up; from 0.3 on it says more about the subject.
_SHARP, _SOFT = 0.3, 0.06
# A picture blown up more than this teaches blur.
_BLOWN_UP = 2.0
_FAULTS = {
    "blurred": (0.3, "blurred"),
    "blank": (0.0, "nearly blank"),
    "tiny": (0.2, "tiny"),
    "bilevel": (0.4, "black and white without greys"),
    "badly_compressed": (0.5, "badly compressed"),
    "extreme_aspect": (0.4, "so long that most of it is cut away"),
}


class Clearness(NamedTuple):
    """How clear a picture is, 0 to 1, and what is wrong with it in words."""

    score: float
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrainingSize:
    """What a training makes of the size of pictures: the side of its square in pixels, and how much it enlarges.

    `enlarge` tells of a width and a height in pixels how many times a side grows to fill the picture's bucket; below 1
    it shrinks. Without one it is told from the area and from the shortest side that buckets usually have. Raises
    UsageError for what can be no side.
    """

    resolution: int = 512
    enlarge: Callable[[int, int], float] | None = None
    base: str = ""
    """What is trained on, where that is known."""
    why: str = ""
    """What the size was taken for, in words."""

    def __post_init__(self) -> None:
        if self.resolution < 1:
            raise UsageError(
                f"A resolution of {self.resolution} has no pixels.",
                hint="Name the side that is trained at, such as --resolution 512.",
            )

    def measure(self, width: int, height: int) -> float:
        """How many times a side of a picture grows."""
        width, height = max(1, width), max(1, height)
        if self.enlarge is not None:
            return self.enlarge(width, height)
        return max(self.resolution / math.sqrt(width * height), self.resolution / 2 / min(width, height))


USUAL = TrainingSize()
"""Where nothing is known of the training."""


def judge_clearness(picture: SurveyedPicture, training: TrainingSize = USUAL) -> Clearness:
    """Judge what training uses of a picture."""
    scale = training.measure(picture.used_width, picture.used_height)
    # What import calls tiny may be as large as the training needs it.
    codes = [code for code in picture.warnings if code in _FAULTS and not (code == "tiny" and scale <= 1)]
    faults = [_FAULTS[code] for code in codes]
    score = 1.0
    if scale > 1:
        score /= scale
        if scale > _BLOWN_UP:
            faults.append((0.5, f"{picture.used_width}x{picture.used_height}, blown up {scale:.1f} times"))
    # Zero means too small to say.
    if picture.sharpness > 0:
        share = math.log(max(picture.sharpness, _SOFT) / _SOFT) / math.log(_SHARP / _SOFT)
        score *= 0.6 + 0.4 * min(1.0, share)
    if picture.luminance < DARK_BELOW:
        faults.append((0.4, "too dark to see much"))
    elif picture.luminance > BRIGHT_FROM:
        faults.append((0.5, "nearly white"))
    for factor, _ in faults:
        score *= factor
    return Clearness(score, tuple(words for _, words in faults))
