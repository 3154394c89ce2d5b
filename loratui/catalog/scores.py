"""Which tagger scored which picture, and whose scores count where several have: those of the one asked last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from loratui.catalog import tables
from loratui.catalog.query import as_values
from loratui.catalog.store import now

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from loratui.catalog.store import Catalog

_known = tables.tagging


def list_tagged_by(catalog: Catalog, tagger: str, picture_ids: Sequence[int]) -> set[int]:
    """Those of the pictures that the tagger has scored."""
    chosen = select(_known.c.picture_id).where(
        _known.c.tagger == tagger, _known.c.picture_id.in_(as_values(picture_ids))
    )
    with catalog.read() as connection:
        return set(connection.execute(chosen).scalars())


def list_other_taggers(catalog: Catalog, tagger: str, picture_ids: Sequence[int]) -> list[str]:
    """The other taggers that have scored any of the pictures, the one asked last first."""
    others = select(_known.c.tagger).where(_known.c.tagger != tagger, _known.c.picture_id.in_(as_values(picture_ids)))
    with catalog.read() as connection:
        return list(
            connection.execute(others.group_by(_known.c.tagger).order_by(func.max(_known.c.id).desc())).scalars()
        )


def let_count(catalog: Catalog, tagger: str, picture_ids: Sequence[int]) -> int:
    """Have the tagger's scores count again for pictures that another scored since; returns for how many."""
    with catalog.write() as connection:
        counting = select(_known.c.picture_id, _known.c.tagger, func.max(_known.c.id)).group_by(_known.c.picture_id)
        newest = counting.where(_known.c.picture_id.in_(as_values(picture_ids)))
        others = [id_ for id_, other, _ in connection.execute(newest) if other != tagger]
        mark_tagged(connection, tagger, others)
        return len(others)


def mark_tagged(connection: Connection, tagger: str, picture_ids: Iterable[int]) -> None:
    """Note that the tagger has scored these pictures, and that its scores count from now on."""
    chosen = list(picture_ids)
    # A new row each time: that of the highest id counts, and stamps look at the last id.
    connection.execute(_known.delete().where(_known.c.tagger == tagger, _known.c.picture_id.in_(as_values(chosen))))
    if chosen:
        at = now()
        connection.execute(insert(_known), [{"picture_id": id_, "tagger": tagger, "at": at} for id_ in chosen])
