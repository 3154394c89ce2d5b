"""Which pictures look alike: candidates by perceptual hash, each checked on the thumbnails.

Hashes alone are not enough. On 864 photos of which one pair is a true duplicate, the thresholds below let 88
wrong pairs through (different shirts on one bed: a dHash of 6 and less at a pHash of 20). So unless both hashes
agree closely, the fine structure of the thumbnails must match too, and the colours must match where both have
any. Measured on 119 photos in 12 changes (resize, JPEG 30, grey, brightness, watermark, crop 2 and 5 %, rotation
by 2 degrees...): wrong pairs correlate at most 0.66, changed copies 0.85 and up, 0.69 when rotated.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property, lru_cache
from io import BytesIO
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from loratui.catalog.compared import ComparedPairs, Pair
from loratui.catalog.hamming import Hashes, Indexes, collapse, find_pairs, measure_distance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

NEAR_PHASH, NEAR_DHASH = 8, 6
DUPLICATE_PHASH, DUPLICATE_DHASH = 4, 3

_SAME_STRUCTURE = 0.75
_OTHER_COLOURS, _QUITE_OTHER_COLOURS = 0.42, 0.6
_GREY = 3.0
# A dHash with fewer bits set (or clear) is within 6 of every other such: it says "flat", not "alike".
_FLAT_BITS = 6
_CROWD = 16
# Among 7,900 pairs of 5,000 altered copies of photos, no two that were alike had both been wrong more than 11 times.
_WRONG_ENOUGH = 24
# About 150 KB each.
_KEPT = 1_000

_SIDE = 64
_SHIFT = 5
# How much of the one picture lies in the other: whole, or cut by 5 or 10 %.
_CUTS = (1.0, 0.95, 0.9)

Floats = NDArray[np.float32]
Spectra = NDArray[np.complex64]


class Likeness(NamedTuple):
    """Two pictures by their positions, `left` < `right`, that their hashes say look alike."""

    left: int
    right: int
    mirrored: bool
    phash_distance: int
    dhash_distance: int

    @property
    def is_duplicate(self) -> bool:
        """Whether the hashes make it tier duplicate; else it is tier near."""
        return self.phash_distance <= DUPLICATE_PHASH or self.dhash_distance <= DUPLICATE_DHASH

    @property
    def is_strong(self) -> bool:
        """Whether both hashes agree, so that only the colours need a look."""
        return self.phash_distance <= DUPLICATE_PHASH and self.dhash_distance <= DUPLICATE_DHASH


def find_alike(hashes: Hashes) -> list[Likeness]:
    """Pairs within the thresholds by pHash or dHash, plain or mirrored, the most alike first.

    `hashes` has shape [n, 4]: pHash, dHash, and both of the mirror image, unsigned. A pair that is alike both
    ways comes as plain. A crowd with the same four hashes comes as a star, not as all its pairs.
    """
    count = len(hashes)
    if count < 2:
        return []
    equal, stands = _pair_equal(hashes)
    found = [equal]
    for kind, radius in ((0, NEAR_PHASH), (1, NEAR_DHASH)):
        both = np.concatenate([hashes[:, kind], hashes[:, kind + 2]])
        items = np.arange(2 * count, dtype=np.int64)
        if kind == 1:
            bits = np.bitwise_count(both)
            items = items[(bits >= _FLAT_BITS) & (bits <= 64 - _FLAT_BITS)]
        items = items[stands[items % count]]
        values, inverse = collapse(both[items])
        for left, right in _expand(values, inverse, radius):
            found.append(_to_pictures(items[left], items[right], count))
    pairs = np.unique(np.concatenate(found), axis=0)
    left, right, mirrored = pairs[:, 0], pairs[:, 1], pairs[:, 2]
    phash = measure_distance(hashes[left, 0], hashes[right, 2 * mirrored])
    dhash = measure_distance(hashes[left, 1], hashes[right, 2 * mirrored + 1])
    alike = [
        Likeness(int(a), int(b), bool(m), int(p), int(d))
        for a, b, m, p, d in zip(left, right, mirrored, phash, dhash, strict=True)
        if p <= NEAR_PHASH or d <= NEAR_DHASH
    ]
    return sorted(alike, key=lambda one: (not one.is_duplicate, one.phash_distance + one.dhash_distance, one))


class ThumbnailCheck:
    """Confirms likenesses on the thumbnails; `thumbnail_of` gives the path of one, or None when it is lost.

    What was `compared` before is not looked at again; `name_of` gives what a picture is named by there.
    """

    def __init__(
        self,
        thumbnail_of: Callable[[int], Path | None],
        compared: ComparedPairs | None = None,
        name_of: Callable[[int], bytes] = lambda position: b"",
    ) -> None:
        self._compared, self._name_of = compared, name_of
        # Asked about component by component (see split), it reads each once.
        self._look = lru_cache(maxsize=_KEPT)(lambda position: _look_at(thumbnail_of(position)))
        self._wrong: Counter[int] = Counter()

    def confirm(self, one: Likeness) -> bool:
        """Whether two pictures that their hashes say are alike really are.

        Of two that proved unlike two dozen others each, where more alike ones are asked about first, it is not
        looked at any more: so the work grows with the pictures and not with their pairs.
        """
        if min(self._wrong[one.left], self._wrong[one.right]) >= _WRONG_ENOUGH:
            return False
        found = self._recall(one)
        if not found:
            self._wrong.update((one.left, one.right))
        return found

    def _recall(self, one: Likeness) -> bool:
        if self._compared is None:
            return one.is_strong if (found := self._compare(one)) is None else found
        pair = Pair(self._name_of(one.left), self._name_of(one.right), one.mirrored)
        known = self._compared.recall(pair)
        if known is not None:
            return known
        found = self._compare(one)
        if found is None:
            return one.is_strong
        self._compared.note(pair, found)
        return found

    def _compare(self, one: Likeness) -> bool | None:
        """Whether the thumbnails are alike; None when one is lost, and the hashes alone must do."""
        left, right = self._look(one.left), self._look(one.right)
        if left is None or right is None:
            return None
        colours = _compare_colours(left.colours, _flip(right.colours) if one.mirrored else right.colours)
        if one.is_strong:
            return colours <= _QUITE_OTHER_COLOURS
        return colours <= _OTHER_COLOURS and _compare_structure(left, right, one.mirrored) >= _SAME_STRUCTURE


def split(alike: Sequence[Likeness], count: int) -> list[list[Likeness]]:
    """Pairs of `count` pictures by what hangs together, each in the order given; the one with the first pair first."""
    parents = list(range(count))

    def root(position: int) -> int:
        while parents[position] != position:
            parents[position] = parents[parents[position]]
            position = parents[position]
        return position

    for one in alike:
        parents[root(one.right)] = root(one.left)
    found: dict[int, list[Likeness]] = {}
    for one in alike:
        found.setdefault(root(one.left), []).append(one)
    return list(found.values())


class _Look:
    """What is compared of a thumbnail: grey values, and blue and red differences of an 8x8 grid, shape [8, 8, 2].

    Its structure is computed when it is asked for: the colours alone decide many pairs.
    """

    def __init__(self, grey: Image.Image, colours: Floats) -> None:
        self.colours = colours
        self._grey = grey

    @cached_property
    def spectra(self) -> Spectra:
        """The spectrum of the structure within each cut, shape [cuts, side, side / 2 + 1]."""
        return np.fft.rfft2(self._structure).astype(np.complex64)

    @cached_property
    def mirrored(self) -> Spectra:
        """The spectra of the mirror image."""
        return np.fft.rfft2(self._structure[:, :, ::-1]).astype(np.complex64)

    @cached_property
    def _structure(self) -> Floats:
        width, height = self._grey.size
        parts = []
        for share in _CUTS:
            x, y = width * (1 - share) / 2, height * (1 - share) / 2
            box = (x, y, width - x, height - y)
            parts.append(np.asarray(self._grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, box=box)))
        return _even_out(np.stack(parts).astype(np.float32))


def _look_at(path: Path | None) -> _Look | None:
    if path is None:
        return None
    # At once, because Pillow asks for a file piece by piece.
    with Image.open(BytesIO(path.read_bytes()), formats=["JPEG"]) as image:
        # As it is stored, because turning it into red, green and blue and back costs as much as reading it; and by
        # half, for what is compared is smaller still.
        image.draft("YCbCr", (image.width // 2, image.height // 2))
        stored = image.convert("YCbCr")
    grid = np.asarray(stored.resize((8, 8), Image.Resampling.BOX), dtype=np.float32)
    return _Look(stored.getchannel(0), grid[:, :, 1:] - 128)


def _make_blur(radius: int) -> Floats:
    """A matrix that blurs columns by a box, the values at the borders repeated outwards."""
    matrix = np.zeros((_SIDE, _SIDE), dtype=np.float32)
    for row in range(_SIDE):
        for other in range(row - radius, row + radius + 1):
            matrix[row, min(max(other, 0), _SIDE - 1)] += 1 / (2 * radius + 1)
    return matrix


_FINE, _COARSE = _make_blur(3), _make_blur(4)
# Fading towards the border, so that silhouettes do not drown all else.
_FADE = np.sqrt(np.outer(np.hanning(_SIDE + 2)[1:-1], np.hanning(_SIDE + 2)[1:-1])).astype(np.float32)


def _even_out(grey: Floats) -> Floats:
    """Detail over its local contrast, fading towards the border, each with a norm of 1: shape [cuts, side, side]."""
    detail = grey - _FINE @ grey @ _FINE.T
    spread = np.sqrt(np.maximum(_COARSE @ (detail * detail) @ _COARSE.T, 0))
    # 6 grey levels: below it, contrast is noise of compression and stays small.
    even = detail / (spread + 6.0) * _FADE
    even -= even.mean(axis=(1, 2), keepdims=True)
    even /= np.sqrt((even * even).sum(axis=(1, 2), keepdims=True)) + 1e-9
    return even.astype(np.float32)


def _make_shifts() -> tuple[Spectra, Spectra]:
    """Matrices that turn a half spectrum into the correlations at shifts of up to _SHIFT: an inverse of that part."""
    shifts = np.arange(-_SHIFT, _SHIFT + 1)
    rows = np.exp(2j * np.pi * np.outer(shifts, np.arange(_SIDE)) / _SIDE) / _SIDE
    columns = np.exp(2j * np.pi * np.outer(np.arange(_SIDE // 2 + 1), shifts) / _SIDE) / _SIDE
    # The other half of the spectrum is this one's mirror image.
    columns[1:-1] *= 2
    return rows.astype(np.complex64), columns.astype(np.complex64)


_ROW_SHIFTS, _COLUMN_SHIFTS = _make_shifts()


# Both cut would compare the middles alone.
_PAIRED = np.array([(0, 0), *((0, cut) for cut in range(1, len(_CUTS))), *((cut, 0) for cut in range(1, len(_CUTS)))])


def _compare_structure(left: _Look, right: _Look, mirrored: bool) -> float:
    """The best correlation over small shifts and cuts of either picture, up to 1."""
    other = right.mirrored if mirrored else right.spectra
    products = left.spectra[_PAIRED[:, 0]] * np.conj(other[_PAIRED[:, 1]])
    return float((_ROW_SHIFTS @ products @ _COLUMN_SHIFTS).real.max())


def _compare_colours(one: Floats, other: Floats) -> float:
    """What is left of the stronger colours after scaling the weaker ones to them, 0 to 1; 0 when one is grey."""
    strengths = [float(np.hypot(colours[..., 0], colours[..., 1]).mean()) for colours in (one, other)]
    if min(strengths) < _GREY:
        return 0.0
    if strengths[0] < strengths[1]:
        one, other = other, one
    # A brighter copy is more colourful too, but only so much.
    scale = float(np.clip((one * other).sum() / (other * other).sum(), 0.6, 1.8))
    left = one - scale * other
    return float(np.hypot(left[..., 0], left[..., 1]).mean()) / (max(strengths) + 3)


def _flip(colours: Floats) -> Floats:
    return colours[:, ::-1]


def _pair_equal(hashes: Hashes) -> tuple[Indexes, NDArray[np.bool_]]:
    """Pairs (left, right, 0) of pictures with the same four hashes, and which pictures may stand for the others.

    All pairs of a few; of a crowd, which could have millions, the first with every other.
    """
    _, inverse, counts = np.unique(hashes, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    rows: list[tuple[int, int, int]] = []
    stands = np.ones(len(hashes), dtype=bool)
    for group in np.split(order, np.cumsum(counts)[:-1]):
        if len(group) > _CROWD:
            stands[group[1:]] = False
            rows += [(int(group[0]), int(other), 0) for other in group[1:]]
        elif len(group) > 1:
            rows += [(int(one), int(other), 0) for one, other in combinations(group, 2)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3), stands


def _expand(values: Hashes, inverse: Indexes, radius: int) -> Iterator[tuple[Indexes, Indexes]]:
    """Pairs of hashes from pairs of their distinct values, those with equal values included."""
    order = np.argsort(inverse, kind="stable")
    counts = np.bincount(inverse, minlength=len(values))
    starts = np.cumsum(counts) - counts
    repeated = np.flatnonzero(counts > 1)
    same = [(repeated, repeated)] if repeated.size else []
    for left, right in (*same, *((pairs.left, pairs.right) for pairs in find_pairs(values, radius))):
        sizes = counts[left] * counts[right]
        which = np.repeat(np.arange(len(left)), sizes)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        a = order[starts[left[which]] + offset // counts[right[which]]]
        b = order[starts[right[which]] + offset % counts[right[which]]]
        yield a[a != b], b[a != b]


def _to_pictures(a: Indexes, b: Indexes, count: int) -> Indexes:
    """Rows (left, right, mirrored) from positions where those from `count` on stand for mirror images."""
    plain = (a < count) & (b < count)
    crossed = (a < count) != (b < count)
    left, right = np.minimum(a % count, b % count), np.maximum(a % count, b % count)
    rows: Indexes = np.stack([left, right, crossed.astype(np.int64)], axis=1)
    # A symmetric picture is alike to its own mirror image.
    kept: Indexes = rows[(plain | crossed) & (left != right)]
    return kept
