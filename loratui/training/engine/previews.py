"""Sample images while training: what the LoRA makes of a few prompts after each epoch. They never change a weight."""

from __future__ import annotations

import json
import traceback
from typing import TYPE_CHECKING, Any

import torch

from loratui.training.engine.denoising import Item, decode_latents, denoise
from loratui.training.engine.failures import explain_sample
from loratui.training.engine.interrupts import Stopped
from loratui.training.pngfile import write_png

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from PIL import Image

    from loratui.training.engine.device import Compute
    from loratui.training.engine.eventlog import EventLog
    from loratui.training.engine.loading import LoadedBase
    from loratui.training.engine.text import TextEmbedder
    from loratui.training.runspec import RunSpec
    from loratui.training.sampling import SampleRequest


class Previews:
    """Renders the samples that a run asks for with the model as it is in training."""

    def __init__(
        self,
        spec: RunSpec,
        request: SampleRequest,
        base: LoadedBase,
        embedder: TextEmbedder,
        compute: Compute,
        events: EventLog,
    ) -> None:
        self._spec, self._request, self._base = spec, request, base
        self._embedder, self._compute, self._events = embedder, compute, events
        self._vae: torch.nn.Module | None = None
        self._told = {str(event.data.get("path")) for event in events.earlier if event.type == "sample"}
        self._failures: set[str] = set()

    def warnings(self) -> list[tuple[str, str]]:
        """(message, hint) of what a person should know about the prompts."""
        long = [text for text in self._request.prompts if self._embedder.count_tokens(text) > self._embedder.limit]
        return [
            (f"A sample prompt is longer than the {self._embedder.limit} tokens that the base reads: {text}", "")
            for text in long
        ]

    def is_due(self, epoch: int) -> bool:
        """Whether an epoch counted from 1 is to be shown."""
        recipe = self._spec.recipe
        return self._request.is_due(epoch, last=recipe.epochs, save_every=recipe.save_every)

    def render(self, epoch: int, check: Callable[[], None]) -> None:
        """Render what is missing of an epoch, with an event for each image that no attempt told of.

        `check` is called before every denoising step and may raise Stopped; nothing else gets out: a sample that
        fails is warned of, once per reason, and the training goes on.
        """
        try:
            for number, (prompt, seed) in enumerate(self._request.images(), start=1):
                path = self._spec.samples_folder / f"{self._spec.output_name}-e{epoch:06d}-{number:02d}.png"
                if not path.exists() and not self._try(path, epoch, prompt, seed, check):
                    continue
                if str(path) not in self._told:
                    self._told.add(str(path))
                    self._events.write("sample", epoch=epoch, path=str(path), prompt=prompt, seed=seed)
        finally:
            self._clear_device()

    def _try(self, path: Path, epoch: int, prompt: str, seed: int, check: Callable[[], None]) -> bool:
        try:
            path.parent.mkdir(exist_ok=True, mode=0o700)
            image = self._render(prompt, seed, check)
            write_png(path, image, {"loratui": json.dumps(self._describe(epoch, prompt, seed), ensure_ascii=False)})
            return True
        except Stopped:
            raise
        # Whatever a library or the device raises: an image is not worth a training.
        except Exception as error:
            traceback.print_exception(error)
            reason, hint = explain_sample(error)
        if reason not in self._failures:
            self._failures.add(reason)
            self._events.write(
                "warning", message=f"A sample of epoch {epoch} could not be rendered: {reason}", hint=hint
            )
        return False

    def _describe(self, epoch: int, prompt: str, seed: int) -> dict[str, Any]:
        request = self._request
        return {
            "run": self._spec.run,
            "epoch": epoch,
            "prompt": prompt,
            "negative": request.negative,
            "seed": seed,
            "steps": request.sampling.steps,
            "cfg": request.sampling.cfg,
            "sampler": request.sampling.sampler,
            "base": self._spec.base.name,
        }

    # Not inference mode: the embeddings stay in a cache that training reads too.
    @torch.no_grad()
    def _render(self, prompt: str, seed: int, check: Callable[[], None]) -> Image.Image:
        unet, text_encoder, device = self._base.unet, self._base.text_encoder, self._compute.device
        modes = [(module, module.training) for module in (unet, text_encoder)]
        side = self._spec.recipe.resolution
        try:
            for module, _ in modes:
                module.eval()
            with self._compute.autocast():
                positive, negative = (self._embedder.embed([text]) for text in (prompt, self._request.negative))
                item = Item(positive, negative, seed)
                latents = denoise(
                    self._base, [item], self._request.sampling, width=side, height=side, device=device, check=check
                )
        finally:
            for module, training in modes:
                module.train(training)
        self._vae = (self._vae or self._base.load_vae()).to(device)
        return decode_latents(self._base, self._vae, latents)[0]

    def _clear_device(self) -> None:
        """Give training the device's memory back; the autoencoder waits in main memory for the next epoch."""
        if self._compute.device.type == "cuda":
            if self._vae is not None:
                self._vae = self._vae.to("cpu")
            torch.cuda.empty_cache()
