"""Crops: which part of a picture a subject is trained on, kept beside the picture, which stays whole."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.catalog import tables
from loratui.catalog.query import Duplicates, Selection, choose_ids, get_memberships, select_memberships
from loratui.catalog.subjects import look_up
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.catalog.rows import Box, Membership, Subject
    from loratui.catalog.store import Catalog

MIN_SIDE = 16
"""A crop's shortest side in pixels: less teaches nothing."""

_COLUMNS = ("crop_left", "crop_top", "crop_width", "crop_height")


@dataclass(frozen=True, slots=True)
class Cut:
    """What a crop leaves out: the share of the picture's area, and pixels at each side."""

    share: float
    left: int
    top: int
    right: int
    bottom: int
    sides: str
    """For people, in percent of the side that is shortened: `left 12 %, right 8 %`; empty when nothing is cut."""


def set_crop(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    box: Box | None,
    *,
    duplicates: Duplicates | None = None,
) -> int:
    """Train on one part of the selected pictures, or with None on all of them; returns how many changed.

    `box` is (left, top, width, height) in upright pixels; the whole of a picture counts as no crop. Raises
    UsageError, and changes nothing, when it does not fit into one of the pictures or has a side below MIN_SIDE.
    """
    return _set(catalog, subject, selection, lambda _: box, duplicates)


def crop_to_shape(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    shape: tuple[int, int],
    *,
    centre: tuple[float, float] = (0.5, 0.5),
    scale: float = 1.0,
    duplicates: Duplicates | None = None,
) -> int:
    """Crop each of the selected pictures to an aspect ratio, as fit_crop does; returns how many changed."""
    return _set(
        catalog,
        subject,
        selection,
        lambda picture: fit_crop(picture.width, picture.height, shape, centre=centre, scale=scale),
        duplicates,
    )


def list_crops(
    catalog: Catalog, subject: Subject | str, query: str = "", *, duplicates: Duplicates | None = None
) -> list[Membership]:
    """The pictures of a subject that have a crop, among those that a query chooses."""
    found = select_memberships(catalog, subject, query, duplicates=duplicates)
    return [picture for picture in found if picture.crop is not None]


def fit_crop(
    width: int,
    height: int,
    shape: tuple[int, int],
    *,
    centre: tuple[float, float] = (0.5, 0.5),
    scale: float = 1.0,
) -> Box:
    """The largest box with the aspect ratio of `shape` inside a picture, times `scale`, moved to lie inside.

    `shape` is (width, height) in any unit, such as a bucket's pixels; `centre` is a share of width and height
    (0 to 1). No side gets shorter than MIN_SIDE where the picture has as much.
    """
    if min(width, height, *shape) < 1:
        raise UsageError(
            f"A {width}x{height} picture can't be cropped to {shape[0]}:{shape[1]}.", hint="Sides are at least 1."
        )
    if not (0 < scale <= 1 and all(0 <= share <= 1 for share in centre)):
        raise UsageError(
            f"A crop can't have the scale {scale:g} and the centre {centre[0]:g},{centre[1]:g}.",
            hint="The scale goes from 0 to 1, the centre from 0,0 (top left) to 1,1.",
        )
    across, down = shape
    # Pixels per unit of the shape: as many as fit, and after scaling no fewer than the shortest side needs.
    most = min(width / across, height / down)
    unit = min(most, max(most * scale, MIN_SIDE / min(shape)))
    box_width = min(width, max(round(across * unit), min(MIN_SIDE, width)))
    box_height = min(height, max(round(down * unit), min(MIN_SIDE, height)))
    left = min(max(math.floor(centre[0] * width - box_width / 2 + 0.5), 0), width - box_width)
    top = min(max(math.floor(centre[1] * height - box_height / 2 + 0.5), 0), height - box_height)
    return left, top, box_width, box_height


def describe_cut(width: int, height: int, box: Box | None) -> Cut:
    """How much of a picture a crop leaves out, and from which sides."""
    left, top, box_width, box_height = box or (0, 0, width, height)
    right, bottom = width - left - box_width, height - top - box_height
    cuts = (("left", left, width), ("right", right, width), ("top", top, height), ("bottom", bottom, height))
    sides = ", ".join(f"{side} {_percent(pixels / whole)}" for side, pixels, whole in cuts if pixels)
    return Cut(1 - box_width * box_height / (width * height), left, top, right, bottom, sides)


def check_crop(width: int, height: int, box: Box) -> None:
    """Raise UsageError when a box is no part of a `width` x `height` picture or has a side below MIN_SIDE."""
    left, top, box_width, box_height = box
    if min(box_width, box_height) < MIN_SIDE:
        raise UsageError(
            f"A crop of {box_width}x{box_height} pixels is too small.",
            hint=f"Each side needs at least {MIN_SIDE} pixels.",
        )
    if min(left, top) < 0 or left + box_width > width or top + box_height > height:
        raise UsageError(
            f"The crop {left},{top},{box_width},{box_height} does not lie inside the {width}x{height} picture.",
            hint="A crop is LEFT,TOP,WIDTH,HEIGHT in pixels of the upright picture.",
        )


def _set(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    choose: Callable[[Membership], Box | None],
    duplicates: Duplicates | None,
) -> int:
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        ids = choose_ids(connection, owner.id, selection, duplicates)
    # Sizes of pictures never change, so the boxes found here still fit in the transaction below.
    boxes = {picture.id: _check(picture, choose(picture)) for picture in get_memberships(catalog, ids)}
    with catalog.journal("membership.crop", f"{owner.name}: crop") as change:
        present = choose_ids(change.connection, owner.id, sorted(boxes))
        values = [dict(zip(_COLUMNS, boxes[id_] or (None,) * 4, strict=True)) for id_ in present]
        changed = change.update(tables.membership, present, values)
        verb = "crop" if any(boxes.values()) else "take the crop off"
        change.label = f"{owner.name}: {verb} {changed} picture{'s' * (changed != 1)}"
        return changed


def _check(picture: Membership, box: Box | None) -> Box | None:
    if box is None or box == (0, 0, picture.width, picture.height):
        return None
    try:
        check_crop(picture.width, picture.height, box)
    except UsageError as error:
        raise UsageError(f"{picture.name}: {error.message}", hint=error.hint) from error
    return box


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "under 1 %"
