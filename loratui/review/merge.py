"""LoRAs merged into a model's weights in place, and taken out again bit-exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from loratui.errors import RefusedError
from loratui.training.keys import SUFFIXES, TEXT_ENCODER, UNET, to_kohya

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_DOWN, _UP, _ALPHA = SUFFIXES


@dataclass(frozen=True, slots=True)
class LoraLayer:
    """What a LoRA adds to one weight: `scale * up @ down`, with alpha over rank in the scale."""

    down: torch.Tensor
    up: torch.Tensor
    scale: float

    def delta(self, shape: torch.Size, device: torch.device) -> torch.Tensor:
        """The float32 change at weight 1, in the shape of the weight it is for."""
        down = self.down.to(device, torch.float32).flatten(1)
        up = self.up.to(device, torch.float32).flatten(1)
        return (self.scale * (up @ down)).reshape(shape)


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA file in memory; `layers` by kohya module name."""

    name: str
    layers: dict[str, LoraLayer]

    @property
    def changes_text_encoder(self) -> bool:
        """Whether prompts must be encoded anew while this LoRA is merged."""
        return any(key.startswith(("lora_te_", "lora_te1_")) for key in self.layers)


def read_lora(path: Path) -> Lora:
    """Read a kohya-format LoRA; raises RefusedError listing keys that are neither down, up nor alpha."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise RefusedError(
            f"{path} is not a readable safetensors file: {error}", hint="Choose another epoch."
        ) from error
    found: dict[str, dict[str, torch.Tensor]] = {}
    strange = []
    for key, tensor in tensors.items():
        module, _, part = key.partition(".")
        if part in SUFFIXES:
            found.setdefault(module, {})[part] = tensor
        else:
            strange.append(key)
    strange += [module for module, parts in found.items() if not {_DOWN, _UP} <= parts.keys()]
    if strange:
        raise RefusedError(
            f"{path} has {len(strange)} keys that are not understood, such as {_some(strange)}.",
            hint="Only LoRA and LoCon files with kohya's key names can be compared.",
        )
    layers = {}
    for module, parts in found.items():
        down, up = parts[_DOWN], parts[_UP]
        rank = down.shape[0]
        # A missing or zero alpha means the rank, as kohya reads it.
        alpha = float(parts[_ALPHA]) if _ALPHA in parts else 0.0
        layers[module] = LoraLayer(down, up, (alpha or rank) / rank)
    return Lora(path.stem, layers)


class LoraMerger:
    """Owns the weights of one pipeline: what is merged is always base + LoRAs, never an accumulated change."""

    def __init__(self, unet: nn.Module, text_encoder: nn.Module) -> None:
        self._modules = {to_kohya(UNET, name): module for name, module in _weights_of(unet)}
        for name, module in _weights_of(text_encoder):
            key = to_kohya(TEXT_ENCODER, name)
            self._modules[key] = module
            # As some converters write it.
            self._modules[key.replace("lora_te_", "lora_te1_", 1)] = module
        self._kept: dict[str, torch.Tensor] = {}
        self._merged: set[str] = set()

    @torch.no_grad()
    def merge(self, loras: Sequence[tuple[Lora, float]]) -> None:
        """Make the weights base + sum of weight x LoRA; an empty list gives the base bit-exactly.

        Raises RefusedError, with the weights untouched, when a LoRA names a module the base does not have or has
        another shape for it.
        """
        for lora, _ in loras:
            self._check(lora)
        asked: dict[str, list[tuple[LoraLayer, float]]] = {}
        for lora, weight in loras:
            for key, layer in lora.layers.items():
                if weight:
                    asked.setdefault(key, []).append((layer, weight))
        for key in self._merged - asked.keys():
            self._weight(key).copy_(self._kept[key])
        for key, parts in asked.items():
            weight_tensor = self._weight(key)
            if key not in self._kept:
                self._kept[key] = weight_tensor.to("cpu", copy=True)
            total = self._kept[key].to(weight_tensor.device, torch.float32, copy=True)
            for layer, weight in parts:
                total.add_(layer.delta(weight_tensor.shape, weight_tensor.device), alpha=weight)
            weight_tensor.copy_(total)
        self._merged = set(asked)

    def restore(self) -> None:
        """Give every touched weight its base value back, bit for bit."""
        self.merge([])

    def _weight(self, key: str) -> torch.Tensor:
        weight = self._modules[key].weight
        assert isinstance(weight, torch.Tensor)
        return weight

    def _check(self, lora: Lora) -> None:
        strange = [key for key in lora.layers if key not in self._modules]
        if strange:
            raise RefusedError(
                f"LoRA {lora.name} names {len(strange)} modules that this base does not have, such as "
                f"{_some(strange)}.",
                hint="It was trained for another kind of base model.",
            )
        for key, layer in lora.layers.items():
            expected = self._weight(key)
            fits = layer.up.shape[0] == expected.shape[0] and layer.up.shape[1] == layer.down.shape[0]
            if not fits or layer.up.shape[0] * layer.down[0].numel() != expected.numel():
                raise RefusedError(
                    f"LoRA {lora.name} has another shape for {key} than this base.",
                    hint="It was trained for another size of base model.",
                )


def _weights_of(model: nn.Module) -> list[tuple[str, nn.Module]]:
    return [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]


def _some(keys: Sequence[str], limit: int = 3) -> str:
    return ", ".join(sorted(keys)[:limit])
