"""Roles, repeats, ratings and removal of pictures, and the balance between primary and supporting pictures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from loratui.catalog import tables
from loratui.catalog.query import Duplicates, Selection, as_values, choose_ids, repeats_of
from loratui.catalog.ratings import USED_ROLES, find_refused, refuse_pictures
from loratui.catalog.subjects import MAX_REPEATS, check_repeats, look_up
from loratui.catalog.vocabulary import ROLES, TRAINED
from loratui.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

AIM = 2.0
"""Primary pictures should weigh about twice what the supporting ones do."""

TOLERANCE = 0.1
"""A ratio this near to the aim, relative, is left alone."""

_PROPOSED = range(1, 11)


@dataclass(frozen=True, slots=True)
class Influence:
    """What a role weighs: `samples` is pictures x repeats, `share` its part of training (0 to 1)."""

    pictures: int
    samples: int
    share: float


@dataclass(frozen=True, slots=True)
class RoleCounts:
    """Pictures per role, of them those that follow the default repeats, and the samples of those that don't.

    `set_apart` counts training pictures with repeats of their own; `repeats` are the defaults (primary, supporting).
    """

    pictures: dict[str, int]
    following: dict[str, int]
    own: dict[str, int]
    set_apart: int
    repeats: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Balance:
    """The influence of each role, and the default repeats that would bring it near 2:1.

    `ratio` is None without supporting pictures. With `clears_own_repeats` the proposal works only if the
    pictures give up the repeats that were set on them one by one.
    """

    primary: int
    supporting: int
    ratio: float | None
    roles: dict[str, Influence]
    primary_repeats: int
    supporting_repeats: int
    proposed_primary_repeats: int
    proposed_supporting_repeats: int
    proposed_primary: int
    proposed_supporting: int
    proposed_ratio: float | None
    clears_own_repeats: bool

    @property
    def changes(self) -> bool:
        """Whether applying the proposal would change anything."""
        now = (self.primary_repeats, self.supporting_repeats)
        return self.clears_own_repeats or now != (self.proposed_primary_repeats, self.proposed_supporting_repeats)

    @property
    def is_off(self) -> bool:
        """Whether there is a ratio and it is too far from the aim."""
        return _misses(self.primary, self.supporting)


def set_role(
    catalog: Catalog,
    subject: Subject | str,
    role: str,
    selection: Selection,
    *,
    reason: str = "",
    duplicates: Duplicates | None = None,
) -> int:
    """Give the selected pictures a role; returns how many changed.

    A reason is kept with rejected pictures only. Raises UsageError for an unknown role or a wrong query, RefusedError
    when pictures that may not be used (see ratings) would get a role in training.
    """
    if role not in ROLES:
        raise UsageError(f"There is no role '{role}'.", hint=f"Roles: {', '.join(ROLES)}.")
    if reason and role != "rejected":
        raise UsageError("Only rejected pictures have a reason.", hint="Leave the reason out.")
    return _set(catalog, subject, selection, {"role": role, "reject_reason": reason}, f"role {role}", duplicates)


def assign_roles(
    catalog: Catalog, subject: Subject | str, roles: Mapping[int, tuple[str, str]], *, label: str = "roles"
) -> int:
    """Give pictures roles one by one, each id with the role it has and the one it gets, as one step; returns how many.

    Raises ConflictError when somebody gave one of them another role meanwhile, UsageError when one has gone, and
    RefusedError like set_role.
    """
    if unknown := sorted({role for pair in roles.values() for role in pair} - set(ROLES)):
        raise UsageError(f"There is no role '{unknown[0]}'.", hint=f"Roles: {', '.join(ROLES)}.")
    with catalog.read() as connection:
        owner = look_up(connection, subject)
    member = tables.membership.c
    with catalog.journal("membership.role", f"{owner.name}: {label}") as change:
        ids = choose_ids(change.connection, owner.id, sorted(roles))
        now = select(member.id, member.role, member.name).where(member.id.in_(as_values(ids)))
        for id_, role, name in change.connection.execute(now):
            if role != roles[id_][0]:
                raise ConflictError(
                    f"{name} is {role} by now, not {roles[id_][0]}.", hint="Ask for a new proposal: roles have changed."
                )
        used = [id_ for id_ in ids if roles[id_][1] in USED_ROLES]
        refuse_pictures(owner, find_refused(change.connection, owner, used), "given a role in training")
        changed = change.update(tables.membership, ids, [{"role": roles[id_][1]} for id_ in ids])
        change.label = f"{owner.name}: {label} for {_count(changed)}"
        return changed


def set_repeats(
    catalog: Catalog,
    subject: Subject | str,
    repeats: int | None,
    selection: Selection,
    *,
    duplicates: Duplicates | None = None,
) -> int:
    """Set repeats picture by picture, or with None return to the subject's default; returns how many changed."""
    if repeats is not None:
        check_repeats(repeats)
    label = "default repeats" if repeats is None else f"repeats {repeats}"
    return _set(catalog, subject, selection, {"repeats": repeats}, label, duplicates)


