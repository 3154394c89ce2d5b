"""Consent follows a picture: what a person without it has is used for nobody, whichever other subject has it too.

Rejected in that person's subject, it is theirs all the same, as it is for ratings: else a role would be a way around.
What was never of them is taken out there (`picture remove`).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from loratui.catalog import tables
from loratui.catalog.query import as_values
from loratui.catalog.ratings import USED_ROLES
from loratui.catalog.rows import Subject, to_row
from loratui.catalog.subjects import has_consent, look_up, require_consent, tell_consent, tell_lack
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from loratui.catalog.store import Catalog

_NAMED = 5
"""So many pictures are named in an error; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """A picture that may not be used in a subject, because other persons have it who have not agreed (any longer)."""

    name: str
    sha256: str
    persons: tuple[Subject, ...]

    @property
    def why(self) -> str:
        """The reason in one line."""
        return "; ".join(f"{each.name} is a person who has it too, and {tell_lack(each)}" for each in self.persons)


def require_consents(catalog: Catalog, subject: Subject) -> None:
    """Raise RefusedError for a person who has not agreed, and for a subject with pictures of other such persons.

    Of its pictures those count that a training reads.
    """
    with catalog.read() as connection:
        owner = look_up(connection, subject)
    require_consent(owner)
    refuse_withheld(owner, list_withheld(catalog, owner))


def list_withheld(catalog: Catalog, subject: Subject) -> list[Withheld]:
    """The pictures that a training of a subject would read, and that other persons without consent have too."""
    own, held, picture = tables.membership.c, tables.membership.alias("held"), tables.picture.c
    with catalog.read() as connection:
        persons = _find_persons(connection, but=subject)
        if not persons:
            return []
        chosen = select(own.name, picture.sha256, held.c.subject_id).select_from(
            tables.membership.join(held, held.c.picture_id == own.picture_id).join(
                # Of `held`, not of `own`: few pictures get as far as that.
                tables.picture,
                picture.id == held.c.picture_id,
            )
        )
        rows = connection.execute(
            chosen.where(
                own.subject_id == subject.id, own.role.in_(USED_ROLES), held.c.subject_id.in_(as_values(persons))
            ).order_by(own.id, held.c.subject_id)
        )
        return _collect(rows.all(), persons)


def list_withheld_hashes(catalog: Catalog, subject: Subject, names: Mapping[str, str]) -> list[Withheld]:
    """Like `list_withheld`, of a frozen dataset: the names of its pictures by sha256."""
    held, picture = tables.membership.c, tables.picture.c
    with catalog.read() as connection:
        persons = _find_persons(connection, but=subject)
        if not persons:
            return []
        chosen = select(picture.sha256, held.subject_id).join_from(
            tables.picture, tables.membership, held.picture_id == picture.id
        )
        rows = connection.execute(
            chosen.where(picture.sha256.in_(as_values(names)), held.subject_id.in_(as_values(persons))).order_by(
                picture.id, held.subject_id
            )
        )
        return _collect([(names[sha256], sha256, person) for sha256, person in rows], persons)


def refuse_withheld(subject: Subject, withheld: Sequence[Withheld], run: str = "") -> None:
    """Raise RefusedError naming pictures that wait for somebody's consent; nothing happens when there are none.

    `run` is the name of the run that was made of them; without one they are those that a new one would read.
    """
    if not withheld:
        return
    named = "; ".join(f"{each.name} ({each.why})" for each in withheld[:_NAMED])
    more = f" and {len(withheld) - _NAMED} more" if len(withheld) > _NAMED else ""
    count = "1 picture" if len(withheld) == 1 else f"{len(withheld)} pictures"
    made = f"{run} was made of {count} that can't be used" if run else f"{count} of {subject.name} can't be used"
    persons = {person.id: person for each in withheld for person in each.persons}.values()
    query = " OR ".join(f"sha:{each.sha256[:12]}" for each in withheld)
    reject = f"`loratui role set {shlex.quote(subject.name)} rejected {shlex.quote(query)}`"
    raise RefusedError(
        f"{made}: {named}{more}.",
        hint=f"Record who agreed to what: {' and '.join(tell_consent(person) for person in persons)}. "
        f"Or reject {'it' if len(withheld) == 1 else 'them'}{', then start a new training' if run else ''}: {reject}.",
        detail={"unfit": [{"name": each.name, "sha256": each.sha256, "why": each.why} for each in withheld]},
    )


def refuse_forgetting(connection: Connection, person: Subject, ids: Sequence[int] | None = None) -> None:
    """Raise RefusedError when a withdrawn consent would be forgotten for pictures that other subjects have, too.

    `ids` are memberships that are to be removed from the person's subject; all of it when left out.
    """
    if person.kind != "person" or not person.consent or has_consent(person):
        return
    own, other, picture = tables.membership.c, tables.membership.alias("other"), tables.picture.c
    chosen = (
        select(tables.subject.c.name, picture.sha256)
        .select_from(
            tables.membership.join(other, other.c.picture_id == own.picture_id)
            .join(tables.subject, tables.subject.c.id == other.c.subject_id)
            .join(tables.picture, picture.id == own.picture_id)
        )
        .where(own.subject_id == person.id, other.c.subject_id != person.id)
        .order_by(tables.subject.c.name, own.id)
    )
    rows = connection.execute(chosen if ids is None else chosen.where(own.id.in_(as_values(ids)))).all()
    if not rows:
        return
    held: dict[str, list[str]] = {}
    for name, sha256 in rows:
        held.setdefault(name, []).append(f"sha:{sha256[:12]}")
    named = " and ".join(f"{name} ({len(hashes)})" for name, hashes in held.items())
    commands = (
        f"`loratui picture remove {shlex.quote(name)} {shlex.quote(' OR '.join(hashes))}`"
        for name, hashes in held.items()
    )
    raise RefusedError(
        f"{person.name} has withdrawn consent to pictures that are in other subjects, too: {named}. "
        f"Removed from {person.name}, they could be used there again.",
        hint=f"Take them out there first: {'; '.join(commands)}.",
    )


def warn_of_lacking(catalog: Catalog, subject: Subject, others: Collection[str]) -> list[str]:
    """That pictures which came into a subject wait for consent: its own, and that of `others` who have them too."""
    table = tables.subject
    wanted = [subject.name, *others]
    with catalog.read() as connection:
        chosen = select(table).where(table.c.kind == "person", table.c.name.in_(as_values(wanted)))
        found = [to_row(Subject, row) for row in connection.execute(chosen.order_by(table.c.id))]
    return [
        f"'{person.name}' is a person{'' if person.id == subject.id else ' who has some of these pictures too'}, and "
        f"{tell_lack(person)}: such pictures are not trained nor exported until {tell_consent(person)}."
        for person in found
        if not has_consent(person)
    ]


def _find_persons(connection: Connection, *, but: Subject) -> dict[int, Subject]:
    """The other persons who have not agreed (any longer), by id."""
    table = tables.subject
    chosen = select(table).where(table.c.kind == "person", table.c.id != but.id).order_by(table.c.id)
    persons = (to_row(Subject, row) for row in connection.execute(chosen))
    return {person.id: person for person in persons if not has_consent(person)}


def _collect(rows: Sequence[Any], persons: Mapping[int, Subject]) -> list[Withheld]:
    """Pictures with their persons, from a row of name, hash and person for each two."""
    found: dict[str, tuple[str, list[Subject]]] = {}
    for name, sha256, person in rows:
        found.setdefault(sha256, (name, []))[1].append(persons[person])
    return [Withheld(name, sha256, tuple(of)) for sha256, (name, of) in found.items()]
