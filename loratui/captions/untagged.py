"""Why no picture has a tag: none was looked at, nothing was sure enough, or no picture was meant at all."""

from __future__ import annotations

import shlex
from math import floor
from typing import TYPE_CHECKING

from loratui.captions.rules import thresholds_of
from loratui.catalog.edits import tag_scores_of
from loratui.catalog.query import get_memberships, select_ids
from loratui.catalog.vectors import count_taggers

if TYPE_CHECKING:
    from loratui.captions.counts import CaptionBook
    from loratui.catalog.store import Catalog

_LEAST = 0.05


def explain_untagged(catalog: Catalog, book: CaptionBook, query: str = "") -> str:
    """Sentences about a book without tags: why, and what helps; `query` chose its pictures."""
    name = shlex.quote(book.subject.name)
    if not book.pictures:
        if query.strip() and select_ids(catalog, book.subject, ""):
            return (
                f"No picture of {book.subject.name} matches {query.strip()}: `loratui picture list {name}` shows them."
            )
        return f"{book.subject.name} has no pictures: `loratui import {name} FOLDER` brings some."
    if not book.looked_at:
        return f"No picture has a tag. `loratui tag {name}` finds some; importing reads the ones beside pictures."
    if any(one.scored or one.added for one in book.pictures):
        return "No picture has a tag: a person removed the ones that were found, or the rules leave them out."
    ids = [one.picture_id for one in get_memberships(catalog, [one.id for one in book.looked_at])]
    taggers = ", ".join(tagger.partition("@")[0] for tagger in count_taggers(catalog, ids))
    if not taggers:
        return "No picture has a tag: a person removed them."
    read = f"{len(book.looked_at):,} of {len(book.pictures):,} pictures were tagged by {taggers}."
    return f"{read} {_tell_scores(catalog, book, ids)}"


def _tell_scores(catalog: Catalog, book: CaptionBook, picture_ids: list[int]) -> str:
    name = shlex.quote(book.subject.name)
    used = thresholds_of(book.rules)
    if not used:
        return f"No category of tags is used: `loratui rules set {name} --category general` uses what they show."
    scores = tag_scores_of(catalog, book.subject, picture_ids=picture_ids)
    best = max((one.score for each in scores.values() for one in each if one.category in used), default=0.0)
    asked = used.get("general", max(used.values()))
    if best < _LEAST:
        return f"Nothing scored {asked:.2f} or more: the tagger knows nothing that they show."
    lower = max(_LEAST, floor(best * 20) / 20)
    return (
        f"Nothing scored {asked:.2f} or more, the best {best:.2f}: "
        f"`loratui rules set {name} --general-threshold {lower:.2f}` says such tags too."
    )
