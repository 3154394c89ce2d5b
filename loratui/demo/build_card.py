"""Measures the built cast on pictures that no training has seen, and writes its card."""

# mypy: allow-untyped-calls

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline
from PIL import Image

from loratui.demo import world
from loratui.demo.build_common import Record, Settings, draw_records, fresh_records, say, to_tensor
from loratui.demo.build_text import BATCH as TEXT_BATCH
from loratui.demo.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Sequence

Figures = dict[str, Any]
STEPS = 15
GUIDANCE = 3.0
BATCH = 20
THRESHOLD = 0.5


def open_base(settings: Settings) -> Any:
    """The built base as a pipeline, silent."""
    folder = settings.out / "cast" / "base"
    pipe = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    pipe.unet.to(memory_format=torch.channels_last)
    return pipe.to(settings.device)


def sample(
    pipe: Any, prompts: Sequence[str], seed: int, steps: int = STEPS, guidance: float = GUIDANCE
) -> list[Image.Image]:
    """One 64 px picture per prompt."""
    made: list[Image.Image] = []
    for start in range(0, len(prompts), BATCH):
        part = list(prompts[start : start + BATCH])
        generators = [torch.Generator().manual_seed(seed + start + n) for n in range(len(part))]
        made += pipe(part, num_inference_steps=steps, guidance_scale=guidance, generator=generators).images
    return made


def shares(truth: list[list[str]], read: list[dict[str, float]]) -> dict[str, float]:
    """Share of asked tags that were found: for each group, and `overall`."""
    hits: dict[str, list[bool]] = {group: [] for group in world.GROUPS}
    group_of = {tag: group for group, tags in world.GROUPS.items() for tag in tags}
    for asked, found in zip(truth, read, strict=True):
        for tag in asked:
            hits[group_of[tag]].append(found[tag] >= THRESHOLD)
    every = [hit for group in hits.values() for hit in group]
    return {"overall": _share(every), **{group: _share(values) for group, values in hits.items()}}


def _share(values: Sequence[bool]) -> float:
    return round(sum(values) / max(1, len(values)), 4)


