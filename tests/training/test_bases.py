"""Telling base models apart without loading them."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from loratui.errors import LoratuiError, MissingFeatureError, NotFoundError, RefusedError, UsageError
from loratui.training.bases import DetectedBase, detect_base, find_file_config
from loratui.training.tensorfile import write_tensors

if TYPE_CHECKING:
    from pathlib import Path

ATTENTION = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
FILE = {
    ATTENTION: (320, 768),
    "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
    "first_stage_model.encoder.conv_in.weight": (128, 3, 3, 3),
    "cond_stage_model.transformer.text_model.embeddings.position_embedding.weight": (77, 768),
}


def write_file(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    write_tensors(path, {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, {})
    return path


@pytest.fixture
def folder(tiny_base: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_base, tmp_path / "base")


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_a_diffusers_folder_is_known_with_its_resolution(folder: Path) -> None:
    assert detect_base(folder) == DetectedBase("sd1", "folder", 32)


def test_a_single_file_is_known_by_its_tensors(tmp_path: Path) -> None:
    assert detect_base(write_file(tmp_path / "a.safetensors", FILE)) == DetectedBase("sd1", "file", 512)


def test_folders_of_other_kinds_say_which(folder: Path) -> None:
    index = folder / "model_index.json"
    for kind, words in (("StableDiffusionXLPipeline", "SDXL is not supported yet"), ("FluxPipeline", "FluxPipeline")):
        change(index, _class_name=kind)
        with pytest.raises(UsageError, match=words):
            detect_base(folder)
    change(index, _class_name="StableDiffusionPipeline")
    change(folder / "unet" / "config.json", in_channels=9)
    with pytest.raises(UsageError, match="inpainting"):
        detect_base(folder)
    change(folder / "unet" / "config.json", in_channels=4)
    change(folder / "text_encoder" / "config.json", hidden_size=1024)
    with pytest.raises(UsageError, match="Stable Diffusion 2"):
        detect_base(folder)


@pytest.mark.parametrize(
    "part", ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json", "unet", "tokenizer", "vae"]
)
def test_an_incomplete_folder_is_refused(folder: Path, part: str) -> None:
    target = folder / part
    shutil.rmtree(target) if target.is_dir() else target.unlink()
    with pytest.raises(RefusedError) as caught:
        detect_base(folder)
    assert caught.value.hint


def test_weights_that_can_run_programs_are_refused(folder: Path, tmp_path: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(RefusedError, match="run programs"):
        detect_base(folder)
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x02")
    with pytest.raises(RefusedError, match="run programs"):
        detect_base(tmp_path / "model.ckpt")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"conditioner.embedders.1.model.ln_final.weight": (4,)}, "SDXL is not supported yet"),
        ({"double_blocks.0.img_attn.qkv.weight": (4,)}, "Flux"),
        ({"lora_unet_mid_block_attentions_0_proj_in.lora_up.weight": (4,)}, "is a LoRA"),
        ({"cond_stage_model.model.ln_final.weight": (4,)}, "Stable Diffusion 2"),
        ({"model.diffusion_model.input_blocks.0.0.weight": (320, 9, 3, 3)}, "inpainting"),
        ({ATTENTION: None}, "unknown kind"),
        ({"first_stage_model.encoder.conv_in.weight": None}, "autoencoder"),
    ],
)
def test_files_of_other_kinds_say_which(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    shapes = {name: shape for name, shape in {**FILE, **changes}.items() if shape}
    with pytest.raises(LoratuiError, match=words) as caught:
        detect_base(write_file(tmp_path / "a.safetensors", shapes))
    assert caught.value.hint


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        detect_base(tmp_path / "none")


def test_the_real_configs_are_told_apart(shared: Path) -> None:
    # They hold configs alone: the missing weights are what is told last.
    with pytest.raises(RefusedError, match="no weights"):
        detect_base(shared / "models" / "configs" / "sd15")
    with pytest.raises(UsageError, match="SDXL"):
        detect_base(shared / "models" / "configs" / "sdxl")


def test_a_single_file_needs_its_configs_beside_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loratui.training.bases.find_assets", lambda: tmp_path / "assets")
    file = tmp_path / "model.safetensors"
    with pytest.raises(MissingFeatureError, match="tokenizer") as caught:
        find_file_config(file, "sd1")
    assert str(tmp_path / "model") in caught.value.hint
    assert find_file_config(file, "sd1", folder) == folder
    for place in (tmp_path / "assets" / "configs" / "sd1", tmp_path / "config", tmp_path / "model"):
        shutil.copytree(folder, place)
        assert find_file_config(file, "sd1") == place
