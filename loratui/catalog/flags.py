"""What taggers' ratings and checks say of a picture, as conditions of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, not_, or_, select

from loratui.catalog import tables
from loratui.catalog.vocabulary import RATINGS, SAID_RATINGS

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

FLAGGED_FROM = 1.0
"""Checks measure in units of their limit: from here on a picture is worth a look."""


def is_flagged(picture_id: ColumnElement[int], kind: str) -> ColumnElement[bool]:
    """Whether a check of this kind found a picture worth a look."""
    finding = tables.finding.c
    found = select(finding.picture_id).where(finding.kind == kind, finding.value >= FLAGGED_FROM)
    return picture_id.in_(found)


def is_rated(picture_id: ColumnElement[int], rating: str) -> ColumnElement[bool]:
    """Whether this is the gravest that taggers and people say of a picture; `none` when they say nothing."""
    if rating == "none":
        return not_(or_(*(_is_said(picture_id, name) for name in RATINGS)))
    graver = RATINGS[RATINGS.index(rating) + 1 :]
    return and_(_is_said(picture_id, rating), *(not_(_is_said(picture_id, name)) for name in graver))


def _is_said(picture_id: ColumnElement[int], rating: str) -> ColumnElement[bool]:
    """Whether a tagger scored this rating highest, of equals the gravest, or a person gave it as a tag."""
    one, other = tables.tag_score.alias(), tables.tag_score.alias()
    graver = RATINGS[RATINGS.index(rating) + 1 :]
    beaten = select(other.c.id).where(
        other.c.picture_id == one.c.picture_id,
        other.c.tagger == one.c.tagger,
        other.c.category == "rating",
        other.c.tag.in_(RATINGS),
        or_(other.c.score > one.c.score, and_(other.c.tag.in_(graver), other.c.score == one.c.score)),
    )
    scored = select(one.c.id).where(
        one.c.picture_id == picture_id, one.c.tag == rating, one.c.category == "rating", not_(beaten.exists())
    )
    forms = [form for form, name in SAID_RATINGS.items() if name == rating]
    if not forms:
        return scored.exists()
    member, edit = tables.membership.alias().c, tables.tag_edit.c
    given = select(edit.id).where(
        edit.membership_id == member.id, member.picture_id == picture_id, edit.present, edit.tag.in_(forms)
    )
    return or_(scored.exists(), given.exists())
