"""One image of a sheet as large as the terminal allows, to flip between epochs on the same spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.tui.base import LoratuiScreen
from loratui.tui.moves import CellMoves
from loratui.tui.picture_view import PictureView
from loratui.tui.review import rate_cell, source_of

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from loratui.catalog.rows import Cell
    from loratui.tui.review import ReviewScreen


class CellScreen(CellMoves, LoratuiScreen):
    """Left and right go through the epochs, up and down through the prompts; the image stays on the same spot.

    The review screen below keeps the place, so that going back finds the cursor on the image seen last.
    """

    scope = "cell"

    def __init__(self, owner: ReviewScreen) -> None:
        super().__init__()
        self._owner = owner
        self._flipped = False

    def compose_body(self) -> ComposeResult:
        yield PictureView(pool=self.lora.tiles, id="image")

    def on_mount(self) -> None:
        self.show()

    def library_changed(self) -> None:
        self._owner.library_changed()

    def tasks_changed(self) -> None:
        self._owner.tasks_changed()

    def show(self) -> None:
        """Show the image of the place where the review screen's cursor is."""
        found, cell = self._owner.found, self.cell
        if found is None or not self.query("#image"):
            # Nothing to show, or being taken down.
            return
        column = found.columns[self._column]
        view = self.query_one("#image", PictureView)
        view.set_source(None if cell is None else source_of(cell))
        near = (self._owner.cell_at(place) for place in self._neighbours())
        view.prepare(*(source for one in near if one is not None and (source := source_of(one)) is not None))
        stars = self.lora.glyphs.star * cell.rating if cell else ""
        pinned = self._owner.matrix.pinned
        flip = "" if pinned is None else f"f flips with {found.columns[pinned].title}"
        seed = found.seeds[self._owner.seed]
        self.set_header(found.run.name, column.title, status=f"{stars}  seed {seed}  {flip}".strip())
        if cell is not None:
            self.say_prompt(cell)
        self.refresh_keys()

    def say_prompt(self, cell: Cell) -> None:
        """The prompt, on the message line."""
        self.message_line.tell(f"prompt {self._owner.matrix.cursor[1] + 1}: {cell.prompt}", stays=True)

    @property
    def _column(self) -> int:
        """The column that is shown: the cursor's, or while flipped the pinned one."""
        pinned = self._owner.matrix.pinned
        return pinned if self._flipped and pinned is not None else self._owner.matrix.cursor[0]

    def _neighbours(self) -> list[int]:
        """Columns that the next key may show: they are decoded before it comes."""
        column, pinned = self._owner.matrix.cursor[0], self._owner.matrix.pinned
        return [column - 1, column, column + 1] if pinned is None else [pinned, column, column - 1, column + 1]

    @property
    def cell(self) -> Cell | None:
        """The image that is shown."""
        return self._owner.cell_at(self._column)

    def why_not(self, action: str) -> str:
        return "" if action.startswith("move.") else self._owner.why_not(action)

    def move(self, columns: int, rows: int) -> None:
        self._flipped = False
        self._owner.matrix.move(columns, rows)
        self.show()

    def do_cell_seed(self) -> None:
        self._owner.do_cell_seed()
        self.show()

    def do_cell_pin(self) -> None:
        self._owner.do_cell_pin()
        self.show()

    def do_cell_flip(self) -> None:
        self._flipped = not self._flipped
        self.show()

    def do_cell_rate(self, key: str) -> None:
        if (cell := self.cell) is not None and self._owner.found is not None:
            rate_cell(self, self._owner.found, cell, int(key))
