"""Changes that can be taken back: what a journal entry holds and how it is written."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table, bindparam, column, func, insert, select, update

from loratui.catalog import tables
from loratui.errors import ConflictError

if TYPE_CHECKING:
    from datetime import datetime

KEPT_ENTRIES = 10_000
"""Older journal entries are forgotten. A long burst of keys can be taken back wholly, each key being an action: 10,000
small ones take 1.3 MB, and another one about 2 ms more than after the first."""

# Values below are what SQLite itself holds (int, float, str, bytes, None), not what the column types
# make of them, so that taking a change back restores rows to the bit.
RawRows = list[tuple[Any, ...]]


@dataclass(slots=True)
class Part:
    """Rows of one table, taken out of the database."""

    table: str
    columns: list[str]
    rows: RawRows


@dataclass(slots=True)
class Replaced:
    """Columns of existing rows that got other values: rows are (key, value...) in the order of `columns`."""

    table: str
    columns: list[str]
    before: RawRows
    after: RawRows


@dataclass(slots=True)
class Placed:
    """Rows that came or went, with everything that hangs on them.

    While they are away, `parts` holds their content, parents last; `unlinked` are rows elsewhere that
    pointed at them through ON DELETE SET NULL. While they are present both are empty: what to keep is read
    when they leave, so rows that came to hang on them since are kept as well.
    """

    table: str
    ids: list[int]
    parts: list[Part] = field(default_factory=list)
    unlinked: list[Part] = field(default_factory=list)


Step = Replaced | Placed


class Change:
    """A journalled action in progress: every write goes through it, reads may use `connection`.

    `label` is what history shows; it may be made more exact while the action goes on. `entry` is the id of the entry
    that the action goes on with, 0 for one of its own; once recorded, the one that has it.
    """

    def __init__(self, connection: Connection, action: str, label: str, onto: int = 0) -> None:
        self.connection = connection
        self.action = action
        self.label = label
        self.steps: list[Step] = []
        self.entry = onto if onto and _is_newest(connection, onto) else 0

    def insert(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add rows that all have the same keys; returns their ids in order."""
        if not rows:
            return []
        key = key_of(table)
        if key in rows[0]:
            ids = [int(row[key]) for row in rows]
        else:
            first = _last_id(self.connection, table) + 1
            ids = list(range(first, first + len(rows)))
        self.connection.execute(insert(table), [{**row, key: id_} for row, id_ in zip(rows, ids, strict=True)])
        self.steps.append(Placed(table.name, ids))
        return ids

    def update(self, table: Table, ids: Sequence[int], values: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> int:
        """Set the same values on all rows, or one mapping (same keys) per id; returns how many rows really changed."""
        if not ids or not values:
            return 0
        columns = list(values) if isinstance(values, Mapping) else list(values[0])
        key = key_of(table)
        before = fetch(self.connection, table, columns, ids)
        if isinstance(values, Mapping):
            chosen = table.c[key].in_(_json_ids(ids))
            self.connection.execute(update(table).where(chosen), dict(values))
        else:
            statement = update(table).where(table.c[key] == bindparam("_key"))
            self.connection.execute(
                statement.values({column: bindparam(f"_{column}") for column in columns}),
                [
                    {"_key": id_, **{f"_{column}": row[column] for column in columns}}
                    for id_, row in zip(ids, values, strict=True)
                ],
            )
        after = fetch(self.connection, table, columns, ids)
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        if changed:
            old_rows, new_rows = zip(*changed, strict=True)
            self.steps.append(Replaced(table.name, columns, list(old_rows), list(new_rows)))
        return len(changed)

    def delete(self, table: Table, ids: Sequence[int]) -> int:
        """Remove rows and everything that hangs on them; raises ConflictError when something else needs them."""
        present = [row[0] for row in fetch(self.connection, table, [], ids)]
        if present:
            step = Placed(table.name, present)
            take_away(self.connection, step)
            self.steps.append(step)
        return len(present)

    def record(self, actor: str, at: datetime) -> None:
        """Write the entry, unless nothing changed; what was undone before it can't be redone any more."""
        if not self.steps:
            return
        journal = tables.journal
        if self.entry:
            own = journal.c.id == self.entry
            before = unpack(self.connection.execute(select(journal.c.changes).where(own)).scalar_one())
            values = {"label": self.label, "changes": pack([*before, *self.steps])}
            self.connection.execute(journal.update().where(own).values(values))
            return
        self.connection.execute(journal.delete().where(journal.c.undone_at.is_not(None)))
        entry = {
            "at": at,
            "actor": actor,
            "action": self.action,
            "label": self.label,
            "changes": pack(self.steps),
        }
        newest = self.connection.execute(insert(journal), entry).inserted_primary_key
        if newest is not None:
            self.entry = newest[0]
            self.connection.execute(journal.delete().where(journal.c.id <= newest[0] - KEPT_ENTRIES))


def _is_newest(connection: Connection, entry: int) -> bool:
    """Whether nothing was done after an action, and it is not undone: only then can more become part of it."""
    journal = tables.journal.c
    newest = connection.execute(select(journal.id, journal.undone_at).order_by(journal.id.desc()).limit(1)).first()
    return newest is not None and tuple(newest) == (entry, None)


def key_of(table: Table) -> str:
    """The name of a table's one primary key column."""
    (column,) = table.primary_key.columns
    return str(column.name)


def fetch(connection: Connection, table: Table, columns: Sequence[str], ids: Iterable[int]) -> RawRows:
    """Rows as (key, value...) in key order, as SQLite holds them."""
    key = key_of(table)
    names = ", ".join(f'"{column}"' for column in (key, *columns))
    query = f'SELECT {names} FROM "{table.name}" WHERE "{key}" IN (SELECT value FROM json_each(?)) ORDER BY "{key}"'
    return [tuple(row) for row in connection.exec_driver_sql(query, (json.dumps(list(ids)),)).fetchall()]


def take_away(connection: Connection, step: Placed) -> None:
    """Remove the rows of a step with all that cascades from them, and remember it all in the step.

    Raises ConflictError when rows that would not cascade hang on them, or a run that a process may be at work on.
    """
    doomed = _find_doomed(connection, tables.METADATA.tables[step.table], step.ids)
    _refuse_open_runs(connection, step.table, doomed.get(tables.run, ()))
    for table, ids in doomed.items():
        for child, link, rule in _links_to(table):
            pointing = set(_pointing(connection, child, link, ids)) - doomed.get(child, set())
            if pointing and rule == "SET NULL":
                step.unlinked.append(Part(child.name, [link], fetch(connection, child, [link], pointing)))
                _write(connection, child, [link], [(id_, None) for id_ in pointing])
            elif pointing and rule is None:
                raise _in_use(step.table, child.name, len(pointing))
    for table in reversed(tables.METADATA.sorted_tables):
        if doomed.get(table):
            ids = doomed[table]
            key = key_of(table)
            columns = [column.name for column in table.c if column.name != key]
            step.parts.append(Part(table.name, columns, fetch(connection, table, columns, ids)))
            connection.exec_driver_sql(
                f'DELETE FROM "{table.name}" WHERE "{key}" IN (SELECT value FROM json_each(?))',
                (json.dumps(sorted(ids)),),
            )


def bring_back(connection: Connection, step: Placed) -> None:
    """Put the rows that a step remembers back; raises sqlalchemy's IntegrityError when their place is taken."""
    for part in reversed(step.parts):
        table = tables.METADATA.tables[part.table]
        names = [key_of(table), *part.columns]
        quoted, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" * len(names))
        connection.exec_driver_sql(f'INSERT INTO "{part.table}" ({quoted}) VALUES ({marks})', part.rows)
    for part in step.unlinked:
        _write(connection, tables.METADATA.tables[part.table], part.columns, part.rows)
    step.parts, step.unlinked = [], []


def put_values(connection: Connection, step: Replaced, rows: RawRows) -> None:
    """Write one side of a replacement."""
    _write(connection, tables.METADATA.tables[step.table], step.columns, rows)


def pack(steps: Sequence[Step]) -> bytes:
    """Steps as compressed JSON: rows by column, a column of equal values as one."""
    plain: list[list[Any]] = []
    for step in steps:
        if isinstance(step, Replaced):
            plain.append(["replaced", step.table, step.columns, _to_columns(step.before), _to_columns(step.after)])
        else:
            kept = [
                [[part.table, part.columns, _to_columns(part.rows)] for part in parts]
                for parts in (step.parts, step.unlinked)
            ]
            plain.append(["placed", step.table, step.ids, *kept])
    return zlib.compress(json.dumps(plain, separators=(",", ":"), ensure_ascii=False, default=_encode).encode())


def unpack(data: bytes) -> list[Step]:
    """The steps that `pack` wrote."""
    steps: list[Step] = []
    for kind, table, *rest in json.loads(zlib.decompress(data), object_hook=_decode):
        if kind == "replaced":
            columns, before, after = rest
            steps.append(Replaced(table, columns, _to_rows(before), _to_rows(after)))
        else:
            ids, *kept = rest
            parts, unlinked = ([Part(t, c, _to_rows(rows)) for t, c, rows in group] for group in kept)
            steps.append(Placed(table, ids, parts, unlinked))
    return steps


def _to_columns(rows: RawRows) -> list[Any]:
    columns: list[list[Any]] = [[len(rows)]]
    for values in zip(*rows, strict=True):
        same = all(value is values[0] or (type(value) is type(values[0]) and value == values[0]) for value in values)
        columns.append([values[0]] if same else list(values))
    return columns


def _to_rows(columns: list[Any]) -> RawRows:
    (count,), *rest = columns
    return list(zip(*(values * count if len(values) == 1 else values for values in rest), strict=True))


def _encode(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    raise TypeError(f"SQLite gave a {type(value).__name__}")


def _decode(value: dict[str, str]) -> bytes:
    return base64.b64decode(value["bytes"])


def _json_ids(ids: Iterable[int]) -> Any:
    # One parameter however many ids: SQLite allows 32,766 of them.
    return select(column("value")).select_from(func.json_each(json.dumps(list(ids))))


def _last_id(connection: Connection, table: Table) -> int:
    found = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).scalar()
    return int(found or 0)


def _write(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    places = ", ".join(f'"{column}" = ?' for column in columns)
    statement = f'UPDATE "{table.name}" SET {places} WHERE "{key_of(table)}" = ?'
    connection.exec_driver_sql(statement, [(*values, id_) for id_, *values in rows])


def _links_to(table: Table) -> list[tuple[Table, str, str | None]]:
    """Tables with a foreign key to this one: (table, column, what deleting does)."""
    return [
        (other, link.parent.name, link.ondelete)
        for other in tables.METADATA.sorted_tables
        for link in other.foreign_keys
        if link.column.table is table
    ]


def _pointing(connection: Connection, child: Table, column: str, ids: Iterable[int]) -> list[int]:
    query = f'SELECT "{key_of(child)}" FROM "{child.name}" WHERE "{column}" IN (SELECT value FROM json_each(?))'
    return [row[0] for row in connection.exec_driver_sql(query, (json.dumps(list(ids)),)).fetchall()]


def _find_doomed(connection: Connection, table: Table, ids: Iterable[int]) -> dict[Table, set[int]]:
    doomed: dict[Table, set[int]] = {}
    waiting: list[tuple[Table, set[int]]] = [(table, set(ids))]
    while waiting:
        current, found = waiting.pop()
        new = found - doomed.setdefault(current, set())
        doomed[current] |= new
        if new:
            for child, link, rule in _links_to(current):
                if rule == "CASCADE":
                    waiting.append((child, set(_pointing(connection, child, link, new))))
    return doomed


def _refuse_open_runs(connection: Connection, table: str, ids: Iterable[int]) -> None:
    run = tables.run.c
    open_ = select(run.name).where(run.id.in_(_json_ids(ids)), run.state.in_(("queued", "running")))
    if name := connection.execute(open_.limit(1)).scalar():
        raise ConflictError(
            f"This {table.replace('_', ' ')} can't go while its run {name} is queued or running.",
            hint=f"Stop it first: `loratui run stop {name}`.",
        )


def _in_use(table: str, user: str, count: int) -> ConflictError:
    word = user.replace("_", " ")
    return ConflictError(
        f"This {table.replace('_', ' ')} can't go: it is needed by {count} {word}{'s' * (count != 1)}.",
        hint=f"Stop or remove each {word} that needs it first.",
    )
