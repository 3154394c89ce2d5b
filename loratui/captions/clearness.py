"""How clear a picture is to learn from: by its size, its sharpness, its light and its remarks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from loratui.catalog.vocabulary import BRIGHT_FROM, DARK_BELOW
from loratui.errors import UsageError

if TYPE_CHECKING:
    from loratui.catalog.surveyed import SurveyedPicture

RESOLUTION = 512
"""Pixels a side of the square that a training shrinks or blows pictures up to, where nothing else is said."""

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


def require_resolution(resolution: int) -> None:
    """Raises UsageError for what can be no side in pixels."""
    if resolution < 1:
        raise UsageError(
            f"A resolution of {resolution} has no pixels.",
            hint="Name the side that is trained at, such as --resolution 512.",
        )


def judge_clearness(picture: SurveyedPicture, resolution: int = RESOLUTION) -> Clearness:
    """Judge what training uses of a picture, at a square resolution in pixels."""
    faults = [_FAULTS[code] for code in picture.warnings if code in _FAULTS]
    score = 1.0
    scale = resolution / math.sqrt(max(1, picture.used_width * picture.used_height))
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
