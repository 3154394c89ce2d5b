"""Which tagger scored which picture, and what checks measured."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tagging",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("tagger", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["picture.id"], name=op.f("fk_tagging_picture_id_picture"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tagging")),
        sa.UniqueConstraint("picture_id", "tagger", name=op.f("uq_tagging_picture_id_tagger")),
        sqlite_autoincrement=True,
    )
    # Scores from before this table: when they were taken isn't known, only that it was after the import.
    # In the order they were taken in, for the tagger that came last counts.
    op.execute(
        "INSERT INTO tagging (picture_id, tagger, at) SELECT score.picture_id, score.tagger, "
        "picture.imported_at FROM tag_score AS score JOIN picture ON picture.id = score.picture_id "
        "GROUP BY score.picture_id, score.tagger ORDER BY max(score.id)"
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("picture_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("detail", sa.JSON(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["picture_id"], ["picture.id"], name=op.f("fk_finding_picture_id_picture"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("picture_id", "kind", "model", name=op.f("uq_finding_picture_id_kind_model")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("finding")
    op.drop_table("tagging")
