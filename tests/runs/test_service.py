"""Trainings as people start, follow, stop and resume them; the stand-in does the work."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.catalog.attempts import list_attempts
from loratui.catalog.bases import add_base, list_bases
from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import set_role
from loratui.catalog.runs import list_runs
from loratui.catalog.subjects import add_subject, edit_subject, record_consent, withdraw_consent
from loratui.errors import (
    Cancelled,
    ConflictError,
    MissingFeatureError,
    NotFoundError,
    RefusedError,
    TrainingError,
    UsageError,
)
from loratui.runs.folder import RunFolder
from loratui.runs.leases import take_lease
from loratui.runs.service import (
    read_run_log,
    resume_run,
    show_checkpoints,
    show_run,
    start_training,
    stop_run,
    wait_for_run,
)
from loratui.runs.spawn import get_worker_lease
from loratui.runs.worker import Worker
from loratui.training.recipe import preset_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loratui.catalog.store import Catalog
    from loratui.events import Progress
    from tests.runs.conftest import Lab

# Long enough to be stopped, short enough to be waited for.
SLOW = json.dumps({"delay_s": 0.02, "steps_per_epoch": 100})


@pytest.fixture(autouse=True)
def worker(catalog: Catalog) -> Iterator[None]:
    """The library's worker as a thread, which starts sooner; trainers are processes as ever."""
    lease = take_lease(get_worker_lease(catalog.home))
    assert lease is not None
    quit = threading.Event()
    worker = Worker(catalog, dict(os.environ), idle_s=600.0, round_s=0.05)
    thread = threading.Thread(target=worker.work, args=(quit,))
    with lease:
        thread.start()
        yield
        quit.set()
        thread.join()


@pytest.fixture
def mira(catalog: Catalog, toy_base: Path, tmp_path: Path) -> str:
    """A subject with three training pictures, and one base to train it on."""
    add_base(catalog, "toy", toy_base, family="sd1", layout="folder", resolution=64)
    add_subject(catalog, "Mira", "miratok")
    for index, name in enumerate(("a", "b", "c", "d")):
        picture = Image.linear_gradient("L").rotate(index * 90).resize((96, 64 + 16 * index)).convert("RGB")
        (tmp_path / "pictures").mkdir(exist_ok=True)
        picture.save(tmp_path / "pictures" / f"{name}.png")
    import_pictures(catalog, "Mira", [tmp_path / "pictures"])
    set_role(catalog, "Mira", "primary", "name:a.png")
    set_role(catalog, "Mira", "supporting", "name:b.png OR name:c.png")
    return "Mira"


def test_a_training_is_queued_trained_and_listed_with_its_checkpoints(catalog: Catalog, mira: str) -> None:
    run = start_training(catalog, mira, changes={"epochs": 2, "seed": 7})
    told: list[Progress] = []
    done = wait_for_run(catalog, run.name, told.append)
    assert (done.name, done.state) == ("mira-0001", "done")
    assert told[-1].done == told[-1].total == done.total_steps
    checkpoints = show_checkpoints(catalog, run.name)
    assert [(checkpoint.epoch, Path(checkpoint.path).name) for checkpoint in checkpoints] == [
        (1, "mira-0001-000001.safetensors"),
        (2, "mira-0001.safetensors"),
    ]
    view = show_run(catalog, "mira-0001")
    assert (view.subject.name, view.base.name, view.pid, len(view.attempts)) == ("Mira", "toy", None, 1)
    assert read_run_log(catalog, "mira-0001", 1)[0].startswith("attempt 1 begins")


def test_the_run_folder_tells_the_trainer_everything_it_needs(catalog: Catalog, mira: str) -> None:
    run = start_training(catalog, mira, changes={"epochs": 3}, comment='{"note": "first try"}')
    wait_for_run(catalog, run.name)
    folder = RunFolder(run.folder)
    told = folder.read_run()
    assert told["subject"] == {"name": "Mira", "trigger": "miratok", "kind": "character", "class_word": ""}
    assert (told["base"]["family"], told["base"]["layout"]) == ("sd1", "folder")
    assert told["recipe"] == {**preset_for("sd1", 64).to_dict(), "epochs": 3}
    assert (told["run"], told["output_name"], told["continue_from"]) == (run.name, run.name, None)
    dataset = json.loads(folder.dataset_file.read_text())
    pictures = {picture["name"]: picture for picture in dataset["pictures"]}
    assert {name: (p["role"], p["repeats"]) for name, p in pictures.items()} == {
        "a.png": ("primary", 5),
        "b.png": ("supporting", 2),
        "c.png": ("supporting", 2),
    }
    assert pictures["b.png"]["caption"].startswith("photo of miratok")
    assert all(Path(picture["path"]).is_absolute() and Path(picture["path"]).is_file() for picture in pictures.values())
    assert run.total_steps == run.steps_per_epoch * 3


