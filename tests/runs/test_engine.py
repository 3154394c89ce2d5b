"""The real trainer behind the queue: a short training on the shipped base, killed and resumed."""

from __future__ import annotations

import os
import shutil
import signal
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.catalog.attempts import list_attempts
from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import set_role
from loratui.catalog.subjects import add_subject
from loratui.errors import LoratuiError
from loratui.runs.bases import ensure_shipped_base, register_base
from loratui.runs.folder import RunFolder
from loratui.runs.service import resume_run, show_checkpoints, start_training, wait_for_run
from loratui.runs.sync import sync_runs
from loratui.training.lorafile import autov3

if TYPE_CHECKING:
    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog
    from tests.runs.conftest import Lab

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="needs loratui[train]")

CHANGES = {"epochs": 2, "batch_size": 1, "seed": 3, "state_every": 2, "warmup_steps": 2, "shuffle_captions": True}


@pytest.fixture
def mira(catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Six small pictures to train a copy of the shipped base on, with the trainer that ships."""
    try:
        shipped = ensure_shipped_base(catalog)
    except LoratuiError as error:
        pytest.skip(f"the shipped base is not here: {error}")
    # A copy: the base may be built anew while the tests run.
    register_base(catalog, "copy", Path(shutil.copytree(shipped.path, tmp_path / "base")))
    catalog.home.config_file.unlink()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    add_subject(catalog, "Mira", "miratok")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(6):
        Image.effect_noise((64 + 16 * (index % 2), 64), 20.0 + index).convert("RGB").save(folder / f"{index}.png")
    import_pictures(catalog, "Mira", [folder])
    set_role(catalog, "Mira", "primary", "name:0 OR name:1 OR name:2")
    set_role(catalog, "Mira", "supporting", "name:3 OR name:4 OR name:5")
    return "Mira"


def kill_trainer(lab: Lab, run: Run) -> None:
    """kill -9, and what the next command then sees."""
    os.kill(lab.attempt_of(run).pid, signal.SIGKILL)

    def noticed() -> bool:
        sync_runs(lab.catalog)
        return lab.get(run).state != "running"

    lab.wait_until(noticed)
    for checkpoint in show_checkpoints(lab.catalog, run.name):
        assert autov3(Path(checkpoint.path)) == checkpoint.autov3


def wait_for_step(lab: Lab, run: Run, step: int) -> None:
    def reached() -> bool:
        sync_runs(lab.catalog)
        return lab.get(run).step >= step

    lab.wait_until(reached, within_s=180)


def test_a_training_on_the_shipped_base_is_killed_resumed_and_done(catalog: Catalog, mira: str, lab: Lab) -> None:
    run = start_training(catalog, mira, changes=CHANGES)
    wait_for_step(lab, run, 3)
    kill_trainer(lab, run)
    killed = lab.get(run)
    assert (killed.state, killed.total_steps) == ("failed", run.total_steps)
    resume_run(catalog, run.name)
    done = wait_for_run(catalog, run.name)
    assert (done.state, done.step, done.epoch) == ("done", run.total_steps, 2)
    assert [(each.epoch, each.step) for each in show_checkpoints(catalog, run.name)] == [
        (1, run.steps_per_epoch),
        (2, run.total_steps),
    ]
    assert [attempt.outcome for attempt in list_attempts(catalog, run.id)] == ["vanished", "done"]


@pytest.mark.slow
def test_a_training_killed_at_ten_random_moments_ends_with_the_weights_of_one_that_was_not(
    catalog: Catalog, mira: str, lab: Lab
) -> None:
    whole = start_training(catalog, mira, changes=CHANGES)
    wait_for_run(catalog, whole.name)
    expected = [each.autov3 for each in show_checkpoints(catalog, whole.name)]
    random = Random(4)
    run = start_training(catalog, mira, changes=CHANGES)
    # Two kills while Python, torch and the base are still being loaded, eight between and within steps.
    for _ in range(2):
        lab.wait_until(lambda: lab.get(run).state == "running" and lab.attempt_of(run).pid)
        time.sleep(random.uniform(0.1, 4.0))
        kill_trainer(lab, run)
        resume_run(catalog, run.name)
    for step in sorted(random.sample(range(1, int(run.total_steps * 0.85)), 8)):
        # The step may have been reached before the last kill: what is to be killed is the new trainer.
        lab.wait_until(lambda: lab.get(run).state == "running" and lab.attempt_of(run).pid)
        wait_for_step(lab, run, step)
        time.sleep(random.uniform(0.0, 0.1))
        kill_trainer(lab, run)
        resume_run(catalog, run.name)
    assert wait_for_run(catalog, run.name).state == "done"
    assert [each.autov3 for each in show_checkpoints(catalog, run.name)] == expected
    assert len(list_attempts(catalog, run.id)) == 11
    files = sorted(path.name for path in RunFolder(run.folder).checkpoints.iterdir())
    assert files == [f"{run.name}-000001.safetensors", f"{run.name}.safetensors"]
