"""Rendering through a real sampler process: resumed, watched, stopped, and told apart when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

pytest.importorskip("diffusers", reason="rendering needs the [train] extra")

from typing import TYPE_CHECKING

from loratui.errors import Cancelled, MissingFeatureError, TrainingError, UsageError
from loratui.events import Progress, ignore_progress
from loratui.review import render as rendering
from loratui.review.infotext import is_finished
from loratui.review.render import render
from loratui.review.request import LEASE, BaseModel, CellRequest, LoraFile, SampleSettings
from loratui.runs.folder import RunFolder
from loratui.runs.leases import is_leased

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = SampleSettings(16, 16, steps=2, cfg=2.0, max_batch=2, threads=1, device="cpu")


def wait_until_free(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while is_leased(folder / LEASE):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_folder_is_rendered_once_and_read_afterwards(
    tmp_path: Path, tiny_base: BaseModel, plain_lora: LoraFile
) -> None:
    told: list[Progress] = []
    cells = [CellRequest("a hat", seed, lora=lora) for lora in (None, plain_lora) for seed in (1, 2)]
    made = render(tmp_path, tiny_base, cells, SETTINGS, report=told.append)
    assert len(made) == 4
    assert all(is_finished(path, key) for key, path in made.items())
    assert (told[-1].done, told[-1].total, told[-1].eta_s) == (4, 4, 0.0)
    assert [progress.done for progress in told] == sorted(progress.done for progress in told)
    before = {path: path.stat().st_mtime_ns for path in made.values()}
    told.clear()
    again = render(tmp_path, tiny_base, cells, SETTINGS, report=told.append)
    assert list(again) == list(made)
    assert told == []
    assert {path: path.stat().st_mtime_ns for path in again.values()} == before


def test_a_sampler_goes_on_when_its_caller_is_killed(tmp_path: Path, tiny_base: BaseModel) -> None:
    caller = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from pathlib import Path; from loratui.events import ignore_progress\n"
            "from loratui.review.render import render; from loratui.review.request import *\n"
            "cells = [CellRequest('a hat', seed) for seed in range(3)]\n"
            "settings = SampleSettings(16, 16, steps=2, cfg=2.0, max_batch=2, threads=1, device='cpu')\n"
            "base = BaseModel('tiny', sys.argv[2], sha256=sys.argv[3])\n"
            "render(Path(sys.argv[1]), base, cells, settings, report=ignore_progress)",
            str(tmp_path),
            tiny_base.path,
            tiny_base.sha256,
        ]
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "events.jsonl").exists():
        assert caller.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    caller.kill()
    caller.wait()
    wait_until_free(tmp_path)
    assert len(list((tmp_path / "cells").glob("*.png"))) == 3
    assert RunFolder(tmp_path).read_events()[-1].data["state"] == "done"


def test_a_killed_sampler_is_told_and_the_next_call_makes_only_what_is_missing(
    tmp_path: Path, tiny_base: BaseModel
) -> None:
    cells = [CellRequest("a hat", seed) for seed in range(6)]

    def kill_after_two(progress: Progress) -> None:
        events = RunFolder(tmp_path).read_events()
        if progress.done == 2 and events[-1].type == "cell":
            os.kill(next(event.data["pid"] for event in events if event.type == "start"), signal.SIGKILL)

    slow = replace(SETTINGS, steps=100)
    with pytest.raises(TrainingError, match="signal 9") as failure:
        render(tmp_path, tiny_base, cells, slow, report=kill_after_two)
    assert "Start it again" in failure.value.hint
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "cells").glob("*.png")}
    assert 2 <= len(kept) < 6
    assert len(render(tmp_path, tiny_base, cells, slow, report=ignore_progress)) == 6
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in kept.items())


def test_cancelling_finishes_the_batch_and_keeps_it(tmp_path: Path, tiny_base: BaseModel) -> None:
    cancel = threading.Event()

    def cancel_at_first_image(progress: Progress) -> None:
        if progress.done:
            cancel.set()

    cells = [CellRequest("a hat", seed) for seed in range(8)]
    with pytest.raises(Cancelled):
        render(tmp_path, tiny_base, cells, replace(SETTINGS, steps=100), report=cancel_at_first_image, cancel=cancel)
    made = list((tmp_path / "cells").iterdir())
    assert 2 <= len(made) < 8
    assert all(is_finished(path, path.stem) for path in made)
    assert not is_leased(tmp_path / LEASE)


def test_a_failing_sampler_says_why_and_what_to_do(tmp_path: Path, tiny_base: BaseModel, plain_lora: LoraFile) -> None:
    lost = replace(plain_lora, path=str(tmp_path / "lost.safetensors"))
    with pytest.raises(TrainingError, match=r"lost\.safetensors") as failure:
        render(tmp_path / "out", tiny_base, [CellRequest("a hat", 1, lora=lost)], SETTINGS, report=ignore_progress)
    assert failure.value.hint


def test_two_calls_at_once_share_one_sampler(tmp_path: Path, tiny_base: BaseModel) -> None:
    cells = [CellRequest("a hat", seed) for seed in range(4)]
    results: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: results.append(len(render(tmp_path, tiny_base, cells, SETTINGS, report=ignore_progress)))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [4, 4]
    starts = [event for event in RunFolder(tmp_path).read_events() if event.type == "start"]
    assert len(starts) == 1


def test_a_sampler_started_by_hand_leaves_a_folder_alone_that_another_one_holds(
    tmp_path: Path, tiny_base: BaseModel
) -> None:
    from loratui.review.sampler import ALREADY_RENDERING
    from loratui.runs.leases import take_lease

    lease = take_lease(tmp_path / LEASE)
    assert lease is not None
    with lease:
        done = subprocess.run([sys.executable, "-m", "loratui.review.sampler", str(tmp_path)], check=False)
    assert done.returncode == ALREADY_RENDERING
    assert not (tmp_path / "events.jsonl").exists()


def test_without_torch_nothing_is_started(
    tmp_path: Path, tiny_base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingFeatureError) as missing:
        render(tmp_path, tiny_base, [CellRequest("a hat", 1)], SETTINGS, report=ignore_progress)
    assert "loratui[train]" in missing.value.hint
    assert not (tmp_path / "sheet.json").exists()


@pytest.mark.parametrize(
    "change",
    [{"width": 15}, {"steps": 0}, {"cfg": -1.0}, {"sampler": "plms"}, {"max_batch": -1}, {"device": "tpu"}],
)
def test_settings_that_cannot_be_sampled_are_refused(
    tmp_path: Path, tiny_base: BaseModel, change: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        render(tmp_path, tiny_base, [], replace(SETTINGS, **change), report=ignore_progress)


def test_the_service_loads_no_torch() -> None:
    code = "import sys, loratui.review.render; sys.exit(any(m in sys.modules for m in ('torch', 'diffusers', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
