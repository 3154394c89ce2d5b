"""The schema of the library database, declared; nothing else.

Code that reads and writes imports tables.py, which `python -m loratui.catalog.mirror` writes from this.
"""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLModel reads the annotations
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Column, Index, LargeBinary, MetaData, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from loratui.catalog.columns import default, no_bytes, one_of
from loratui.catalog.vocabulary import KINDS, NAMING, PICTURE_STATES, ROLES, RUN_STATES

# For models with a field named `bytes`, which hides the type.
_Bytes = bytes


class Table(SQLModel):
    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMING)


class Row(Table):
    """What has a number of its own."""

    id: int | None = Field(default=None, primary_key=True)


class SubjectTable(Row, table=True):
    """What one LoRA teaches."""

    __tablename__ = "subject"
    __table_args__ = (one_of("kind", KINDS),)

    name: str = Field(unique=True)
    trigger: str
    # The trigger folded over case, width and punctuation: what uniqueness is checked on.
    trigger_key: str = Field(unique=True)
    kind: str = default("character")
    class_word: str = default("")
    primary_repeats: int = default(5)
    supporting_repeats: int = default(2)
    notes: str = default("")
    consent: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    created_at: datetime


class PictureTable(Row, table=True):
    """One file by content, stored once however many subjects use it."""

    __tablename__ = "picture"
    __table_args__ = (one_of("state", PICTURE_STATES),)

    sha256: str = Field(unique=True)
    pixel_sha256: str = Field(index=True)
    format: str
    bytes: int
    # Upright size, after EXIF orientation.
    width: int
    height: int
    orientation: int = default(1)
    has_alpha: bool = default(False)
    frames: int = default(1)
    # Unsigned 64-bit hashes stored as signed: SQLite integers are signed.
    phash: int
    dhash: int
    phash_mirrored: int
    dhash_mirrored: int
    hash_version: int = default(1)
    sharpness: float = default(0.0)
    luminance: float = default(0.0)
    warnings: list[str] = Field(
        default_factory=list, sa_column=Column(JSON, nullable=False, server_default=text("'[]'"))
    )
    state: str = default("ok")
    # "" for the managed store; else the bytes of an in-place path (os.fsencode).
    in_place_path: _Bytes = Field(default=b"", sa_column=no_bytes())
    imported_at: datetime


class MembershipTable(Row, table=True):
    """A picture in a subject."""

    __tablename__ = "membership"
    __table_args__ = (
        UniqueConstraint("subject_id", "picture_id"),
        one_of("role", ROLES),
        # Repeats too, so that what membership_count holds is counted from the index alone.
        Index("ix_membership_subject_role", "subject_id", "role", "repeats"),
        CheckConstraint("repeats IS NULL OR repeats BETWEEN 1 AND 1000", name="repeats"),
        CheckConstraint("rating BETWEEN 0 AND 5", name="rating"),
        CheckConstraint(
            "(crop_left IS NULL) + (crop_top IS NULL) + (crop_width IS NULL) + (crop_height IS NULL) IN (0, 4)",
            name="crop_sides",
        ),
        CheckConstraint("min(crop_left, crop_top, crop_width - 1, crop_height - 1) >= 0", name="crop"),
    )

    subject_id: int = Field(foreign_key="subject.id", ondelete="CASCADE")
    picture_id: int = Field(foreign_key="picture.id", index=True)
    name: str
    # The imported path as bytes: names need not be valid UTF-8.
    source_path: bytes = Field(default=b"", sa_column=no_bytes())
    role: str = default("inbox")
    # None means the subject's default for the role.
    repeats: int | None = None
    rating: int = default(0)
    reject_reason: str = default("")
    # Full-text caption written by a person; None means computed from tags and rules.
    caption: str | None = Field(default=None, sa_column=Column(Text))
    note: str = default("")
    added_at: datetime
    # The part that training uses, in upright pixels: all four, or none for the whole picture.
    crop_left: int | None = None
    crop_top: int | None = None
    crop_width: int | None = None
    crop_height: int | None = None


class MembershipCountTable(Table, table=True):
    """How many pictures of a subject have a role and repeats; kept by triggers on membership (see counting.py)."""

    __tablename__ = "membership_count"
    __table_args__ = {"sqlite_with_rowid": False}

    subject_id: int = Field(primary_key=True)
    role: str = Field(primary_key=True)
    # 0 for those that follow the subject's default for the role.
    repeats: int = Field(primary_key=True)
    count: int
    # The sum of their scattered ids: of other memberships it is another.
    mark: int


