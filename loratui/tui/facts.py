"""What is known of a picture, in words: for the pane beside the wall and the line under the large view."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.text import Text

from loratui.tui.text import format_bytes, plain

if TYPE_CHECKING:
    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.config import Settings
    from loratui.dataset.buckets import BucketSettings
    from loratui.dataset.inspection import InspectedTag, Inspection, Placing
    from loratui.tui.theme import Glyphs

TOKENS = 75
"""What CLIP reads at once."""

_LABEL = 9


def read_inspection(catalog: Catalog, subject: str, id: int, settings: Settings) -> tuple[Inspection, str] | None:
    """Look at a picture with the default recipe, and name the base that it is for; None when it is gone.

    For a thread. The name is empty where no base can be chosen, and then there is no placing.
    """
    from loratui.catalog.query import get_memberships
    from loratui.dataset.inspection import inspect_picture
    from loratui.errors import LoratuiError
    from loratui.runs.bases import choose_base

    found = get_memberships(catalog, [id])
    if not found:
        return None
    name, buckets = "", None
    try:
        base = choose_base(catalog, settings.default_base)
        buckets = _buckets_of(base.family, base.resolution)
        name = base.name
    except LoratuiError:
        # Which base to train on is asked later; until then nobody knows the bucket, which the pane says.
        pass
    return inspect_picture(catalog, subject, found[0], buckets), name


def _buckets_of(family: str, resolution: int) -> BucketSettings:
    from loratui.dataset.buckets import BucketSettings
    from loratui.training.recipe import preset_for

    recipe = preset_for(family, resolution)
    return BucketSettings(recipe.resolution, recipe.bucket_step, recipe.min_bucket, recipe.max_bucket, recipe.upscale)


def draw_facts(found: Inspection, picture: Membership, base: str, glyphs: Glyphs) -> Text:
    """Everything about a picture, one fact a line, for a pane that wraps."""
    from loratui.catalog.remarks import describe_remark

    text = Text()
    text.append(plain(picture.name), style="bold")
    _add(text, "role", _tell_role(picture, glyphs))
    _add(text, "size", f"{picture.width}x{picture.height} {picture.format}, {format_bytes(picture.bytes)}")
    if picture.crop is not None:
        left, top, width, height = picture.crop
        _add(text, "crop", f"{width}x{height} at {left},{top}")
    _add(text, "bucket", tell_placing(found.placing, base))
    if found.file != "ok":
        state = "missing: loratui relink finds it again" if found.file == "missing" else "changed since the import"
        _add(text, "file", f"{glyphs.warn} {state}", style="bold")
    for code in picture.warnings:
        _add(text, "remark", f"{glyphs.warn} {describe_remark(code)}")
    text.append("\n")
    tokens = "" if found.tokens is None else f"   {found.tokens}/{TOKENS} tokens"
    text.append(f"\ncaption, {'by hand' if found.written else 'computed'}{tokens}", style="dim")
    text.append("\n").append(plain(found.caption) or "(empty)")
    for doubt in (*found.doubts, *_doubt_tokens(found.tokens)):
        text.append(f"\n{glyphs.warn} {plain(doubt)}")
    text.append("\n\ntags", style="dim")
    if found.tags:
        text.append("   +by hand  -removed  (imbued)", style="dim")
        text.append("\n").append_text(_tell_tags(found.tags))
    else:
        text.append("   none: m adds some", style="dim")
    text.append("\n")
    _add(text, "sharpness", f"{picture.sharpness:.0f}   brightness {picture.luminance:.2f}")
    if found.others:
        _add(text, "also in", ", ".join(plain(name) for name in found.others))
    _add(text, "added", f"{picture.added_at.astimezone():%Y-%m-%d %H:%M}")
    if picture.source_path:
        _add(text, "from", plain(os.fsdecode(picture.source_path).encode("utf-8", "replace").decode()))
    if picture.note:
        _add(text, "note", plain(picture.note))
    _add(text, "sha256", picture.sha256[:16])
    _add(text, "phash", f"{picture.phash & (2**64 - 1):016x}")
    return text


def draw_line(picture: Membership, found: Inspection | None, base: str, glyphs: Glyphs) -> Text:
    """What matters most about a picture, in a line; with its caption in a second one, once it was looked at."""
    parts = [_tell_role(picture, glyphs), f"{picture.width}x{picture.height} {picture.format}"]
    if found is None:
        return Text("   ".join(parts))
    parts.append(tell_placing(found.placing, base))
    text = Text("   ".join(parts))
    if found.file != "ok":
        text.append(f"   {glyphs.warn} the file is {found.file}", style="bold")
    text.append("\n").append(plain(found.caption) or "(no caption)")
    if found.tokens is not None:
        text.append(f"   {found.tokens}/{TOKENS} tokens", style="dim")
    return text


def tell_placing(placing: Placing | None, base: str) -> str:
    """Where training puts a picture, and what that costs."""
    if not base:
        return "unknown: choose a default base"
    if placing is None:
        return f"none of {plain(base)} takes it: too narrow"
    bucket = placing.bucket
    parts = [f"{bucket.width}x{bucket.height} for {plain(base)}"]
    if placing.scale > 1.005:
        parts.append(f"enlarged {placing.scale:.1f}x")
    parts.append(f"cuts {placing.cut.sides}" if placing.cut.sides else "cuts nothing")
    return ", ".join(parts)


def _add(text: Text, label: str, value: str, *, style: str = "") -> None:
    text.append("\n").append(f"{label:<{_LABEL}} ", style="dim").append(value, style=style)


def _tell_role(picture: Membership, glyphs: Glyphs) -> str:
    parts = [picture.role + (f" ({plain(picture.reject_reason)})" if picture.reject_reason else "")]
    if picture.role in ("primary", "supporting"):
        parts.append(f"x{picture.repeats}" + ("" if picture.own_repeats is None else " of its own"))
    parts.append(glyphs.star * picture.rating + glyphs.no_star * (5 - picture.rating))
    return "   ".join(parts)


def _tell_tags(tags: tuple[InspectedTag, ...]) -> Text:
    text = Text()
    for place, tag in enumerate(tags):
        if place:
            text.append(", ", style="dim")
        score = "" if tag.score is None else f" {tag.score:.2f}"
        name = plain(tag.text)
        if tag.state == "removed":
            text.append(f"-{name}", style="dim strike").append(score, style="dim")
        elif tag.state == "imbued":
            text.append(f"({name}{score})", style="dim")
        else:
            text.append(f"{'+' if tag.by_hand else ''}{name}", style="bold" if tag.by_hand else "")
            text.append(score, style="dim")
    return text


def _doubt_tokens(tokens: int | None) -> tuple[str, ...]:
    too_many = tokens is not None and tokens > TOKENS
    return (f"more than the {TOKENS} tokens that CLIP reads at once",) if too_many else ()
