"""Undo and redo: to the bit, across processes, in bulk, and never over somebody else's change."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from loratui.catalog import edits, roles, subjects, tables
from loratui.catalog.changes import Part, Placed, Replaced, Step, pack, unpack
from loratui.catalog.journal import history, latest_id, redo, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.store import Catalog, now, open_catalog
from loratui.config import Home, find_home
from loratui.errors import ConflictError, LoratuiError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.rows import Subject

Fill = Callable[..., list[int]]
Content = Callable[[], dict[str, list[tuple[Any, ...]]]]

OTHER_PROCESS = """
import sys
from loratui.catalog import journal
from loratui.catalog.store import open_catalog
from loratui.config import find_home
with open_catalog(find_home({"LORATUI_HOME": sys.argv[1]}), actor="tui") as catalog:
    print(getattr(journal, sys.argv[2])(catalog).label)
"""


def test_an_action_can_be_undone_and_redone(catalog: Catalog, mira: Subject, fill: Fill, content: Content) -> None:
    fill(mira, {}, {}, {"source_path": b"\xff\xfe"})
    before = content()
    roles.set_role(catalog, mira, "rejected", "", reason="blurry")
    after = content()
    entry = undo(catalog)
    assert entry.action == "membership.role" and entry.undone_at is not None
    assert content() == before
    assert redo(catalog).id == entry.id
    assert content() == after


def test_undo_goes_back_through_single_and_bulk_actions_to_an_empty_library(
    catalog: Catalog, content: Content, fill: Fill
) -> None:
    states = [content()]
    subject, _ = subjects.add_subject(catalog, "Mira", "miravel")
    states.append(content())
    fill(subject, *({"name": f"{number}.png"} for number in range(500)))
    states.append(content())
    for action in (
        lambda: roles.set_role(catalog, subject, "primary", "name:*1*"),
        lambda: roles.set_repeats(catalog, subject, 4, "role:primary"),
        lambda: edits.add_tags(catalog, subject, "name:*2*", ["smile", "red hat"]),
        lambda: edits.remove_tags(catalog, subject, "name:*2*", ["smile"]),
        lambda: edits.set_rules(catalog, subject, {"prefix": "photo of"}),
        lambda: roles.remove_pictures(catalog, subject, "name:*3*"),
        lambda: subjects.record_consent(catalog, subject, who="Mira", scope="training"),
        lambda: subjects.remove_subject(catalog, subject),
    ):
        action()
        states.append(content())
    for state in reversed(states[:-1]):
        undo(catalog)
        assert content() == state
    with pytest.raises(NotFoundError):
        undo(catalog)
    for state in states[1:]:
        redo(catalog)
        assert content() == state
    with pytest.raises(NotFoundError):
        redo(catalog)


def test_another_process_can_undo_and_redo(
    catalog: Catalog, home: Home, mira: Subject, fill: Fill, content: Content
) -> None:
    fill(mira, {})
    before = content()
    roles.set_rating(catalog, mira, 5, "")
    after = content()

    def run(verb: str) -> str:
        command = [sys.executable, "-c", OTHER_PROCESS, str(home.data), verb]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert run("undo") == "Mira: rating 5 for 1 picture"
    assert content() == before
    assert run("redo") == "Mira: rating 5 for 1 picture"
    assert content() == after


def test_history_lists_the_newest_first_with_who_and_whether_it_is_undone(
    catalog: Catalog, home: Home, mira: Subject, fill: Fill
) -> None:
    fill(mira, {})
    with open_catalog(home, actor="tui") as other:
        roles.set_rating(other, mira, 3, "")
    undo(catalog)
    assert [(entry.action, entry.actor, entry.undone_at is not None) for entry in history(catalog)] == [
        ("membership.rating", "tui", True),
        ("import", "cli", False),
        ("subject.add", "cli", False),
    ]
    assert len(history(catalog, limit=1)) == 1


def test_a_new_action_after_undo_clears_what_could_be_redone(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {})
    roles.set_rating(catalog, mira, 3, "")
    undo(catalog)
    roles.set_rating(catalog, mira, 4, "")
    with pytest.raises(NotFoundError):
        redo(catalog)
    assert next(entry.label for entry in history(catalog)) == "Mira: rating 4 for 1 picture"


def test_the_latest_id_is_that_of_the_newest_action(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {}, {})
    assert latest_id(catalog) == history(catalog, 1)[0].id


def test_an_action_that_changes_nothing_leaves_no_entry_and_keeps_redo(
    catalog: Catalog, mira: Subject, fill: Fill
) -> None:
    fill(mira, {})
    roles.set_rating(catalog, mira, 3, "")
    undo(catalog)
    assert roles.set_rating(catalog, mira, 0, "") == 0
    redo(catalog)
    assert select_memberships(catalog, mira)[0].rating == 3


def test_an_action_that_fails_leaves_neither_changes_nor_an_entry(
    catalog: Catalog, mira: Subject, content: Content
) -> None:
    before, entries = content(), history(catalog)
    with pytest.raises(ZeroDivisionError), catalog.journal("test", "test") as change:
        change.update(tables.subject, [mira.id], {"notes": "half done"})
        _ = 1 / 0
    assert content() == before
    assert history(catalog) == entries


def test_undo_refuses_when_a_changed_row_was_changed_again_without_a_journal(
    catalog: Catalog, mira: Subject, fill: Fill, content: Content
) -> None:
    first, _ = fill(mira, {}, {})
    roles.set_rating(catalog, mira, 3, "")
    with catalog.write() as connection:
        connection.execute(update(tables.membership).where(tables.membership.c.id == first).values(rating=1))
    before = content()
    with pytest.raises(ConflictError, match="rating") as caught:
        undo(catalog)
    assert caught.value.hint
    assert content() == before
    with catalog.write() as connection:
        connection.execute(update(tables.membership).where(tables.membership.c.id == first).values(rating=3))
    undo(catalog)


def test_undo_leaves_other_columns_of_the_row_alone(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    (first,) = fill(mira, {})
    roles.set_rating(catalog, mira, 3, "")
    with catalog.write() as connection:
        connection.execute(update(tables.membership).where(tables.membership.c.id == first).values(note="kept"))
    undo(catalog)
    (row,) = select_memberships(catalog, mira)
    assert (row.rating, row.note) == (0, "kept")


def test_undo_refuses_when_a_row_is_gone(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    (first,) = fill(mira, {})
    roles.set_rating(catalog, mira, 3, "")
    with catalog.write() as connection:
        connection.execute(tables.membership.delete().where(tables.membership.c.id == first))
    with pytest.raises(ConflictError):
        undo(catalog)


def test_undo_refuses_when_the_place_of_a_removed_row_is_taken(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    (first,) = fill(mira, {})
    picture = select_memberships(catalog, mira)[0].picture_id
    roles.remove_pictures(catalog, mira, [first])
    with catalog.write() as connection:
        row = {"subject_id": mira.id, "picture_id": picture, "name": "again", "added_at": now()}
        connection.execute(tables.membership.insert(), row)
    with pytest.raises(ConflictError):
        undo(catalog)


def test_what_hangs_on_an_undone_row_comes_back_with_redo(
    catalog: Catalog, mira: Subject, fill: Fill, content: Content
) -> None:
    fill(mira, {}, {})
    picture = select_memberships(catalog, mira)[0].picture_id
    edits.store_tag_scores(catalog, picture, "wd", [("smile", "general", 0.91), ("general", "rating", 0.8)])
    before = content()
    undo(catalog)
    assert content()["picture"] == content()["tag_score"] == []
    redo(catalog)
    assert content() == before


def test_undoing_that_a_subject_was_added_takes_its_trainings_along_and_redo_brings_them_back(
    catalog: Catalog, content: Content, fill: Fill
) -> None:
    empty = content()
    mira, _ = subjects.add_subject(catalog, "Mira", "miravel")
    fill(mira, {}, {})
    roles.set_role(catalog, mira, "primary", "")
    _add_run(catalog, mira)
    subjects.record_consent(catalog, mira, who="Mira", scope="training")
    full = content()
    for _ in range(4):
        undo(catalog)
    assert content() == {**empty, "base": full["base"]}
    for _ in range(4):
        redo(catalog)
    assert content() == full


@pytest.mark.parametrize("state", ["queued", "running"])
def test_undo_never_sweeps_away_a_training_that_a_process_may_be_at_work_on(
    catalog: Catalog, mira: Subject, content: Content, state: str
) -> None:
    _add_run(catalog, mira)

    def put(state: str) -> None:
        with catalog.write() as connection:
            connection.execute(update(tables.run).values(state=state))

    put(state)
    before = content()
    with pytest.raises(ConflictError, match="queued or running") as caught:
        undo(catalog)
    assert "loratui run stop mira-0001" in caught.value.hint
    assert content() == before
    put("stopped")
    undo(catalog)
    assert content()["subject"] == content()["run"] == []


def test_undoing_an_import_keeps_the_snapshots_that_were_made_of_it(
    catalog: Catalog, mira: Subject, fill: Fill, content: Content
) -> None:
    fill(mira, {}, {})
    _add_run(catalog, mira)
    before = content()
    undo(catalog)
    after = content()
    assert after["membership"] == []
    assert [after[name] for name in ("snapshot", "run", "sheet")] == [
        before[name] for name in ("snapshot", "run", "sheet")
    ]


def _add_run(catalog: Catalog, subject: Subject) -> None:
    with catalog.write() as connection:
        base = {"name": "cast", "path": "/b", "family": "cast", "layout": "folder", "created_at": now()}
        connection.execute(tables.base.insert(), base)
        snapshot = {"hash": "abc", "subject_id": subject.id, "content": "{}", "pictures": 0, "created_at": now()}
        connection.execute(tables.snapshot.insert(), snapshot)
        run = {"name": "mira-0001", "subject_id": subject.id, "snapshot_id": 1, "base_id": 1, "recipe": {"epochs": 2}}
        connection.execute(
            tables.run.insert(),
            run | {"folder": "/r", "output_name": "mira-0001", "state": "done", "queued_at": now()},
        )
        point = {"run_id": 1, "epoch": 1, "step": 9, "path": "/c", "autov3": "ff", "bytes": 3, "created_at": now()}
        connection.execute(tables.checkpoint.insert(), point)
        sheet = {"name": "s", "run_id": 1, "folder": "/s", "settings": {}, "created_at": now()}
        connection.execute(tables.sheet.insert(), sheet)
        connection.execute(
            tables.cell.insert(), {"sheet_id": 1, "key": "k", "checkpoint_id": 1, "prompt": "mira", "seed": 1}
        )


def test_removing_a_subject_with_runs_and_sheets_is_undone_completely(
    catalog: Catalog, mira: Subject, fill: Fill, content: Content
) -> None:
    fill(mira, {})
    _add_run(catalog, mira)
    before = content()
    subjects.remove_subject(catalog, mira)
    left = content()
    assert not any(left[name] for name in ("subject", "membership", "run", "checkpoint", "sheet", "cell", "snapshot"))
    assert len(left["picture"]) == 1
    undo(catalog)
    assert content() == before
    redo(catalog)
    assert content() == left


def test_a_link_that_is_set_to_null_comes_back_too(catalog: Catalog, mira: Subject, content: Content) -> None:
    _add_run(catalog, mira)
    before = content()
    with catalog.journal("test", "remove a checkpoint") as change:
        change.delete(tables.checkpoint, [1])
    assert content()["cell"] != before["cell"]
    undo(catalog)
    assert content() == before


def test_a_row_that_something_else_needs_can_not_be_removed(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {})
    picture = select_memberships(catalog, mira)[0].picture_id
    with pytest.raises(ConflictError, match="membership"), catalog.journal("test", "test") as change:
        change.delete(tables.picture, [picture])


def test_ids_are_never_given_out_twice(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    first = fill(mira, {}, {})
    roles.remove_pictures(catalog, mira, "")
    assert min(fill(mira, {})) > max(first)


def test_old_entries_are_forgotten_in_the_end(catalog: Catalog, mira: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loratui.catalog.changes.KEPT_ENTRIES", 5)
    for number in range(12):
        subjects.edit_subject(catalog, mira, notes=str(number))
    assert len(history(catalog)) == 5
    for _ in range(5):
        undo(catalog)
    with pytest.raises(NotFoundError):
        undo(catalog)
    assert subjects.get_subject(catalog, "Mira").notes == "6"


def test_a_bulk_action_on_many_rows_is_kept_small(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, *({} for _ in range(5_000)))
    roles.set_role(catalog, mira, "primary", "")
    with catalog.read() as connection:
        newest = select(tables.journal.c.changes).order_by(tables.journal.c.id.desc()).limit(1)
        assert len(connection.execute(newest).scalar_one()) < 4 * 5_000
    undo(catalog)
    assert {row.role for row in select_memberships(catalog, mira)} == {"inbox"}


_values = st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text() | st.binary()


def _rows(draw: st.DrawFn, width: int, min_size: int) -> list[tuple[Any, ...]]:
    row = st.tuples(st.integers(1, 99), *[_values] * width)
    return draw(st.lists(row, min_size=min_size, max_size=6))


@st.composite
def _steps(draw: st.DrawFn) -> list[Step]:
    steps: list[Step] = []
    for kind in draw(st.lists(st.sampled_from(["replaced", "placed"]), max_size=4)):
        columns = draw(st.lists(st.text(min_size=1), min_size=1, max_size=3))
        if kind == "replaced":
            steps.append(
                Replaced("t", columns, _rows(draw, len(columns), 1), _rows(draw, len(columns), 1)),
            )
        else:
            parts = [Part("p", columns, _rows(draw, len(columns), 1)) for _ in range(draw(st.integers(0, 2)))]
            steps.append(Placed("t", draw(st.lists(st.integers(1, 99))), parts, parts[:1]))
    return steps


@given(_steps())
def test_packed_steps_come_out_as_they_went_in(steps: list[Step]) -> None:
    assert unpack(pack(steps)) == steps


_names = st.sampled_from(["Ada", "Bo", "Cy"])
_queries = st.sampled_from(["", "role:primary", "name:*1*", "rating:>2", "-role:rejected", "tag:hat", "caption:yes"])
_tags = st.lists(st.sampled_from(["hat", "smile", "red scarf", "long_hair"]), min_size=1, max_size=3)
_actions = st.one_of(
    st.tuples(st.just("add"), _names),
    st.tuples(st.just("remove"), _names),
    st.tuples(st.just("fill"), _names, st.integers(1, 4)),
    st.tuples(st.just("role"), _names, st.sampled_from(["primary", "supporting", "rejected"]), _queries),
    st.tuples(st.just("rating"), _names, st.integers(0, 5), _queries),
    st.tuples(st.just("repeats"), _names, st.none() | st.integers(1, 9), _queries),
    st.tuples(st.just("caption"), _names, st.none() | st.text(max_size=5), _queries),
    st.tuples(st.just("tag"), _names, _tags, _queries),
    st.tuples(st.just("untag"), _names, _tags, _queries),
    st.tuples(st.just("forget"), _names, _queries),
    st.tuples(st.just("rules"), _names, st.text(max_size=5)),
    st.tuples(st.just("balance"), _names),
    st.tuples(st.just("drop"), _names, _queries),
    st.tuples(st.just("undo")),
    st.tuples(st.just("redo")),
)


@pytest.fixture(scope="module")
def empty_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database to copy: cheaper than a migration for every example."""
    home = find_home({"LORATUI_HOME": str(tmp_path_factory.mktemp("template"))})
    open_catalog(home).close()
    return home.database


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(actions=st.lists(_actions, min_size=1, max_size=12))
def test_undoing_all_gives_the_empty_library_and_redoing_all_gives_the_full_one(
    actions: list[Any], empty_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = find_home({"LORATUI_HOME": str(tmp_path_factory.mktemp("home"))})
    home.create()
    shutil.copy(empty_library, home.database)
    with open_catalog(home) as catalog:
        empty = _dump(catalog)
        for action in actions:
            _perform(catalog, *action)
        while _can(redo, catalog):
            pass
        full = _dump(catalog)
        undone = 0
        while _can(undo, catalog):
            undone += 1
        assert _dump(catalog) == empty
        for _ in range(undone):
            redo(catalog)
        assert _dump(catalog) == full


def _can(move: Callable[[Catalog], Any], catalog: Catalog) -> bool:
    try:
        move(catalog)
    except NotFoundError:
        return False
    return True


def _dump(catalog: Catalog) -> dict[str, list[tuple[Any, ...]]]:
    with catalog.read() as connection:
        return {
            name: sorted((tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')), key=repr)
            for name in tables.METADATA.tables
            if name != "journal"
        }


def _perform(catalog: Catalog, kind: str, *values: Any) -> None:
    services: dict[str, Callable[..., Any]] = {
        "add": lambda name: subjects.add_subject(catalog, name, f"trigger {name}"),
        "remove": lambda name: subjects.remove_subject(catalog, name),
        "fill": lambda name, count: _fill(catalog, name, count),
        "role": lambda name, role, query: roles.set_role(catalog, name, role, query),
        "rating": lambda name, rating, query: roles.set_rating(catalog, name, rating, query),
        "repeats": lambda name, repeats, query: roles.set_repeats(catalog, name, repeats, query),
        "caption": lambda name, text, query: edits.set_caption(catalog, name, query, text),
        "tag": lambda name, tags, query: edits.add_tags(catalog, name, query, tags),
        "untag": lambda name, tags, query: edits.remove_tags(catalog, name, query, tags),
        "forget": lambda name, query: edits.forget_tag_edits(catalog, name, query),
        "rules": lambda name, prefix: edits.set_rules(catalog, name, {"prefix": prefix}),
        "balance": lambda name: roles.apply_balance(catalog, name),
        "drop": lambda name, query: roles.remove_pictures(catalog, name, query),
        "undo": lambda: undo(catalog),
        "redo": lambda: redo(catalog),
    }
    try:
        services[kind](*values)
    except LoratuiError:
        # A subject that isn't there, or nothing to undo: the sequence just goes on.
        return


def _fill(catalog: Catalog, name: str, count: int) -> None:
    subject = subjects.get_subject(catalog, name)
    with catalog.journal("import", "import") as change:
        pictures = [
            {"sha256": f"{subject.id}-{now().timestamp()}-{number}", "pixel_sha256": "", "format": "png", "bytes": 1}
            | {"width": 1, "height": 1, "phash": 0, "dhash": 0, "phash_mirrored": 0, "dhash_mirrored": 0}
            | {"imported_at": now()}
            for number in range(count)
        ]
        ids = change.insert(tables.picture, pictures)
        change.insert(
            tables.membership,
            [{"subject_id": subject.id, "picture_id": id_, "name": f"{id_}.png", "added_at": now()} for id_ in ids],
        )
