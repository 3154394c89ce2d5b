"""The verb that shows all there is to know about pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.cli.output import PLAIN, Show, print_fields, print_json, print_text
from loratui.cli.session import Limit, Query, find_duplicates, open_library, read_settings

if TYPE_CHECKING:
    from loratui.dataset.inspection import Inspection
    from loratui.runs.sizes import Purpose


def show_pictures(subject: str, *query: Query, base: str | None = None, limit: Limit = 20, show: Show = PLAIN) -> None:
    """Show pictures from all sides: file, bucket, what training cuts off, tags with scores, caption.

    Example: `loratui picture show Mira name:portrait_01.png`

    Parameters
    ----------
    base
        Base model; decides the buckets. Left out, the one that would be used, or a usual size where there is none.
    limit
        How many pictures at most.
    """
    from loratui.catalog.query import select_memberships
    from loratui.catalog.subjects import get_subject
    from loratui.dataset.inspection import inspect_picture
    from loratui.runs.sizes import find_purpose, foresee_purpose

    with open_library() as catalog:
        owner = get_subject(catalog, subject)
        if base:
            purpose = find_purpose(catalog, owner, base)
        else:
            purpose = foresee_purpose(catalog, read_settings().default_base, owner)
        buckets = purpose.recipe.bucketing
        duplicates = find_duplicates(catalog, subject)
        chosen = select_memberships(catalog, owner, " ".join(query), limit, duplicates=duplicates)
        found = [inspect_picture(catalog, owner, picture, buckets) for picture in chosen]
    if show.json:
        print_json([_as_json(item, purpose) for item in found])
        return
    if not found:
        print_text("No picture matches.")
    for item in found:
        print_fields(_as_fields(item, purpose))
        print_text("")


def _as_fields(item: Inspection, purpose: Purpose) -> dict[str, object]:
    from loratui.catalog.remarks import describe_remark

    picture, placing = item.picture, item.placing
    bucket = "none takes it"
    if placing is not None:
        cut = f", cuts {placing.cut.sides}" if placing.cut.sides else ""
        bucket = f"{placing.bucket.width}x{placing.bucket.height} at {100 * placing.scale:.0f} %{cut}"
    return {
        "name": picture.name,
        "size": f"{picture.width}x{picture.height} {picture.format}, {picture.bytes:,} bytes",
        "crop": "-" if picture.crop is None else ",".join(str(side) for side in picture.crop),
        "bucket": f"{bucket} {purpose.words}",
        "role": picture.role + (f" ({picture.reject_reason})" if picture.reject_reason else ""),
        "repeats": picture.repeats,
        "rating": picture.rating,
        "file": f"{item.path} ({item.file})",
        "sha256": picture.sha256,
        "remarks": "; ".join(describe_remark(code) for code in picture.warnings) or "-",
        "also in": ", ".join(item.others) or "-",
        "tags": ", ".join(
            tag.text
            + ("" if tag.score is None else f" {tag.score:.2f}")
            + ("" if tag.state == "said" else f" ({tag.state})")
            for tag in item.tags
        )
        or "-",
        "caption": item.caption,
        "tokens": "-" if item.tokens is None else item.tokens,
    }


def _as_json(item: Inspection, purpose: Purpose) -> dict[str, object]:
    picture, placing = item.picture, item.placing
    return {
        "name": picture.name,
        "sha256": picture.sha256,
        "width": picture.width,
        "height": picture.height,
        "role": picture.role,
        "repeats": picture.repeats,
        "rating": picture.rating,
        "file": str(item.path),
        "state": item.file,
        "crop": picture.crop,
        "bucket": None if placing is None else [placing.bucket.width, placing.bucket.height],
        "base": purpose.base or None,
        "resolution": purpose.resolution,
        "scale": None if placing is None else placing.scale,
        "cut": None if placing is None else placing.cut.share,
        "remarks": picture.warnings,
        "also_in": item.others,
        "tags": item.tags,
        "caption": item.caption,
        "tokens": item.tokens,
    }
