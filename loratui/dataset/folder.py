"""An export folder that loratui owns: its manifest, its lock, and the removal of what went stale."""

from __future__ import annotations

import fcntl
import json
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loratui.catalog.blobs import hash_file
from loratui.catalog.walking import show_path
from loratui.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

MANIFEST = "loratui-manifest.json"
EDITED = "edited"
"""Where files go that a person changed inside the export; trainers pass over a folder without a number."""

_VERSION = 1
# A manifest is a file anyone can change: only these names are ever removed on its word.
_OURS = re.compile(r"(?!\.)[^/\0]+(?:/(?!\.)[^/\0]+)?")
_METADATA_CACHE = "metadata_cache.json"
_dump = json.JSONEncoder(ensure_ascii=False, sort_keys=True).encode


@dataclass(slots=True)
class ExportFolder:
    """A locked export folder, by relative names.

    `files` is what the manifest of the last export says, `present` what lies there, `edited` what was moved aside.
    `finished_ns` is when the last export was done, 0 when it was cut short.
    """

    path: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    finished_ns: int = 0
    present: set[str] = field(default_factory=set)
    edited: list[str] = field(default_factory=list)

    def begin(self, header: Mapping[str, Any], names: Iterable[str]) -> None:
        """Say what is about to be written, so that an export that is killed can be put right by the next one."""
        planned = {name: self.files.get(name, {}) for name in names}
        self._write_manifest({**header, "state": "writing"}, {**self.files, **planned})

    def finish(self, header: Mapping[str, Any], files: Mapping[str, dict[str, Any]]) -> None:
        """Say that exactly these files are the export."""
        self._write_manifest({**header, "state": "complete"}, files)

    def remove_stale(self, keep: Iterable[str]) -> int:
        """Remove files of earlier exports that this one does not hold, with the caches a trainer made of them."""
        kept = set(keep)
        stale = [name for name in self.files if name not in kept]
        self.remove_caches(stale)
        # This one lists pictures, so it is also wrong where some only came.
        for touched in {name.rpartition("/")[0] for name in kept.symmetric_difference(self.files)} - {""}:
            (self.path / touched / _METADATA_CACHE).unlink(missing_ok=True)
        for name in stale:
            if name in self.present:
                self._rescue_edit(name)
                (self.path / name).unlink(missing_ok=True)
        for name in self.present:
            folder, _, file = name.rpartition("/")
            # What an export that was killed was just writing.
            if file.endswith(".part") and f"{folder}/{file[1:-5]}" in self.files:
                (self.path / name).unlink(missing_ok=True)
        for emptied in {(self.path / name).parent for name in stale} - {self.path}:
            # Not empty when a person put something there.
            with suppress(OSError):
                emptied.rmdir()
        return len(stale)

    def remove_caches(self, names: Iterable[str]) -> None:
        """Remove what trainers cached beside these files: latents and text outputs are never checked by content."""
        stems: dict[str, set[str]] = {}
        for name in names:
            folder, slash, file = name.rpartition("/")
            if slash:
                stems.setdefault(folder, set()).add(file.rpartition(".")[0])
        for folder, changed in stems.items():
            for entry in _scan(self.path / folder):
                if entry.name == _METADATA_CACHE or find_cached_stem(entry.name, changed):
                    (self.path / folder / entry.name).unlink()

    def make_way(self, name: str) -> None:
        """Clear the place of a file of ours that is not as it should be; a person's edit is moved aside."""
        if name in self.present:
            self._rescue_edit(name)
            self.remove_caches([name])
            (self.path / name).unlink(missing_ok=True)
            self.present.discard(name)

    def is_untouched(self, name: str) -> bool:
        """Tell whether a file has the bytes that the last export gave it; files since left alone are not read."""
        wanted = self.files.get(name, {}).get("sha256")
        path = self.path / name
        if not wanted or name not in self.present or path.is_symlink():
            return False
        # Whatever writes or replaces a file sets this time, and no program can set it to an earlier one.
        return path.stat().st_ctime_ns < self.finished_ns or hash_file(path) == wanted

    def list_foreign(self, ours: Iterable[str]) -> list[str]:
        """Relative names of what is neither ours nor a cache of ours: a person's, and left alone."""
        names = set(ours) | {MANIFEST}
        stems: dict[str, set[str]] = {}
        for name in names:
            folder, _, file = name.rpartition("/")
            stems.setdefault(folder, set()).add(file.rpartition(".")[0])
        foreign = []
        for entry in _scan(self.path):
            if entry.name in stems and entry.is_dir(follow_symlinks=False):
                inside = stems[entry.name]
                foreign += [
                    f"{entry.name}/{file.name}"
                    for file in _scan(self.path / entry.name)
                    if f"{entry.name}/{file.name}" not in names
                    and file.name != _METADATA_CACHE
                    and not find_cached_stem(file.name, inside)
                ]
            elif entry.name not in names and entry.name != EDITED:
                foreign.append(entry.name)
        return sorted(foreign)

    def _rescue_edit(self, name: str) -> None:
        path = self.path / name
        # Without a hash the last export was cut short in this very file: there is nothing to tell an edit by.
        if not self.files.get(name, {}).get("sha256") or self.is_untouched(name) or not path.is_file():
            return
        aside = self.path / EDITED
        aside.mkdir(exist_ok=True)
        place, number = aside / path.name, 1
        while place.exists():
            number += 1
            place = aside / f"{path.stem}-{number}{path.suffix}"
        path.replace(place)
        self.edited.append(f"{EDITED}/{place.name}")

    def _write_manifest(self, header: Mapping[str, Any], files: Mapping[str, dict[str, Any]]) -> None:
        # A line per file: easy to read and to compare, and quicker than an indented dump.
        lines = [f"{_dump(name)}: {_dump(files[name])}" for name in sorted(files)]
        head = _dump({"loratui": _VERSION, **header})[:-1]
        part = self.path / f".{MANIFEST}.part"
        with part.open("w", encoding="utf-8") as file:
            file.write(head + ', "files": {\n' + ",\n".join(lines) + "\n}}\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path / MANIFEST)


@contextmanager
def open_folder(path: Path, *, owner: str) -> Iterator[ExportFolder]:
    """Lock an export folder, making it where there is none.

    Raises ConflictError for anything that is not an earlier export of the same owner or empty, and while another
    export is writing to it.
    """
    if path.exists() and not path.is_dir():
        raise ConflictError(
            f"{show_path(path)} is a file.", hint="Name a folder that is new, empty, or an earlier export."
        )
    path.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"Another export is writing to {show_path(path)}.", hint="Wait until it is done."
            ) from error
        yield _read_folder(path, owner)
    finally:
        os.close(handle)


