"""Runs in the catalog: names that never repeat, lookup, wishes, and events taken in exactly once."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, insert

from loratui.catalog import tables
from loratui.catalog.attempts import claim_run, end_attempt, get_latest_attempt, list_attempts, unclaim_run
from loratui.catalog.bases import add_base, get_base, list_bases, remove_base
from loratui.catalog.journal import redo, undo
from loratui.catalog.run_events import ingest_events, list_events, read_loss_series
from loratui.catalog.runs import (
    create_run,
    get_run,
    list_checkpoints,
    list_runs,
    remove_run,
    requeue_run,
    slugify,
    wish_stop,
)
from loratui.catalog.store import Catalog, open_catalog
from loratui.catalog.subjects import edit_subject
from loratui.errors import ConflictError, NotFoundError, UsageError
from loratui.events import RunEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loratui.catalog.rows import Run
    from loratui.config import Home


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as catalog:
        now = datetime.now(UTC)
        add_base(catalog, "toy", Path("/nowhere"), family="sd1", layout="folder", resolution=64, undoable=False)
        with catalog.write() as connection:
            for name in ("Mira", "Vega"):
                connection.execute(
                    insert(tables.subject).values(name=name, trigger=name, trigger_key=name, created_at=now)
                )
            connection.execute(
                insert(tables.snapshot).values(hash="h", subject_id=1, content="{}", pictures=0, created_at=now)
            )
        yield catalog


def make_run(catalog: Catalog, subject: str = "Mira", *, priority: int = 0, base: str = "toy") -> Run:
    return create_run(
        catalog,
        subject_id={"Mira": 1, "Vega": 2}[subject],
        subject_name=subject,
        snapshot_id=1,
        base_id=get_base(catalog, base).id,
        recipe={"epochs": 2},
        total_steps=6,
        steps_per_epoch=3,
        priority=priority,
        prepare=lambda run: Path(run.folder).mkdir(parents=True),
    )


def claim(catalog: Catalog) -> str | None:
    attempt = claim_run(catalog, nonce="n", host="h")
    return get_run(catalog, attempt.run_id).name if attempt else None


def event(seq: int, type: str, attempt: int = 1, **data: object) -> RunEvent:
    return RunEvent(seq=seq, type=type, data=data, attempt=attempt)


def test_runs_count_through_the_library_and_are_named_after_their_subject(catalog: Catalog) -> None:
    names = [make_run(catalog, subject).name for subject in ("Mira", "Vega", "Mira")]
    assert names == ["mira-0001", "vega-0002", "mira-0003"]
    assert [run.name for run in list_runs(catalog)] == names[::-1]
    assert [run.name for run in list_runs(catalog, subject_id=2)] == ["vega-0002"]
    assert [run.name for run in list_runs(catalog, limit=1)] == ["mira-0003"]


def test_the_name_of_a_removed_run_is_never_used_again(catalog: Catalog) -> None:
    make_run(catalog)
    last = make_run(catalog)
    with catalog.write() as connection:
        connection.execute(delete(tables.run).where(tables.run.c.id == last.id))
    assert make_run(catalog).name == "mira-0003"


def test_a_name_that_only_a_folder_remembers_is_stepped_over(catalog: Catalog) -> None:
    (catalog.home.runs / "mira-0001").mkdir(parents=True)
    assert make_run(catalog).name == "mira-0002"


def test_a_run_whose_folder_could_not_be_written_is_not_queued(catalog: Catalog) -> None:
    def fail(run: Run) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        create_run(
            catalog,
            subject_id=1,
            subject_name="Mira",
            snapshot_id=1,
            base_id=1,
            recipe={},
            total_steps=1,
            steps_per_epoch=1,
            prepare=fail,
        )
    assert list_runs(catalog) == []


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Mira", "mira"),
        ("Zoë  Čapek!", "zoe-capek"),
        ("猫", "run"),
        ("../etc", "etc"),
        ("a" * 80, "a" * 40),
        ("", "run"),
    ],
)
def test_a_subject_gives_a_slug_that_is_safe_as_a_file_name(name: str, slug: str) -> None:
    assert slugify(name) == slug


def test_a_run_is_found_by_name_number_or_the_beginning_of_its_name(catalog: Catalog) -> None:
    run = make_run(catalog)
    make_run(catalog, "Vega")
    assert (
        get_run(catalog, "mira-0001") == get_run(catalog, 1) == get_run(catalog, "1") == get_run(catalog, "mi") == run
    )


def test_a_run_that_does_not_exist_is_named_with_its_neighbours(catalog: Catalog) -> None:
    make_run(catalog)
    with pytest.raises(NotFoundError) as caught:
        get_run(catalog, "mria-0001")
    assert "mira-0001" in caught.value.hint
    for word in ("", "7", "²"):
        with pytest.raises(NotFoundError):
            get_run(catalog, word)


def test_a_beginning_that_several_runs_share_is_asked_back(catalog: Catalog) -> None:
    make_run(catalog)
    make_run(catalog)
    with pytest.raises(UsageError, match="2 runs"):
        get_run(catalog, "mira")


def test_the_queue_gives_out_by_priority_and_then_by_age(catalog: Catalog) -> None:
    for priority in (0, 0, 5):
        make_run(catalog, priority=priority)
    assert [claim(catalog) for _ in range(4)] == ["mira-0003", "mira-0001", "mira-0002", None]


def test_a_claim_given_back_leaves_no_trace(catalog: Catalog) -> None:
    run = make_run(catalog)
    attempt = claim_run(catalog, nonce="n", host="h")
    assert attempt is not None
    unclaim_run(catalog, attempt)
    assert get_run(catalog, run.id).state == "queued"
    assert list_attempts(catalog, run.id) == []


def test_a_queued_run_stops_at_once_and_a_running_one_is_asked_to(catalog: Catalog) -> None:
    first, second = make_run(catalog), make_run(catalog)
    claim(catalog)
    assert wish_stop(catalog, first.id) == "running"
    assert get_run(catalog, first.id).wish == "stop"
    assert wish_stop(catalog, second.id) == "stopped"
    assert claim(catalog) is None
    assert requeue_run(catalog, second.id)
    assert not requeue_run(catalog, first.id)
    assert claim(catalog) == second.name


def test_events_bring_the_run_and_its_checkpoints_up_to_date(catalog: Catalog) -> None:
    run = make_run(catalog)
    claim(catalog)
    step = {"step": 3, "epoch": 1, "loss": 0.5, "lr": 1e-4, "images_per_s": 4.0, "eta_s": 9.0}
    path = str(Path(run.folder) / "checkpoints" / "mira-0001-000001.safetensors")
    events = [
        event(1, "start", total_steps=8, steps_per_epoch=4),
        event(2, "step", **step),
        event(3, "checkpoint", epoch=1, step=3, path=path, autov3="ab", bytes=10),
    ]
    assert ingest_events(catalog, run.id, events) == 3
    now = get_run(catalog, run.id)
    assert (now.state, now.step, now.epoch, now.loss, now.learning_rate) == ("running", 3, 1, 0.5, 1e-4)
    assert (now.total_steps, now.steps_per_epoch, now.images_per_s, now.eta_s) == (8, 4, 4.0, 9.0)
    assert [(c.epoch, c.step, c.path, c.autov3, c.bytes) for c in list_checkpoints(catalog, run.id)] == [
        (1, 3, path, "ab", 10)
    ]
    ingest_events(catalog, run.id, [event(4, "end", state="done", reason="", step=8)])
    now = get_run(catalog, run.id)
    assert (now.state, now.step, now.eta_s, now.ended_at is not None) == ("done", 8, None, True)
    attempt = get_latest_attempt(catalog, run.id)
    assert attempt is not None
    assert attempt.outcome == "done"


def test_events_of_a_trainer_that_talks_nonsense_break_nothing(catalog: Catalog) -> None:
    run = make_run(catalog)
    claim(catalog)
    nonsense = [
        event(1, "start", total_steps="many", steps_per_epoch=None),
        event(2, "step", step=True, loss=float("nan"), epoch=[1], eta_s={}),
        event(3, "fireworks", colour="red"),
        event(4, "end", state="exploded", step="?"),
    ]
    assert ingest_events(catalog, run.id, nonsense) == 4
    now = get_run(catalog, run.id)
    assert (now.state, now.step, now.loss, now.total_steps) == ("failed", 0, None, 6)


def test_a_checkpoint_written_again_after_a_resume_replaces_its_row(catalog: Catalog) -> None:
    run = make_run(catalog)
    claim(catalog)
    for seq, autov3 in ((1, "old"), (2, "new")):
        ingest_events(
            catalog,
            run.id,
            [event(seq, "checkpoint", epoch=1, step=3, path="checkpoints/a.safetensors", autov3=autov3, bytes=1)],
        )
    assert [checkpoint.autov3 for checkpoint in list_checkpoints(catalog, run.id)] == ["new"]


def test_events_told_again_or_out_of_order_count_once(catalog: Catalog) -> None:
    run = make_run(catalog)
    claim(catalog)
    events = [event(n, "log", message=str(n)) for n in range(1, 6)]
    assert ingest_events(catalog, run.id, [events[1], events[0], events[1]]) == 2
    assert ingest_events(catalog, run.id, events) == 3
    assert ingest_events(catalog, run.id, events) == 0
    assert [(e.seq, e.data["message"]) for e in list_events(catalog, run.id)] == [(n, str(n)) for n in range(1, 6)]
    assert [e.seq for e in list_events(catalog, run.id, after=1, limit=2)] == [4, 5]
    assert list_events(catalog, run.id, types=("step",)) == []


def test_a_late_end_of_an_earlier_process_does_not_end_a_run_that_was_queued_again(catalog: Catalog) -> None:
    run = make_run(catalog)
    claim(catalog)
    attempt = get_latest_attempt(catalog, run.id)
    assert attempt is not None
    assert end_attempt(catalog, attempt, state="failed", reason="gone", hint="")
    assert requeue_run(catalog, run.id)
    ingest_events(catalog, run.id, [event(1, "end", state="stopped")])
    assert get_run(catalog, run.id).state == "queued"
    claim(catalog)
    ingest_events(catalog, run.id, [event(2, "end", attempt=1, state="stopped")])
    assert get_run(catalog, run.id).state == "running"
    assert not end_attempt(catalog, attempt, state="failed", reason="gone", hint="")
    ingest_events(catalog, run.id, [event(3, "end", attempt=2, state="done")])
    assert get_run(catalog, run.id).state == "done"


def test_threads_that_ingest_the_same_events_store_each_once(catalog: Catalog) -> None:
    run = make_run(catalog)
    claim(catalog)
    events = [event(n, "step", step=n, loss=1.0 / n) for n in range(1, 201)]
    counts: list[int] = []

    def ingest() -> None:
        for start in range(0, 200, 20):
            counts.append(ingest_events(catalog, run.id, events[max(0, start - 10) : start + 20]))

    threads = [threading.Thread(target=ingest) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 200
    assert [e.seq for e in list_events(catalog, run.id)] == list(range(1, 201))


def test_the_loss_series_is_thinned_and_a_step_done_again_counts_once(catalog: Catalog) -> None:
    run = make_run(catalog)
    claim(catalog)
    steps = [*range(1, 101), *range(90, 201)]
    ingest_events(
        catalog, run.id, [event(n, "step", step=step, loss=float(n)) for n, step in enumerate(steps, start=1)]
    )
    assert read_loss_series(catalog, run.id) == sorted({s: float(n) for n, s in enumerate(steps, start=1)}.items())
    few = read_loss_series(catalog, run.id, points=5)
    assert len(few) == 5
    assert (few[0][0], few[-1][0]) == (1, 200)


def test_a_run_that_has_ended_is_removed_with_what_hangs_on_it_and_comes_back(catalog: Catalog) -> None:
    run = make_run(catalog)
    ingest_events(catalog, run.id, [event(1, "checkpoint", epoch=1, step=3, path="a", autov3="b", bytes=1)])
    wish_stop(catalog, run.id)
    before = (get_run(catalog, run.id), list_checkpoints(catalog, run.id), list_events(catalog, run.id))
    assert remove_run(catalog, run.name) == before[0]
    assert list_runs(catalog) == [] and list_checkpoints(catalog, run.id) == []
    assert Path(run.folder).is_dir(), "its files are not undo's to bring back"
    assert make_run(catalog).name == "mira-0002", "its name is not given again"
    undo(catalog)
    assert (get_run(catalog, run.id), list_checkpoints(catalog, run.id), list_events(catalog, run.id)) == before


def test_a_run_that_waits_or_runs_is_not_removed(catalog: Catalog) -> None:
    run = make_run(catalog)
    with pytest.raises(ConflictError, match="queued or running"):
        remove_run(catalog, run.name)
    claim(catalog)
    with pytest.raises(ConflictError) as caught:
        remove_run(catalog, run.name)
    assert f"run stop {run.name}" in caught.value.hint
    with pytest.raises(NotFoundError):
        remove_run(catalog, "mira-0009")


def test_a_base_can_go_once_its_runs_are_gone(catalog: Catalog) -> None:
    run = make_run(catalog)
    wish_stop(catalog, run.id)
    with pytest.raises(ConflictError, match="needed by 1 run"):
        remove_base(catalog, "toy")
    assert get_base(catalog, "toy").id == 1
    remove_run(catalog, run.name)
    assert remove_base(catalog, "toy").name == "toy"
    undo(catalog)
    undo(catalog)
    assert get_run(catalog, run.name).base_id == get_base(catalog, "toy").id


def test_undo_passes_over_the_adding_of_a_base_that_was_trained_on(catalog: Catalog) -> None:
    edit_subject(catalog, "Mira", notes="before")
    for name in ("used", "unused"):
        add_base(catalog, name, Path("/models") / name, family="sd1", layout="folder", resolution=64)
    make_run(catalog, base="used")
    undo(catalog)
    assert [base.name for base in list_bases(catalog)] == ["toy", "used"]
    assert undo(catalog).action == "subject.edit"
    redo(catalog)
    redo(catalog)
    assert [base.name for base in list_bases(catalog)] == ["toy", "used", "unused"]
