"""Where the tiles of a wall are: pure arithmetic in cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

TILE_COLS = (14, 20, 26, 38, 58)
"""Widths that zooming goes through, in cells; tiles grow or shrink from there to fill the wall."""
# A bar on the left, a blank on the right, a label below.
SIDES = 2
LABEL_ROWS = 1
# How much of its height a row may lose, by how many are whole without that.
_LEAST_SHARES = (0.0, 0.72, 0.85)


@dataclass(frozen=True, slots=True)
class Grid:
    """Tiles in rows: `columns` of them side by side, each with a picture area of cols x rows cells."""

    width: int
    height: int
    columns: int
    cols: int
    rows: int
    left: int
    """Blank cells before the first tile, so that the wall is centred."""

    @property
    def pitch(self) -> int:
        """Cells from one tile to the next."""
        return self.cols + SIDES

    @property
    def row_height(self) -> int:
        """Lines from one row of tiles to the next."""
        return self.rows + LABEL_ROWS

    @property
    def page_rows(self) -> int:
        """How many rows of tiles are whole in sight, at least one."""
        return max(1, self.height // self.row_height)

    def rows_of(self, count: int) -> int:
        """How many rows `count` tiles take."""
        return -(-count // self.columns)

    def place_of(self, index: int) -> tuple[int, int]:
        """Column and line of a tile's left upper cell on the whole wall."""
        row, column = divmod(index, self.columns)
        return self.left + column * self.pitch, row * self.row_height

    def index_at(self, x: int, y: int, count: int) -> int | None:
        """Which tile is at a place of the whole wall, if any."""
        column, row = (x - self.left) // self.pitch, y // self.row_height
        if x < self.left or column >= self.columns or row < 0:
            return None
        index = row * self.columns + column
        return index if index < count else None

    def step(self, index: int, dx: int, dy: int, count: int) -> int:
        """Where a cursor goes by tiles: on at line ends, and nowhere above the first row or below the last."""
        last = count - 1
        target = index + dx + dy * self.columns
        if dy > 0 and target > last and index // self.columns < last // self.columns:
            return last
        return index if dy and not 0 <= target <= last else target

    def turn_pages(self, index: int, pages: float, count: int) -> int:
        """Where a cursor goes by pages, such as 1, -1 or 0.5: in its column, up to the first and the last row."""
        rows = max(1, round(abs(pages) * self.page_rows)) * (1 if pages > 0 else -1)
        target, last, column = index + rows * self.columns, count - 1, index % self.columns
        if target < 0:
            return column
        return target if target <= last else min(last, last // self.columns * self.columns + column)


def lay_out(width: int, height: int, wanted_cols: int, cell_aspect: float = 2.0) -> Grid:
    """Fill `width` with tiles about `wanted_cols` wide, low enough to be seen whole."""
    columns = max(1, round(width / (wanted_cols + SIDES)))
    cols = max(1, width // columns - SIDES)
    rows = max(1, round(cols / cell_aspect))
    whole, rest = divmod(height, rows + LABEL_ROWS)
    # A row cut off at the bottom is made whole when that takes little from each, or when it is the only one.
    lower = height // (whole + 1) - LABEL_ROWS
    if rest and whole < 3 and lower >= _LEAST_SHARES[whole] * rows:
        rows = max(1, lower)
        columns = max(columns, width // (round(rows * cell_aspect) + SIDES))
        cols = max(1, width // columns - SIDES)
    return Grid(width, height, columns, cols, rows, (width - columns * (cols + SIDES)) // 2)


class Box(NamedTuple):
    """Where a picture lies in its tile, in cells."""

    left: int
    top: int
    cols: int
    rows: int


def fit_box(size: tuple[int, int], cols: int, rows: int, cell_aspect: float = 2.0) -> Box:
    """The largest centred place for a picture of `size` pixels in a tile; cells are `cell_aspect` as high as wide."""
    width, height = max(1, size[0]), max(1, size[1])
    scale = min(cols / width, rows * cell_aspect / height)
    fitted_cols = min(cols, max(1, round(width * scale)))
    fitted_rows = min(rows, max(1, round(height * scale / cell_aspect)))
    return Box((cols - fitted_cols) // 2, (rows - fitted_rows) // 2, fitted_cols, fitted_rows)
