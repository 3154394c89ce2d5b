"""The trainer as a process: stopped, killed at any instant, resumed to the same bits."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from loratui.training.lorafile import autov3, list_checkpoints

if TYPE_CHECKING:
    import subprocess

    from .conftest import MakeRun, Run

# Long enough that a kill falls inside it, with a state at almost every moment.
RECIPE = {"epochs": 6, "state_every": 3, "flip": False, "text_encoder_lr": 1e-4}


def wait_for_step(run: Run, process: subprocess.Popen[bytes], step: int) -> None:
    """Return once the run has told of a step, or its process has ended."""
    pause = threading.Event()
    while process.poll() is None and not any(told["step"] >= step for told in run.told("step")):
        pause.wait(0.02)


def test_sigterm_saves_and_sigkill_loses_no_file(make_run: MakeRun) -> None:
    whole = make_run("whole", recipe=RECIPE)
    assert whole.train() == 0
    run = make_run("run", recipe=RECIPE)

    process = run.spawn()
    wait_for_step(run, process, 4)
    identity = json.loads((run.folder / "pid.json").read_text())
    assert identity["pid"] == process.pid
    assert identity["process_started"] == psutil.Process(process.pid).create_time()
    process.terminate()
    assert process.wait(60) == 0, (run.folder / "log.txt").read_text()
    assert run.end["state"] == "stopped"
    assert run.end["reason"] == "stopped by SIGTERM"
    stopped_at = run.end["step"]
    assert run.told("state")[-1]["step"] == stopped_at >= 4

    process = run.spawn(attempt=2)
    wait_for_step(run, process, stopped_at + 8)
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert run.told("start")[-1]["step"] == stopped_at
    told = {event["autov3"] for event in run.told("checkpoint")}
    assert {autov3(file.path) for file in list_checkpoints(run.folder / "checkpoints")} >= told

    assert run.train(attempt=3) == 0
    for name in ("kim-0001-000003", "kim-0001"):
        assert autov3(run.checkpoint(name)) == autov3(whole.checkpoint(name))
    assert [event.seq for event in run.events] == list(range(1, len(run.events) + 1))


@pytest.mark.slow
def test_killed_at_ten_random_moments_the_weights_are_those_of_an_uninterrupted_run(make_run: MakeRun) -> None:
    recipe = {**RECIPE, "epochs": 40, "save_every": 2, "state_every": 2}
    whole = make_run("whole", recipe=recipe)
    assert whole.train() == 0
    run = make_run("run", recipe=recipe)
    moments = random.Random(5)
    for attempt in range(1, 11):
        process = run.spawn(attempt=attempt)
        reached = max((told["step"] for told in run.told("state")), default=0)
        wait_for_step(run, process, reached + 1)
        # Anywhere: inside a step, a state, a checkpoint, or between their renames.
        time.sleep(moments.random() * 0.6)
        process.kill()
        process.wait(60)
        for file in list_checkpoints(run.folder / "checkpoints"):
            assert autov3(file.path) == autov3(whole.folder / "checkpoints" / file.path.name)
    assert run.train(attempt=11) == 0
    names = [file.path.name for file in list_checkpoints(whole.folder / "checkpoints")]
    assert [file.path.name for file in list_checkpoints(run.folder / "checkpoints")] == names
    for name in names:
        assert autov3(run.folder / "checkpoints" / name) == autov3(whole.folder / "checkpoints" / name)
    assert [event.seq for event in run.events] == list(range(1, len(run.events) + 1))
    assert [path.name for path in run.folder.glob("state*")] == ["state"]
