"""Much that comes into sight at once is drawn as a draft first, and better when the cursor rests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.tui.output import CompactOutput

if TYPE_CHECKING:
    from textual.timer import Timer

    from loratui.tui.wall import ImageWall

REST_S = 0.25
"""The cursor must rest this long before drafts are drawn better; so much is also between one step and the next."""
CELLS_AT_ONCE = 1_500
"""More cells of pictures than this are not drawn well at once: at 9 bytes each they would be over 13 KiB."""


class Drafts:
    """Which tiles of a wall are drafts, and when they are drawn better: those nearest to the cursor first."""

    def __init__(self, wall: ImageWall) -> None:
        self._wall = wall
        self._places: set[int] = set()
        self._rest: Timer | None = None

    def __contains__(self, place: int) -> bool:
        return place in self._places

    @property
    def places(self) -> frozenset[int]:
        """Places of the tiles that are drafts now."""
        return frozenset(self._places)

    def forget(self) -> None:
        """Everything is drawn anew."""
        self._places.clear()

    def scrolled(self, before: int, after: int) -> None:
        """The wall shows lines from `after` on, no more from `before` on: what is there still may be moved."""
        wall, grid = self._wall, self._wall.grid
        if isinstance(wall.app, CompactOutput):
            top = wall.content_region.y
            wall.app.expect_scroll(top, top + grid.height, after - before)
        new = min(abs(after - before), grid.height)
        if new * grid.columns * grid.cols > CELLS_AT_ONCE:
            first, last = (after, before) if after < before else (before + grid.height, after + grid.height)
            first, last = max(first, after), min(last, after + grid.height)
            # A row that was cut off before is new as well when less than half of it was there.
            rows = range(-(-(first - grid.row_height // 2) // grid.row_height), -(-last // grid.row_height))
            self._places = {place for place in self._places if place // grid.columns in wall.rows_in_sight()}
            self._places.update(range(rows.start * grid.columns, rows.stop * grid.columns))
            wall.draw_again(self._places)
        self.put_off()

    def put_off(self) -> None:
        """The cursor moved: wait until it rests."""
        if self._rest is not None:
            self._rest.stop()
        self._rest = self._wall.set_timer(REST_S, self._improve) if self._places else None

    def _improve(self) -> None:
        wall, grid = self._wall, self._wall.grid
        row = wall.cursor // grid.columns
        seen = [place for place in self._places if place // grid.columns in wall.rows_in_sight()]
        seen.sort(key=lambda place: (abs(place // grid.columns - row), place))
        better = seen[: max(1, CELLS_AT_ONCE // (grid.cols * grid.rows))]
        self._places = set(seen).difference(better)
        wall.draw_again(better)
        self._rest = None
        self.put_off()