class RefusedTable(Row, table=True):
    """A file that an import turned away, and why."""

    __tablename__ = "refused"

    subject_id: int = Field(foreign_key="subject.id", ondelete="CASCADE", index=True)
    path: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    display_path: str
    reason: str
    at: datetime


class SeenFileTable(Row, table=True):
    """A file already read by an import, so that a resumed import skips it without reading it again."""

    __tablename__ = "seen_file"
    __table_args__ = (UniqueConstraint("device", "inode", "size", "mtime_ns"),)

    device: int
    inode: int
    size: int
    mtime_ns: int
    sha256: str


class TagScoreTable(Row, table=True):
    """What a tagger said about a picture. Written once, never edited."""

    __tablename__ = "tag_score"
    __table_args__ = (
        UniqueConstraint("picture_id", "tagger", "tag"),
        Index("ix_tag_score_tag", "tag", "picture_id"),
        Index(
            "ix_tag_score_high", "picture_id", "tagger", "score", "tag", "category", sqlite_where=text("score >= 0.2")
        ),
    )

    picture_id: int = Field(foreign_key="picture.id", ondelete="CASCADE")
    tagger: str
    tag: str
    # general, character or rating.
    category: str = default("general")
    score: float


class TaggingTable(Row, table=True):
    """A picture that a tagger has scored, whether or not any score was worth keeping."""

    __tablename__ = "tagging"
    __table_args__ = (UniqueConstraint("picture_id", "tagger"),)

    picture_id: int = Field(foreign_key="picture.id", ondelete="CASCADE")
    # The model with its content hash and the version of the preparation, as in tag_score.
    tagger: str
    at: datetime


class FindingTable(Row, table=True):
    """What a check measured on a picture. It rejects nothing by itself."""

    __tablename__ = "finding"
    __table_args__ = (UniqueConstraint("picture_id", "kind", "model"),)

    picture_id: int = Field(foreign_key="picture.id", ondelete="CASCADE")
    # faces, text, blur, ...
    kind: str
    model: str
    value: float
    detail: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False, server_default=text("'{}'"))
    )
    at: datetime


class TagEditTable(Row, table=True):
    """A person's word on one tag of one membership: it wins over scores and rules."""

    __tablename__ = "tag_edit"
    __table_args__ = (
        UniqueConstraint("membership_id", "tag"),
        Index("ix_tag_edit_tag", "tag", "membership_id"),
        Index("ix_tag_edit_said", "membership_id", "position", "id", "tag", "present"),
    )

    membership_id: int = Field(foreign_key="membership.id", ondelete="CASCADE")
    tag: str
    # True adds the tag, False removes it.
    present: bool = default(True)
    # Order among added tags, as in the sidecar they came from.
    position: int = default(0)


class SentenceTable(Row, table=True):
    """What a captioner wrote about a picture of a subject. A rule says whether captions use it."""

    __tablename__ = "sentence"

    membership_id: int = Field(foreign_key="membership.id", ondelete="CASCADE", unique=True)
    # The model and the host that ran it.
    captioner: str
    # A short hash of the question: another one asks anew.
    prompt: str
    text: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime


class CaptionRulesTable(Table, table=True):
    """How captions of one subject are computed."""

    __tablename__ = "caption_rules"

    subject_id: int = Field(primary_key=True, foreign_key="subject.id", ondelete="CASCADE")
    rules: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))


class VerdictTable(Row, table=True):
    """A person's word on a pair of pictures that looked alike."""

    __tablename__ = "verdict"
    __table_args__ = (
        UniqueConstraint("picture_a", "picture_b"),
        CheckConstraint("picture_a < picture_b", name="order"),
        one_of("verdict", ("not_duplicates", "alternates")),
    )

    picture_a: int = Field(foreign_key="picture.id", ondelete="CASCADE")
    picture_b: int = Field(foreign_key="picture.id", ondelete="CASCADE")
    verdict: str


class SnapshotTable(Row, table=True):
    """A frozen dataset, known by the hash of its content."""

    __tablename__ = "snapshot"

    hash: str = Field(unique=True)
    subject_id: int = Field(foreign_key="subject.id", ondelete="CASCADE", index=True)
    # The canonical JSON that the hash was taken of (see dataset/snapshot.py).
    content: str = Field(sa_column=Column(Text, nullable=False))
    pictures: int
    created_at: datetime


class BaseTable(Row, table=True):
    """A base model the user registered."""

    __tablename__ = "base"

    name: str = Field(unique=True)
    path: str
    # sd1, sdxl, ...
    family: str
    # folder or file.
    layout: str
    sha256: str = default("")
    resolution: int = default(512)
    notes: str = default("")
    created_at: datetime


