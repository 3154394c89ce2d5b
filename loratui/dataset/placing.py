"""Putting one picture of the library into an export: as the same bytes where a trainer can read them, else as PNG."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import shutil
import stat
from typing import TYPE_CHECKING, Literal

from loratui.catalog.walking import show_path
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.rows import Box, Membership

Placement = Literal["linked", "copied", "encoded", "unchanged"]

# Remarks of the import that mean a trainer would see other pixels than we do, or that private data would leave.
_NOT_AS_IT_IS = frozenset(
    (
        *("alpha_flattened", "animated", "bilevel", "converted_16bit", "converted_cmyk", "converted_float"),
        *("converted_lab", "gps", "metadata_ignored", "multipage", "oriented", "profile_converted"),
    )
)

# Start of frame, in all its kinds; between them lie Huffman tables, extensions and arithmetic coding.
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}

_FICLONE = 0x40049409
_NO_REFLINK = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.EPERM, errno.ENOSYS)


def choose_suffix(picture: Membership, source: Path, *, cropped: bool = False) -> str | None:
    """The file suffix under which the stored bytes can be exported as they are; None when they must be encoded.

    Sd-scripts takes sizes from headers with the `imagesize` package, which raises at bytes between JPEG segments
    (the training stops) and is one pixel short for extended WebP (the picture may land in another bucket).
    """
    if cropped or picture.has_alpha or picture.orientation != 1 or picture.frames != 1:
        return None
    if _NOT_AS_IT_IS & set(picture.warnings):
        return None
    if picture.format == "PNG":
        return ".png"
    if picture.format == "JPEG":
        return ".jpg" if _read_jpeg_size(source) == (picture.width, picture.height) else None
    if picture.format == "WEBP":
        with source.open("rb") as file:
            return ".webp" if file.read(16)[12:] in (b"VP8 ", b"VP8L") else None
    # BMP could stay too, but is rare, and PNG says the same in less.
    return None


def _read_jpeg_size(source: Path) -> tuple[int, int] | None:
    """Width and height by walking the segments; None where one does not follow the other."""
    with source.open("rb") as file:
        if file.read(2) != b"\xff\xd8":
            return None
        while (head := file.read(4)) and head[0] == 0xFF:
            while len(head) == 4 and head[1] == 0xFF:
                # Any number of 0xFF may fill up the space before a marker.
                head = head[1:] + file.read(1)
            if len(head) < 4:
                return None
            if head[1] in _FRAME_MARKERS:
                frame = file.read(5)
                return int.from_bytes(frame[3:5]), int.from_bytes(frame[1:3])
            file.seek(int.from_bytes(head[2:4]) - 2, 1)
    return None


class Placer:
    """Places stored files by reflink, hard link or copy, and remembers what the file system can't do.

    A reflink comes first: editing the export then can't reach the library. A hard link is made only to a file
    nobody may write to, so that opening the export for writing fails; root, whom no permission stops, is warned
    in the documentation. A file that belongs to the user (an in-place picture) is only ever reflinked or copied.
    """

    def __init__(self) -> None:
        self._can_reflink = True
        self._can_link = True

    def place(self, source: Path, target: Path, *, sha256: str, managed: bool) -> Placement:
        """Make a new file of the bytes of `source`; RefusedError when they are not the ones that were imported."""
        if not managed:
            # The library vouches for its own store only.
            self._copy_checked(source, target, sha256)
            return "copied"
        if self._can_reflink and self._reflink(source, target):
            return "linked"
        if self._can_link and self._hard_link(source, target):
            return "linked"
        part = _part(target)
        shutil.copyfile(source, part)
        _publish(part, target, source)
        return "copied"

    def needs_space(self, source: Path, folder: Path) -> bool:
        """Tell beforehand whether placing a stored file would take its size on disk."""
        if not self._can_link and not self._can_reflink:
            return True
        there = source.stat()
        return there.st_dev != folder.stat().st_dev or bool(there.st_mode & _WRITABLE)

    def is_placed(self, source: Path, target: Path) -> bool:
        """Tell whether `target` already is `source` or an untouched copy of it."""
        try:
            there = target.lstat()
        except FileNotFoundError:
            return False
        wanted = source.stat()
        if not stat.S_ISREG(there.st_mode):
            return False
        same_file = (there.st_dev, there.st_ino) == (wanted.st_dev, wanted.st_ino)
        # Copies carry the time of their source, so an edit shows as a later one.
        return same_file or (there.st_size, there.st_mtime_ns) == (wanted.st_size, wanted.st_mtime_ns)

    def _reflink(self, source: Path, target: Path) -> bool:
        part = _part(target)
        try:
            with source.open("rb") as original, part.open("wb") as clone:
                fcntl.ioctl(clone.fileno(), _FICLONE, original.fileno())
        except OSError as error:
            part.unlink(missing_ok=True)
            if error.errno not in _NO_REFLINK:
                raise
            self._can_reflink = False
            return False
        _publish(part, target, source)
        return True

    def _hard_link(self, source: Path, target: Path) -> bool:
        if source.stat().st_mode & _WRITABLE:
            return False
        try:
            os.link(source, target)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
                raise
            # Too many links is about this one file, the others are about the file system.
            self._can_link = error.errno == errno.EMLINK
            return False
        return True

    def _copy_checked(self, source: Path, target: Path, sha256: str) -> None:
        part = _part(target)
        digest = hashlib.sha256()
        with source.open("rb") as original, part.open("wb") as copy:
            while block := original.read(1 << 20):
                digest.update(block)
                copy.write(block)
        if digest.hexdigest() != sha256:
            part.unlink()
            raise RefusedError(
                f"{show_path(source)} is not the file that was imported any more.",
                hint="Put the original back, or import the changed file as a new picture and reject this one.",
            )
        _publish(part, target, source)


def encode_png(data: bytes, target: Path, crop: Box | None = None) -> str:
    """Write a picture file's bytes as upright 8-bit sRGB PNG on white without metadata; returns the PNG's sha256.

    The same picture and crop always give the same bytes.
    """
    from loratui.catalog.pictures import load_rgb

    # Its size was checked when it was imported.
    image = load_rgb(data, max_megapixels=float("inf"))
    if crop is not None:
        left, top, width, height = crop
        image = image.crop((left, top, left + width, top + height))
    image.info.clear()
    encoded = io.BytesIO()
    image.save(encoded, "PNG", compress_level=4)
    part = _part(target)
    part.write_bytes(encoded.getvalue())
    part.replace(target)
    return hashlib.sha256(encoded.getbuffer()).hexdigest()


_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def _part(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


def _publish(part: Path, target: Path, source: Path) -> None:
    there = source.stat()
    os.utime(part, ns=(there.st_atime_ns, there.st_mtime_ns))
    part.replace(target)
