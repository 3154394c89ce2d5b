"""How many samples, batches and steps a training will take, exactly, before it is started."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from loratui.dataset.buckets import Bucket, BucketSettings, select_bucket
from loratui.dataset.epochs import count_batches
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Trainer = Literal["loratui", "sd-scripts"]

AIM_STEPS = 1500
"""Steps below which a LoRA has rarely learned its subject."""


@dataclass(frozen=True, slots=True)
class BucketPlan:
    """One training size in pixels: the different pictures in it, and the samples they make with their repeats."""

    width: int
    height: int
    samples: int
    pictures: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The arithmetic of one training; `pictures` counts without repeats, `samples_per_epoch` with them."""

    trainer: Trainer
    pictures: int
    samples_per_epoch: int
    buckets: tuple[BucketPlan, ...]
    batches_per_epoch: int
    steps_per_epoch: int
    epochs: int
    total_steps: int
    epochs_for_1500_steps: int
    notes: tuple[str, ...]


def make_plan(
    pictures: Sequence[tuple[int, int, int]],
    *,
    resolution: int = 512,
    bucket_step: int = 64,
    min_bucket: int = 256,
    max_bucket: int = 1024,
    upscale: bool = True,
    batch_size: int = 1,
    accumulation: int = 1,
    processes: int = 1,
    flip: bool = False,
    epochs: int = 10,
    trainer: Trainer = "loratui",
) -> Plan:
    """Plan a training of `pictures`, each (width, height, repeats) in upright pixels.

    Both trainers choose buckets alike. Ours runs in one process; sd-scripts deals batches out to `processes`.
    Both end an accumulation with the epoch, so its last step may hold fewer batches. Raises UsageError for a
    setting that makes no sense and RefusedError for a picture too narrow to be trained without enlarging.
    """
    _check_counts(batch_size=batch_size, accumulation=accumulation, processes=processes, epochs=epochs)
    if trainer not in ("loratui", "sd-scripts"):
        raise UsageError(f"There is no trainer called {trainer!r}.", hint="Use loratui or sd-scripts.")
    settings = BucketSettings(resolution, bucket_step, min_bucket, max_bucket, upscale)
    chosen = {size: select_bucket(*size, settings) for size in {(width, height) for width, height, _ in pictures}}

    samples: Counter[tuple[int, int]] = Counter()
    members: Counter[tuple[int, int]] = Counter()
    for width, height, repeats in pictures:
        bucket = chosen[width, height]
        samples[bucket.width, bucket.height] += repeats
        members[bucket.width, bucket.height] += 1
    buckets = tuple(BucketPlan(*size, samples[size], members[size]) for size in sorted(samples))

    batches = count_batches([bucket.samples for bucket in buckets], batch_size)
    batches_per_step = accumulation * (processes if trainer == "sd-scripts" else 1)
    steps = math.ceil(batches / batches_per_step)
    return Plan(
        trainer=trainer,
        pictures=len(pictures),
        samples_per_epoch=samples.total(),
        buckets=buckets,
        batches_per_epoch=batches,
        steps_per_epoch=steps,
        epochs=epochs,
        total_steps=steps * epochs,
        epochs_for_1500_steps=math.ceil(AIM_STEPS / steps) if steps else 0,
        notes=(
            *_note_pictures(pictures, chosen, upscale=upscale),
            *_note_batches(buckets, batches, batch_size=batch_size, batches_per_step=batches_per_step),
            *_note_trainer(
                trainer, settings, accumulation=accumulation, processes=processes, flip=flip, has_steps=steps > 0
            ),
        ),
    )


def _check_counts(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise UsageError(f"{name} can't be {value}.", hint=f"Give {name} a whole number from 1 up.")


def _note_pictures(
    pictures: Sequence[tuple[int, int, int]], chosen: Mapping[tuple[int, int], Bucket], *, upscale: bool
) -> list[str]:
    if not pictures:
        return ["There are no training pictures: give some the role primary or supporting."]
    notes = []
    enlarged = [
        chosen[width, height].resized_width / width
        for width, height, _ in pictures
        if chosen[width, height].resized_width > width or chosen[width, height].resized_height > height
    ]
    if upscale and enlarged:
        notes.append(
            f"{_count(len(enlarged), 'picture is', 'pictures are')} smaller than the training size and will be "
            f"enlarged, at most {max(enlarged):.1f} times."
        )
    lost = Counter(
        round(100 * (1 - bucket.width * bucket.height / (bucket.resized_width * bucket.resized_height)))
        for bucket in (chosen[width, height] for width, height, _ in pictures)
    )
    heavy = sum(number for percent, number in lost.items() if percent >= 20)
    if heavy:
        notes.append(
            f"{_count(heavy, 'picture loses', 'pictures lose')} a fifth or more to the crop, at most {max(lost)} %."
        )
    return notes


def _note_batches(buckets: Sequence[BucketPlan], batches: int, *, batch_size: int, batches_per_step: int) -> list[str]:
    notes = []
    empty = batches * batch_size - sum(bucket.samples for bucket in buckets)
    if empty:
        notes.append(
            f"The last batch of a bucket is smaller: {_count(empty, 'place', 'places')} of "
            f"{batches * batch_size} in the batches of an epoch stay empty."
        )
    if left := batches % batches_per_step:
        notes.append(
            f"The last step of an epoch gathers {_count(left, 'batch', 'batches')} instead of {batches_per_step}."
        )
    return notes


def _note_trainer(
    trainer: Trainer, settings: BucketSettings, *, accumulation: int, processes: int, flip: bool, has_steps: bool
) -> list[str]:
    notes = []
    if flip:
        notes.append("Flipping does not change the counts: each use of a picture is mirrored or not by chance.")
    if trainer == "loratui":
        if processes > 1:
            notes.append(f"Our trainer runs in one process, so the steps are not divided by {processes}.")
        return notes
    if settings.step % 64:
        notes.append(
            f"sd-scripts refuses a bucket step of {settings.step}: it wants a multiple of 64 for "
            "Stable Diffusion 1 and of 32 for SDXL."
        )
    if not settings.upscale:
        notes.append("Without enlarging, sd-scripts ignores the smallest and largest bucket side.")
    if accumulation > 1 and has_steps:
        notes.append(
            "sd-scripts miscounts a run resumed with --skip_until_initial_step when it accumulates: "
            "continue with --network_weights and the epochs that are left."
        )
    return notes


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
