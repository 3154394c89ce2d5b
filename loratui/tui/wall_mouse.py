"""The mouse on a picture wall: a click moves the cursor, a second one opens, the wheel turns by whole rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.scroll_view import ScrollView

if TYPE_CHECKING:
    from array import array

    from textual import events

    from loratui.tui.grid import Grid


class MouseWall(ScrollView):
    """What a wall does with the mouse."""

    ids: array[int]
    grid: Grid

    if TYPE_CHECKING:

        def move_to(self, index: int) -> None:
            """Put the cursor on a picture by its place."""

        def open_at(self, index: int) -> None:
            """A picture was chosen, by its place."""

    def scroll_to_line(self, y: int) -> None:
        """Show the wall from this line on."""
        self.scroll_to(y=y, animate=False, immediate=True, force=True)

    def on_click(self, event: events.Click) -> None:
        index = self.grid.index_at(event.x, event.y + int(self.scroll_y), len(self.ids))
        if index is None:
            return
        event.stop()
        self.move_to(index)
        if event.chain == 2:
            self.open_at(index)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._turn_wheel(event, 1)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._turn_wheel(event, -1)

    def _turn_wheel(self, event: events.MouseEvent, rows: int) -> None:
        """By whole rows: every line that moves is sent again, so half rows would cost twice as much."""
        event.stop()
        event.prevent_default()
        self.scroll_to_line((round(self.scroll_y) // self.grid.row_height + rows) * self.grid.row_height)
