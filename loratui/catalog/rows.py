"""What the catalog hands out: frozen copies of rows, safe in any thread and after any commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Row

_T = TypeVar("_T")

Box = tuple[int, int, int, int]
"""Left, top, width and height of a part of a picture, in upright pixels."""

# For classes with a field named `bytes`, which hides the type.
_Bytes = bytes


def to_row(cls: type[_T], row: Row[Any]) -> _T:
    """A dataclass of this module from a result row with the same column names."""
    return cls(**row._mapping)


@dataclass(frozen=True, slots=True)
class Subject:
    """What one LoRA teaches."""

    id: int
    name: str
    trigger: str
    trigger_key: str
    kind: str
    class_word: str
    primary_repeats: int
    supporting_repeats: int
    notes: str
    consent: dict[str, Any] | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Picture:
    """One file by content; width and height are upright, hashes are signed 64-bit integers."""

    id: int
    sha256: str
    pixel_sha256: str
    format: str
    bytes: int
    width: int
    height: int
    orientation: int
    has_alpha: bool
    frames: int
    phash: int
    dhash: int
    phash_mirrored: int
    dhash_mirrored: int
    hash_version: int
    sharpness: float
    luminance: float
    warnings: list[str]
    state: str
    in_place_path: _Bytes
    imported_at: datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """A picture in a subject, with the picture's fields.

    `repeats` is what training uses: `own_repeats`, else the subject's default for the role, else 1.
    The crop sides are in upright pixels, all None for the whole picture.
    """

    id: int
    subject_id: int
    picture_id: int
    name: str
    role: str
    repeats: int
    own_repeats: int | None
    rating: int
    reject_reason: str
    caption: str | None
    note: str
    source_path: _Bytes
    added_at: datetime
    sha256: str
    pixel_sha256: str
    format: str
    bytes: int
    width: int
    height: int
    orientation: int
    has_alpha: bool
    frames: int
    phash: int
    dhash: int
    phash_mirrored: int
    dhash_mirrored: int
    hash_version: int
    sharpness: float
    luminance: float
    warnings: list[str]
    state: str
    in_place_path: _Bytes
    imported_at: datetime
    crop_left: int | None = None
    crop_top: int | None = None
    crop_width: int | None = None
    crop_height: int | None = None

    @property
    def crop(self) -> Box | None:
        """The part of the picture that training uses; None for all of it."""
        if self.crop_left is None or self.crop_top is None or self.crop_width is None or self.crop_height is None:
            return None
        return self.crop_left, self.crop_top, self.crop_width, self.crop_height

    @property
    def used_width(self) -> int:
        """Width of what training uses."""
        return self.width if self.crop_width is None else self.crop_width

    @property
    def used_height(self) -> int:
        """Height of what training uses."""
        return self.height if self.crop_height is None else self.crop_height


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that an import turned away, and why."""

    id: int
    subject_id: int
    path: bytes
    display_path: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class TagScore:
    """What a tagger said about a picture: score is 0 to 1."""

    picture_id: int
    tagger: str
    tag: str
    category: str
    score: float


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a captioner wrote about a picture of a subject; `prompt` is a short hash of the question."""

    membership_id: int
    captioner: str
    prompt: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Tagging:
    """A picture that a tagger has scored, and when."""

    id: int
    picture_id: int
    tagger: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check of one kind measured on a picture, by which model."""

    id: int
    picture_id: int
    kind: str
    model: str
    value: float
    detail: dict[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True)
class TagEdit:
    """A person's word on one tag: `present` adds it, else it is removed."""

    membership_id: int
    tag: str
    present: bool
    position: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frozen dataset, known by the hash of its content."""

    id: int
    hash: str
    subject_id: int
    content: str
    pictures: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Base:
    """A base model the user registered."""

    id: int
    name: str
    path: str
    family: str
    layout: str
    sha256: str
    resolution: int
    notes: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One training."""

    id: int
    name: str
    subject_id: int
    snapshot_id: int
    base_id: int
    recipe: dict[str, Any]
    folder: str
    output_name: str
    state: str
    wish: str
    reason: str
    hint: str
    continued_from: str
    priority: int
    total_steps: int
    steps_per_epoch: int
    step: int
    epoch: int
    loss: float | None
    learning_rate: float | None
    images_per_s: float | None
    eta_s: float | None
    last_seq: int
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One process that worked on a run."""

    id: int
    run_id: int
    number: int
    pid: int
    process_started: float
    nonce: str
    host: str
    exit_code: int | None
    outcome: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One LoRA file of a run."""

    id: int
    run_id: int
    epoch: int
    step: int
    path: str
    autov3: str
    bytes: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Sheet:
    """A comparison of epochs."""

    id: int
    name: str
    run_id: int
    folder: str
    settings: dict[str, Any]
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Cell:
    """One image of a sheet."""

    id: int
    sheet_id: int
    key: str
    checkpoint_id: int | None
    epoch: int | None
    weight: float
    prompt: str
    negative: str
    seed: int
    path: str
    rating: int
    rendered_at: datetime | None


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One reversible action; `undone_at` is set while it is undone."""

    id: int
    at: datetime
    actor: str
    action: str
    label: str
    undone_at: datetime | None = field(default=None)
