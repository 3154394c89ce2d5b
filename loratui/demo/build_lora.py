"""Trains a LoRA of the demo's subject on the built base and measures it by epoch, for the card."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
import random
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import DDPMScheduler
from peft import LoraConfig
from PIL import Image

from loratui.demo import subject, world
from loratui.demo.build_card import Figures, open_base, sample
from loratui.demo.build_common import Settings, say, to_tensor
from loratui.demo.build_text import tokenize
from loratui.demo.judge import Judge

TARGETS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2"]
EPOCH_STEPS = 21
"""24 primaries x 5 and 24 supporting x 2, in batches of 8."""


@dataclass(frozen=True)
class LoraPlan:
    """The settings of one LoRA training."""

    rank: int = 8
    alpha: int = 8
    rate: float = 1.5e-3
    batch: int = 8
    epochs: int = 5
    measured: tuple[int, ...] = (1, 2, 3, 5)
    images: int = 40
    seed: int = 0


@torch.no_grad()
def _lessons(pipe: Any, plan: LoraPlan) -> tuple[torch.Tensor, list[tuple[str, ...]], list[int]]:
    """Latents, flexible tags, and the order of one epoch (indices with repeats)."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = subject.draw_demo_pictures(Path(folder), plan.seed)
        kept = [p for p in manifest.pictures if p.role in ("primary", "supporting")]
        reduced = [Image.open(Path(folder) / p.file).resize((64, 64), Image.Resampling.BOX) for p in kept]
    arrays = np.stack([np.asarray(picture.convert("RGB")) for picture in reduced])
    latents = pipe.vae.encode(to_tensor(arrays, str(pipe.device))).latent_dist.mean
    repeats = [5 if p.role == "primary" else 2 for p in kept]
    order = [n for n, times in enumerate(repeats) for _ in range(times)]
    return latents * pipe.vae.config.scaling_factor, [p.tags for p in kept], order


def measure_subject(pipe: Any, judge: Judge, plan: LoraPlan, name: str = subject.NAME) -> Figures:
    """Trait shares for the name alone, and the share of prompted hair colours that came."""
    traits = subject.imbued_tags()
    alone = judge.measure(sample(pipe, [f"photo of {name}"] * plan.images, seed=500), traits)
    asked = [subject.HAIR_COLOURS[n % 3] for n in range(plan.images)]
    found = judge.read(sample(pipe, [f"photo of {name}, {hair}" for hair in asked], seed=900))
    obeyed = sum(tags[hair] >= 0.5 for hair, tags in zip(asked, found, strict=True)) / plan.images
    return {"traits": {tag: round(share, 3) for tag, share in alone.items()}, "hair": round(obeyed, 3)}


def train_lora(settings: Settings, plan: LoraPlan) -> Figures:
    """Train on the base in the output folder; returns one row per measured epoch."""
    torch.manual_seed(plan.seed)
    pipe, judge = open_base(settings), Judge(settings.out / "cast" / "tagger")
    without = measure_subject(pipe, judge, plan)
    latents, tags, order = _lessons(pipe, plan)
    pipe.unet.requires_grad_(False)
    config = LoraConfig(r=plan.rank, lora_alpha=plan.alpha, target_modules=TARGETS, init_lora_weights="gaussian")
    pipe.unet.add_adapter(config)
    weights = [p for p in pipe.unet.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=plan.rate, weight_decay=0.01)
    noising = DDPMScheduler.from_config(pipe.scheduler.config)
    snr = noising.alphas_cumprod / (1 - noising.alphas_cumprod)
    rng = random.Random(plan.seed)
    total, step, seconds = plan.epochs * EPOCH_STEPS, 0, 0.0
    rows = []
    for epoch in range(1, plan.epochs + 1):
        begun = time.monotonic()
        rng.shuffle(order)
        for start in range(0, len(order), plan.batch):
            pick = order[start : start + plan.batch]
            texts = [world.caption(subject.NAME, [t for t in tags[n] if rng.random() < 0.85], rng) for n in pick]
            with torch.no_grad():
                text = pipe.text_encoder(tokenize(pipe.tokenizer, texts).to(pipe.device)).last_hidden_state
            noise = torch.randn_like(latents[pick])
            times = torch.randint(0, 1000, (len(pick),))
            made = pipe.unet(noising.add_noise(latents[pick], noise, times), times.to(pipe.device), text).sample
            weight = (snr[times].clamp(max=5) / snr[times]).to(made)
            loss = ((made - noise).square().mean((1, 2, 3)) * weight).mean()
            for group in optimizer.param_groups:
                group["lr"] = plan.rate * min(1.0, (step + 1) / 10) * (1 - 0.9 * step / total)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            step += 1
        seconds += time.monotonic() - begun
        if epoch in plan.measured:
            now = measure_subject(pipe, judge, plan)
            leak = measure_subject(pipe, judge, plan, "someone")["traits"]
            row = {
                "epoch": epoch,
                "steps": step,
                "minutes": round(seconds / 60, 2),
                "with": now["traits"],
                "without": without["traits"],
                "someone": leak,
                "hair": now["hair"],
            }
            say(f"lora: {json.dumps(row)}")
            rows.append(row)
    return {
        "rank": plan.rank,
        "rate": plan.rate,
        "batch": plan.batch,
        "images": plan.images,
        "imbued": list(subject.imbued_tags()),
        "hair_without": without["hair"],
        "epochs": rows,
    }


def measure_lora(settings: Settings) -> None:
    """Train with the plan as it stands and keep the figures for the card."""
    figures = train_lora(settings, LoraPlan())
    (settings.work / "lora.json").write_text(json.dumps(figures, indent=1) + "\n")
