"""What captioners wrote about the pictures of a subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

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


class SentenceKeeper:
    """Keeps what a captioner writes in the course of one job, as one action that undo takes back."""

    def __init__(self, catalog: Catalog, name: str, captioner: str, prompt: str) -> None:
        """Nothing is written yet; `name` is what history calls the pictures' subject."""
        self._catalog, self._name, self._captioner, self._prompt = catalog, name, captioner, prompt
        self._entry = self._count = 0

    def keep(self, texts: Mapping[int, str]) -> None:
        """Store sentences by membership id in place of what was there; for memberships gone, nothing."""
        sentence, member = tables.sentence, tables.membership.c
        with self._catalog.journal("describe", "", onto=self._entry) as change:
            there = change.connection.execute(select(member.id).where(member.id.in_(as_values(texts)))).scalars().all()
            known = select(sentence.c.membership_id, sentence.c.id).where(
                sentence.c.membership_id.in_(as_values(there))
            )
            ids = {owner: id_ for owner, id_ in change.connection.execute(known)}
            written = {"captioner": self._captioner, "prompt": self._prompt, "at": now()}
            old, new = [id_ for id_ in there if id_ in ids], [id_ for id_ in there if id_ not in ids]
            by_row = {ids[id_]: {**written, "text": texts[id_]} for id_ in old}
            change.update(sentence, sorted(by_row), [by_row[row] for row in sorted(by_row)])
            change.insert(sentence, [{"membership_id": id_, **written, "text": texts[id_]} for id_ in new])
            self._count = len(there) + (self._count if change.entry else 0)
            said = "1 sentence" if self._count == 1 else f"{self._count} sentences"
            change.label = f"{self._name}: {said} by {self._captioner}"[:200]
        self._entry = change.entry