def shift_repeats(
    catalog: Catalog, subject: Subject | str, by: int, selection: Selection, *, duplicates: Duplicates | None = None
) -> int:
    """Add to the repeats of each selected picture, between 1 and the most there can be; returns how many changed.

    A picture that had the subject's default goes on from that, with a number of its own.
    """
    with catalog.read() as connection:
        owner = look_up(connection, subject)
    with catalog.journal("membership.repeats", f"{owner.name}: repeats {by:+}") as change:
        ids = choose_ids(change.connection, owner.id, selection, duplicates)
        before = zip(ids, repeats_of(change.connection, ids), strict=True)
        moved = {id_: new for id_, now in before if (new := min(max(now + by, 1), MAX_REPEATS)) != now}
        changed = change.update(tables.membership, list(moved), [{"repeats": new} for new in moved.values()])
        change.label = f"{owner.name}: repeats {by:+} for {_count(changed)}"
        return changed


def set_rating(
    catalog: Catalog,
    subject: Subject | str,
    rating: int,
    selection: Selection,
    *,
    duplicates: Duplicates | None = None,
) -> int:
    """Rate the selected pictures from 1 to 5, 0 for none; returns how many changed."""
    if not 0 <= rating <= 5:
        raise UsageError(f"Ratings go from 0 to 5, not {rating}.", hint="0 takes a rating away.")
    return _set(catalog, subject, selection, {"rating": rating}, f"rating {rating}", duplicates)


def remove_pictures(
    catalog: Catalog, subject: Subject | str, selection: Selection, *, duplicates: Duplicates | None = None
) -> int:
    """Take the selected pictures out of a subject, with what was said about them there; returns how many.

    The pictures themselves stay in the store: other subjects may use them, and undo needs them. Raises RefusedError
    when they have pictures of a person who withdrew their consent.
    """
    from loratui.catalog.consent import refuse_forgetting

    with catalog.read() as connection:
        owner = look_up(connection, subject)
    with catalog.journal("membership.remove", f"{owner.name}: remove pictures") as change:
        ids = choose_ids(change.connection, owner.id, selection, duplicates)
        refuse_forgetting(change.connection, owner, ids)
        removed = change.delete(tables.membership, ids)
        change.label = f"{owner.name}: remove {_count(removed)}"
        return removed


def balance(catalog: Catalog, subject: Subject | str) -> Balance:
    """Weigh the roles of a subject and propose default repeats from 1 to 10."""
    with catalog.read() as connection:
        return _weigh(connection, look_up(connection, subject))


def apply_balance(catalog: Catalog, subject: Subject | str) -> Balance:
    """Set the proposed repeats; returns the balance as it is then."""
    with catalog.read() as connection:
        owner = look_up(connection, subject)
    with catalog.journal("balance.apply", f"balance {owner.name}") as change:
        proposal = _weigh(change.connection, look_up(change.connection, owner))
        change.update(
            tables.subject,
            [owner.id],
            {
                "primary_repeats": proposal.proposed_primary_repeats,
                "supporting_repeats": proposal.proposed_supporting_repeats,
            },
        )
        if proposal.clears_own_repeats:
            member = tables.membership.c
            own = select(member.id).where(
                member.subject_id == owner.id, member.role.in_(TRAINED), member.repeats.is_not(None)
            )
            change.update(tables.membership, list(change.connection.execute(own).scalars()), {"repeats": None})
        return _weigh(change.connection, look_up(change.connection, owner))


