"""Finds the cast's files, in an installed package as in a checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.config import find_assets
from loratui.errors import MissingFeatureError

if TYPE_CHECKING:
    from pathlib import Path


def cast_folder() -> Path:
    """The folder that holds `base/` and `tagger/`."""
    folder = find_assets() / "cast"
    if not folder.is_dir():
        raise MissingFeatureError(
            "The drawn cast (base model and tagger) is not installed.",
            hint="Reinstall loratui from its wheel, or build the cast: python -m loratui.demo.build",
        )
    return folder
