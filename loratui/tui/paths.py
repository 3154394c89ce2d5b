"""Paths typed in a line: reading several from one text, and completing the last one as a shell does."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

MOST = 200
"""Entries of a folder that are offered."""


def read_paths(text: str) -> list[Path]:
    """The paths in a text, quoted as for a shell; a text that is itself a path needs no quotes.

    Raises ValueError for a quote that is never closed.
    """
    whole = Path(text.strip()).expanduser()
    if text.strip() and whole.exists():
        return [whole]
    return [Path(word).expanduser() for word in shlex.split(text)]


def check_paths(text: str) -> str:
    """What is wrong with a text of paths, without looking at the disk."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return f"{error}".lower()
    return "" if words else "name a folder or a file"


def complete_paths(text: str) -> tuple[str, tuple[str, ...]]:
    """The text with its last path completed as far as it is sure, and the names it could go on with."""
    start = _find_last(text)
    try:
        word = "".join(shlex.split(_close(text[start:])))
    except ValueError:
        return text, ()
    completed, names = _complete(word, folders_only=False)
    return text[:start] + _quote(completed), names


def complete_folder(text: str) -> tuple[str, tuple[str, ...]]:
    """Like complete_paths, for a line that takes one folder; it needs no quotes."""
    return _complete(text, folders_only=True)


def complete_path(text: str) -> tuple[str, tuple[str, ...]]:
    """Like complete_paths, for a line that takes one file; it needs no quotes."""
    return _complete(text, folders_only=False)


def _complete(word: str, *, folders_only: bool) -> tuple[str, tuple[str, ...]]:
    if word == "~":
        return "~/", _list_folder("~/", "", folders_only=folders_only)
    head, slash, begun = word.rpartition("/")
    names = _list_folder(head + slash, begun, folders_only=folders_only)
    completed = head + slash + _begin_alike(names) if names else word
    if len(names) == 1:
        # What was begun is complete: a folder goes on with what is in it.
        names = _list_folder(completed, "", folders_only=folders_only) if completed.endswith("/") else ()
    return completed, names[:MOST]


def _list_folder(folder: str, begun: str, *, folders_only: bool) -> tuple[str, ...]:
    """What is in a folder and begins so, folders with a slash behind them; hidden ones only when a dot was typed."""
    try:
        with os.scandir(Path(folder or ".").expanduser()) as entries:
            return tuple(
                sorted(
                    entry.name + "/" * entry.is_dir()
                    for entry in entries
                    if entry.name.startswith(begun)
                    and (begun or not entry.name.startswith("."))
                    and (entry.is_dir() or not folders_only)
                )
            )
    # A folder that is not there, or can't be read, has nothing to go on with.
    except OSError:
        return ()


def _begin_alike(names: tuple[str, ...]) -> str:
    """What all names begin with; of a sorted list the first and the last decide."""
    first, last = names[0], names[-1]
    alike = next((place for place, char in enumerate(first) if last[place : place + 1] != char), len(first))
    return first[:alike]


def _find_last(text: str) -> int:
    """Where the last word of a line begins, with quotes and backslashes as in a shell."""
    start, quote, escaped = 0, "", False
    for place, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char.isspace():
            start = place + 1
    return start


def _close(word: str) -> str:
    """The word with the quote closed that it leaves open."""
    for end in ("", "'", '"'):
        try:
            shlex.split(word + end)
        except ValueError:
            continue
        return word + end
    return word


def _quote(path: str) -> str:
    return path if not set(path) & set(" \t'\"\\") else shlex.quote(path)