@torch.no_grad()
def measure_autoencoder(settings: Settings, judge: Judge) -> Figures:
    """Error of a round trip, and how many marks and eyes the tagger still reads after it."""
    items = fresh_records(max(20, settings.checks // 4), seed=5)
    images = draw_records(items)
    folder = settings.out / "cast" / "base" / "vae"
    vae = AutoencoderKL.from_pretrained(folder, local_files_only=True).to(settings.device)
    parts = [
        vae.decode(vae.encode(to_tensor(images[n : n + 50], settings.device)).latent_dist.mean).sample.cpu()
        for n in range(0, len(images), 50)
    ]
    made = torch.cat(parts).clamp(-1, 1)
    error = (made - to_tensor(images, "cpu")) / 2
    pictures = [Image.fromarray(a) for a in ((made + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()]
    read = judge.read(pictures)
    kept: Figures = {}
    for tag in (*world.MARKS[1:], *world.EYES):
        shown = [tags for item, tags in zip(items, read, strict=True) if tag in _tags(item)]
        kept[tag] = _share([tags[tag] >= THRESHOLD for tags in shown])
    return {
        "pictures": len(items),
        "mean_absolute_error": round(error.abs().mean().item(), 4),
        "psnr_db": round(-10 * float(np.log10(error.square().mean().item())), 2),
        "read_after_round_trip": kept,
    }


def _tags(item: Record) -> list[str]:
    return world.caption_tags(item.look, item.scene)


def measure_tagger(settings: Settings, judge: Judge) -> Figures:
    """Balanced accuracy of every tag on fresh pictures."""
    items = fresh_records(settings.checks, seed=6)
    read = judge.read(Image.fromarray(a) for a in draw_records(items))
    by_tag: dict[str, float] = {}
    for tag in world.ALL_TAGS:
        hits: dict[bool, list[bool]] = {True: [], False: []}
        for item, found in zip(items, read, strict=True):
            is_there = tag in _tags(item)
            hits[is_there].append((found[tag] >= THRESHOLD) == is_there)
        by_tag[tag] = round((_share(hits[True]) + _share(hits[False])) / 2, 4)
    return {
        "pictures": len(items),
        "balanced_accuracy": round(sum(by_tag.values()) / len(by_tag), 4),
        "worst_tag": min(by_tag, key=lambda tag: by_tag[tag]),
        "by_tag": by_tag,
    }


def measure_base(settings: Settings, judge: Judge) -> Figures:
    """Share of asked attributes that the tagger finds in pictures made from random prompts."""
    items = fresh_records(max(20, settings.checks // 4), seed=7)
    rng = random.Random(7)
    prompts = [world.caption(None, _tags(item), rng) for item in items]
    pipe = open_base(settings)
    begun = time.monotonic()
    made = sample(pipe, prompts, seed=1)
    seconds = time.monotonic() - begun
    return {
        "prompts": len(prompts),
        "steps": STEPS,
        "guidance": GUIDANCE,
        "seconds_per_picture": round(seconds / len(prompts), 3),
        "found": shares([_tags(item) for item in items], judge.read(made)),
    }


def write_card(settings: Settings) -> None:
    """Measure everything and write `card.json` and `card.md` beside the models."""
    folder = settings.out / "cast"
    judge = Judge(folder / "tagger")
    figures: Figures = {"machine": "CUDA device" if settings.device == "cuda" else "2 CPU cores"}
    for name, measure in (
        ("autoencoder", measure_autoencoder),
        ("tagger", measure_tagger),
        ("base", measure_base),
    ):
        figures[name] = measure(settings, judge)
        say(f"card: {name} {json.dumps(figures[name])}")
    figures["samples"] = {
        "text encoder": settings.text_steps * TEXT_BATCH,
        "autoencoder": settings.autoencoder_samples,
        "decoder alone": settings.decoder_samples,
        "tagger": settings.tagger_samples,
        "unet": settings.unet_samples,
    }
    lora = settings.work / "lora.json"
    if lora.exists():
        figures["lora"] = json.loads(lora.read_text())
    (folder / "card.json").write_text(json.dumps(figures, indent=1) + "\n")
    (folder / "card.md").write_text(_card_text(figures), encoding="utf-8")


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _card_text(figures: Figures) -> str:
    vae, tagger, base = figures["autoencoder"], figures["tagger"], figures["base"]
    trips = vae["read_after_round_trip"]
    worst = tagger["worst_tag"]
    lines = [
        "# The cast",
        "",
        "A base model in the Stable Diffusion 1 layout and a tagger behind the WD v3 contract, both for 64 px",
        "pictures of drawn characters (`loratui/demo/world.py`). Everything was drawn and trained by",
        f"`python -m loratui.demo.build` on {figures['machine']}; no picture or weight comes from elsewhere.",
        "Licence: Apache-2.0, as the project's. The figures below come from",
        "`python -m loratui.demo.build --stage card`, on pictures and prompts that no training has seen.",
        "",
        "## Base",
        f"- asked attributes found by the tagger on {base['prompts']} random prompts "
        f"({base['steps']} steps, guidance {base['guidance']}): **{_percent(base['found']['overall'])}**",
        *(f"  - {group}: {_percent(share)}" for group, share in base["found"].items() if group != "overall"),
        f"- {base['seconds_per_picture']} s a picture on one thread",
        "",
        "## Autoencoder",
        f"- mean absolute error {vae['mean_absolute_error']} of the range, PSNR {vae['psnr_db']} dB "
        f"on {vae['pictures']} pictures",
        "- still read after a round trip: " + ", ".join(f"{tag} {_percent(share)}" for tag, share in trips.items()),
        "",
        "## Tagger",
        f"- balanced accuracy **{100 * tagger['balanced_accuracy']:.2f} %** on {tagger['pictures']} pictures; "
        f"worst tag: {worst} {_percent(tagger['by_tag'][worst])}",
        "",
    ]
    lora = figures.get("lora")
    if lora:
        lines += [
            "## A LoRA on a new character",
            f"- rank {lora['rank']}, learning rate {lora['rate']}, batch {lora['batch']}; imbued: "
            + ", ".join(lora["imbued"]),
            "",
            "| steps | minutes | " + " | ".join(lora["imbued"]) + " | hair obeyed |",
            "|---" * (3 + len(lora["imbued"])) + "|",
        ]
        for row in lora["epochs"]:
            cells = [f"{_percent(row['with'][tag])} ({_percent(row['without'][tag])})" for tag in lora["imbued"]]
            cells = [str(row["steps"]), str(row["minutes"]), *cells, _percent(row["hair"])]
            lines.append(f"| {' | '.join(cells)} |")
        leak = ", ".join(f"{tag} {_percent(share)}" for tag, share in lora["epochs"][-1]["someone"].items())
        lines += [
            "",
            f"Shares of {lora['images']} pictures made with the trigger alone; in brackets without the LoRA.",
            f"With the LoRA but `photo of someone`, after the last row: {leak}.",
            "",
        ]
    told = ", ".join(f"{name} {value:,}" for name, value in figures["samples"].items())
    lines += ["## Training", f"Samples seen: {told}.", ""]
    return "\n".join(lines)
