"""Finding the files an import is about: pictures, the captions beside them, and what can't be read."""

from __future__ import annotations

import errno
import os
import re
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CAPTION_SUFFIXES = (".txt", ".caption")
METADATA_SUFFIXES = (".json", ".jsonl")

# What file managers and cameras leave in folders of pictures; hidden names are skipped anyway.
_CLUTTER = {"__MACOSX", "@eaDir", "#recycle", "$RECYCLE.BIN", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may be a picture; the path is absolute, with undecodable bytes kept as surrogates (PEP 383)."""

    path: Path
    device: int
    inode: int
    size: int
    mtime_ns: int

    @property
    def name(self) -> str:
        """The file name as text that a database and a terminal can hold."""
        return show_path(self.path.name)

    @property
    def raw_path(self) -> bytes:
        """The path as the file system has it, for the database: text there can't hold surrogates."""
        return os.fsencode(self.path)

    @property
    def extension(self) -> str:
        """In lower case, without the dot."""
        return self.path.suffix[1:].lower()


@dataclass(slots=True)
class Found:
    """What a walk met: files in natural order, captions and metadata beside them, and what can't be read."""

    files: list[FoundFile] = field(default_factory=list)
    captions: list[Path] = field(default_factory=list)
    metadata: list[Path] = field(default_factory=list)
    unreadable: list[tuple[Path, str]] = field(default_factory=list)


def walk_files(paths: Sequence[Path], *, avoid: Iterable[Path] = ()) -> Found:
    """Collect the files of folders, subfolders included, and files named one by one.

    Hidden names are skipped unless named themselves, links to folders are not followed, a folder is entered
    once, those in `avoid` never. Raises NotFoundError for a named path that does not exist.
    """
    require_paths(paths)
    found = Found()
    entered = {place for folder in avoid if (place := _place(folder))}
    met: set[Path] = set()
    for named in paths:
        # Not resolved: a link is imported under its own name.
        path = Path.cwd() / named.expanduser()
        if path.is_dir():
            for file in _walk_folder(path, entered, found):
                _sort_in(file, met, found)
        else:
            _sort_in(path, met, found, named=True)
            for beside in _captions_beside(path):
                _sort_in(beside, met, found)
    return found


def require_paths(paths: Iterable[Path]) -> None:
    """Raise NotFoundError for the first path that does not exist; a link to nothing exists."""
    for named in paths:
        path = Path.cwd() / named.expanduser()
        if not path.exists() and not path.is_symlink():
            raise NotFoundError(f"{show_path(path)} does not exist.", hint="Check the path; quote names with spaces.")


def show_path(path: Path | str) -> str:
    """A path as text that a database and a terminal can hold: undecodable bytes become replacement marks."""
    return os.fsencode(path).decode("utf-8", "replace")


def fold_stem(path: Path) -> tuple[Path, str]:
    """The folder and the composed name without extension: what a picture and its caption have in common."""
    return path.parent, unicodedata.normalize("NFC", path.stem)


def natural_key(name: str) -> list[tuple[bool, int, str]]:
    """Sorts file 2 before file 10."""
    # int() refuses absurdly long numbers, and no camera counts that far.
    parts = re.split(r"(\d{1,18})", name.lower())
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def _walk_folder(top: Path, entered: set[tuple[int, int]], found: Found) -> Iterator[Path]:
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        place = _place(folder)
        # Bind mounts can make a folder contain itself.
        if place is None or place in entered:
            continue
        entered.add(place)
        try:
            with os.scandir(folder) as entries:
                here = sorted(entries, key=lambda entry: (natural_key(entry.name), entry.name))
        except OSError as error:
            found.unreadable.append((folder, f"The folder can't be read: {error.strerror}."))
            continue
        here = [entry for entry in here if not entry.name.startswith(".") and entry.name not in _CLUTTER]
        yield from (Path(entry.path) for entry in here if not _is_folder(entry))
        waiting += [Path(entry.path) for entry in reversed(here) if entry.is_dir(follow_symlinks=False)]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link that leads to itself, or that can't be followed: told where files are looked at.
        return False


def _sort_in(path: Path, met: set[Path], found: Found, *, named: bool = False) -> None:
    if path in met:
        return
    met.add(path)
    suffix = path.suffix.lower()
    if suffix in CAPTION_SUFFIXES:
        found.captions.append(path)
        return
    if suffix in METADATA_SUFFIXES:
        found.metadata.append(path)
        return
    try:
        status = path.stat()
    except FileNotFoundError:
        found.unreadable.append((path, "A link to a file that does not exist."))
        return
    except OSError as error:
        is_loop = error.errno == errno.ELOOP
        why = "A link that leads to itself." if is_loop else f"The file can't be read: {error.strerror}."
        found.unreadable.append((path, why))
        return
    if stat.S_ISREG(status.st_mode):
        found.files.append(FoundFile(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    elif named:
        # Opening a pipe or a device could wait for ever.
        found.unreadable.append((path, "This is a pipe, a socket or a device, not a file."))


def _captions_beside(path: Path) -> list[Path]:
    suffixes = (*CAPTION_SUFFIXES, *METADATA_SUFFIXES)
    # Both a.txt and a.jpg.txt are the caption of a.jpg.
    beside = (path.with_name(start + suffix) for start in (path.stem, path.name) for suffix in suffixes)
    return [other for other in beside if other != path and other.is_file()]


def _place(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
