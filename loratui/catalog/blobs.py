"""The content-addressed picture store: one read-only file per sha256, and where in-place pictures are.

A stored file must never change. So a picture is cloned (reflink) where the file system can, and copied where it
can't. A hard link would share its bytes with the user's own file: an edit of either, even of an export that is
linked to the store, would reach the other.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import bindparam, func, select

from loratui.catalog import tables
from loratui.catalog.rows import Picture, to_row
from loratui.catalog.sniffing import EXTENSIONS
from loratui.catalog.walking import walk_files
from loratui.errors import Cancelled, LoratuiError, NotFoundError, RefusedError
from loratui.events import Progress, Report, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.config import Home

_FICLONE = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)
_READ_ONLY = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH

FileState = Literal["ok", "missing", "changed"]


def store_path(home: Home, sha256: str, format_: str) -> Path:
    """Where the store keeps a picture of this content, present or not."""
    return home.store / sha256[:2] / f"{sha256}.{EXTENSIONS[format_][0]}"


def picture_path(catalog: Catalog, picture: Picture | Membership) -> Path:
    """The file of a picture: in the store, or where the user keeps it; it may be missing (see check_picture)."""
    if picture.in_place_path:
        return Path(os.fsdecode(picture.in_place_path))
    return store_path(catalog.home, picture.sha256, picture.format)


def check_picture(catalog: Catalog, picture: Picture | Membership, *, deep: bool = False) -> FileState:
    """Whether a picture's file is there with the right size, and with `deep` also the right bytes."""
    path = picture_path(catalog, picture)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return "missing"
        if status.st_size != picture.bytes or (deep and hash_file(path) != picture.sha256):
            return "changed"
    except OSError:
        return "missing"
    return "ok"


def read_picture(catalog: Catalog, picture: Picture | Membership) -> bytes:
    """The bytes that were imported; raises NotFoundError when they are gone, RefusedError when others are there."""
    path = picture_path(catalog, picture)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotFoundError(
            f"The picture file {path} can't be read: {error.strerror}.",
            hint="Put it back, or run `loratui relink FOLDER` where it is now.",
        ) from error
    if hashlib.sha256(data).hexdigest() != picture.sha256:
        raise RefusedError(
            f"The picture file {path} was changed after it was imported.",
            hint="Import it again as a new picture, or put the original back and run `loratui relink`.",
        )
    return data


def put_file(home: Home, source: Path, sha256: str, format_: str, *, data: bytes | None = None) -> Path:
    """Bring a file into the store, atomically and synced; returns its path there.

    `data` are the bytes the hash was taken of, if still at hand: they are what is stored even when the file
    changes meanwhile. Raises RefusedError when it changed and they are not, LoratuiError when the disk is full.
    """
    target = store_path(home, sha256, format_)
    with suppress(FileNotFoundError):
        # Whatever lies under the final name was written whole; another size means damage from outside.
        present = target.stat().st_size
        if present == (source.stat().st_size if data is None else len(data)):
            return target
    with _incoming(home, target) as part:
        cloned = _clone(source, part)
        if cloned and hash_file(part) != sha256:
            part.unlink()
            cloned = False
        if not cloned:
            content = source.read_bytes() if data is None else data
            if data is None and hashlib.sha256(content).hexdigest() != sha256:
                raise RefusedError(f"{source} changed while it was being stored.", hint="Try again.")
            _write_synced(part, content)
    return target


def put_thumbnail(home: Home, sha256: str, thumbnail: bytes) -> Path:
    """Keep a thumbnail in the cache, which may be deleted at any time."""
    target = thumbnail_path(home, sha256)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = home.thumbnails / "incoming" / f"{os.getpid()}-{threading.get_ident()}-{sha256}.part"
        with _naming_full_disk():
            part.parent.mkdir(exist_ok=True)
            part.write_bytes(thumbnail)
            part.replace(target)
    return target


def thumbnail_path(home: Home, sha256: str) -> Path:
    """Where the thumbnail of a picture is kept, present or not: a JPEG of at most 256 pixels a side."""
    return home.thumbnails / sha256[:2] / f"{sha256}.jpg"


def get_thumbnail(catalog: Catalog, picture: Picture | Membership) -> Path:
    """The thumbnail of a picture, made again when the cache was emptied; raises like read_picture."""
    path = thumbnail_path(catalog.home, picture.sha256)
    if path.exists():
        return path
    from loratui.catalog.pictures import fingerprint_picture

    found = fingerprint_picture(read_picture(catalog, picture), max_megapixels=float("inf"))
    return put_thumbnail(catalog.home, picture.sha256, found.thumbnail)


