"""What hangs on a subject, and goes out of sight with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from loratui.catalog import tables
from loratui.catalog.subjects import look_up

if TYPE_CHECKING:
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class Belongings:
    """How much of each kind there is."""

    pictures: int
    trainings: int
    sheets: int
    consent: bool

    def describe(self, *, pictures: bool = True) -> str:
        """What there is in words; empty for nothing."""
        counted = [(self.trainings, "training"), (self.sheets, "sheet")]
        if pictures:
            counted.insert(0, (self.pictures, "picture"))
        parts = [f"{number:,} {noun}{'s' * (number != 1)}" for number, noun in counted if number]
        parts += ["the record of consent"] * self.consent
        return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def count_belongings(catalog: Catalog, subject: Subject | str) -> Belongings:
    """What goes out of sight when a subject is removed, and comes back when that is undone; raises NotFoundError."""
    member, run, sheet = tables.membership.c, tables.run.c, tables.sheet.c
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        own = select(run.id).where(run.subject_id == owner.id)
        pictures, trainings, sheets = (
            int(connection.execute(query).scalar_one())
            for query in (
                select(func.count(member.id)).where(member.subject_id == owner.id),
                select(func.count()).select_from(own.subquery()),
                select(func.count(sheet.id)).where(sheet.run_id.in_(own)),
            )
        )
    return Belongings(pictures, trainings, sheets, bool(owner.consent))
