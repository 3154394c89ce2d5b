"""Verbs about crops: which part of a picture a subject is trained on."""

from __future__ import annotations

import re
from typing import Annotated

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, print_json, print_table, say_changed
from loratui.cli.session import Query, find_duplicates, open_library
from loratui.errors import UsageError

_NUMBER = r"-?\d+(?:\.\d+)?"


def set_crop(
    subject: str,
    *query: Query,
    box: Annotated[str, Parameter(help="LEFT,TOP,WIDTH,HEIGHT in pixels of the upright picture.")] = "",
    aspect: Annotated[str, Parameter(help="Largest box of this shape, such as 3:4 or 512x768.")] = "",
    at: Annotated[str, Parameter(help="With --aspect: centre as shares of width and height, such as 0.5,0.3.")] = "",
    scale: Annotated[float | None, Parameter(help="With --aspect: size of the box, up to 1 (the default).")] = None,
    show: Show = PLAIN,
) -> None:
    """Train on a part of the pictures that match a query; the pictures themselves stay whole.

    Example: `loratui crop set Mira --aspect 2:3 --at 0.5,0.3 "name:portrait*"`
    """
    from loratui.catalog import crops

    if bool(box) == bool(aspect):
        raise UsageError("Say which part: either a box or an aspect.", hint="--box 0,0,512,768 or --aspect 2:3.")
    if box and (at or scale is not None):
        raise UsageError("A box says its place and size itself.", hint="Leave --at and --scale out, or use --aspect.")
    text = " ".join(query)
    with open_library() as catalog:
        duplicates = find_duplicates(catalog, subject)
        if box:
            count = crops.set_crop(catalog, subject, text, _read_box(box), duplicates=duplicates)
        else:
            count = crops.crop_to_shape(
                catalog,
                subject,
                text,
                _read_aspect(aspect),
                centre=_read_centre(at) if at else (0.5, 0.5),
                scale=1.0 if scale is None else scale,
                duplicates=duplicates,
            )
    say_changed("cropped", count, show)


def clear_crop(subject: str, *query: Query, show: Show = PLAIN) -> None:
    """Train on the whole of the pictures that match a query again."""
    from loratui.catalog import crops

    with open_library() as catalog:
        duplicates = find_duplicates(catalog, subject)
        count = crops.set_crop(catalog, subject, " ".join(query), None, duplicates=duplicates)
    say_changed("whole again", count, show)


def list_crops(subject: str, *query: Query, show: Show = PLAIN) -> None:
    """List the pictures that have a crop, and what it leaves out."""
    from loratui.catalog import crops

    with open_library() as catalog:
        found = crops.list_crops(catalog, subject, " ".join(query), duplicates=find_duplicates(catalog, subject))
    cuts = [crops.describe_cut(item.width, item.height, item.crop) for item in found]
    if show.json:
        print_json(
            [
                {
                    "sha256": item.sha256,
                    "name": item.name,
                    "width": item.width,
                    "height": item.height,
                    "crop": item.crop,
                    "cut_share": round(cut.share, 4),
                    "cut": {"left": cut.left, "top": cut.top, "right": cut.right, "bottom": cut.bottom},
                }
                for item, cut in zip(found, cuts, strict=True)
            ]
        )
        return
    print_table(
        ["name", "size", "used", "at", "cut", "sides"],
        [
            [
                item.name,
                f"{item.width}x{item.height}",
                f"{item.used_width}x{item.used_height}",
                f"{cut.left},{cut.top}",
                f"{100 * cut.share:.0f} %",
                cut.sides,
            ]
            for item, cut in zip(found, cuts, strict=True)
        ],
        empty="No picture has a crop.",
    )


def _read_box(text: str) -> tuple[int, int, int, int]:
    if not re.fullmatch(r"-?\d+(,-?\d+){3}", text):
        raise UsageError(f"'{text}' is not a box.", hint="Write LEFT,TOP,WIDTH,HEIGHT, such as 0,40,512,768.")
    left, top, width, height = (int(side) for side in text.split(","))
    return left, top, width, height


def _read_aspect(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,6})[:xX/](\d{1,6})", text)
    if not found or "0" in (found[1].lstrip("0") or "0", found[2].lstrip("0") or "0"):
        raise UsageError(f"'{text}' is not an aspect.", hint="Write WIDTH:HEIGHT, such as 2:3 or 512x768.")
    return int(found[1]), int(found[2])


def _read_centre(text: str) -> tuple[float, float]:
    found = re.fullmatch(rf"({_NUMBER}),({_NUMBER})", text)
    if not found:
        raise UsageError(f"'{text}' is not a centre.", hint="Write X,Y as shares from 0 to 1, such as 0.5,0.3.")
    return float(found[1]), float(found[2])
