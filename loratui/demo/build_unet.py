"""Trains the UNet of the cast on latents and frozen text states, and writes the base folder."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
import math
import random
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from loratui.demo.build_autoencoder import face_weights, new_autoencoder
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
from loratui.demo.build_text import new_text_encoder, tokenize, training_caption, write_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

BATCH = 16
RATE = 8e-4
DECAY_PART = 0.3
"""Share of the samples, at the end, over which the learning rate falls to a hundredth."""
EMA = 0.999
SNR_GAMMA = 5.0
EMPTY = 0.1
DETAIL_TIMES = (0.15, 0.65)
CAPTIONS_EACH = 3
SNAPSHOT_SECONDS = 600.0
SEED_GAP = 1_000_003


def new_unet() -> Any:
    """An untrained UNet in the Stable Diffusion layout; attention works at 8x8 and 4x4."""
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=8,
        out_channels=8,
        block_out_channels=(64, 96, 128),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def new_scheduler() -> Any:
    """Stable Diffusion's noise schedule.

    One that ends in pure noise was tried: on 16x16 latents a quarter of its steps teach nothing, and
    the first step of sampling multiplies the UNet's error by 150.
    """
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="trailing",
        prediction_type="epsilon",
    )


def _halve(folder: Path) -> None:
    """Store a component's weights as fp16, and let its configuration say that they open as float32."""
    for file in folder.glob("*.safetensors"):
        save_file({k: v.half() for k, v in load_file(file).items()}, file, metadata={"format": "pt"})
        file.chmod(0o644)
    config = folder / "config.json"
    told = json.loads(config.read_text(encoding="utf-8"))
    # Where the part lay while it was built is nobody's business.
    told.pop("_name_or_path", None)
    if "dtype" in told:
        told["dtype"] = "float32"
    config.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def write_base(settings: Settings, unet: Any) -> None:
    """Assemble the base in a temporary folder and swap it in; parts not yet trained go in untrained."""
    work = settings.work
    if not (work / "tokenizer" / "vocab.json").exists():
        write_tokenizer(work / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(work / "tokenizer", local_files_only=True)
    encoder, vae = new_text_encoder(tokenizer), new_autoencoder()
    if (work / "text_encoder").exists():
        encoder = CLIPTextModel.from_pretrained(work / "text_encoder", local_files_only=True)
    if (work / "vae").exists():
        vae = AutoencoderKL.from_pretrained(work / "vae", local_files_only=True)
    pipe: Any = StableDiffusionPipeline(
        vae=vae,
        text_encoder=encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=new_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    target = settings.out / "cast" / "base"
    fresh, old = target.with_name("base.new"), target.with_name("base.old")
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    pipe.save_pretrained(fresh, safe_serialization=True)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(work / "tokenizer" / name, fresh / "tokenizer" / name)
    for name in ("unet", "vae", "text_encoder"):
        _halve(fresh / name)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


@torch.no_grad()
def _latents(settings: Settings) -> torch.Tensor:
    """The data set's latents [n, 8, 16, 16], fp16, kept in the work folder."""
    path = settings.work / "latents.pt"
    if path.exists():
        kept: torch.Tensor = torch.load(path, weights_only=True)
        return kept
    say("unet: encoding pictures")
    vae = AutoencoderKL.from_pretrained(settings.work / "vae", local_files_only=True).to(settings.device)
    images = pictures(settings)
    parts = [
        vae.encode(to_tensor(images[start : start + 64], settings.device)).latent_dist.mean.half().cpu()
        for start in range(0, len(images), 64)
    ]
    latents = torch.cat(parts)
    save_checkpoint(path, latents)
    return latents


@torch.no_grad()
def encode_captions(settings: Settings) -> npt.NDArray[np.float16]:
    """Text states of some captions per picture [captions, n, 77, 128], in a file mapped into memory."""
    path = settings.work / "captions.npy"
    if path.exists():
        return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]
    say("unet: encoding captions")
    tokenizer = CLIPTokenizer.from_pretrained(settings.work / "tokenizer", local_files_only=True)
    encoder: Any = CLIPTextModel.from_pretrained(settings.work / "text_encoder", local_files_only=True)
    encoder = encoder.to(settings.device)
    items = records(settings.pictures)
    temporary = path.with_suffix(".tmp.npy")
    shape = (CAPTIONS_EACH, len(items), 77, 128)
    states = np.lib.format.open_memmap(temporary, "w+", np.float16, shape)
    for turn in range(CAPTIONS_EACH):
        for start in range(0, len(items), 128):
            rng = random.Random(turn * SEED_GAP + start)
            texts = [training_caption(item, rng)[0] for item in items[start : start + 128]]
            made = encoder(tokenize(tokenizer, texts).to(settings.device)).last_hidden_state
            states[turn, start : start + 128] = made.half().cpu().numpy()
    states.flush()
    temporary.replace(path)
    return states


@torch.no_grad()
def _empty_state(settings: Settings) -> torch.Tensor:
    tokenizer = CLIPTokenizer.from_pretrained(settings.work / "tokenizer", local_files_only=True)
    encoder = CLIPTextModel.from_pretrained(settings.work / "text_encoder", local_files_only=True)
    state: torch.Tensor = encoder(tokenize(tokenizer, [""])).last_hidden_state[0]
    return state


def rate_at(done: float, samples_seen: int) -> float:
    """A short rise, a long constant part, and a cosine fall over the last part."""
    rise = min(1.0, (samples_seen + 1) / 5_000)
    fall = max(0.0, (done - (1 - DECAY_PART)) / DECAY_PART)
    return RATE * rise * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, fall))))


