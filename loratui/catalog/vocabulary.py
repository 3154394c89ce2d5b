"""The words that columns may hold, limits of their numbers, and how constraints are named."""

from __future__ import annotations

KINDS = ("character", "style", "object", "person")
ROLES = ("inbox", "primary", "supporting", "holdout", "rejected")
TRAINED = ("primary", "supporting")
"""The roles of pictures that training sees."""

RUN_STATES = ("queued", "running", "paused", "stopped", "done", "failed")
PICTURE_STATES = ("ok", "missing", "broken")

DARK_BELOW, BRIGHT_FROM = 0.12, 0.92
"""Mean luminance of a picture, 0 to 1; nine photos of ten lie between 0.3 and 0.75."""

RATING = "rating"
"""The category that taggers' scores of ratings are stored under."""

RATINGS = ("general", "sensitive", "questionable", "explicit")
"""What a tagger can say of a picture, from the mildest to the gravest."""

SEXUAL = ("questionable", "explicit")
"""The ratings that no picture of a person may have."""

FLAGS = ("unfit", "faces", "people", "text", "blur", "tiny", "dark", "bright", "other")
"""What checks look for, in the order they are told."""

# Named constraints from the first migration on: SQLite batch migrations can't touch unnamed ones.
NAMING = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