def test_sample_prompts_reach_the_trainer_filled_in(catalog: Catalog, mira: str) -> None:
    run = start_training(catalog, mira, changes={"epochs": 1}, sample_prompts=["photo of {trigger}, smile"])
    samples = RunFolder(run.folder).read_run()["samples"]
    assert samples["prompts"] == ["photo of miratok, smile"]
    assert samples["seeds"]
    assert wait_for_run(catalog, run.name).state == "done"
    with pytest.raises(UsageError, match="prompt"):
        start_training(catalog, mira, sample_prompts=[" "])


def test_what_is_trained_stays_as_it_was_when_it_was_queued(catalog: Catalog, mira: str) -> None:
    first = start_training(catalog, mira, changes={"epochs": 1})
    edit_subject(catalog, mira, trigger="other")
    set_role(catalog, mira, "rejected", "name:b.png", reason="blurred")
    second = start_training(catalog, mira, changes={"epochs": 1})
    assert RunFolder(first.folder).read_run()["subject"]["trigger"] == "miratok"
    assert RunFolder(second.folder).read_run()["subject"]["trigger"] == "other"
    assert first.snapshot_id != second.snapshot_id
    assert {wait_for_run(catalog, run.name).state for run in (first, second)} == {"done"}


def test_a_running_training_is_stopped_and_resumed(catalog: Catalog, mira: str, lab: Lab) -> None:
    run = start_training(catalog, mira, changes={"epochs": 1}, comment=SLOW)
    lab.wait_until(lambda: lab.get(run).step > 2)
    view = show_run(catalog, run.name)
    assert view.pid == view.attempts[0].pid
    with pytest.raises(ConflictError, match="is running"):
        resume_run(catalog, run.name)
    stop_run(catalog, run.name)
    stopped = wait_for_run(catalog, run.name)
    assert (stopped.state, stopped.reason) == ("stopped", "asked to stop")
    with pytest.raises(ConflictError, match="stopped already"):
        stop_run(catalog, run.name)
    resume_run(catalog, run.name)
    assert wait_for_run(catalog, run.name).state == "done"
    assert len(list_attempts(catalog, run.id)) == 2
    with pytest.raises(ConflictError) as caught:
        resume_run(catalog, run.name)
    assert "--continue-from mira-0001" in caught.value.hint


def test_a_queued_training_is_stopped_before_it_begins(catalog: Catalog, mira: str, lab: Lab) -> None:
    first = start_training(catalog, mira, comment=SLOW)
    second = start_training(catalog, mira, changes={"epochs": 1})
    lab.wait_until(lambda: lab.get(first).step > 0)
    assert stop_run(catalog, second.name).state == "stopped"
    assert list_attempts(catalog, second.id) == []
    stop_run(catalog, first.name)
    assert resume_run(catalog, second.name).state == "queued"
    assert wait_for_run(catalog, second.name).state == "done"


def test_waiting_for_a_failed_training_raises_its_reason(catalog: Catalog, mira: str) -> None:
    run = start_training(catalog, mira, changes={"epochs": 1}, comment='{"fail_at": 1}')
    with pytest.raises(TrainingError, match="loss is NaN") as caught:
        wait_for_run(catalog, run.name)
    assert caught.value.hint == "Lower the learning rate."


def test_waiting_can_be_given_up_and_the_training_goes_on(catalog: Catalog, mira: str, lab: Lab) -> None:
    run = start_training(catalog, mira, comment=SLOW)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Cancelled, match="goes on"):
        wait_for_run(catalog, run.name, cancel=cancel)
    lab.wait_until(lambda: lab.get(run).step > 0)
    assert lab.get(run).state == "running"


def test_a_training_goes_on_from_the_weights_of_another(catalog: Catalog, mira: str) -> None:
    first = start_training(catalog, mira, changes={"epochs": 2})
    wait_for_run(catalog, first.name)
    epochs = {checkpoint.epoch: checkpoint.path for checkpoint in show_checkpoints(catalog, first.name)}
    last = start_training(catalog, mira, continue_from=first.name, changes={"epochs": 1})
    chosen = start_training(catalog, mira, continue_from=f"{first.name}@1", changes={"epochs": 1})
    file = start_training(catalog, mira, continue_from=epochs[1], changes={"epochs": 1})
    assert [run.continued_from for run in (last, chosen, file)] == [epochs[2], epochs[1], epochs[1]]
    assert RunFolder(chosen.folder).read_run()["continue_from"] == epochs[1]


