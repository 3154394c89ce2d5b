"""The end of a growing log, read on by offset: no pipe, so any number of readers may look and none holds it up."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

FIRST_BYTES = 256 * 1024
"""How far before its end a log is first read."""
_MOST_BYTES = 1024 * 1024
_BREAK = re.compile(r"\r\n|\n|\r")
_BEGIN = re.compile(r"--- attempt (\d+), [-\d: ]+ ---")
"""What `RunFolder.begin_log` writes."""


class LogTail:
    """Follows one file. It may not be there yet, and may be cut or replaced by a shorter one."""

    def __init__(self, path: Path, *, first_bytes: int = FIRST_BYTES) -> None:
        self._path = path
        self._first = first_bytes
        self._offset: int | None = None
        self._rest = b""
        self._attempt = 0

    def read_numbered(self) -> list[tuple[int, str]]:
        """Like `read_on`, each line with the number of the attempt that printed it, less those that say which begins.

        Before the first that says so they are of the attempt before; where none does it is 0.
        """
        found: list[tuple[int, str]] = []
        for line in self.read_on():
            if begin := _BEGIN.fullmatch(line):
                self._attempt = int(begin[1])
                found = [(number or self._attempt - 1, told) for number, told in found]
            else:
                found.append((self._attempt, line))
        return found

    def read_on(self) -> list[str]:
        """The lines that were completed since the last reading, without their ends.

        Progress bars end their lines with a carriage return: each of their states counts as a line.
        """
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                begins_inside = False
                if self._offset is None:
                    self._offset = max(0, size - self._first)
                    begins_inside = self._offset > 0
                elif size < self._offset:
                    self._offset, self._rest = 0, b""
                file.seek(self._offset)
                data = file.read(_MOST_BYTES)
        except FileNotFoundError:
            return []
        self._offset += len(data)
        text = self._rest + data
        # What follows the last break is still being written; a last \r may be half of a \r\n.
        end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, -1)) + 1
        self._rest = text[end:]
        lines = _BREAK.split(text[:end].decode("utf-8", errors="replace"))[:-1]
        return lines[1:] if begins_inside else lines
