"""From noise to images: the guided denoising loop and the decoding that training samples and sheets share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from PIL import Image

from loratui.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loratui.training.engine.loading import LoadedBase
    from loratui.training.sampling import Sampling

SCHEDULERS: dict[str, Any] = {
    "ddim": DDIMScheduler,
    "euler": EulerDiscreteScheduler,
    "euler_a": EulerAncestralDiscreteScheduler,
    "dpmpp_2m": DPMSolverMultistepScheduler,
}

# Decoding holds about 2.5 kB per pixel at its widest layer: this many pixels at a time stay below 3 GB.
_DECODE_PIXELS = 1 << 20


@dataclass(frozen=True, slots=True)
class Item:
    """One image of a batch: its text embedding, that of its negative prompt, and its seed."""

    positive: torch.Tensor
    negative: torch.Tensor
    seed: int


def _go_on() -> None:
    """Nobody asks to stop."""


def denoise(
    base: LoadedBase,
    items: Sequence[Item],
    sampling: Sampling,
    *,
    width: int,
    height: int,
    device: torch.device,
    check: Callable[[], None] = _go_on,
) -> torch.Tensor:
    """Latents [n, c, h, w] of one image per item, all in one batch; sizes are those of the images, in pixels.

    The noise of an item comes from a CPU generator with its seed: the same on every device, for every LoRA and in
    any company; the generators of the process are left alone. `check` is called before every step and may raise to
    give up. Raises TrainingError when not-a-number comes out. The caller turns gradients off.
    """
    unet: Any = base.unet
    scheduler = SCHEDULERS[sampling.sampler].from_config(base.scheduler_config)
    scheduler.set_timesteps(sampling.steps, device=device)
    generators = [torch.Generator("cpu").manual_seed(item.seed) for item in items]
    shape = (1, unet.config.in_channels, height // base.vae_factor, width // base.vae_factor)
    noise = torch.cat([torch.randn(shape, generator=generator) for generator in generators])
    latents = noise.to(device) * scheduler.init_noise_sigma
    guided = sampling.cfg > 1
    wanted = [item.positive for item in items]
    context = torch.cat([*(item.negative for item in items), *wanted] if guided else wanted).to(unet.dtype)
    for step in scheduler.timesteps:
        check()
        given = scheduler.scale_model_input(torch.cat([latents, latents]) if guided else latents, step)
        given = given.to(unet.dtype, memory_format=torch.channels_last)
        predicted = unet(given, step, encoder_hidden_states=context, return_dict=False)[0].float()
        if guided:
            without, prompted = predicted.chunk(2)
            predicted = without + sampling.cfg * (prompted - without)
        latents = scheduler.step(predicted, step, latents, generator=generators, return_dict=False)[0]
    if not torch.isfinite(latents).all():
        raise TrainingError(
            "The images came out as not-a-number.", hint="The LoRA or the base has broken weights: try another."
        )
    return torch.as_tensor(latents)


def decode_latents(base: LoadedBase, vae: torch.nn.Module, latents: torch.Tensor) -> list[Image.Image]:
    """The RGB images of latents [n, c, h, w], by the autoencoder of the base in float32."""
    decoder: Any = vae
    at_once = max(1, _DECODE_PIXELS // (latents.shape[2] * latents.shape[3] * base.vae_factor**2))
    images: list[Image.Image] = []
    for start in range(0, len(latents), at_once):
        part = latents[start : start + at_once]
        scaled = (part / base.scaling_factor + base.shift_factor).contiguous(memory_format=torch.channels_last)
        pixels = decoder.decode(scaled, return_dict=False)[0].float()
        array = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
        images.extend(Image.fromarray(picture) for picture in array)
    return images
