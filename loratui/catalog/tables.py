"""The tables that queries and writes are built from; written by loratui/catalog/mirror.py, not by hand."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from loratui.catalog.instants import Instant
from loratui.catalog.vocabulary import NAMING

METADATA = MetaData(naming_convention=NAMING)

subject = Table(
    "subject",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("trigger", String, nullable=False),
    Column("trigger_key", String, nullable=False, unique=True),
    Column("kind", String, nullable=False, server_default=text("'character'")),
    Column("class_word", String, nullable=False, server_default=text("''")),
    Column("primary_repeats", Integer, nullable=False, server_default=text("5")),
    Column("supporting_repeats", Integer, nullable=False, server_default=text("2")),
    Column("notes", String, nullable=False, server_default=text("''")),
    Column("consent", JSON(none_as_null=True)),
    Column("created_at", Instant, nullable=False),
    CheckConstraint("kind IN ('character', 'style', 'object', 'person')", name="kind"),
    sqlite_autoincrement=True,
)

picture = Table(
    "picture",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("sha256", String, nullable=False, unique=True),
    Column("pixel_sha256", String, nullable=False),
    Column("format", String, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("orientation", Integer, nullable=False, server_default=text("1")),
    Column("has_alpha", Boolean, nullable=False, server_default=text("0")),
    Column("frames", Integer, nullable=False, server_default=text("1")),
    Column("phash", Integer, nullable=False),
    Column("dhash", Integer, nullable=False),
    Column("phash_mirrored", Integer, nullable=False),
    Column("dhash_mirrored", Integer, nullable=False),
    Column("hash_version", Integer, nullable=False, server_default=text("1")),
    Column("sharpness", Float, nullable=False, server_default=text("0.0")),
    Column("luminance", Float, nullable=False, server_default=text("0.0")),
    Column("warnings", JSON, nullable=False, server_default=text("'[]'")),
    Column("state", String, nullable=False, server_default=text("'ok'")),
    Column("in_place_path", LargeBinary, nullable=False, server_default=text("x''")),
    Column("imported_at", Instant, nullable=False),
    CheckConstraint("state IN ('ok', 'missing', 'broken')", name="state"),
    Index("ix_picture_pixel_sha256", "pixel_sha256"),
    sqlite_autoincrement=True,
)

membership = Table(
    "membership",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("subject_id", Integer, ForeignKey("subject.id", ondelete="CASCADE"), nullable=False),
    Column("picture_id", Integer, ForeignKey("picture.id"), nullable=False),
    Column("name", String, nullable=False),
    Column("source_path", LargeBinary, nullable=False, server_default=text("x''")),
    Column("role", String, nullable=False, server_default=text("'inbox'")),
    Column("repeats", Integer),
    Column("rating", Integer, nullable=False, server_default=text("0")),
    Column("reject_reason", String, nullable=False, server_default=text("''")),
    Column("caption", Text),
    Column("note", String, nullable=False, server_default=text("''")),
    Column("added_at", Instant, nullable=False),
    Column("crop_left", Integer),
    Column("crop_top", Integer),
    Column("crop_width", Integer),
    Column("crop_height", Integer),
    CheckConstraint("min(crop_left, crop_top, crop_width - 1, crop_height - 1) >= 0", name="crop"),
    CheckConstraint(
        "(crop_left IS NULL) + (crop_top IS NULL) + (crop_width IS NULL) + (crop_height IS NULL) IN (0, 4)",
        name="crop_sides",
    ),
    CheckConstraint("rating BETWEEN 0 AND 5", name="rating"),
    CheckConstraint("repeats IS NULL OR repeats BETWEEN 1 AND 1000", name="repeats"),
    CheckConstraint("role IN ('inbox', 'primary', 'supporting', 'holdout', 'rejected')", name="role"),
    UniqueConstraint("subject_id", "picture_id"),
    Index("ix_membership_picture_id", "picture_id"),
    Index("ix_membership_subject_role", "subject_id", "role", "repeats"),
    sqlite_autoincrement=True,
)

membership_count = Table(
    "membership_count",
    METADATA,
    Column("subject_id", Integer, primary_key=True),
    Column("role", String, primary_key=True),
    Column("repeats", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("mark", Integer, nullable=False),
    sqlite_with_rowid=False,
)

refused = Table(
    "refused",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("subject_id", Integer, ForeignKey("subject.id", ondelete="CASCADE"), nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("display_path", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_refused_subject_id", "subject_id"),
    sqlite_autoincrement=True,
)

seen_file = Table(
    "seen_file",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("device", Integer, nullable=False),
    Column("inode", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("sha256", String, nullable=False),
    UniqueConstraint("device", "inode", "size", "mtime_ns"),
    sqlite_autoincrement=True,
)

tag_score = Table(
    "tag_score",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("picture_id", Integer, ForeignKey("picture.id", ondelete="CASCADE"), nullable=False),
    Column("tagger", String, nullable=False),
    Column("tag", String, nullable=False),
    Column("category", String, nullable=False, server_default=text("'general'")),
    Column("score", Float, nullable=False),
    UniqueConstraint("picture_id", "tagger", "tag"),
    Index("ix_tag_score_high", "picture_id", "tagger", "score", "tag", "category", sqlite_where=text("score >= 0.2")),
    Index("ix_tag_score_tag", "tag", "picture_id"),
    sqlite_autoincrement=True,
)

tagging = Table(
    "tagging",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("picture_id", Integer, ForeignKey("picture.id", ondelete="CASCADE"), nullable=False),
    Column("tagger", String, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("picture_id", "tagger"),
    sqlite_autoincrement=True,
)

finding = Table(
    "finding",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("picture_id", Integer, ForeignKey("picture.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String, nullable=False),
    Column("model", String, nullable=False),
    Column("value", Float, nullable=False),
    Column("detail", JSON, nullable=False, server_default=text("'{}'")),
    Column("at", Instant, nullable=False),
    UniqueConstraint("picture_id", "kind", "model"),
    sqlite_autoincrement=True,
)

tag_edit = Table(
    "tag_edit",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("membership_id", Integer, ForeignKey("membership.id", ondelete="CASCADE"), nullable=False),
    Column("tag", String, nullable=False),
    Column("present", Boolean, nullable=False, server_default=text("1")),
    Column("position", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("membership_id", "tag"),
    Index("ix_tag_edit_said", "membership_id", "position", "id", "tag", "present"),
    Index("ix_tag_edit_tag", "tag", "membership_id"),
    sqlite_autoincrement=True,
)

sentence = Table(
    "sentence",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("membership_id", Integer, ForeignKey("membership.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("captioner", String, nullable=False),
    Column("prompt", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

caption_rules = Table(
    "caption_rules",
    METADATA,
    Column("subject_id", Integer, ForeignKey("subject.id", ondelete="CASCADE"), primary_key=True),
    Column("rules", JSON, nullable=False),
)

verdict = Table(
    "verdict",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("picture_a", Integer, ForeignKey("picture.id", ondelete="CASCADE"), nullable=False),
    Column("picture_b", Integer, ForeignKey("picture.id", ondelete="CASCADE"), nullable=False),
    Column("verdict", String, nullable=False),
    CheckConstraint("picture_a < picture_b", name="order"),
    CheckConstraint("verdict IN ('not_duplicates', 'alternates')", name="verdict"),
    UniqueConstraint("picture_a", "picture_b"),
    sqlite_autoincrement=True,
)

snapshot = Table(
    "snapshot",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("hash", String, nullable=False, unique=True),
    Column("subject_id", Integer, ForeignKey("subject.id", ondelete="CASCADE"), nullable=False),
    Column("content", Text, nullable=False),
    Column("pictures", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_snapshot_subject_id", "subject_id"),
    sqlite_autoincrement=True,
)

base = Table(
    "base",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("path", String, nullable=False),
    Column("family", String, nullable=False),
    Column("layout", String, nullable=False),
    Column("sha256", String, nullable=False, server_default=text("''")),
    Column("resolution", Integer, nullable=False, server_default=text("512")),
    Column("notes", String, nullable=False, server_default=text("''")),
    Column("created_at", Instant, nullable=False),
    sqlite_autoincrement=True,
)

run = Table(
    "run",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("subject_id", Integer, ForeignKey("subject.id", ondelete="CASCADE"), nullable=False),
    Column("snapshot_id", Integer, ForeignKey("snapshot.id"), nullable=False),
    Column("base_id", Integer, ForeignKey("base.id"), nullable=False),
    Column("recipe", JSON, nullable=False),
    Column("folder", String, nullable=False),
    Column("output_name", String, nullable=False, unique=True),
    Column("state", String, nullable=False, server_default=text("'queued'")),
    Column("wish", String, nullable=False, server_default=text("''")),
    Column("reason", String, nullable=False, server_default=text("''")),
    Column("hint", String, nullable=False, server_default=text("''")),
    Column("continued_from", String, nullable=False, server_default=text("''")),
    Column("priority", Integer, nullable=False, server_default=text("0")),
    Column("total_steps", Integer, nullable=False, server_default=text("0")),
    Column("steps_per_epoch", Integer, nullable=False, server_default=text("0")),
    Column("step", Integer, nullable=False, server_default=text("0")),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("loss", Float),
    Column("learning_rate", Float),
    Column("images_per_s", Float),
    Column("eta_s", Float),
    Column("last_seq", Integer, nullable=False, server_default=text("0")),
    Column("queued_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    CheckConstraint("state IN ('queued', 'running', 'paused', 'stopped', 'done', 'failed')", name="state"),
    Index("ix_run_state", "state"),
    Index("ix_run_subject_id", "subject_id"),
    sqlite_autoincrement=True,
)

attempt = Table(
    "attempt",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started", Float, nullable=False),
    Column("nonce", String, nullable=False),
    Column("host", String, nullable=False, server_default=text("''")),
    Column("exit_code", Integer),
    Column("outcome", String, nullable=False, server_default=text("''")),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    UniqueConstraint("run_id", "number"),
    sqlite_autoincrement=True,
)

event = Table(
    "event",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("type", String, nullable=False),
    Column("data", JSON, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("run_id", "seq"),
    sqlite_autoincrement=True,
)

checkpoint = Table(
    "checkpoint",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("path", String, nullable=False),
    Column("autov3", String, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("run_id", "path"),
    Index("ix_checkpoint_autov3", "autov3"),
    Index("ix_checkpoint_run_id", "run_id"),
    sqlite_autoincrement=True,
)

sheet = Table(
    "sheet",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False, unique=True),
    Column("run_id", Integer, ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
    Column("folder", String, nullable=False),
    Column("settings", JSON, nullable=False),
    Column("state", String, nullable=False, server_default=text("'planned'")),
    Column("created_at", Instant, nullable=False),
    Index("ix_sheet_run_id", "run_id"),
    sqlite_autoincrement=True,
)

cell = Table(
    "cell",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("sheet_id", Integer, ForeignKey("sheet.id", ondelete="CASCADE"), nullable=False),
    Column("key", String, nullable=False),
    Column("checkpoint_id", Integer, ForeignKey("checkpoint.id", ondelete="SET NULL")),
    Column("epoch", Integer),
    Column("weight", Float, nullable=False, server_default=text("1.0")),
    Column("prompt", String, nullable=False),
    Column("negative", String, nullable=False, server_default=text("''")),
    Column("seed", Integer, nullable=False),
    Column("path", String, nullable=False, server_default=text("''")),
    Column("rating", Integer, nullable=False, server_default=text("0")),
    Column("rendered_at", Instant),
    UniqueConstraint("sheet_id", "key"),
    Index("ix_cell_checkpoint_rating", "checkpoint_id", "rating"),
    sqlite_autoincrement=True,
)

measure = Table(
    "measure",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("subject_id", Integer, ForeignKey("subject.id", ondelete="CASCADE"), nullable=False),
    Column("name", String, nullable=False),
    Column("value", Integer),
    Column("stamp", String, nullable=False),
    UniqueConstraint("subject_id", "name"),
    sqlite_autoincrement=True,
)

journal = Table(
    "journal",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("label", String, nullable=False),
    Column("changes", LargeBinary, nullable=False),
    Column("undone_at", Instant),
    sqlite_autoincrement=True,
)
