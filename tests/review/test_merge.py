"""Merging LoRAs in place: the same as diffusers and PEFT, and gone without a trace afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("diffusers", reason="rendering needs the [train] extra")

import torch
from safetensors.torch import load_file, save_file

from loratui.errors import RefusedError
from loratui.review.diffusion import Diffusion
from loratui.review.merge import LoraMerger, read_lora

if TYPE_CHECKING:
    from loratui.review.request import BaseModel, LoraFile

CPU = torch.device("cpu")


def open_base(base: BaseModel) -> tuple[Diffusion, LoraMerger]:
    diffusion = Diffusion.load(base, CPU)
    return diffusion, LoraMerger(diffusion.unet, diffusion.text_encoder)


def weights_of(diffusion: Diffusion) -> dict[str, torch.Tensor]:
    parts: dict[str, Any] = {"unet": diffusion.unet, "text": diffusion.text_encoder}
    return {f"{part}.{name}": value.clone() for part, m in parts.items() for name, value in m.state_dict().items()}


def predict(unet: Any, context: torch.Tensor) -> torch.Tensor:
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        return torch.as_tensor(unet(noise, torch.tensor(500), encoder_hidden_states=context).sample)


@pytest.mark.parametrize("weight", [1.0, 0.35, -0.8])
def test_a_merged_lora_gives_what_diffusers_gives_with_it(
    tiny_base: BaseModel, full_lora: LoraFile, weight: float
) -> None:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(tiny_base.path, local_files_only=True)
    pipeline.load_lora_weights(full_lora.path, adapter_name="one")
    pipeline.set_adapters(["one"], [weight])
    expected_context = pipeline.encode_prompt("photo of mira", CPU, 1, False)[0]

    diffusion, merger = open_base(tiny_base)
    without = diffusion.encode("photo of mira", 1)
    merger.merge([(read_lora(Path(full_lora.path)), weight)])
    context = diffusion.encode("photo of mira", 1)

    assert (context - without).abs().max() > 1e-2
    torch.testing.assert_close(context, expected_context, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        predict(diffusion.unet, context), predict(pipeline.unet, expected_context), atol=1e-5, rtol=1e-5
    )


def test_restoring_gives_every_weight_back_bit_for_bit(
    tiny_base: BaseModel, full_lora: LoraFile, plain_lora: LoraFile
) -> None:
    diffusion, merger = open_base(tiny_base)
    before = weights_of(diffusion)
    full, plain = read_lora(Path(full_lora.path)), read_lora(Path(plain_lora.path))
    for loras in ([(full, 1.0)], [(plain, 0.7), (full, 0.3)], [(plain, 1.0)], [(full, 0.0)]):
        merger.merge(loras)
    merger.restore()
    assert all(torch.equal(before[name], value) for name, value in weights_of(diffusion).items())


def test_a_lora_merged_after_another_equals_it_merged_alone(
    tiny_base: BaseModel, full_lora: LoraFile, plain_lora: LoraFile
) -> None:
    alone, merger = open_base(tiny_base)
    merger.merge([(read_lora(Path(plain_lora.path)), 0.9)])
    after, merger = open_base(tiny_base)
    merger.merge([(read_lora(Path(full_lora.path)), 1.3)])
    merger.merge([(read_lora(Path(plain_lora.path)), 0.9)])
    expected = weights_of(alone)
    assert all(torch.equal(expected[name], value) for name, value in weights_of(after).items())


def test_stacked_loras_add_up(tiny_base: BaseModel, full_lora: LoraFile, plain_lora: LoraFile) -> None:
    diffusion, merger = open_base(tiny_base)
    base = weights_of(diffusion)
    full, plain = read_lora(Path(full_lora.path)), read_lora(Path(plain_lora.path))
    merger.merge([(full, 0.5)])
    first = weights_of(diffusion)
    merger.merge([(plain, 0.25)])
    second = weights_of(diffusion)
    merger.merge([(full, 0.5), (plain, 0.25)])
    for name, value in weights_of(diffusion).items():
        torch.testing.assert_close(value, first[name] + second[name] - base[name], atol=1e-5, rtol=1e-5)


def test_alpha_over_rank_scales_and_a_missing_alpha_is_the_rank(
    tiny_base: BaseModel, plain_lora: LoraFile, tmp_path: Path
) -> None:
    tensors = load_file(plain_lora.path)
    bare = {key: tensor for key, tensor in tensors.items() if not key.endswith(".alpha")}
    save_file(bare, tmp_path / "bare.safetensors")
    halved = read_lora(Path(plain_lora.path)).layers.values()
    assert {layer.scale for layer in halved} == {0.5}
    assert {layer.scale for layer in read_lora(tmp_path / "bare.safetensors").layers.values()} == {1.0}


def test_keys_of_another_format_are_refused_by_name(plain_lora: LoraFile, tmp_path: Path) -> None:
    tensors = load_file(plain_lora.path)
    tensors["lora_unet_mid_block_attentions_0_proj_in.hada_w1_a"] = torch.zeros(2)
    save_file(tensors, tmp_path / "loha.safetensors")
    with pytest.raises(RefusedError, match="hada_w1_a") as refused:
        read_lora(tmp_path / "loha.safetensors")
    assert refused.value.hint


def test_a_down_without_its_up_is_refused(plain_lora: LoraFile, tmp_path: Path) -> None:
    tensors = load_file(plain_lora.path)
    lost = next(key for key in tensors if key.endswith("lora_up.weight"))
    del tensors[lost]
    save_file(tensors, tmp_path / "half.safetensors")
    with pytest.raises(RefusedError, match="not understood"):
        read_lora(tmp_path / "half.safetensors")


def test_a_lora_of_another_base_is_refused_and_leaves_the_weights_alone(
    tiny_base: BaseModel, plain_lora: LoraFile
) -> None:
    diffusion, merger = open_base(tiny_base)
    before = weights_of(diffusion)
    lora = read_lora(Path(plain_lora.path))
    (name, layer), *rest = lora.layers.items()
    with pytest.raises(RefusedError, match="does not have"):
        merger.merge([(replace(lora, layers={**lora.layers, "lora_unet_other_block": layer}), 1.0)])
    wide = replace(layer, down=torch.randn(layer.down.shape[0], layer.down.shape[1] + 1))
    with pytest.raises(RefusedError, match="another shape"):
        merger.merge([(replace(lora, layers={**dict(rest), name: wide}), 1.0)])
    assert all(torch.equal(before[key], value) for key, value in weights_of(diffusion).items())


def test_a_cut_file_is_refused(plain_lora: LoraFile, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(Path(plain_lora.path).read_bytes()[:-10])
    with pytest.raises(RefusedError, match="not a readable"):
        read_lora(cut)
