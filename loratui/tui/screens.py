"""The screens by name; a module is imported when its screen is first shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loratui.tui.base import LoratuiScreen

SCREENS: Mapping[str, str] = {
    "library": "library:LibraryScreen",
    "pictures": "pictures:PicturesScreen",
    "view": "view:ViewScreen",
    "crop": "crop:CropScreen",
    "duplicates": "duplicates:DuplicatesScreen",
    "tags": "tags:TagsScreen",
    "imbue": "imbue:ImbueScreen",
    "proposals": "proposals:ProposalsScreen",
    "checks": "checks:ChecksScreen",
    "balance": "balance:BalanceScreen",
    "train": "train:TrainScreen",
    "runs": "runs:RunsScreen",
    "run": "run:RunScreen",
    "review": "review:ReviewScreen",
    "history": "history:HistoryScreen",
}
"""As module:class."""


def load_screen(name: str) -> type[LoratuiScreen]:
    """The class of a screen, imported now."""
    module, kind = SCREENS[name].split(":")
    found: type[LoratuiScreen] = getattr(import_module(f"loratui.tui.{module}"), kind)
    return found