def find_cached_stem(name: str, stems: set[str]) -> str | None:
    """The one of these stems that a trainer's cache file (`stem.npz`, `stem_0512x0512_sd.npz`) was made of."""
    if not name.endswith(".npz"):
        return None
    stem = name.removesuffix(".npz")
    while stem not in stems:
        stem, underscore, _ = stem.rpartition("_")
        if not underscore:
            return None
    return stem


def _read_folder(path: Path, owner: str) -> ExportFolder:
    try:
        raw = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        if any(entry.name != f".{MANIFEST}.part" for entry in _scan(path)):
            raise ConflictError(
                f"{show_path(path)} holds files that loratui did not put there.", hint="Name a new or empty folder."
            ) from None
        return ExportFolder(path)
    except ValueError as error:
        raise _not_ours(path) from error
    if not isinstance(raw, dict) or raw.get("loratui") != _VERSION or not isinstance(raw.get("files"), dict):
        raise _not_ours(path)
    if raw.get("subject") != owner:
        raise ConflictError(
            f"{show_path(path)} holds the export of another subject, {raw.get('subject')}.",
            hint="Name a folder of its own.",
        )
    files = raw["files"]
    folders = {name.rpartition("/")[0] for name in files} - {""}
    if not all(_OURS.fullmatch(name) and isinstance(about, dict) for name, about in files.items()):
        raise _not_ours(path)
    if any((path / folder).is_symlink() for folder in folders):
        raise _not_ours(path)
    finished_ns = (path / MANIFEST).stat().st_mtime_ns if raw.get("state") == "complete" else 0
    present = {entry.name for entry in _scan(path)}
    for folder in folders:
        present |= {f"{folder}/{entry.name}" for entry in _scan(path / folder)}
    return ExportFolder(path, files, finished_ns, present)


def _not_ours(path: Path) -> ConflictError:
    return ConflictError(
        f"The manifest of {show_path(path)} is damaged, so loratui can't tell its files from yours.",
        hint="Name a new folder, or move this one away.",
    )


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []
