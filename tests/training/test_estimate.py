"""Sizes of bases from their headers, and what a training will need."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loratui.config import find_assets
from loratui.dataset.plan import Plan, make_plan
from loratui.errors import LoratuiError
from loratui.training.basesize import BaseSize, measure_base
from loratui.training.estimate import Pace, count_checkpoints, estimate
from loratui.training.recipe import Recipe

if TYPE_CHECKING:
    from pathlib import Path

GIB = 2**30


def make_sd1() -> BaseSize:
    """Stable Diffusion 1.5, counted from its published configs."""
    return BaseSize(
        unet=859_520_964,
        text_encoder=123_060_480,
        vae=83_653_863,
        unet_sides=425_000,
        text_sides=166_000,
        unet_outputs=234_717_184 / 64**2,
        vae_factor=8,
        latent_channels=4,
        vae_width=128,
    )


def plan_for(recipe: Recipe, pictures: int = 20) -> Plan:
    size = recipe.resolution
    return make_plan(
        [(size, size, 4)] * pictures,
        resolution=size,
        bucket_step=recipe.bucket_step,
        min_bucket=recipe.min_bucket,
        max_bucket=recipe.max_bucket,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
    )


def test_the_shipped_base_is_counted_as_its_card_says() -> None:
    size = measure_base(find_assets() / "cast" / "base")
    assert size.unet == 5_604_264
    # What `loratui demo` writes at rank 8: 219,136 weights.
    assert size.lora_parameters(8) == 219_136
    assert size.lora_parameters(8, unet=False, text_encoder=True) == 8 * size.text_sides
    assert (size.vae_factor, size.latent_channels, size.vae_width) == (4, 8, 16)


def write_shapes(path: Path, shapes: dict[str, tuple[int, ...]]) -> None:
    """A safetensors file of zeros; the tensor bytes are a hole in the file."""
    header, start = {}, 0
    for name, shape in shapes.items():
        end = start + 2 * math.prod(shape)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [start, end]}
        start = end
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + start)


UNET = {
    "conv_in.weight": ((8, 4, 3, 3), "input_blocks.0.0.weight"),
    "down_blocks.0.attentions.0.proj_in.weight": ((8, 8, 1, 1), "input_blocks.1.1.proj_in.weight"),
    "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight": (
        (8, 8),
        "input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight",
    ),
    "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (
        (8, 16),
        "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight",
    ),
    "down_blocks.0.downsamplers.0.conv.weight": ((8, 8, 3, 3), "input_blocks.3.0.op.weight"),
    "mid_block.resnets.0.conv1.weight": ((32, 8, 3, 3), "middle_block.0.in_layers.2.weight"),
    "up_blocks.3.resnets.0.conv1.weight": ((8, 16, 3, 3), "output_blocks.9.0.in_layers.2.weight"),
    "time_embedding.linear_1.weight": ((32, 8), "time_embed.0.weight"),
}


def test_a_folder_and_a_single_file_of_one_model_count_alike(tmp_path: Path) -> None:
    text = {"encoder.layers.0.self_attn.q_proj.weight": (16, 16), "embeddings.position_embedding.weight": (77, 16)}
    vae = {"encoder.conv_in.weight": (128, 3, 3, 3)}
    folder = tmp_path / "folder"
    for part, stem, shapes in (
        ("unet", "diffusion_pytorch_model", {name: shape for name, (shape, _) in UNET.items()}),
        ("text_encoder", "model", {f"text_model.{name}": shape for name, shape in text.items()}),
        ("vae", "diffusion_pytorch_model", vae),
    ):
        (folder / part).mkdir(parents=True)
        write_shapes(folder / part / f"{stem}.safetensors", shapes)
    (folder / "unet" / "config.json").write_text(json.dumps({"block_out_channels": [8, 8, 8, 32]}))
    (folder / "vae" / "config.json").write_text(
        json.dumps({"block_out_channels": [128, 256, 512, 512], "latent_channels": 4})
    )
    single = tmp_path / "model.safetensors"
    write_shapes(
        single,
        {f"model.diffusion_model.{name}": shape for shape, name in UNET.values()}
        | {f"cond_stage_model.transformer.text_model.{name}": shape for name, shape in text.items()}
        | {f"first_stage_model.{name}": shape for name, shape in vae.items()},
    )
    assert measure_base(folder) == measure_base(single)
    assert measure_base(folder).unet_sides == 16 + 16 + 24
    # Words and timesteps put out next to nothing; each halving leaves a quarter.
    assert measure_base(folder).unet_outputs == 8 + 8 + 8 + 8 / 4 + 32 / 64 + 8


def test_a_damaged_base_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"not a model")
    with pytest.raises(LoratuiError):
        measure_base(tmp_path / "broken.safetensors")


def test_memory_fits_what_is_published_for_stable_diffusion_1() -> None:
    recipe = Recipe(batch_size=1, rank=16, precision="bf16")
    parts = {part.name: part.bytes for part in estimate(make_sd1(), recipe, plan_for(recipe), device="cuda").memory}
    # The published peak, 2.87 GiB, is torch's own, and that trainer had let go of the text encoder.
    assert (parts["UNet"] + parts["LoRA"] + parts["one step"]) / GIB == pytest.approx(2.87, rel=0.05)


def test_encoding_pictures_can_need_more_than_a_step() -> None:
    recipe = Recipe(batch_size=1, gradient_checkpointing=True, precision="bf16")
    names = [part.name for part in estimate(make_sd1(), recipe, plan_for(recipe), device="cuda").memory]
    assert "encoding pictures" in names
    assert "one step" not in names


def test_more_of_anything_needs_more_memory() -> None:
    plain = Recipe(batch_size=4)

    def need(recipe: Recipe) -> int:
        return estimate(make_sd1(), recipe, plan_for(recipe), device="cuda").vram_bytes

    assert need(replace(plain, batch_size=8)) > need(plain)
    assert need(replace(plain, resolution=768)) > need(plain)
    assert need(replace(plain, rank=128)) > need(plain)
    assert need(replace(plain, precision="fp32")) > need(plain)
    assert need(replace(plain, gradient_checkpointing=True)) < need(plain)


def test_parts_add_up_and_say_why() -> None:
    found = estimate(make_sd1(), Recipe(), plan_for(Recipe()), device="cpu")
    assert found.precision == "fp32"
    assert sum(part.bytes for part in found.memory) == found.vram_bytes
    assert sum(part.bytes for part in found.disk) == found.disk_bytes
    assert found.vram_least < found.vram_bytes < found.vram_most
    assert all(part.why for part in (*found.memory, *found.disk))


@pytest.mark.parametrize(("epochs", "every", "count"), [(10, 1, 10), (10, 3, 4), (9, 3, 3), (1, 5, 1)])
def test_the_last_epoch_always_gets_a_checkpoint(epochs: int, every: int, count: int) -> None:
    assert count_checkpoints(Recipe(epochs=epochs, save_every=every)) == count


def test_time_comes_from_an_earlier_run_alone() -> None:
    recipe = Recipe(epochs=10)
    plan = plan_for(recipe)
    assert estimate(make_sd1(), recipe, plan, device="cuda").seconds is None
    same = estimate(make_sd1(), recipe, plan, device="cuda", pace=Pace("mira-0001", 8.0, 512))
    assert same.seconds == pytest.approx(80 * 10 / 8.0)
    assert same.seconds_from == "mira-0001"
    smaller = estimate(make_sd1(), recipe, plan, device="cuda", pace=Pace("mira-0001", 8.0, 256))
    assert smaller.seconds == pytest.approx(4 * 80 * 10 / 8.0)
