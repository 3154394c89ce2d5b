"""Consent that ends while a training runs: it is stopped, says why, and goes on once there is consent again."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from loratui.catalog import journal
from loratui.catalog.edits import store_tag_scores
from loratui.catalog.fingerprint import take_fingerprint
from loratui.catalog.query import select_memberships
from loratui.catalog.runs import get_run
from loratui.catalog.subjects import record_consent
from loratui.catalog.subjects import withdraw_consent as note_withdrawal
from loratui.cli.root import run as call_verb
from loratui.errors import RefusedError
from loratui.runs.folder import RunFolder
from loratui.runs.process import StopLadder
from loratui.runs.service import resume_run, start_training, stop_run
from loratui.runs.withdrawal import stop_withdrawn, withdraw_consent
from loratui.runs.worker import Worker

if TYPE_CHECKING:
    from loratui.catalog.rows import Run
    from tests.runs.conftest import Lab

LONG = json.dumps({"delay_s": 0.02, "steps_per_epoch": 20})
DEAF = json.dumps({"delay_s": 0.02, "deaf": True})
WHY = "the consent of Ada was withdrawn"


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are turned by hand, and look again at once."""
    monkeypatch.setattr("loratui.runs.service.ensure_worker", lambda catalog: False)
    monkeypatch.setattr("loratui.runs.withdrawal.ensure_worker", lambda catalog: False)
    monkeypatch.setattr("loratui.runs.worker._LOOK_EVERY_S", 0.0)


def start(lab: Lab, subject: str, comment: str = LONG, epochs: int = 500) -> Run:
    """A training that has done its first steps."""
    run = start_training(lab.catalog, subject, changes={"epochs": epochs}, comment=comment)
    return lab.turn_until_step(run, 2)


def test_the_worker_stops_a_training_whose_consent_was_withdrawn_and_says_why(lab: Lab, ada: str) -> None:
    run = start(lab, ada)
    note_withdrawal(lab.catalog, ada)
    stopped = lab.turn_until_state(run, "stopped", "failed", "done")
    assert (stopped.state, stopped.reason, stopped.wish) == ("stopped", WHY, "")
    assert "subject consent Ada --by WHO" in stopped.hint
    assert f"`loratui run resume {run.name}` goes on" in stopped.hint
    saved = json.loads((RunFolder(run.folder).state / "manifest.json").read_text())
    assert saved["step"] == stopped.step
    assert lab.attempt_of(run).outcome == "stopped"


def test_a_training_goes_on_where_it_was_stopped_once_there_is_consent_again(lab: Lab, ada: str) -> None:
    run = start(lab, ada)
    note_withdrawal(lab.catalog, ada)
    stopped = lab.turn_until_state(run, "stopped")
    with pytest.raises(RefusedError, match="consent was withdrawn"):
        resume_run(lab.catalog, run.name)
    record_consent(lab.catalog, ada, who="Ada", scope="training")
    queued = resume_run(lab.catalog, run.name)
    assert (queued.state, queued.reason, queued.hint) == ("queued", "", "")
    assert lab.turn_until_step(run, stopped.step + 2).state == "running"
    assert f"begins at step {stopped.step};" in RunFolder(run.folder).read_log()[2]
    stop_run(lab.catalog, run.name)
    assert lab.turn_until_state(run, "stopped").reason == "asked to stop"


def test_a_withdrawal_asks_the_trainer_itself_and_names_what_it_stops(lab: Lab, ada: str) -> None:
    run = start(lab, ada)
    subject, (asked,) = withdraw_consent(lab.catalog, ada)
    assert (subject.consent or {})["withdrawn_at"]
    assert (asked.name, asked.state, asked.wish, asked.reason) == (run.name, "running", "stop", WHY)
    assert RunFolder(run.folder).stop_file.exists()
    assert stop_withdrawn(lab.catalog) == [], "it was asked already"
    assert lab.turn_until_state(run, "stopped").reason == WHY


def test_the_command_names_the_trainings_that_a_withdrawal_stops(
    lab: Lab, ada: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(lab.catalog.home.data))
    run = start(lab, ada, DEAF)
    assert call_verb(["subject", "consent", ada, "--withdraw"]) == 0
    told = capsys.readouterr().err
    assert f"{run.name} is being stopped: it finishes its step and saves." in told
    assert f"`loratui run resume {run.name}`" in told
    assert call_verb(["run", "show", run.name]) == 0
    assert f"running, stopping ({WHY})" in capsys.readouterr().out


