"""The dataset in memory: buckets, latents, and everything random about one use of a sample."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from loratui.dataset.buckets import Bucket, select_bucket
from loratui.dataset.epochs import Batch, group_samples, plan_epoch
from loratui.errors import RefusedError
from loratui.training.engine.captions import vary_caption

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loratui.training.engine.latents import LatentStore
    from loratui.training.recipe import Recipe
    from loratui.training.runspec import RunSpec, TrainingPicture


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a picture: where in which epoch. All chance about it follows from this and the seed."""

    picture: int
    epoch: int
    position: int


@dataclass(frozen=True, slots=True)
class Step:
    """The batches whose gradients make one optimizer step."""

    batches: tuple[tuple[Use, ...], ...]

    @property
    def samples(self) -> int:
        return sum(len(batch) for batch in self.batches)


@dataclass(frozen=True, slots=True)
class PreparedBatch:
    """What one forward pass is fed, on the CPU: unscaled latents, noise, timesteps and captions of its samples."""

    latents: torch.Tensor
    noise: torch.Tensor
    timesteps: torch.Tensor
    captions: list[str]


class Samples:
    """The training pictures in their buckets, with their latents once `load_latents` is done."""

    def __init__(self, spec: RunSpec) -> None:
        recipe = self._recipe = spec.recipe
        if not spec.pictures:
            raise RefusedError(
                "The dataset has no primary or supporting pictures.", hint="Give pictures a role before training."
            )
        settings = recipe.bucketing
        self.pictures: Sequence[TrainingPicture] = spec.pictures
        self.buckets: list[Bucket] = [select_bucket(*p.used_size, settings) for p in spec.pictures]
        sizes = [(bucket.width, bucket.height) for bucket in self.buckets]
        grouped = group_samples(sizes, [picture.repeats for picture in spec.pictures])
        self.sizes = list(grouped)
        self.members = list(grouped.values())
        self._latents: dict[tuple[int, bool], torch.Tensor] = {}

    @property
    def counts(self) -> tuple[tuple[int, int, int], ...]:
        """(width, height, samples with repeats) of every bucket."""
        return tuple((*size, len(members)) for size, members in zip(self.sizes, self.members, strict=True))

    @property
    def aspect_error(self) -> float:
        """Mean difference between the aspect ratios of pictures and their buckets."""
        pairs = zip(self.pictures, self.buckets, strict=True)
        return sum(abs(p.used_size[0] / p.used_size[1] - b.width / b.height) for p, b in pairs) / len(self.buckets)

    def check_sizes(self, factor: int) -> None:
        """Raise RefusedError when buckets do not fall on whole latents."""
        if self._recipe.bucket_step % factor or any(side % factor for size in self.sizes for side in size):
            raise RefusedError(
                f"Buckets in steps of {self._recipe.bucket_step} pixels do not fit a base with {factor} pixels a "
                "latent.",
                hint=f"Make bucket_step a multiple of {factor}.",
            )

    def load_latents(self, store: LatentStore, note: Callable[[int], None]) -> None:
        """Read or encode the latents of every picture; `note` is told after each how many are done."""
        for number, (picture, bucket) in enumerate(zip(self.pictures, self.buckets, strict=True)):
            for flipped in (False, True) if self._recipe.flip else (False,):
                self._latents[number, flipped] = store.get(picture, bucket, flipped=flipped)
            note(number + 1)
        store.release()

    def plan_steps(self, epoch: int) -> list[Step]:
        """The steps of an epoch counted from 1: the same list whenever it is asked for."""
        recipe = self._recipe
        batches = plan_epoch(self.members, batch_size=recipe.batch_size, seed=recipe.seed, epoch=epoch)
        return group_steps(batches, recipe.accumulation, epoch)

    def draw(self, uses: Sequence[Use], *, timesteps: int) -> PreparedBatch:
        """Flip, caption, latents, timestep and noise of each use; the same whenever and in any company."""
        recipe = self._recipe
        latents, noise, steps, captions = [], [], [], []
        for use in uses:
            number = seed_of(recipe.seed, use)
            chance = random.Random(number)
            flipped = recipe.flip and chance.random() < 0.5
            captions.append(self._caption(use, chance))
            generator = torch.Generator().manual_seed(number)
            mean, deviation = self._latents[use.picture, flipped]
            latents.append(mean + deviation * torch.randn(mean.shape, generator=generator))
            steps.append(torch.randint(0, timesteps, (), generator=generator))
            drawn = torch.randn(mean.shape, generator=generator)
            if recipe.noise_offset:
                drawn += recipe.noise_offset * torch.randn(mean.shape[0], 1, 1, generator=generator)
            noise.append(drawn)
        return PreparedBatch(torch.stack(latents), torch.stack(noise), torch.stack(steps), captions)

    def _caption(self, use: Use, chance: random.Random) -> str:
        recipe: Recipe = self._recipe
        return vary_caption(
            self.pictures[use.picture].caption,
            chance,
            dropout=recipe.caption_dropout,
            shuffle=recipe.shuffle_captions,
            keep_tokens=recipe.keep_tokens,
        )


def group_steps(batches: Sequence[Batch], accumulation: int, epoch: int) -> list[Step]:
    """Batches gathered into optimizer steps; an epoch's last step may have fewer of them."""
    uses: list[tuple[Use, ...]] = []
    position = 0
    for batch in batches:
        uses.append(tuple(Use(picture, epoch, position + index) for index, picture in enumerate(batch.samples)))
        position += len(batch.samples)
    return [Step(tuple(uses[start : start + accumulation])) for start in range(0, len(uses), accumulation)]


def seed_of(seed: int, use: Use) -> int:
    """A number of 63 bits for one use, unrelated to that of any other."""
    text = f"loratui sample {seed}:{use.epoch}:{use.position}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1
