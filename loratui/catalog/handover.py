"""What people said of rejected duplicates goes on with the picture that is kept for them: role, stars and repeats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from loratui.catalog import tables
from loratui.catalog.merits import ROLE_RANK
from loratui.catalog.query import as_values
from loratui.catalog.ratings import USED_ROLES, find_refused

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from loratui.catalog.changes import Change
    from loratui.catalog.rows import Subject


@dataclass(frozen=True, slots=True)
class Handover:
    """What a kept picture takes over from those rejected for it; None for what it had already."""

    id: int
    name: str
    sha256: str
    role: str | None
    rating: int | None
    repeats: int | None

    @property
    def words(self) -> str:
        """For people: `primary, 5 stars, x6`."""
        stars = "" if self.rating is None else f"{self.rating} star{'s' * (self.rating != 1)}"
        return ", ".join(filter(None, (self.role, stars, "" if self.repeats is None else f"x{self.repeats}")))


@dataclass(frozen=True, slots=True)
class Resolved:
    """How many duplicates were rejected, and what the pictures kept for them took over."""

    rejected: int
    handovers: tuple[Handover, ...] = ()


def hand_over(change: Change, subject: Subject, kept: Mapping[int, Collection[int]]) -> tuple[Handover, ...]:
    """Give kept pictures the best of what those rejected for them have; call it before these lose their roles.

    `kept` has the ids of the rejected ones by the id of the kept one. The weightiest role, the most stars and the most
    repeats count, of repeats only numbers set on a picture and the default of that role. A picture that may not be used
    gets no role in training.
    """
    member, picture = tables.membership.c, tables.picture.c
    columns = (member.id, member.name, member.role, member.rating, member.repeats, picture.sha256)
    among = as_values({*kept, *(id_ for ids in kept.values() for id_ in ids)})
    found = select(*columns).join(tables.picture, picture.id == member.picture_id).where(member.id.in_(among))
    rows = {row.id: row for row in change.connection.execute(found)}
    roles = {id_: _best_role(rows[one].role for one in (id_, *ids)) for id_, ids in kept.items()}
    raised = [id_ for id_, role in roles.items() if role != rows[id_].role and role in USED_ROLES]
    if raised:
        refused = [each.membership.id for each in find_refused(change.connection, subject, raised)]
        roles |= {id_: rows[id_].role for id_ in refused}
    defaults = {"primary": subject.primary_repeats, "supporting": subject.supporting_repeats}
    given: list[Handover] = []
    values: list[dict[str, Any]] = []
    for id_, ids in kept.items():
        own, role = rows[id_], roles[id_]
        group = [own, *(rows[one] for one in ids)]
        rating = max(row.rating for row in group)
        default, before = defaults.get(role, 1), own.repeats or defaults.get(own.role, 1)
        most = max((row.repeats or default for row in group if row.repeats or row.role == role), default=default)
        repeats = own.repeats if (own.repeats or default) >= most else None if most == default else most
        if (role, rating, repeats) == (own.role, own.rating, own.repeats):
            continue
        values.append({"role": role, "reject_reason": "", "rating": rating, "repeats": repeats})
        now = repeats or default
        given.append(
            Handover(
                id=id_,
                name=own.name,
                sha256=own.sha256,
                role=role if role != own.role else None,
                rating=rating if rating != own.rating else None,
                repeats=now if now != before else None,
            )
        )
    change.update(tables.membership, [one.id for one in given], values)
    return tuple(given)


def _best_role(roles: Iterable[str]) -> str:
    return max(roles, key=ROLE_RANK.__getitem__)
