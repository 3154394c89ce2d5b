"""What is known of a picture, in words: for the pane beside the wall and the line under the large view."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.text import Text

from loratui.tui.text import format_bytes, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.config import Settings
    from loratui.dataset.inspection import Inspection, Placing
    from loratui.tui.theme import Glyphs

LABEL_WIDTH = 10


def read_inspection(catalog: Catalog, subject: str, id: int, settings: Settings) -> tuple[Inspection, str] | None:
    """Look at a picture, and say what its bucket is for: a base, or a usual size where there is none; None when gone.

    For a thread. Nothing is registered by looking.
    """
    from loratui.catalog.query import get_memberships
    from loratui.dataset.inspection import inspect_picture
    from loratui.runs.sizes import foresee_purpose

    found = get_memberships(catalog, [id])
    if not found:
        return None
    purpose = foresee_purpose(catalog, settings.default_base, subject)
    inspection = inspect_picture(catalog, subject, found[0], purpose.recipe.bucketing)
    return inspection, purpose.words


def draw_facts(found: Inspection, picture: Membership, purpose: str, glyphs: Glyphs) -> list[tuple[str, Text]]:
    """Everything about a picture as labels and values: its row as the screen has it, the rest as it was read.

    A value without a label takes the whole width.
    """
    from loratui.catalog.remarks import describe_remark
    from loratui.catalog.walking import show_path

    facts: list[tuple[str, Text]] = [("", Text(plain(picture.name), style="bold"))]

    def add(label: str, value: str) -> None:
        facts.append((label, Text(plain(value))))

    def leave_gap() -> None:
        facts.append(("", Text()))

    add("role", _tell_role(picture, glyphs))
    if picture.reject_reason:
        add("because", picture.reject_reason)
    add("size", f"{picture.width}x{picture.height} {picture.format}, {format_bytes(picture.bytes)}")
    if picture.crop is not None:
        left, top, width, height = picture.crop
        add("crop", f"{width}x{height} at {left},{top}")
    add("bucket", tell_placing(found.placing, purpose))
    if found.file != "ok":
        lost = "missing; `loratui relink` finds it again"
        add("file", f"{glyphs.warn} {lost if found.file == 'missing' else 'changed since the import'}")
    for code in picture.warnings:
        add("remark", f"{glyphs.warn} {describe_remark(code)}")
    leave_gap()
    facts += [("", text) for text in _tell_caption(found, glyphs)]
    leave_gap()
    facts += [("", text) for text in _tell_tags(found)]
    leave_gap()
    add("sharpness", f"{picture.sharpness:.3g}   brightness {picture.luminance:.2f}")
    if found.others:
        add("also in", ", ".join(found.others))
    add("added", f"{picture.added_at.astimezone():%Y-%m-%d %H:%M}")
    if picture.source_path:
        add("from", show_path(os.fsdecode(picture.source_path)))
    if picture.note:
        add("note", picture.note)
    add("sha256", picture.sha256[:16])
    add("phash", f"{picture.phash & (2**64 - 1):016x}")
    return facts


def lay_out_facts(facts: Sequence[tuple[str, Text]], width: int, console: Console) -> list[Text]:
    """Lines at most `width` cells wide, with values that wrap beside their labels."""
    lines: list[Text] = []
    for label, value in facts:
        indent = LABEL_WIDTH if label else 0
        wrapped = value.wrap(console, max(8, width - indent), overflow="fold") if value else [value]
        for place, part in enumerate(wrapped):
            before = Text().append(f"{'' if place else label:<{indent}}", style="dim")
            lines.append(before.append_text(part) if indent else part)
    return lines


def draw_line(picture: Membership, found: Inspection | None, purpose: str, glyphs: Glyphs) -> Text:
    """What matters most about a picture, in a line; with its caption in a second one, once it was looked at."""
    parts = [_tell_role(picture, glyphs), f"{picture.width}x{picture.height} {picture.format}"]
    if found is None:
        return Text("   ".join(parts))
    parts.append(tell_placing(found.placing, purpose))
    text = Text("   ".join(parts))
    if found.file != "ok":
        text.append(f"   {glyphs.warn} the file is {found.file}", style="bold")
    text.append("\n").append(plain(found.caption) or "(no caption)")
    text.append(_count_tokens(found), style="dim")
    return text


def tell_placing(placing: Placing | None, purpose: str) -> str:
    """Where training puts a picture, what that costs, and whose buckets they are: "of base sd"."""
    if placing is None:
        return f"none {plain(purpose)} takes it: too narrow"
    bucket = placing.bucket
    parts = [f"{bucket.width}x{bucket.height} {plain(purpose)}"]
    if placing.scale > 1.005:
        parts.append(f"enlarged {placing.scale:.1f}x")
    parts.append(f"cuts {placing.cut.sides}" if placing.cut.sides else "cuts nothing")
    return ", ".join(parts)


def _tell_role(picture: Membership, glyphs: Glyphs) -> str:
    parts = [picture.role]
    if picture.role in ("primary", "supporting"):
        parts.append(f"x{picture.repeats}" + ("" if picture.own_repeats is None else " of its own"))
    parts.append(glyphs.star * picture.rating + glyphs.no_star * (5 - picture.rating))
    return "   ".join(parts)


def _tell_caption(found: Inspection, glyphs: Glyphs) -> Iterator[Text]:
    yield Text(f"caption, {'by hand' if found.written else 'computed'}{_count_tokens(found)}", style="dim")
    yield Text(plain(found.caption) or "(empty)")
    for doubt in (*found.doubts, *_doubt_tokens(found.tokens)):
        yield Text(f"{glyphs.warn} {plain(doubt)}")


def _tell_tags(found: Inspection) -> Iterator[Text]:
    if not found.tags:
        yield Text("tags   none: m adds some", style="dim")
        return
    yield Text("tags   +by hand  -removed  (imbued)", style="dim")
    text = Text()
    for place, tag in enumerate(found.tags):
        if place:
            text.append(", ", style="dim")
        score = "" if tag.score is None else f" {tag.score:.2f}"
        name = plain(tag.text)
        if tag.state == "removed":
            text.append(f"-{name}", style="dim strike").append(score, style="dim")
        elif tag.state == "imbued":
            text.append(f"({name}{score})", style="dim")
        elif tag.state in ("implied", "cut"):
            text.append(f"({name}{score}, {tag.state})", style="dim")
        else:
            text.append(f"{'+' if tag.by_hand else ''}{name}", style="bold" if tag.by_hand else "")
            text.append(score, style="dim")
    yield text


def _count_tokens(found: Inspection) -> str:
    from loratui.captions.tokens import CLIP_TOKENS

    return "" if found.tokens is None else f"   {found.tokens}/{CLIP_TOKENS} tokens"


def _doubt_tokens(tokens: int | None) -> tuple[str, ...]:
    from loratui.captions.tokens import CLIP_TOKENS

    too_many = tokens is not None and tokens > CLIP_TOKENS
    return (f"more than the {CLIP_TOKENS} tokens that CLIP reads at once",) if too_many else ()
