"""What a LoRA learned, counted: images with and without it, judged by the cast's tagger."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from loratui.demo import world
from loratui.review.render import render
from loratui.review.request import CellRequest, LoraFile, SampleSettings

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from loratui.catalog.rows import Base, Checkpoint
    from loratui.demo.judge import Judge
    from loratui.demo.subject import DemoManifest
    from loratui.events import Report

IMAGES = 40
"""Images per side: enough that 80 % and 70 % are told apart from a lucky draw."""
SAMPLING = SampleSettings(width=64, height=64, steps=12, cfg=4.0, sampler="euler_a", max_batch=40)
SHOWN = 0.5
"""Probability from which the tagger counts as seeing a trait."""
_FIRST_SEED = 1000


@dataclass(frozen=True, slots=True)
class Lesson:
    """Shares of images, each 0 to 1.

    `with_trigger` and `without_lora` are means over the imbued traits for the same prompt and seeds; `hair_obeyed` is
    the share of images whose hair has the colour that the prompt asked for.
    """

    images: int
    with_trigger: float
    without_lora: float
    hair_obeyed: float
    traits_with: dict[str, float]
    traits_without: dict[str, float]
    hair: dict[str, float]


def measure_lesson(
    folder: Path,
    base: Base,
    checkpoint: Checkpoint,
    drawn: DemoManifest,
    judge: Judge,
    report: Report,
    cancel: threading.Event | None = None,
) -> Lesson:
    """Render 40 images per side into a folder and count what they show."""
    lora = LoraFile(path=checkpoint.path, name=f"epoch {checkpoint.epoch}", autov3=checkpoint.autov3)
    prompt = f"photo of {drawn.name}"
    seeds = range(_FIRST_SEED, _FIRST_SEED + IMAGES)
    asked = list(itertools.islice(itertools.cycle(drawn.hair_colours), IMAGES))
    sides = {
        "with": [CellRequest(prompt, seed, lora=lora) for seed in seeds],
        "hair": [
            CellRequest(f"{prompt}, {colour}", seed, lora=lora) for colour, seed in zip(asked, seeds, strict=True)
        ],
        "without": [CellRequest(prompt, seed) for seed in seeds],
    }
    cells = [cell for side in sides.values() for cell in side]
    paths = list(render(folder, base, cells, SAMPLING, report=report, cancel=cancel).values())
    seen = _read(judge, paths)
    seen_with, seen_hair, seen_without = seen[:IMAGES], seen[IMAGES : 2 * IMAGES], seen[2 * IMAGES :]
    traits_with = {trait: _share(seen_with, trait) for trait in drawn.imbued}
    traits_without = {trait: _share(seen_without, trait) for trait in drawn.imbued}
    obeyed = [_hair(tags) == colour for tags, colour in zip(seen_hair, asked, strict=True)]
    hair = {
        colour: sum(right for right, wanted in zip(obeyed, asked, strict=True) if wanted == colour)
        / asked.count(colour)
        for colour in drawn.hair_colours
    }
    return Lesson(
        images=IMAGES,
        with_trigger=sum(traits_with.values()) / len(traits_with),
        without_lora=sum(traits_without.values()) / len(traits_without),
        hair_obeyed=sum(obeyed) / len(obeyed),
        traits_with=traits_with,
        traits_without=traits_without,
        hair=hair,
    )


def _read(judge: Judge, paths: Sequence[Path]) -> list[dict[str, float]]:
    images = []
    for path in paths:
        with Image.open(path) as image:
            images.append(image.convert("RGB"))
    return judge.read(images)


def _share(seen: Sequence[dict[str, float]], trait: str) -> float:
    return sum(tags[trait] >= SHOWN for tags in seen) / len(seen)


def _hair(tags: dict[str, float]) -> str:
    return max(world.HAIR_COLOURS, key=lambda colour: tags[colour])
