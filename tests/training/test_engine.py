"""The trainer from start to end on a tiny base, in this process."""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from loratui.training.lorafile import autov3, list_checkpoints, read_header
from loratui.training.tensorfile import read_tensors, write_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import MakeRun, Run


def stop_after(monkeypatch: pytest.MonkeyPatch, run: Run, steps: int) -> None:
    """Leave the run's stop file once so many more steps are done."""
    inject(monkeypatch, steps, lambda loss: (run.folder / "stop").touch() or loss)


def inject(monkeypatch: pytest.MonkeyPatch, steps: int, change: Any) -> None:
    """Let `change` see the loss of the step after which so many are done, and return another."""
    from loratui.training.engine.trainer import Trainer

    real = Trainer.run_step
    done = 0

    def run_step(self: Trainer, *arguments: Any) -> Any:
        nonlocal done
        loss = real(self, *arguments)
        done += 1
        return change(loss) if done == steps else loss

    monkeypatch.setattr(Trainer, "run_step", run_step)


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes: the kernel then says what a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_run_trains_to_its_end_and_says_what_it_does(make_run: MakeRun) -> None:
    run = make_run()
    assert run.train() == 0, run.end
    files = list_checkpoints(run.folder / "checkpoints")
    assert [file.path.name for file in files] == [
        "kim-0001-000001.safetensors",
        "kim-0001-000002.safetensors",
        "kim-0001.safetensors",
    ]
    (start,) = run.told("start")
    # 13 samples in buckets of 8 (40x40 and 64x64), 3 and 2: 4 + 2 + 1 batches of at most 2.
    assert (start["steps_per_epoch"], start["total_steps"]) == (7, 21)
    assert [event.seq for event in run.events] == list(range(1, len(run.events) + 1))
    assert [told["epoch"] for told in run.told("checkpoint")] == [1, 2, 3]
    for told, file in zip(run.told("checkpoint"), files, strict=True):
        assert told["path"] == str(file.path)
        assert told["autov3"] == autov3(file.path)
        assert told["bytes"] == file.bytes
        assert (told["epoch"], told["step"]) == (file.epoch, file.step)
    assert len({file.metadata["ss_training_started_at"] for file in files}) == 1
    assert [told["epoch"] for told in run.told("epoch")] == [1, 2, 3]
    last = run.told("step")[-1]
    assert last["step"] == 21
    assert last["eta_s"] == 0
    assert last["loss"] > 0
    assert 0 < last["lr"] < 1e-4
    assert last["images_per_s"] > 0
    assert run.events[-1].type == "end"
    assert run.end == {"state": "done", "reason": "", "hint": "", "step": 21}
    assert json.loads((run.folder / "pid.json").read_text())["nonce"] == "abc"


def test_a_finished_run_started_again_says_so_and_changes_nothing(make_run: MakeRun) -> None:
    run = make_run(recipe={"epochs": 1})
    assert run.train() == 0
    before = run.checkpoint().read_bytes()
    assert run.train(attempt=2) == 0
    assert run.checkpoint().read_bytes() == before
    assert "finished already" in run.told("log")[-1]["message"]
    assert len(run.told("start")) == 1
    assert run.end["state"] == "done"
    assert run.events[-1].attempt == 2


def test_a_lost_last_checkpoint_comes_back_from_the_state(make_run: MakeRun) -> None:
    run = make_run(recipe={"epochs": 1})
    assert run.train() == 0
    before = run.checkpoint().read_bytes()
    run.checkpoint().write_bytes(before[:-10])
    assert run.train(attempt=2) == 0
    assert autov3(run.checkpoint()) == run.told("checkpoint")[0]["autov3"]
    assert run.end["state"] == "done"


