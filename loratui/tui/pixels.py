"""Pictures as text: half cells in colour, a ramp of characters without, fitted into a tile.

Only decode threads import this module, because it loads numpy: the first frame must not wait for that.
Colours keep 5 bits a channel: a twelfth of the distinct styles and half the compressed bytes of 8 bits, and at
this size nobody sees the difference.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from loratui.tui.grid import Box

Depth = Literal["truecolor", "256", "ascii", "off"]
"""How pictures are drawn: in 24-bit colour, in the 256-colour palette, of characters alone, or not at all."""

Line = list[Segment]
CACHE_LIMIT = 65_536
STICKINESS = 8
"""How far of 255 a colour may be off in a channel; rounding to 5 bits alone makes that 4."""
RAMP = " .:-=+*#%@"

_UPPER = "▀"
_PLAIN = Style.null()
"""The filters of Textual, such as the one for NO_COLOR, fail at a segment without a style."""
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def shrink(image: Image.Image, box: Box, crop: tuple[float, float, float, float] | None = None) -> NDArray[np.uint8]:
    """The pixels of a picture (or its crop: left, top, right, bottom) for a box: 2 x rows high, cols wide, RGB."""
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    small = rgb.resize((box.cols, box.rows * 2), Image.Resampling.BOX, box=crop)
    return np.asarray(small)


def dim(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same picture grey and dark: how a rejected one looks."""
    grey = (rgb @ _LUMINANCE) * 0.35 + 16
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def average_colour(rgb: NDArray[np.uint8]) -> tuple[int, int, int]:
    """The mean colour of some pixels."""
    red, green, blue = (int(value) for value in rgb.reshape(-1, 3).mean(axis=0))
    return red, green, blue


def paint_half_cells(rgb: NDArray[np.uint8], depth: Depth = "truecolor") -> list[Line]:
    """Draw pixels as lines of segments, two pixel rows to a line; equal neighbours share a segment.

    `rgb` is (2 x rows, cols, 3). A cell of one colour is a blank on that colour, which costs half the bytes.
    """
    if depth == "ascii":
        return _paint_ramp(rgb)
    if depth == "off":
        return [[Segment(" " * rgb.shape[1], _PLAIN)] for _ in range(rgb.shape[0] // 2)]
    codes = _pack_15_bits(_settle_colours(rgb))
    if depth == "256":
        codes = _palette_of_15_bits()[codes]
    pairs = (codes[0::2].astype(np.int64) << 16 | codes[1::2]).tolist()
    cells = _CELLS_256 if depth == "256" else _CELLS_TRUE
    return [cells.draw(row) for row in pairs]


def _paint_ramp(rgb: NDArray[np.uint8]) -> list[Line]:
    grey = rgb @ _LUMINANCE
    levels = ((grey[0::2] + grey[1::2]) * (len(RAMP) / 512)).astype(np.uint8)
    characters = np.frombuffer(RAMP.encode(), dtype=np.uint8)[np.minimum(levels, len(RAMP) - 1)]
    return [[Segment(row.tobytes().decode(), _PLAIN)] for row in characters]


def _settle_colours(rgb: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Colours of 5 bits a channel, each that of its left neighbour where that is as good as the same.

    Only changes of colour are sent: on photos this saves 29 % of the bytes. The lower half of a cell also takes
    the colour of the upper one. No channel is ever more than STICKINESS of 255 from the truth.
    """
    wanted = rgb.astype(np.int16)
    five = (wanted * 31 + 127) // 255
    settled: NDArray[np.int16] = five << 3 | five >> 2
    # One row for each column of cells, because columns are gone through.
    upper, lower = (np.ascontiguousarray(settled[half::2].swapaxes(0, 1)) for half in (0, 1))
    wanted_upper, wanted_lower = (np.ascontiguousarray(wanted[half::2].swapaxes(0, 1)) for half in (0, 1))
    apart = np.zeros(len(upper[0]), dtype=bool)
    for x in range(len(upper)):
        if x:
            _take_over(upper[x], upper[x - 1], wanted_upper[x])
            apart = _take_over(lower[x], lower[x - 1], wanted_lower[x])
        near = ~apart & (np.abs(wanted_lower[x] - upper[x]).max(axis=1) <= STICKINESS)
        lower[x][near] = upper[x][near]
    settled[0::2], settled[1::2] = upper.swapaxes(0, 1), lower.swapaxes(0, 1)
    return settled


def _take_over(
    colours: NDArray[np.int16], neighbours: NDArray[np.int16], wanted: NDArray[np.int16]
) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(wanted - neighbours).max(axis=1) <= STICKINESS
    colours[near] = neighbours[near]
    return near


def _pack_15_bits(settled: NDArray[np.int16]) -> NDArray[np.int32]:
    five = settled.astype(np.int32) >> 3
    return five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]


class _Cells:
    """Segments of one cell by the colours of its halves, made once and bounded in number."""

    def __init__(self, colours: dict[int, Color] | None = None) -> None:
        self._known: dict[int, Segment] = {}
        self._colours: dict[int, Color] = {} if colours is None else colours

    def draw(self, row: list[int]) -> Line:
        known = self._known
        line: Line = []
        append = line.append
        previous, count = row[0], 0
        for pair in row:
            if pair == previous:
                count += 1
                continue
            cell = known.get(previous) or self._make(previous)
            append(cell if count == 1 else Segment(cell.text * count, cell.style))
            previous, count = pair, 1
        cell = known.get(previous) or self._make(previous)
        append(cell if count == 1 else Segment(cell.text * count, cell.style))
        return line

    def _make(self, pair: int) -> Segment:
        upper, lower = pair >> 16, pair & 0xFFFF
        if upper == lower:
            segment = Segment(" ", Style.from_color(None, self._colour(lower)))
        else:
            segment = Segment(_UPPER, Style.from_color(self._colour(upper), self._colour(lower)))
        if len(self._known) >= CACHE_LIMIT:
            self._known.clear()
        self._known[pair] = segment
        return segment

    def _colour(self, code: int) -> Color:
        colour = self._colours.get(code)
        if colour is None:
            colour = self._colours[code] = Color.from_rgb(*unpack_15_bits(code))
        return colour


def unpack_15_bits(code: int) -> tuple[int, int, int]:
    """The colour of a 15-bit code, with 31 of 31 as 255."""
    red, green, blue = code >> 10, code >> 5 & 31, code & 31
    return red << 3 | red >> 2, green << 3 | green >> 2, blue << 3 | blue >> 2


_CELLS_TRUE = _Cells()
_CELLS_256 = _Cells({number: Color.from_ansi(number) for number in range(256)})


@cache
def _palette_of_15_bits() -> NDArray[np.int32]:
    """For every 15-bit colour the nearest of xterm's cube (16-231) and greys (232-255)."""
    codes = np.arange(32_768)
    five = np.stack([codes >> 10, codes >> 5 & 31, codes & 31], axis=1)
    wanted = five << 3 | five >> 2
    levels = np.array([0, 95, 135, 175, 215, 255])
    nearest = np.abs(wanted[..., None] - levels).argmin(axis=2)
    cube = 16 + nearest @ np.array([36, 6, 1])
    grey_step = np.clip((wanted.mean(axis=1) - 8) / 10 + 0.5, 0, 23).astype(np.int64)
    cube_error = ((levels[nearest] - wanted) ** 2).sum(axis=1)
    grey_error = (((8 + 10 * grey_step)[:, None] - wanted) ** 2).sum(axis=1)
    palette: NDArray[np.int32] = np.where(grey_error < cube_error, 232 + grey_step, cube).astype(np.int32)
    return palette
