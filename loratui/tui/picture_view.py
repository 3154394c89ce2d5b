"""One picture as large as there is room, with what a crop would cut away shown dark."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from loratui.tui.labels import draw_tile
from loratui.tui.painting import crop_lines
from loratui.tui.sources import THUMBNAIL_SIDE
from loratui.tui.theme import Glyphs
from loratui.tui.tiles import Tile, TileJob, TilePool, TileSpec, TilesReady

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.geometry import Region
    from textual.timer import Timer

from loratui.tui.sources import Source

PATIENCE = 0.03
"""Seconds a source must stay before it is decoded: someone who leafs through sees those that are there already."""

CropBox = tuple[float, float, float, float]
"""Left, top, width and height in pixels of the picture."""


class PictureView(Widget):
    """Draws a source; the one before stays in sight until it is decoded, and one shown before comes back at once."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    PictureView { height: 1fr; color: $foreground-muted; }
    """

    def __init__(self, *, pool: TilePool | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._own_pool = pool is None
        self.pool = TilePool(workers=1) if pool is None else pool
        self.source: Source | None = None
        self._crop: tuple[float, float, float, float] | None = None
        self._box: CropBox | None = None
        self._picture_size = (1, 1)
        self._tile: Tile | None = None
        self._dark: Tile | None = None
        self._shown_box: CropBox | None = None
        self._strips: list[Strip] = []
        self._near: tuple[Source, ...] = ()
        self._timer: Timer | None = None
        self.choose: Callable[[Tile], int] | None = None
        """Which of a tile's drawings is shown, where bytes count; asked when it is painted."""

    def set_source(
        self, source: Source | None, *, crop: CropBox | None = None, picture_size: tuple[int, int] = (1, 1)
    ) -> None:
        """Show this picture, or nothing; `crop` shows only that part of a picture of `picture_size` pixels."""
        self.source = source
        self._box = None
        self._crop = crop and (
            crop[0] / picture_size[0],
            crop[1] / picture_size[1],
            (crop[0] + crop[2]) / picture_size[0],
            (crop[1] + crop[3]) / picture_size[1],
        )
        self._show()

    def set_box(self, box: CropBox | None, picture_size: tuple[int, int] = (1, 1)) -> None:
        """Darken what lies outside this part of the picture, whose full size is `picture_size`; None shows it all."""
        self._box, self._picture_size = box, picture_size
        self._show()

    def prepare(self, *sources: Source) -> None:
        """Have these decoded as well, so that going to them is instant."""
        self._near = sources
        self._show()

    @property
    def tile(self) -> Tile | None:
        """What is drawn now; of an earlier source while the new one is decoded."""
        return self._tile

    def redraw(self) -> None:
        """Paint it again, maybe by another drawing."""
        self._strips = []
        self.refresh()

    @property
    def ready(self) -> bool:
        """Whether the source is drawn as sharp as the widget's size allows."""
        spec = self._spec()
        return spec is None or (self._tile is not None and self._tile.spec == spec)

    def on_resize(self) -> None:
        self._show()

    def on_unmount(self) -> None:
        self.pool.leave(self)
        if self._own_pool:
            self.pool.close()

    def on_tiles_ready(self, message: TilesReady) -> None:
        message.stop()
        self._show()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips = []

    def _spec(self) -> TileSpec | None:
        if self.source is None or not self.size:
            return None
        return TileSpec(self.source.key, self.size.width, self.size.height, crop=self._crop)

    def _show(self) -> None:
        """Draw what there is of the source, and ask for what is missing after a while."""
        spec = self._spec()
        if spec is None:
            self._take(None, None)
            self.pool.want(self, ())
            return
        tile = self.pool.get(spec) or self.pool.get(spec._replace(draft=True))
        dark = self.pool.get(spec._replace(dimmed=True)) if self._box else None
        if tile is not None:
            self._take(tile, dark)
        elif self._box is not None or self._strips:
            self._take(self._tile, self._dark)
        if any(self.pool.lacks(job.spec) for job in self._jobs()):
            if self._timer is not None:
                self._timer.stop()
            self._timer = self.set_timer(PATIENCE, self._ask) if tile is None else None
            if tile is not None:
                self._ask()

    def _ask(self) -> None:
        self.pool.want(self, self._jobs())

    def _jobs(self) -> list[TileJob]:
        spec = self._spec()
        if spec is None or self.source is None:
            return []
        specs = [spec]
        if max(spec.cols, 2 * spec.rows) > THUMBNAIL_SIDE:
            specs.insert(0, spec._replace(draft=True))
        if self._box is not None:
            specs.append(spec._replace(dimmed=True))
        drafts = self.choose is not None
        near = [TileJob(TileSpec(source.key, spec.cols, spec.rows), source, drafts) for source in self._near]
        return [*(TileJob(wanted, self.source, drafts) for wanted in specs), *near]

    def _take(self, tile: Tile | None, dark: Tile | None) -> None:
        shown = (tile, dark, self._box)
        if shown != (self._tile, self._dark, self._shown_box) or not self._strips:
            self._tile, self._dark, self._shown_box = shown
            self._strips = []
            self.refresh()

    # Painting

    def render_lines(self, crop: Region) -> list[Strip]:
        return crop_lines(self, [self.render_line(y) for y in crop.line_range], crop)

    def render_line(self, y: int) -> Strip:
        if not self._strips:
            self._strips = self._paint()
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)

    def _paint(self) -> list[Strip]:
        width, height = self.size
        style = self.rich_style
        tile = self._tile
        if tile is None:
            return [Strip.blank(width, style)] * height
        level = self.choose(tile) if self.choose is not None and tile.drawings else 0
        tile, dark = _take_drawing(tile, level), self._dark
        strips = [Strip(line) for line in draw_tile(tile, style)]
        if self._box is not None and not tile.error and dark is not None and dark.spec[1:3] == tile.spec[1:3]:
            night = [Strip(line) for line in draw_tile(_take_drawing(dark, level), style)]
            strips = self._lay_over(tile, strips, night)
        return [strip.adjust_cell_length(width, style) for strip in strips[:height]]

    def _lay_over(self, tile: Tile, bright: list[Strip], dark: list[Strip]) -> list[Strip]:
        """The bright picture inside the box, the dark one outside, and corners that show without colours too."""
        left, top, right, bottom = self._box_in_cells(tile)
        glyphs: Glyphs = getattr(self.app, "glyphs", Glyphs())
        corners = ("+",) * 4 if glyphs.ascii else ("┌", "┐", "└", "┘")
        # Not by name: the filter for NO_COLOR makes black of both.
        style = Style(bold=True, color="#ffffff", bgcolor="#000000")
        mixed = dark[:top]
        for y in range(top, bottom):
            inside = bright[y].crop(left, right)
            if y in (top, bottom - 1) and right - left >= 2:
                first, last = corners[:2] if y == top else corners[2:]
                middle = inside.crop(1, right - left - 1)
                inside = Strip([Segment(first, style), *middle, Segment(last, style)])
            mixed.append(Strip([*dark[y].crop(0, left), *inside, *dark[y].crop(right)], dark[y].cell_length))
        return mixed + dark[bottom:]

    def _box_in_cells(self, tile: Tile) -> tuple[int, int, int, int]:
        assert self._box is not None
        left, top, width, height = self._box
        across = tile.box.cols / max(1, self._picture_size[0])
        down = tile.box.rows / max(1, self._picture_size[1])
        first = min(round(left * across), tile.box.cols - 1)
        upper = min(round(top * down), tile.box.rows - 1)
        last = min(max(first + 1, round((left + width) * across)), tile.box.cols)
        lower = min(max(upper + 1, round((top + height) * down)), tile.box.rows)
        return tile.box.left + first, tile.box.top + upper, tile.box.left + last, tile.box.top + lower


def _take_drawing(tile: Tile, level: int) -> Tile:
    return replace(tile, lines=tile.drawings[level].lines) if level < len(tile.drawings) else tile
