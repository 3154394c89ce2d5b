"""Pictures of a group side by side, and under each what tells it from the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from loratui.catalog.naming import tell_apart
from loratui.tui.comparing import Comparison, compare_pictures, wrap_value
from loratui.tui.labels import draw_words, shorten
from loratui.tui.text import plain
from loratui.tui.tiles import TileJob, TileSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from textual import events

    from loratui.catalog.rows import Membership
    from loratui.tui.app import LoratuiApp
    from loratui.tui.sources import Source
    from loratui.tui.tiles import TilesReady

LABEL = 11
"""Cells for the names of properties, left of the first picture."""

_LEAST, _MOST = 20, 96
_GAP = 2
_LEAST_ROWS = 5
_PARTS = ("label", "value", "best", "name", "cursor", "keep", "muted")


class GroupView(Widget):
    """Draws one group; as many pictures as there is room for, the one under the cursor among them."""

    COMPONENT_CLASSES = {f"groupview--{part}" for part in _PARTS}
    DEFAULT_CSS = """
    GroupView { height: 1fr; padding: 0 1; }
    GroupView > .groupview--label { color: $foreground-muted; }
    GroupView > .groupview--value { color: $foreground; }
    GroupView > .groupview--best { color: $text-success; text-style: bold; }
    GroupView > .groupview--name { color: $foreground; text-style: bold; }
    GroupView > .groupview--cursor { background: $primary; color: $background; text-style: bold; }
    GroupView > .groupview--keep { color: $text-success; }
    GroupView > .groupview--muted { color: $foreground-muted; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pictures: Sequence[Membership] = ()
        self.best_id = 0
        self.cursor = 0
        self.marked: frozenset[int] = frozenset()
        self._sources: Sequence[Source] = ()
        self._names: Mapping[int, str] = {}
        self._comparison = Comparison((), ())
        self._first = 0
        self._strips: list[Strip] | None = None

    @property
    def lora(self) -> LoratuiApp:
        return self.app  # type: ignore[return-value]

    def show(
        self,
        pictures: Sequence[Membership],
        sources: Sequence[Source],
        best_id: int,
        cursor: int,
        captions: Mapping[int, str],
        marked: Collection[int] = (),
    ) -> None:
        """Show a group; `sources` are where the pixels of each of its pictures come from, `marked` are ids."""
        self.marked = frozenset(marked)
        self.pictures, self._sources = pictures, sources
        self._names = tell_apart(pictures)
        self.best_id, self.cursor = best_id, cursor
        self._comparison = compare_pictures(pictures, captions, star=self.lora.glyphs.star)
        self._paint_anew()

    def move_to(self, cursor: int) -> None:
        """Put the cursor on another picture of the group."""
        self.cursor = cursor
        self._paint_anew()

    # Layout

    @property
    def _shown(self) -> int:
        return max(1, min(len(self.pictures), (self.size.width - LABEL) // (_LEAST + _GAP)))

    @property
    def _column(self) -> int:
        return min(_MOST, max(8, (self.size.width - LABEL) // self._shown - _GAP))

    def _picture_rows(self, text_rows: int) -> int:
        """As many lines as the pictures can fill, of those that the text leaves."""
        aspect = self.lora.tiles.cell_aspect
        tallest = max((picture.height / picture.width for picture in self._in_sight), default=1.0)
        wanted = math.ceil(self._column * tallest / aspect)
        return max(min(_LEAST_ROWS, self.size.height), min(wanted, self.size.height - text_rows))

    @property
    def _in_sight(self) -> Sequence[Membership]:
        return self.pictures[self._first : self._first + self._shown]

    def _scroll_to_cursor(self) -> None:
        shown = self._shown
        if not self._first <= self.cursor < self._first + shown:
            self._first = max(0, min(self.cursor - shown // 2, len(self.pictures) - shown))
        self._first = max(0, min(self._first, len(self.pictures) - shown))

    # Painting

    def _paint_anew(self) -> None:
        self._strips = None
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self._paint_anew()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = None

    def on_tiles_ready(self, message: TilesReady) -> None:
        message.stop()
        self._paint_anew()

    def on_unmount(self) -> None:
        self.lora.tiles.leave(self)

    def render_line(self, y: int) -> Strip:
        if self._strips is None:
            self._strips = self._paint()
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def _paint(self) -> list[Strip]:
        if not self.pictures or self.size.width <= LABEL:
            return []
        self._scroll_to_cursor()
        text = self._paint_text()
        rows = self._picture_rows(len(text) + 2)
        lines = [self._paint_names(), self._paint_verdicts(), *self._paint_pictures(rows), *text]
        width, base = self.size.width, self.rich_style
        return [Strip(line).adjust_cell_length(width, base) for line in lines[: self.size.height]]

    def _style(self, part: str) -> Style:
        return self.get_visual_style(f"groupview--{part}").rich_style

    def _bar_style(self) -> Style:
        return self.rich_style + Style.from_color(self._style("cursor").bgcolor)

    def _margin(self, label: str = "") -> Segment:
        return Segment(set_cell_size(label, LABEL), self._style("label"))

    def _paint_names(self) -> list[Segment]:
        glyphs, base = self.lora.glyphs, self.rich_style
        before, after = self._first, len(self.pictures) - self._first - len(self._in_sight)
        line = [self._margin(f"{before} more <" if before else "")]
        for place, picture in enumerate(self._in_sight, self._first):
            on_cursor = place == self.cursor
            style = self._style("cursor" if on_cursor else "name")
            bar, bar_style = (glyphs.cursor, self._bar_style()) if on_cursor else (" ", style)
            if picture.id in self.marked:
                bar, bar_style = glyphs.mark, style
            name = shorten(plain(self._names[picture.id]), self._column - 2)
            line += [Segment(bar, bar_style), Segment(f" {name}", style), Segment(" " * _GAP, base)]
        if after:
            line[-1] = Segment(f"> {after}"[:_GAP], self._style("label"))
        return line

    def _paint_verdicts(self) -> list[Segment]:
        glyphs, base = self.lora.glyphs, self.rich_style
        line = [self._margin()]
        for picture in self._in_sight:
            keep = picture.id == self.best_id
            words = f"  {glyphs.yes} suggested best" if keep else ""
            line += [Segment(set_cell_size(words, self._column), self._style("keep") if keep else base)]
            line += [Segment(" " * _GAP, base)]
        return line

    def _paint_pictures(self, rows: int) -> list[list[Segment]]:
        pool, base = self.lora.tiles, self.rich_style
        cols = self._column - 2
        jobs, tiles = [], []
        sources = self._sources[self._first : self._first + self._shown]
        # A neighbour that is out of sight is decoded too: the cursor may go there next.
        beyond = self._sources[self._first + self._shown : self._first + self._shown + 1]
        for place, source in enumerate((*sources, *beyond)):
            spec = TileSpec(source.key, cols, rows)
            tile = pool.get(spec)
            if pool.lacks(spec):
                jobs.append(TileJob(spec, source))
            if place < len(sources):
                tiles.append(tile)
        pool.want(self, jobs)
        lines: list[list[Segment]] = []
        for row in range(rows):
            line = [self._margin()]
            for tile in tiles:
                blank = [Segment(" " * cols, base)]
                if tile is None:
                    piece = blank
                elif tile.error:
                    piece = draw_words(tile.error, cols, rows, self._style("muted"))[row]
                else:
                    left, top, box_cols, box_rows = tile.box
                    inside = top <= row < top + box_rows
                    rest = cols - left - box_cols
                    piece = blank
                    if inside:
                        piece = [Segment(" " * left, base), *tile.lines[row - top], Segment(" " * rest, base)]
                line += [Segment("  ", base), *piece, Segment(" " * _GAP, base)]
            lines.append(line)
        return lines

    def _paint_text(self) -> list[list[Segment]]:
        glyphs, base = self.lora.glyphs, self.rich_style
        room = self._column - 4
        lines: list[list[Segment]] = []
        for compared in self._comparison.differing:
            most = 3 if compared.label in ("only here", "remarks") else 1
            columns = [
                wrap_value(plain(compared.values[place]), room, most)
                for place in range(self._first, self._first + len(self._in_sight))
            ]
            for number in range(max(len(column) for column in columns)):
                line = [self._margin(compared.label if number == 0 else "")]
                for place, column in enumerate(columns, self._first):
                    best = place in compared.best and number == 0
                    value = column[number] if number < len(column) else ""
                    words = f"  {glyphs.up if best else ' '} {value}"
                    line.append(Segment(set_cell_size(words, self._column), self._style("best" if best else "value")))
                    line.append(Segment(" " * _GAP, base))
                lines.append(line)
        if self._comparison.same:
            words = ", ".join(self._comparison.same)
            lines.append([self._margin("the same"), Segment(f"    {words}", self._style("muted"))])
        return lines