def relink(
    catalog: Catalog, folder: Path, *, report: Report = ignore_progress, cancel: threading.Event | None = None
) -> int:
    """Find pictures whose file is gone or changed below a folder, by content; returns how many were found.

    In-place pictures are referred to where they are now, stored ones are brought into the store again. Those
    that stay unfound get the state `missing`. Raises NotFoundError for a folder that does not exist, Cancelled.
    """
    refresh_states(catalog)
    table = tables.picture
    with catalog.read() as connection:
        lost = [to_row(Picture, row) for row in connection.execute(select(table).where(table.c.state != "ok"))]
    by_size: dict[int, dict[str, Picture]] = {}
    for picture in lost:
        by_size.setdefault(picture.bytes, {})[picture.sha256] = picture
    files = [file for file in walk_files([folder], avoid=[catalog.home.store]).files if file.size in by_size]
    relinked = 0
    for number, file in enumerate(files, 1):
        if cancel is not None and cancel.is_set():
            raise Cancelled("Relinking was stopped.", hint="Run it again to go on.")
        try:
            found = by_size[file.size].pop(hash_file(file.path), None)
        except OSError:
            # Not ours to read, so not found here; the picture stays missing, which the caller is told.
            found = None
        if found is not None:
            values: dict[str, Any] = {"state": "ok"}
            if found.in_place_path:
                values["in_place_path"] = file.raw_path
            else:
                put_file(catalog.home, file.path, found.sha256, found.format)
            with catalog.write() as connection:
                connection.execute(table.update().where(table.c.id == found.id).values(values))
            relinked += 1
        report(Progress("relink", number, len(files), note=file.name))
    return relinked


def refresh_states(catalog: Catalog) -> int:
    """Compare every picture with its file (presence and size) and correct its state; returns how many are lost."""
    table = tables.picture
    states = {"ok": "ok", "missing": "missing", "changed": "missing"}
    changed = []
    with catalog.read() as connection:
        # In pieces: a library may hold a million.
        for row in connection.execution_options(yield_per=1_000).execute(select(table)):
            picture = to_row(Picture, row)
            state = states[check_picture(catalog, picture)]
            if state != picture.state:
                changed.append({"which": picture.id, "new": state})
    if changed:
        with catalog.write() as connection:
            connection.execute(
                table.update().where(table.c.id == bindparam("which")).values(state=bindparam("new")), changed
            )
    with catalog.read() as connection:
        lost = select(func.count()).select_from(table).where(table.c.state != "ok")
        return int(connection.execute(lost).scalar_one())


def hash_file(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sweep_incoming(home: Home) -> int:
    """Remove files, named by the process that wrote them, of processes that were killed; returns how many."""
    folders = (home.store / "incoming", home.thumbnails / "incoming", home.data)
    parts = [part for folder in folders for part in folder.glob("*-*.part")]
    if not parts:
        return 0
    from psutil import pid_exists

    swept = 0
    for part in parts:
        owner = part.name.split("-")[0]
        if owner.isdecimal() and not pid_exists(int(owner)):
            part.unlink(missing_ok=True)
            swept += 1
    return swept


def sync_folders(folders: set[Path]) -> None:
    """Make new names in these folders survive a power cut, once for many files."""
    for folder in folders:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _incoming(home: Home, target: Path) -> Iterator[Path]:
    """A name to write under; on success it becomes `target`, otherwise nothing of it stays."""
    folder = home.store / "incoming"
    part = folder / f"{os.getpid()}-{threading.get_ident()}-{target.stem}.part"
    with _naming_full_disk():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        target.parent.mkdir(exist_ok=True, mode=0o700)
        part.unlink(missing_ok=True)
        try:
            yield part
            if part.stat().st_nlink == 1:
                part.chmod(_READ_ONLY)
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@contextmanager
def _naming_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError(
            "The disk is full: the picture could not be stored.",
            hint="Make room and import again: what is stored already is kept.",
        ) from error


class DiskFullError(LoratuiError):
    """No room for a picture: every further file of the import would fail alike."""

    code = "disk_full"


def _clone(source: Path, part: Path) -> bool:
    try:
        with source.open("rb") as original, part.open("xb") as clone:
            fcntl.ioctl(clone.fileno(), _FICLONE, original.fileno())
            os.fsync(clone.fileno())
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        return False
    return True


def _write_synced(part: Path, content: bytes) -> None:
    with part.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
