"""Which schema the database has, and bringing it up to this version without losing a row."""

from __future__ import annotations

import fcntl
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import loratui
from loratui.catalog.failures import telling_failures
from loratui.errors import RefusedError
from loratui.events import Progress, Report, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from alembic.config import Config
    from sqlalchemy import Connection

    from loratui.config import Home

SCHEMA_HEAD = "0006"
"""The newest revision in migrations/versions; checked without importing Alembic."""

KEPT_BACKUPS = 10
_UPGRADE_TIMEOUT_S = 120.0
_PAGES_AT_ONCE = 4_096


def prepare(home: Home, report: Report = ignore_progress) -> None:
    """Create or upgrade the database of a home when it is not at SCHEMA_HEAD; `report` hears of an upgrade alone.

    Raises RefusedError when the file is no library, is damaged or comes from a newer version.
    """
    if read_revision(home.database) == SCHEMA_HEAD:
        return
    upgrade(home, report)


def read_revision(database: Path) -> str | None:
    """The revision of a database, or None for one that is missing or empty."""
    if not database.exists():
        return None
    # mode=rw: reading must not bring an empty file into being.
    place = f"{database.absolute().as_uri()}?mode=rw"
    with telling_failures(database), closing(sqlite3.connect(place, uri=True, timeout=10)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None
        if "alembic_version" in tables:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            return str(found[0]) if found else None
    raise RefusedError(
        f"{database} is a database, but not a loratui library.", hint="Move it away, or set LORATUI_HOME elsewhere."
    )


def upgrade(home: Home, report: Report = ignore_progress) -> None:
    """Migrate to the newest revision under the write lock, after a backup of a database that holds anything.

    The backup is what takes its time, and what `report` tells of.
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    config = make_config()
    with _one_at_a_time(home):
        before = read_revision(home.database)
        scripts = ScriptDirectory.from_config(config)
        if before == scripts.get_current_head():
            # Another process was first.
            return
        revisions = {script.revision for script in scripts.walk_revisions()}
        if before is not None and before not in revisions:
            raise RefusedError(
                f"{home.database} was last upgraded by loratui {_made_by(home.database)} (schema {before}); "
                f"this is {loratui.__version__} (schema {SCHEMA_HEAD}).",
                hint=f"Upgrade loratui, or restore an older copy from {home.backups}.",
            )
        if before is None:
            _refuse_lost_library(home)
        with migrating(home.database) as connection:
            if before is not None:
                # Inside the write lock, so that no commit slips in between the copy and the migration.
                back_up(home, before, report)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def make_config() -> Config:
    """Alembic's settings as an installed wheel needs them: no ini file, any working directory."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "loratui:catalog/migrations")
    return config


@contextmanager
def migrating(database: Path) -> Iterator[Connection]:
    """A connection that holds the write lock with foreign keys off, checked before it commits.

    With foreign keys on, rebuilding a table drops the old one, and ON DELETE CASCADE then empties its
    children without a word. The pragma is ignored inside a transaction, so it comes before BEGIN.
    """
    from sqlalchemy import create_engine, event, pool
    from sqlalchemy.engine import URL

    engine = create_engine(
        URL.create("sqlite", database=str(database)),
        connect_args={"isolation_level": None, "timeout": _UPGRADE_TIMEOUT_S},
        poolclass=pool.NullPool,
    )

    @event.listens_for(engine, "connect")
    def prepare_connection(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA foreign_keys=OFF")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with telling_failures(database), engine.begin() as connection:
            yield connection
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
            if orphans:
                places = ", ".join(f"{row[0]} row {row[1]} -> {row[2]}" for row in orphans)
                raise RefusedError(
                    f"The upgrade was taken back: rows would point at nothing ({places}).",
                    hint="Nothing was changed. Please report this with the lines above.",
                )
            connection.exec_driver_sql(f"PRAGMA user_version={_pack_version(loratui.__version__)}")
    finally:
        engine.dispose()


def back_up(home: Home, label: str, report: Report = ignore_progress) -> Path:
    """Copy the database, write-ahead log included, into the backups folder and keep the newest ten."""

    def tell(_status: int, left: int, pages: int) -> None:
        done, total = ((count * page_size + 2**20 - 1) >> 20 for count in (pages - left, pages))
        report(Progress("upgrade the library", done, total, note="MiB are copied to its backups first"))

    home.backups.mkdir(parents=True, exist_ok=True, mode=0o700)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    copy = home.backups / f"{stamp}-{label}.db"
    partial = copy.with_suffix(".partial")
    with closing(sqlite3.connect(home.database)) as source, closing(sqlite3.connect(partial)) as destination:
        (page_size,) = source.execute("PRAGMA page_size").fetchone()
        source.backup(destination, pages=_PAGES_AT_ONCE, progress=tell)
    partial.rename(copy)
    for old in sorted(home.backups.glob("*.db"))[:-KEPT_BACKUPS]:
        old.unlink(missing_ok=True)
    return copy


@contextmanager
def _one_at_a_time(home: Home) -> Iterator[None]:
    """Let one process at a time upgrade: switching a new file to WAL can't wait on SQLite's own lock."""
    try:
        lock = (home.data / "upgrade.lock").open("w")
    except OSError as error:
        raise RefusedError(
            f"Can't write into {home.data}: {error.strerror}.", hint="Check its owner, or set LORATUI_HOME elsewhere."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _refuse_lost_library(home: Home) -> None:
    """Raise RefusedError for a database that is there but empty, beside folders that tell of a library that was not.

    A full disk, a crash of the machine or a wrong copy leave such a file. A missing one is a new library.
    """
    kept = [folder for folder in (home.store, home.runs, home.sheets, home.backups) if _holds_anything(folder)]
    if not kept or not home.database.exists():
        return
    names = ", ".join(folder.name for folder in kept)
    copy = f"the newest copy from {home.backups}" if home.backups in kept else "a copy of it, if there is one"
    raise RefusedError(
        f"{home.database} is empty, but it had a library: {names} in {home.data} still hold its files.",
        hint=f"Put back {copy}. To begin a new library beside them instead, delete the empty file.",
    )


def _holds_anything(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _pack_version(version: str) -> int:
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    return major * 1_000_000 + minor * 1_000 + patch


def _made_by(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        packed = int(connection.execute("PRAGMA user_version").fetchone()[0])
    return f"{packed // 1_000_000}.{packed // 1_000 % 1_000}.{packed % 1_000}"
