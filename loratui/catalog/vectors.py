"""The tag scores of many subjects' pictures at once, for comparing pictures by what taggers see in them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from loratui.catalog import tables
from loratui.catalog.query import as_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loratui.catalog.store import Catalog

TagRow = tuple[int, str, float]
"""(picture id, tag as the tagger spells it, score from 0 to 1)."""


def count_taggers(catalog: Catalog, picture_ids: Sequence[int]) -> dict[str, int]:
    """How many of some pictures each tagger has read, the busiest first."""
    known = tables.tagging.c
    chosen = select(known.tagger, func.count()).where(known.picture_id.in_(as_values(picture_ids)))
    with catalog.read() as connection:
        counted = connection.execute(chosen.group_by(known.tagger).order_by(func.count().desc(), func.max(known.id)))
        return {tagger: count for tagger, count in counted}


def taggers_of(catalog: Catalog, picture_ids: Sequence[int]) -> dict[int, str]:
    """The tagger whose scores count for each picture, the one asked last; those that none has read are left out."""
    known = tables.tagging.c
    chosen = select(known.picture_id, known.tagger).where(known.picture_id.in_(as_values(picture_ids)))
    with catalog.read() as connection:
        return {picture_id: tagger for picture_id, tagger in connection.execute(chosen.order_by(known.id))}


def list_pictures_of_subjects(catalog: Catalog, *, most: int) -> dict[str, list[int]]:
    """By subject, the ids of its memberships, rejected and lost pictures aside: the `most` newest of each."""
    member, subject, picture = tables.membership.c, tables.subject.c, tables.picture.c
    joined = tables.membership.join(tables.subject, subject.id == member.subject_id).join(
        tables.picture, picture.id == member.picture_id
    )
    chosen = select(subject.name, member.id).select_from(joined)
    chosen = chosen.where(picture.state == "ok", member.role != "rejected").order_by(member.id.desc())
    found: dict[str, list[int]] = defaultdict(list)
    with catalog.read() as connection:
        for name, id_ in connection.execute(chosen):
            if len(found[name]) < most:
                found[name].append(id_)
    return dict(found)


def list_read(catalog: Catalog, tagger: str, *, most: int) -> dict[str, list[int]]:
    """By subject, the ids of its pictures that a tagger has read, rejected ones aside: the `most` newest of each."""
    known, member, subject = tables.tagging.c, tables.membership.c, tables.subject.c
    joined = tables.membership.join(tables.subject, subject.id == member.subject_id).join(
        tables.tagging, known.picture_id == member.picture_id
    )
    chosen = select(subject.name, member.picture_id).select_from(joined)
    chosen = chosen.where(known.tagger == tagger, member.role != "rejected").order_by(member.id.desc())
    found: dict[str, list[int]] = defaultdict(list)
    with catalog.read() as connection:
        for name, picture_id in connection.execute(chosen):
            if len(found[name]) < most:
                found[name].append(picture_id)
    return dict(found)


def read_rows(catalog: Catalog, tagger: str, picture_ids: Iterable[int]) -> list[TagRow]:
    """What a tagger said of pictures, ratings aside, picture by picture."""
    score = tables.tag_score.c
    chosen = select(score.picture_id, score.tag, score.score).where(
        score.tagger == tagger, score.category != "rating", score.picture_id.in_(as_values(picture_ids))
    )
    with catalog.read() as connection:
        # From the driver's own cursor: there may be millions of rows.
        cursor = connection.execute(chosen.order_by(score.picture_id)).cursor
        return [tuple(row) for row in cursor.fetchall()] if cursor else []
