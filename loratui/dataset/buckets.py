"""Aspect buckets by kohya's rule: which size a picture is trained at, how it is resized and where it is cropped.

Source: sd-scripts `library/model_util.py` (make_bucket_resolutions) and `library/train_util.py` (BucketManager,
trim_and_resize_if_required). Our trainer follows it too, so a dataset looks the same in both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from loratui.errors import RefusedError, UsageError


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """What decides the buckets: a square resolution in pixels (its area is the budget), step and limits of a side."""

    resolution: int = 512
    step: int = 64
    min_side: int = 256
    max_side: int = 1024
    upscale: bool = True
    """False: a small picture is never enlarged, and buckets follow the pictures (limits are ignored)."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The size a picture is trained at, and the size it is resized to before the centre crop; all in pixels."""

    width: int
    height: int
    resized_width: int
    resized_height: int

    @property
    def crop_left(self) -> int:
        """Columns cut off at the left of the resized picture."""
        return (self.resized_width - self.width) // 2

    @property
    def crop_top(self) -> int:
        """Rows cut off at the top of the resized picture."""
        return (self.resized_height - self.height) // 2


def make_buckets(settings: BucketSettings) -> tuple[tuple[int, int], ...]:
    """List the (width, height) that pictures can be trained at, sorted; UsageError when the limits exclude it all."""
    return _make_buckets(*_adjust_limits(settings))


def select_bucket(width: int, height: int, settings: BucketSettings) -> Bucket:
    """Choose the bucket of a `width` x `height` picture; RefusedError when not enlarging leaves a side of zero."""
    if width < 1 or height < 1:
        raise UsageError(f"A picture can't be {width}x{height} pixels.", hint="Both sides must be at least 1.")
    if settings.upscale:
        return _select_predefined(width, height, make_buckets(settings))
    return _select_own_size(width, height, settings)


def _adjust_limits(settings: BucketSettings) -> tuple[int, int, int, int]:
    step = settings.step
    if step < 1 or settings.resolution < step:
        raise UsageError(
            f"A bucket step of {step} does not fit the resolution {settings.resolution}.",
            hint="The step must be at least 1 and at most the resolution.",
        )
    # The lower limit is rounded down and the upper one up, as sd-scripts does.
    lowest = settings.min_side - settings.min_side % step
    highest = settings.max_side + -settings.max_side % step
    # Kohya asserts the same; a lower limit of zero would loop over a side of zero pixels.
    if not 0 < lowest <= settings.resolution <= highest:
        raise UsageError(
            f"The resolution {settings.resolution} must lie between the smallest bucket side ({lowest}) "
            f"and the largest ({highest}).",
            hint=f"Both limits are rounded to multiples of {step}; the smallest must be at least {step}.",
        )
    return settings.resolution, step, lowest, highest


@lru_cache(maxsize=64)
def _make_buckets(resolution: int, step: int, lowest: int, highest: int) -> tuple[tuple[int, int], ...]:
    area = resolution * resolution
    square = resolution // step * step
    sizes = {(square, square)}
    for side in range(lowest, highest + 1, step):
        other = min(highest, area // side // step * step)
        if other >= lowest:
            sizes |= {(side, other), (other, side)}
    return tuple(sorted(sizes))


def _select_predefined(width: int, height: int, sizes: tuple[tuple[int, int], ...]) -> Bucket:
    aspect = width / height
    if (width, height) in sizes:
        bucket_width, bucket_height = width, height
    else:
        # min keeps the first of equals, as numpy's argmin does in sd-scripts.
        bucket_width, bucket_height = min(sizes, key=lambda size: abs(size[0] / size[1] - aspect))
    scale = bucket_height / height if aspect > bucket_width / bucket_height else bucket_width / width
    return Bucket(bucket_width, bucket_height, int(width * scale + 0.5), int(height * scale + 0.5))


def _select_own_size(width: int, height: int, settings: BucketSettings) -> Bucket:
    step = settings.step
    resized = (width, height)
    if width * height > settings.resolution**2:
        resized = _shrink_to_area(width, height, settings)
    bucket_width, bucket_height = (side - side % step for side in resized)
    if not bucket_width or not bucket_height:
        raise _too_narrow(width, height, step)
    return Bucket(bucket_width, bucket_height, *resized)


def _shrink_to_area(width: int, height: int, settings: BucketSettings) -> tuple[int, int]:
    """Scale to the area with one side on a step: of the two ways, the one that bends the aspect ratio less."""
    aspect, step = width / height, settings.step
    ideal_width = math.sqrt(settings.resolution**2 * aspect)
    ideal_height = settings.resolution**2 / ideal_width

    def floor_to_step(side: float) -> int:
        whole = int(side + 0.5)
        return whole - whole % step

    by_width = floor_to_step(ideal_width)
    by_height = floor_to_step(ideal_height)
    height_by_width = floor_to_step(by_width / aspect)
    width_by_height = floor_to_step(by_height * aspect)
    if not height_by_width or not by_height:
        raise _too_narrow(width, height, step)
    if abs(by_width / height_by_width - aspect) < abs(width_by_height / by_height - aspect):
        return by_width, int(by_width / aspect + 0.5)
    return int(by_height * aspect + 0.5), by_height


def _too_narrow(width: int, height: int, step: int) -> RefusedError:
    return RefusedError(
        f"A {width}x{height} picture is too narrow for buckets in steps of {step} pixels without enlarging.",
        hint="Reject it, crop it, or let small pictures be enlarged.",
    )
