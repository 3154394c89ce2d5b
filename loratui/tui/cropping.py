"""A crop while it is chosen: a shape, a place and a size, which together make a box."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loratui.catalog.crops import fit_crop
from loratui.dataset.buckets import BucketSettings, make_buckets, select_bucket
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from loratui.catalog.rows import Box, Membership

Shape = tuple[int, int]

_STEP = 0.01
_SCALE_STEP = 1.03
_LEAST_SCALE = 0.05


@dataclass(frozen=True, slots=True)
class CropDraft:
    """A box with the shape of a bucket in a picture of `width` x `height` pixels; see fit_crop for the others."""

    width: int
    height: int
    shape: Shape
    centre: tuple[float, float] = (0.5, 0.5)
    scale: float = 1.0

    @property
    def box(self) -> Box:
        """Left, top, width and height in pixels."""
        return fit_crop(self.width, self.height, self.shape, centre=self.centre, scale=self.scale)

    def reshape(self, shape: Shape) -> CropDraft:
        """The same place and size in another shape."""
        return replace(self, shape=shape)

    def move(self, across: int, down: int, steps: int = 1) -> CropDraft:
        """The box moved by steps of a hundredth of the picture, a pixel at least; it stops at the edges."""
        left, top, box_width, box_height = self.box
        left += across * steps * max(1, round(_STEP * self.width))
        top += down * steps * max(1, round(_STEP * self.height))
        left = min(max(left, 0), self.width - box_width)
        top = min(max(top, 0), self.height - box_height)
        return replace(self, centre=_centre_of((left, top, box_width, box_height), self.width, self.height))

    def grow(self, steps: int) -> CropDraft:
        """A larger box, or with negative steps a smaller one, around the same centre as far as the edges allow."""
        scale = min(max(self.scale * _SCALE_STEP**steps, _LEAST_SCALE), 1.0)
        grown = replace(self, scale=scale)
        while grown.box[2:] == self.box[2:] and scale not in (_LEAST_SCALE, 1.0):
            # On a small picture a step may be less than a pixel.
            scale = min(max(scale * _SCALE_STEP**steps, _LEAST_SCALE), 1.0)
            grown = replace(self, scale=scale)
        return grown if grown.box[2:] != self.box[2:] else self


def start_draft(picture: Membership, shapes: tuple[Shape, ...], settings: BucketSettings) -> CropDraft:
    """The draft that a picture's crop comes from; without a crop the box that training would take by itself."""
    width, height = picture.width, picture.height
    crop = picture.crop
    if crop is None:
        return _start_with_bucket(width, height, shapes, settings)
    shape = order_shapes(crop[2], crop[3], shapes)[0]
    largest = fit_crop(width, height, shape)
    scale = min(1.0, max(_LEAST_SCALE, crop[2] / largest[2], crop[3] / largest[3]))
    return CropDraft(width, height, shape, _centre_of(crop, width, height), scale)


def _start_with_bucket(width: int, height: int, shapes: tuple[Shape, ...], settings: BucketSettings) -> CropDraft:
    nearest = order_shapes(width, height, shapes)[0]
    try:
        bucket = select_bucket(width, height, settings)
    except RefusedError:
        return CropDraft(width, height, nearest)
    alike = (shape for shape in shapes if shape[0] * bucket.height == shape[1] * bucket.width)
    # Of an odd number of rows or columns training cuts the smaller half first, so the middle is not quite the middle.
    kept = (bucket.crop_left, bucket.crop_top, bucket.width, bucket.height)
    centre = _centre_of(kept, bucket.resized_width, bucket.resized_height)
    return CropDraft(width, height, next(alike, nearest), centre)


def order_shapes(width: int, height: int, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """Shapes by how near their aspect ratio is to that of a picture."""
    aspect = math.log(width / height)
    return tuple(sorted(shapes, key=lambda shape: abs(math.log(shape[0] / shape[1]) - aspect)))


def list_shapes(settings: BucketSettings) -> tuple[Shape, ...]:
    """The shapes of all buckets; of several with the same aspect ratio the largest."""
    by_aspect: dict[float, Shape] = {}
    for shape in sorted(make_buckets(settings)):
        by_aspect[round(shape[0] / shape[1], 4)] = shape
    return tuple(by_aspect.values())


def _centre_of(box: Box, width: int, height: int) -> tuple[float, float]:
    left, top, box_width, box_height = box
    return (left + box_width / 2) / width, (top + box_height / 2) / height
