"""The words that columns may hold, and how constraints are named."""

from __future__ import annotations

KINDS = ("character", "style", "object", "person")
ROLES = ("inbox", "primary", "supporting", "holdout", "rejected")
RUN_STATES = ("queued", "running", "paused", "stopped", "done", "failed")
PICTURE_STATES = ("ok", "missing", "broken")

RATINGS = ("general", "sensitive", "questionable", "explicit")
"""What a tagger can say of a picture, from the mildest to the gravest."""

SEXUAL = ("questionable", "explicit")
"""The ratings that no picture of a person may have."""

SAID_RATINGS = {
    form: name
    for name in SEXUAL
    for said in (name, f"rating:{name}", f"rating_{name}", f"rating: {name}")
    for form in (said, said.capitalize(), said.title(), said.upper())
}
"""Tags that say a sexual rating, as caption files of image boards and of kohya's tagger do, and which."""

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
