"""Which base a subject would be trained with now, and how large that takes pictures: for all that looks ahead."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from loratui.captions.clearness import TrainingSize
from loratui.catalog.bases import find_largest_area, find_last_base, list_bases, was_trained_on
from loratui.dataset.buckets import BucketSettings, select_bucket
from loratui.errors import LoratuiError, RefusedError, UsageError
from loratui.runs.bases import SHIPPED, find_shipped_base, foresee_base
from loratui.training.recipe import check_limits, preset_for

if TYPE_CHECKING:
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.training.recipe import Recipe

_FAMILY, _RESOLUTION = "sd1", 512
# The pictures that the demo draws are four times as large as the shipped base takes them.
_DRAWN = 4


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a dataset is prepared for: a base, or Stable Diffusion 1 where none can be told.

    Then `why` says why none, and `hint` what to do about it on the command line.
    """

    family: str = _FAMILY
    resolution: int = _RESOLUTION
    base: str = ""
    why: str = ""
    hint: str = "--resolution or `loratui base add`"

    @property
    def recipe(self) -> Recipe:
        """The settings that training for it starts from."""
        return preset_for(self.family, self.resolution)

    @property
    def words(self) -> str:
        """What a bucket is of, in a few words: a base, or the usual size and why."""
        return f"of base {self.base}" if self.base else f"at {self.resolution} px: {self.why}"

    def describe(self, resolution: int, *, hint: bool = True) -> str:
        """Say in a few words what was prepared for, with the resolution in pixels that was used."""
        if self.base:
            return f"for {self.base} at {resolution} px"
        if resolution != self.resolution:
            return f"for {resolution} px"
        return f"for {resolution} px: {self.why}" + (f"; {self.hint}" if hint else "")


def find_purpose(catalog: Catalog, subject: Subject | str | None = None, name: str = "") -> Purpose:
    """What a training of a subject would use now, as `plan` and the training form say it; asking registers nothing.

    It is the base of that name; else the only one that a person registered; of several the one that the subject was
    trained with last; else the one that ships. Raises NotFoundError for a name that no base has.
    """
    try:
        base = foresee_base(catalog, name)
    except UsageError:
        # Several could be meant.
        used = None if subject is None else find_last_base(catalog, subject)
        if used is None:
            return _choose_none(catalog)
        base = used
    except LoratuiError:
        if name:
            raise
        # Without the assets nothing ships.
        return Purpose(why="no base is registered")
    return Purpose(base.family, base.resolution, base.name)


def foresee_purpose(catalog: Catalog, default_base: str = "", subject: Subject | str | None = None) -> Purpose:
    """What a subject would be trained with (see find_purpose); a default base that is not there counts as none."""
    try:
        return find_purpose(catalog, subject, default_base)
    except LoratuiError:
        return Purpose(why=f"the default base '{default_base}' is not registered")


def find_export_purpose(catalog: Catalog, subject: Subject | str, name: str = "") -> Purpose:
    """What to export a subject for: another program, which hardly trains on the base that ships.

    So without a name and without a base that a person registered it is that one only where the subject was trained on
    it or its pictures are as small as drawn ones; else the usual size. Raises NotFoundError for an unknown name.
    """
    if not name and all(base.name == SHIPPED for base in list_bases(catalog)):
        try:
            shipped = find_shipped_base()
        except LoratuiError:
            return Purpose(why="no base is registered")
        if not _suits_shipped(catalog, subject, shipped.resolution):
            return Purpose(why="no base of your own is registered")
    return find_purpose(catalog, subject, name)


def _choose_none(catalog: Catalog) -> Purpose:
    names = [base.name for base in list_bases(catalog) if base.name != SHIPPED]
    return Purpose(why=f"{' and '.join(names)} are registered", hint="--resolution, or default_base in config.toml")


def _suits_shipped(catalog: Catalog, subject: Subject | str, resolution: int) -> bool:
    if was_trained_on(catalog, subject, SHIPPED):
        return True
    largest = find_largest_area(catalog, subject)
    return 0 < largest <= (_DRAWN * resolution) ** 2


def foresee_size(
    catalog: Catalog, default_base: str = "", resolution: int | None = None, subject: Subject | str | None = None
) -> TrainingSize:
    """The size that a subject would be trained at (see find_purpose), or the given resolution in pixels.

    A default base that is not there counts as none. Raises UsageError for a resolution that no training can have.
    """
    if resolution is not None:
        check_limits("resolution", resolution)
    purpose = foresee_purpose(catalog, default_base, subject)
    size = TrainingSize(purpose.resolution if resolution is None else resolution, base=purpose.base)
    buckets = preset_for(purpose.family, size.resolution).bucketing
    why = purpose.describe(size.resolution)
    return replace(size, enlarge=partial(measure_enlargement, buckets), why=why)


def measure_enlargement(settings: BucketSettings, width: int, height: int) -> float:
    """How many times the sides of a picture in pixels grow in its bucket, the one that grows more."""
    try:
        bucket = select_bucket(width, height, settings)
    except RefusedError:
        # Too narrow for any bucket without enlarging: what it would take.
        return settings.step / min(width, height)
    return max(bucket.resized_width / width, bucket.resized_height / height)