def propose_repeats(
    primaries: int, supporting: int, current: tuple[int, int], *, own: tuple[int, int] = (0, 0)
) -> tuple[int, int]:
    """Default repeats (primary, supporting) that bring the ratio near 2:1 with the least change.

    `primaries` and `supporting` count pictures that follow the defaults, `own` is the influence of those
    that don't. Without pictures on both sides there is no ratio to aim at, and nothing changes.
    """
    if not (primaries or own[0]) or not (supporting or own[1]):
        return current

    def miss(repeats: tuple[int, int]) -> float:
        ratio = (primaries * repeats[0] + own[0]) / (supporting * repeats[1] + own[1])
        return abs(math.log(ratio / AIM))

    near_enough = math.log(1 + TOLERANCE)
    if miss(current) <= near_enough:
        return current

    def effort(repeats: tuple[int, int]) -> tuple[float, float, int]:
        moved = abs(repeats[0] - current[0]) + abs(repeats[1] - current[1])
        error = miss(repeats)
        return (0.0 if error <= near_enough else error, moved, sum(repeats))

    return min(((high, low) for high in _PROPOSED for low in _PROPOSED), key=lambda pair: (*effort(pair), miss(pair)))


def count_roles(catalog: Catalog, subject: Subject | str) -> RoleCounts:
    """Count the pictures of a subject by what `weigh_roles` needs to know of them."""
    with catalog.read() as connection:
        return _count_roles(connection, look_up(connection, subject))


def weigh_roles(found: RoleCounts, repeats: tuple[int, int] | None = None) -> Balance:
    """The balance with these default repeats (primary, supporting), or with the subject's own; computes only."""
    current = found.repeats if repeats is None else repeats
    defaults = dict(zip(TRAINED, current, strict=True))
    samples = {
        role: found.own[role] + found.following[role] * defaults[role] if role in defaults else 0 for role in ROLES
    }
    following = (found.following["primary"], found.following["supporting"])
    kept = (found.own["primary"], found.own["supporting"])
    proposal = propose_repeats(*following, current, own=kept)
    primary, supporting = (kept[at] + following[at] * proposal[at] for at in range(2))
    cleared = False
    if any(kept) and _misses(primary, supporting):
        counts = (found.pictures["primary"], found.pictures["supporting"])
        all_over = propose_repeats(*counts, current)
        fresh = (counts[0] * all_over[0], counts[1] * all_over[1])
        if abs(math.log(fresh[0] / fresh[1] / AIM)) < abs(math.log(primary / supporting / AIM)):
            proposal, (primary, supporting), cleared = all_over, fresh, True
    total = sum(samples.values())
    return Balance(
        primary=samples["primary"],
        supporting=samples["supporting"],
        ratio=_divide(samples["primary"], samples["supporting"]),
        roles={
            role: Influence(found.pictures[role], samples[role], samples[role] / total if total else 0.0)
            for role in ROLES
        },
        primary_repeats=current[0],
        supporting_repeats=current[1],
        proposed_primary_repeats=proposal[0],
        proposed_supporting_repeats=proposal[1],
        proposed_primary=primary,
        proposed_supporting=supporting,
        proposed_ratio=_divide(primary, supporting),
        clears_own_repeats=cleared,
    )


def _weigh(connection: Connection, owner: Subject) -> Balance:
    return weigh_roles(_count_roles(connection, owner))


def _count_roles(connection: Connection, owner: Subject) -> RoleCounts:
    kept = tables.membership_count.c
    counts, following, own = (dict.fromkeys(ROLES, 0) for _ in range(3))
    set_apart = 0
    found = select(kept.role, kept.repeats, kept.count).where(kept.subject_id == owner.id)
    for role, repeats, count in connection.execute(found):
        counts[role] += count
        if not repeats:
            following[role] += count
        else:
            own[role] += count * repeats
            set_apart += count if role in TRAINED else 0
    return RoleCounts(counts, following, own, set_apart, (owner.primary_repeats, owner.supporting_repeats))


def _misses(primary: int, supporting: int) -> bool:
    return primary > 0 and supporting > 0 and abs(math.log(primary / supporting / AIM)) > math.log(1 + TOLERANCE)


def _divide(primary: int, supporting: int) -> float | None:
    return primary / supporting if supporting else None


def _set(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    values: dict[str, Any],
    label: str,
    duplicates: Duplicates | None,
) -> int:
    with catalog.read() as connection:
        owner = look_up(connection, subject)
    action = f"membership.{next(iter(values))}"
    with catalog.journal(action, f"{owner.name}: {label}") as change:
        ids = choose_ids(change.connection, owner.id, selection, duplicates)
        if values.get("role") in USED_ROLES:
            refuse_pictures(owner, find_refused(change.connection, owner, ids), f"given the {label}")
        changed = change.update(tables.membership, ids, values)
        change.label = f"{owner.name}: {label} for {_count(changed)}"
        return changed


def _count(pictures: int) -> str:
    return f"{pictures} picture{'s' * (pictures != 1)}"
