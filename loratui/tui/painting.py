"""Paints the rows of a picture wall, each once until something in it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.filter import ANSIToTruecolor
from textual.strip import Strip

from loratui.tui.labels import draw_label, draw_picture
from loratui.tui.theme import Glyphs
from loratui.tui.tiles import TileJob, TileSpec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.geometry import Region
    from textual.widget import Widget

    from loratui.tui.labels import WallLabel
    from loratui.tui.tiles import Tile
    from loratui.tui.wall import ImageWall

_ROLES = ("primary", "supporting", "inbox", "holdout", "rejected")
PARTS = ("tile", "cursor", "blurred", "mark", "name", "muted", "warning", "star", *_ROLES)
"""Component classes of the wall, without their prefix."""
_GLYPHS = Glyphs()


class WallPainter:
    """The lines of rows that were in sight lately, and which tiles are in them."""

    def __init__(self, wall: ImageWall) -> None:
        self._wall = wall
        self._rows: dict[int, list[Strip]] = {}
        self._tiles: dict[int, Tile | None] = {}
        self._looks: dict[str, Style] = {}

    def get_line(self, y: int) -> Strip:
        """A line of the whole wall."""
        grid = self._wall.grid
        row, line = divmod(y, grid.row_height)
        strips = self._rows.get(row)
        if strips is None:
            if len(self._rows) > 8 * grid.page_rows + 16:
                self._forget_far(row)
            strips = self._rows[row] = self._paint_row(row)
        return strips[line]

    def forget(self) -> None:
        """Everything is to be painted again."""
        self._rows.clear()
        self._tiles.clear()

    def forget_tile(self, index: int, *, picture: bool) -> None:
        """This tile is to be painted again; without `picture` only its other cells, so its picture stays the same."""
        self._rows.pop(index // self._wall.grid.columns, None)
        if picture:
            self._tiles.pop(index, None)

    def _forget_far(self, row: int) -> None:
        grid = self._wall.grid
        near = range(row - 2 * grid.page_rows - 2, row + 2 * grid.page_rows + 3)
        self._rows = {each: strips for each, strips in self._rows.items() if each in near}
        self._tiles = {index: tile for index, tile in self._tiles.items() if index // grid.columns in near}

    def forget_looks(self) -> None:
        """The theme or the styles changed."""
        self._looks = {}
        self._rows.clear()

    def is_painted(self, index: int, tile: Tile) -> bool:
        """Whether this tile is what is painted there; also true for what is yet to be painted."""
        return self._tiles.get(index, tile) is tile

    def spec_of(self, label: WallLabel) -> TileSpec:
        """The tile for a picture at the present size."""
        grid = self._wall.grid
        return TileSpec(label.source.key, grid.cols, grid.rows, label.role == "rejected")

    def find_tile(self, index: int) -> Tile | None:
        """The tile of the picture at a place, if it is made."""
        label = self._wall.get_label(self._wall.ids[index])
        return None if label is None else self._wall.pool.get(self.spec_of(label))

    def find_jobs(self, indices: Iterable[int]) -> list[TileJob]:
        """What is to be made for the pictures at these places whose labels are known."""
        labels = [self._wall.get_label(self._wall.ids[index]) for index in indices]
        jobs = [TileJob(self.spec_of(label), label.source, drafts=True) for label in labels if label is not None]
        return [job for job in jobs if self._wall.pool.lacks(job.spec)]

    def _paint_row(self, row: int) -> list[Strip]:
        wall = self._wall
        grid, width = wall.grid, wall.outer_size.width
        looks = self._looks = self._looks or self._get_looks()
        indices = range(row * grid.columns, min((row + 1) * grid.columns, len(wall.ids)))
        tiles = [self._paint_tile(index, looks) for index in indices]
        left = [Segment(" " * grid.left, looks["base"])] if grid.left else []
        rest = width - grid.left - len(tiles) * grid.pitch
        right = [Segment(" " * rest, looks["base"])] if rest > 0 else []
        return [
            Strip([*left, *(segment for tile in tiles for segment in tile[line]), *right], width)
            for line in range(grid.row_height)
        ]

    def _paint_tile(self, index: int, looks: dict[str, Style]) -> list[list[Segment]]:
        wall = self._wall
        grid, pool, id_ = wall.grid, wall.pool, wall.ids[index]
        label = wall.get_label(id_)
        if index not in self._tiles:
            self._tiles[index] = self.find_tile(index)
        tile = self._tiles[index]
        base = looks["base"]
        glyphs: Glyphs = getattr(wall.app, "glyphs", _GLYPHS)
        on_cursor = index == wall.cursor
        blank = Segment(" ", base)
        bar = Segment(glyphs.cursor, looks["bar"]) if on_cursor else blank
        average = None if label is None else pool.average(label.source.key)
        if tile is not None and tile.drawings and (level := wall.drafts.level_of(index)):
            tile = replace(tile, lines=tile.drawings[level].lines)
        picture = draw_picture(tile, label, grid, looks["tile"], cell_aspect=pool.cell_aspect, average=average)
        lines = [[bar, *line, blank] for line in picture]
        label_base = base + looks["cursor" if wall.has_focus else "blurred"] if on_cursor else base
        parts = {} if on_cursor else looks
        lines.append([bar, *draw_label(label, grid.cols + 1, glyphs, label_base, parts, marked=wall.is_marked(id_))])
        return lines

    def _get_looks(self) -> dict[str, Style]:
        """The styles of all parts, with colours that let something through mixed with what is behind."""
        wall = self._wall
        base, background = wall.rich_style, wall.background_colors[1]
        looks = {"base": base}
        for name in PARTS:
            styles = wall.get_component_styles(f"imagewall--{name}")
            ground = background + styles.background if styles.has_rule("background") else None
            color = (ground or background) + styles.color if styles.has_rule("color") else None
            looks[name] = Style.from_color(color and color.rich_color, ground and ground.rich_color) + Style(
                bold=True if styles.text_style.bold else None
            )
        looks["tile"] = base + looks["tile"]
        looks["bar"] = Style.from_color(looks["cursor"].bgcolor, base.bgcolor)
        return looks


def crop_lines(widget: Widget, strips: list[Strip], crop: Region) -> list[Strip]:
    """Lines of a widget that draws itself, through the filters of the app (no colours, dimmed) and cut to `crop`."""
    width = widget.outer_size.width
    background = widget.background_colors[1]
    for line_filter in widget.get_line_filters():
        # Pictures have no colours for it to change, and looking at each cell took more time than all else here.
        if isinstance(line_filter, ANSIToTruecolor):
            continue
        strips = [strip.apply_filter(line_filter, background) for strip in strips]
    if crop.column_span == (0, width):
        return strips
    return [strip.crop(crop.x, crop.right) for strip in strips]
