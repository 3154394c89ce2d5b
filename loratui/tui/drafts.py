"""How well each picture of a wall is drawn, such that a move of the cursor costs no more bytes than it may.

What comes into sight is drawn as well as the bytes allow. Once the cursor rests, what is left of them goes to the
picture under it, the one beside the wall and those nearby. After a second the move is over: from then on what is still
a draft is drawn well in small lumps, until all is, or a key comes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from loratui.tui.allowance import Allowance
from loratui.tui.output import CompactOutput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.timer import Timer

    from loratui.tui.picture_view import PictureView
    from loratui.tui.tiles import Tile
    from loratui.tui.wall import ImageWall

REST_S = 0.25
"""The cursor must rest this long before the rest of a move's bytes is spent."""
MOVE_S = 1.0
"""So long after it began a move is over."""
LUMP_S = 0.1
LUMP_BYTES = 4096
"""So much at a time, and so much time between: no key ever waits for more, and a page is sharp in a few seconds."""
_MARGIN = 1024
"""For labels, the header and the like."""
_FACTS = 1536
"""What the text beside the wall takes."""
_ROUGH = 3
"""The drawing that there should at least be room for, of what comes later."""
_ROUGH_CELL = 3


class Drafts:
    """Which drawing of its tile each picture in sight is shown by: 0 is the best."""

    def __init__(self, wall: ImageWall) -> None:
        self._wall = wall
        self._own = Allowance()
        self._levels: dict[int, int] = {}
        self._moved_at = float("-inf")
        self._rest: Timer | None = None
        self._beside: PictureView | None = None
        self._beside_tile: Tile | None = None
        self._beside_level = 0

    @property
    def places(self) -> frozenset[int]:
        """Places in sight whose pictures are drafts now."""
        wall = self._wall
        return frozenset(place for place in wall.in_sight() if self._levels.get(wall.ids[place]))

    @property
    def allowance(self) -> Allowance:
        """What a move may still cost."""
        app = self._wall.app if self._wall.is_attached else None
        return app.allowance if isinstance(app, CompactOutput) else self._own

    def include(self, view: PictureView) -> None:
        """What this view shows follows the cursor: it is paid for by the same move."""
        self._beside = view
        view.choose = self._choose_beside

    def forget(self) -> None:
        """Everything is drawn anew, and by no move."""
        self._levels.clear()
        self._beside_tile = None
        self.allowance.lift()

    def begin(self) -> None:
        """The cursor moves, or the wall does."""
        self.allowance.begin()
        self._moved_at = time.monotonic()

    def put_off(self) -> None:
        """The cursor moved: wait until it rests."""
        if any(self._levels.values()) or self._beside_level:
            self._wait(REST_S)

    def scrolled(self, before: int, after: int) -> None:
        """The wall shows lines from `after` on, no more from `before` on: what is there still may be moved."""
        wall, grid = self._wall, self._wall.grid
        if isinstance(wall.app, CompactOutput):
            top = wall.content_region.y
            wall.app.expect_scroll(top, top + grid.height, after - before)
        # Rows that were cut off are new as well: more of them is to be drawn.
        whole = range(-(-before // grid.row_height), (before + grid.height) // grid.row_height)
        new = [place for place in wall.in_sight() if place // grid.columns not in whole]
        stay = {wall.ids[place] for place in wall.in_sight() if place // grid.columns in whole}
        self._levels = {id_: level for id_, level in self._levels.items() if id_ in stay}
        wall.draw_again(new)
        if 0 < abs(after - before) < grid.height:
            self._carry_beside(new)

    def level_of(self, place: int) -> int:
        """Which of its drawings the tile at this place is shown by."""
        id_ = self._wall.ids[place]
        if id_ not in self._levels:
            self._spread()
        return self._levels.get(id_, _ROUGH)

    def _spread(self) -> None:
        """Choose drawings for what came into sight, such that all of it together costs what the move may."""
        wall = self._wall
        new = [place for place in self._by_nearness() if wall.ids[place] not in self._levels]
        tiles = {place: tile for place in new if (tile := wall.painter.find_tile(place)) is not None}
        if not self.allowance.is_limited:
            self._levels.update((wall.ids[place], 0) for place in tiles)
            return
        # What is not made yet needs as much as what is.
        left = (self.allowance.left - self._reserve()) * len(tiles) // max(1, len(new))
        sizes = [[self._around() + size for size in _sizes(tile)] for tile in tiles.values()]
        levels = fit_levels(sizes, left)
        self._levels.update((wall.ids[place], level) for place, level in zip(tiles, levels, strict=True))
        self.allowance.promise(sum(each[level] for each, level in zip(sizes, levels, strict=True)))
        self._wait(REST_S)

    def _around(self) -> int:
        """Bytes for what is around a picture: the blanks beside it, and its label."""
        grid = self._wall.grid
        return 12 * grid.rows + grid.pitch + 60

    def _by_nearness(self) -> list[int]:
        """Places in sight, those nearest to the cursor first."""
        wall, columns = self._wall, self._wall.grid.columns
        row, column = divmod(wall.cursor, columns)
        return sorted(
            wall.in_sight(), key=lambda at: (at != wall.cursor, abs(at // columns - row), abs(at % columns - column))
        )

    # The picture beside the wall

    def _is_beside(self) -> bool:
        return self._beside is not None and self._beside.is_attached and bool(self._beside.size)

    def _reserve(self) -> int:
        """Bytes to keep for what follows the cursor later."""
        if self._beside is None or not self._is_beside():
            return _MARGIN
        tile, (width, height) = self._beside.tile, self._beside.size
        sizes = _sizes(tile) if tile is not None else [0]
        return _MARGIN + _FACTS + (sizes[min(_ROUGH, len(sizes) - 1)] or _ROUGH_CELL * width * height)

    def _carry_beside(self, new: Sequence[int]) -> None:
        """Lines of the terminal are moved as a whole, and what is beside the wall must be written again."""
        view = self._beside
        if view is None or not self._is_beside():
            return
        tile, wall, left = view.tile, self._wall, self.allowance.left
        sizes = _sizes(tile) if tile is not None else [0]
        tiles = [wall.painter.find_tile(place) for place in new]
        cells = wall.grid.cols * wall.grid.rows
        # The new pictures drawn well, the one that comes beside them, and the text as it was and as it will be.
        left -= sum(self._around() + (_sizes(each)[0] if each is not None else 8 * cells) for each in tiles)
        left -= sizes[0] + 2 * _FACTS + _MARGIN
        fitting = (level for level, size in enumerate(sizes[:-1]) if size <= left)
        level = max(next(fitting, len(sizes) - 2), 0, self._beside_level)
        self.allowance.promise(_FACTS + sizes[min(level, len(sizes) - 1)])
        if tile is not None and level != self._beside_level:
            self._beside_tile, self._beside_level = tile, level
            view.redraw()

    def _choose_beside(self, tile: Tile) -> int:
        """The drawing to show beside the wall: what is left of the move, but for pictures that are not made yet."""
        if self._beside_tile is not tile:
            wall, level = self._wall, 0
            if self.allowance.is_limited:
                missing = sum(wall.ids[place] not in self._levels for place in wall.in_sight())
                rough = _ROUGH_CELL * wall.grid.cols * wall.grid.rows + self._around()
                (level,) = fit_levels([_sizes(tile)], self.allowance.left - _MARGIN - _FACTS - missing * rough)
                self.allowance.promise(_sizes(tile)[level])
            self._beside_tile, self._beside_level = tile, level
            if level:
                self._wait(REST_S)
        return self._beside_level

    # At rest

    def _wait(self, seconds: float) -> None:
        if self._rest is not None:
            self._rest.stop()
        self._rest = self._wall.set_timer(seconds, self._improve)

    def _improve(self) -> None:
        """Draw better what there are bytes for."""
        self._rest = None
        wall, view = self._wall, self._beside
        drafts: list[tuple[int | None, int]] = []
        for place in self._by_nearness():
            if self._levels.get(wall.ids[place]) and (tile := wall.painter.find_tile(place)) is not None:
                drafts.append((place, self._around() + _sizes(tile)[0]))
        if view is not None and self._is_beside() and self._beside_level and self._beside_tile is view.tile is not None:
            drafts.insert(1 if drafts and drafts[0][0] == wall.cursor else 0, (None, _sizes(view.tile)[0]))
        moving = self._moved_at + MOVE_S - time.monotonic()
        left = self.allowance.left - _MARGIN if moving > 0 else LUMP_BYTES
        better: list[int] = []
        remain = len(drafts)
        at: int | None
        for at, size in drafts:
            # However large it is, one at a time must be possible at last.
            if size > left and (moving > 0 or remain < len(drafts)):
                continue
            left, remain = left - size, remain - 1
            self.allowance.promise(size)
            if at is not None:
                self._levels[wall.ids[at]] = 0
                better.append(at)
            elif view is not None:
                self._beside_level = 0
                view.redraw()
        if better:
            wall.draw_again(better)
        if remain:
            self._wait(max(moving, LUMP_S))


def fit_levels(sizes: Sequence[Sequence[int]], left: int) -> list[int]:
    """Which drawing of each picture to take when all may take `left` bytes; `sizes` are theirs, the best first.

    All are of about one quality; what then is left goes to the first ones. When even the worst are too large, those.
    """
    depth = max((len(each) for each in sizes), default=1)
    levels: list[int] = []
    for level in range(depth):
        levels = [min(level, len(each) - 1) for each in sizes]
        if sum(each[at] for each, at in zip(sizes, levels, strict=True)) <= left:
            break
    left -= sum(each[at] for each, at in zip(sizes, levels, strict=True))
    for number, (each, level) in enumerate(zip(sizes, levels, strict=True)):
        if level and each[level - 1] - each[level] <= left:
            levels[number] = level - 1
            left -= each[level - 1] - each[level]
    return levels


def _sizes(tile: Tile) -> list[int]:
    """The bytes of each drawing of a tile, the best first."""
    return [drawing.bytes for drawing in tile.drawings] or [0]
