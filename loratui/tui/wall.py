"""The picture wall: any number of pictures, of which only those in sight cost anything.

Keys call methods; those change numbers and ask for one `_settle`, which scrolls, repaints the few cells that differ,
asks for what is missing and says what happened. So ten thousand keys in a burst cost ten thousand additions.
"""

from __future__ import annotations

from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.geometry import Region, Size
from textual.reactive import reactive

from loratui.tui.drafts import Drafts
from loratui.tui.grid import LABEL_ROWS, TILE_COLS, Grid, lay_out
from loratui.tui.labels import WallLabel
from loratui.tui.marks import Marks
from loratui.tui.painting import PARTS, WallPainter, crop_lines
from loratui.tui.tiles import TilePool, TilesReady
from loratui.tui.wall_messages import CursorMoved, Drawn, MarksChanged, Opened, WallNeeds
from loratui.tui.wall_mouse import MouseWall

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from textual.strip import Strip

__all__ = ["ImageWall", "WallLabel", "WallNeeds"]

# Beyond this many, labels of pictures far away are dropped.
_LABELS_KEPT = 4_000


class ImageWall(MouseWall, can_focus=True, inherit_bindings=False):
    """Pictures in a grid with a cursor and marks.

    The owner gives ids with `set_ids`, answers WallNeeds with `put_labels`, and binds keys to the methods.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    ImageWall { height: 1fr; overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    ImageWall > .imagewall--tile { background: $surface; color: $foreground-muted; }
    ImageWall > .imagewall--cursor { background: $primary; color: $background; text-style: bold; }
    ImageWall > .imagewall--blurred { background: $panel; color: $foreground; }
    ImageWall > .imagewall--mark { color: $accent; text-style: bold; }
    ImageWall > .imagewall--name { color: $foreground; }
    ImageWall > .imagewall--muted { color: $foreground-muted; }
    ImageWall > .imagewall--warning { color: $warning; }
    ImageWall > .imagewall--star { color: $accent; }
    ImageWall > .imagewall--primary { color: $success; text-style: bold; }
    ImageWall > .imagewall--supporting { color: $primary; text-style: bold; }
    ImageWall > .imagewall--inbox { color: $foreground-muted; }
    ImageWall > .imagewall--holdout { color: $secondary; text-style: bold; }
    ImageWall > .imagewall--rejected { color: $error; }
    """
    COMPONENT_CLASSES = {f"imagewall--{name}" for name in PARTS}

    cursor: reactive[int] = reactive(0, repaint=False, init=False)
    """Index of the picture that keys act on."""

    CursorMoved = CursorMoved
    Drawn = Drawn
    MarksChanged = MarksChanged
    Opened = Opened

    def __init__(self, *, pool: TilePool | None = None, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.ids: array[int] = array("q")
        self._own_pool = pool is None
        self.pool = TilePool() if pool is None else pool
        """Where tiles are made; screens pass the app's, so that tiles outlive them."""
        self._zoom = 2
        self.grid = lay_out(80, 24, TILE_COLS[self._zoom])
        """Where the tiles are now."""
        self._labels: dict[int, WallLabel] = {}
        self._stale: set[int] = set()
        self._asked: set[int] = set()
        self._marks = Marks()
        self._settling = False
        self._shown_cursor = 0
        self._told_cursor: tuple[int | None, int] = (None, -1)
        self._told_marks = 0
        self._follow = False
        self._drawn_anew = True
        self.is_drawn = False
        """Whether all pictures in sight are drawn, or were once since they were given."""
        self.drafts = Drafts(self)
        self.painter = WallPainter(self)

    # What is on the wall

    def set_ids(self, ids: Iterable[int], *, keep_cursor: bool = True, reload: bool = True) -> None:
        """Show these pictures in this order; the cursor stays on its picture, else at its place.

        `reload` asks for all labels anew, showing the known ones meanwhile. An array given here is kept, not copied.
        """
        before, place, shown = self.cursor_id, self.cursor, self.ids
        self.ids = ids if isinstance(ids, array) else array("q", ids)
        if reload:
            self._stale = set(self._labels)
        self._asked.clear()
        self._marks.set_ids(self.ids)
        if not keep_cursor:
            place = 0
        elif before is not None:
            # When it went away, the one that took its place is next.
            with suppress(ValueError):
                place = self.ids.index(before)
        self.set_reactive(ImageWall.cursor, min(place, max(0, len(self.ids) - 1)))
        if shown and self.ids[: len(shown)] == shown:
            # More of the same: what is painted stays, but for the row that goes on.
            self._follow = self._follow or not keep_cursor
            self._fit_to_ids()
            self.painter.forget_tile(len(shown), picture=True)
            self.draw_again(index for index in self.in_sight() if index >= len(shown))
            return
        self._drawn_anew, self.is_drawn = True, False
        self._resize_wall()

    def put_labels(self, labels: Mapping[int, WallLabel]) -> None:
        """Take labels that were asked for, or that changed; only tiles that differ are painted again."""
        changed = [id_ for id_, label in labels.items() if self._labels.get(id_) != label]
        self._labels.update(labels)
        self._stale.difference_update(labels)
        self._asked.difference_update(labels)
        self.refresh_ids(changed)

    def get_label(self, id: int) -> WallLabel | None:
        """The label of a picture, if it is loaded."""
        return self._labels.get(id)

    def refresh_ids(self, ids: Collection[int], *, reload: bool = False) -> None:
        """Paint these tiles again, and with `reload` ask for their labels first."""
        if reload:
            self._stale.update(ids)
            self._asked.difference_update(ids)
        wanted = set(ids)
        self.draw_again([index for index in self.in_sight() if self.ids[index] in wanted])

    def draw_again(self, places: Iterable[int]) -> None:
        """Paint the tiles at these places again."""
        for place in places:
            self._refresh_tile(place)
        self._ask_to_settle()

    # Cursor

    @property
    def cursor_id(self) -> int | None:
        """The picture under the cursor."""
        return self.ids[self.cursor] if self.cursor < len(self.ids) else None

    def move(self, dx: int, dy: int) -> None:
        """Move the cursor by tiles; it stops at the first and last picture, and goes on at line ends."""
        self.move_to(self.grid.step(self.cursor, dx, dy, len(self.ids)))

    def move_to(self, index: int) -> None:
        """Put the cursor on a picture by its place."""
        if self.ids:
            self.cursor = min(max(index, 0), len(self.ids) - 1)

    def move_to_id(self, id: int) -> bool:
        """Put the cursor on a picture; False when it is not on this wall."""
        try:
            self.move_to(self.ids.index(id))
        except ValueError:
            return False
        return True

    def open_at(self, index: int) -> None:
        """Say that the picture at this place was chosen."""
        self.post_message(self.Opened(self, self.ids[index]))

    def page(self, pages: float) -> None:
        """Move the cursor by pages, such as 1, -1 or 0.5."""
        self.move_to(self.grid.turn_pages(self.cursor, pages, len(self.ids)))

    def home(self) -> None:
        """To the first picture."""
        self.move_to(0)

    def end(self) -> None:
        """To the last picture."""
        self.move_to(len(self.ids) - 1)

    def watch_cursor(self) -> None:
        self.drafts.begin()
        self._marks.follow(self.cursor)
        self._follow = True
        self._ask_to_settle()

    # Marks

    @property
    def marked(self) -> set[int]:
        """The marked pictures; a copy."""
        return set(self._marks.ids_marked)

    def marked_in_order(self) -> list[int]:
        """The marked pictures as they follow each other on the wall."""
        marked = self._marks.ids_marked
        return [id_ for id_ in self.ids if id_ in marked] if marked else []

    def targets(self) -> list[int]:
        """What an action is about: the marked pictures in order, else the one under the cursor."""
        marked = self.marked_in_order()
        return marked if marked or self.cursor_id is None else [self.cursor_id]

    def is_marked(self, id: int) -> bool:
        """Whether this picture is marked."""
        return id in self._marks

    def toggle_mark(self) -> None:
        """Mark the picture under the cursor, or unmark it."""
        if self.cursor_id is not None:
            self._marks.toggle(self.cursor_id)
            self._ask_to_settle()

    @property
    def ranging(self) -> bool:
        """Whether moving the cursor marks what it passes."""
        return self._marks.ranging

    def start_range(self) -> None:
        """From here on, moving the cursor marks everything between."""
        if self.ids:
            self._marks.start_range(self.cursor)
            self._ask_to_settle()

    def end_range(self) -> None:
        """Keep what the range marked; moving marks no more."""
        self._marks.end_range()
        self._ask_to_settle()

    def extend(self, dx: int, dy: int) -> None:
        """Move and mark everything between, as shift with an arrow does."""
        if not self.ranging:
            self.start_range()
        self.move(dx, dy)

    def mark(self, ids: Iterable[int]) -> None:
        """Mark these pictures and no others."""
        self._marks.replace(ids)
        self._ask_to_settle()

    def mark_all(self) -> None:
        """Mark every picture of the wall."""
        self.mark(self.ids)

    def invert_marks(self) -> None:
        """Mark what is not marked."""
        self._marks.invert()
        self._ask_to_settle()

    def clear_marks(self) -> None:
        """Mark nothing."""
        self.mark(())

    # Size

    @property
    def tile_cols(self) -> int:
        """The smallest width of a tile's picture, in cells."""
        return TILE_COLS[self._zoom]

    def set_tile_size(self, cols: int) -> None:
        """Use the zoom step nearest to this width."""
        zoom = min(range(len(TILE_COLS)), key=lambda step: abs(TILE_COLS[step] - cols))
        if zoom != self._zoom:
            self._zoom = zoom
            self._resize_wall()

    def zoom(self, steps: int) -> bool:
        """Larger tiles for positive steps, smaller for negative; False at the end of the steps."""
        wanted = min(max(self._zoom + steps, 0), len(TILE_COLS) - 1)
        columns = self.grid.columns
        # A step that fits no fewer tiles side by side would change nothing.
        while 0 < wanted < len(TILE_COLS) - 1 and steps and self._lay_out(wanted).columns == columns:
            wanted += 1 if steps > 0 else -1
        if wanted == self._zoom:
            return False
        self._zoom = wanted
        self._resize_wall()
        return True

    def on_resize(self) -> None:
        self._resize_wall()

    def _lay_out(self, zoom: int) -> Grid:
        width, height = self.scrollable_content_region.size
        # Where no pictures are drawn, tiles are their labels with a line above.
        cell_aspect = 1000.0 if self.pool.depth == "off" else self.pool.cell_aspect
        return lay_out(max(1, width), max(1, height), TILE_COLS[zoom], cell_aspect)

    def _resize_wall(self) -> None:
        before, self.grid = self.grid, self._lay_out(self._zoom)
        if self.grid != before:
            self._drawn_anew = True
            self.drafts.forget()
        self._fit_to_ids()
        self._follow = True
        if self._drawn_anew:
            self.painter.forget()
            self._shown_cursor = self.cursor
            if self.is_attached:
                self.drafts.allowance.lift()
            self.refresh()
        self._ask_to_settle()

    def _fit_to_ids(self) -> None:
        self.virtual_size = Size(self.grid.width, self.grid.rows_of(len(self.ids)) * self.grid.row_height)

    # Settling

    def _ask_to_settle(self) -> None:
        if not self._settling and self.is_attached:
            self._settling = True
            self.call_later(self._settle)

    def _settle(self) -> None:
        """Bring the screen and the outside up to date with everything that happened since the last time."""
        self._settling = False
        if not self.size:
            return
        if self._follow:
            self._follow = False
            self._scroll_to_cursor()
        if self._shown_cursor != self.cursor:
            self._refresh_tile(self._shown_cursor, picture=False)
            self._refresh_tile(self.cursor, picture=False)
            self._shown_cursor = self.cursor
            self.drafts.put_off()
        self._drawn_anew = False
        sight = self.in_sight()
        if changed := self._marks.take_changed():
            for index in sight:
                if self.ids[index] in changed:
                    self._refresh_tile(index, picture=False)
        self._ask_for_labels(sight)
        self._ask_for_tiles(sight)
        told = (self.cursor_id, self.cursor)
        if told != self._told_cursor:
            self._told_cursor = told
            self.post_message(self.CursorMoved(self, *told))
        if self._marks.version != self._told_marks:
            self._told_marks = self._marks.version
            self.post_message(self.MarksChanged(self, len(self._marks.ids_marked)))

    def in_sight(self, pages: int = 0) -> range:
        """Places of the pictures that show, also those cut off, and so many pages more either way."""
        grid = self.grid
        top = int(self.scroll_y) // grid.row_height - pages * grid.page_rows
        bottom = (int(self.scroll_y) + grid.height - 1) // grid.row_height + 1 + pages * grid.page_rows
        return range(max(0, top) * grid.columns, min(bottom * grid.columns, len(self.ids)))

    def _scroll_to_cursor(self) -> None:
        grid = self.grid
        top = self.cursor // grid.columns * grid.row_height
        if top < self.scroll_y or grid.row_height >= grid.height:
            self.scroll_to_line(top)
        elif top + grid.row_height > self.scroll_y + grid.height:
            # Whole rows from the top, so that tiles stay where they are while the cursor goes through a page.
            self.scroll_to_line(top - (grid.page_rows - 1) * grid.row_height)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._drawn_anew:
            self.drafts.begin()
        self.drafts.scrolled(int(old_value), int(new_value))
        self._ask_to_settle()

    def _ask_for_labels(self, sight: range) -> None:
        if any(self._lacks(self.ids[index]) for index in sight):
            around = self.in_sight(pages=1)
            ids = [self.ids[index] for index in around if self._lacks(self.ids[index])]
            self._asked.update(ids)
            if len(self._labels) > _LABELS_KEPT:
                kept = set(self.ids[around.start : around.stop])
                self._labels = {id_: label for id_, label in self._labels.items() if id_ in kept}
            self.post_message(WallNeeds(self, ids))

    def _lacks(self, id: int) -> bool:
        return (id not in self._labels or id in self._stale) and id not in self._asked

    def _ask_for_tiles(self, sight: range) -> None:
        """Have the tiles in sight made first, then those a page below and above; paint what is made."""
        around = self.in_sight(pages=1)
        jobs = self.painter.find_jobs(sight)
        ahead = self.painter.find_jobs((*range(sight.stop, around.stop), *range(around.start, sight.start)))
        for index in sight:
            tile = self.painter.find_tile(index)
            if tile is not None and not self.painter.is_painted(index, tile):
                self._refresh_tile(index)
        self.pool.want(self, jobs, ahead)
        if not (self.is_drawn or jobs) and sight and all(self.ids[index] in self._labels for index in sight):
            self.is_drawn = True
            self.post_message(Drawn(self))

    def on_tiles_ready(self, message: TilesReady) -> None:
        message.stop()
        self._ask_to_settle()

    def on_unmount(self) -> None:
        self.pool.leave(self)
        if self._own_pool:
            self.pool.close()

    # Painting

    def _refresh_tile(self, index: int, *, picture: bool = True) -> None:
        """Have a tile painted again; without `picture` only its bar and label."""
        grid = self.grid
        self.painter.forget_tile(index, picture=picture)
        x, y = grid.place_of(index)
        y -= int(self.scroll_y)
        if picture:
            regions = [Region(x, y, grid.pitch, grid.row_height)]
        else:
            regions = [Region(x, y, 1, grid.rows), Region(x, y + grid.rows, grid.pitch, LABEL_ROWS)]
        bounds = Region(0, 0, grid.width, grid.height)
        if seen := [region.intersection(bounds) for region in regions if region.overlaps(bounds)]:
            self.refresh(*seen)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.painter.forget_looks()

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        if self.ids:
            self._refresh_tile(self.cursor, picture=False)

    def render_line(self, y: int) -> Strip:
        return self.painter.get_line(y + int(self.scroll_y))

    def render_lines(self, crop: Region) -> list[Strip]:
        # Without the cache of finished lines that widgets have: the painter keeps its own, by row of the whole wall.
        return crop_lines(self, [self.render_line(y) for y in crop.line_range], crop)
