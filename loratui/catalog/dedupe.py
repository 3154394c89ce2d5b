"""Groups of pictures that look alike within a subject, the suggested best of each, and what people said of them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from itertools import chain, combinations
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select

from loratui.catalog import tables
from loratui.catalog.blobs import get_thumbnail
from loratui.catalog.query import Selection, as_values, choose_ids, select_memberships
from loratui.catalog.subjects import look_up
from loratui.catalog.vocabulary import ROLES
from loratui.errors import Cancelled, LoratuiError, RefusedError, UsageError
from loratui.events import Progress, Report, ignore_progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from loratui.catalog.likeness import Likeness, ThumbnailCheck
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog

Tier = Literal["same_pixels", "duplicate", "near"]
Verdict = Literal["not_duplicates", "alternates"]

TIERS: tuple[Tier, ...] = ("same_pixels", "duplicate", "near")
"""From certain to doubtful. The same bytes twice are one picture, which the import says."""

_LOSSLESS = ("PNG", "BMP", "TIFF", "PPM", "PSD")
_POOR = frozenset({"badly_compressed", "bilevel"})
# A blurred or blown-up picture holds about the detail of one with sides this many times shorter.
_BLUR_FACTOR = 6
_LOOKED_AT = tuple(role for role in ROLES if role != "rejected")
_ROLE_RANK = {"primary": 3, "supporting": 2, "holdout": 1}
_MOST_PAIRS = 20_000
_TOLD_EVERY = 50


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Pictures that hang together by looking alike; the tier is that of the weakest link needed.

    `mirrored` says that a link is to a mirror image. `best` is the one to keep, with the reasons.
    """

    tier: Tier
    pictures: tuple[Membership, ...]
    best: Membership
    reasons: tuple[str, ...]
    mirrored: bool


