"""The keys that move a cursor over rows, for screens whose main part is a table."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loratui.tui.table import RowTable


class TableMoves:
    """Methods for the actions `move.*`; the screen says which table is meant in `table`."""

    @property
    @abstractmethod
    def table(self) -> RowTable:
        """The table that the keys move in."""

    def do_move_up(self) -> None:
        self.table.move(-1)

    def do_move_down(self) -> None:
        self.table.move(1)

    def do_move_page_up(self) -> None:
        self.table.move(-self.table.page)

    def do_move_page_down(self) -> None:
        self.table.move(self.table.page)

    def do_move_half_up(self) -> None:
        self.table.move(-max(1, self.table.page // 2))

    def do_move_half_down(self) -> None:
        self.table.move(max(1, self.table.page // 2))

    def do_move_first(self) -> None:
        self.table.move_to(0)

    def do_move_last(self) -> None:
        self.table.move_to(len(self.table.rows) - 1)


class CellMoves:
    """The same for cells in rows and columns; the screen says in `move` what a step is."""

    @abstractmethod
    def move(self, columns: int, rows: int) -> None:
        """Put the cursor that many cells to the right and further down."""

    def do_move_up(self) -> None:
        self.move(0, -1)

    def do_move_down(self) -> None:
        self.move(0, 1)

    def do_move_left(self) -> None:
        self.move(-1, 0)

    def do_move_right(self) -> None:
        self.move(1, 0)
