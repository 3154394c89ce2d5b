"""What an import does with each file: recall it, or read, decode and store it, and keep rows about both."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.sqlite import insert

from loratui.catalog import tables
from loratui.catalog.blobs import DiskFullError, check_picture, put_file, put_thumbnail, store_path, sync_folders
from loratui.catalog.rows import Picture, to_row
from loratui.catalog.store import now
from loratui.catalog.walking import FoundFile, show_path
from loratui.errors import LoratuiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from loratui.catalog.pictures import Fingerprint
    from loratui.catalog.store import Catalog

_PIXELS_IN_FLIGHT = 128_000_000
"""Decoded at the same time by all workers, 4 bytes each; a single larger picture is decoded alone."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that holds a good picture; `fingerprint` is None when the catalog knew its bytes already."""

    file: FoundFile
    sha256: str
    fingerprint: Fingerprint | None = None
    recovered: bool = False
    """The known picture's own file was gone: this one takes its place."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A file that can't be used, and why in words for the person."""

    path: Path
    reason: str


class Intake:
    """Reads files for one import; `read` may run on many threads, the rest belongs to one."""

    def __init__(self, catalog: Catalog, subject_id: int, *, in_place: bool, max_megapixels: float) -> None:
        self._catalog = catalog
        self._subject_id = subject_id
        self._in_place = in_place
        self._max_megapixels = max_megapixels
        self._gate = _PixelGate(_PIXELS_IN_FLIGHT)

    def recall(self, files: Sequence[FoundFile]) -> list[Reading]:
        """Those of at most a few hundred files that were read before, unchanged since, and are still stored."""
        seen, picture = tables.seen_file.c, tables.picture
        keys = {(file.device, file.inode, file.size, file.mtime_ns): file for file in files}
        place = tuple_(seen.device, seen.inode, seen.size, seen.mtime_ns)
        query = select(seen.device, seen.inode, seen.size, seen.mtime_ns, picture).join(
            picture, picture.c.sha256 == seen.sha256
        )
        recalled = {}
        with self._catalog.read() as connection:
            for row in connection.execute(query.where(place.in_(list(keys)))):
                known = Picture(*row[4:])
                if self._is_kept(known):
                    recalled[tuple(row[:4])] = known.sha256
        # Two names of one inode share their key, so look up by file.
        found = ((file, recalled.get((file.device, file.inode, file.size, file.mtime_ns))) for file in files)
        return [Reading(file, sha) for file, sha in found if sha is not None]

    def read(self, file: FoundFile) -> Reading | TurnedAway:
        """Read, decode and store one file; only a full disk or a bug gets out as an exception."""
        # Here and not above: asking what was refused must not wait for Pillow and numpy.
        from loratui.catalog.decoding import read_picture_file
        from loratui.catalog.pictures import fingerprint_picture

        try:
            data = read_picture_file(file.path)
            sha = sha256(data).hexdigest()
            known = self._find(sha)
            if known is not None:
                if self._is_kept(known):
                    return Reading(file, sha)
                if not self._in_place:
                    put_file(self._catalog.home, file.path, sha, known.format, data=data)
                return Reading(file, sha, recovered=True)
            fingerprint = fingerprint_picture(
                data,
                sha256=sha,
                extension=file.extension,
                max_megapixels=self._max_megapixels,
                before_decode=self._gate.hold,
            )
            if not self._in_place:
                put_file(self._catalog.home, file.path, sha, fingerprint.format, data=data)
            put_thumbnail(self._catalog.home, sha, fingerprint.thumbnail)
        except DiskFullError:
            raise
        except LoratuiError as error:
            return TurnedAway(file.path, f"{error.message} {error.hint}".strip())
        return Reading(file, sha, fingerprint)

    def save(self, readings: Sequence[Reading], turned_away: Sequence[TurnedAway]) -> None:
        """Keep rows of what was read, in one short transaction; the files they speak of are on disk by then."""
        if not readings and not turned_away:
            return
        if not self._in_place:
            home = self._catalog.home
            new = [one.fingerprint for one in readings if one.fingerprint is not None]
            sync_folders({store_path(home, print_.sha256, print_.format).parent for print_ in new})
        picture, seen, refused = tables.picture, tables.seen_file, tables.refused
        with self._catalog.write() as connection:
            if rows := [self._picture_row(one.file, one.fingerprint) for one in readings if one.fingerprint]:
                # Another import may have brought in the same bytes meanwhile.
                connection.execute(insert(picture).on_conflict_do_nothing(), rows)
            for one in readings:
                if one.recovered:
                    values = {"state": "ok", "in_place_path": one.file.raw_path if self._in_place else b""}
                    connection.execute(picture.update().where(picture.c.sha256 == one.sha256).values(values))
            if readings:
                rows = [
                    {"device": one.file.device, "inode": one.file.inode, "size": one.file.size}
                    | {"mtime_ns": one.file.mtime_ns, "sha256": one.sha256}
                    for one in readings
                ]
                statement = insert(seen)
                place = [seen.c.device, seen.c.inode, seen.c.size, seen.c.mtime_ns]
                connection.execute(
                    statement.on_conflict_do_update(index_elements=place, set_={"sha256": statement.excluded.sha256}),
                    rows,
                )
            # A file has one word on it per subject, the latest; a good one clears it.
            for path in (*(one.path for one in turned_away), *(one.file.path for one in readings)):
                connection.execute(
                    refused.delete().where(
                        refused.c.subject_id == self._subject_id, refused.c.path == os.fsencode(path)
                    )
                )
            if turned_away:
                connection.execute(refused.insert(), [self._refused_row(one) for one in turned_away])

    def _find(self, sha: str) -> Picture | None:
        table = tables.picture
        with self._catalog.read() as connection:
            row = connection.execute(select(table).where(table.c.sha256 == sha)).first()
            return None if row is None else to_row(Picture, row)

    def _is_kept(self, picture: Picture) -> bool:
        return picture.state == "ok" and check_picture(self._catalog, picture) == "ok"

    def _picture_row(self, file: FoundFile, fingerprint: Fingerprint) -> dict[str, Any]:
        from loratui.catalog.pictures import HASH_VERSION

        hashes = {name: _to_signed(value) for name, value in fingerprint.hashes._asdict().items()}
        return {
            "sha256": fingerprint.sha256,
            "pixel_sha256": fingerprint.pixel_sha256,
            "format": fingerprint.format,
            "bytes": fingerprint.bytes,
            "width": fingerprint.width,
            "height": fingerprint.height,
            "orientation": fingerprint.orientation,
            "has_alpha": fingerprint.has_alpha,
            "frames": fingerprint.frames,
            **hashes,
            "hash_version": HASH_VERSION,
            "sharpness": fingerprint.sharpness,
            "luminance": fingerprint.luminance,
            "warnings": list(fingerprint.warnings),
            "state": "ok",
            "in_place_path": file.raw_path if self._in_place else b"",
            "imported_at": now(),
        }

    def _refused_row(self, one: TurnedAway) -> dict[str, Any]:
        return {
            "subject_id": self._subject_id,
            "path": os.fsencode(one.path),
            "display_path": show_path(one.path),
            "reason": one.reason,
            "at": now(),
        }


class _PixelGate:
    """Lets workers decode as long as the pixels in flight stay under a limit, and any one picture alone."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_flight = 0
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, pixels: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight == 0 or self._in_flight + pixels <= self._limit)
            self._in_flight += pixels
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= pixels
                self._changed.notify_all()


def _to_signed(value: int) -> int:
    """An unsigned 64-bit number as the signed one that SQLite can hold."""
    return value - (1 << 64) if value >= 1 << 63 else value
