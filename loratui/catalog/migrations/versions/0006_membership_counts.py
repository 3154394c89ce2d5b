"""Pictures of each subject, role and repeats, counted when they change and not when somebody looks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_MARK = "{0}id % 2147483647 * 2654435761 % 2147483629 * ({0}id % 2147483647) % 2147483647"
_KEY = "subject_id = {0}.subject_id AND role = {0}.role AND repeats = ifnull({0}.repeats, 0)"
_COUNTS = "membership_count (subject_id, role, repeats, count, mark)"
_COUNT_NEW = f"""
    INSERT INTO {_COUNTS} VALUES (NEW.subject_id, NEW.role, ifnull(NEW.repeats, 0), 1, {_MARK.format("NEW.")})
    ON CONFLICT (subject_id, role, repeats) DO UPDATE SET count = count + 1, mark = mark + excluded.mark;
"""
_TAKE_OLD = f"""
    UPDATE membership_count SET count = count - 1, mark = mark - {_MARK.format("OLD.")} WHERE {_KEY.format("OLD")};
    DELETE FROM membership_count WHERE {_KEY.format("OLD")} AND count = 0;
"""
_OTHER = "(OLD.id, OLD.subject_id, OLD.role, OLD.repeats) IS NOT (NEW.id, NEW.subject_id, NEW.role, NEW.repeats)"
_TRIGGERS = {
    "count_membership_insert": f"AFTER INSERT ON membership BEGIN {_COUNT_NEW} END",
    "count_membership_delete": f"AFTER DELETE ON membership BEGIN {_TAKE_OLD} END",
    "count_membership_update": "AFTER UPDATE OF id, subject_id, role, repeats ON membership"
    f" WHEN {_OTHER} BEGIN {_TAKE_OLD} {_COUNT_NEW} END",
}


def upgrade() -> None:
    op.create_table(
        "membership_count",
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("mark", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "role", "repeats", name=op.f("pk_membership_count")),
        sqlite_with_rowid=False,
    )
    op.execute(
        f"INSERT INTO {_COUNTS} SELECT subject_id, role, ifnull(repeats, 0), count(*), sum({_MARK.format('')})"
        " FROM membership GROUP BY subject_id, role, repeats"
    )
    for name, what in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {what}")


def downgrade() -> None:
    for name in _TRIGGERS:
        op.execute(f"DROP TRIGGER {name}")
    op.drop_table("membership_count")
