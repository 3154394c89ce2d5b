"""Groups of pictures that look alike within a subject, the suggested best of each, and what people said of them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select

from loratui.catalog import tables
from loratui.catalog.blobs import get_thumbnail
from loratui.catalog.handover import Resolved, hand_over
from loratui.catalog.merits import choose_best
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

_LOOKED_AT = tuple(role for role in ROLES if role != "rejected")
_MOST_PAIRS = 20_000
_TOLD_EVERY = 50


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Pictures that hang together by looking alike; the tier is that of the weakest link needed.

    `best` is the one to keep, with the reasons. `turned` has the ids of those that show the others mirrored.
    """

    tier: Tier
    pictures: tuple[Membership, ...]
    best: Membership
    reasons: tuple[str, ...]
    turned: frozenset[int] = frozenset()

    @property
    def mirrored(self) -> bool:
        """Whether some show the mirror image of others."""
        return bool(self.turned)


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
        _make_group([members[position] for position in positions], tier, {members[position].id for position in turned})
        for positions, tier, turned in forest.groups()
    ]
    return sorted(groups, key=lambda group: (TIERS.index(group.tier), group.pictures[0].id))


def duplicates_of_subject(catalog: Catalog, subject: Subject | str) -> set[int]:
    """Ids of the memberships that are in any group: what the query `dup:yes` selects."""
    return {member.id for group in find_groups(catalog, subject) for member in group.pictures}


def resolve(catalog: Catalog, subject: Subject | str, selection: Selection = "", *, keep: Selection = "") -> Resolved:
    """Reject all but the best of groups, with the reason; see resolve_groups. One undo step.

    With a query or ids, of the groups that they touch; without, of all groups but the near ones, which need eyes. With
    `keep`, of the groups that it touches, and what it chooses is kept instead of the best.
    """
    wanted = [_choose(catalog, subject, which) for which in (selection, keep)]
    groups = []
    for group in find_groups(catalog, subject):
        ids = {member.id for member in group.pictures}
        chosen, kept = (None if which is None else which & ids for which in wanted)
        if kept is None:
            if group.tier != "near" if chosen is None else chosen:
                groups.append(group)
        elif chosen != set() and (left := keep_of(group, kept)) is not None:
            groups.append(left)
    return resolve_groups(catalog, subject, groups)


def resolve_groups(catalog: Catalog, subject: Subject | str, groups: Iterable[DuplicateGroup]) -> Resolved:
    """Reject all but the best of groups that were found before, which takes over what people said of them.

    The best of their roles, stars and repeats, so that keeping another file than the one that was sorted loses nothing
    (see handover.py). One undo step. Nothing is compared again, so this is quick; raises UsageError when a picture has
    left the subject since.
    """
    kept: dict[int, list[int]] = {}
    losers: dict[int, str] = {}
    for group in groups:
        kept[group.best.id] = [member.id for member in group.pictures if member.id != group.best.id]
        losers |= dict.fromkeys(kept[group.best.id], f"duplicate of {group.best.name}")
    with catalog.read() as connection:
        owner = look_up(connection, subject)
    with catalog.journal("dupes.resolve", f"{owner.name}: reject {_count(losers, 'duplicate')}") as change:
        ids = choose_ids(change.connection, owner.id, sorted(losers))
        choose_ids(change.connection, owner.id, sorted(kept))
        handovers = hand_over(change, owner, kept)
        values = [{"role": "rejected", "reject_reason": losers[id_]} for id_ in ids]
        return Resolved(change.update(tables.membership, ids, values), handovers)


def leave_out(group: DuplicateGroup, ids: Collection[int]) -> DuplicateGroup | None:
    """The group without some of its pictures; None when fewer than two are left."""
    left = [member for member in group.pictures if member.id not in ids]
    return _make_group(left, group.tier, group.turned) if len(left) > 1 else None


def keep_of(group: DuplicateGroup, ids: Collection[int]) -> DuplicateGroup | None:
    """The group with the best of these as its best, and without the others of these, so that resolving it keeps them.

    None when that leaves nothing to reject, or none of these is in the group.
    """
    kept = [member for member in group.pictures if member.id in ids]
    left = [member for member in group.pictures if member.id not in ids]
    if not kept or not left:
        return None
    best, reasons = choose_best(kept, group.turned)
    return replace(group, pictures=(best, *left), best=best, reasons=reasons)


def read_version(catalog: Catalog, subject: Subject | str) -> int:
    """A number that changes when the groups of a subject may have: quick, where finding them may take seconds."""
    member, verdict = tables.membership.c, tables.verdict.c
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        pictures = select(member.id, member.role, member.rating, member.repeats).where(member.subject_id == owner.id)
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


def _choose(catalog: Catalog, subject: Subject | str, selection: Selection) -> set[int] | None:
    """The ids of a selection, None for an empty query."""
    if not isinstance(selection, str):
        return set(selection)
    return {member.id for member in _select(catalog, subject, selection)} if selection.strip() else None


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
    """Union-find over positions; a tree remembers its weakest link, and which positions are mirrored in it."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))
        self._tier: dict[int, Tier] = {}
        # Whether a position shows the mirror image of its parent.
        self._turned = [False] * count

    def together(self, one: int, other: int) -> bool:
        return self._root(one)[0] == self._root(other)[0]

    def join(self, one: int, other: int, tier: Tier, *, mirrored: bool) -> None:
        (a, one_turned), (b, other_turned) = self._root(one), self._root(other)
        if a == b:
            return
        tiers = [self._tier.get(a, "same_pixels"), self._tier.get(b, "same_pixels"), tier]
        self._parent[b] = a
        self._turned[b] = one_turned ^ other_turned ^ mirrored
        self._tier[a] = max(tiers, key=TIERS.index)

    def groups(self) -> list[tuple[list[int], Tier, list[int]]]:
        """The positions of each tree of several, its tier, and the positions that show the root mirrored."""
        members: dict[int, list[int]] = {}
        turned: dict[int, list[int]] = {}
        for position in range(len(self._parent)):
            root, is_turned = self._root(position)
            members.setdefault(root, []).append(position)
            if is_turned:
                turned.setdefault(root, []).append(position)
        return [
            (positions, self._tier[root], turned.get(root, []))
            for root, positions in members.items()
            if len(positions) > 1
        ]

    def _root(self, position: int) -> tuple[int, bool]:
        """The root of a position, and whether the position shows its mirror image."""
        turned = False
        while (parent := self._parent[position]) != position:
            self._turned[position] ^= self._turned[parent]
            self._parent[position] = self._parent[parent]
            turned ^= self._turned[position]
            position = self._parent[position]
        return position, turned


def _make_group(pictures: list[Membership], tier: Tier, turned: Collection[int]) -> DuplicateGroup:
    ids = {member.id for member in pictures}
    mirrored = frozenset(turned) & ids
    best, reasons = choose_best(pictures, mirrored)
    return DuplicateGroup(tier, tuple(pictures), best, reasons, mirrored if mirrored != ids else frozenset())


def _count(things: Sequence[object] | set[tuple[int, int]] | dict[int, str], noun: str) -> str:
    return f"{len(things)} {noun}{'s' * (len(things) != 1)}"
