"""What a training will need, before it is started: memory, disk and time. Estimates, and they say how they came about.

Memory is a sum: the frozen base in the precision of the training, the LoRA with its gradient and two moments in
float32, and what a step remembers for its backward pass. The last is proportional to what the UNet's layers put
out; the factors fit the peaks that SimpleTuner publishes for batch 1 on an H100 (Stable Diffusion 1 at 512 px:
2.87 GiB, with gradient checkpointing 1.98; SDXL at 1024 px: 13.0 and 6.5). Other cards, drivers and library
versions differ, so a range is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from loratui.dataset.plan import Plan
    from loratui.training.basesize import BaseSize
    from loratui.training.recipe import Recipe

Device = Literal["cuda", "cpu"]

_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
_REMEMBERED = 2.6
"""Values kept for the backward pass per value that a layer puts out: inputs, norms and activations besides it."""
_CHECKPOINTED = 0.25
"""Share of them that is left with gradient checkpointing."""
_LIBRARIES = {"cuda": 600_000_000, "cpu": 550_000_000}
"""What the libraries take before any model is there: the CUDA context, or Python with torch in memory."""
_ENCODING = 4
"""Float32 values per channel and pixel that the autoencoder holds at its widest while it encodes one picture."""
_LEAST, _MOST = 0.85, 1.4
_METADATA = 40_000
"""Bytes of header and metadata in a LoRA file."""


@dataclass(frozen=True, slots=True)
class Part:
    """One summand, in bytes, and where it comes from."""

    name: str
    bytes: int
    why: str


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast an earlier training on the same base was: pictures per second at a resolution."""

    run: str
    images_per_s: float
    resolution: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bytes of memory on the device (most likely, and a range) and of disk; seconds are None without experience.

    `disk_bytes` is the most that the training has on disk at any time: checkpoints, two states while one replaces
    the other, and latents of pictures that are not cached yet.
    """

    device: Device
    precision: str
    vram_bytes: int
    vram_least: int
    vram_most: int
    disk_bytes: int
    seconds: float | None
    seconds_from: str
    """Name of the run whose pace was taken."""
    memory: tuple[Part, ...]
    disk: tuple[Part, ...]
    lora_parameters: int
    lora_bytes: int
    """Size of one checkpoint."""


def estimate(base: BaseSize, recipe: Recipe, plan: Plan, *, device: Device, pace: Pace | None = None) -> Estimate:
    """Estimate a planned training; `pace` is that of the most alike run that there was, if any."""
    precision = recipe.precision if recipe.precision != "auto" else "bf16" if device == "cuda" else "fp32"
    trained = {"unet": recipe.learning_rate > 0, "text_encoder": recipe.text_encoder_lr > 0}
    parameters = base.lora_parameters(recipe.rank, **trained)
    memory = _list_memory(base, recipe, plan, parameters, device=device, precision=precision)
    needed = sum(part.bytes for part in memory)
    lora_bytes = parameters * _BYTES[recipe.save_precision] + _METADATA
    disk = _list_disk(base, recipe, plan, parameters=parameters, lora_bytes=lora_bytes)
    return Estimate(
        device=device,
        precision=precision,
        vram_bytes=needed,
        vram_least=round(needed * _LEAST),
        vram_most=round(needed * _MOST),
        disk_bytes=sum(part.bytes for part in disk),
        seconds=None if pace is None else _estimate_seconds(recipe, plan, pace),
        seconds_from="" if pace is None else pace.run,
        memory=memory,
        disk=disk,
        lora_parameters=parameters,
        lora_bytes=lora_bytes,
    )


def count_checkpoints(recipe: Recipe) -> int:
    """How many checkpoints a training leaves: every `save_every` epochs, and the last."""
    return -(-recipe.epochs // recipe.save_every)


def _list_memory(
    base: BaseSize, recipe: Recipe, plan: Plan, parameters: int, *, device: Device, precision: str
) -> tuple[Part, ...]:
    size = _BYTES[precision]
    pixels = max((bucket.width * bucket.height for bucket in plan.buckets), default=recipe.resolution**2)
    latents = pixels / base.vae_factor**2
    share = _CHECKPOINTED if recipe.gradient_checkpointing else 1.0
    step = round(base.unet_outputs * latents * recipe.batch_size * size * _REMEMBERED * share)
    # Pictures are encoded one by one before the first step, and the autoencoder then leaves.
    encoding = base.vae * 4 + base.vae_width * pixels * 4 * _ENCODING
    work = Part("one step", step, f"batch {recipe.batch_size} of {pixels:,} pixels, {precision}")
    if encoding > step:
        work = Part("encoding pictures", encoding, "one at a time, before the first step; more than a step needs")
    return (
        Part("UNet", base.unet * size, f"{base.unet / 1e6:,.0f} million parameters in {precision}"),
        Part("text encoder", base.text_encoder * 4, f"{base.text_encoder / 1e6:,.0f} million parameters in fp32"),
        Part("LoRA", parameters * 16, f"{parameters / 1e6:,.2f} million weights, gradient and two moments in fp32"),
        work,
        Part("libraries", _LIBRARIES[device], "CUDA context" if device == "cuda" else "Python, torch, diffusers"),
    )


def _list_disk(base: BaseSize, recipe: Recipe, plan: Plan, *, parameters: int, lora_bytes: int) -> tuple[Part, ...]:
    count = count_checkpoints(recipe)
    # Mean and deviation in float32; a mirrored picture is encoded by itself.
    values = sum(bucket.width * bucket.height * bucket.pictures for bucket in plan.buckets) / base.vae_factor**2
    latents = round(values * base.latent_channels * 2 * 4 * (2 if recipe.flip else 1))
    return (
        Part("checkpoints", count * lora_bytes, f"{count} in {recipe.save_precision}"),
        Part("state", 2 * 12 * parameters, "weights and two moments; the old one stays until the new one is whole"),
        Part("latents", latents, f"{plan.pictures} pictures; those in the cache already take no more"),
    )


def _estimate_seconds(recipe: Recipe, plan: Plan, pace: Pace) -> float:
    # Work per picture grows with its area.
    slower = (recipe.resolution / pace.resolution) ** 2
    return plan.samples_per_epoch * plan.epochs / pace.images_per_s * slower
