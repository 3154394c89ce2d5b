"""Numbers about subjects that are costly to find, kept until what they were found in has changed."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, not_, or_, select, true

from loratui.catalog import tables

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loratui.catalog.store import Catalog

# Kinds of journalled actions that leave tags and captions alone; one that is not known here counts.
_NOT_ABOUT_TAGS = ("balance", "base", "cell", "dupes", "membership", "run", "subject")


@dataclass(frozen=True, slots=True)
class Measure:
    """A number, None where there is nothing to count, and the stamp of what it was found in."""

    value: int | None
    stamp: str


def list_measures(catalog: Catalog) -> dict[int, dict[str, Measure]]:
    """All that was measured, by subject id and name."""
    table = tables.measure.c
    found: dict[int, dict[str, Measure]] = defaultdict(dict)
    with catalog.read() as connection:
        for id_, name, value, stamp in connection.execute(
            select(table.subject_id, table.name, table.value, table.stamp)
        ):
            found[id_][name] = Measure(value, stamp)
    return dict(found)


def store_measures(catalog: Catalog, measures: Iterable[tuple[int, str, Measure]]) -> None:
    """Keep measures, each (subject id, name, measure); those of subjects that are gone are dropped.

    Undo knows nothing of them: their stamps tell when they are out of date.
    """
    rows = [(name, measure.value, measure.stamp, id_) for id_, name, measure in measures]
    # In the driver's words: a thousand subjects are stored at once, while somebody scrolls.
    query = (
        "INSERT INTO measure (subject_id, name, value, stamp) SELECT id, ?, ?, ? FROM subject WHERE id = ?"
        " ON CONFLICT (subject_id, name) DO UPDATE SET value = excluded.value, stamp = excluded.stamp"
    )
    if rows:
        with catalog.write() as connection:
            connection.exec_driver_sql(query, rows)


def stamp_verdicts(catalog: Catalog) -> dict[int, str]:
    """By subject id, a stamp that changes with what people said about its duplicates; none where they said nothing."""
    # CROSS JOIN is SQLite's word for keeping this order: the few verdicts lead, not a million memberships.
    query = (
        "SELECT membership.subject_id, count(*), sum(verdict.id) FROM verdict"
        " CROSS JOIN membership ON membership.picture_id = verdict.picture_a GROUP BY membership.subject_id"
    )
    with catalog.read() as connection:
        return {id_: f"{count}.{total}" for id_, count, total in connection.exec_driver_sql(query)}


def stamp_tags(catalog: Catalog) -> str:
    """A stamp that changes whenever tags, captions or their rules do, in any subject.

    Counting tags subject by subject takes seconds in a large library; this looks at a few rows.
    """
    journal = tables.journal.c
    others = [journal.action.startswith(f"{kind}.") for kind in _NOT_ABOUT_TAGS]
    return _stamp_journal(catalog, not_(or_(journal.action == "import", *others)))


def stamp_everything(catalog: Catalog) -> str:
    """A stamp that changes with every change that can be undone, when tags are scored and sentences written."""
    with catalog.read() as connection:
        written = connection.exec_driver_sql("SELECT max(at) FROM sentence").scalar()
    return f"{_stamp_journal(catalog, true())}.{written or 0}"


def _stamp_journal(catalog: Catalog, about: ColumnElement[bool]) -> str:
    journal = tables.journal.c
    # Undo goes backwards step by step, so the newest entry that holds tells all that hold. `undone_at` is asked
    # about last: it lies behind the changes, which can be megabytes.
    newest = select(journal.id).where(about, journal.undone_at.is_(None)).order_by(journal.id.desc()).limit(1)
    with catalog.read() as connection:
        last = connection.execute(newest).scalar()
        # Scores keep no journal, but whenever a tagger's come to count, its row is a new one.
        scored = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'tagging'").scalar()
    return f"{last or 0}.{scored or 0}"