@pytest.mark.parametrize(
    ("word", "error", "says"),
    [
        ("nothing", NotFoundError, "neither a file nor a run"),
        ("mira-0001@9", NotFoundError, "no checkpoint of epoch 9"),
        ("mira-0001@last", UsageError, "no epoch"),
    ],
)
def test_weights_that_are_not_there_are_named(
    catalog: Catalog, mira: str, word: str, error: type[Exception], says: str
) -> None:
    wait_for_run(catalog, start_training(catalog, mira, changes={"epochs": 1}).name)
    with pytest.raises(error, match=says):
        start_training(catalog, mira, continue_from=word)
    assert len(list_runs(catalog)) == 1


def test_a_damaged_file_to_go_on_from_is_refused(catalog: Catalog, mira: str, tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(RefusedError):
        start_training(catalog, mira, continue_from=str(tmp_path / "broken.safetensors"))


def test_a_checkpoint_that_was_removed_is_listed_no_more(catalog: Catalog, mira: str) -> None:
    run = start_training(catalog, mira, changes={"epochs": 2})
    wait_for_run(catalog, run.name)
    Path(show_checkpoints(catalog, run.name)[0].path).unlink()
    assert [checkpoint.epoch for checkpoint in show_checkpoints(catalog, run.name)] == [2]


def test_a_person_is_trained_only_with_consent(catalog: Catalog, mira: str) -> None:
    edit_subject(catalog, mira, kind="person")
    with pytest.raises(RefusedError, match="consent"):
        start_training(catalog, mira)
    record_consent(catalog, mira, who="Mira", scope="training")
    with pytest.raises(RefusedError, match="nude"):
        start_training(catalog, mira, sample_prompts=["nude photo of {trigger}"])
    run = start_training(catalog, mira, changes={"epochs": 1}, comment='{"fail_at": 1}')
    with pytest.raises(TrainingError):
        wait_for_run(catalog, run.name)
    withdraw_consent(catalog, mira)
    with pytest.raises(RefusedError, match="consent"):
        resume_run(catalog, run.name)


def test_nothing_is_queued_when_something_is_missing(
    catalog: Catalog, mira: str, toy_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError):
        start_training(catalog, mira, changes={"epochs": 0})
    with pytest.raises(UsageError, match="epocks"):
        start_training(catalog, mira, changes={"epocks": 2})
    with pytest.raises(NotFoundError, match="no base"):
        start_training(catalog, mira, base="other")
    add_subject(catalog, "Empty", "emptok")
    with pytest.raises(RefusedError, match="no training pictures"):
        start_training(catalog, "Empty")
    toy_base.rename(toy_base.with_name("moved"))
    with pytest.raises(NotFoundError, match="gone from"):
        start_training(catalog, mira)
    catalog.home.config_file.unlink()
    monkeypatch.setattr("loratui.runs.preflight.find_spec", lambda name: None)
    with pytest.raises(MissingFeatureError) as caught:
        start_training(catalog, mira)
    assert "loratui[train]" in caught.value.hint
    assert list_runs(catalog) == []
    assert list(catalog.home.runs.iterdir()) == []


def test_a_full_disk_is_noticed_before_anything_is_queued(
    catalog: Catalog, mira: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(catalog.home.data)._replace(free=1_000_000)
    monkeypatch.setattr("loratui.runs.preflight.shutil.disk_usage", lambda path: usage)
    with pytest.raises(RefusedError, match="1 MB left"):
        start_training(catalog, mira)


def test_a_run_with_checkpoints_but_without_a_state_is_not_begun_again(catalog: Catalog, mira: str) -> None:
    run = start_training(catalog, mira, changes={"epochs": 2}, comment='{"fail_at": 3, "state_every": 1}')
    with pytest.raises(TrainingError):
        wait_for_run(catalog, run.name)
    (RunFolder(run.folder).state / "manifest.json").unlink()
    with pytest.raises(RefusedError, match="no saved state"):
        resume_run(catalog, run.name)


def test_several_bases_are_asked_back_and_a_default_settles_it(
    catalog: Catalog, mira: str, toy_base: Path, tmp_path: Path
) -> None:
    add_base(catalog, "other", toy_base, family="sd1", layout="folder", resolution=64)
    with pytest.raises(UsageError, match="toy, other"):
        start_training(catalog, mira)
    with catalog.home.config_file.open("a") as config:
        config.write("default_base = 'other'\n")
    run = start_training(catalog, mira, changes={"epochs": 1})
    assert RunFolder(run.folder).read_run()["base"]["name"] == "other"
    assert [base.name for base in list_bases(catalog)] == ["toy", "other"]
    wait_for_run(catalog, run.name)