def pick_times(rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Noise levels for a batch, evenly spread; every second one from the middle, where details are decided."""
    spread = (np.arange(BATCH) + rng.random()) / BATCH
    spread[::2] = DETAIL_TIMES[0] + (DETAIL_TIMES[1] - DETAIL_TIMES[0]) * spread[::2]
    return (spread * 1000).astype(np.int64)


def train_unet(settings: Settings) -> None:
    """Train from the last checkpoint to the wanted number of samples, writing the base now and then."""
    device = settings.device
    states, empty = encode_captions(settings), _empty_state(settings)
    latents = _latents(settings)
    # The optimum stays where it is; more of the training goes to mouths, eyes and marks.
    face = functional.avg_pool2d(torch.from_numpy(face_weights(settings))[:, None], 4)
    unet = new_unet().to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(unet.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0.01, fused=True)
    average = {k: v.clone() for k, v in unet.state_dict().items()}
    path = settings.work / "unet.pt"
    step = 0
    if state := load_checkpoint(path, device):
        unet.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average, step = state["average"], state["step"]
    noising = DDPMScheduler.from_config(new_scheduler().config)
    kept = noising.alphas_cumprod
    snr = kept / (1 - kept)
    weight_of = (snr.clamp(max=SNR_GAMMA) / snr).to(device)
    total = settings.unet_samples // BATCH
    meter = Meter("unet", total * BATCH, every=60, save_every=120)
    snapshots = Meter("unet", total, save_every=SNAPSHOT_SECONDS)
    while step < total:
        rng = np.random.default_rng((9, step))
        pick = rng.integers(0, len(latents), BATCH)
        turn = rng.integers(0, CAPTIONS_EACH, BATCH)
        text = torch.from_numpy(np.stack([states[t, p] for t, p in zip(turn, pick, strict=True)])).float()
        text[torch.from_numpy(rng.random(BATCH) < EMPTY)] = empty
        clean = latents[torch.from_numpy(pick)].float().to(device)
        noise = torch.from_numpy(rng.standard_normal(clean.shape, np.float32)).to(device)
        times = torch.from_numpy(pick_times(rng)).to(device)
        noisy = noising.add_noise(clean, noise, times).contiguous(memory_format=torch.channels_last)
        made = unet(noisy, times, text.to(device)).sample
        weight = face[torch.from_numpy(pick)].to(device)
        error = ((made - noise).square() * weight).mean((1, 2, 3)) / weight.mean((1, 2, 3))
        loss = (error * weight_of[times]).mean()
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step / total, step * BATCH)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        step += 1
        keep = min(EMA, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_([*average.values()], [*unet.state_dict().values()], 1 - keep)
        meter.note(step * BATCH, loss=loss.item(), error=error.mean().item())
        if meter.save_due() or step == total:
            state = {"model": unet.state_dict(), "optimizer": optimizer.state_dict(), "average": average, "step": step}
            save_checkpoint(path, state)
        if snapshots.save_due() or step == total:
            write_base(settings, averaged(average))


def averaged(average: dict[str, torch.Tensor]) -> Any:
    """A UNet with the averaged weights, on the CPU."""
    unet = new_unet()
    unet.load_state_dict({k: v.cpu() for k, v in average.items()})
    return unet
