"""Where and how precisely is computed."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from loratui.errors import MissingFeatureError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Compute:
    """A device, the precision asked for and what follows from them."""

    device: torch.device
    precision: str

    @property
    def dtype(self) -> torch.dtype:
        """What the frozen weights are kept in."""
        return _DTYPES[self.precision]

    @property
    def label(self) -> str:
        """The device in words for people."""
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        return f"cpu, {torch.get_num_threads()} threads"

    def autocast(self) -> AbstractContextManager[object]:
        """The context of every forward pass."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def make_scaler(self) -> torch.amp.GradScaler:
        """Scales the loss so that fp16 gradients do not vanish; does nothing for other precisions."""
        return torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")


def choose_compute(asked: str, precision: str) -> Compute:
    """Pick the device (auto, cpu or cuda) and precision; MissingFeatureError when there is no such device."""
    usable = torch.cuda.is_available()
    if asked == "cuda" and not usable:
        raise MissingFeatureError(
            "No CUDA device can be used.", hint="Check nvidia-smi and the installed torch, or train on the CPU."
        )
    device = torch.device("cuda" if usable and asked != "cpu" else "cpu")
    if precision == "auto":
        # Cards before Ampere only emulate bf16.
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "fp32" if device.type == "cpu" else "bf16" if fast else "fp16"
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    return Compute(device, precision)


def set_threads(wanted: int | None) -> int:
    """Compute on as many threads as `wanted`, else on all cores we may use; returns how many.

    A resumed run asks for what it had before: sums split over other threads round differently.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "")
    usable = int(limit) if limit.isdigit() and int(limit) else len(os.sched_getaffinity(0))
    torch.set_num_threads(wanted or usable)
    return torch.get_num_threads()
