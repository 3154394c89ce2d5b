"""What checks measured on pictures: kept by picture, check and model, in units of the check's limit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from loratui.catalog import tables
from loratui.catalog.flags import SUBJECT, is_answer_for
from loratui.catalog.query import as_values
from loratui.catalog.rows import Finding, to_row
from loratui.catalog.store import now
from loratui.catalog.subjects import look_up

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class Measured:
    """A picture, what was looked for, who looked, and how much of it there is: from 1 on it is worth a look."""

    picture_id: int
    kind: str
    model: str
    value: float
    detail: dict[str, Any] = field(default_factory=dict)


def store_findings(catalog: Catalog, measured: Sequence[Measured]) -> None:
    """Keep what was measured, in place of what the same check said before of the same pictures, by any model."""
    if not measured:
        return
    with catalog.write() as connection:
        _clear(connection, {one.kind for one in measured}, {one.picture_id for one in measured}, 0)
        _put(connection, measured, 0)


def replace_findings(
    catalog: Catalog,
    kinds: Collection[str],
    picture_ids: Sequence[int],
    measured: Sequence[Measured],
    *,
    subject_id: int = 0,
) -> None:
    """Keep what was measured as all that these checks have to say of these pictures.

    With `subject_id` it is said of them in that subject alone: what was said in others stays.
    """
    with catalog.write() as connection:
        _clear(connection, kinds, picture_ids, subject_id)
        _put(connection, measured, subject_id)


def list_known(catalog: Catalog, kind: str, model: str, picture_ids: Iterable[int]) -> dict[int, Finding]:
    """What a model said in a check of one kind, by picture id; pictures it has not seen are left out."""
    table = tables.finding
    chosen = select(table).where(
        table.c.kind == kind, table.c.model == model, table.c.picture_id.in_(as_values(picture_ids))
    )
    with catalog.read() as connection:
        found = (to_row(Finding, row) for row in connection.execute(chosen))
        return {one.picture_id: one for one in found}


def findings_of(catalog: Catalog, subject: Subject | str, kinds: Collection[str]) -> list[Finding]:
    """What checks of these kinds said of a subject's pictures, whether worth a look or not."""
    table, member = tables.finding, tables.membership.c
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        own = select(member.picture_id).where(member.subject_id == owner.id)
        chosen = select(table).where(
            table.c.kind.in_(list(kinds)), table.c.picture_id.in_(own), is_answer_for(owner.id)
        )
        found = (to_row(Finding, row) for row in connection.execute(chosen.order_by(table.c.picture_id, table.c.id)))
        return [replace(one, model=one.model.removesuffix(_mark(one.detail.get(SUBJECT, 0)))) for one in found]


def _mark(subject_id: int) -> str:
    """What is added to a model's id where it said something of pictures in one subject: each has a row of its own."""
    return f"#{subject_id}" if subject_id else ""


def _clear(connection: Connection, kinds: Collection[str], picture_ids: Iterable[int], subject_id: int) -> None:
    table = tables.finding
    connection.execute(
        table.delete().where(
            table.c.kind.in_(list(kinds)), table.c.picture_id.in_(as_values(picture_ids)), is_answer_for(subject_id)
        )
    )


def _put(connection: Connection, measured: Sequence[Measured], subject_id: int) -> None:
    at = now()
    # A picture may be in two subjects that are checked at the same time; and it may have been removed meanwhile.
    known = connection.execute(
        select(tables.picture.c.id).where(tables.picture.c.id.in_(as_values({one.picture_id for one in measured})))
    )
    there = set(known.scalars())
    made_for = {SUBJECT: subject_id} if subject_id else {}
    rows = [
        {"picture_id": one.picture_id, "kind": one.kind, "model": one.model + _mark(subject_id), "value": one.value}
        | {"detail": {**one.detail, **made_for}, "at": at}
        for one in measured
        if one.picture_id in there
    ]
    if rows:
        statement = insert(tables.finding)
        place = [tables.finding.c.picture_id, tables.finding.c.kind, tables.finding.c.model]
        newer = {name: statement.excluded[name] for name in ("value", "detail", "at")}
        connection.execute(statement.on_conflict_do_update(index_elements=place, set_=newer), rows)
