"""The counts of memberships by subject, role and repeats: counted anew where they are not what they should be.

Triggers on membership keep them with every row that comes, changes or goes (migrations/versions/0006): undo and
cascades included, and whichever program writes. A subject's own go with the last of its memberships. What triggers
miss is a program that replaces rows (INSERT OR REPLACE) with recursive_triggers off, as it is outside this package.
A migration that rebuilds membership drops its triggers, as SQLite does, and has to make them anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from loratui.catalog.store import Catalog

# The mark is a sum, whatever the order they came in. Ids are scattered before they are added up: of plain ones, 1 and 4
# would leave the same sum as 2 and 3. No step leaves 64 bits: factors are below 2^32, and so are 2^32 memberships' ids.
_COUNTED = (
    "SELECT subject_id, role, ifnull(repeats, 0), count(*),"
    " sum(id % 2147483647 * 2654435761 % 2147483629 * (id % 2147483647) % 2147483647)"
    " FROM membership GROUP BY subject_id, role, repeats"
)
_KEPT = "SELECT subject_id, role, repeats, count, mark FROM membership_count"


def mend_counts(catalog: Catalog) -> int:
    """Count all memberships anew; returns how many counts were wrong, missing or of nothing, 0 as a rule."""
    with catalog.read() as connection:
        if not _find_wrong(connection):
            return 0
    with catalog.write() as connection:
        wrong = _find_wrong(connection)
        connection.exec_driver_sql("DELETE FROM membership_count")
        connection.exec_driver_sql(f"INSERT INTO membership_count (subject_id, role, repeats, count, mark) {_COUNTED}")
    return wrong


def _find_wrong(connection: Connection) -> int:
    counted, kept = ({tuple(row) for row in connection.exec_driver_sql(query).all()} for query in (_COUNTED, _KEPT))
    return len({row[:3] for row in counted ^ kept})
