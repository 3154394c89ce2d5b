"""Frozen datasets, stored once under the hash of their content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from loratui.catalog import tables
from loratui.catalog.rows import Snapshot, to_row
from loratui.catalog.store import now
from loratui.errors import NotFoundError

if TYPE_CHECKING:
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

_SHORTEST = 6


def save_snapshot(catalog: Catalog, subject_id: int, hash: str, content: str, pictures: int) -> Snapshot:
    """Keep a dataset's canonical JSON; the same hash is stored once and its first row returned ever after."""
    table = tables.snapshot
    with catalog.write() as connection:
        statement = select(table).where(table.c.hash == hash)
        if (row := connection.execute(statement).one_or_none()) is None:
            values = {"hash": hash, "subject_id": subject_id, "content": content, "pictures": pictures}
            connection.execute(insert(table).values(**values, created_at=now()))
            row = connection.execute(statement).one()
        return to_row(Snapshot, row)


def get_snapshot(catalog: Catalog, key: int | str) -> Snapshot:
    """A snapshot by its id, its hash or the start of one; NotFoundError when none or several match."""
    table = tables.snapshot
    if isinstance(key, int):
        wanted = table.c.id == key
    elif len(key) >= _SHORTEST:
        wanted = table.c.hash.startswith(key, autoescape=True)
    else:
        wanted = table.c.hash == key
    with catalog.read() as connection:
        rows = connection.execute(select(table).where(wanted).limit(2)).all()
    if len(rows) != 1:
        raise NotFoundError(
            f"{'Several snapshots start with' if rows else 'There is no snapshot'} {key!r}.",
            hint=f"Give at least {_SHORTEST} letters of the hash.",
        )
    return to_row(Snapshot, rows[0])


def list_snapshots(catalog: Catalog, subject: Subject) -> list[Snapshot]:
    """The snapshots of a subject, newest first."""
    table = tables.snapshot
    statement = select(table).where(table.c.subject_id == subject.id).order_by(table.c.id.desc())
    with catalog.read() as connection:
        return [to_row(Snapshot, row) for row in connection.execute(statement)]
