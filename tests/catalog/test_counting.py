"""The counts of memberships that triggers keep: what counting anew would find, whatever was done and by whom."""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loratui.catalog import roles, schema, subjects, tables
from loratui.catalog.counting import mend_counts
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import redo, undo
from loratui.catalog.store import Catalog, open_catalog
from loratui.config import Home, find_home
from loratui.errors import LoratuiError

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.rows import Subject

Fill = Callable[..., list[int]]
Counts = dict[tuple[int, str, int], tuple[int, int]]
"""By subject id, role and repeats (0 for none of their own): how many memberships, and their mark."""


def _scatter(id_: int) -> int:
    return id_ * 2654435761 % 2147483629 * id_ % 2147483647


def _count_anew(catalog: Catalog) -> Counts:
    counts: Counter[tuple[int, str, int]] = Counter()
    marks: Counter[tuple[int, str, int]] = Counter()
    with catalog.read() as connection:
        for id_, subject, role, repeats in connection.exec_driver_sql(
            "SELECT id, subject_id, role, repeats FROM membership"
        ).all():
            counts[subject, role, repeats or 0] += 1
            marks[subject, role, repeats or 0] += _scatter(id_)
    return {key: (count, marks[key]) for key, count in counts.items()}


def _kept(catalog: Catalog) -> Counts:
    with catalog.read() as connection:
        rows = connection.execute(tables.membership_count.select()).all()
    return {(subject, role, repeats): (count, mark) for subject, role, repeats, count, mark in rows}


def _move_to(home: Home, revision: str) -> None:
    config = schema.make_config()
    with schema.migrating(home.database) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


# Whatever is done

