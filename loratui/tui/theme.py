"""Two themes of our own, and the plain glyphs for terminals that have no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.theme import Theme

from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DARK = Theme(
    name="loratui-dark",
    primary="#7aa2c4",
    secondary="#9d8cc4",
    accent="#e0a45c",
    foreground="#d6d9dd",
    background="#14171a",
    surface="#1a1e22",
    panel="#22272c",
    success="#7fb685",
    warning="#d9b45f",
    error="#d9756c",
    dark=True,
)
LIGHT = Theme(
    name="loratui-light",
    primary="#2f6690",
    secondary="#6a4f9c",
    accent="#a85b00",
    foreground="#22262a",
    background="#fbfbf9",
    surface="#f2f2ee",
    panel="#e4e5e0",
    success="#2f7d3b",
    warning="#8a6500",
    error="#b3261e",
    dark=False,
)
OWN = (DARK, LIGHT)
ORDER = ("loratui-dark", "loratui-light", "ansi-dark", "ansi-light")
"""What the theme key goes through; the palette offers every theme there is."""


def choose_theme(asked: str, configured: str, available: Iterable[str], config_file: Path) -> str:
    """The theme that a flag, else config.toml asks for; raises UsageError for one that is not there."""
    wanted = asked or configured or ORDER[0]
    if wanted in available:
        return wanted
    source = f"{config_file}, [ui] theme" if wanted == configured else "--theme"
    others = ", ".join(sorted(set(available).difference(ORDER)))
    raise UsageError(f"There is no theme '{wanted}' ({source}).", hint=f"Themes: {', '.join(ORDER)}; also {others}.")


class Glyphs(NamedTuple):
    """Single-width signs; the ASCII set is for terminals and fonts without the others."""

    ascii: bool = False
    cursor: str = "▌"
    mark: str = "●"
    star: str = "★"
    no_star: str = "·"
    bar: str = "█"
    bar_rest: str = "░"
    up: str = "▲"
    down: str = "▼"
    yes: str = "✓"
    no: str = "✗"
    warn: str = "!"
    crop: str = "□"
    twin: str = "≈"
    arrow: str = "→"
    sparks: str = "▁▂▃▄▅▆▇█"
    imbued: str = "◆"
    said: str = "◇"
    line: str = "━"
    queued: str = "○"
    running: str = "▶"
    stopped: str = "■"

    def draw_bar(self, done: int, total: int, width: int) -> str:
        """How far something is, as a bar of that many cells."""
        filled = min(width, width * done // total) if total else 0
        return self.bar * filled + self.bar_rest * (width - filled)


ASCII = Glyphs(
    ascii=True,
    cursor=">",
    mark="*",
    star="*",
    no_star=".",
    bar="#",
    bar_rest=".",
    up="^",
    down="v",
    yes="+",
    no="x",
    warn="!",
    crop="c",
    twin="=",
    arrow="->",
    sparks="_.-=+*#@",
    imbued="#",
    said="-",
    line="=",
    queued="o",
    running=">",
    stopped="#",
)
