"""The parts of a Stable Diffusion 1 pipeline that rendering needs, loaded once and sampled in fixed batches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch

from loratui.errors import RefusedError
from loratui.training.engine.denoising import decode_latents, denoise
from loratui.training.engine.loading import LoadedBase, load_base
from loratui.training.runspec import BaseSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

    from loratui.review.request import BaseModel, SampleSettings
    from loratui.training.engine.denoising import Item


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
        """One RGB image per item, all in one batch; raises TrainingError when they come out as not-a-number."""
        latents = denoise(
            self._base, items, settings.sampling, width=settings.width, height=settings.height, device=self._device
        )
        return decode_latents(self._base, self._vae, latents)
