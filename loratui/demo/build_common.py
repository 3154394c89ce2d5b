"""What the stages of the builder share: settings, the drawn data set, checkpoints and progress lines."""

from __future__ import annotations

import os
import random
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from loratui.demo import world

if TYPE_CHECKING:
    from pathlib import Path

NAMED_CHARACTERS = 300


@dataclass(frozen=True)
class Settings:
    """Where a build reads and writes, on which device, and how much it trains."""

    out: Path
    work: Path
    device: str = "cpu"
    pictures: int = 30_000
    text_steps: int = 1_200
    autoencoder_samples: int = 42_000
    decoder_samples: int = 20_000
    unet_samples: int = 208_000
    tagger_samples: int = 160_000
    checks: int = 2_000
    """Fresh pictures that a figure on the card is measured on."""


@dataclass(frozen=True)
class Record:
    """One picture of the data set: what was drawn, with which seed, and whose picture it is."""

    look: world.Look
    scene: world.Scene
    seed: int
    name: str | None


def named_characters() -> dict[str, world.Look]:
    """The characters whose names carry a look; the same in every build."""
    rng = random.Random(11)
    cast: dict[str, world.Look] = {}
    while len(cast) < NAMED_CHARACTERS:
        cast.setdefault(world.random_name(rng), world.random_look(rng))
    return cast


def records(count: int) -> list[Record]:
    """The data set's records: every second one shows a named character."""
    rng = random.Random(22)
    cast = list(named_characters().items())
    made = []
    for index in range(count):
        name, look = rng.choice(cast) if index % 2 else (None, world.random_look(rng))
        made.append(Record(look, world.random_scene(rng), index, name))
    return made


def fresh_records(count: int, seed: int) -> list[Record]:
    """Records that no training has seen (seeds far above the data set's)."""
    rng = random.Random(seed)
    base = 1_000_000 * seed
    return [Record(world.random_look(rng), world.random_scene(rng), base + i, None) for i in range(count)]


def draw_records(items: list[Record]) -> npt.NDArray[np.uint8]:
    """Pictures of the records, uint8 [n, 64, 64, 3] RGB."""
    return np.stack([np.asarray(world.draw(r.look, r.scene, r.seed)) for r in items])


def pictures(settings: Settings) -> npt.NDArray[np.uint8]:
    """The drawn data set, uint8 [n, 64, 64, 3], from the work folder or drawn now."""
    path = settings.work / f"pictures-{settings.pictures}.npy"
    if not path.exists():
        say(f"dataset: drawing {settings.pictures} pictures")
        settings.work.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp.npy")
        np.save(temporary, draw_records(records(settings.pictures)))
        temporary.replace(path)
    loaded: npt.NDArray[np.uint8] = np.load(path)
    return loaded


def to_tensor(images: npt.NDArray[np.uint8], device: str) -> torch.Tensor:
    """uint8 [n, h, w, 3] to float [-1, 1] [n, 3, h, w] in channels-last memory."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).to(device).float() / 127.5 - 1
    return tensor.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


def save_checkpoint(path: Path, state: Any) -> None:
    """Write the state so that a kill at any moment leaves either the old or the new file."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def load_checkpoint(path: Path, device: str) -> dict[str, Any] | None:
    """The state saved last, or None when the stage has not begun."""
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    return state


class Meter:
    """Prints a line every `every` seconds, and says when a checkpoint is due."""

    def __init__(self, stage: str, total: int, every: float = 20.0, save_every: float = 60.0) -> None:
        self.stage, self.total, self.every, self.save_every = stage, total, every, save_every
        self.begun = self.told = self.saved = time.monotonic()
        self.first: int | None = None
        self.mean: dict[str, float] = {}

    def note(self, done: int, **values: float) -> None:
        """Average the values; tell them when the time has come."""
        if self.first is None:
            self.first = done
        for key, value in values.items():
            self.mean[key] = 0.98 * self.mean.get(key, value) + 0.02 * value
        now = time.monotonic()
        if now - self.told >= self.every:
            self.told = now
            pace = (now - self.begun) / max(1, done - self.first) * 1000
            figures = " ".join(f"{key} {value:.4f}" for key, value in self.mean.items())
            say(f"{self.stage}: {done}/{self.total} {figures} {pace:.1f} ms each")

    def save_due(self) -> bool:
        """Whether `save_every` seconds have passed since this last said yes."""
        if time.monotonic() - self.saved < self.save_every:
            return False
        self.saved = time.monotonic()
        return True


def say(line: str) -> None:
    """A progress line on stdout, at once."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stdout.flush()


def tune_process(threads: int) -> None:
    """Fix thread count and seed; restart once with a glibc allocator that keeps its memory.

    Returning memory to the system after every step costs a third of the time of small networks.
    """
    wanted = {
        "MALLOC_TRIM_THRESHOLD_": "4000000000",
        "MALLOC_MMAP_THRESHOLD_": "4000000000",
        "MALLOC_TOP_PAD_": "268435456",
        "OMP_NUM_THREADS": str(threads),
    }
    if any(os.environ.get(key) != value for key, value in wanted.items()):
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
