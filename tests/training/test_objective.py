"""The noise schedule, min-SNR weights and the learning rate."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from loratui.errors import RefusedError
from loratui.training.engine.objective import Objective, learning_rate_factor

SD1 = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
CPU = torch.device("cpu")


@pytest.mark.parametrize("kind", ["scaled_linear", "linear"])
def test_the_schedule_is_that_of_diffusers(kind: str) -> None:
    from diffusers import DDPMScheduler

    config = {**SD1, "beta_schedule": kind}
    theirs = DDPMScheduler.from_config(config)
    ours = Objective(config, min_snr_gamma=0, device=CPU)
    latents, noise = torch.randn(2, 4, 4, 8, 8)
    timesteps = torch.tensor([0, 10, 500, 999])
    expected = theirs.add_noise(latents, noise, timesteps)
    assert torch.allclose(ours.add_noise(latents, noise, timesteps), expected, atol=1e-5)
    ours.prediction_type = "v_prediction"
    velocity = theirs.get_velocity(latents, noise, timesteps)
    # A prediction that hits the target has no loss.
    assert ours.losses(velocity, latents, noise, timesteps).max() < 1e-9


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_min_snr_weighs_by_the_clamped_ratio_of_signal_to_noise(prediction: str) -> None:
    config = {**SD1, "prediction_type": prediction}
    plain = Objective(config, min_snr_gamma=0, device=CPU)
    weighed = Objective(config, min_snr_gamma=5, device=CPU)
    timesteps = torch.arange(1000)
    values = torch.zeros(1000, 1, 1, 1)
    ratio = (
        weighed.losses(values, values, values + 1, timesteps) / plain.losses(values, values, values + 1, timesteps)
    ).double()
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0)
    snr = kept / (1 - kept)
    expected = snr.clamp(max=5) / (snr if prediction == "epsilon" else snr + 1)
    assert torch.allclose(ratio, expected, rtol=1e-4)


@pytest.mark.parametrize(
    "config", [{"prediction_type": "sample"}, {"beta_schedule": "squaredcos_cap_v2"}, {"trained_betas": [0.1]}]
)
def test_schedules_that_can_not_be_trained_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(RefusedError) as caught:
        Objective({**SD1, **config}, min_snr_gamma=5, device=CPU)
    assert caught.value.hint


@given(st.integers(1, 500), st.integers(0, 600), st.sampled_from(["constant", "cosine"]))
def test_the_learning_rate_rises_and_never_leaves_its_range(total: int, warmup: int, scheduler: str) -> None:
    factors = [learning_rate_factor(s, total=total, warmup=warmup, scheduler=scheduler) for s in range(total)]
    assert all(0 <= factor <= 1 for factor in factors)
    rising = factors[: min(warmup, total)]
    assert rising == sorted(rising)
    falling = factors[warmup:]
    assert falling == sorted(falling, reverse=True)
    if warmup < total:
        assert factors[warmup] == 1
        assert scheduler == "cosine" or factors[-1] == 1