def test_gradient_checkpointing_changes_memory_and_not_the_result(make_run: MakeRun) -> None:
    runs = [make_run(f"{on}", recipe={"epochs": 1, "gradient_checkpointing": on}) for on in (False, True)]
    assert [run.train() for run in runs] == [0, 0]
    one, other = (read_tensors(run.checkpoint()) for run in runs)
    assert all(np.allclose(one[name], other[name], atol=1e-4) for name in one)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(make_run: MakeRun) -> None:
    runs = [make_run(f"run{index}", recipe={"epochs": 1, "seed": seed}) for index, seed in enumerate([3, 3, 4])]
    assert [run.train() for run in runs] == [0, 0, 0]
    hashes = [autov3(run.checkpoint()) for run in runs]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_stopped_run_resumes_to_the_bits_of_an_uninterrupted_one(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = {"text_encoder_lr": 5e-4, "accumulation": 2, "warmup_steps": 3}
    whole = make_run("whole", recipe=recipe)
    assert whole.train() == 0
    run = make_run("run", recipe=recipe)
    with monkeypatch.context() as patched:
        stop_after(patched, run, 6)
        assert run.train() == 0
    assert run.end["state"] == "stopped"
    assert run.end["step"] == 6
    # Asked to stop, and asked again before anything was done: both lose nothing.
    assert run.train(attempt=2) == 0
    assert run.end["step"] == 6
    (run.folder / "stop").unlink()
    assert run.train(attempt=3) == 0
    assert run.told("start")[-1]["step"] == 6
    for name in ("kim-0001-000001", "kim-0001-000002", "kim-0001"):
        assert autov3(run.checkpoint(name)) == autov3(whole.checkpoint(name))
    # The epochs' mean losses do not depend on the interruption either.
    assert [told["loss"] for told in run.told("epoch")] == pytest.approx([told["loss"] for told in whole.told("epoch")])
    assert [event.seq for event in run.events] == list(range(1, len(run.events) + 1))


def test_an_epoch_reached_again_keeps_its_file_and_is_told_once(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loratui.training.engine import session

    run = make_run(recipe={"state_every": 0, "epochs": 2})
    with monkeypatch.context() as patched:
        # As if killed after the checkpoint of epoch 1 and before the state.
        patched.setattr(session, "save_state", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run.train()
    before = run.checkpoint("kim-0001-000001").stat()
    assert run.train(attempt=2) == 0
    after = run.checkpoint("kim-0001-000001").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [told["epoch"] for told in run.told("checkpoint")] == [1, 2]


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_what_was_good(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    with monkeypatch.context() as patched:
        inject(patched, 12, lambda loss: loss * float("nan"))
        assert run.train() == 6
    assert run.end["state"] == "failed"
    assert run.end["reason"] == "The loss became not a number at step 12."
    assert "learning rate" in run.end["hint"]
    assert [told["epoch"] for told in run.told("checkpoint")] == [1]
    assert run.told("state")[-1]["step"] == 10
    assert run.train(attempt=2) == 0
    assert run.end["state"] == "done"


def test_broken_weights_never_reach_a_state(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(recipe={"learning_rate": 10.0, "scheduler": "constant", "weight_decay": 10.0, "epochs": 1})
    from loratui.training.engine.trainer import Trainer

    with monkeypatch.context() as patched:

        def break_weights(self: Any, *arguments: Any) -> Any:
            self.weights[0].flat.data[0] = float("inf")
            import torch

            return torch.zeros(())

        patched.setattr(Trainer, "run_step", break_weights)
        assert run.train() == 6
    assert "not a number" in run.end["reason"]
    assert not (run.folder / "state").exists()


def test_out_of_memory_proposes_what_to_change(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    run = make_run(recipe={"rank": 8})

    def exhaust(loss: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    with monkeypatch.context() as patched:
        inject(patched, 2, exhaust)
        assert run.train() == 6
    assert run.end["reason"].startswith("Out of memory")
    for word in ("batch_size 1", "gradient_checkpointing", "rank 4"):
        assert word in run.end["hint"]


def test_a_full_disk_loses_nothing(make_run: MakeRun) -> None:
    whole = make_run("whole")
    assert whole.train() == 0
    run = make_run("run")
    size = whole.checkpoint().stat().st_size
    # Checkpoints and weights still fit, the optimizer's two moments do not.
    with files_at_most(size + 1000):
        assert run.train() == 6
    assert run.end["state"] == "failed"
    assert "disk is full" in run.end["reason"]
    assert "resume" in run.end["hint"]
    assert not [path for path in run.folder.rglob("*") if ".part" in path.name or "tmp" in path.name]
    assert run.train(attempt=2) == 0
    assert autov3(run.checkpoint()) == autov3(whole.checkpoint())


def test_a_full_disk_in_the_middle_keeps_state_and_checkpoints(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("run")
    with monkeypatch.context() as patched:
        stop_after(patched, run, 9)
        assert run.train() == 0
    (run.folder / "stop").unlink()
    kept = (run.folder / "state" / "manifest.json").read_bytes()
    checkpoint = run.checkpoint("kim-0001-000001").read_bytes()
    with files_at_most(len(checkpoint) // 2):
        assert run.train(attempt=2) == 6
    assert "disk is full" in run.end["reason"]
    assert (run.folder / "state" / "manifest.json").read_bytes() == kept
    assert run.checkpoint("kim-0001-000001").read_bytes() == checkpoint
    assert run.train(attempt=3) == 0


def test_too_little_space_is_said_before_training(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 1000))
    assert run.train() == 6
    assert "MB free" in run.end["reason"]
    assert "save_every" in run.end["hint"]
    assert not run.told("step")


def copy_pictures(drawings: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    entries = []
    for entry in drawings:
        path = folder / str(entry["name"])
        path.write_bytes(Path(entry["path"]).read_bytes())
        entries.append({**entry, "path": str(path)})
    return entries


@pytest.mark.parametrize("damage", ["missing", "cut", "swapped"])
def test_a_damaged_picture_is_named(
    make_run: MakeRun, drawings: list[dict[str, Any]], tmp_path: Path, damage: str
) -> None:
    pictures = copy_pictures(drawings, tmp_path)
    target = tmp_path / "3.png"
    content = target.read_bytes()
    if damage == "missing":
        target.unlink()
    elif damage == "cut":
        target.write_bytes(content[: len(content) // 2])
    else:
        target.write_bytes((tmp_path / "2.png").read_bytes())
    run = make_run(pictures=pictures)
    assert run.train() == 6
    assert run.end["state"] == "failed"
    assert "3.png" in run.end["reason"]
    assert run.end["hint"]


def test_cached_latents_are_used_again_unless_they_are_damaged(make_run: MakeRun, tmp_path: Path) -> None:
    first = make_run("first", recipe={"epochs": 1})
    assert first.train() == 0
    cached = sorted((tmp_path / "latents").rglob("*.safetensors"))
    # Eight pictures, each also flipped.
    assert len(cached) == 16
    damaged = cached[3].read_bytes()
    cached[3].write_bytes(damaged[:-4] + b"\0\0\0\1")
    second = make_run("second", recipe={"epochs": 1})
    assert second.train() == 0
    assert "1 of them encoded now" in second.told("log")[-1]["message"]
    assert autov3(first.checkpoint()) == autov3(second.checkpoint())
    assert cached[3].read_bytes() == damaged


def test_a_crop_trains_as_the_same_pixels_in_a_file_of_their_own_would(
    make_run: MakeRun, drawings: list[dict[str, Any]], tmp_path: Path
) -> None:
    box = (5, 3, 24, 32)
    cropped = tmp_path / "cropped.png"
    with Image.open(drawings[0]["path"]) as image:
        image.crop((5, 3, 29, 35)).save(cropped)
    sha256 = hashlib.sha256(cropped.read_bytes()).hexdigest()
    own = {**drawings[0], "path": str(cropped), "sha256": sha256, "width": 24, "height": 32}
    by_crop = make_run("crop", pictures=[{**drawings[0], "crop": box}, *drawings[1:]])
    by_file = make_run("file", pictures=[own, *drawings[1:]])
    whole = make_run("whole")
    for run in (by_crop, by_file, whole):
        assert run.train() == 0, run.end
    weights = [read_tensors(run.checkpoint()) for run in (by_crop, by_file, whole)]
    assert all(np.array_equal(weights[0][key], weights[1][key]) for key in weights[0])
    assert not all(np.array_equal(weights[0][key], weights[2][key]) for key in weights[0])


def test_another_crop_of_the_same_shape_is_not_taken_from_the_cache(
    make_run: MakeRun, drawings: list[dict[str, Any]]
) -> None:
    runs = [make_run(f"at-{top}", pictures=[{**drawings[0], "crop": (0, top, 32, 32)}]) for top in (0, 8)]
    for run in runs:
        assert run.train() == 0, run.end
    first, second = (read_tensors(run.checkpoint()) for run in runs)
    assert not all(np.array_equal(first[key], second[key]) for key in first)


def test_a_crop_outside_its_picture_is_named(make_run: MakeRun, drawings: list[dict[str, Any]]) -> None:
    run = make_run(pictures=[{**drawings[0], "crop": (20, 0, 32, 32)}])
    assert run.train() == 6
    assert "crop of 0.png" in run.end["reason"]


def test_a_dataset_without_training_pictures_is_refused(make_run: MakeRun, drawings: list[dict[str, Any]]) -> None:
    run = make_run(pictures=[{**entry, "role": "holdout"} for entry in drawings])
    assert run.train() == 6
    assert "no primary or supporting pictures" in run.end["reason"]


def test_a_long_caption_warns_that_its_end_is_not_seen(make_run: MakeRun, drawings: list[dict[str, Any]]) -> None:
    long = [{**drawings[0], "caption": "photo of kim, " + "word, " * 90}, *drawings[1:]]
    run = make_run(pictures=long, recipe={"epochs": 1})
    assert run.train() == 0
    (warning,) = run.told("warning")
    assert "77 tokens" in warning["message"]
    assert drawings[0]["name"] in warning["message"]


def test_continuing_takes_over_weights_rank_and_alpha(make_run: MakeRun) -> None:
    first = make_run("first", recipe={"epochs": 1, "text_encoder_lr": 1e-4})
    assert first.train() == 0
    source = first.checkpoint()
    # A rate too small to change anything: what comes out is what went in.
    quiet = {"epochs": 1, "rank": 8, "alpha": 8.0, "learning_rate": 1e-12, "weight_decay": 0.0}
    run = make_run("second", continue_from=str(source), recipe=quiet)
    assert run.train() == 0
    assert "rank 4 and alpha 2" in run.told("warning")[0]["message"]
    before, after = read_tensors(source), read_tensors(run.checkpoint())
    # The text encoder's part stays although it is not trained.
    assert before.keys() == after.keys()
    assert all(np.allclose(before[name], after[name], atol=1e-7) for name in before)
    assert read_header(run.checkpoint()).metadata["ss_network_dim"] == "4"


def test_weights_that_can_not_be_continued_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    down = np.ones((4, 64), np.float32)
    wrong = {
        "nothing": tmp_path / "none.safetensors",
        "is not a module": ("lora_unet_down_blocks_9_resnets_0_conv1", down),
        "layers that this base lacks": ("lora_unet_down_blocks_9_attentions_0_proj_in", down),
        "has the shape": ("lora_unet_down_blocks_1_attentions_0_proj_in", np.ones((4, 99), np.float32)),
    }
    for index, (words, content) in enumerate(wrong.items()):
        path = tmp_path / f"{index}.safetensors"
        if isinstance(content, tuple):
            name, values = content
            up = np.ones((64, 4), np.float32)
            write_tensors(path, {f"{name}.lora_down.weight": values, f"{name}.lora_up.weight": up}, {})
        run = make_run(f"run{index}", continue_from=str(path))
        assert run.train() == 6
        expected = "is not there" if words == "nothing" else words
        assert expected in run.end["reason"], run.end
        assert run.end["hint"]


def test_checkpoints_come_every_n_epochs_and_at_the_end(make_run: MakeRun) -> None:
    run = make_run(recipe={"epochs": 5, "save_every": 2, "save_precision": "fp16"})
    assert run.train() == 0
    files = list_checkpoints(run.folder / "checkpoints")
    assert [file.epoch for file in files] == [2, 4, 5]
    assert {info.dtype for info in read_header(files[0].path).tensors.values()} == {"F16"}


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains_on_the_cpu_too(make_run: MakeRun, precision: str) -> None:
    run = make_run(recipe={"epochs": 1, "precision": precision, "gradient_checkpointing": True})
    assert run.train() == 0, run.end
    assert np.isfinite(run.told("epoch")[0]["loss"])


def test_another_nonce_leaves_the_folder_alone(make_run: MakeRun) -> None:
    from loratui.training.engine.__main__ import main

    run = make_run()
    assert main([str(run.folder), "--nonce", "other"]) == 6
    assert not run.events
    assert not (run.folder / "pid.json").exists()


def test_a_changed_recipe_is_not_resumed(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run()
    with monkeypatch.context() as patched:
        stop_after(patched, run, 3)
        assert run.train() == 0
    (run.folder / "stop").unlink()
    content = json.loads((run.folder / "run.json").read_text())
    content["recipe"]["rank"] = 8
    (run.folder / "run.json").write_text(json.dumps(content))
    assert run.train(attempt=2) == 6
    assert "another recipe" in run.end["reason"]


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 2}', '{"version": 1}'])
def test_a_damaged_run_file_ends_the_run_in_words(make_run: MakeRun, content: str) -> None:
    run = make_run()
    (run.folder / "run.json").write_text(content)
    assert run.train() == 6
    assert run.end["state"] == "failed"
    assert "run.json" in run.end["reason"]
    assert run.end["hint"]
