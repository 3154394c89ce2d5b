"""How large the next training takes pictures, for judging beforehand which are too small for it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from loratui.captions.clearness import TrainingSize
from loratui.catalog.bases import list_bases
from loratui.dataset.buckets import BucketSettings, select_bucket
from loratui.errors import LoratuiError, RefusedError
from loratui.runs.bases import choose_base
from loratui.training.recipe import preset_for

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog

_FAMILY, _RESOLUTION = "sd1", 512


def foresee_size(catalog: Catalog, default_base: str = "", resolution: int | None = None) -> TrainingSize:
    """The size of a training on the base that one without `--base` would use, or of the given resolution in pixels.

    It is 512 while the library has no base, or several of which none is the default. Raises UsageError for a
    resolution under 1.
    """
    family, native, name = _FAMILY, _RESOLUTION, ""
    with suppress(LoratuiError):
        # The base that ships is there for trying things out: that it could be used is no reason to believe it will be.
        if default_base or list_bases(catalog):
            base = choose_base(catalog, default_base)
            family, native, name = base.family, base.resolution, base.name
    size = TrainingSize(native if resolution is None else resolution, base=name)
    buckets = preset_for(family, size.resolution).bucketing
    return replace(size, enlarge=partial(measure_enlargement, buckets))


def measure_enlargement(settings: BucketSettings, width: int, height: int) -> float:
    """How many times the sides of a picture in pixels grow in its bucket, the one that grows more."""
    try:
        bucket = select_bucket(width, height, settings)
    except RefusedError:
        # Too narrow for any bucket without enlarging: what it would take.
        return settings.step / min(width, height)
    return max(bucket.resized_width / width, bucket.resized_height / height)