def test_whoever_waits_for_a_training_learns_that_consent_was_withdrawn(
    lab: Lab, ada: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(lab.catalog.home.data))
    run = start(lab, ada)
    withdraw_consent(lab.catalog, ada)
    stopped = lab.turn_until_state(run, "stopped")
    assert call_verb(["run", "wait", run.name]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"{run.name} is stopped after {stopped.step} step")
    assert told.err.startswith(f"{WHY}. Record who agreed to what:")


def test_a_training_that_a_person_stopped_before_says_that_consent_was_withdrawn(lab: Lab, ada: str) -> None:
    run = start(lab, ada, DEAF)
    stop_run(lab.catalog, run.name)
    withdraw_consent(lab.catalog, ada)
    stop_run(lab.catalog, run.name)
    assert lab.get(run).reason == WHY


def test_a_trainer_that_does_not_listen_is_ended_and_the_reason_stays(lab: Lab, ada: str) -> None:
    worker = Worker(lab.catalog, dict(os.environ), ladder=StopLadder(term_after_s=0.1, kill_after_s=0.2))
    run = start_training(lab.catalog, ada, changes={"epochs": 500}, comment=DEAF)
    lab.turn_until(lambda: lab.get(run).step > 2, worker)
    note_withdrawal(lab.catalog, ada)
    stopped = lab.turn_until_state(run, "stopped", "failed", worker=worker)
    assert stopped.state == "stopped"
    assert stopped.reason.startswith(f"{WHY}; stopped at step")
    assert "subject consent Ada" in stopped.hint


def test_a_training_that_is_done_before_it_hears_is_done(lab: Lab, ada: str) -> None:
    run = start(lab, ada, json.dumps({"delay_s": 0.02, "deaf": True, "steps_per_epoch": 20}), epochs=1)
    withdraw_consent(lab.catalog, ada)
    done = lab.turn_until_state(run, "done", "stopped", "failed")
    assert (done.state, done.reason, done.hint) == ("done", "", "")


def test_a_consent_whose_record_is_undone_stops_the_training_too(lab: Lab, ada: str) -> None:
    note_withdrawal(lab.catalog, ada)
    record_consent(lab.catalog, ada, who="Ada", scope="training", note="anew")
    run = start(lab, ada)
    journal.undo(lab.catalog, consent=True)
    assert lab.turn_until_state(run, "stopped", "done").reason == WHY


def test_a_picture_that_is_rated_while_it_is_trained_on_stops_the_training(lab: Lab, ada: str) -> None:
    run = start(lab, ada)
    for member in select_memberships(lab.catalog, ada, "name:b.png"):
        store_tag_scores(lab.catalog, member.picture_id, "wd@1/p1", [("explicit", "rating", 0.9)])
    stopped = lab.turn_until_state(run, "stopped", "done", "failed")
    assert stopped.state == "stopped"
    assert "b.png (rated explicit" in stopped.reason
    assert "start a new training" in stopped.hint


def test_a_damaged_run_file_is_no_reason_to_stop(lab: Lab, ada: str) -> None:
    run = start(lab, ada)
    RunFolder(run.folder).run_file.write_text("{")
    assert stop_withdrawn(lab.catalog) == []
    withdraw_consent(lab.catalog, ada)
    assert lab.turn_until_state(run, "stopped").reason == WHY


def test_what_trainers_tell_is_no_reason_to_look_again_and_consent_is(
    lab: Lab, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(lab, ada)
    looked: list[float] = []
    monkeypatch.setattr("loratui.runs.worker.stop_withdrawn", lambda catalog: looked.append(time.monotonic()) or [])
    lab.turn_until_step(run, lab.get(run).step + 10)
    assert looked == []
    before = take_fingerprint(lab.catalog)
    note_withdrawal(lab.catalog, ada)
    assert take_fingerprint(lab.catalog) != before
    lab.turn_until(lambda: looked)


def test_looking_again_takes_a_small_share_of_the_time(lab: Lab, ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = start(lab, ada)
    monkeypatch.setattr("loratui.runs.worker._LOOK_EVERY_S", 60.0)
    worker = Worker(lab.catalog, dict(os.environ))
    worker.go_round()
    note_withdrawal(lab.catalog, ada)
    worker.go_round()
    assert get_run(lab.catalog, run.name).wish == "", "it looked a moment ago"
