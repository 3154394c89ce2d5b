"""Which of several pictures that look alike is best kept, and what decides it."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from loratui.catalog.rows import Membership

ROLE_RANK = {"primary": 4, "supporting": 3, "holdout": 2, "inbox": 1, "rejected": 0}
"""What people decided of a picture, the weightiest with the highest number."""

_LOSSLESS = ("PNG", "BMP", "TIFF", "PPM", "PSD")
_POOR = frozenset({"badly_compressed", "bilevel"})
# A blurred or blown-up picture holds about the detail of one with sides this many times shorter.
_BLUR_FACTOR = 6
# Saving a picture anew adds no detail: of two mirror images that differ so much in size, the one with more is no copy.
# At about the same size sharpness tells nothing: copies are sharpened as well as blurred.
_OTHER_SIZE = 1.5
_SAYS_MIRRORED = re.compile(r"mirrored|flipped|flopped|(?<![a-z])(h-?flip|flip|flop|mirror)(?![a-z])", re.IGNORECASE)
# Turned by a camera, which only says so; whoever mirrors a picture writes it upright.
_TURNED_BY_CAMERA = (3, 6, 8)


def choose_best(pictures: Sequence[Membership], turned: Collection[int] = ()) -> tuple[Membership, tuple[str, ...]]:
    """The picture to keep, and why: what sets it apart from the others, what decided it first.

    First counts what a person decided, the role and then the stars; then an original goes before its mirror image;
    then the file itself is measured, and in the end the one imported first is kept. `turned` has the ids of the
    pictures that show the others mirrored.
    """
    originals, why = _find_originals(pictures, turned)
    merits = {one.id: _weigh(one, one.id in originals) for one in pictures}
    best = max(pictures, key=lambda one: (merits[one.id], -one.id))
    outgrown = any(one.width * one.height > best.width * best.height for one in pictures)
    words = (
        best.role,
        f"{best.rating} star{'s' * (best.rating != 1)}",
        why,
        "no blocks",
        f"{'most detail' if outgrown else 'largest'} ({best.width}x{best.height})",
        f"lossless ({best.format})",
        "sharpest",
        "least compressed",
    )
    rivals = [merits[one.id] for one in pictures if one.id != best.id]
    deciding, further = [], []
    left = rivals
    for number, merit in enumerate(merits[best.id]):
        if any(merit > rival[number] for rival in left):
            deciding.append(words[number])
            left = [rival for rival in left if rival[number] == merit]
        elif all(merit >= rival[number] for rival in rivals) and any(merit > rival[number] for rival in rivals):
            further.append(words[number])
    return best, (*deciding, *(["imported first"] if left and not deciding else []), *further)


def _weigh(picture: Membership, is_original: bool) -> tuple[int, ...]:
    """What makes one copy better than another, the weightiest first; small differences do not count."""
    return (
        ROLE_RANK[picture.role],
        picture.rating,
        is_original,
        not _POOR & set(picture.warnings),
        round(math.log(_detail(picture)) / math.log(1.1)),
        picture.format in _LOSSLESS,
        round(math.log(max(picture.sharpness, 0.01)) / math.log(1.25)),
        picture.bytes,
    )


def _detail(picture: Membership) -> float:
    pixels = picture.width * picture.height
    return pixels / _BLUR_FACTOR**2 if "blurred" in picture.warnings else pixels


def _find_originals(pictures: Sequence[Membership], turned: Collection[int]) -> tuple[frozenset[int], str]:
    """Those that are not mirrored, and what tells; all where none shows the others mirrored."""
    sides = [one for one in pictures if one.id not in turned], [one for one in pictures if one.id in turned]
    if not all(sides):
        return frozenset(one.id for one in pictures), ""
    (straight, words) = _compare_sides(*sides)
    return frozenset(one.id for one in straight), words


def _compare_sides(one: list[Membership], other: list[Membership]) -> tuple[list[Membership], str]:
    named = [any(_SAYS_MIRRORED.search(picture.name) for picture in side) for side in (one, other)]
    if named[0] != named[1]:
        return other if named[0] else one, "not mirrored, by its name"
    shot = [any(picture.orientation in _TURNED_BY_CAMERA for picture in side) for side in (one, other)]
    if shot[0] != shot[1]:
        return one if shot[0] else other, "not mirrored: from a camera"
    clean = [any(not _POOR & set(picture.warnings) for picture in side) for side in (one, other)]
    if clean[0] != clean[1]:
        return one if clean[0] else other, "cleaner than its mirror image"
    areas = [max(picture.width * picture.height for picture in side) for side in (one, other)]
    details = [max(map(_detail, side)) for side in (one, other)]
    if max(areas) >= _OTHER_SIZE * min(areas) and details[0] != details[1]:
        return one if details[0] > details[1] else other, "more detail than its mirror image"
    first = min((*one, *other), key=lambda picture: picture.id)
    return one if first in one else other, "imported before its mirror image"
