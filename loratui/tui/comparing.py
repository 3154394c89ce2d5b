"""What tells the pictures of a group of duplicates apart, as lines of text with the best values known."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.tui.text import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from loratui.catalog.rows import Membership

_LOSSLESS = ("PNG", "BMP", "TIFF", "PPM", "PSD")
# Sharpness within this factor looks the same.
_AS_SHARP = 1.05
_ROLE_RANK = {"primary": 3, "supporting": 2, "holdout": 1}


@dataclass(frozen=True, slots=True)
class ComparedLine:
    """One property: a value per picture, and which of the pictures have the best one, if any is better."""

    label: str
    values: tuple[str, ...]
    best: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The properties that differ, and the names of those that don't."""

    differing: tuple[ComparedLine, ...]
    same: tuple[str, ...]


def compare_pictures(pictures: Sequence[Membership], captions: Mapping[int, str], *, star: str = "*") -> Comparison:
    """Put pictures side by side; `captions` are theirs by membership id, as a trainer sees them."""
    tags = [_split_caption(captions.get(picture.id, "")) for picture in pictures]
    shared = set(tags[0]).intersection(*tags[1:]) if tags else set()
    lines = [
        _compare("size", pictures, lambda one: f"{one.width}x{one.height}", lambda one: one.width * one.height),
        _compare("format", pictures, lambda one: one.format, lambda one: one.format in _LOSSLESS),
        _compare("file", pictures, lambda one: format_bytes(one.bytes), lambda one: one.bytes),
        _compare_sharpness(pictures),
        _compare("role", pictures, lambda one: one.role, lambda one: _ROLE_RANK.get(one.role, 0)),
        _compare("rating", pictures, lambda one: star * one.rating or "-", lambda one: one.rating),
        _compare("repeats", pictures, lambda one: str(one.repeats)),
        _compare("crop", pictures, lambda one: f"{one.used_width}x{one.used_height}" if one.crop else "whole"),
        _compare("remarks", pictures, _say_remarks, lambda one: -len(one.warnings)),
        ComparedLine("only here", tuple(", ".join(tag for tag in own if tag not in shared) or "-" for own in tags)),
    ]
    differing = [line for line in lines if len(set(line.values)) > 1]
    same = [("tags" if line.label == "only here" else line.label) for line in lines if line not in differing]
    return Comparison(tuple(differing), tuple(same))


def wrap_value(text: str, width: int, most: int) -> list[str]:
    """A value in lines of at most `width` characters; what does not fit into `most` lines ends in dots."""
    return textwrap.wrap(text, max(4, width), max_lines=most, placeholder=" …") or [""]


def _compare(
    label: str,
    pictures: Sequence[Membership],
    say: Callable[[Membership], str],
    merit: Callable[[Membership], float] | None = None,
) -> ComparedLine:
    values = tuple(say(picture) for picture in pictures)
    if merit is None:
        return ComparedLine(label, values)
    merits = [merit(picture) for picture in pictures]
    best = {place for place, one in enumerate(merits) if one == max(merits)}
    return ComparedLine(label, values, frozenset(best if len(best) < len(pictures) else ()))


def _compare_sharpness(pictures: Sequence[Membership]) -> ComparedLine:
    most = max((picture.sharpness for picture in pictures), default=0.0)
    best = {place for place, picture in enumerate(pictures) if picture.sharpness * _AS_SHARP >= most}
    values = tuple(f"{picture.sharpness:.2f}" for picture in pictures)
    return ComparedLine("sharpness", values, frozenset(best if len(best) < len(pictures) else ()))


def _say_remarks(picture: Membership) -> str:
    return ", ".join(code.replace("_", " ") for code in picture.warnings) or "none"


def _split_caption(caption: str) -> list[str]:
    return [part for part in (part.strip() for part in caption.split(",")) if part]
