"""The list of undesired tags as kohya's tagger takes it: read however people write it, written exactly as it is read.

`tag_images_by_wd14_tagger.py --undesired_tags="blue eyes,freckles"` splits at commas and compares letter by letter.
Until sd-scripts 0.8.6 it kept the space after a comma, so that `blue eyes, freckles` left the freckles in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.captions.sidecars import clean_text
from loratui.captions.tags import KAOMOJI, fold_tag, spell_tag, unescape_tag

if TYPE_CHECKING:
    from collections.abc import Iterable

_OPTION = re.compile(r"--?undesired[_-]tags(?:\s*=\s*|\s+)", re.IGNORECASE)
_SEPARATOR = re.compile(r"--?caption[_-]separator(?:\s*=\s*|\s+)(\"[^\"]*\"|'[^']*'|\S+)", re.IGNORECASE)
_NEXT_OPTION = re.compile(r"\s+--?[a-z][a-z_-]+(?=[\s=]|$)", re.IGNORECASE)
_QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“", "‘": "’", "«": "»", "`": "`"}

_STRAY = '"“”„«»'
_REMARK = re.compile(r"(^|[\s,])# .*")

# Kohya's tagger turns underscores into spaces in names of more letters than this, faces among them.
_SHORT = 3
_MENDED = {face.replace("_", " "): face for face in KAOMOJI if len(face) > _SHORT}


@dataclass(frozen=True, slots=True)
class UndesiredList:
    """The tags of a list, spelled with spaces, each once and in order; `remarks` tell what was forgiven."""

    tags: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def parse_undesired(text: str) -> UndesiredList:
    """Read a list of undesired tags, or the command line that has one; anything can be read.

    Commas and new lines separate tags, or what `--caption_separator` says. Spaces around tags, quotes, the case,
    underscores and backslashes before parentheses make no difference. What follows `# ` in a line is a remark.
    """
    body, separator = _find_argument(clean_text(text.removeprefix("\ufeff")))
    parts = [part for line in body.split("\n") for part in separator.split(_REMARK.sub(r"\1", line))]
    remarks = []
    spaced = sum(part[:1].isspace() and bool(part.strip()) for part in parts)
    if spaced:
        remarks.append(
            f"{spaced} tag{'s' * (spaced != 1)} had a space after the comma: read without it. "
            "Kohya's tagger before sd-scripts 0.8.6 passes over such tags and leaves them in the captions."
        )
    tags: dict[str, str] = {}
    doubled = 0
    for part in parts:
        tag = " ".join(spell_tag(unescape_tag(_unquote(part)).lower()).split())
        tag = _MENDED.get(tag, tag)
        if (key := fold_tag(tag)) and tags.setdefault(key, tag) is not tag:
            doubled += 1
    if doubled:
        remarks.append(f"{doubled} tag{'s' * (doubled != 1)} stood there more than once.")
    return UndesiredList(tuple(tags.values()), tuple(remarks))


def format_undesired(tags: Iterable[str], *, remove_underscore: bool = True) -> str:
    """Write a list exactly as kohya's tagger reads it: commas alone between tags, lower case, no tag twice.

    With `remove_underscore` as for a tagger that is run with `--remove_underscore`, else with underscores, as the
    tags of its model are. Patterns with a `*` mean nothing to it and have to be spelled out before.
    """
    written = (_to_kohya(tag, remove_underscore=remove_underscore) for tag in tags)
    return ",".join(dict.fromkeys(tag for tag in written if tag))


def _to_kohya(tag: str, *, remove_underscore: bool) -> str:
    plain = " ".join(unescape_tag(tag).lower().split())
    if plain in KAOMOJI:
        return plain.replace("_", " ") if remove_underscore and len(plain) > _SHORT else plain
    return spell_tag(plain) if remove_underscore else plain.replace(" ", "_")


def _find_argument(text: str) -> tuple[str, re.Pattern[str]]:
    """What stands behind `--undesired_tags`, or the whole text, and what separates its tags."""
    option = _OPTION.search(text)
    if option is None:
        return _unquote_whole(text), _split_at(",")
    said = _SEPARATOR.search(text)
    separator = _split_at(_unquote(said[1]).strip() or "," if said else ",")
    rest = text[option.end() :].replace("\\\n", " ")
    if rest[:1] in _QUOTES and (end := rest.find(_QUOTES[rest[0]], 1)) > 0:
        return rest[1:end], separator
    following = _NEXT_OPTION.search(rest)
    return (rest[: following.start()] if following else rest), separator


def _split_at(separator: str) -> re.Pattern[str]:
    # What Chinese and Japanese keyboards write is a comma too.
    return re.compile("[,，、]" if separator == "," else re.escape(separator))


def _unquote_whole(text: str) -> str:
    """Take off quotes around a whole list, not those around each of its tags."""
    clean = text.strip()
    inside = clean[1:-1]
    return inside if clean[:1] in _QUOTES and clean[-1:] == _QUOTES[clean[0]] and clean[0] not in inside else text


def _unquote(part: str) -> str:
    clean = part.strip()
    while len(clean) > 2 and clean[0] in _QUOTES and clean[-1] == _QUOTES[clean[0]]:
        clean = clean[1:-1].strip()
    # A tag has quotes inside at most, as jack-o'-lantern does.
    return clean.strip(_STRAY).strip()