def find_groups(
    catalog: Catalog,
    subject: Subject | str,
    *,
    roles: Sequence[str] = _LOOKED_AT,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> list[DuplicateGroup]:
    """Group the pictures of a subject that look alike, the surest groups first.

    Tiers: `same_pixels` (other files, the same decoded pixels), `duplicate` (pHash within 4 or dHash within 3
    bits, also mirrored), `near` (8 or 6). Hash pairs are checked on the thumbnails (see likeness.py). Only
    pictures in these `roles` are looked at, by default all but the rejected ones; of blank ones only same pixels
    count, and pairs that got a verdict don't. Raises Cancelled.
    """
    members = [one for one in select_memberships(catalog, subject, "-role:rejected") if one.role in roles]
    settled = _verdicts(catalog, {member.picture_id for member in members})
    forest = _Forest(len(members))
    by_pixels: dict[str, int] = {}
    for position, member in enumerate(members):
        first = by_pixels.setdefault(member.pixel_sha256, position)
        if first != position and not settled(members[first], member):
            forest.join(first, position, "same_pixels", mirrored=False)
    _join_alike(catalog, members, settled, forest, report, cancel)
    groups = [
        _make_group([members[position] for position in positions], tier, mirrored)
        for positions, tier, mirrored in forest.groups()
    ]
    return sorted(groups, key=lambda group: (TIERS.index(group.tier), group.pictures[0].id))


def duplicates_of_subject(catalog: Catalog, subject: Subject | str) -> set[int]:
    """Ids of the memberships that are in any group: what the query `dup:yes` selects."""
    return {member.id for group in find_groups(catalog, subject) for member in group.pictures}


def resolve(catalog: Catalog, subject: Subject | str, selection: Selection = "") -> int:
    """Reject all but the best of groups, with the reason; returns how many. One undo step.

    With a query or ids, of the groups that they touch; without, of all groups but the near ones, which need eyes.
    """
    chosen: set[int] | None = None
    if not isinstance(selection, str):
        chosen = set(selection)
    elif selection.strip():
        chosen = {member.id for member in _select(catalog, subject, selection)}
    return resolve_groups(
        catalog,
        subject,
        (
            group
            for group in find_groups(catalog, subject)
            if (group.tier != "near" if chosen is None else any(member.id in chosen for member in group.pictures))
        ),
    )


def resolve_groups(catalog: Catalog, subject: Subject | str, groups: Iterable[DuplicateGroup]) -> int:
    """Reject all but the best of groups that were found before; returns how many. One undo step.

    Nothing is compared again, so this is quick; raises UsageError when a picture has left the subject since.
    """
    losers: dict[int, str] = {}
    for group in groups:
        reason = f"duplicate of {group.best.name}"
        losers |= {member.id: reason for member in group.pictures if member.id != group.best.id}
    with catalog.read() as connection:
        owner = look_up(connection, subject)
    with catalog.journal("dupes.resolve", f"{owner.name}: reject {_count(losers, 'duplicate')}") as change:
        ids = choose_ids(change.connection, owner.id, sorted(losers))
        values = [{"role": "rejected", "reject_reason": losers[id_]} for id_ in ids]
        return change.update(tables.membership, ids, values)


def leave_out(group: DuplicateGroup, ids: Collection[int]) -> DuplicateGroup | None:
    """The group without some of its pictures; None when fewer than two are left."""
    left = [member for member in group.pictures if member.id not in ids]
    return _make_group(left, group.tier, group.mirrored) if len(left) > 1 else None


def read_version(catalog: Catalog, subject: Subject | str) -> int:
    """A number that changes when the groups of a subject may have: quick, where finding them may take seconds."""
    member, verdict = tables.membership.c, tables.verdict.c
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        pictures = select(member.id, member.role, member.rating).where(member.subject_id == owner.id)
        said = select(verdict.picture_a, verdict.picture_b).order_by(verdict.id)
        rows = [connection.execute(query).all() for query in (pictures.order_by(member.id), said)]
        return hash(tuple(tuple(row) for found in rows for row in (*found, ())))


def keep(catalog: Catalog, subject: Subject | str, query: str = "", *, verdict: Verdict = "not_duplicates") -> int:
    """Remember that pictures which a query selects are no duplicates of each other; returns how many pairs.

    A picture selected alone from its group is told apart from all others in it. Without a query, all groups are.
    """
    chosen = {member.id for member in _select(catalog, subject, query)}
    pairs: list[tuple[int, int]] = []
    for group in find_groups(catalog, subject):
        selected = [member.picture_id for member in group.pictures if member.id in chosen]
        others = [member.picture_id for member in group.pictures if member.id not in chosen]
        if len(selected) == 1:
            pairs += [(selected[0], other) for other in others]
        elif math.comb(len(selected), 2) > _MOST_PAIRS:
            raise RefusedError(
                f"A group of {len(selected)} pictures has too many pairs to tell apart.",
                hint="Select fewer of them, or resolve the group.",
            )
        else:
            pairs += combinations(selected, 2)
    return record_verdict(catalog, pairs, verdict)


def record_verdict(catalog: Catalog, pairs: Iterable[tuple[int, int]], verdict: Verdict) -> int:
    """Remember a person's word on pairs of picture ids, in every subject; returns how many are new or changed."""
    if verdict not in ("not_duplicates", "alternates"):
        raise UsageError(f"There is no verdict '{verdict}'.", hint="Verdicts: not_duplicates, alternates.")
    wanted = {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]}
    table = tables.verdict
    with catalog.journal("dupes.keep", f"{_count(wanted, 'pair')} of pictures: {verdict.replace('_', ' ')}") as change:
        among = as_values({id_ for pair in wanted for id_ in pair})
        query = select(table.c.picture_a, table.c.picture_b, table.c.id).where(table.c.picture_a.in_(among))
        known = {(a, b): id_ for a, b, id_ in change.connection.execute(query)}
        new = [{"picture_a": a, "picture_b": b, "verdict": verdict} for a, b in sorted(wanted - known.keys())]
        change.insert(table, new)
        old = sorted(known[pair] for pair in wanted & known.keys())
        return len(new) + change.update(table, old, {"verdict": verdict})


def _select(catalog: Catalog, subject: Subject | str, query: str) -> list[Membership]:
    return select_memberships(catalog, subject, query, duplicates=lambda: duplicates_of_subject(catalog, subject))


def _join_alike(
    catalog: Catalog,
    members: Sequence[Membership],
    settled: Callable[[Membership, Membership], bool],
    forest: _Forest,
    report: Report,
    cancel: threading.Event | None,
) -> None:
    usable = [position for position, member in enumerate(members) if "blank" not in member.warnings]
    if len(usable) < 2:
        return
    # Listing pictures must not wait for numpy and Pillow when nobody asks about duplicates.
    import numpy as np

    from loratui.catalog.compared import ComparedPairs, name_picture
    from loratui.catalog.hamming import to_unsigned
    from loratui.catalog.likeness import ThumbnailCheck, find_alike

    columns = ("phash", "dhash", "phash_mirrored", "dhash_mirrored")
    hashes = np.stack(
        [to_unsigned([getattr(members[position], name) for position in usable]) for name in columns], axis=1
    )

    def thumbnail_of(position: int) -> Path | None:
        try:
            return get_thumbnail(catalog, members[usable[position]])
        except LoratuiError:
            # The file is gone and the cache was emptied: the hashes alone must do.
            return None

    compared = ComparedPairs(catalog.home.cache / "compared" / f"{members[0].subject_id}.bin")
    check = ThumbnailCheck(thumbnail_of, compared, lambda position: name_picture(members[usable[position]].sha256))
    alike = find_alike(hashes)
    try:
        _confirm(alike, check, members, usable, settled, forest, report, cancel)
    finally:
        compared.keep()


