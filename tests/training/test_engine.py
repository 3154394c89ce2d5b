"""The trainer from start to end on a tiny base."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.training.lorafile import autov3, list_checkpoints

if TYPE_CHECKING:
    from .conftest import MakeRun


def test_a_run_trains_to_its_end_and_leaves_a_checkpoint_per_epoch(make_run: MakeRun) -> None:
    run = make_run()
    assert run.train() == 0, run.end
    assert [file.path.name for file in list_checkpoints(run.folder / "checkpoints")] == [
        "kim-0001-000001.safetensors",
        "kim-0001-000002.safetensors",
        "kim-0001.safetensors",
    ]
