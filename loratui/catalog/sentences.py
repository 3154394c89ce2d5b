"""What captioners wrote about the pictures of a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select

from loratui.catalog import tables
from loratui.catalog.query import as_values
from loratui.catalog.rows import Sentence
from loratui.catalog.store import now
from loratui.catalog.subjects import look_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

_COLUMNS = tuple(tables.sentence.c[name] for name in Sentence.__slots__)


def sentences_of(catalog: Catalog, subject: Subject | str, *, ids: Sequence[int] | None = None) -> dict[int, Sentence]:
    """Sentences by membership id, of these memberships or of all; those without one are left out."""
    sentence, member = tables.sentence.c, tables.membership.c
    with catalog.read() as connection:
        joined = tables.sentence.join(tables.membership, member.id == sentence.membership_id)
        chosen = select(*_COLUMNS).select_from(joined).where(member.subject_id == look_up(connection, subject).id)
        if ids is not None:
            chosen = chosen.where(sentence.membership_id.in_(as_values(ids)))
        return {row.membership_id: Sentence(*row) for row in connection.execute(chosen)}


def store_sentences(catalog: Catalog, captioner: str, prompt: str, texts: Mapping[int, str]) -> None:
    """Keep what a captioner wrote, by membership id, in place of what was there; for memberships gone, nothing.

    Undo knows nothing of it, as of a tagger's scores: a person's own caption wins anyway.
    """
    sentence, member = tables.sentence, tables.membership.c
    with catalog.write() as connection:
        there = connection.execute(select(member.id).where(member.id.in_(as_values(texts)))).scalars().all()
        connection.execute(delete(sentence).where(sentence.c.membership_id.in_(as_values(there))))
        at = now()
        rows = [
            {"membership_id": id_, "captioner": captioner, "prompt": prompt, "text": texts[id_], "at": at}
            for id_ in there
        ]
        if rows:
            connection.execute(insert(sentence), rows)
