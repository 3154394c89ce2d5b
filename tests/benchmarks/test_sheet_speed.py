"""A sheet of a run's epochs, with one pipeline load, against a fresh diffusers pipeline for every epoch."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time

import pytest

pytest.importorskip("diffusers", reason="rendering needs the [train] extra")

from typing import TYPE_CHECKING

import numpy as np

from loratui.config import find_assets
from loratui.events import ignore_progress
from loratui.review.render import render
from loratui.review.request import BaseModel, CellRequest, LoraFile, SampleSettings
from loratui.training.lorafile import autov3, read_header, write_lora
from loratui.training.spawn import engine_environment

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.benchmark

EPOCHS = 10
PROMPTS = ("photo of mirvok", "photo of mirvok, red hair")
SEEDS = (1, 2, 3, 4)
STEPS, CFG = 14, 4.0

# A pipeline of its own for every epoch, with the sheet's sampler and settings.
FRESH = """
import json, sys, torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
asked = json.load(sys.stdin)
torch.set_num_threads(asked["threads"])
jobs = [(prompt, seed) for prompt in asked["prompts"] for seed in asked["seeds"]]
for number, lora in enumerate([None, *asked["loras"]]):
    pipeline = StableDiffusionPipeline.from_pretrained(asked["base"], safety_checker=None, local_files_only=True)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    if lora:
        pipeline.load_lora_weights(lora)
    for start in range(0, len(jobs), asked["batch"]):
        part = jobs[start : start + asked["batch"]]
        generators = [torch.Generator("cpu").manual_seed(seed) for _, seed in part]
        images = pipeline([prompt for prompt, _ in part], generator=generators, num_inference_steps=asked["steps"],
                          guidance_scale=asked["cfg"], width=asked["size"], height=asked["size"]).images
        for index, image in enumerate(images, start):
            image.save(f"{asked['out']}/{number}-{index}.png")
"""


def write_epochs(folder: Path, base: Path) -> list[LoraFile]:
    """LoRAs as kohya trains them: rank 8 on every attention block of the UNet; small random values."""
    names = read_header(base / "unet" / "diffusion_pytorch_model.safetensors").tensors
    made = []
    for epoch in range(1, EPOCHS + 1):
        rng = np.random.default_rng(epoch)
        tensors = {}
        for name, info in names.items():
            if "attentions" in name and name.endswith(".weight") and len(info.shape) >= 2:
                out, inner, *window = info.shape
                key = "lora_unet_" + name.removesuffix(".weight").replace(".", "_")
                down, up = rng.normal(0, 0.05, (8, inner, *window)), rng.normal(0, 0.05, (out, 8, *(1 for _ in window)))
                tensors[f"{key}.lora_down.weight"] = down.astype(np.float32)
                tensors[f"{key}.lora_up.weight"] = up.astype(np.float32)
                tensors[f"{key}.alpha"] = np.float32(8).reshape(())
        path = folder / f"epoch-{epoch:06d}.safetensors"
        write_lora(path, tensors, {})
        made.append(LoraFile(str(path), path.stem, autov3(path)))
    return made


def test_a_sheet_against_a_fresh_pipeline_for_every_epoch(tmp_path: Path) -> None:
    base = find_assets() / "cast" / "base"
    loras = write_epochs(tmp_path, base)
    # What other processes leave free decides the number of threads, the same for both.
    threads = max(1, len(os.sched_getaffinity(0)) - round(os.getloadavg()[0]))
    settings = SampleSettings(64, 64, STEPS, CFG, sampler="ddim", threads=threads, device="cpu")
    cells = [CellRequest(prompt, seed, "", lora) for lora in (None, *loras) for prompt in PROMPTS for seed in SEEDS]
    asked = {
        "base": str(base),
        "loras": [lora.path for lora in loras],
        "prompts": PROMPTS,
        "seeds": SEEDS,
        "steps": STEPS,
        "cfg": CFG,
        "size": 64,
        "threads": threads,
        "out": str(tmp_path),
    }
    begun = measure()
    rendered = render(tmp_path / "sheet", BaseModel("cast", str(base)), cells, settings, report=ignore_progress)
    sheet = measure() - begun
    assert all(path.exists() for path in rendered.values())
    assert len(rendered) == len(cells)
    fresh = {}
    for batch, name in ((1, "fresh pipelines, image by image"), (len(PROMPTS) * len(SEEDS), "the same, in batches")):
        begun = measure()
        subprocess.run(
            [sys.executable, "-c", FRESH],
            input=json.dumps({**asked, "batch": batch}).encode(),
            env=engine_environment(os.environ, threads=threads),
            check=True,
            capture_output=True,
        )
        fresh[name] = measure() - begun
    print(f"\n{len(cells)} images, {EPOCHS} epochs and the base alone, {threads} threads, process start included")
    print(f"{'':34} seconds  of processor time")
    print(f"{'sheet, one pipeline load':34} {sheet[0]:7.1f}  {sheet[1]:7.1f}")
    for name, (wall, processor) in fresh.items():
        ratio = f"ratio {wall / sheet[0]:.2f}, of processor time {processor / sheet[1]:.2f}"
        print(f"{name:34} {wall:7.1f}  {processor:7.1f}   {ratio} (target 2)")


def measure() -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Seconds on the clock, and seconds of processor time of all ended child processes: the steadier of the two."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return np.array([time.perf_counter(), used.ru_utime + used.ru_stime])
