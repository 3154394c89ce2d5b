"""When pictures were taken, as their cameras wrote it."""

from __future__ import annotations

import struct
from datetime import datetime
from typing import TYPE_CHECKING

from loratui.catalog.blobs import picture_path
from loratui.catalog.query import get_memberships

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loratui.catalog.store import Catalog

DATED_FORMATS = frozenset({"JPEG", "TIFF", "WEBP", "HEIF"})
"""What cameras and phones write; screenshots and drawings in other formats are not opened."""

_EXIF, _TAKEN, _FRACTION = 0x8769, 0x9003, 0x9291


def find_moments(catalog: Catalog, ids: Iterable[int]) -> dict[int, float]:
    """When the pictures of memberships were taken, in seconds since a fixed moment; those that don't say are left out.

    Reads the head of each file, a fraction of a millisecond; the clock is the camera's, without a time zone.
    """
    import warnings

    from PIL import Image

    # What Pillow raises for files that are gone or foreign, for a header that says a giant size, and for EXIF of a
    # wrong byte order, of wrong offsets or cut short.
    unreadable = (OSError, ValueError, SyntaxError, struct.error, Image.DecompressionBombError)
    found: dict[int, float] = {}
    for member in get_memberships(catalog, sorted(ids)):
        if member.format not in DATED_FORMATS:
            continue
        try:
            with warnings.catch_warnings(), Image.open(picture_path(catalog, member)) as image:
                warnings.simplefilter("ignore")
                told = image.getexif().get_ifd(_EXIF)
                if moment := _read_moment(told.get(_TAKEN), told.get(_FRACTION)):
                    found[member.id] = moment
        # Metadata is only a hint: without it, or with a broken one, a picture just has no time.
        except unreadable:
            continue
    return found


def _read_moment(taken: object, fraction: object) -> float | None:
    """Seconds from "2024:05:01 12:30:00" and "25" (hundredths); None for what a camera without a clock writes."""
    if not isinstance(taken, str):
        return None
    try:
        moment = datetime.strptime(taken.strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None
    digits = fraction.strip("\0 ") if isinstance(fraction, str) else ""
    return (moment - datetime(1970, 1, 1)).total_seconds() + (float(f"0.{digits}") if digits.isdigit() else 0.0)
