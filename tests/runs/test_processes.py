"""Whole processes against each other: terminals that close, workers that are killed or race, front ends at once."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loratui.catalog.attempts import list_attempts
from loratui.catalog.run_events import list_events
from loratui.catalog.runs import list_runs
from loratui.runs import worker as worker_module
from loratui.runs.leases import is_leased
from loratui.runs.spawn import ensure_worker, get_worker_lease, get_worker_log
from loratui.runs.sync import sync_runs
from loratui.runs.worker import Worker, run_worker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Event

    from tests.runs.conftest import Lab

FRONT_END = str(Path(__file__).parent / "front_end.py")


def start_front_end(lab: Lab, *arguments: object) -> subprocess.Popen[bytes]:
    command, *rest = map(str, arguments)
    return subprocess.Popen(
        [sys.executable, FRONT_END, command, str(lab.catalog.home.data), *rest], stdout=subprocess.DEVNULL
    )


def start_worker(lab: Lab, *options: str) -> subprocess.Popen[bytes]:
    home = lab.catalog.home
    folders = [str(home.data), str(home.cache), str(home.config)]
    return subprocess.Popen([sys.executable, "-m", "loratui.runs.worker", *folders, *options])


def test_closing_the_terminal_leaves_the_training_running_and_the_next_command_adopts_it(lab: Lab) -> None:
    run = lab.queue(epochs=1000, delay_s=0.02)
    shell, master = pty.fork()
    if shell == 0:
        # Whoever started the tests may have left it ignored, as nohup does.
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.execl(sys.executable, sys.executable, FRONT_END, "follow", str(lab.catalog.home.data))
    lab.wait_until(lambda: lab.get(run).step > 1)
    # The terminal goes, and with it the front end; the worker goes too.
    os.close(master)
    assert os.waitstatus_to_exitcode(os.waitpid(shell, 0)[1]) == -signal.SIGHUP
    (worker,) = lab.find_workers()
    lab.kill(worker)
    before = lab.get(run)
    attempt = lab.attempt_of(run)
    assert os.getsid(attempt.pid) == attempt.pid

    def adopted() -> bool:
        sync_runs(lab.catalog)
        return lab.get(run).step > before.step + 5 and bool(lab.find_workers())

    lab.wait_until(adopted)
    assert lab.get(run).state == "running"
    assert lab.attempt_of(run) == attempt
    assert lab.find_workers() != [worker]


def test_a_killed_worker_is_replaced_and_the_queue_goes_on(lab: Lab) -> None:
    first = lab.queue(epochs=1, steps_per_epoch=40, delay_s=0.02)
    second = lab.queue(epochs=1)
    ensure_worker(lab.catalog)
    lab.wait_until(lambda: lab.get(first).step > 1)
    (worker,) = lab.find_workers()
    lab.kill(worker)

    def finished() -> bool:
        sync_runs(lab.catalog)
        return {lab.get(run).state for run in (first, second)} == {"done"}

    lab.wait_until(finished)
    assert [len(list_attempts(lab.catalog, run.id)) for run in (first, second)] == [1, 1]
    log = get_worker_log(lab.catalog.home).read_text()
    assert log.count("begins") == 2
    assert "Traceback" not in log


def test_front_ends_that_queue_at_the_same_time_get_different_names_and_one_worker(lab: Lab) -> None:
    ids = lab.add_subject("Mira")
    front_ends = [start_front_end(lab, "queue", *ids, 3) for _ in range(3)]
    assert [front_end.wait() for front_end in front_ends] == [0, 0, 0]

    def finished() -> bool:
        return [run.state for run in list_runs(lab.catalog)] == ["done"] * 9

    lab.wait_until(finished)
    assert [run.name for run in list_runs(lab.catalog)] == [f"mira-{n:04d}" for n in range(9, 0, -1)]
    assert all(len(list_attempts(lab.catalog, run.id)) == 1 for run in list_runs(lab.catalog))
    assert get_worker_log(lab.catalog.home).read_text().count("begins") == 1
    assert len(lab.find_workers()) == 1


def test_of_workers_that_race_one_wins_and_the_others_leave(lab: Lab) -> None:
    lab.queue(epochs=1000, delay_s=0.02)
    workers = [start_worker(lab) for _ in range(3)]
    lab.wait_until(lambda: [worker.poll() for worker in workers].count(0) == 2)
    (winner,) = [worker for worker in workers if worker.poll() is None]
    assert is_leased(get_worker_lease(lab.catalog.home))
    assert lab.find_workers() == [winner.pid]
    winner.terminate()
    assert winner.wait() == 0
    (run,) = list_runs(lab.catalog)
    assert run.state == "running"


def test_processes_that_follow_a_run_at_the_same_time_take_each_event_in_once(lab: Lab) -> None:
    run = lab.queue(epochs=10, steps_per_epoch=10, delay_s=0.01)
    followers = [start_front_end(lab, "follow") for _ in range(3)]
    assert [follower.wait() for follower in followers] == [0, 0, 0]
    assert lab.get(run).state == "done"
    events = list_events(lab.catalog, run.id)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert [event.data["step"] for event in events if event.type == "step"] == list(range(1, 101))


@pytest.fixture
def own_signals() -> Iterator[None]:
    """`run_worker` sets handlers in the process it is."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_signals")
def test_a_run_queued_while_the_worker_is_leaving_is_not_forgotten(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Worker.work
    queued = []

    def work_and_queue_late(self: Worker, quit: Event) -> None:
        work(self, quit)
        if not queued:
            queued.append(lab.queue(epochs=1))
            assert not ensure_worker(lab.catalog), "the lease is still held, so nobody else starts"

    monkeypatch.setattr(worker_module.Worker, "work", work_and_queue_late)
    assert run_worker(lab.catalog.home, dict(os.environ), idle_s=0.1)
    assert lab.get(queued[0]).state == "done"
    assert not is_leased(get_worker_lease(lab.catalog.home))


def test_an_idle_worker_leaves_by_itself(lab: Lab) -> None:
    assert start_worker(lab, "--idle", "0.1").wait() == 0
    assert "leaves" in get_worker_log(lab.catalog.home).read_text()


def test_reading_an_idle_library_starts_nothing(lab: Lab) -> None:
    sync_runs(lab.catalog)
    assert lab.find_workers() == []
    assert not get_worker_log(lab.catalog.home).exists()
