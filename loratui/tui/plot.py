"""Lines of numbers over steps, drawn with braille dots (or plain characters): the loss raw and smoothed."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.color import Color
from textual.widget import Widget

from loratui.tui.text import format_rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import RenderResult

    from loratui.runs.curves import Bin
    from loratui.tui.app import LoratuiApp

FAINT = "faint"
"""Tone of what lies in the background."""

AXIS = 8
"""Cells for the numbers left of the plot, with a gap."""

# Dots of a braille cell by column and row, from the top.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800


@dataclass(frozen=True, slots=True)
class Series:
    """One line: `high` and `low` are its extremes around `values`, where it has any. `tone` is a theme colour."""

    values: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    tone: str = "primary"
    sign: str = "*"
    """What it is drawn with where there are no dots."""


class Plot(Widget):
    """A plot with a title line, numbers at the left and steps below. It draws anew only when its data change."""

    DEFAULT_CSS = "Plot { height: 1fr; padding: 0 1; }"

    def __init__(self, title: str, *, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = title
        self._empty = empty
        self._note = ""
        self._steps: tuple[int, ...] = ()
        self._series: tuple[Series, ...] = ()

    @property
    def points(self) -> int:
        """How many points fit side by side."""
        dots = 1 if self._is_plain else 2
        return max(8, (self.size.width - 2 - AXIS) * dots)

    @property
    def _is_plain(self) -> bool:
        app: LoratuiApp = self.app  # type: ignore[assignment]
        return app.glyphs.ascii

    def show(self, steps: Sequence[int], series: Sequence[Series], note: str = "") -> None:
        """Draw these; later series lie over earlier ones."""
        now = (tuple(steps), tuple(series), note)
        if now != (self._steps, self._series, self._note):
            self._steps, self._series, self._note = now
            self.refresh()

    def render(self) -> RenderResult:
        width, height = self.size.width - 2, self.size.height
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(self._title, style="bold")
        text.append(f"  {self._note}" if self._note else "", style="dim")
        rows, columns = height - 2, width - AXIS
        if not self._steps or rows < 1 or columns < 8:
            text.append("\n" + (self._empty if not self._steps else "Too small to draw."), style="dim")
            return text
        lowest, highest = find_range(self._series)
        grid = _Grid(columns, rows, dotted=not self._is_plain)
        for place, series in enumerate(self._series):
            _draw(grid, self._steps, series, (lowest, highest), place)
        styles = [self._color(series.tone) for series in self._series]
        for row in range(rows):
            label = _label(row, rows, lowest, highest)
            text.append(f"\n{label:>{AXIS - 1}} ", style="dim")
            for sign, owner in grid.row(row, [series.sign for series in self._series]):
                text.append(sign, style=styles[owner] if owner >= 0 else "")
        first, last = f"{self._steps[0]:,}", f"{self._steps[-1]:,}"
        middle = f"{(self._steps[0] + self._steps[-1]) // 2:,}"
        text.append("\n" + " " * AXIS + _spread(columns, first, middle, last), style="dim")
        return text

    def _color(self, tone: str) -> str:
        colors = self.app.theme_variables
        if not colors.get("background", "").startswith("#"):
            # The terminal's own colours can't be mixed.
            return "dim" if tone == FAINT else ""
        if tone == FAINT:
            return Color.parse(colors["background"]).blend(Color.parse(colors["foreground"]), 0.35).hex6
        return colors.get(tone, "")


def find_range(series: Sequence[Series]) -> tuple[float, float]:
    """The numbers that the plot spans: those of every series but for its rare extremes."""
    main = []
    for each in series:
        values = sorted(each.values)
        cut = len(values) // 50
        main += [values[cut], values[-1 - cut]]
    lowest, highest = min(main), max(main)
    if highest - lowest < 1e-12 + abs(highest) * 1e-6:
        room = abs(highest) * 0.1 or 1e-6
        return lowest - room, highest + room
    return lowest, highest


class _Grid:
    """Cells of a plot: which dots are set, and by which series last."""

    def __init__(self, columns: int, rows: int, *, dotted: bool) -> None:
        self.width, self.height = (columns * 2, rows * 4) if dotted else (columns, rows)
        self._columns, self._dotted = columns, dotted
        self._dots = [[0] * columns for _ in range(rows)]
        self._owner = [[-1] * columns for _ in range(rows)]

    def set(self, x: int, y: int, owner: int) -> None:
        """Set a dot; y counts from the bottom."""
        if not (0 <= x < self.width and 0 <= y < self.height):
            return
        y = self.height - 1 - y
        column, row = (x // 2, y // 4) if self._dotted else (x, y)
        if self._owner[row][column] != owner:
            # A cell has one colour: what lies on top takes all of it.
            self._owner[row][column], self._dots[row][column] = owner, 0
        self._dots[row][column] |= _DOTS[x % 2][y % 4] if self._dotted else 1

    def row(self, row: int, signs: Sequence[str]) -> list[tuple[str, int]]:
        """Runs of characters of one series, from the left."""
        found: list[tuple[str, int]] = []
        for dots, owner in zip(self._dots[row], self._owner[row], strict=True):
            sign = " " if owner < 0 else chr(_BLANK + dots) if self._dotted else signs[owner]
            if found and found[-1][1] == owner:
                found[-1] = (found[-1][0] + sign, owner)
            else:
                found.append((sign, owner))
        return found


def _draw(grid: _Grid, steps: Sequence[int], series: Series, span: tuple[float, float], owner: int) -> None:
    lowest, highest = span
    scale = (grid.height - 1) / (highest - lowest)
    # As many points as dots: their extremes are drawn too. Fewer: straight lines between them.
    is_dense = bool(series.low) and len(steps) >= 0.75 * grid.width

    def height_of(value: float) -> int:
        return round((min(max(value, lowest), highest) - lowest) * scale)

    before: int | None = None
    for x in range(grid.width):
        step = steps[0] + (steps[-1] - steps[0]) * x / max(1, grid.width - 1)
        right = min(bisect_left(steps, step), len(steps) - 1)
        left = max(0, right - 1)
        part = (step - steps[left]) / (steps[right] - steps[left]) if steps[right] > steps[left] else 1.0
        y = height_of(series.values[left] + (series.values[right] - series.values[left]) * part)
        bottom, top = (height_of(series.low[right]), height_of(series.high[right])) if is_dense else (y, y)
        if before is not None and not series.low:
            # No gap where the line is steep.
            bottom, top = min(bottom, before + (before < y)), max(top, before - (before > y))
        for each in range(bottom, top + 1):
            grid.set(x, each, owner)
        before = y


def _label(row: int, rows: int, lowest: float, highest: float) -> str:
    if row not in {0, rows - 1, (rows - 1) // 2} or (rows < 5 and row not in (0, rows - 1)):
        return ""
    value = highest - (highest - lowest) * (row / (rows - 1) if rows > 1 else 0.5)
    return format_number(value)


def format_number(value: float) -> str:
    """A loss or a rate in at most seven characters: `0.1834`, `1.0e-04`."""
    if value == 0:
        return "0"
    if 0.001 <= abs(value) < 1000:
        return f"{value:.4f}"[:6]
    return f"{value:.1e}"


def _spread(width: int, first: str, middle: str, last: str) -> str:
    line = first.ljust(width)[:width]
    place = max(0, width // 2 - len(middle) // 2)
    if place > len(first) + 1 and place + len(middle) + 1 < width - len(last):
        line = line[:place] + middle + line[place + len(middle) :]
    if len(first) + len(last) + 1 < width:
        line = line[: width - len(last)] + last
    return line


def plot_loss(plot: Plot, bins: Sequence[Bin]) -> None:
    """Show the loss of a training: as it was, and smoothed."""
    raw = tuple(bin.loss for bin in bins)
    plot.show(
        [bin.step for bin in bins],
        [
            Series(raw, tuple(bin.lowest for bin in bins), tuple(bin.highest for bin in bins), FAINT, "."),
            Series(tuple(bin.smooth for bin in bins), tone="primary", sign="*"),
        ]
        if bins
        else (),
        f"now {format_number(bins[-1].smooth)} smoothed" if bins else "",
    )


def plot_rate(plot: Plot, bins: Sequence[Bin]) -> None:
    """Show the learning rate of a training."""
    known = [(bin.step, bin.learning_rate) for bin in bins if bin.learning_rate is not None]
    plot.show(
        [step for step, _ in known],
        [Series(tuple(rate for _, rate in known), tone="secondary")] if known else (),
        f"now {format_rate(known[-1][1])}" if known else "",
    )
