"""How large a base model is, part by part: counted from the headers of its files, without loading it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.training.bases import find_weights, read_config
from loratui.training.tensorfile import read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Shapes = dict[str, tuple[int, ...]]

# Stable Diffusion 1 in one file has the original names: level = place // 3, and four levels.
_FILE_PARTS = {
    "unet": ("model.diffusion_model.",),
    "text_encoder": ("cond_stage_model.transformer.", "cond_stage_model."),
    "vae": ("first_stage_model.",),
}
_SD1_LEVELS, _SD1_WIDTH, _SD1_VAE_FACTOR, _SD1_LATENTS = 4, 128, 8, 4


@dataclass(frozen=True, slots=True)
class BaseSize:
    """Parameters of each part, and what a LoRA on it costs per rank.

    `unet_sides` and `text_sides` add up inputs + outputs of every layer that a LoRA trains: times the rank, that is
    its parameters. `unet_outputs` are the values that the layers put out for one latent pixel of the full size:
    what a step remembers grows with them. `vae_width` is the channels of the autoencoder at the picture's own size.
    """

    unet: int
    text_encoder: int
    vae: int
    unet_sides: int
    text_sides: int
    unet_outputs: float
    vae_factor: int
    """Pixels per latent, along one side."""
    latent_channels: int
    vae_width: int

    def lora_parameters(self, rank: int, *, unet: bool = True, text_encoder: bool = False) -> int:
        """Weights of a LoRA of that rank on the chosen parts."""
        return rank * (self.unet_sides * unet + self.text_sides * text_encoder)


def measure_base(path: Path) -> BaseSize:
    """Count a Stable Diffusion 1 base, folder or file; raises like `detect_base` when a part is gone or damaged."""
    return _measure_folder(path) if path.is_dir() else _measure_file(path)


def _measure_folder(folder: Path) -> BaseSize:
    unet, text, vae = (_read_folder(folder / part) for part in ("unet", "text_encoder", "vae"))
    config = read_config(folder / "vae" / "config.json")
    widths = config.get("block_out_channels") or [_SD1_WIDTH] * 4
    levels = len(read_config(folder / "unet" / "config.json").get("block_out_channels") or [0] * _SD1_LEVELS)
    return BaseSize(
        unet=_count(unet),
        text_encoder=_count(text),
        vae=_count(vae),
        unet_sides=_sum_sides(unet, _is_unet_target),
        text_sides=_sum_sides(text, _is_text_target),
        unet_outputs=sum(_list_outputs(unet, lambda name: _level_in_folder(name, levels))),
        vae_factor=2 ** (len(widths) - 1),
        latent_channels=int(config.get("latent_channels") or _SD1_LATENTS),
        vae_width=int(widths[0]),
    )


def _measure_file(path: Path) -> BaseSize:
    tensors = read_header(path).tensors
    parts: dict[str, Shapes] = {
        part: {
            name.removeprefix(prefixes[0]): info.shape for name, info in tensors.items() if name.startswith(prefixes)
        }
        for part, prefixes in _FILE_PARTS.items()
    }
    unet, text, vae = parts["unet"], parts["text_encoder"], parts["vae"]
    return BaseSize(
        unet=_count(unet),
        text_encoder=_count(text),
        vae=_count(vae),
        unet_sides=_sum_sides(unet, _is_unet_target),
        text_sides=_sum_sides(text, _is_text_target),
        unet_outputs=sum(_list_outputs(unet, _level_in_file)),
        vae_factor=_SD1_VAE_FACTOR,
        latent_channels=_SD1_LATENTS,
        vae_width=_SD1_WIDTH,
    )


def _read_folder(folder: Path) -> Shapes:
    return {name: info.shape for file in find_weights(folder) for name, info in read_header(file).tensors.items()}


def _count(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def _is_layer(name: str, shape: tuple[int, ...]) -> bool:
    return name.endswith(".weight") and len(shape) >= 2


def _is_pointwise(shape: tuple[int, ...]) -> bool:
    return math.prod(shape[2:]) == 1


def _is_unet_target(name: str, shape: tuple[int, ...]) -> bool:
    """Linear layers and 1x1 convolutions of attention blocks, as the trainer chooses them."""
    inside = ".transformer_blocks." in name or re.search(r"\.(proj_in|proj_out)\.", name)
    return bool(inside) and _is_layer(name, shape) and _is_pointwise(shape)


def _is_text_target(name: str, shape: tuple[int, ...]) -> bool:
    return "encoder.layers." in name and _is_layer(name, shape)


def _sum_sides(shapes: Shapes, is_target: Callable[[str, tuple[int, ...]], bool]) -> int:
    return sum(shape[0] + shape[1] for name, shape in shapes.items() if is_target(name, shape))


def _list_outputs(shapes: Shapes, level_of: Callable[[str], int]) -> Iterator[float]:
    """What each layer puts out per latent pixel; layers on words and on the timestep put out next to nothing."""
    for name, shape in shapes.items():
        words = ".attn2.to_k." in name or ".attn2.to_v." in name
        if _is_layer(name, shape) and not words and not re.search(r"time_emb|emb_layers|label_emb", name):
            yield shape[0] / 4 ** level_of(name)


def _level_in_folder(name: str, levels: int) -> int:
    """How often the latents were halved where a layer works; up- and downsamplers put out the next size."""
    side, _, rest = name.partition(".")
    block = rest.partition(".")[0]
    if side == "down_blocks":
        return int(block) + (".downsamplers." in name)
    if side == "up_blocks":
        return levels - 1 - int(block) - (".upsamplers." in name)
    return levels - 1 if side == "mid_block" else 0


def _level_in_file(name: str) -> int:
    side, _, rest = name.partition(".")
    place = rest.partition(".")[0]
    if side == "input_blocks":
        return int(place) // 3
    if side == "output_blocks":
        return _SD1_LEVELS - 1 - int(place) // 3
    return _SD1_LEVELS - 1 if side == "middle_block" else 0
