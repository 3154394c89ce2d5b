"""LoRA layers in a model by peft, their weights in one flat buffer per component, and kohya's tensors of them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import nn

from loratui.errors import RefusedError
from loratui.training.keys import TEXT_ENCODER, UNET, from_kohya, split_key, to_kohya
from loratui.training.tensorfile import read_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loratui.training.tensorfile import Floats

ADAPTER = "default"


def find_targets(component: str, model: nn.Module) -> list[str]:
    """Paths of the layers that kohya trains: linear ones and 1x1 convolutions of attention blocks, in model order."""
    if component == UNET:
        blocks = [name for name, module in model.named_modules() if type(module).__name__ == "Transformer2DModel"]
    else:
        blocks = [name for name, _ in model.named_modules() if name.endswith("encoder.layers")]
    inside = tuple(f"{block}." for block in blocks)
    return [name for name, module in model.named_modules() if name.startswith(inside) and _is_target(module)]


def _is_target(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1))


@dataclass(frozen=True, slots=True)
class _Piece:
    """One tensor of the LoRA: kohya's key, and its place in the flat buffer."""

    key: str
    shape: torch.Size
    start: int
    end: int


class LoraWeights:
    """The LoRA of one component. `flat` holds all its weights in float32; layers see views of it.

    One tensor to clip, to step and to save, instead of hundreds; gradients gather in `flat.grad` in the same way.
    """

    def __init__(
        self, component: str, model: nn.Module, *, rank: int, alpha: float, seed: int, trained: bool, dtype: torch.dtype
    ) -> None:
        self.component, self.rank, self.alpha, self.trained = component, rank, alpha, trained
        # Peft says int and computes with any number.
        strength: Any = alpha
        config = LoraConfig(
            r=rank, lora_alpha=strength, target_modules=find_targets(component, model), init_lora_weights=False
        )
        inject_adapter_in_model(config, model, adapter_name=ADAPTER)
        pairs = list(_list_weights(component, model))
        count = sum(weight.numel() for _, weight in pairs)
        device = pairs[0][1].device
        self.flat = nn.Parameter(torch.zeros(count, device=device), requires_grad=trained)
        self.flat.grad = torch.zeros_like(self.flat) if trained else None
        self.pieces: list[_Piece] = []
        start = 0
        for key, weight in pairs:
            piece = _Piece(key, weight.shape, start, start + weight.numel())
            with torch.no_grad():
                self._view(piece).copy_(_initial_values(key, weight.shape, seed))
            weight.data = self._view(piece)
            weight.requires_grad_(trained)
            if self.flat.grad is not None:
                # Backward adds in place to a gradient that is there: all land in one buffer.
                weight.grad = self.flat.grad[piece.start : piece.end].view(piece.shape)
            self.pieces.append(piece)
            start = piece.end
        if dtype != torch.float32:
            _leave_casting_to_autocast(model)

    def _view(self, piece: _Piece) -> torch.Tensor:
        return self.flat.data[piece.start : piece.end].view(piece.shape)

    def modules(self) -> list[str]:
        """Kohya's names of the layers, in model order."""
        return list(dict.fromkeys(piece.key.partition(".")[0] for piece in self.pieces))

    def to_kohya(self) -> dict[str, Floats]:
        """Down, up and alpha of every layer under kohya's keys, float32 on the CPU."""
        values = self.flat.detach().cpu().numpy()
        tensors = {piece.key: values[piece.start : piece.end].reshape(piece.shape) for piece in self.pieces}
        alpha = np.asarray(self.alpha, np.float32)
        return tensors | {f"{module}.alpha": alpha for module in self.modules()}

    def load_kohya(self, tensors: Mapping[str, Floats]) -> int:
        """Take over the tensors that are there; returns how many layers had none and keep their fresh start."""
        for piece in self.pieces:
            if piece.key not in tensors:
                continue
            given = torch.from_numpy(tensors[piece.key].copy())
            if given.numel() != piece.end - piece.start or given.shape[0] != piece.shape[0]:
                raise RefusedError(
                    f"{piece.key} has the shape {list(given.shape)}; this base needs {list(piece.shape)}.",
                    hint="The weights to continue from were trained on another kind of base.",
                )
            with torch.no_grad():
                self._view(piece).copy_(given.reshape(piece.shape))
        return sum(f"{module}.lora_down.weight" not in tensors for module in self.modules())


