"""The worker's rounds with real trainer processes: queue order, slots, crashes, kills, stop and resume."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from loratui.catalog.attempts import claim_run, list_attempts, record_process
from loratui.catalog.run_events import list_events
from loratui.catalog.runs import list_checkpoints, list_runs, requeue_run, wish_stop
from loratui.runs.folder import RunFolder
from loratui.runs.process import StopLadder, is_alive
from loratui.runs.sync import sync_run
from loratui.runs.worker import Worker, list_slots

if TYPE_CHECKING:
    from tests.runs.conftest import Lab


def test_a_run_goes_from_the_queue_to_done_with_its_checkpoints(lab: Lab) -> None:
    run = lab.queue(epochs=3, steps_per_epoch=2)
    done = lab.turn_until_state(run, "done", "failed")
    assert (done.state, done.step, done.epoch, done.total_steps) == ("done", 6, 3, 6)
    assert [(c.epoch, c.step, Path(c.path).name) for c in list_checkpoints(lab.catalog, run.id)] == [
        (1, 2, "mira-0001-000001.safetensors"),
        (2, 4, "mira-0001-000002.safetensors"),
        (3, 6, "mira-0001.safetensors"),
    ]
    lab.turn_until(lambda: lab.attempt_of(run).exit_code == 0)
    assert "attempt 1 begins at step 0" in RunFolder(run.folder).read_log(1)[0]


def test_one_slot_trains_one_run_at_a_time_in_the_order_of_the_queue(lab: Lab) -> None:
    runs = [lab.queue(epochs=1, delay_s=0.02, priority=priority) for priority in (0, 0, 1)]
    lab.turn_until(lambda: [run.state for run in list_runs(lab.catalog)] == ["done"] * 3)
    lab.turn_until(lambda: all(lab.attempt_of(run).ended_at for run in runs))
    begun = sorted(runs, key=lambda run: lab.attempt_of(run).id)
    assert [run.name for run in begun] == ["mira-0003", "mira-0001", "mira-0002"]
    attempts = [lab.attempt_of(run) for run in begun]
    assert all(first.ended_at and first.ended_at <= after.started_at for first, after in pairwise(attempts))


def test_two_slots_train_on_two_devices_at_the_same_time(lab: Lab) -> None:
    with lab.catalog.home.config_file.open("a") as config:
        config.write("gpu_slots = 2\n")
    worker = Worker(lab.catalog, {**os.environ, "CUDA_VISIBLE_DEVICES": "4,7"})
    runs = [lab.queue(epochs=200, delay_s=0.05) for _ in range(3)]
    lab.turn_until(lambda: all(lab.get(run).step > 0 for run in runs[:2]), worker)
    assert [lab.get(run).state for run in runs] == ["running", "running", "queued"]
    assert [RunFolder(run.folder).read_log()[0].split()[-1] for run in runs[:2]] == ["4", "7"]
    wish_stop(lab.catalog, runs[0].id)
    lab.turn_until(lambda: lab.get(runs[2]).step > 0, worker)
    assert RunFolder(runs[2].folder).read_log()[0].endswith("device 4")


def test_a_box_without_a_gpu_has_one_slot(tmp_path: Path) -> None:
    assert list_slots(3, {}, tmp_path) == [None]
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    assert list_slots(1, {}, tmp_path) == [None]
    assert list_slots(3, {}, tmp_path) == ["0", "1", "0"]
    assert list_slots(2, {"CUDA_VISIBLE_DEVICES": ""}, tmp_path) == [None]


def test_a_killed_trainer_fails_its_run_and_resuming_goes_on_from_its_last_state(lab: Lab) -> None:
    run = lab.queue(epochs=10, steps_per_epoch=5, delay_s=0.02, state_every=2)
    lab.turn_until_step(run, 12)
    lab.kill(lab.attempt_of(run).pid)
    failed = lab.turn_until_state(run, "failed")
    assert "vanished at step" in failed.reason
    assert "resume" in failed.hint
    assert lab.attempt_of(run).outcome == "vanished"
    assert requeue_run(lab.catalog, run.id)
    # A shorter rest: the stand-in reads its recipe anew.
    run_file = RunFolder(run.folder).run_file
    run_file.write_text(run_file.read_text().replace('"delay_s": 0.02', '"delay_s": 0.0'))
    done = lab.turn_until_state(run, "done", "failed")
    assert (done.state, done.step) == ("done", 50)
    attempts = list_attempts(lab.catalog, run.id)
    assert [attempt.number for attempt in attempts] == [1, 2]
    assert attempts[0].nonce != attempts[1].nonce
    assert len(list_checkpoints(lab.catalog, run.id)) == 10
    seqs = [event.seq for event in list_events(lab.catalog, run.id)]
    assert seqs == list(range(1, len(seqs) + 1))
    starts = [line for line in RunFolder(run.folder).read_log() if "begins at step" in line]
    begun = [int(line.split("step ")[1].split(";")[0]) for line in starts]
    assert begun[0] == 0
    assert begun[1] >= 10


def test_a_trainer_that_crashes_leaves_the_last_line_of_its_traceback_as_the_reason(lab: Lab) -> None:
    run = lab.queue(crash_at=2)
    failed = lab.turn_until_state(run, "failed", "done")
    assert "vanished at step 1: ValueError: the stand-in was told to crash" in failed.reason
    lab.turn_until(lambda: lab.attempt_of(run).exit_code == 1)


def test_a_trainer_that_gives_up_says_why_itself(lab: Lab) -> None:
    run = lab.queue(fail_at=2)
    failed = lab.turn_until_state(run, "failed", "done")
    assert (failed.reason, failed.hint) == ("loss is NaN", "Lower the learning rate.")


def test_a_command_that_does_not_exist_fails_the_run_and_not_the_worker(lab: Lab) -> None:
    lab.catalog.home.config_file.write_text("trainer = ['/nowhere/trainer']\n")
    run = lab.queue()
    failed = lab.turn_until_state(run, "failed")
    assert "could not be started" in failed.reason


def test_a_checkpoint_that_is_not_whole_is_never_listed(lab: Lab) -> None:
    run = lab.queue(epochs=3, broken_checkpoint=2)
    lab.turn_until_state(run, "done", "failed")
    assert [checkpoint.epoch for checkpoint in list_checkpoints(lab.catalog, run.id)] == [1, 3]
    (warning,) = list_events(lab.catalog, run.id, types=("warning",))
    assert "mira-0001-000002.safetensors" in warning.data["message"]


def test_a_stopped_run_saves_and_goes_on_when_it_is_resumed(lab: Lab) -> None:
    run = lab.queue(epochs=2, steps_per_epoch=20, delay_s=0.02)
    lab.turn_until_step(run, 3)
    wish_stop(lab.catalog, run.id)
    stopped = lab.turn_until_state(run, "stopped")
    assert (stopped.reason, stopped.wish) == ("asked to stop", "")
    assert 3 <= stopped.step < 40
    requeue_run(lab.catalog, run.id)
    done = lab.turn_until_state(run, "done", "stopped", "failed")
    assert (done.state, done.step) == ("done", 40)
    assert f"begins at step {stopped.step};" in RunFolder(run.folder).read_log()[2]


def test_a_deaf_trainer_is_sent_sigterm_and_then_ended(lab: Lab) -> None:
    worker = Worker(lab.catalog, dict(os.environ), ladder=StopLadder(term_after_s=0.1, kill_after_s=0.2))
    run = lab.queue(epochs=1000, delay_s=0.02, deaf=True)
    lab.turn_until(lambda: lab.get(run).step > 2, worker)
    wish_stop(lab.catalog, run.id)
    stopped = lab.turn_until_state(run, "stopped", "failed", worker=worker)
    assert stopped.state == "stopped"
    assert "did not save by itself" in stopped.reason
    lab.turn_until(lambda: lab.attempt_of(run).exit_code == -signal.SIGKILL, worker)


def test_sigterm_alone_makes_a_trainer_save_and_stop(lab: Lab) -> None:
    run = lab.queue(epochs=1000, delay_s=0.02)
    lab.turn_until_step(run, 2)
    os.kill(lab.attempt_of(run).pid, signal.SIGTERM)
    assert lab.turn_until_state(run, "stopped", "failed").state == "stopped"


def test_a_process_that_got_the_pid_of_a_trainer_is_not_taken_for_it(lab: Lab, tmp_path: Path) -> None:
    run = lab.queue()
    attempt = claim_run(lab.catalog, nonce="abc", host="")
    assert attempt is not None
    me = psutil.Process()
    lease = RunFolder(run.folder).lease_file
    stranger = replace(attempt, pid=me.pid, process_started=me.create_time())
    assert not is_alive(stranger, lease)
    older = replace(stranger, nonce=me.cmdline()[-1], process_started=me.create_time() - 60)
    assert not is_alive(older, lease)
    assert is_alive(replace(older, process_started=me.create_time()), lease)
    record_process(lab.catalog, attempt.id, pid=me.pid, process_started=me.create_time())
    assert sync_run(lab.catalog, lab.get(run)).state == "failed"


def test_a_trainer_under_another_host_name_lives_as_long_as_its_lease(lab: Lab) -> None:
    run = lab.queue(epochs=1000, delay_s=0.02)
    lab.turn_until_step(run, 1)
    attempt = lab.attempt_of(run)
    elsewhere = replace(attempt, host="another-container", pid=1)
    lease = RunFolder(run.folder).lease_file
    assert is_alive(elsewhere, lease)
    lab.kill(attempt.pid)
    lab.turn_until_state(run, "failed")
    assert not is_alive(elsewhere, lease)


def test_a_worker_killed_before_it_started_a_trainer_loses_nothing(lab: Lab) -> None:
    run = lab.queue(epochs=1)
    assert claim_run(lab.catalog, nonce="never-started", host="") is not None
    assert lab.get(run).state == "running"
    lab.worker.repair_claims()
    assert lab.get(run).state == "queued"
    assert lab.turn_until_state(run, "done", "failed").state == "done"


def test_a_worker_killed_before_it_noted_its_trainer_finds_it_by_the_nonce(lab: Lab) -> None:
    run = lab.queue(epochs=1000, delay_s=0.02)
    lab.turn_until_step(run, 1)
    attempt = lab.attempt_of(run)
    record_process(lab.catalog, attempt.id, pid=0, process_started=0.0)
    Worker(lab.catalog, dict(os.environ)).repair_claims()
    assert lab.attempt_of(run) == attempt


def test_a_run_whose_last_process_is_still_leaving_waits_and_others_go_first(lab: Lab) -> None:
    from loratui.runs.leases import take_lease

    first, second = lab.queue(epochs=1), lab.queue(epochs=1)
    lease = take_lease(RunFolder(first.folder).lease_file)
    assert lease is not None
    lab.turn_until_state(second, "done", "failed")
    assert lab.get(first).state == "queued"
    lease.close()
    assert lab.turn_until_state(first, "done", "failed").state == "done"


@pytest.mark.parametrize("broken", ["gpu_slots = 'two'", "nonsense = 1"])
def test_a_broken_setting_keeps_runs_queued(lab: Lab, broken: str) -> None:
    from loratui.errors import UsageError

    lab.catalog.home.config_file.write_text(broken)
    run = lab.queue()
    with pytest.raises(UsageError):
        lab.worker.go_round()
    assert lab.get(run).state == "queued"