_names = st.sampled_from(["Ada", "Bo", "Cy"])
_queries = st.sampled_from(["", "role:primary", "name:*1*", "-role:rejected", "role:inbox"])
_actions = st.one_of(
    st.tuples(st.just("add"), _names),
    st.tuples(st.just("import"), _names, st.sets(st.integers(0, 3), min_size=1)),
    st.tuples(st.just("role"), _names, st.sampled_from(roles.ROLES), _queries),
    st.tuples(st.just("repeats"), _names, st.none() | st.integers(1, 3), _queries),
    st.tuples(st.just("shift"), _names, st.sampled_from([-1, 1]), _queries),
    st.tuples(st.just("rating"), _names, st.integers(0, 5), _queries),
    st.tuples(st.just("balance"), _names),
    st.tuples(st.just("drop"), _names, _queries),
    st.tuples(st.just("move"), _names, _names),
    st.tuples(st.just("remove"), _names),
    st.tuples(st.just("cascade"), _names),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
)


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty library to copy, cheaper than a migration for every example, and pictures to import."""
    folder = tmp_path_factory.mktemp("pattern")
    open_catalog(find_home({"LORATUI_HOME": str(folder)})).close()
    for number in range(4):
        Image.new("RGB", (24, 24), (60 * number, 90, 200)).save(folder / f"{number}.png")
    return folder


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(actions=st.lists(_actions, min_size=1, max_size=12))
def test_the_counts_are_right_after_every_action(
    actions: list[Any], pattern: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = find_home({"LORATUI_HOME": str(tmp_path_factory.mktemp("home"))})
    home.create()
    shutil.copy(pattern / "library.db", home.database)
    with open_catalog(home) as catalog:
        for name in ("Ada", "Bo"):
            subjects.add_subject(catalog, name, f"trigger {name}")
            import_pictures(catalog, name, [pattern / "0.png", pattern / "1.png"], workers=1)
        for action in actions:
            _perform(catalog, pattern, *action)
            assert _kept(catalog) == _count_anew(catalog), action


def _perform(catalog: Catalog, pattern: Path, kind: str, *values: Any) -> None:
    services: dict[str, Callable[..., Any]] = {
        "add": lambda name: subjects.add_subject(catalog, name, f"trigger {name}"),
        "import": lambda name, numbers: import_pictures(
            catalog, name, [pattern / f"{number}.png" for number in sorted(numbers)], workers=1
        ),
        "role": lambda name, role, query: roles.set_role(catalog, name, role, query),
        "repeats": lambda name, repeats, query: roles.set_repeats(catalog, name, repeats, query),
        "shift": lambda name, by, query: roles.shift_repeats(catalog, name, by, query),
        "rating": lambda name, rating, query: roles.set_rating(catalog, name, rating, query),
        "balance": lambda name: roles.apply_balance(catalog, name),
        "drop": lambda name, query: roles.remove_pictures(catalog, name, query),
        "move": lambda name, other: _move_pictures(catalog, name, other),
        "remove": lambda name: subjects.remove_subject(catalog, name),
        "cascade": lambda name: _delete(catalog, subjects.get_subject(catalog, name)),
        "undo": lambda: undo(catalog),
        "redo": lambda: redo(catalog),
    }
    try:
        services[kind](*values)
    except LoratuiError:
        # A subject that isn't there, or nothing to undo: the sequence just goes on.
        return


def _move_pictures(catalog: Catalog, name: str, other: str) -> None:
    source, target = subjects.get_subject(catalog, name), subjects.get_subject(catalog, other)
    member = tables.membership.c
    with catalog.journal("membership.move", "move") as change:
        rows = change.connection.execute(tables.membership.select().where(member.subject_id == source.id)).all()
        there = {
            row.picture_id
            for row in change.connection.execute(tables.membership.select().where(member.subject_id == target.id)).all()
        }
        ids = [row.id for row in rows if row.picture_id not in there]
        change.update(tables.membership, ids, {"subject_id": target.id})


def _delete(catalog: Catalog, subject: Subject) -> None:
    """Behind the back of the journal, by the foreign keys alone."""
    with catalog.write() as connection:
        connection.execute(tables.subject.delete().where(tables.subject.c.id == subject.id))


# Whatever SQL does it

_COLUMNS = "subject_id, picture_id, name, role, repeats, added_at"


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT OR REPLACE INTO membership ({_COLUMNS})"
        " SELECT subject_id, picture_id, name, 'holdout', 7, added_at FROM membership WHERE id IN (1, 2, 4)",
        f"INSERT OR IGNORE INTO membership ({_COLUMNS})"
        " SELECT subject_id, picture_id + id % 2, name, 'primary', NULL, added_at FROM membership",
        f"INSERT INTO membership ({_COLUMNS})"
        " SELECT 2, picture_id, name, role, 3, added_at FROM membership WHERE true"
        " ON CONFLICT (subject_id, picture_id) DO UPDATE SET role = 'rejected', repeats = excluded.repeats",
        "UPDATE OR REPLACE membership SET subject_id = 2, picture_id = 4",
        "UPDATE OR IGNORE membership SET subject_id = 2, role = 'holdout'",
        "UPDATE membership SET id = id + 1000000",
        "UPDATE membership SET role = role, repeats = NULL, caption = 'x'",
        "UPDATE membership SET role = iif(role = 'primary', 'supporting', 'primary'), repeats = id % 3 + 1",
        "DELETE FROM membership WHERE role = 'primary'",
        "DELETE FROM membership",
        "DELETE FROM subject",
    ],
)
def test_the_counts_are_right_after_any_kind_of_statement(
    catalog: Catalog, mira: Subject, fill: Fill, statement: str
) -> None:
    fill(mira, {"role": "primary"}, {"role": "primary", "repeats": 4}, {"role": "supporting"}, {})
    fill(subjects.add_subject(catalog, "Nora", "zelvara")[0], {}, {"role": "primary"})
    with catalog.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO membership (subject_id, picture_id, name, added_at) VALUES (2, 1, '', '')"
        )
        connection.exec_driver_sql(statement)
    assert _kept(catalog) == _count_anew(catalog)


@given(st.lists(st.integers(1, 2**63 - 1), min_size=1, max_size=8, unique=True))
def test_marks_of_ids_of_any_size_are_whole_numbers_that_come_and_go(pattern: Path, ids: list[int]) -> None:
    with closing(sqlite3.connect(pattern / "library.db")) as connection:
        rows = [(id_, place) for place, id_ in enumerate(ids)]
        connection.executemany(
            "INSERT INTO membership (id, subject_id, picture_id, name, added_at) VALUES (?, 1, ?, '', '')", rows
        )
        wanted = sum(_scatter(id_ % 2147483647) for id_ in ids)
        query = "SELECT count, mark, typeof(mark) FROM membership_count"
        assert connection.execute(query).fetchall() == [(len(ids), wanted, "integer")]
        for id_ in ids[1:]:
            connection.execute("DELETE FROM membership WHERE id = ?", (id_,))
        assert connection.execute(query).fetchall() == [(1, _scatter(ids[0] % 2147483647), "integer")]


def test_marks_tell_sets_of_equal_sums_apart(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    first, second, third, fourth = fill(mira, {}, {}, {}, {})
    marks = []
    for outer in ("primary", "supporting"):
        roles.set_role(catalog, mira, outer, [first, fourth])
        roles.set_role(catalog, mira, "supporting" if outer == "primary" else "primary", [second, third])
        marks.append(subjects.summarize_subject(catalog, mira).marks["primary"])
    assert marks[0] != marks[1]


# Upgrades and mending


def test_a_library_from_before_the_counts_has_them_after_the_upgrade(
    catalog: Catalog, home: Home, mira: Subject, fill: Fill
) -> None:
    fill(mira, {"role": "primary"}, {"role": "primary", "repeats": 4}, {"role": "supporting"}, {}, {})
    fill(subjects.add_subject(catalog, "Nora", "zelvara")[0], {"role": "holdout"})
    before = subjects.list_subjects(catalog)
    catalog.close()
    _move_to(home, "0005")
    with closing(sqlite3.connect(home.database)) as connection, connection:
        assert not connection.execute("SELECT name FROM sqlite_master WHERE sql LIKE '%membership_count%'").fetchall()
        connection.execute("UPDATE membership SET role = 'rejected' WHERE id = 5")
    with open_catalog(home) as upgraded:
        assert len(list(home.backups.glob("*-0005.db"))) == 1
        assert _kept(upgraded) == _count_anew(upgraded)
        after = subjects.list_subjects(upgraded)
        assert [item.counts["rejected"] for item in after] == [1, 0]
        undo(upgraded)
        roles.set_role(upgraded, mira, "inbox", [5])
        redo_left = subjects.list_subjects(upgraded)
        assert redo_left[0] == before[0] and _kept(upgraded) == _count_anew(upgraded)


def test_counts_that_another_program_spoiled_are_mended(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {"role": "primary"}, {"role": "primary", "repeats": 4}, {})
    assert mend_counts(catalog) == 0
    with catalog.write() as connection:
        connection.exec_driver_sql("UPDATE membership_count SET count = 9 WHERE role = 'inbox'")
        connection.exec_driver_sql("UPDATE membership_count SET mark = 9 WHERE repeats = 4")
        connection.exec_driver_sql("DELETE FROM membership_count WHERE role = 'primary' AND repeats = 0")
        connection.exec_driver_sql("INSERT INTO membership_count VALUES (77, 'inbox', 0, 3, 5)")
    assert mend_counts(catalog) == 4
    assert mend_counts(catalog) == 0
    assert _kept(catalog) == _count_anew(catalog)


def test_counts_of_a_subject_that_is_not_there_do_no_harm(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {})
    for number in range(60):
        subjects.add_subject(catalog, f"Other {number}", f"othervok{number}")
    with catalog.write() as connection:
        connection.exec_driver_sql("INSERT INTO membership_count VALUES (777, 'inbox', 0, 3, 5)")
    assert sum(item.pictures for item in subjects.list_subjects(catalog)) == 1
    names = ["Mira", *(f"Other {number}" for number in range(55))]
    assert sum(item.pictures for item in subjects.list_subjects(catalog, names)) == 1
