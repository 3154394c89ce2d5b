"""The builder: every stage runs, can be stopped and continued, and writes files that load."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("onnx")

STAGES = ("dataset", "text_encoder", "autoencoder", "decoder", "tagger", "unet", "card")


def run(folder: Path, *extra: str, stages: tuple[str, ...] = STAGES) -> None:
    from loratui.demo.build import main

    wanted = [part for stage in stages for part in ("--stage", stage)]
    main(["--quick", "--device", "cpu", "--out", str(folder / "out"), "--work", str(folder / "work"), *wanted, *extra])


@pytest.mark.slow
def test_a_tiny_build_writes_a_cast_and_a_second_one_has_nothing_left_to_train(tmp_path: Path) -> None:
    run(tmp_path)
    cast = tmp_path / "out" / "cast"
    assert (cast / "base" / "model_index.json").is_file()
    assert (cast / "tagger" / "model.onnx").is_file()
    card = json.loads((cast / "card.json").read_text(encoding="utf-8"))
    assert {"autoencoder", "tagger", "base"} <= set(card)
    weights = cast / "base" / "unet" / "diffusion_pytorch_model.safetensors"
    before = weights.read_bytes()
    run(tmp_path, stages=("text_encoder", "autoencoder", "decoder", "tagger", "unet"))
    assert weights.read_bytes() == before


def test_a_stopped_training_goes_on_where_it_was(tmp_path: Path) -> None:
    run(tmp_path, stages=("dataset", "text_encoder", "autoencoder", "unet"))
    run(tmp_path, "--unet-samples", "64", stages=("unet",))
    state = torch.load(tmp_path / "work" / "unet.pt", weights_only=True)
    assert state["step"] == 4
