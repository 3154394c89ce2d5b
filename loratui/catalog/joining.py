"""Making pictures that were read members of a subject: once each, in one journal entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from loratui.catalog import tables
from loratui.catalog.query import as_values
from loratui.catalog.ratings import find_unfit
from loratui.catalog.store import now
from loratui.catalog.subjects import look_up

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from loratui.catalog.intake import Reading
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.catalog.walking import FoundFile


@dataclass(slots=True)
class Joined:
    """How many pictures are new in the subject, and what the other files were."""

    added: int = 0
    skipped: int = 0
    """Files that brought in their picture before."""
    repeated: list[tuple[FoundFile, str]] = field(default_factory=list)
    """Other files with the bytes of a picture in the subject, and its name there."""
    memberships: dict[Path, int] = field(default_factory=dict)
    """Membership id by path, for every file that was read."""
    also_in: dict[str, int] = field(default_factory=dict)
    unfit: list[tuple[FoundFile, str]] = field(default_factory=list)
    """Files whose picture may not be used in the subject, and why; they were not added."""


@dataclass(slots=True)
class _Member:
    id: int | None
    name: str
    path: bytes
    note: str
    new_note: str


def join_subject(catalog: Catalog, subject: Subject, readings: Sequence[Reading]) -> Joined:
    """Add the pictures of readings to a subject's inbox, in their order; undo takes it back as one step.

    Pictures that a tagger has read before and that may not be used in this subject stay outside.
    """
    joined = Joined()
    if not readings:
        return joined
    with catalog.journal("import", f"import into {subject.name}") as change:
        picture_ids = _picture_ids(change.connection, {one.sha256 for one in readings})
        members = _members(change.connection, subject.id)
        new = [id_ for id_ in picture_ids.values() if id_ not in members]
        unfit = find_unfit(change.connection, new, look_up(change.connection, subject))
        joined.unfit = [(one.file, unfit[id_].why) for one in readings if (id_ := picture_ids[one.sha256]) in unfit]
        readings = [one for one in readings if picture_ids[one.sha256] not in unfit]
        fresh: list[int] = []
        rows: list[dict[str, Any]] = []
        for one in readings:
            id_ = picture_ids[one.sha256]
            member = members.get(id_)
            if member is None:
                members[id_] = _Member(None, one.file.name, one.file.raw_path, "", "")
                fresh.append(id_)
                rows.append(_row(subject.id, id_, one.file))
            elif member.path == one.file.raw_path:
                joined.skipped += 1
            else:
                joined.repeated.append((one.file, member.name))
                member.new_note = _mention(member.new_note, one.file.name, member.name)
        ids = {id_: member.id for id_, member in members.items() if member.id is not None}
        ids |= zip(fresh, change.insert(tables.membership, rows), strict=True)
        joined.memberships = {one.file.path: ids[picture_ids[one.sha256]] for one in readings}
        noted = sorted((ids[id_], m.new_note) for id_, m in members.items() if m.new_note != m.note)
        change.update(tables.membership, [id_ for id_, _ in noted], [{"note": note} for _, note in noted])
        joined.added = len(fresh)
        joined.also_in = _count_elsewhere(change.connection, subject.id, fresh)
        change.label = f"import {joined.added} {'picture' if joined.added == 1 else 'pictures'} into {subject.name}"
    return joined


def _row(subject_id: int, picture_id: int, file: FoundFile) -> dict[str, Any]:
    return {
        "subject_id": subject_id,
        "picture_id": picture_id,
        "name": file.name,
        "source_path": file.raw_path,
        "role": "inbox",
        "repeats": None,
        "rating": 0,
        "reject_reason": "",
        "caption": None,
        "note": "",
        "added_at": now(),
    }


def _mention(note: str, other: str, own: str) -> str:
    """The note with the other name under which the same bytes came, once each."""
    if other == own:
        return note
    line = f"same bytes: {other}"
    return note if line in note.splitlines() else f"{note}\n{line}".strip()


def _picture_ids(connection: Connection, hashes: set[str]) -> dict[str, int]:
    picture = tables.picture.c
    found: dict[str, int] = {}
    wanted = sorted(hashes)
    for start in range(0, len(wanted), 10_000):
        query = select(picture.sha256, picture.id).where(picture.sha256.in_(wanted[start : start + 10_000]))
        found.update((sha, id_) for sha, id_ in connection.execute(query))
    return found


def _members(connection: Connection, subject_id: int) -> dict[int, _Member]:
    member = tables.membership.c
    query = select(member.picture_id, member.id, member.name, member.source_path, member.note)
    return {
        picture_id: _Member(id_, name, path, note, note)
        for picture_id, id_, name, path, note in connection.execute(query.where(member.subject_id == subject_id))
    }


def _count_elsewhere(connection: Connection, subject_id: int, picture_ids: Iterable[int]) -> dict[str, int]:
    member, subject = tables.membership.c, tables.subject.c
    query = (
        select(subject.name, func.count())
        .join_from(tables.membership, tables.subject, subject.id == member.subject_id)
        .where(member.subject_id != subject_id, member.picture_id.in_(as_values(picture_ids)))
        .group_by(subject.name)
    )
    return {name: count for name, count in connection.execute(query)}
