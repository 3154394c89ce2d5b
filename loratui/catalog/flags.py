"""What taggers' ratings and checks say of a picture, as conditions of a query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, case, func, not_, or_, select, union_all

from loratui.catalog import tables
from loratui.catalog.vocabulary import RATINGS, SEXUAL

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, CompoundSelect, Label

SUBJECT = "subject_id"
"""Where a finding's detail has the subject that it was made for, when it does not hold for the picture anywhere."""

FLAGGED_FROM = 1.0
"""Checks measure in units of their limit: from here on a picture is worth a look."""


def is_flagged(picture_id: ColumnElement[int], subject_id: ColumnElement[int], kind: str) -> ColumnElement[bool]:
    """Whether a check of this kind found a picture worth a look, in this subject or wherever it is."""
    finding = tables.finding.c
    found = select(finding.id).where(
        finding.picture_id == picture_id,
        finding.kind == kind,
        finding.value >= FLAGGED_FROM,
        is_answer_for(subject_id),
    )
    return found.exists()


def is_answer_for(subject_id: ColumnElement[int] | int) -> ColumnElement[bool]:
    """Whether a finding holds for a picture in this subject: it was made for it, or for the picture anywhere."""
    made_for = tables.finding.c.detail[SUBJECT].as_integer()
    return or_(made_for.is_(None), made_for == subject_id)


def is_rated(picture_id: ColumnElement[int], rating: str) -> ColumnElement[bool]:
    """Whether this is the gravest that taggers and people say of a picture; `none` when they say nothing."""
    if rating == "none":
        return not_(or_(*(_is_said(picture_id, name) for name in RATINGS)))
    graver = RATINGS[RATINGS.index(rating) + 1 :]
    return and_(_is_said(picture_id, rating), *(not_(_is_said(picture_id, name)) for name in graver))


def _is_said(picture_id: ColumnElement[int], rating: str) -> ColumnElement[bool]:
    """Whether a tagger scored this rating highest, of equals the gravest, or a person's tags or captions say it."""
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
    if rating not in SEXUAL:
        return scored.exists()
    said = list_said_ratings().subquery()
    given = select(said.c.picture_id).where(said.c.picture_id == picture_id, said.c.rating == rating)
    return or_(scored.exists(), given.exists())


def list_said_ratings() -> CompoundSelect[tuple[int, str]]:
    """Rows of `picture_id` and `rating` for each text about a picture that says a sexual one, in any subject.

    Texts are tags that a person or a caption file gave, captions written whole, and what captioners wrote.
    """
    member, edit, sentence = tables.membership.alias(), tables.tag_edit, tables.sentence
    tags = (
        select(member.c.picture_id, _said_in(edit.c.tag))
        .join_from(member, edit, edit.c.membership_id == member.c.id)
        .where(edit.c.present, _said_in(edit.c.tag) != "")
    )
    captions = select(member.c.picture_id, _said_in(member.c.caption)).where(_said_in(member.c.caption) != "")
    sentences = (
        select(member.c.picture_id, _said_in(sentence.c.text))
        .join_from(member, sentence, sentence.c.membership_id == member.c.id)
        .where(_said_in(sentence.c.text) != "")
    )
    return union_all(tags, captions, sentences)


def _said_in(text: ColumnElement[str]) -> Label[str]:
    return case((func.coalesce(text, "") != "", func.said_rating(text)), else_="").label("rating")
