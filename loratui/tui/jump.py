"""A letter on everything in sight that can be reached; pressing it goes there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.screen import ModalScreen
from textual.widgets import Static

from loratui.tui.table import RowTable
from loratui.tui.wall import ImageWall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from loratui.tui.base import LoratuiScreen

LETTERS = "asdfghjklqwertyuiopzxcvbnmASDFGHJKLQWERTYUIOPZXCVBNM1234567890"


@dataclass(frozen=True, slots=True)
class Target:
    """A place on the screen, in cells, and how to get there."""

    column: int
    line: int
    go: Callable[[], object]


class JumpScreen(ModalScreen[None]):
    """Letters over the screen below. Any key that is on no letter leaves.

    A widget with a method `jump_targets() -> Iterable[Target]` says itself what in it can be reached; any other that
    takes the focus is one target.
    """

    DEFAULT_CSS = """
    JumpScreen > Static {
        position: absolute; width: 2; height: 1; background: $accent; color: $background; text-style: bold;
    }
    """

    def __init__(self, top: LoratuiScreen) -> None:
        super().__init__()
        self._targets = dict(zip(LETTERS, _find_targets(top), strict=False))

    def compose(self) -> ComposeResult:
        for letter, target in self._targets.items():
            label = Static(Text(letter))
            label.styles.offset = (target.column, target.line)
            yield label

    def on_mount(self) -> None:
        # Colours of a terminal can't be blended: with such a theme any other background would hide what is below.
        self.styles.background = "transparent"

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        self.dismiss(None)
        if target := self._targets.get(event.character or ""):
            self.app.call_later(target.go)


def _find_targets(top: LoratuiScreen) -> Iterator[Target]:
    for widget in top.focus_chain:
        own: Callable[[], Iterator[Target]] | None = getattr(widget, "jump_targets", None)
        if isinstance(widget, RowTable):
            yield from _rows_of(widget)
        elif isinstance(widget, ImageWall):
            yield from _tiles_of(widget)
        elif own is not None:
            yield from own()
        else:
            yield Target(widget.region.x, widget.region.y, widget.focus)


def _rows_of(table: RowTable) -> Iterator[Target]:
    first = table.scroll_offset.y
    for place in range(first, min(first + table.page, len(table.rows))):
        yield Target(table.region.x, table.region.y + 1 + place - first, _going_to(table, place))


def _tiles_of(wall: ImageWall) -> Iterator[Target]:
    grid, top = wall.grid, wall.scroll_offset.y
    first = top // grid.row_height * grid.columns
    last = min(len(wall.ids), -(-(top + wall.size.height) // grid.row_height) * grid.columns)
    for index in range(first, last):
        column, line = grid.place_of(index)
        if line >= top:
            yield Target(wall.region.x + column, wall.region.y + line - top, _going_to(wall, index))


def _going_to(widget: RowTable | ImageWall, place: int) -> Callable[[], Widget]:
    def go() -> Widget:
        widget.move_to(place)
        return widget.focus()

    return go