def _confirm(
    alike: Sequence[Likeness],
    check: ThumbnailCheck,
    members: Sequence[Membership],
    usable: Sequence[int],
    settled: Callable[[Membership, Membership], bool],
    forest: _Forest,
    report: Report,
    cancel: threading.Event | None,
) -> None:
    from loratui.catalog.likeness import split

    begun = time.monotonic()
    # One component after the other, so that no thumbnail is read twice.
    for done, one in enumerate(chain.from_iterable(split(alike, len(usable)))):
        if cancel is not None and cancel.is_set():
            raise Cancelled("Looking for duplicates was stopped.", hint="Nothing was changed; look again any time.")
        if done % _TOLD_EVERY == 0:
            eta_s = (time.monotonic() - begun) / done * (len(alike) - done) if done else None
            report(Progress("look for duplicates", done, len(alike), eta_s=eta_s))
        left, right = usable[one.left], usable[one.right]
        # Most pairs of a crowd are decided by the links before them and cost nothing here.
        if forest.together(left, right) or settled(members[left], members[right]) or not check.confirm(one):
            continue
        forest.join(left, right, "duplicate" if one.is_duplicate else "near", mirrored=one.mirrored)
    report(Progress("look for duplicates", len(alike), len(alike), eta_s=0.0))


def _verdicts(catalog: Catalog, picture_ids: set[int]) -> Callable[[Membership, Membership], bool]:
    table = tables.verdict.c
    with catalog.read() as connection:
        query = select(table.picture_a, table.picture_b).where(table.picture_a.in_(as_values(picture_ids)))
        pairs = {(a, b) for a, b in connection.execute(query)}

    def settled(one: Membership, other: Membership) -> bool:
        ids = one.picture_id, other.picture_id
        return (min(ids), max(ids)) in pairs

    return settled


class _Forest:
    """Union-find over positions; a tree remembers its weakest link and whether one is mirrored."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._tier: dict[int, Tier] = {}
        self._mirrored: dict[int, bool] = {}

    def together(self, one: int, other: int) -> bool:
        return self._root(one) == self._root(other)

    def join(self, one: int, other: int, tier: Tier, *, mirrored: bool) -> None:
        a, b = self._root(one), self._root(other)
        if a == b:
            return
        tiers = [self._tier.get(a, "same_pixels"), self._tier.get(b, "same_pixels"), tier]
        self._parent[b] = a
        self._tier[a] = max(tiers, key=TIERS.index)
        self._mirrored[a] = mirrored or self._mirrored.get(a, False) or self._mirrored.get(b, False)

    def groups(self) -> list[tuple[list[int], Tier, bool]]:
        members: dict[int, list[int]] = {}
        for position in range(len(self._parent)):
            members.setdefault(self._root(position), []).append(position)
        return [
            (positions, self._tier[root], self._mirrored[root])
            for root, positions in members.items()
            if len(positions) > 1
        ]

    def _root(self, position: int) -> int:
        while self._parent[position] != position:
            self._parent[position] = self._parent[self._parent[position]]
            position = self._parent[position]
        return position


def _make_group(pictures: list[Membership], tier: Tier, mirrored: bool) -> DuplicateGroup:
    best = max(pictures, key=lambda member: (*_merits(member), -member.id))
    others = [_merits(member) for member in pictures if member.id != best.id]
    outgrown = any(member.width * member.height > best.width * best.height for member in pictures)
    words = (
        "no blocks",
        f"{'most detail' if outgrown else 'largest'} ({best.width}x{best.height})",
        f"lossless ({best.format})",
        "sharpest",
        f"already {best.role}",
        "rated highest",
        "least compressed",
    )
    reasons = tuple(
        words[number]
        for number, merit in enumerate(_merits(best))
        if all(merit >= other[number] for other in others) and any(merit > other[number] for other in others)
    )
    return DuplicateGroup(tier, tuple(pictures), best, reasons or ("imported first",), mirrored)


def _detail(member: Membership) -> float:
    pixels = member.width * member.height
    return pixels / _BLUR_FACTOR**2 if "blurred" in member.warnings else pixels


def _merits(member: Membership) -> tuple[int, ...]:
    """What makes one copy better than another, the weightiest first; small differences do not count."""
    return (
        not _POOR & set(member.warnings),
        round(math.log(_detail(member)) / math.log(1.1)),
        member.format in _LOSSLESS,
        round(math.log(max(member.sharpness, 0.01)) / math.log(1.25)),
        _ROLE_RANK.get(member.role, 0),
        member.rating,
        member.bytes,
    )


def _count(things: Sequence[object] | set[tuple[int, int]] | dict[int, str], noun: str) -> str:
    return f"{len(things)} {noun}{'s' * (len(things) != 1)}"
