"""Bases that are one file in the layout of the original Stable Diffusion."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from loratui.training.bases import detect_base
from loratui.training.lorafile import autov3
from loratui.training.tensorfile import read_tensors, write_tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import MakeRun

BLOCKS, LAYERS = 2, 1
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def name_unet(name: str) -> str:
    """The original name of one of diffusers' UNet tensors."""
    path, suffix = name.rsplit(".", 1)
    if path in ENDS:
        return f"{ENDS[path]}.{suffix}"
    if match := re.fullmatch(r"(down|up|mid)_blocks?\.?(\d*)\.(\w+)\.(\d+)\.?(.*)", path):
        side, block, kind, index, rest = match[1], int(match[2] or 0), match[3], int(match[4]), match[5]
        rest = RESNET[rest] if kind == "resnets" else rest
        if side == "mid":
            return f"middle_block.{2 * index if kind == 'resnets' else 1}.{rest}.{suffix}"
        if kind == "downsamplers":
            return f"input_blocks.{(block + 1) * (LAYERS + 1)}.0.op.{suffix}"
        if kind == "upsamplers":
            # After the resnet, and the attention where this block has one: up block 1 here.
            return f"output_blocks.{block * (LAYERS + 1) + LAYERS}.{1 if block == 0 else 2}.conv.{suffix}"
        place = {"resnets": 0, "attentions": 1}[kind]
        number = 1 + block * (LAYERS + 1) + index if side == "down" else block * (LAYERS + 1) + index
        return f"{'input' if side == 'down' else 'output'}_blocks.{number}.{place}.{rest}.{suffix}"
    raise AssertionError(name)


def name_vae(name: str, blocks: int = 3) -> str:
    """The original name of one of diffusers' autoencoder tensors."""
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    name = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets", lambda m: f"up.{blocks - 1 - int(m[1])}.block", name)
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{blocks - 1 - int(m[1])}.upsample", name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_tiny_base: Callable[..., Path]) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp("pair") / "model", ("CrossAttnDownBlock2D", "DownBlock2D"))


@pytest.fixture(scope="module")
def single_file(folder: Path) -> Path:
    """The same weights as `folder`, in one file beside it; `folder` serves as its configs."""
    tensors: dict[str, Any] = {}
    for name, values in read_tensors(folder / "unet" / "diffusion_pytorch_model.safetensors").items():
        tensors[f"model.diffusion_model.{name_unet(name)}"] = values
    for name, values in read_tensors(folder / "vae" / "diffusion_pytorch_model.safetensors").items():
        tensors[f"first_stage_model.{name_vae(name)}"] = values
    for name, values in read_tensors(folder / "text_encoder" / "model.safetensors").items():
        tensors[f"cond_stage_model.transformer.text_model.{name.removeprefix('text_model.')}"] = values
    ids = "cond_stage_model.transformer.text_model.embeddings.position_ids"
    tensors[ids] = np.arange(77, dtype=np.float32)[None]
    path = folder.with_suffix(".safetensors")
    write_tensors(path, tensors, {})
    return path


def test_a_single_file_trains_to_the_same_lora_as_its_folder(
    make_run: MakeRun, folder: Path, single_file: Path
) -> None:
    recipe = {"epochs": 1, "text_encoder_lr": 1e-3}
    hashes = []
    for path, layout in ((folder, "folder"), (single_file, "file")):
        assert detect_base(path).layout == layout
        base = {"name": "tiny", "path": str(path), "family": "sd1", "layout": layout}
        run = make_run(layout, base=base, recipe=recipe)
        assert run.train() == 0, run.end
        hashes.append(autov3(run.checkpoint()))
    assert hashes[0] == hashes[1]


def test_a_single_file_without_configs_says_what_to_copy(
    make_run: MakeRun, single_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loratui.training.bases.find_assets", lambda: tmp_path / "assets")
    alone = shutil.copy(single_file, tmp_path / "alone.safetensors")
    run = make_run(base={"name": "alone", "path": str(alone), "family": "sd1", "layout": "file"})
    assert run.train() == 6
    assert "configs and the tokenizer" in run.end["reason"]
    assert "model_index.json" in run.end["hint"]


def test_configs_of_another_model_are_refused(
    make_run: MakeRun, folder: Path, single_file: Path, tmp_path: Path
) -> None:
    alone = shutil.copy(single_file, tmp_path / "other.safetensors")
    configs = shutil.copytree(folder, tmp_path / "other")
    # Transformers would make up a tokenizer of two tokens.
    for name in ("vocab.json", "merges.txt", "tokenizer.json"):
        (configs / "tokenizer" / name).unlink(missing_ok=True)
    run = make_run(base={"name": "other", "path": str(alone), "family": "sd1", "layout": "file"})
    assert run.train() == 6
    assert "tokenizer" in run.end["reason"]
    assert run.end["hint"]
