"""Crops of pictures in a subject, and a place for what is costly to count."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# In the order in which they are added, so the rules, which name them all, are on the last.
_SIDES = ("crop_left", "crop_top", "crop_width", "crop_height")


def upgrade() -> None:
    # SQLite's own ADD COLUMN: rebuilding the table would copy a million rows, and put its children at risk.
    for side in _SIDES[:-1]:
        op.execute(f"ALTER TABLE membership ADD COLUMN {side} INTEGER")
    op.execute(
        "ALTER TABLE membership ADD COLUMN crop_height INTEGER CONSTRAINT ck_membership_crop_sides CHECK "
        "((crop_left IS NULL) + (crop_top IS NULL) + (crop_width IS NULL) + (crop_height IS NULL) IN (0, 4)) "
        "CONSTRAINT ck_membership_crop CHECK (min(crop_left, crop_top, crop_width - 1, crop_height - 1) >= 0)"
    )
    op.create_table(
        "measure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=True),
        sa.Column("stamp", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_measure_subject_id_subject"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measure")),
        sa.UniqueConstraint("subject_id", "name", name=op.f("uq_measure_subject_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cell_checkpoint_rating", "cell", ["checkpoint_id", "rating"])


def downgrade() -> None:
    op.drop_index("ix_cell_checkpoint_rating", "cell")
    op.drop_table("measure")
    # The last one first: the rules go with it, and no column that a rule names can be dropped.
    for side in reversed(_SIDES):
        op.execute(f"ALTER TABLE membership DROP COLUMN {side}")
