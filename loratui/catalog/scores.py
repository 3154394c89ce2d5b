"""Which tagger scored which picture, and whose scores count where several have: those of the one asked last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select

from loratui.catalog import tables
from loratui.catalog.query import as_values
from loratui.catalog.store import now
from loratui.catalog.subjects import look_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

_known = tables.tagging


def list_tagged_by(
    catalog: Catalog, tagger: str, picture_ids: Sequence[int], *, since: datetime | None = None
) -> set[int]:
    """Those of the pictures that the tagger has scored, at this moment or later when one is given."""
    chosen = select(_known.c.picture_id).where(
        _known.c.tagger == tagger, _known.c.picture_id.in_(as_values(picture_ids))
    )
    if since is not None:
        chosen = chosen.where(_known.c.at >= since)
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
        scored = select(_known.c.picture_id, _known.c.at).where(
            _known.c.tagger == tagger, _known.c.picture_id.in_(as_values(others))
        )
        # When it scored them stays what it was.
        _mark(connection, tagger, {id_: at for id_, at in connection.execute(scored)})
        return len(others)


def count_counting(catalog: Catalog, subject: Subject | str) -> dict[str, int]:
    """For how many pictures of a subject, rejected ones aside, each tagger's scores count.

    The tagger asked last comes first; under the empty name are those that none has scored.
    """
    member = tables.membership.c
    with catalog.read() as connection:
        # SQLite gives the other columns of the row with the maximum.
        newest = (
            select(_known.c.tagger, func.max(_known.c.id).label("newest"))
            .select_from(tables.membership.outerjoin(_known, _known.c.picture_id == member.picture_id))
            .where(member.subject_id == look_up(connection, subject).id, member.role != "rejected")
            .group_by(member.id)
            .subquery()
        )
        counted = select(func.coalesce(newest.c.tagger, ""), func.count()).group_by(newest.c.tagger)
        return {
            tagger: count for tagger, count in connection.execute(counted.order_by(func.max(newest.c.newest).desc()))
        }


def mark_tagged(connection: Connection, tagger: str, picture_ids: Iterable[int]) -> None:
    """Note that the tagger has scored these pictures now, and that its scores count from now on."""
    _mark(connection, tagger, dict.fromkeys(picture_ids, now()))


def _mark(connection: Connection, tagger: str, moments: Mapping[int, datetime]) -> None:
    # A new row each time: that of the highest id counts, and stamps look at the last id.
    connection.execute(_known.delete().where(_known.c.tagger == tagger, _known.c.picture_id.in_(as_values(moments))))
    if moments:
        connection.execute(
            insert(_known), [{"picture_id": id_, "tagger": tagger, "at": at} for id_, at in moments.items()]
        )
