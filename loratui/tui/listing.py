"""What a wall lists: pictures stay where they are while a person works on them, whatever the filter says by now."""

from __future__ import annotations

from array import array
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.tui.labels import WallLabel
from loratui.tui.sources import MembershipSource

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from loratui.catalog.query import Order
    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.catalog.subjects import SubjectSummary

ORDERS: Mapping[Order, tuple[str, bool]] = {
    "added": ("as added", False),
    "name": ("by name", False),
    "size": ("largest first", True),
    "rating": ("best rated first", True),
    "role": ("by role", False),
    "sharpness": ("sharpest first", True),
}
"""Each order in words, and whether it begins at the large end; the order key goes through them."""

FIRST = 60
"""So many pictures are shown before all are listed: more than most screens hold."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a wall asks the library: `shown` are its ids now, `held` those acted on since it was last put in order."""

    subject: str
    query: str
    order: Order
    shown: array[int]
    held: frozenset[int]
    known: Sequence[int]
    """Pictures whose rows are wanted anew."""
    fresh: bool
    """Put in order anew, and let go of what does not belong any more."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a wall shows from now on."""

    catalog: Catalog
    summary: SubjectSummary
    ids: array[int]
    """The very array that was shown, when nothing came or went."""
    away: frozenset[int]
    """Pictures that stay although the query does not choose them any more."""
    members: list[Membership]


def list_pictures(catalog: Catalog, question: Question) -> Listing:
    """Answer what a wall asks; for a thread."""
    from loratui.catalog.query import get_memberships
    from loratui.catalog.subjects import summarize_subject

    found = _select_ids(catalog, question)
    ids, away = found, frozenset[int]()
    if not question.fresh:
        missing = question.held.difference(found) if question.held else ()
        summary = summarize_subject(catalog, question.subject)
        # Some of them may have left the subject.
        there = [one.id for one in get_memberships(catalog, sorted(missing)) if one.subject_id == summary.subject.id]
        ids, away = merge_ids(question.shown, found, there)
    return Listing(
        catalog,
        summarize_subject(catalog, question.subject),
        ids,
        away,
        get_memberships(catalog, question.known),
    )


def list_first(catalog: Catalog, question: Question) -> tuple[array[int], list[Membership]]:
    """The first pictures of a wall, in its order, and their rows: a screenful, while all of them take longer."""
    from loratui.catalog.query import get_memberships

    ids = _select_ids(catalog, question, FIRST)
    return ids, get_memberships(catalog, ids)


def _select_ids(catalog: Catalog, question: Question, limit: int | None = None) -> array[int]:
    from loratui.catalog.dedupe import duplicates_of_subject
    from loratui.catalog.query import select_ids

    return select_ids(
        catalog,
        question.subject,
        question.query,
        order=question.order,
        descending=ORDERS[question.order][1],
        limit=limit,
        duplicates=lambda: duplicates_of_subject(catalog, question.subject),
    )


def merge_ids(shown: array[int], found: array[int], held: Collection[int]) -> tuple[array[int], frozenset[int]]:
    """Bring a list up to date without putting it in order anew; also gives those kept though they were not found.

    What is gone goes, unless it is `held`; what is new comes after the one it follows in `found`.
    """
    if shown == found:
        return shown, frozenset()
    present, before = set(found), set(shown)
    away = frozenset(before.intersection(held).difference(present))
    kept = [id_ for id_ in shown if id_ in present or id_ in away]
    if len(kept) == len(shown) and len(present) == len(kept) - len(away):
        return shown, away
    after: dict[int | None, list[int]] = defaultdict(list)
    last: int | None = None
    for id_ in found:
        if id_ in before:
            last = id_
        else:
            after[last].append(id_)
    merged = array("q", after[None])
    for id_ in kept:
        merged.append(id_)
        merged.extend(after.get(id_, ()))
    return merged, away


def label_picture(catalog: Catalog, picture: Membership, *, away: bool = False, twin: bool = False) -> WallLabel:
    """What a wall shows of a picture."""
    return WallLabel(
        name=picture.name,
        source=MembershipSource(catalog, picture),
        role=picture.role,
        repeats=picture.repeats,
        rating=picture.rating,
        twin=twin,
        cropped=picture.crop_width is not None,
        warned=bool(picture.warnings) or picture.state != "ok",
        away=away,
        width=picture.width,
        height=picture.height,
    )


def list_tags(subject: str) -> Callable[[Catalog], tuple[str, ...]]:
    """Work for a thread: the tags of a subject, the most frequent first."""

    def work(catalog: Catalog) -> tuple[str, ...]:
        from loratui.captions.counts import count_tags

        return tuple(found.tag for found in count_tags(catalog, subject))

    return work
