"""Connections: settings in force, one writer at a time, nobody locked out."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.exc import OperationalError

from loratui.catalog import store, tables
from loratui.catalog.store import Catalog, open_catalog, refuse_network_folder
from loratui.catalog.subjects import get_subject
from loratui.config import find_home
from loratui.errors import ConflictError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.rows import Subject
    from loratui.config import Home

COUNT_UP = """
import sys
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError
from loratui.catalog import tables
from loratui.catalog.store import open_catalog
from loratui.config import find_home

subject = tables.subject.c
with open_catalog(find_home({"LORATUI_HOME": sys.argv[1]})) as catalog:
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[2])):
        with catalog.write() as connection:
            count = connection.execute(select(subject.primary_repeats)).scalar_one()
            connection.execute(update(tables.subject).values(primary_repeats=count + 1))
"""


def test_every_connection_has_the_measured_settings(catalog: Catalog) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 10_000, "temp_store": 2}
    with catalog.read() as first, catalog.write() as second:
        for connection in (first, second):
            found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
            assert found == wanted


def test_three_processes_that_read_then_write_lose_no_update_and_are_never_locked_out(
    catalog: Catalog, home: Home, mira: Subject
) -> None:
    rounds = 30
    command = [sys.executable, "-c", COUNT_UP, str(home.data), str(rounds)]
    writers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        _, errors = writer.communicate(timeout=120)
        assert "locked" not in errors
        assert writer.returncode == 0, errors
    assert get_subject(catalog, "Mira").primary_repeats == mira.primary_repeats + 3 * rounds


def test_threads_share_one_catalog(catalog: Catalog, mira: Subject) -> None:
    subject = tables.subject.c

    def count_up(_: int) -> None:
        with catalog.write() as connection:
            count = connection.execute(select(subject.primary_repeats)).scalar_one()
            connection.execute(update(tables.subject).values(primary_repeats=count + 1))

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(count_up, range(60)))
    assert get_subject(catalog, "Mira").primary_repeats == mira.primary_repeats + 60


def test_a_reader_sees_one_moment_while_others_write(catalog: Catalog, mira: Subject) -> None:
    names = select(tables.subject.c.name)
    with catalog.read() as reader:
        before = reader.execute(names).scalars().all()
        with catalog.write() as writer:
            writer.execute(update(tables.subject).values(name="Nora"))
        assert reader.execute(names).scalars().all() == before
    assert get_subject(catalog, "Nora").id == mira.id


def test_a_write_that_raises_leaves_nothing_behind(catalog: Catalog, mira: Subject) -> None:
    with pytest.raises(ZeroDivisionError), catalog.write() as connection:
        connection.execute(update(tables.subject).values(name="Nora"))
        _ = 1 / 0
    assert get_subject(catalog, "Mira") == mira


def test_a_write_inside_a_write_is_told_apart_from_a_foreign_lock(catalog: Catalog) -> None:
    with catalog.write(), pytest.raises(ConflictError, match="This thread") as caught, catalog.write():
        pass
    assert caught.value.hint
    with catalog.write():
        pass


def test_a_lock_held_too_long_is_a_conflict_with_a_hint(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BUSY_TIMEOUT_MS", 20)
    with open_catalog(home) as catalog:
        other = sqlite3.connect(home.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConflictError, match="locked") as caught, catalog.write():
            pass
        assert caught.value.hint
        other.execute("ROLLBACK")
        with catalog.write():
            pass


def test_a_full_disk_is_told_and_changes_nothing(catalog: Catalog, mira: Subject) -> None:
    with pytest.raises(RefusedError, match="full") as caught, catalog.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
        connection.execute(update(tables.subject).values(notes="x" * 1_000_000))
    assert caught.value.hint
    assert get_subject(catalog, "Mira") == mira


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RefusedError, match="can't be made") as caught:
        open_catalog(find_home({"LORATUI_HOME": str(tmp_path / "file" / "home")}))
    assert "LORATUI_HOME" in caught.value.hint


def test_a_mistake_of_ours_is_not_dressed_up(catalog: Catalog) -> None:
    with pytest.raises(OperationalError, match="no such table"), catalog.read() as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")


def test_the_data_version_changes_with_every_commit_and_with_nothing_else(catalog: Catalog, home: Home) -> None:
    first = catalog.data_version()
    with catalog.read():
        pass
    assert catalog.data_version() == first
    with catalog.write() as connection:
        connection.execute(tables.subject.delete())
        connection.execute(tables.seen_file.insert(), {"device": 1, "inode": 1, "size": 1, "mtime_ns": 1, "sha256": ""})
    second = catalog.data_version()
    assert second != first
    with open_catalog(home) as other, other.write() as connection:
        connection.execute(tables.seen_file.delete())
    assert catalog.data_version() != second


def test_a_catalog_may_be_closed_from_another_thread(home: Home) -> None:
    catalog = open_catalog(home)
    with catalog.write():
        pass
    catalog.data_version()
    closer = threading.Thread(target=catalog.close)
    closer.start()
    closer.join()
    with open_catalog(home) as again, again.read() as connection:
        assert connection.exec_driver_sql("PRAGMA quick_check").scalar_one() == "ok"


def test_leaving_a_large_library_does_not_read_all_of_it(home: Home) -> None:
    with open_catalog(home) as catalog, catalog.write() as connection:
        files = [{"device": 1, "inode": at, "size": 1, "mtime_ns": 1, "sha256": f"{at:064}"} for at in range(30_000)]
        connection.execute(tables.seen_file.insert(), files)
    catalog = open_catalog(home)
    thousands = 0

    def count() -> None:
        nonlocal thousands
        thousands += 1

    # What was looked for by an index is what SQLite wants statistics of.
    event.listen(catalog._reading, "connect", lambda made, _: made.set_progress_handler(count, 1_000))
    with catalog.write() as connection:
        found = select(tables.seen_file.c.size).where(tables.seen_file.c.device == 1, tables.seen_file.c.inode == 7)
        assert connection.execute(found).scalar_one() == 1
    thousands = 0
    catalog.close()
    with open_catalog(home) as catalog, catalog.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'seen_file'").scalar_one()
    assert thousands < 60


@pytest.mark.parametrize("kind", ["nfs4", "fuse.sshfs", "cifs", "9p"])
def test_a_network_file_system_is_refused_with_what_to_do(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "my home"
    folder.mkdir()
    mounts = tmp_path / "mountinfo"
    point = str(folder).replace(" ", "\\040")
    mounts.write_text(
        f"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n40 22 0:40 / {point} rw shared:2 - {kind} box:/x rw\n"
    )
    with pytest.raises(RefusedError, match=kind.replace(".", r"\.")) as caught:
        refuse_network_folder(folder / "library", mounts)
    assert "LORATUI_HOME" in caught.value.hint
    refuse_network_folder(tmp_path, mounts)


def test_reading_the_catalog_loads_no_heavy_module() -> None:
    script = (
        "import sys, loratui.catalog.query, loratui.catalog.subjects, loratui.catalog.roles, loratui.catalog.edits, "
        "loratui.catalog.journal; heavy = {'alembic', 'sqlmodel', 'pydantic', 'numpy', 'PIL', 'torch', 'imagehash'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
