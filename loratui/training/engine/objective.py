"""The noise schedule of a base model and the loss that is minimised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from loratui.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Objective:
    """Noise prediction by the base's own schedule, weighed by min-SNR (Hang et al. 2023, arXiv 2303.09556)."""

    def __init__(self, scheduler_config: Mapping[str, Any], *, min_snr_gamma: float, device: torch.device) -> None:
        self.prediction_type = str(scheduler_config.get("prediction_type") or "epsilon")
        if self.prediction_type not in ("epsilon", "v_prediction"):
            raise RefusedError(
                f"The base predicts {self.prediction_type!r}, which can't be trained yet.",
                hint="Use a base with epsilon or v prediction.",
            )
        betas = _make_betas(scheduler_config)
        kept = torch.cumprod(1 - betas, dim=0)
        self.timesteps = len(betas)
        self._signal = kept.sqrt().float().to(device)
        self._noise = (1 - kept).sqrt().float().to(device)
        self._weights = _make_weights(kept, self.prediction_type, min_snr_gamma).float().to(device)

    def add_noise(self, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        """Latents [n, c, h, w] at their timesteps [n]."""
        return self._at(self._signal, timesteps) * latents + self._at(self._noise, timesteps) * noise

    def losses(
        self, predicted: torch.Tensor, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
    ) -> torch.Tensor:
        """The weighed squared error of each sample [n], in float32."""
        target = noise
        if self.prediction_type == "v_prediction":
            target = self._at(self._signal, timesteps) * noise - self._at(self._noise, timesteps) * latents
        errors = functional.mse_loss(predicted.float(), target.float(), reduction="none").mean(dim=(1, 2, 3))
        return errors * self._weights[timesteps]

    @staticmethod
    def _at(table: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        return table[timesteps].reshape(-1, 1, 1, 1)


def _make_betas(config: Mapping[str, Any]) -> torch.Tensor:
    kind = config.get("beta_schedule", "linear")
    start, end = float(config.get("beta_start", 1e-4)), float(config.get("beta_end", 0.02))
    count = int(config.get("num_train_timesteps", 1000))
    if config.get("trained_betas") is not None or config.get("rescale_betas_zero_snr"):
        kind = "its own betas"
    if kind == "scaled_linear":
        return torch.linspace(start**0.5, end**0.5, count, dtype=torch.float64) ** 2
    if kind == "linear":
        return torch.linspace(start, end, count, dtype=torch.float64)
    raise RefusedError(
        f"The base's noise schedule ({kind}) can't be trained yet.",
        hint="Use a base whose scheduler has a linear or scaled_linear beta_schedule.",
    )


def _make_weights(kept: torch.Tensor, prediction_type: str, gamma: float) -> torch.Tensor:
    if not gamma:
        return torch.ones_like(kept)
    snr = kept / (1 - kept)
    return snr.clamp(max=gamma) / (snr if prediction_type == "epsilon" else snr + 1)


def learning_rate_factor(step: int, *, total: int, warmup: int, scheduler: str) -> float:
    """What the learning rate is multiplied with at a step counted from 0: a linear rise, then constant or cosine."""
    if step < warmup:
        return (step + 1) / warmup
    if scheduler == "constant" or total <= warmup:
        return 1.0
    done = (step - warmup) / (total - warmup)
    return float(0.5 * (1 + torch.cos(torch.tensor(done * torch.pi, dtype=torch.float64))))
