"""One training in memory: base, LoRA layers, optimizer, and the step that improves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from loratui.errors import RefusedError
from loratui.training.engine.lora import COMPONENTS, LoraWeights, check_layers, read_earlier
from loratui.training.engine.objective import Objective, learning_rate_factor
from loratui.training.engine.text import TextEmbedder
from loratui.training.keys import TEXT_ENCODER, UNET

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loratui.training.engine.device import Compute
    from loratui.training.engine.loading import LoadedBase
    from loratui.training.engine.samples import PreparedBatch, Samples, Step
    from loratui.training.runspec import RunSpec
    from loratui.training.tensorfile import Floats


class Trainer:
    """Holds what a step changes; knows nothing of files, epochs or events."""

    def __init__(self, spec: RunSpec, base: LoadedBase, samples: Samples, compute: Compute, total_steps: int) -> None:
        recipe = self._recipe = spec.recipe
        self._samples, self._compute, self._total = samples, compute, total_steps
        self._base = base
        self.warnings: list[tuple[str, str]] = []
        """(message, hint) of what a person should know about the set-up."""
        self.objective = Objective(base.scheduler_config, min_snr_gamma=recipe.min_snr_gamma, device=compute.device)
        self.weights = self._add_lora(spec)
        self._trains_text = any(part.trained and part.component == TEXT_ENCODER for part in self.weights)
        if recipe.gradient_checkpointing:
            base.unet.train()
            base.unet.enable_gradient_checkpointing()  # type: ignore[operator]
        self.embedder = TextEmbedder(base.tokenizer, base.text_encoder, compute.device, trained=self._trains_text)
        self._trained = [part for part in self.weights if part.trained]
        self._optimizer = torch.optim.AdamW(
            [{"params": [part.flat], "lr": self._rate_of(part)} for part in self._trained],
            weight_decay=recipe.weight_decay,
            fused=True,
        )
        self._scaler = compute.make_scaler()

    @property
    def rank(self) -> int:
        return self.weights[0].rank

    @property
    def alpha(self) -> float:
        return self.weights[0].alpha

    @property
    def trains_text_encoder(self) -> bool:
        return self._trains_text

    def _add_lora(self, spec: RunSpec) -> list[LoraWeights]:
        recipe = spec.recipe
        earlier = read_earlier(spec.continue_from) if spec.continue_from else None
        rank, alpha = (earlier.rank, earlier.alpha) if earlier else (recipe.rank, recipe.alpha)
        if (rank, alpha) != (recipe.rank, recipe.alpha):
            self.warnings.append(
                (
                    f"The weights to continue from have rank {rank} and alpha {alpha:g}: these are kept.",
                    f"The recipe's rank {recipe.rank} and alpha {recipe.alpha:g} count for new LoRAs only.",
                )
            )
        rates = {UNET: recipe.learning_rate, TEXT_ENCODER: recipe.text_encoder_lr}
        models = {UNET: self._base.unet, TEXT_ENCODER: self._base.text_encoder}
        wanted = [
            component
            for component in COMPONENTS
            # A part that is not trained is still there: it belongs to what the earlier weights do.
            if rates[component] or (earlier and component in earlier.components)
        ]
        weights = [
            LoraWeights(
                component,
                models[component],
                rank=rank,
                alpha=alpha,
                seed=recipe.seed,
                trained=bool(rates[component]),
                dtype=self._compute.dtype,
            )
            for component in wanted
        ]
        if earlier and spec.continue_from:
            check_layers(earlier, weights, spec.continue_from)
            fresh = sum(part.load_kohya(earlier.tensors) for part in weights)
            if fresh:
                self.warnings.append(
                    (f"{fresh} layers are not in the weights to continue from and start from nothing.", "")
                )
        return weights

    def _rate_of(self, part: LoraWeights) -> float:
        return self._recipe.learning_rate if part.component == UNET else self._recipe.text_encoder_lr

    def rate_at(self, step: int) -> float:
        """The UNet's learning rate at a step counted from 0 (the text encoder's, when that alone is trained)."""
        return self._rate_of(self._trained[0]) * self._factor(step)

    def _factor(self, step: int) -> float:
        recipe = self._recipe
        return learning_rate_factor(step, total=self._total, warmup=recipe.warmup_steps, scheduler=recipe.scheduler)

    def run_step(self, step: Step, number: int) -> torch.Tensor:
        """Do the optimizer step `number`, counted from 0; returns its mean loss, still on the device."""
        factor = self._factor(number)
        for part, group in zip(self._trained, self._optimizer.param_groups, strict=True):
            group["lr"] = self._rate_of(part) * factor
            assert part.flat.grad is not None
            part.flat.grad.zero_()
        loss = torch.zeros((), device=self._compute.device)
        for uses in step.batches:
            batch = self._samples.draw(uses, timesteps=self.objective.timesteps)
            # Every sample of a step weighs the same, also when its batches differ in size.
            part_loss = self._losses(batch).sum() / step.samples
            self._scaler.scale(part_loss).backward()  # type: ignore[no-untyped-call]
            loss += part_loss.detach()
        self._scaler.unscale_(self._optimizer)
        if self._recipe.max_grad_norm:
            torch.nn.utils.clip_grad_norm_([part.flat for part in self._trained], self._recipe.max_grad_norm)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return loss

    def _losses(self, batch: PreparedBatch) -> torch.Tensor:
        base, device = self._base, self._compute.device
        latents = self._move((batch.latents - base.shift_factor) * base.scaling_factor)
        noise, timesteps = self._move(batch.noise), batch.timesteps.to(device)
        noisy = self.objective.add_noise(latents, noise, timesteps)
        with self._compute.autocast():
            context = self.embedder.embed(batch.captions)
            predicted = base.unet(
                noisy.to(self._compute.dtype, memory_format=torch.channels_last),
                timesteps,
                encoder_hidden_states=context.to(self._compute.dtype),
                return_dict=False,
            )[0]
        return self.objective.losses(predicted, latents, noise, timesteps)

    def _move(self, values: torch.Tensor) -> torch.Tensor:
        if self._compute.device.type == "cpu":
            return values
        return values.pin_memory().to(self._compute.device, non_blocking=True)

    def is_finite(self) -> bool:
        """Whether every weight is a number."""
        return all(bool(torch.isfinite(part.flat).all()) for part in self.weights)

    def to_kohya(self) -> dict[str, Floats]:
        """All LoRA tensors under kohya's keys."""
        tensors: dict[str, Floats] = {}
        for part in self.weights:
            tensors |= part.to_kohya()
        return tensors

    def optimizer_tensors(self) -> dict[str, Floats]:
        """What the optimizer remembers, by component."""
        tensors: dict[str, Floats] = {}
        for part in self._trained:
            for name, value in self._optimizer.state[part.flat].items():
                tensors[f"{part.component}.{name}"] = np.asarray(value.detach().cpu().numpy(), np.float32)
        return tensors

    def scaler_state(self) -> dict[str, Any]:
        """The loss scale of fp16 training; empty for other precisions."""
        return dict(self._scaler.state_dict())

    def restore(
        self, weights: Mapping[str, Floats], optimizer: Mapping[str, Floats], scaler: Mapping[str, Any]
    ) -> None:
        """Go on from a saved state; RefusedError when it lacks layers of this training."""
        if any(part.load_kohya(weights) for part in self.weights):
            raise RefusedError(
                "The saved state lacks layers of this training.", hint="Start a new training of the subject."
            )
        for part in self._trained:
            prefix = f"{part.component}."
            self._optimizer.state[part.flat] = {
                # The step count stays where torch puts it; moments live with the weights.
                name.removeprefix(prefix): torch.from_numpy(values.copy()).to(part.flat.device)
                for name, values in optimizer.items()
                if name.startswith(prefix)
            }
        if scaler:
            self._scaler.load_state_dict(dict(scaler))
