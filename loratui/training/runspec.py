"""What a run folder asks of the trainer: run.json and dataset.json, read once and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loratui.catalog.vocabulary import TRAINED
from loratui.errors import NotFoundError, RefusedError
from loratui.training.recipe import Recipe
from loratui.training.sampling import SampleRequest

VERSION = 1


@dataclass(frozen=True, slots=True)
class BaseSpec:
    """The base model to train on: a diffusers folder or a single safetensors file."""

    name: str
    path: Path
    family: str
    layout: str
    sha256: str = ""
    config: Path | None = None
    """For a single file: the diffusers folder with its configs and tokenizer, when it is in no usual place."""


@dataclass(frozen=True, slots=True)
class TrainingPicture:
    """One picture of the frozen dataset; sizes are upright pixels, `crop` is (left, top, width, height)."""

    sha256: str
    path: Path
    name: str
    width: int
    height: int
    role: str
    repeats: int
    caption: str
    crop: tuple[int, int, int, int] | None = None

    @property
    def used_size(self) -> tuple[int, int]:
        """Width and height of what is trained on: the crop, else the picture."""
        return (self.width, self.height) if self.crop is None else self.crop[2:]


@dataclass(frozen=True, slots=True)
class RunSpec:
    """Everything a training needs to know."""

    folder: Path
    run: str
    nonce: str
    output_name: str
    subject: str
    trigger: str
    kind: str
    class_word: str
    base: BaseSpec
    recipe: Recipe
    pictures: tuple[TrainingPicture, ...]
    """Those to train on: primary and supporting ones."""
    dataset_hash: str
    latents_cache: Path
    continue_from: Path | None = None
    comment: str = ""
    scrub: bool = False
    """Leave names and tags of the subject out of the checkpoints' metadata."""
    samples: SampleRequest | None = None
    """Images to render as the training goes."""

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def samples_folder(self) -> Path:
        return self.folder / "samples"


def read_run(folder: Path) -> RunSpec:
    """Read a run folder; NotFoundError or RefusedError says which file and field is missing or wrong."""
    raw = _read_json(folder / "run.json")
    if raw.get("version") != VERSION:
        raise RefusedError(
            f"{folder / 'run.json'} has version {raw.get('version')!r}; this loratui knows {VERSION}.",
            hint="Train with the loratui that made it, or start a new run.",
        )
    dataset = _read_json(folder / str(raw.get("dataset", "dataset.json")))
    where = folder / "run.json"
    try:
        subject, base = raw["subject"], raw["base"]
        return RunSpec(
            folder=folder,
            run=str(raw["run"]),
            nonce=str(raw.get("nonce", "")),
            output_name=_safe_name(str(raw["output_name"])),
            subject=str(subject["name"]),
            trigger=str(subject["trigger"]),
            kind=str(subject.get("kind", "character")),
            class_word=str(subject.get("class_word", "")),
            base=BaseSpec(
                name=str(base["name"]),
                path=Path(base["path"]),
                family=str(base["family"]),
                layout=str(base["layout"]),
                sha256=str(base.get("sha256", "")),
                config=Path(base["config"]) if base.get("config") else None,
            ),
            recipe=Recipe.from_dict(raw["recipe"]),
            pictures=tuple(_read_picture(entry) for entry in dataset["pictures"] if entry.get("role") in TRAINED),
            dataset_hash=str(dataset["hash"]),
            latents_cache=Path(raw["latents_cache"]),
            continue_from=Path(raw["continue_from"]) if raw.get("continue_from") else None,
            comment=str(raw.get("comment", "")),
            scrub=bool(raw.get("scrub", False)),
            samples=SampleRequest.from_dict(raw["samples"]) if raw.get("samples") else None,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RefusedError(
            f"{where} or its dataset is incomplete: {error!r}.", hint="Start a new training of the subject."
        ) from error


def _safe_name(name: str) -> str:
    if not name or "/" in name or "\0" in name or name.startswith("."):
        raise ValueError(f"output_name {name!r}")
    return name


def _read_picture(raw: dict[str, Any]) -> TrainingPicture:
    crop = None
    if raw.get("crop"):
        left, top, width, height = (int(side) for side in raw["crop"])
        crop = (left, top, width, height)
    return TrainingPicture(
        sha256=str(raw["sha256"]),
        path=Path(raw["path"]),
        name=str(raw["name"]),
        width=int(raw["width"]),
        height=int(raw["height"]),
        role=str(raw["role"]),
        repeats=int(raw["repeats"]),
        caption=str(raw.get("caption") or ""),
        crop=crop,
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} is not there.", hint="The folder is not a run, or it is damaged.") from error
    except (OSError, ValueError) as error:
        raise RefusedError(f"{path} can't be read: {error}.", hint="Start a new training of the subject.") from error
    if not isinstance(content, dict):
        raise RefusedError(f"{path} holds no table.", hint="Start a new training of the subject.")
    return content
