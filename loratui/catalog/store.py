"""The open library: connections, transactions, and the lock that writers take."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError

from loratui.catalog import changes, schema
from loratui.catalog.failures import telling_failures
from loratui.errors import ConflictError, RefusedError
from loratui.events import Report, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from loratui.config import Home

BUSY_TIMEOUT_MS = 10_000

# WAL keeps its index in shared memory, which these can't share between machines: it corrupts or fails there.
_NETWORK_FILE_SYSTEMS = (
    *("9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.glusterfs", "fuse.s3fs", "fuse.sshfs", "gpfs"),
    *("lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"),
)


class Catalog:
    """One open library, usable from any thread; every context takes its own connection from a pool."""

    def __init__(self, home: Home, actor: str, engine: Engine) -> None:
        self.home = home
        self.actor = actor
        self._reading = engine
        self._writing = engine.execution_options(loratui_write=True)
        self._writers = threading.local()
        self._wrote = False
        self._watch: sqlite3.Connection | None = None
        self._watch_lock = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view of the library for as long as the context lasts."""
        with telling_failures(self.home.database), self._reading.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that no undo knows of: for bookkeeping. Rolled back when the block raises."""
        if getattr(self._writers, "active", False):
            raise ConflictError(
                "This thread already has a write open on the library.", hint="Use the connection of the open write."
            )
        self._writers.active = True
        try:
            with telling_failures(self.home.database), self._writing.begin() as connection:
                yield connection
        finally:
            self._writers.active = False
        self._wrote = True

    @contextmanager
    def journal(self, action: str, label: str, *, onto: int = 0) -> Iterator[changes.Change]:
        """A transaction that undo can take back as one step; nothing is recorded when nothing changed.

        A long job writes now and then: with `onto`, the id of its entry, what is written becomes part of that step,
        unless something else was done or undone meanwhile.
        """
        with self.write() as connection:
            change = changes.Change(connection, action, label, onto)
            yield change
            change.record(self.actor, now())

    def data_version(self) -> int:
        """A number that changes when anyone, this process included, has committed to the library."""
        with self._watch_lock:
            if self._watch is None:
                # The pragma counts commits of other connections, so the watcher has one that never writes.
                self._watch = sqlite3.connect(self.home.database, check_same_thread=False)
                _set_pragmas(self._watch, None)
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Give every connection back."""
        with self._watch_lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        # Fresh statistics are worth having, but never worth waiting for another process.
        if self._wrote:
            with suppress(OperationalError), self._reading.connect() as connection:
                connection.exec_driver_sql("PRAGMA busy_timeout=0")
                # Or it reads whole tables, and leaving a large library takes as long as reading its file.
                connection.exec_driver_sql("PRAGMA analysis_limit=400")
                connection.exec_driver_sql("PRAGMA optimize")
                connection.commit()
        self._reading.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_catalog(home: Home, *, actor: str = "cli", report: Report = ignore_progress) -> Catalog:
    """Open the library of a home, creating or upgrading it first where needed; `report` hears of an upgrade.

    Raises RefusedError for a network file system, a damaged database or one that a newer version made.
    """
    try:
        home.create()
    except OSError as error:
        raise RefusedError(
            f"The library folder {home.data} can't be made: {error.strerror}.",
            hint="Check who owns the folder around it, or set LORATUI_HOME elsewhere.",
        ) from error
    refuse_network_folder(home.data)
    schema.prepare(home, report)
    engine = create_engine(
        URL.create("sqlite", database=str(home.database)),
        connect_args={"check_same_thread": False, "isolation_level": None},
        pool_size=8,
        max_overflow=24,
    )
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return Catalog(home, actor, engine)


def now() -> datetime:
    """The present moment as the catalog stores it: aware, UTC."""
    return datetime.now(UTC)


def refuse_network_folder(folder: Path, mounts: Path = Path("/proc/self/mountinfo")) -> None:
    """Raise RefusedError when a folder lies on a file system that several machines may share."""
    if not mounts.exists():
        return
    place = folder.resolve()
    best, kind = Path("/"), ""
    for line in mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        # proc(5): "36 35 98:0 /root /mount/point options - type source options", with octal escapes.
        left, _, right = line.partition(" - ")
        point = Path(left.split(" ")[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"))
        if place.is_relative_to(point) and len(point.parts) >= len(best.parts):
            best, kind = point, right.split(" ")[0]
    if kind in _NETWORK_FILE_SYSTEMS:
        raise RefusedError(
            f"The library folder {folder} is on a network file system ({kind}), where SQLite databases get damaged.",
            hint="Set LORATUI_HOME to a folder on a local disk.",
        )


def _set_pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        # Or rows that are replaced (INSERT OR REPLACE) go without the triggers that count memberships.
        "recursive_triggers=ON",
        "temp_store=MEMORY",
        "mmap_size=268435456",
    ):
        connection.execute(f"PRAGMA {pragma}")
    # For queries: SQLite has nothing that finds words in texts.
    connection.create_function("said_rating", 1, _find_said_rating, deterministic=True)


def _find_said_rating(text: str) -> str:
    # Most commands never ask for it, and its words take a while to load.
    from loratui.catalog.rating_words import find_said_rating

    return find_said_rating(text)


def _begin(connection: Connection) -> None:
    # A deferred BEGIN that reads and then writes fails at once with "database is locked" when another
    # process wrote in between, whatever the busy timeout says; taking the lock first waits instead.
    writing = connection.get_execution_options().get("loratui_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
