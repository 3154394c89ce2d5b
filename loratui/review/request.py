"""What a sampler process is asked to render: the content of a sheet folder's sheet.json."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from loratui.errors import UsageError
from loratui.runs.folder import write_json
from loratui.training.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Sequence

VERSION = 1

_BATCH_PIXELS = 4 * 512 * 512
# Larger batches of small images are no faster per image.
_MOST = 20

REQUEST = "sheet.json"
"""The file of a sheet folder that tells the sampler what to render."""
LEASE = "lease"
"""The file whose lease a sampler holds while it works on a folder."""


class BaseLike(Protocol):
    """What rendering needs to know of a base model; a catalog row fits."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def layout(self) -> str: ...
    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A base model as a sheet folder records it; `sha256` may be empty for a folder."""

    name: str
    path: str
    family: str = "sd1"
    layout: str = "folder"
    sha256: str = ""

    @property
    def identity(self) -> str:
        """What tells this base from another in a cell's key: its hash, or where it lies."""
        return self.sha256 or str(Path(self.path).absolute())


@dataclass(frozen=True, slots=True)
class LoraFile:
    """A LoRA to merge: kohya format, named in metadata as `name`, known by the hash of its tensors."""

    path: str
    name: str
    autov3: str


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """How every image of one comparison is sampled; sizes in pixels, multiples of 8 in both directions."""

    width: int
    height: int
    steps: int = 20
    cfg: float = 7.0
    sampler: str = "dpmpp_2m"
    clip_skip: int = 1
    """1 is the text encoder's last layer; 2 the one before, as other programs count."""
    max_batch: int = 0
    """The most images in one forward pass; 0 takes what their size allows."""
    threads: int = 0
    """CPU threads; 0 leaves one core per process that is already busy."""
    device: str = "auto"
    """auto, cpu or cuda."""

    @property
    def largest_batch(self) -> int:
        """The most images in one forward pass: four of 512 x 512 fit into 8 GB with guidance."""
        return self.max_batch or max(1, min(_MOST, _BATCH_PIXELS // (self.width * self.height)))

    @property
    def sampling(self) -> Sampling:
        return Sampling(self.steps, self.cfg, self.sampler)

    def validate(self) -> None:
        """Raise UsageError for a value that can't be sampled."""
        self.sampling.validate()
        problems = {
            f"The size {self.width}x{self.height} is not made of multiples of 8.": bool(
                self.width % 8 or self.height % 8 or min(self.width, self.height) < 8
            ),
            f"Clip skip {self.clip_skip} is not between 1 and 12.": not 1 <= self.clip_skip <= 12,
            f"A batch of {self.max_batch} can't be rendered.": self.max_batch < 0,
            f"The device '{self.device}' is not known.": self.device not in ("auto", "cpu", "cuda"),
        }
        for problem, wrong in problems.items():
            if wrong:
                raise UsageError(problem, hint="Devices: auto, cpu, cuda.")


@dataclass(frozen=True, slots=True)
class CellRequest:
    """One image: a prompt and a seed, with one LoRA at one weight or with none."""

    prompt: str
    seed: int
    negative: str = ""
    lora: LoraFile | None = None
    weight: float = 1.0

    def normalised(self) -> CellRequest:
        """The cell with a LoRA at weight zero written as no LoRA: it is the same image."""
        if self.lora is None or self.weight == 0:
            return replace(self, lora=None, weight=0.0)
        return self


@dataclass(frozen=True, slots=True)
class SheetRequest:
    """All that a sampler process works from; `cells` is keyed by the cell's key, in rendering order."""

    base: BaseModel
    settings: SampleSettings
    cells: dict[str, CellRequest] = field(default_factory=dict)
    batch_size: int = 1


def make_request(base: BaseLike, cells: Sequence[CellRequest], settings: SampleSettings) -> SheetRequest:
    """A request for the cells, with their keys and one batch size for the whole comparison."""
    settings.validate()
    model = BaseModel(base.name, base.path, base.family, base.layout, base.sha256)
    keyed: dict[str, CellRequest] = {}
    groups: dict[tuple[str, float], int] = {}
    for cell in cells:
        normal = cell.normalised()
        if not math.isfinite(normal.weight) or not 0 <= normal.seed < 2**63:
            raise UsageError(
                f"Weight {cell.weight} or seed {cell.seed} can't be rendered.", hint="Seeds are 0 or larger."
            )
        key = cell_key(model, settings, normal)
        if key not in keyed:
            group = (normal.lora.autov3 if normal.lora else "", normal.weight)
            groups[group] = groups.get(group, 0) + 1
            keyed[key] = normal
    # Equal batches instead of full ones and a rest: padding the rest to the fixed size would cost as much.
    largest = max(groups.values(), default=1)
    size = math.ceil(largest / math.ceil(largest / settings.largest_batch))
    return SheetRequest(model, settings, keyed, size)


def cell_key(base: BaseModel, settings: SampleSettings, cell: CellRequest) -> str:
    """32 hex digits that are equal only for cells that show the same image (on the same kind of device)."""
    what = {
        "base": base.identity,
        "autov3": cell.lora.autov3 if cell.lora else "",
        "weight": cell.weight,
        "prompt": cell.prompt,
        "negative": cell.negative if settings.cfg > 1 else "",
        "seed": cell.seed,
        "steps": settings.steps,
        "cfg": settings.cfg,
        "sampler": settings.sampler,
        "size": [settings.width, settings.height],
        "clip_skip": settings.clip_skip,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True, ensure_ascii=True).encode()).hexdigest()[:32]


def cell_path(folder: Path, key: str) -> Path:
    """Where the image of a cell lies in a sheet folder."""
    return folder / "cells" / f"{key}.png"


def write_request(path: Path, request: SheetRequest) -> None:
    """Write sheet.json so that a reader sees the old one or the new one."""
    content = {
        "version": VERSION,
        "base": asdict(request.base),
        "settings": asdict(request.settings),
        "batch_size": request.batch_size,
        "cells": [{"key": key, **asdict(cell)} for key, cell in request.cells.items()],
    }
    write_json(path, content)


def read_request(path: Path) -> SheetRequest:
    """Read sheet.json back; raises UsageError when it is missing, damaged or of another version."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw["version"] != VERSION:
            raise UsageError(f"{path} has version {raw['version']}.", hint="It was written by another loratui.")
        return SheetRequest(
            base=BaseModel(**raw["base"]),
            settings=SampleSettings(**raw["settings"]),
            cells={cell["key"]: _read_cell(cell) for cell in raw["cells"]},
            batch_size=raw["batch_size"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} can't be read: {error!r}.", hint="Start the sheet again to write it anew.") from error


def _read_cell(raw: dict[str, Any]) -> CellRequest:
    fields = {name: value for name, value in raw.items() if name != "key"}
    return CellRequest(**{**fields, "lora": LoraFile(**fields["lora"]) if fields["lora"] else None})
