"""The parts of a Stable Diffusion 1 pipeline that rendering needs, loaded once and sampled in fixed batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from PIL import Image

from loratui.errors import RefusedError, TrainingError
from loratui.training.engine.loading import LoadedBase, load_base
from loratui.training.runspec import BaseSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.review.request import BaseModel, SampleSettings

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


class Diffusion:
    """Tokenizer, text encoder, UNet and autoencoder of one base model on one device."""

    def __init__(self, base: LoadedBase, device: torch.device) -> None:
        self._base, self._device = base, device
        self.text_encoder: Any = base.text_encoder
        self.unet: Any = base.unet
        self._vae: Any = base.load_vae()

    @classmethod
    def load(cls, base: BaseModel, device: torch.device) -> Self:
        """Load a registered base without the network; raises what `load_base` raises for one that can't be.

        On the CPU everything is float32. On a GPU the UNet is float16; the text encoder and the autoencoder stay
        float32, since they are small and half precision shows as blotches in some models.
        """
        precision = torch.float16 if device.type == "cuda" else torch.float32
        spec = BaseSpec(base.name, Path(base.path), base.family, base.layout, base.sha256)
        return cls(load_base(spec, device, precision), device)

    def count_dropped_tokens(self, prompt: str) -> int:
        """How many tokens of the prompt lie beyond what the text encoder reads."""
        return max(0, len(self._base.tokenizer(prompt).input_ids) - self._context)

    @property
    def _context(self) -> int:
        return int(self.text_encoder.config.max_position_embeddings)

    @torch.inference_mode()
    def encode(self, prompt: str, clip_skip: int) -> torch.Tensor:
        """The text embedding [1, tokens, width] of one prompt; tokens beyond the encoder's context are dropped.

        One prompt at a time, so that an embedding never depends on what else is on the sheet.
        """
        tokens = self._base.tokenizer(
            prompt, padding="max_length", max_length=self._context, truncation=True, return_tensors="pt"
        ).input_ids.to(self._device)
        if clip_skip == 1:
            return torch.as_tensor(self.text_encoder(tokens).last_hidden_state)
        states = self.text_encoder(tokens, output_hidden_states=True).hidden_states
        if clip_skip >= len(states):
            raise RefusedError(
                f"Clip skip {clip_skip} is more than the text encoder has layers ({len(states) - 1}).",
                hint="Use 1 or 2.",
            )
        # The layers below the last have no norm of their own; everyone applies the final one to them.
        inner = getattr(self.text_encoder, "text_model", self.text_encoder)
        return torch.as_tensor(inner.final_layer_norm(states[-clip_skip]))

    @torch.inference_mode()
    def sample(self, items: Sequence[Item], settings: SampleSettings) -> list[Image.Image]:
        """One RGB image per item, all in one batch; raises TrainingError when they come out as not-a-number.

        The noise of an item comes from a CPU generator with its seed: the same on every device, for every LoRA and
        in any company.
        """
        scheduler = SCHEDULERS[settings.sampler].from_config(self._base.scheduler_config)
        scheduler.set_timesteps(settings.steps, device=self._device)
        generators = [torch.Generator("cpu").manual_seed(item.seed) for item in items]
        factor = self._base.vae_factor
        shape = (1, self.unet.config.in_channels, settings.height // factor, settings.width // factor)
        noise = torch.cat([torch.randn(shape, generator=generator) for generator in generators])
        latents = noise.to(self._device) * scheduler.init_noise_sigma
        guided = settings.cfg > 1
        wanted = [item.positive for item in items]
        context = torch.cat([*(item.negative for item in items), *wanted] if guided else wanted).to(self.unet.dtype)
        for step in scheduler.timesteps:
            given = scheduler.scale_model_input(torch.cat([latents, latents]) if guided else latents, step)
            given = given.to(self.unet.dtype, memory_format=torch.channels_last)
            predicted = self.unet(given, step, encoder_hidden_states=context, return_dict=False)[0].float()
            if guided:
                without, prompted = predicted.chunk(2)
                predicted = without + settings.cfg * (prompted - without)
            latents = scheduler.step(predicted, step, latents, generator=generators, return_dict=False)[0]
        if not torch.isfinite(latents).all():
            raise TrainingError(
                "The images came out as not-a-number.", hint="The LoRA or the base has broken weights: try another."
            )
        return self._decode(latents, settings)

    def _decode(self, latents: torch.Tensor, settings: SampleSettings) -> list[Image.Image]:
        at_once = max(1, _DECODE_PIXELS // (settings.width * settings.height))
        images: list[Image.Image] = []
        for start in range(0, len(latents), at_once):
            part = latents[start : start + at_once]
            scaled = (part / self._base.scaling_factor + self._base.shift_factor).contiguous(
                memory_format=torch.channels_last
            )
            pixels = self._vae.decode(scaled, return_dict=False)[0].float()
            array = ((pixels / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
            images.extend(Image.fromarray(picture) for picture in array)
        return images