class RunTable(Row, table=True):
    """One training."""

    __tablename__ = "run"
    # AUTOINCREMENT: an id is never reused after a removal, so neither is the name that is made of it.
    __table_args__ = (one_of("state", RUN_STATES), Index("ix_run_state", "state"), {"sqlite_autoincrement": True})

    # What people type and files are named by: unique, never reused.
    name: str = Field(unique=True)
    subject_id: int = Field(foreign_key="subject.id", ondelete="CASCADE", index=True)
    snapshot_id: int = Field(foreign_key="snapshot.id")
    base_id: int = Field(foreign_key="base.id")
    recipe: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    folder: str
    output_name: str = Field(unique=True)
    state: str = default("queued")
    # The person's wish, which the worker carries out: "", "stop".
    wish: str = default("")
    reason: str = default("")
    hint: str = default("")
    continued_from: str = default("")
    priority: int = default(0)
    total_steps: int = default(0)
    steps_per_epoch: int = default(0)
    step: int = default(0)
    epoch: int = default(0)
    loss: float | None = None
    learning_rate: float | None = None
    images_per_s: float | None = None
    eta_s: float | None = None
    last_seq: int = default(0)
    queued_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None


class AttemptTable(Row, table=True):
    """One process that worked on a run."""

    __tablename__ = "attempt"
    __table_args__ = (UniqueConstraint("run_id", "number"),)

    run_id: int = Field(foreign_key="run.id", ondelete="CASCADE")
    number: int
    pid: int
    # psutil's create_time: with the nonce it tells our process from one that got the same pid.
    process_started: float
    nonce: str
    host: str = default("")
    exit_code: int | None = None
    outcome: str = default("")
    started_at: datetime
    ended_at: datetime | None = None


class EventTable(Row, table=True):
    """One ingested line of a run's events.jsonl, exactly once."""

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("run_id", "seq"),)

    run_id: int = Field(foreign_key="run.id", ondelete="CASCADE")
    seq: int
    attempt: int
    type: str
    data: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    at: datetime


class CheckpointTable(Row, table=True):
    """One LoRA file of a run."""

    __tablename__ = "checkpoint"
    __table_args__ = (UniqueConstraint("run_id", "path"),)

    run_id: int = Field(foreign_key="run.id", ondelete="CASCADE", index=True)
    epoch: int
    step: int
    path: str
    autov3: str = Field(index=True)
    bytes: int
    created_at: datetime


class SheetTable(Row, table=True):
    """A comparison of epochs."""

    __tablename__ = "sheet"

    name: str = Field(unique=True)
    run_id: int = Field(foreign_key="run.id", ondelete="CASCADE", index=True)
    folder: str
    # Prompts, seeds, weights and sampler settings (see review/sheet.py).
    settings: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    state: str = default("planned")
    created_at: datetime


class CellTable(Row, table=True):
    """One image of a sheet."""

    __tablename__ = "cell"
    __table_args__ = (
        UniqueConstraint("sheet_id", "key"),
        # Ratings too, so that the best epoch of every subject is found in the index alone.
        Index("ix_cell_checkpoint_rating", "checkpoint_id", "rating"),
    )

    sheet_id: int = Field(foreign_key="sheet.id", ondelete="CASCADE")
    # checkpoint|weight|prompt|seed, hashed: the same cell is never rendered twice.
    key: str
    checkpoint_id: int | None = Field(default=None, foreign_key="checkpoint.id", ondelete="SET NULL")
    epoch: int | None = None
    weight: float = default(1.0)
    prompt: str
    negative: str = default("")
    seed: int
    path: str = default("")
    rating: int = default(0)
    rendered_at: datetime | None = None


class MeasureTable(Row, table=True):
    """A number about a subject that is costly to find, kept until the stamp of what it was found in changes."""

    __tablename__ = "measure"
    __table_args__ = (UniqueConstraint("subject_id", "name"),)

    subject_id: int = Field(foreign_key="subject.id", ondelete="CASCADE")
    name: str
    # None where there is nothing to count, such as gaps among pictures without tags.
    value: int | None = None
    stamp: str


class JournalTable(Row, table=True):
    """Every reversible action with the rows it changed, for undo and redo across processes."""

    __tablename__ = "journal"

    at: datetime
    # cli, tui, worker.
    actor: str
    action: str
    label: str
    # zlib-compressed JSON of row changes (see catalog/journal.py).
    changes: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    undone_at: datetime | None = None


# Ids are never reused: an undo entry or a cache may still name a removed row.
for _table in Table.metadata.tables.values():
    if "id" in _table.c:
        _table.dialect_options["sqlite"]["autoincrement"] = True
