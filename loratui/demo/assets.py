"""Finds the cast's files, in an installed package as in a checkout."""

from __future__ import annotations

from pathlib import Path

from loratui.errors import MissingFeatureError


def cast_folder() -> Path:
    """The folder that holds `base/` and `tagger/`."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "assets" / "cast", package.parent / "assets" / "cast"):
        if folder.is_dir():
            return folder
    raise MissingFeatureError(
        "the drawn cast (base model and tagger) is not installed",
        hint="reinstall loratui from its wheel, or build the cast: python -m loratui.demo.build",
    )
