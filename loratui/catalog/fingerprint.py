"""Whether anything has changed that decides about what may be used: asked again and again, so it costs next to nothing.

The data version of a library changes with every step that a trainer tells of; this does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from loratui.catalog import tables

if TYPE_CHECKING:
    from loratui.catalog.store import Catalog

# Long jobs go on with the journal entry they began: what they add shows in their own tables.
_COUNTED = (tables.journal, tables.membership, tables.tag_score, tables.tag_edit, tables.sentence)


def take_fingerprint(catalog: Catalog) -> tuple[int, ...]:
    """Numbers that are others once a subject, a picture in it, its captions or ratings, or a consent has changed."""
    entry = tables.journal.c
    # What is undone are always the newest entries.
    done = select(entry.id).where(entry.undone_at.is_(None)).order_by(entry.id.desc()).limit(1)
    with catalog.read() as connection:
        numbers = [connection.execute(select(func.max(table.c.id))).scalar() for table in _COUNTED]
        numbers.append(connection.execute(done).scalar())
    return tuple(number or 0 for number in numbers)
