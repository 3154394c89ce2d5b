"""Creating and upgrading the database: several processes at once, and never at the cost of a row."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.schema import CreateTable

import loratui
from loratui.catalog import edits, schema, tables
from loratui.catalog.store import Catalog, now, open_catalog
from loratui.catalog.subjects import add_subject
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.catalog.rows import Subject
    from loratui.config import Home
    from loratui.events import Progress

OPEN = """
import sys
from loratui.catalog.store import open_catalog
from loratui.config import find_home
print("ready", flush=True)
sys.stdin.readline()
with open_catalog(find_home({"LORATUI_HOME": sys.argv[1]})) as catalog:
    with catalog.read() as connection:
        print(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())
    print("alembic" in sys.modules)
"""

# A table rebuild is what loses rows when foreign keys are on.
REBUILD_SUBJECT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{head}"


def upgrade():
    with op.batch_alter_table("subject", recreate="always") as batch:
        batch.alter_column("class_word", type_=sa.Text(), existing_type=sa.String())
{more}
"""


def _open_in(process_count: int, home: Home) -> list[tuple[str, bool]]:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, str(home.data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(process_count)
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    results = []
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        version, imported = output.split()
        results.append((version, imported == "True"))
    return results


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that the upgrade uses from now on; returns its versions folder."""
    folder = tmp_path / "migrations"
    shutil.copytree(Path(loratui.__file__).parent / "catalog" / "migrations", folder)

    def make_config() -> Config:
        config = Config()
        config.set_main_option("script_location", str(folder))
        return config

    monkeypatch.setattr(schema, "make_config", make_config)
    return folder / "versions"


def _add_children(catalog: Catalog, subject: Subject) -> None:
    with catalog.write() as connection:
        row = {"subject_id": subject.id, "path": b"\xff", "display_path": "x", "reason": "corrupt", "at": now()}
        connection.execute(tables.refused.insert(), row)
        connection.execute(tables.caption_rules.insert(), {"subject_id": subject.id, "rules": {"prefix": "photo of"}})


def _count(home: Home, table: str) -> int:
    with closing(sqlite3.connect(home.database)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _rows(home: Home, table: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(home.database)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def _move_to(home: Home, revision: str) -> None:
    config = schema.make_config()
    with schema.migrating(home.database) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_four_processes_opening_a_new_library_at_once_all_succeed(home: Home) -> None:
    assert [version for version, _ in _open_in(4, home)] == [schema.SCHEMA_HEAD] * 4


def test_alembic_is_not_imported_when_the_schema_is_current(home: Home) -> None:
    open_catalog(home).close()
    assert _open_in(1, home) == [(schema.SCHEMA_HEAD, False)]


def test_the_models_and_the_migrations_describe_the_same_schema(catalog: Catalog, home: Home) -> None:
    config = schema.make_config()
    with schema.migrating(home.database) as connection:
        config.attributes["connection"] = connection
        command.check(config)


def test_the_head_named_in_the_code_is_the_only_head() -> None:
    assert ScriptDirectory.from_config(schema.make_config()).get_heads() == [schema.SCHEMA_HEAD]


def test_the_first_schema_can_be_taken_down_and_put_up_again(catalog: Catalog, home: Home) -> None:
    config = schema.make_config()
    with schema.migrating(home.database) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        left = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE sql IS NOT NULL").scalars().all()
        assert set(left) <= {"alembic_version", "sqlite_sequence"}
        command.upgrade(config, "head")
    add_subject(catalog, "Mira", "miravel")


def test_a_library_of_the_first_schema_keeps_every_row_up_and_down(
    catalog: Catalog, home: Home, mira: Subject, fill: Callable[..., list[int]]
) -> None:
    ids = fill(mira, {"rating": 3, "repeats": 4}, {"role": "primary", "caption": "a hat"})
    edits.add_tags(catalog, mira, ids, ["smile"])
    _add_children(catalog, mira)
    catalog.close()
    kept = ("membership", "picture", "tag_edit", "refused", "caption_rules", "journal")
    _move_to(home, "0001")
    before = {table: _rows(home, table) for table in kept}
    assert all(before.values())
    schema.upgrade(home)
    after = {table: _rows(home, table) for table in kept}
    assert after == before | {"membership": [(*row, None, None, None, None) for row in before["membership"]]}
    with closing(sqlite3.connect(home.database)) as connection, connection:
        connection.execute("UPDATE membership SET crop_left = 1, crop_top = 2, crop_width = 30, crop_height = 40")
        connection.execute("INSERT INTO measure (subject_id, name, value, stamp) VALUES (?, 'x', 1, '')", (mira.id,))
    _move_to(home, "0001")
    assert {table: _rows(home, table) for table in kept} == before


def test_scores_from_before_taggings_count_as_tagged_after_the_upgrade(
    catalog: Catalog, home: Home, mira: Subject, fill: Callable[..., list[int]]
) -> None:
    fill(mira, {}, {})
    with catalog.read() as connection:
        first, second = connection.execute(select(tables.picture.c.id).order_by(tables.picture.c.id)).scalars()
    edits.store_tag_scores(catalog, first, "wd", [("smile", "general", 0.9), ("hat", "general", 0.2)])
    edits.store_tag_scores(catalog, first, "cast", [("smile", "general", 0.8)])
    edits.store_tag_scores(catalog, second, "zed", [("hat", "general", 0.7)])
    edits.store_tag_scores(catalog, second, "wd", [("hat", "general", 0.7)])
    catalog.close()
    scores = _rows(home, "tag_score")
    order = [(first, "wd"), (first, "cast"), (second, "zed"), (second, "wd")]
    _move_to(home, "0002")
    schema.upgrade(home)
    assert _rows(home, "tag_score") == scores
    assert sorted(row[1:3] for row in _rows(home, "tagging")) == [
        (first, "cast"),
        (first, "wd"),
        (second, "wd"),
        (second, "zed"),
    ]
    # By when they came, not by name: the last one counts.
    assert [row[1:3] for row in sorted(_rows(home, "tagging"))] == order
    with open_catalog(home) as reopened, reopened.read() as connection:
        assert connection.execute(select(tables.tagging.c.at)).scalars().first() is not None


def test_what_was_scored_and_found_goes_with_its_picture(
    catalog: Catalog, mira: Subject, fill: Callable[..., list[int]]
) -> None:
    fill(mira, {})
    with catalog.write() as connection:
        picture = connection.execute(select(tables.picture.c.id)).scalar()
        row = {"picture_id": picture, "at": now()}
        connection.execute(tables.tagging.insert(), row | {"tagger": "wd"})
        connection.execute(tables.finding.insert(), row | {"kind": "faces", "model": "yunet", "value": 2.0})
        assert connection.execute(select(tables.finding.c.detail)).scalar() == {}
        connection.execute(tables.membership.delete())
        connection.execute(tables.picture.delete())
        assert not connection.execute(select(tables.tagging)).all()
        assert not connection.execute(select(tables.finding)).all()


@pytest.mark.parametrize("crop", ["1, 2, 30, NULL", "-1, 0, 30, 40", "0, 0, 0, 40", "NULL, NULL, 30, 40"])
@pytest.mark.parametrize("upgraded", [True, False])
def test_no_crop_without_all_its_sides_gets_into_the_database(
    catalog: Catalog, home: Home, mira: Subject, fill: Callable[..., list[int]], crop: str, upgraded: bool
) -> None:
    fill(mira, {})
    catalog.close()
    with closing(sqlite3.connect(home.database)) as connection:
        if not upgraded:
            # As the models declare the table, not as the upgrade left it.
            connection.executescript(
                f"DROP TABLE membership; {CreateTable(tables.membership).compile(dialect=sqlite_dialect())}"
            )
        table = "(subject_id, picture_id, name, added_at, crop_left, crop_top, crop_width, crop_height)"
        with pytest.raises(sqlite3.IntegrityError, match="CHECK"):
            connection.execute(f"INSERT INTO membership {table} VALUES (1, 9, 'x', '', {crop})")
        connection.execute(f"INSERT INTO membership {table} VALUES (1, 9, 'x', '', 0, 0, 1, 1)")


def test_rebuilding_a_parent_table_keeps_every_child_row(
    catalog: Catalog, home: Home, mira: Subject, next_version: Path
) -> None:
    _add_children(catalog, mira)
    catalog.close()
    (next_version / "next_rebuild.py").write_text(REBUILD_SUBJECT.format(head=schema.SCHEMA_HEAD, more=""))
    schema.upgrade(home)
    assert schema.read_revision(home.database) == "next"
    assert _count(home, "subject") == _count(home, "refused") == _count(home, "caption_rules") == 1


def test_the_same_rebuild_with_foreign_keys_on_would_empty_the_children(
    catalog: Catalog, home: Home, mira: Subject
) -> None:
    """What the upgrade's pragma guards against; when this fails, SQLite has changed its mind."""
    _add_children(catalog, mira)
    catalog.close()
    with closing(sqlite3.connect(home.database, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE copy AS SELECT * FROM subject")
        connection.execute("DROP TABLE subject")
        connection.execute("COMMIT")
    assert _count(home, "refused") == 0


def test_an_upgrade_of_a_library_with_content_starts_with_a_backup_that_works(
    catalog: Catalog, home: Home, mira: Subject, next_version: Path
) -> None:
    catalog.close()
    (next_version / "next_rebuild.py").write_text(REBUILD_SUBJECT.format(head=schema.SCHEMA_HEAD, more=""))
    schema.upgrade(home)
    (backup,) = home.backups.iterdir()
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT name FROM subject").fetchall() == [("Mira",)]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(schema.SCHEMA_HEAD,)]


def test_an_upgrade_tells_how_far_it_is_and_opening_tells_nothing_else(
    catalog: Catalog, home: Home, mira: Subject
) -> None:
    catalog.close()
    told: list[Progress] = []
    open_catalog(home, report=told.append).close()
    assert told == []
    _move_to(home, "0005")
    open_catalog(home, report=told.append).close()
    assert told[-1].done == told[-1].total > 0


def test_of_several_upgrades_at_once_one_does_the_work(
    catalog: Catalog, home: Home, mira: Subject, next_version: Path
) -> None:
    catalog.close()
    (next_version / "next_rebuild.py").write_text(REBUILD_SUBJECT.format(head=schema.SCHEMA_HEAD, more=""))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(schema.upgrade, [home] * 4))
    assert schema.read_revision(home.database) == "next"
    assert len(list(home.backups.iterdir())) == 1


def test_a_new_library_needs_no_backup(catalog: Catalog, home: Home) -> None:
    assert not home.backups.exists()


def test_only_the_newest_ten_backups_are_kept(catalog: Catalog, home: Home) -> None:
    made = [schema.back_up(home, "test") for _ in range(12)]
    assert sorted(home.backups.iterdir()) == made[2:]


def test_an_upgrade_that_would_leave_orphans_is_taken_back(
    catalog: Catalog, home: Home, mira: Subject, next_version: Path
) -> None:
    _add_children(catalog, mira)
    catalog.close()
    (next_version / "next_rebuild.py").write_text(
        REBUILD_SUBJECT.format(head=schema.SCHEMA_HEAD, more='    op.execute("DELETE FROM subject")')
    )
    with pytest.raises(RefusedError, match="point at nothing"):
        schema.upgrade(home)
    assert schema.read_revision(home.database) == schema.SCHEMA_HEAD
    assert _count(home, "subject") == 1


def test_an_upgrade_that_fails_half_way_changes_nothing(
    catalog: Catalog, home: Home, mira: Subject, next_version: Path
) -> None:
    catalog.close()
    (next_version / "next_rebuild.py").write_text(
        REBUILD_SUBJECT.format(head=schema.SCHEMA_HEAD, more='    raise RuntimeError("half way")')
    )
    with pytest.raises(RuntimeError, match="half way"):
        schema.upgrade(home)
    with open_catalog(home) as reopened, reopened.read() as connection:
        assert connection.execute(tables.subject.select()).one().name == "Mira"


def test_a_library_of_a_newer_version_is_refused_and_left_alone(catalog: Catalog, home: Home) -> None:
    with catalog.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0999'")
        connection.exec_driver_sql("PRAGMA user_version = 3014015")
    with pytest.raises(RefusedError, match=r"loratui 3\.14\.15") as caught:
        open_catalog(home)
    assert "Upgrade" in caught.value.hint
    assert schema.read_revision(home.database) == "0999"


def test_a_foreign_database_is_refused(home: Home) -> None:
    home.create()
    with closing(sqlite3.connect(home.database)) as connection:
        connection.execute("CREATE TABLE recipes (id INTEGER)")
    with pytest.raises(RefusedError, match="not a loratui library"):
        open_catalog(home)


def test_a_damaged_database_is_refused_with_where_the_backups_are(home: Home) -> None:
    home.create()
    home.database.write_bytes(b"SQLite format 3\x00" + b"\xff" * 4000)
    with pytest.raises(RefusedError, match="is damaged") as caught:
        open_catalog(home)
    assert "backups" in caught.value.hint


def test_an_empty_database_beside_what_a_library_left_is_told_and_not_begun_anew(catalog: Catalog, home: Home) -> None:
    catalog.close()
    (home.store / "ab").mkdir()
    home.database.write_bytes(b"")
    for suffix in ("-wal", "-shm"):
        home.database.with_name(home.database.name + suffix).unlink(missing_ok=True)
    with pytest.raises(RefusedError, match="is empty, but it had a library: store") as caught:
        open_catalog(home)
    assert "delete the empty file" in caught.value.hint
    assert home.database.read_bytes() == b""
    home.database.unlink()
    open_catalog(home).close()
    assert schema.read_revision(home.database) == schema.SCHEMA_HEAD


def test_an_empty_database_in_an_empty_home_is_a_new_library(home: Home) -> None:
    home.create()
    home.database.write_bytes(b"")
    open_catalog(home).close()
    assert schema.read_revision(home.database) == schema.SCHEMA_HEAD


@pytest.mark.slow
def test_an_installed_wheel_upgrades_an_empty_database_from_any_folder(tmp_path: Path) -> None:
    repository = Path(__file__).parents[2]
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(repository)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(installed), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, text=True)
    script = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "import loratui; print(loratui.__file__)\n"
        "from loratui.catalog.store import open_catalog\n"
        "from loratui.config import find_home\n"
        "from loratui.catalog.subjects import add_subject\n"
        f"with open_catalog(find_home({{'LORATUI_HOME': {str(tmp_path / 'home')!r}}})) as catalog:\n"
        "    add_subject(catalog, 'Mira', 'miravel')\n"
        "from loratui.catalog.schema import read_revision\n"
        f"print(read_revision(find_home({{'LORATUI_HOME': {str(tmp_path / 'home')!r}}}).database))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd="/", check=True, capture_output=True, text=True)
    place, revision = done.stdout.split()
    assert Path(place).is_relative_to(installed)
    assert revision == schema.SCHEMA_HEAD
