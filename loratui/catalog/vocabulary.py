"""The words that columns may hold, and how constraints are named."""

from __future__ import annotations

KINDS = ("character", "style", "object", "person")
ROLES = ("inbox", "primary", "supporting", "holdout", "rejected")
RUN_STATES = ("queued", "running", "paused", "stopped", "done", "failed")
PICTURE_STATES = ("ok", "missing", "broken")

# Named constraints from the first migration on: SQLite batch migrations can't touch unnamed ones.
NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
