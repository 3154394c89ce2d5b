"""A sheet of images as a matrix: epochs across, prompts down; only what is in sight is decoded and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from loratui.tui.text import plain
from loratui.tui.tiles import Tile, TileJob, TilePool, TileSpec, TilesReady

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events

    from loratui.tui.app import LoratuiApp
    from loratui.tui.sources import Source

WIDTHS = (14, 20, 28, 40, 60)
"""Widths of an image in cells that zooming goes through; images grow from there to fill the line."""

Place = tuple[int, int]
"""(column, row)."""


@dataclass(frozen=True, slots=True)
class MatrixImage:
    """What one place shows; `source` None is an image that is not rendered yet."""

    source: Source | None
    rating: int = 0
    waits: bool = False
    """Whether it is being rendered."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Above a column: its name and a remark, such as the mean of its ratings."""

    title: str
    note: str = ""


class ImageMatrix(Widget, can_focus=True):
    """Images in columns and rows with a cursor; columns that don't fit are reached by moving there."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    ImageMatrix { height: 1fr; }
    ImageMatrix > .imagematrix--head { color: $foreground-muted; text-style: bold; }
    ImageMatrix > .imagematrix--note { color: $foreground-muted; }
    ImageMatrix > .imagematrix--prompt { color: $foreground; text-style: italic; }
    ImageMatrix > .imagematrix--tile { background: $surface; color: $foreground-muted; }
    ImageMatrix > .imagematrix--cursor { background: $primary; color: $background; text-style: bold; }
    ImageMatrix > .imagematrix--pin { color: $accent; text-style: bold; }
    ImageMatrix > .imagematrix--star { color: $accent; }
    """
    _PARTS = ("head", "note", "prompt", "tile", "cursor", "pin", "star")
    COMPONENT_CLASSES = {f"imagematrix--{part}" for part in _PARTS}

    cursor: reactive[Place] = reactive((0, 0), repaint=False, init=False)
    pinned: reactive[int | None] = reactive(None)
    """The column to flip with."""
    flipped: reactive[bool] = reactive(False)
    """Whether the place under the cursor shows the pinned column's image instead of its own."""

    class Moved(Message):
        """The cursor is on another image."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, ImageMatrix.Moved)

    class Opened(Message):
        """An image was double-clicked."""

    def __init__(self, pool: TilePool, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.pool = pool
        self.headings: Sequence[Heading] = ()
        self.rows: Sequence[str] = ()
        self._images: Mapping[Place, MatrixImage] = {}
        self._step = 1
        self._first: Place = (0, 0)
        self._sent: dict[Place, Tile] = {}

    def show(self, headings: Sequence[Heading], rows: Sequence[str], images: Mapping[Place, MatrixImage]) -> None:
        """Fill the matrix; the cursor stays where it is as far as there is such a place."""
        self.headings, self.rows, self._images = tuple(headings), tuple(rows), images
        column, row = self.cursor
        self.cursor = (min(column, max(0, len(headings) - 1)), min(row, max(0, len(rows) - 1)))
        self._want()
        self.refresh()

    def move(self, columns: int, rows: int) -> None:
        """Move the cursor, stopping at the edges."""
        self.move_to((self.cursor[0] + columns, self.cursor[1] + rows))

    def move_to(self, place: Place) -> None:
        """Put the cursor on a place, the nearest there is."""
        if self.headings and self.rows:
            column = min(max(place[0], 0), len(self.headings) - 1)
            self.cursor = (column, min(max(place[1], 0), len(self.rows) - 1))

    def zoom(self, steps: int) -> bool:
        """Larger images for positive steps; False at the end of the steps."""
        wanted = min(max(self._step + steps, 0), len(WIDTHS) - 1)
        if wanted == self._step:
            return False
        self._step = wanted
        self._scroll()
        self._want()
        self.refresh()
        return True

    @property
    def page(self) -> int:
        """How many rows of images are whole in sight."""
        return max(1, (self.size.height - self._HEAD) // self._row_height)

    # Geometry: a heading of two lines, then per row its prompt, the images, their labels.

    _HEAD = 2

    @property
    def _columns(self) -> int:
        return max(1, min(len(self.headings) or 1, self.size.width // (WIDTHS[self._step] + 2)))

    @property
    def _pitch(self) -> int:
        room = self.size.width // self._columns
        # Few columns don't become so large that no row is seen whole.
        return max(4, min(room, 2 * (self.size.height - self._HEAD - 2) + 2))

    @property
    def _tile(self) -> tuple[int, int]:
        cols = self._pitch - 2
        return cols, max(2, round(cols / self.pool.cell_aspect))

    @property
    def _row_height(self) -> int:
        return self._tile[1] + 2

    def watch_cursor(self, before: Place, after: Place) -> None:
        was = self._first
        self.set_reactive(ImageMatrix.flipped, False)
        self._scroll()
        if self._first != was:
            self._want()
            self.refresh()
        else:
            for place in (before, after):
                self._refresh_place(place)
        self.post_message(self.Moved())

    def watch_flipped(self) -> None:
        self._want()
        self._refresh_place(self.cursor)

    def on_resize(self) -> None:
        self._scroll()
        self._want()

    def on_tiles_ready(self, message: TilesReady) -> None:
        message.stop()
        self._want()
        for place in self._places():
            # Not what was drawn last counts: a line is drawn whole, but only the cells asked for are sent.
            tile = self._get_tile(place)
            if tile is not None and self._sent.get(place) is not tile:
                self._sent[place] = tile
                self._refresh_place(place)

    def on_unmount(self) -> None:
        self.pool.leave(self)

    def on_click(self, event: events.Click) -> None:
        column = self._first[0] + event.x // self._pitch
        row = self._first[1] + (event.y - self._HEAD) // self._row_height
        if event.y >= self._HEAD and column < len(self.headings) and row < len(self.rows):
            self.move_to((column, row))
            if event.chain == 2:
                self.post_message(self.Opened())

    def _scroll(self) -> None:
        (column, row), (left, top) = self.cursor, self._first
        left = max(min(left, column), column - self._columns + 1)
        left = max(0, min(left, len(self.headings) - self._columns))
        top = max(min(top, row), row - self.page + 1)
        self._first = (left, top)

    def _places(self) -> list[Place]:
        left, top = self._first
        rows = range(top, min(len(self.rows), top + self.page + 1))
        return [(column, row) for row in rows for column in range(left, min(left + self._columns, len(self.headings)))]

    def _shown_at(self, place: Place) -> MatrixImage | None:
        if self.flipped and self.pinned is not None and place == self.cursor:
            place = (self.pinned, place[1])
        return self._images.get(place)

    def _spec_of(self, place: Place) -> TileSpec | None:
        image = self._shown_at(place)
        return None if image is None or image.source is None else TileSpec(image.source.key, *self._tile)

    def _get_tile(self, place: Place) -> Tile | None:
        spec = self._spec_of(place)
        return None if spec is None else self.pool.get(spec)

    def _want(self) -> None:
        if not self.size.area:
            return
        jobs = []
        places = self._places()
        if self.pinned is not None:
            # Flipping must show the other image at once.
            places = [*places, (self.pinned, self.cursor[1])]
        for place in places:
            image, spec = self._shown_at(place), self._spec_of(place)
            if image is not None and image.source is not None and spec is not None and self.pool.lacks(spec):
                jobs.append(TileJob(spec, image.source))
        self.pool.want(self, jobs)

    def _refresh_place(self, place: Place) -> None:
        x = (place[0] - self._first[0]) * self._pitch
        y = self._HEAD + (place[1] - self._first[1]) * self._row_height
        self.refresh(Region(0, 0, self.size.width, self._HEAD), Region(x, y, self._pitch, self._row_height))

    # Painting

    def render_line(self, y: int) -> Strip:
        base = self.rich_style
        looks = {part: self.get_component_rich_style(f"imagematrix--{part}", partial=True) for part in self._PARTS}
        if y < self._HEAD:
            segments = self._draw_head(y, base, looks)
        else:
            row, line = divmod(y - self._HEAD, self._row_height)
            row += self._first[1]
            if row >= len(self.rows):
                segments = []
            elif line == 0:
                segments = [Segment(_fit(" " + plain(self.rows[row]), self.size.width), base + looks["prompt"])]
            else:
                segments = self._draw_images(row, line - 1, base, looks)
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _draw_head(self, y: int, base: Style, looks: Mapping[str, Style]) -> list[Segment]:
        segments = []
        for column in range(self._first[0], min(self._first[0] + self._columns, len(self.headings))):
            heading = self.headings[column]
            text = heading.title if y == 0 else heading.note
            style = base + looks["head" if y == 0 else "note"]
            if column == self.cursor[0] and y == 0:
                style = base + Style(bold=True, underline=True)
            if column == self.pinned and y == 0:
                text, style = f"{text} (pinned)", style + looks["pin"]
            text = text if cell_len(text) < self._pitch - 1 else _fit(text, self._pitch - 2)
            segments += [Segment(" ", base), Segment(text, style)]
            segments.append(Segment(" " * (self._pitch - 1 - cell_len(text)), base))
        if y == 1:
            segments = self._point_on(segments, base + looks["pin"])
        return segments

    def _point_on(self, segments: list[Segment], style: Style) -> list[Segment]:
        """Signs at the edges behind which there are more columns."""
        left, width = self._first[0], self._pitch * self._columns
        right = len(self.headings) - left - self._columns
        if left:
            segments = [Segment("<", style), *segments[1:]]
        if right > 0:
            rest = Strip(segments).crop(0, width - len(sign := f" {right} more >"))
            segments = [*rest, Segment(sign, style)]
        return segments

    def _draw_images(self, row: int, line: int, base: Style, looks: Mapping[str, Style]) -> list[Segment]:
        cols, rows = self._tile
        app: LoratuiApp = self.app  # type: ignore[assignment]
        segments: list[Segment] = []
        for column in range(self._first[0], min(self._first[0] + self._columns, len(self.headings))):
            place = (column, row)
            image, on_cursor = self._shown_at(place), place == self.cursor
            bar = Segment(app.glyphs.cursor if on_cursor else " ", base + Style.from_color(looks["cursor"].bgcolor))
            segments.append(bar)
            if line == rows:
                stars = "" if image is None or not image.rating else app.glyphs.star * image.rating
                if on_cursor and self.flipped and self.pinned is not None:
                    stars = f"{self.headings[self.pinned].title} {stars}"
                style = base + looks["cursor" if on_cursor and self.has_focus else "star"]
                segments.append(Segment(_fit(f" {stars}", cols + 1), style))
                continue
            tile = self._get_tile(place)
            segments.extend(_draw_tile_line(tile, image, line, cols, base + looks["tile"]))
            segments.append(Segment(" ", base))
        return segments


def _draw_tile_line(tile: Tile | None, image: MatrixImage | None, line: int, cols: int, style: Style) -> list[Segment]:
    if tile is None or tile.error:
        words = tile.error if tile is not None else ""
        if image is None or image.source is None:
            words = "being rendered" if image is not None and image.waits else "not rendered"
        return [Segment(_fit(f" {plain(words)}" if line == 0 else "", cols), style)]
    box = tile.box
    if not box.top <= line < box.top + box.rows:
        return [Segment(" " * cols, style)]
    return [
        Segment(" " * box.left, style),
        *tile.lines[line - box.top],
        Segment(" " * (cols - box.left - box.cols), style),
    ]


def _fit(text: str, size: int) -> str:
    return text + " " * (size - cell_len(text)) if cell_len(text) <= size else set_cell_size(text, size - 1) + "…"
