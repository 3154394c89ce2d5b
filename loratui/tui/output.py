"""What Textual sends to the terminal, in the fewest bytes.

Textual 8.2 sends a partial update from the left edge of the widget on, whatever was to be painted: moving a cursor in
the rightmost column of a picture wall would resend every picture left of it (78 KB for one key, measured; 1.4 KB
here). And it resets the colours after every segment, which for half cells is a tenth of the bytes, and never lets the
terminal scroll: one more row of pictures cost all of them.
This is the one place that leans on those private parts; without it everything is right, only slower.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App

from loratui.tui.allowance import Allowance
from loratui.tui.shown import Move, ShownScreen, split_cells

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from textual.screen import Screen

    from loratui.tui.shown import Cell


class CompactOutput(App[None]):
    """An app whose updates are written cropped to what changed, with only the colour changes between segments."""

    def __init__(self) -> None:
        super().__init__()
        # Within tmux TERM may begin with screen, too.
        erases = "TMUX" in os.environ or not os.environ.get("TERM", "").startswith("screen")
        self._shown = ShownScreen(erases=erases)
        self.allowance = Allowance(self._shown)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, (ChopsUpdate, LayoutUpdate)):
            super()._display(screen, cast("RenderableType", CompactUpdate(renderable, self._shown)))
        else:
            super()._display(screen, renderable)

    def forget_screen(self) -> None:
        """The terminal may show something else than was written to it: the next full update sends everything."""
        self._shown.forget()

    def expect_scroll(self, top: int, bottom: int, lines: int) -> None:
        """Screen lines from `top` up to `bottom` will be painted `lines` higher: the terminal may move them."""
        self._shown.expect_move(Move(top, bottom, lines))

    def on_mount(self) -> None:
        self.app_resume_signal.subscribe(self, lambda _: self.forget_screen())

    def on_resize(self) -> None:
        # Also when the size is the same again: what was cut off in between is gone.
        self.forget_screen()

    def send(self, data: str) -> bool:
        """Write to the terminal past Textual, from any thread; False when there is none or it is lent to a program."""
        driver = self._driver
        if driver is None or driver.is_headless or getattr(driver, "_writer_thread", None) is None:
            return False
        driver.write(data)
        return True


class CompactUpdate(CompositorUpdate):
    """An update of the compositor, written in fewer bytes; what is `shown` already is left out.

    Textual repaints the whole screen more often than anything on it changes: when a dialog closes, up to three times.
    """

    def __init__(self, update: ChopsUpdate | LayoutUpdate, shown: ShownScreen | None = None) -> None:
        self._update = update
        self._shown = ShownScreen() if shown is None else shown

    def render_segments(self, console: Console) -> str:
        colours = console._color_system or ColorSystem.TRUECOLOR
        return self._shown.show(self._split(colours))

    def _split(self, colours: ColorSystem) -> dict[int, list[tuple[int, list[Cell]]]]:
        """By line, where each piece begins and its cells."""
        update = self._update
        pieces: dict[int, list[tuple[int, list[Cell]]]] = {}
        if isinstance(update, LayoutUpdate):
            for y, line in enumerate(update.strips, update.region.y):
                cells = [cell for strip in line for cell in split_cells(strip, colours)]
                pieces[y] = [(update.region.x, cells)]
            self._shown.width = update.region.right
            return pieces
        for y, left, right in update.spans:
            found = pieces.setdefault(y, [])
            for end, (x, piece) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if piece is None or x >= right or end <= left:
                    continue
                start, stop = max(x, left), min(end, right)
                part = piece if (start, stop) == (x, end) else piece.crop(start - x, stop - x)
                found.append((start, split_cells(part, colours)))
        return pieces
