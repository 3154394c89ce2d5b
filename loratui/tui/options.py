"""What a person asked for on the command line when the app was started."""

from __future__ import annotations

from typing import NamedTuple


class Options(NamedTuple):
    """How to show this session; config.toml holds what should last."""

    mouse: bool = True
    ascii: bool = False
    theme: str = ""
    """Name of a theme; empty means the one in config.toml, else the default."""
    images: str = "auto"
    """auto, kitty, halfcells or off."""
    subject: str = ""
    """Name of the subject to open at once."""
