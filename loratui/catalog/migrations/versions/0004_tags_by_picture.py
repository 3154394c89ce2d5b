"""Indexes from which the tags of ten thousand pictures are read without touching their tables."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE INDEX ix_tag_edit_said ON tag_edit (membership_id, position, id, tag, present)")
    # Of the scores only those that captions may use: taggers give ten times as many low ones.
    op.execute(
        "CREATE INDEX ix_tag_score_high ON tag_score (picture_id, tagger, score, tag, category) WHERE score >= 0.2"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_tag_score_high")
    op.execute("DROP INDEX ix_tag_edit_said")
