"""What SQLite's failures mean to a person."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from loratui.errors import ConflictError, LoratuiError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def telling_failures(database: Path) -> Iterator[None]:
    """Turn the failures of SQLite that a person can do something about into errors with a hint."""
    try:
        yield
    except DBAPIError as error:
        if told := explain(error.orig, database):
            raise told from error
        raise
    except sqlite3.Error as error:
        if told := explain(error, database):
            raise told from error
        raise


def explain(error: BaseException | None, database: Path) -> LoratuiError | None:
    """The error to show for a failure of SQLite, or None for one that is a mistake of ours."""
    if not isinstance(error, sqlite3.Error):
        return None
    # The low byte of an extended result code is the primary one: https://sqlite.org/rescode.html
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return ConflictError(
                "Another process keeps the library locked.",
                hint="Wait for the import or upgrade that is running, then try again.",
            )
        case sqlite3.SQLITE_FULL:
            return RefusedError(
                f"The disk of {database.parent} is full; nothing was changed.", hint="Free some space, then try again."
            )
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return RefusedError(
                f"{database} can't be opened for writing: {error}.",
                hint="Check who owns the file and its folder, or set LORATUI_HOME elsewhere.",
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return RefusedError(
                f"{database} is damaged: {error}.",
                hint=f"Put back the newest copy from {database.parent / 'backups'}, and keep the damaged file.",
            )
        case sqlite3.SQLITE_IOERR:
            return RefusedError(
                f"The disk failed under {database}: {error}.", hint="Check the disk and the system log, then try again."
            )
    return None