def _list_weights(component: str, model: nn.Module) -> Any:
    for name, module in model.named_modules():
        if ADAPTER in (getattr(module, "lora_A", None) or ()):
            layer: Any = module
            key = to_kohya(component, name)
            yield f"{key}.lora_down.weight", layer.lora_A[ADAPTER].weight
            yield f"{key}.lora_up.weight", layer.lora_B[ADAPTER].weight


def _initial_values(key: str, shape: torch.Size, seed: int) -> torch.Tensor:
    """Up starts at zero, down as a linear layer does: uniform within 1 / sqrt(inputs). Depends on seed and name."""
    if key.endswith("lora_up.weight"):
        return torch.zeros(shape)
    number = int.from_bytes(hashlib.blake2b(f"{seed} {key}".encode(), digest_size=7).digest())
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return torch.empty(shape).uniform_(-bound, bound, generator=torch.Generator().manual_seed(number))


def _leave_casting_to_autocast(model: nn.Module) -> None:
    """Peft would turn activations to float32 for the LoRA's sake, and autocast would turn them back."""
    for module in model.modules():
        if isinstance(module, BaseTunerLayer):
            layer: Any = module
            layer.cast_input_dtype_enabled = False


@dataclass(frozen=True, slots=True)
class EarlierLora:
    """The weights of a LoRA file to continue from, and its rank and alpha."""

    tensors: dict[str, Floats]
    rank: int
    alpha: float
    components: frozenset[str]


def read_earlier(path: Path) -> EarlierLora:
    """Read a kohya-format LoRA to train on; RefusedError for other kinds and for mixed ranks or alphas."""
    tensors: dict[str, Floats] = {}
    components, ranks, alphas = set(), set(), {}
    for key, values in read_tensors(path).items():
        module, suffix = split_key(key)
        component, target = from_kohya(module)
        name = to_kohya(component, target)
        components.add(component)
        if suffix == "alpha":
            alphas[name] = float(values.reshape(-1)[0])
            continue
        if suffix == "lora_down.weight":
            ranks.add(values.shape[0])
            # No alpha, or 0, means alpha = rank to every loader.
            alphas.setdefault(name, 0.0)
        tensors[f"{name}.{suffix}"] = values
    strengths = {alpha or float(next(iter(ranks), 0)) for alpha in alphas.values()}
    if len(ranks) != 1 or len(strengths) != 1:
        raise RefusedError(
            f"{path.name} mixes ranks {sorted(ranks)} or alphas {sorted(strengths)}.",
            hint="Continue from a LoRA with one rank and one alpha, or start from nothing.",
        )
    if not all(np.isfinite(values).all() for values in tensors.values()):
        raise RefusedError(f"{path.name} holds values that are not numbers.", hint="Continue from an earlier epoch.")
    return EarlierLora(tensors, ranks.pop(), strengths.pop(), frozenset(components))


def check_layers(earlier: EarlierLora, weights: list[LoraWeights], path: Path) -> None:
    """Raise RefusedError when a file has layers that this base lacks."""
    known = {module for part in weights for module in part.modules()}
    strange = sorted({key.partition(".")[0] for key in earlier.tensors} - known)
    if strange:
        raise RefusedError(
            f"{path.name} has {len(strange)} layers that this base lacks, such as {strange[0]}.",
            hint="The weights to continue from were trained on another kind of base.",
        )


COMPONENTS = (UNET, TEXT_ENCODER)
