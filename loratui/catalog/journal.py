"""Taking actions back and doing them again, from any process, in the order they happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from loratui.catalog import changes, tables
from loratui.catalog.changes import Placed, Replaced, Step
from loratui.catalog.rows import JournalEntry, to_row
from loratui.catalog.store import Catalog, now
from loratui.errors import ConflictError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Select

_NOTHING = {
    True: "Nothing was changed yet, or all of it is undone already.",
    False: "Only an action that was undone can be redone, until another action follows.",
}

_NEWEST = select(tables.journal).where(tables.journal.c.undone_at.is_(None)).order_by(tables.journal.c.id.desc())
_ENTRY = [column for column in tables.journal.c if column.name != "changes"]


def undo(catalog: Catalog, *, consent: bool = False) -> JournalEntry:
    """Take the latest action back, whoever did it.

    A subject whose adding is undone goes with all it has, as when it is removed; redo brings all of it back.
    Raises NotFoundError when there is none, ConflictError when its rows were changed since by something
    that keeps no journal, or a run of the subject is queued or running; RefusedError when it would put a consent in
    force that was withdrawn, unless that is what is wanted (`consent`); nothing is changed then.
    """
    return _move(catalog, _NEWEST, back=True, consent=consent)


def redo(catalog: Catalog) -> JournalEntry:
    """Do the action again that was undone last; raises NotFoundError and ConflictError like undo."""
    oldest = select(tables.journal).where(tables.journal.c.undone_at.is_not(None)).order_by(tables.journal.c.id)
    return _move(catalog, oldest, back=False, consent=True)


def history(catalog: Catalog, limit: int = 50) -> list[JournalEntry]:
    """The latest actions, newest first; undone ones have `undone_at`."""
    with catalog.read() as connection:
        query = select(*_ENTRY).order_by(tables.journal.c.id.desc()).limit(limit)
        return [to_row(JournalEntry, row) for row in connection.execute(query)]


def refused_id(catalog: Catalog) -> int:
    """Id of the entry that undo comes to next and refuses, because a consent would be in force again; 0 for none."""
    with catalog.read() as connection:
        found = connection.execute(_NEWEST.limit(1)).first()
        return found.id if found is not None and _has_withdrawal(changes.unpack(found.changes)) else 0


def latest_id(catalog: Catalog) -> int:
    """Id of the newest action's entry, 0 before the first: after a change, from the same thread, that of the change."""
    with catalog.read() as connection:
        return int(connection.execute(select(func.max(tables.journal.c.id))).scalar_one() or 0)


def _move(catalog: Catalog, choice: Select[Any], *, back: bool, consent: bool) -> JournalEntry:
    with catalog.write() as connection:
        found = connection.execute(choice.limit(1)).first()
        if found is None:
            raise NotFoundError(f"There is nothing to {'undo' if back else 'redo'}.", hint=_NOTHING[back])
        entry = found._mapping
        steps = changes.unpack(entry["changes"])
        if not consent and _has_withdrawal(steps):
            raise RefusedError(
                f"The last action, {entry['label']}, is not undone in passing: the consent would be in force again.",
                hint="Was it withdrawn by mistake? `loratui undo --consent` undoes that, and then older actions can be "
                "undone. If not, older actions are changed by hand, with the keys or commands that did them, and a "
                "consent that is given anew is recorded: `loratui subject consent`.",
            )
        try:
            for step in reversed(steps) if back else steps:
                if isinstance(step, Replaced):
                    _swap(connection, step, back=back)
                else:
                    _flip(connection, step)
        except IntegrityError as error:
            raise _changed_since(step, str(error.orig)) from error
        undone_at = now() if back else None
        values: dict[str, Any] = {"undone_at": undone_at}
        if any(isinstance(step, Placed) for step in steps):
            values["changes"] = changes.pack(steps)
        connection.execute(tables.journal.update().where(tables.journal.c.id == entry["id"]).values(values))
        kept = {column.name: entry[column.name] for column in _ENTRY}
        return JournalEntry(**{**kept, "undone_at": undone_at})


def _swap(connection: Connection, step: Replaced, *, back: bool) -> None:
    expected, wanted = (step.after, step.before) if back else (step.before, step.after)
    table = tables.METADATA.tables[step.table]
    if changes.fetch(connection, table, step.columns, [row[0] for row in expected]) != expected:
        raise _changed_since(step, f"{', '.join(step.columns)} has other values now")
    changes.put_values(connection, step, wanted)


def _has_withdrawal(steps: Sequence[Step]) -> bool:
    return any(isinstance(step, Replaced) and _ends_consent(step) for step in steps)


def _ends_consent(step: Replaced) -> bool:
    """Whether consent was in force before a step and not after it."""
    if step.table != tables.subject.name or "consent" not in step.columns:
        return False
    place = step.columns.index("consent") + 1
    return any(
        _is_in_force(old[place]) and not _is_in_force(new[place])
        for old, new in zip(step.before, step.after, strict=True)
    )


def _is_in_force(stored: str | None) -> bool:
    known = json.loads(stored) if stored else {}
    return bool(known) and not known.get("withdrawn_at")


def _flip(connection: Connection, step: Placed) -> None:
    if step.parts:
        changes.bring_back(connection, step)
        return
    present = changes.fetch(connection, tables.METADATA.tables[step.table], [], step.ids)
    if len(present) != len(step.ids):
        raise _changed_since(step, "rows are gone")
    changes.take_away(connection, step)


def _changed_since(step: Step, what: str) -> ConflictError:
    return ConflictError(
        f"This can't be undone or redone: the {step.table.replace('_', ' ')} rows were changed since ({what}).",
        hint="Change them by hand; earlier actions can be reached again once they are as they were.",
    )
