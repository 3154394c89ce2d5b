"""Captions that came with the pictures, stored as a person's edits: one undo step, and never over their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from loratui.catalog import tables
from loratui.catalog.query import tag_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class StoredCaptions:
    """Memberships whose edits changed, and those where other words of a person were kept instead."""

    changed: frozenset[int]
    kept: frozenset[int]


def store_captions(
    catalog: Catalog, subject: Subject, *, texts: Mapping[int, str], tags: Mapping[int, Sequence[str]]
) -> StoredCaptions:
    """Store full texts and tags by membership id.

    A text goes only where there is none; a tag only where the person has said nothing about it. Doing it twice
    changes nothing.
    """
    label = f"captions of {subject.name} from sidecars"
    with catalog.journal("import captions", label) as change:
        membership, edit = tables.membership, tables.tag_edit
        present = {
            row.id: row.caption
            for row in change.connection.execute(
                select(membership.c.id, membership.c.caption).where(membership.c.subject_id == subject.id)
            )
        }
        empty = [id_ for id_ in texts if id_ in present and not present[id_]]
        change.update(membership, empty, [{"caption": texts[id_]} for id_ in empty])

        known: dict[int, set[str]] = {}
        last: dict[int, int] = {}
        statement = select(edit.c.membership_id, edit.c.tag, edit.c.position).join(
            membership, membership.c.id == edit.c.membership_id
        )
        for row in change.connection.execute(statement.where(membership.c.subject_id == subject.id)):
            known.setdefault(row.membership_id, set()).add(tag_key(row.tag))
            last[row.membership_id] = max(last.get(row.membership_id, -1), row.position)
        rows = []
        for id_ in sorted(present.keys() & tags.keys()):
            spoken_of = known.get(id_, set())
            new: dict[str, str] = {}
            for tag in tags[id_]:
                if (key := tag_key(tag)) not in spoken_of:
                    # A tag that is written twice stands where it was written first.
                    new.setdefault(key, tag)
            for position, tag in enumerate(new.values(), start=last.get(id_, -1) + 1):
                rows.append({"membership_id": id_, "tag": tag, "present": True, "position": position})
        change.insert(edit, rows)
    return StoredCaptions(
        changed=frozenset(empty) | {int(row["membership_id"]) for row in rows},
        kept=frozenset(id_ for id_ in texts if present.get(id_) and present[id_] != texts[id_]),
    )
