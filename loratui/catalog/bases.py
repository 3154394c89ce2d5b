"""The base models the user registered."""

from __future__ import annotations

from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from sqlalchemy import func, insert, select, update

from loratui.catalog import tables
from loratui.catalog.rows import Base, to_row
from loratui.catalog.subjects import look_up
from loratui.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

LAYOUTS = ("folder", "file")

# Also how the entries of one base are found in the journal.
_ADD, _REMOVE = "add base {name}", "remove base {name}"


def add_base(
    catalog: Catalog,
    name: str,
    path: Path,
    *,
    family: str,
    layout: str,
    resolution: int,
    sha256: str = "",
    undoable: bool = True,
) -> Base:
    """Register a base model; the same name and path again gives the base that is there.

    `resolution` is the training size in pixels. Raises ConflictError when the name belongs to another path.
    """
    name = name.strip()
    if not name:
        raise UsageError("A base needs a name.", hint="Give one: `loratui base add NAME PATH`.")
    if layout not in LAYOUTS:
        raise UsageError(f"A base is a folder or a file, not '{layout}'.", hint="Point at one of the two.")
    where = str(path.absolute())
    values = {
        "name": name,
        "path": where,
        "family": family,
        "layout": layout,
        "resolution": resolution,
        "sha256": sha256,
        "notes": "",
        "created_at": datetime.now(UTC),
    }
    if existing := _find(catalog, name):
        return _same_or_conflict(existing, where)
    if undoable:
        with catalog.journal("base.add", _ADD.format(name=name)) as change:
            # Read again inside the transaction: another process may have added it in between.
            if not change.connection.execute(select(tables.base.c.id).where(tables.base.c.name == name)).first():
                change.insert(tables.base, [values])
    else:
        with catalog.write() as connection:
            connection.execute(insert(tables.base).prefix_with("OR IGNORE"), values)
    return _same_or_conflict(get_base(catalog, name), where)


def get_base(catalog: Catalog, name: str) -> Base:
    """The base of that name; raises NotFoundError with the names that come near."""
    if found := _find(catalog, name):
        return found
    names = [base.name for base in list_bases(catalog)]
    near = get_close_matches(name, names, n=3)
    if near:
        hint = f"Did you mean {', '.join(near)}?"
    elif names:
        hint = f"Registered: {', '.join(names)}. Add one with `loratui base add NAME PATH`."
    else:
        hint = "Add one with `loratui base add NAME PATH`."
    raise NotFoundError(f"There is no base called '{name}'.", hint=hint)


def get_base_by_id(catalog: Catalog, base_id: int) -> Base:
    """The base of a run; raises NotFoundError."""
    with catalog.read() as connection:
        row = connection.execute(select(tables.base).where(tables.base.c.id == base_id)).first()
    if row is None:
        raise NotFoundError(f"There is no base number {base_id}.", hint="See `loratui base list`.")
    return to_row(Base, row)


def list_bases(catalog: Catalog) -> list[Base]:
    """Every base, in the order they were added."""
    with catalog.read() as connection:
        rows = connection.execute(select(tables.base).order_by(tables.base.c.id)).all()
    return [to_row(Base, row) for row in rows]


def remove_base(catalog: Catalog, name: str) -> Base:
    """Forget a base; its files stay, and undo brings it back.

    Raises NotFoundError, and ConflictError while a run needs it.
    """
    base = get_base(catalog, name)
    with catalog.journal("base.remove", _REMOVE.format(name=base.name)) as change:
        if not change.delete(tables.base, [base.id]):
            raise NotFoundError(f"The base '{base.name}' is gone already.", hint="See `loratui base list`.")
    return base


def forget_base_changes(connection: Connection, base_id: int) -> None:
    """Drop the journal entries about a base that a run is built on: none of them could be undone any more.

    Undo would stop there, and never reach what was done before.
    """
    base, journal = tables.base.c, tables.journal
    name = connection.execute(select(base.name).where(base.id == base_id)).scalar_one()
    labels = [label.format(name=name) for label in (_ADD, _REMOVE)]
    about_bases = journal.c.action.in_(("base.add", "base.remove"))
    connection.execute(journal.delete().where(about_bases, journal.c.label.in_(labels)))


def move_base(catalog: Catalog, base_id: int, path: Path) -> Base:
    """Note that the same model lies at another path now."""
    with catalog.write() as connection:
        connection.execute(update(tables.base).where(tables.base.c.id == base_id).values(path=str(path.absolute())))
    return get_base_by_id(catalog, base_id)


def _find(catalog: Catalog, name: str) -> Base | None:
    with catalog.read() as connection:
        row = connection.execute(select(tables.base).where(tables.base.c.name == name)).first()
    return None if row is None else to_row(Base, row)


def _same_or_conflict(base: Base, path: str) -> Base:
    if base.path == path:
        return base
    raise ConflictError(
        f"The base '{base.name}' is already {base.path}.", hint="Choose another name: names stand for one model."
    )


def was_trained_on(catalog: Catalog, subject: Subject | str, name: str) -> bool:
    """Whether a subject has a run on the base of that name."""
    run, base = tables.run, tables.base
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        runs = select(run.c.id).join(base, base.c.id == run.c.base_id)
        return connection.execute(runs.where(run.c.subject_id == owner.id, base.c.name == name)).first() is not None


def find_last_base(catalog: Catalog, subject: Subject | str) -> Base | None:
    """The base that the newest run of a subject is on; None without any."""
    run, base = tables.run, tables.base
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        used = select(base).join(run, run.c.base_id == base.c.id).where(run.c.subject_id == owner.id)
        row = connection.execute(used.order_by(run.c.id.desc()).limit(1)).first()
    return None if row is None else to_row(Base, row)


def find_largest_area(catalog: Catalog, subject: Subject | str) -> int:
    """The pixels of a subject's largest picture that is not rejected: what tells which bases suit it; 0 without any."""
    member, picture = tables.membership, tables.picture
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        areas = select(func.max(picture.c.width * picture.c.height)).join(member, member.c.picture_id == picture.c.id)
        wanted = areas.where(member.c.subject_id == owner.id, member.c.role != "rejected")
        return int(connection.execute(wanted).scalar() or 0)
