"""The end of a log, drawn line by line: only what is in sight costs anything."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT = 20_000
"""Lines kept; older ones are in the file."""


class LogView(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines of a log. While it stands at its end it follows; scrolled up, it stays where one reads."""

    DEFAULT_CSS = """
    LogView { height: 1fr; overflow-x: hidden; color: $text-muted; }
    LogView:focus { color: $foreground; }
    """

    empty: reactive[str] = reactive("The log is empty.")
    """What stands here while there is no line."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: deque[str] = deque(maxlen=KEPT)
        self._follows = True

    @property
    def lines(self) -> Sequence[str]:
        """What is kept of the log."""
        return self._lines

    @property
    def follows(self) -> bool:
        """Whether new lines scroll into sight."""
        return self._follows

    def append(self, lines: Sequence[str]) -> None:
        """Add lines at the end."""
        if lines:
            self._lines.extend(lines)
            self._resize()

    def _resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._lines))
        if self._follows:
            self.call_after_refresh(self._go_to_end)
        self.refresh()

    def _go_to_end(self) -> None:
        if self._follows:
            self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def on_resize(self) -> None:
        self._resize()

    def move(self, rows: int) -> None:
        """Scroll by lines; at the end it follows again."""
        place = min(max(0, self.scroll_offset.y + rows), self.max_scroll_y)
        self._follows = place >= self.max_scroll_y
        self.scroll_to(y=place, animate=False, immediate=True)

    def on_mouse_scroll_up(self) -> None:
        self._follows = False

    def on_mouse_scroll_down(self) -> None:
        self._follows = self.scroll_offset.y + 3 >= self.max_scroll_y

    @property
    def page(self) -> int:
        """How many lines are in sight."""
        return max(1, self.size.height)

    def render_line(self, y: int) -> Strip:
        width, style = self.size.width, self.rich_style
        place = y + self.scroll_offset.y
        if not self._lines and y == 0:
            return self._draw(self.empty, width)
        if place >= len(self._lines):
            return Strip.blank(width, style)
        return self._draw(next(islice(self._lines, place, None)), width)

    def _draw(self, line: str, width: int) -> Strip:
        text = " " + plain(line.replace("\t", "    "))
        if cell_len(text) > width:
            text = set_cell_size(text, max(0, width - 1)) + "…"
        return Strip([Segment(text, self.rich_style)]).adjust_cell_length(width, self.rich_style)
