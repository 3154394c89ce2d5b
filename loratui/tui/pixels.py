"""Pictures as text: half cells in colour, a ramp of characters without, fitted into a tile.

Only decode threads import this module, because it loads numpy: the first frame must not wait for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image
from rich.segment import Segment
from rich.style import Style

from loratui.tui.halfcells import Drawing, draw_block, draw_half_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from loratui.tui.grid import Box

Depth = Literal["truecolor", "256", "ascii", "off"]
"""How pictures are drawn: in 24-bit colour, in the 256-colour palette, of characters alone, or not at all."""

THRIFTS = (75.0, 180.0, 450.0, 1300.0, 3000.0)
"""What a byte is worth of squared error in tiles, and in their drafts: at this size nobody misses what the first leaves
out. On photos at 22x11 cells they take 8.3, 6.0, 4.5, 3.4 and 2.8 bytes a cell."""
FULL_THRIFT = 15.0
"""The same where one picture has most of the screen."""
FULL_CELLS = 1_500
"""From how many cells on."""
RAMP = " .:-=+*#%@"

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


def paint_half_cells(rgb: NDArray[np.uint8], depth: Depth = "truecolor", *, drafts: bool = False) -> list[Drawing]:
    """Draw pixels (2 x rows, cols, 3), two rows to a line of segments.

    With `drafts` also as ever rougher drawings of ever fewer bytes, the last a block of one colour.
    """
    if depth == "ascii":
        return [Drawing(_paint_ramp(rgb), rgb.size // 6)]
    if depth == "off":
        return [Drawing([[Segment(" " * rgb.shape[1], _PLAIN)] for _ in range(rgb.shape[0] // 2)], 0)]
    palette = depth == "256"
    if drafts:
        return [*draw_half_cells(rgb, THRIFTS, palette=palette), draw_block(rgb, palette=palette)]
    thrift = FULL_THRIFT if rgb.size // 6 >= FULL_CELLS else THRIFTS[0]
    return draw_half_cells(rgb, (thrift,), palette=palette)


def _paint_ramp(rgb: NDArray[np.uint8]) -> list[list[Segment]]:
    grey = rgb @ _LUMINANCE
    levels = ((grey[0::2] + grey[1::2]) * (len(RAMP) / 512)).astype(np.uint8)
    characters = np.frombuffer(RAMP.encode(), dtype=np.uint8)[np.minimum(levels, len(RAMP) - 1)]
    return [[Segment(row.tobytes().decode(), _PLAIN)] for row in characters]
