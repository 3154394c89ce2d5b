"""Keys of a screen with a picture wall: moving, marking, and the size of the tiles."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from loratui.tui.moves import CellMoves

if TYPE_CHECKING:
    from loratui.tui.wall import ImageWall


class WallKeys(CellMoves):
    """The actions that the wall itself does; for a LoratuiScreen."""

    wall: ImageWall

    def range_turned(self) -> None:
        """A range began or ended."""

    def zoomed(self) -> None:
        """Thumbnails have another size."""

    @abstractmethod
    def tell(self, text: str, *, error: bool = False) -> None:
        """Say what happened."""

    @abstractmethod
    def key(self, action: str) -> str:
        """The key of an action as a sentence names it."""

    def move(self, columns: int, rows: int) -> None:
        self.wall.move(columns, rows)

    def do_move_page_down(self) -> None:
        self.wall.page(1)

    def do_move_page_up(self) -> None:
        self.wall.page(-1)

    def do_move_half_down(self) -> None:
        self.wall.page(0.5)

    def do_move_half_up(self) -> None:
        self.wall.page(-0.5)

    def do_move_first(self) -> None:
        self.wall.home()

    def do_move_last(self) -> None:
        self.wall.end()

    def do_mark_toggle(self) -> None:
        self.wall.toggle_mark()
        self.wall.move(1, 0)

    def do_mark_range(self) -> None:
        if self.wall.ranging:
            self.wall.end_range()
        else:
            self.wall.start_range()
        self.range_turned()

    def do_mark_all(self) -> None:
        if len(self.wall.marked) == len(self.wall.ids):
            self.wall.clear_marks()
        else:
            self.wall.mark_all()

    def do_mark_invert(self) -> None:
        self.wall.invert_marks()

    def do_wall_larger(self) -> None:
        if not self.wall.zoom(1):
            self.tell(f"The thumbnails are as large as they get; {self.key('picture.open')} shows one picture alone.")
        self.zoomed()

    def do_wall_smaller(self) -> None:
        if not self.wall.zoom(-1):
            self.tell("The thumbnails are as small as they get.")
        self.zoomed()
