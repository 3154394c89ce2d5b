"""Trains the autoencoder of the cast: 64 px pictures to 8 x 16 x 16 latents and back."""

# mypy: allow-untyped-calls

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from loratui.demo import world
from loratui.demo.build_common import (
    Meter,
    Settings,
    load_checkpoint,
    pictures,
    records,
    save_checkpoint,
    say,
    to_tensor,
)

if TYPE_CHECKING:
    from pathlib import Path

BATCH = 8
PEAK_RATE = 2e-3
POLISH_RATE = 5e-4
KL_WEIGHT = 3e-4
FACE_WEIGHT = 3.0
SILENT = 0.2
"""Latent channels that deviate less than this have been given up by the training."""


def new_autoencoder() -> Any:
    """An untrained autoencoder in the Stable Diffusion layout: factor 4, 8 latent channels."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        latent_channels=8,
        norm_num_groups=8,
        sample_size=64,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


def face_weights(settings: Settings) -> npt.NDArray[np.float32]:
    """Loss weight maps [n, 64, 64]: the head counts more, for eyes and marks are small."""
    y, x = np.mgrid[0:64, 0:64].astype(np.float32) + 0.5
    heads = [world.head_circle(r.look, r.scene, r.seed) for r in records(settings.pictures)]
    maps = [((x - cx) ** 2 + (y - cy) ** 2 < radius**2) for cx, cy, radius in heads]
    return 1 + (FACE_WEIGHT - 1) * np.stack(maps).astype(np.float32)


def _edge_loss(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    across = (made.diff(dim=3) - real.diff(dim=3)).abs().mean()
    down = (made.diff(dim=2) - real.diff(dim=2)).abs().mean()
    return across + down


def one_cycle(done: float, peak: float, warm: float = 0.08) -> float:
    """Learning rate at `done` in 0..1: a linear rise, then a cosine fall to a hundredth."""
    if done < warm:
        return peak * (0.05 + 0.95 * done / warm)
    fall = (done - warm) / (1 - warm)
    return peak * (0.01 + 0.99 * 0.5 * (1 + float(np.cos(np.pi * min(1.0, fall)))))


def train_autoencoder(settings: Settings) -> None:
    """Train to the wanted number of samples, from the last checkpoint on; then write it normalised."""
    images = pictures(settings)
    weights = face_weights(settings)
    model = new_autoencoder().to(settings.device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.99), weight_decay=1e-4)
    path = settings.work / "autoencoder.pt"
    state = load_checkpoint(path, settings.device)
    step = 0
    if state:
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    total = settings.autoencoder_samples // BATCH
    meter = Meter("autoencoder", total * BATCH)
    while step < total:
        pick = np.random.default_rng((5, step)).integers(0, len(images), BATCH)
        real = to_tensor(images[pick], settings.device)
        weight = torch.from_numpy(weights[pick]).to(settings.device)[:, None]
        posterior = model.encode(real).latent_dist
        made = model.decode(posterior.sample()).sample
        pixel = ((made - real).abs() * weight).mean() / weight.mean()
        loss = pixel + 0.5 * _edge_loss(made, real) + KL_WEIGHT * posterior.kl().mean() / 256
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(step / total, PEAK_RATE)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        meter.note(step * BATCH, loss=loss.item(), error=functional.l1_loss(made, real).item() / 2)
        if meter.save_due() or step == total:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
            save_checkpoint(path, state)
    write_normalised(settings, model, settings.work / "vae")


@torch.no_grad()
def write_normalised(settings: Settings, model: Any, folder: Path) -> None:
    """Fold the latents' mean and deviation per channel into the 1x1 convolutions, and save.

    Afterwards every channel that is used has mean 0 and deviation 1, so `scaling_factor` is 1.
    """
    model.eval()
    means = []
    for start in range(0, min(len(pictures(settings)), 2_000), 100):
        means.append(model.encode(to_tensor(pictures(settings)[start : start + 100], settings.device)).latent_dist.mean)
    latents = torch.cat(means)
    centre, spread = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    say(f"autoencoder: latent deviations were {[round(float(s), 2) for s in spread]}")
    channels = len(centre)
    into, out = model.quant_conv, model.post_quant_conv
    # Channels that the KL term has silenced tell the decoder nothing: at nought, the UNet has less to learn.
    silent = spread < SILENT
    into.weight[:channels][silent] = 0
    into.bias[:channels][silent] = 0
    centre, spread = centre.masked_fill(silent, 0), spread.masked_fill(silent, 1)
    into.weight[:channels] /= spread[:, None, None, None]
    into.bias[:channels] = (into.bias[:channels] - centre) / spread
    into.bias[channels:] -= 2 * spread.log()
    out.bias += out.weight[:, :, 0, 0] @ centre
    out.weight *= spread[None, :, None, None]
    model.save_pretrained(folder)


def polish_decoder(settings: Settings) -> None:
    """Teach the decoder on, with the encoder as it is: latents stay valid, so it may run beside the UNet."""
    images, weights = pictures(settings), face_weights(settings)
    folder = settings.work / "vae"
    model: Any = AutoencoderKL.from_pretrained(folder, local_files_only=True)
    model = model.to(settings.device, memory_format=torch.channels_last)
    model.encoder.requires_grad_(False)
    model.quant_conv.requires_grad_(False)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=POLISH_RATE, betas=(0.9, 0.99), weight_decay=1e-4)
    path = settings.work / "decoder.pt"
    step = 0
    if state := load_checkpoint(path, settings.device):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    total = settings.decoder_samples // BATCH
    meter = Meter("decoder", total * BATCH)
    while step < total:
        rng = np.random.default_rng((6, step))
        pick = rng.integers(0, len(images), BATCH)
        real = to_tensor(images[pick], settings.device)
        weight = torch.from_numpy(weights[pick]).to(settings.device)[:, None]
        with torch.no_grad():
            latents = model.encode(real).latent_dist.mean
        # The UNet's latents are never exact; a decoder that has met small errors forgives them.
        strength = rng.random((BATCH, 1, 1, 1), np.float32) * 0.1
        latents = latents + torch.from_numpy(rng.standard_normal(latents.shape, np.float32) * strength).to(latents)
        made = model.decode(latents).sample
        loss = ((made - real).abs() * weight).mean() / weight.mean() + 0.5 * _edge_loss(made, real)
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(step / total, POLISH_RATE)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        step += 1
        meter.note(step * BATCH, loss=loss.item(), error=functional.l1_loss(made, real).item() / 2)
        if meter.save_due() or step == total:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
            save_checkpoint(path, state)
    model.save_pretrained(folder)
