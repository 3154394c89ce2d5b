"""A table of text that draws only the rows in sight: subjects, runs, tags, checkpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

GAP = 2


class Column(NamedTuple):
    """A column: `width` 0 takes the room that is left. `least` is the table width below which it is not shown."""

    title: str
    width: int = 0
    align: Literal["left", "right"] = "left"
    least: int = 0


class Row(NamedTuple):
    """A row: `key` finds it again when the table is filled anew; `tone` is a theme colour such as `warning`."""

    key: str
    cells: tuple[str, ...]
    tone: str = ""
    mark: str = " "
    """One cell wide, before the first column."""


class RowTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows with a cursor, which the screen's keys move. Filling it anew keeps it on the same key, else place."""

    DEFAULT_CSS = """
    RowTable { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """
    COMPONENT_CLASSES = {"rowtable--head", "rowtable--cursor", "rowtable--blurred"}
    DEFAULT_CSS += """
    RowTable > .rowtable--head { color: $foreground-muted; text-style: bold; }
    RowTable > .rowtable--cursor { background: $primary-muted; color: $foreground; text-style: bold; }
    RowTable > .rowtable--blurred { background: $panel; color: $foreground; }
    """

    cursor: reactive[int] = reactive(0, repaint=False)

    class CursorMoved(Message):
        """The cursor is on another row."""

        def __init__(self, table: RowTable, key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> RowTable:
            return self.table

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, RowTable.CursorMoved) and message.table is self.table

    class Chosen(Message):
        """A row was double-clicked."""

        def __init__(self, table: RowTable, key: str) -> None:
            super().__init__()
            self.table = table
            self.key = key

        @property
        def control(self) -> RowTable:
            return self.table

    def __init__(self, columns: Sequence[Column], *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.columns = tuple(columns)
        self.rows: Sequence[Row] = ()

    @property
    def cursor_key(self) -> str:
        """Key of the row under the cursor; empty for an empty table."""
        return self.rows[self.cursor].key if self.rows else ""

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Fill the table."""
        if list(rows) == list(self.rows):
            return
        before, had = self.cursor_key, self.cursor
        self.rows = rows
        self.virtual_size = Size(self.size.width, len(rows) + 1)
        place = next((place for place, row in enumerate(rows) if row.key == before), None)
        with self.prevent(RowTable.CursorMoved):
            self.set_reactive(RowTable.cursor, min(had, max(0, len(rows) - 1)) if place is None else place)
        self._show_cursor()
        self.refresh()
        if self.cursor_key != before:
            self.post_message(self.CursorMoved(self, self.cursor_key))

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Change titles or widths; rows must be given anew when their number of cells changes."""
        if tuple(columns) != self.columns:
            self.columns = tuple(columns)
            self.refresh()

    def move(self, rows: int) -> None:
        """Move the cursor by rows, stopping at the ends."""
        self.move_to(self.cursor + rows)

    def move_to(self, place: int) -> None:
        """Put the cursor on a row, by its place."""
        if self.rows:
            self.cursor = min(max(place, 0), len(self.rows) - 1)

    def move_to_key(self, key: str) -> bool:
        """Put the cursor on a row by its key; False when there is none."""
        for place, row in enumerate(self.rows):
            if row.key == key:
                self.move_to(place)
                return True
        return False

    @property
    def page(self) -> int:
        """How many rows are in sight."""
        return max(1, self.size.height - 1)

    def watch_cursor(self, before: int, after: int) -> None:
        self._show_cursor()
        for place in (before, after):
            self.refresh(Region(0, place + 1 - self.scroll_offset.y, self.size.width, 1))
        self.post_message(self.CursorMoved(self, self.cursor_key))

    def watch_has_focus(self, has_focus: bool) -> None:
        super().watch_has_focus(has_focus)
        self.refresh()

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
        self._show_cursor()

    def on_click(self, event: events.Click) -> None:
        place = event.y + self.scroll_offset.y - 1
        if event.y == 0 or not 0 <= place < len(self.rows):
            return
        self.move_to(place)
        if event.chain == 2:
            self.post_message(self.Chosen(self, self.cursor_key))

    def _show_cursor(self) -> None:
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, immediate=True)
        elif self.cursor >= top + self.page:
            self.scroll_to(y=self.cursor - self.page + 1, animate=False, immediate=True)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if y == 0:
            return self._draw([column.title for column in self.columns], " ", base + self._part("head"), width)
        place = y - 1 + self.scroll_offset.y
        if place >= len(self.rows):
            return Strip.blank(width, base)
        row = self.rows[place]
        style = base
        if row.tone:
            color = self.app.theme_variables.get(f"text-{row.tone}") or self.app.theme_variables.get(row.tone)
            style = base + Style(color=color) if color and color.startswith("#") else base
        if place == self.cursor:
            style = style + self._part("cursor" if self.has_focus else "blurred")
        return self._draw(row.cells, row.mark, style, width)

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"rowtable--{name}", partial=True)

    def _draw(self, cells: Sequence[str], mark: str, style: Style, width: int) -> Strip:
        shown = [(column, cell) for column, cell in zip(self.columns, cells, strict=True) if width >= column.least]
        fixed = sum(column.width + GAP for column, _ in shown if column.width)
        flexible = sum(1 for column, _ in shown if not column.width)
        room = max(8, (width - 2 - fixed - GAP * flexible) // flexible) if flexible else 0
        parts = [f"{mark} "]
        for column, cell in shown:
            size = column.width or room
            parts.append(_fit(plain(cell), size, column.align) + " " * GAP)
        return Strip([Segment("".join(parts), style)]).adjust_cell_length(width, style)


def _fit(text: str, size: int, align: str) -> str:
    length = cell_len(text)
    if length > size:
        return set_cell_size(text, size - 1) + "…"
    return " " * (size - length) + text if align == "right" else text + " " * (size - length)
