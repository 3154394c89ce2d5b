"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


_TABLES = (
    "base",
    "journal",
    "picture",
    "seen_file",
    "subject",
    "caption_rules",
    "membership",
    "refused",
    "snapshot",
    "tag_score",
    "verdict",
    "run",
    "tag_edit",
    "attempt",
    "checkpoint",
    "event",
    "sheet",
    "cell",
)


def upgrade() -> None:
    op.create_table(
        "base",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("layout", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("resolution", sa.Integer(), server_default=sa.text("512"), nullable=False),
        sa.Column("notes", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_base")),
        sa.UniqueConstraint("name", name=op.f("uq_base_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("changes", sa.LargeBinary(), nullable=False),
        sa.Column("undone_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "picture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("pixel_sha256", sa.String(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("orientation", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("has_alpha", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("frames", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("phash", sa.Integer(), nullable=False),
        sa.Column("dhash", sa.Integer(), nullable=False),
        sa.Column("phash_mirrored", sa.Integer(), nullable=False),
        sa.Column("dhash_mirrored", sa.Integer(), nullable=False),
        sa.Column("hash_version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("sharpness", sa.Float(), server_default=sa.text("0.0"), nullable=False),
        sa.Column("luminance", sa.Float(), server_default=sa.text("0.0"), nullable=False),
        sa.Column("warnings", sa.JSON(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("state", sa.String(), server_default=sa.text("'ok'"), nullable=False),
        sa.Column("in_place_path", sa.LargeBinary(), server_default=sa.text("x''"), nullable=False),
        sa.Column("imported_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("state IN ('ok', 'missing', 'broken')", name=op.f("ck_picture_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture")),
        sa.UniqueConstraint("sha256", name=op.f("uq_picture_sha256")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_picture_pixel_sha256", "picture", ["pixel_sha256"])
    op.create_table(
        "seen_file",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device", sa.Integer(), nullable=False),
        sa.Column("inode", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("mtime_ns", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seen_file")),
        sa.UniqueConstraint(
            "device", "inode", "size", "mtime_ns", name=op.f("uq_seen_file_device_inode_size_mtime_ns")
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "subject",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("trigger_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), server_default=sa.text("'character'"), nullable=False),
        sa.Column("class_word", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("primary_repeats", sa.Integer(), server_default=sa.text("5"), nullable=False),
        sa.Column("supporting_repeats", sa.Integer(), server_default=sa.text("2"), nullable=False),
        sa.Column("notes", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("consent", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("kind IN ('character', 'style', 'object', 'person')", name=op.f("ck_subject_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject")),
        sa.UniqueConstraint("name", name=op.f("uq_subject_name")),
        sa.UniqueConstraint("trigger_key", name=op.f("uq_subject_trigger_key")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "caption_rules",
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_caption_rules_subject_id_subject"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("subject_id", name=op.f("pk_caption_rules")),
    )
    op.create_table(
        "membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source_path", sa.LargeBinary(), server_default=sa.text("x''"), nullable=False),
        sa.Column("role", sa.String(), server_default=sa.text("'inbox'"), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=True),
        sa.Column("rating", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reject_reason", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("caption", sa.Text(), nullable=True),
        sa.Column("note", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("added_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "role IN ('inbox', 'primary', 'supporting', 'holdout', 'rejected')", name=op.f("ck_membership_role")
        ),
        sa.CheckConstraint("rating BETWEEN 0 AND 5", name=op.f("ck_membership_rating")),
        sa.CheckConstraint("repeats IS NULL OR repeats BETWEEN 1 AND 1000", name=op.f("ck_membership_repeats")),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"], name=op.f("fk_membership_picture_id_picture")),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_membership_subject_id_subject"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
        sa.UniqueConstraint("subject_id", "picture_id", name=op.f("uq_membership_subject_id_picture_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_membership_picture_id", "membership", ["picture_id"])
    op.create_index("ix_membership_subject_role", "membership", ["subject_id", "role", "repeats"])
    op.create_table(
        "refused",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("display_path", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_refused_subject_id_subject"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_refused_subject_id", "refused", ["subject_id"])
    op.create_table(
        "snapshot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("pictures", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_snapshot_subject_id_subject"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_snapshot")),
        sa.UniqueConstraint("hash", name=op.f("uq_snapshot_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_snapshot_subject_id", "snapshot", ["subject_id"])
    op.create_table(
        "tag_score",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("tagger", sa.String(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("category", sa.String(), server_default=sa.text("'general'"), nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["picture.id"], name=op.f("fk_tag_score_picture_id_picture"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_score")),
        sa.UniqueConstraint("picture_id", "tagger", "tag", name=op.f("uq_tag_score_picture_id_tagger_tag")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tag_score_tag", "tag_score", ["tag", "picture_id"])
    op.create_table(
        "verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("picture_a", sa.Integer(), nullable=False),
        sa.Column("picture_b", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.CheckConstraint("verdict IN ('not_duplicates', 'alternates')", name=op.f("ck_verdict_verdict")),
        sa.CheckConstraint("picture_a < picture_b", name=op.f("ck_verdict_order")),
        sa.ForeignKeyConstraint(
            ["picture_a"], ["picture.id"], name=op.f("fk_verdict_picture_a_picture"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["picture_b"], ["picture.id"], name=op.f("fk_verdict_picture_b_picture"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
        sa.UniqueConstraint("picture_a", "picture_b", name=op.f("uq_verdict_picture_a_picture_b")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("snapshot_id", sa.Integer(), nullable=False),
        sa.Column("base_id", sa.Integer(), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("output_name", sa.String(), nullable=False),
        sa.Column("state", sa.String(), server_default=sa.text("'queued'"), nullable=False),
        sa.Column("wish", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("reason", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("hint", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("continued_from", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("total_steps", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("steps_per_epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("loss", sa.Float(), nullable=True),
        sa.Column("learning_rate", sa.Float(), nullable=True),
        sa.Column("images_per_s", sa.Float(), nullable=True),
        sa.Column("eta_s", sa.Float(), nullable=True),
        sa.Column("last_seq", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("queued_at", sa.DateTime(), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=True),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'paused', 'stopped', 'done', 'failed')", name=op.f("ck_run_state")
        ),
        sa.ForeignKeyConstraint(["base_id"], ["base.id"], name=op.f("fk_run_base_id_base")),
        sa.ForeignKeyConstraint(["snapshot_id"], ["snapshot.id"], name=op.f("fk_run_snapshot_id_snapshot")),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_run_subject_id_subject"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint("name", name=op.f("uq_run_name")),
        sa.UniqueConstraint("output_name", name=op.f("uq_run_output_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_run_state", "run", ["state"])
    op.create_index("ix_run_subject_id", "run", ["subject_id"])
    op.create_table(
        "tag_edit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("tag", sa.String(), nullable=False),
        sa.Column("present", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("position", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["membership_id"], ["membership.id"], name=op.f("fk_tag_edit_membership_id_membership"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_edit")),
        sa.UniqueConstraint("membership_id", "tag", name=op.f("uq_tag_edit_membership_id_tag")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tag_edit_tag", "tag_edit", ["tag", "membership_id"])
    op.create_table(
        "attempt",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process_started", sa.Float(), nullable=False),
        sa.Column("nonce", sa.String(), nullable=False),
        sa.Column("host", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_attempt_run_id_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
        sa.UniqueConstraint("run_id", "number", name=op.f("uq_attempt_run_id_number")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "checkpoint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("autov3", sa.String(), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_checkpoint_run_id_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checkpoint")),
        sa.UniqueConstraint("run_id", "path", name=op.f("uq_checkpoint_run_id_path")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_checkpoint_autov3", "checkpoint", ["autov3"])
    op.create_index("ix_checkpoint_run_id", "checkpoint", ["run_id"])
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_event_run_id_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sa.UniqueConstraint("run_id", "seq", name=op.f("uq_event_run_id_seq")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "sheet",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), server_default=sa.text("'planned'"), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_sheet_run_id_run"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet")),
        sa.UniqueConstraint("name", name=op.f("uq_sheet_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sheet_run_id", "sheet", ["run_id"])
    op.create_table(
        "cell",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sheet_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("checkpoint_id", sa.Integer(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("weight", sa.Float(), server_default=sa.text("1.0"), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("negative", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("rating", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("rendered_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["checkpoint_id"], ["checkpoint.id"], name=op.f("fk_cell_checkpoint_id_checkpoint"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["sheet_id"], ["sheet.id"], name=op.f("fk_cell_sheet_id_sheet"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cell")),
        sa.UniqueConstraint("sheet_id", "key", name=op.f("uq_cell_sheet_id_key")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    for name in reversed(_TABLES):
        op.drop_table(name)
