"""Which half blocks and colours draw a picture best for the bytes they take.

A terminal keeps the colours it was told last, so a cell costs 1 to 3 bytes with the colours at hand and up to 45 with
two new ones. As video coders do, each line is drawn on the path that has the least error plus `thrift` times bytes;
at equal error that is 35-45 % fewer bytes than rounding colours until neighbours are equal. Colours are of 5 bits a
channel, or one of xterm's palette, which is half as long to say.

Measured on photos at 22x11 cells, with a beam of 4: thrift 0 takes 26 bytes a cell, 20 12.6, 50 9.2, 100 7.0.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Line = list[Segment]


class Drawing(NamedTuple):
    """A picture as lines of segments, and the most bytes that writing them takes, each line from its first cell on."""

    lines: list[Line]
    bytes: int


CACHE_LIMIT = 65_536
GLYPHS = " ▀▄█"
"""What a cell can be; the foreground is what is drawn in each."""
_GLYPH_BYTES = (1, 3, 3, 3)
_BEAM = 4
"""Ways to draw a line that are followed side by side; with 1 the same bytes show 0.8 dB less."""
_EARLIER = np.tril(np.ones((3 * _BEAM, 3 * _BEAM), bool), -1)
# The glyph of each choice that sets colours; of the first, which sets none, it depends.
_SET_GLYPHS = np.array([0, 0, 1, 1, 2, 2, 1])
_PALETTE = 32_768
"""Codes from here on are numbers of the palette, those below are colours of 15 bits."""
_NONE = _PALETTE + 256
"""No colour has been set yet: as far from every colour as can be."""
_FIRST_SAFE = 22
"""Some themes change the palette up to 21."""
# Brightness counts less than a change of hue: greys would take the place of every soft colour, being short to say.
_LUMA = np.array([0.3, 0.59, 0.11])
_METRIC = np.stack(
    [1.3 * _LUMA, 1.6 * (np.array([1, 0, 0]) - _LUMA), 1.6 * (np.array([0, 0, 1]) - _LUMA)], axis=1
).astype(np.float32)
# `38;2;r;g;b` with its semicolons; an SGR sequence has three bytes more.
_SEQUENCE = 3
# However dear bytes are: colours of the palette are too far from brown and dark green to gain by more.
_PALETTE_THRIFT = 300.0
# To go where a line begins, and to give up the colour of text that was set before.
_LINE_BYTES = 13


def draw_half_cells(rgb: NDArray[np.uint8], thrifts: Sequence[float], *, palette: bool = False) -> list[Drawing]:
    """Draw pixels (2 x rows, cols, 3) as lines of segments, once for each thrift in little more time than one takes.

    Thrift is how much squared error, of three channels of 255, one byte is worth; `palette` uses no colours but those
    of xterm's palette.
    """
    cells = choose_cells(rgb, thrifts, palette=palette)
    rows = len(rgb) // 2
    lines = [_draw_line(*each) for each in zip(*(part.tolist() for part in cells), strict=True)]
    sizes = count_bytes(*cells).reshape(len(thrifts), rows).sum(axis=1).tolist()
    return [Drawing(lines[rows * number : rows * (number + 1)], sizes[number]) for number in range(len(thrifts))]


def draw_block(rgb: NDArray[np.uint8], *, palette: bool = False) -> Drawing:
    """The mean colour of some pixels alone, where they would be."""
    rows, cols = len(rgb) // 2, rgb.shape[1]
    mean = rgb.reshape(-1, 3).mean(axis=0).astype(np.float32)
    (code,) = _find_codes(mean[None], np.zeros(1, np.float32), palette).tolist()
    size = rows * (_LINE_BYTES + _SEQUENCE + int(_lengths()[code]) + cols)
    return Drawing([[Segment(" " * cols, _style(_NONE, code))] for _ in range(rows)], size)


def count_bytes(glyphs: NDArray[np.int64], fronts: NDArray[np.int64], backs: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each line the most bytes that writing it takes: the terminal may have other colours when it begins."""
    lengths = _lengths()
    found = np.array(_GLYPH_BYTES)[glyphs].sum(axis=1) + float(_LINE_BYTES)
    sets = []
    for codes in (fronts, backs):
        changed = np.ones(codes.shape, bool)
        changed[:, 1:] = codes[:, 1:] != codes[:, :-1]
        found += (lengths[codes] * changed).sum(axis=1)
        sets.append(changed)
    found += _SEQUENCE * (sets[0] | sets[1]).sum(axis=1)
    whole: NDArray[np.int64] = found.astype(np.int64)
    return whole


def _draw_line(glyphs: list[int], fronts: list[int], backs: list[int]) -> Line:
    line: Line = []
    text, held = "", (fronts[0], backs[0])
    for glyph, *colours in zip(glyphs, fronts, backs, strict=True):
        if tuple(colours) != held:
            line.append(Segment(text, _style(*held)))
            text, held = "", (colours[0], colours[1])
        text += GLYPHS[glyph]
    line.append(Segment(text, _style(*held)))
    return line


def choose_cells(
    rgb: NDArray[np.uint8], thrifts: Sequence[float], *, palette: bool = False
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each cell its glyph and the codes of the two colours set there, (thrifts x rows, cols) each."""
    # Numpy takes about as long for the rows of several drawings as for those of one.
    thrift = np.repeat(np.asarray(thrifts, np.float32), len(rgb) // 2)[:, None]
    rgb = np.concatenate([rgb] * len(thrifts))
    rows, cols = rgb.shape[0] // 2, rgb.shape[1]
    points, lengths = _points(), _lengths()
    exact = rgb.astype(np.float32)
    middle: NDArray[np.float32] = (exact[0::2] + exact[1::2]) / np.float32(2)
    codes = [_find_codes(each, thrift, palette) for each in (exact[0::2], exact[1::2], middle)]
    upper, lower = (each @ _METRIC for each in (exact[0::2], exact[1::2]))
    pixels = np.stack([upper, lower])[:, None, :, :, None]
    blank, block = thrift * _GLYPH_BYTES[0], thrift * _GLYPH_BYTES[1]
    price = [thrift * (lengths[code] + _SEQUENCE) for code in codes]
    sets_above, sets_below = _miss(upper, points[codes[0]]) + price[0], _miss(lower, points[codes[1]]) + price[1]
    sets_both = _miss(upper, points[codes[2]]) + _miss(lower, points[codes[2]]) + price[2] + blank
    # One sequence sets two colours.
    sets_each = sets_above + sets_below - 2 * thrift + block
    row = np.arange(rows)[:, None]
    front = back = np.full((rows, 1), _NONE)
    total = np.zeros((rows, 1), np.float32)
    steps: list[tuple[NDArray[np.int64], ...]] = []
    for x in range(cols):
        new_above, new_below, new_both = (code[:, x, None] for code in codes)
        set_above, set_below = sets_above[:, x, None] + block, sets_below[:, x, None] + block
        (above_front, above_back), (below_front, below_back) = _miss(
            pixels[:, :, :, x], points[np.stack([front, back])]
        )
        # With the colours that the terminal has already, each glyph of GLYPHS.
        kept = np.stack(
            [
                above_back + below_back + blank,
                above_front + below_back + block,
                above_back + below_front + block,
                above_front + below_front + block,
            ]
        )
        # Cost, and the colours then set.
        choices = (
            (kept.min(axis=0), front, back),
            (sets_both[:, x, None], front, new_both),
            (set_above + below_back, new_above, back),
            (above_front + set_below, front, new_below),
            (set_above + below_front, front, new_above),
            (above_back + set_below, new_below, back),
            (sets_each[:, x, None], new_above, new_below),
        )
        width = front.shape[1]
        cost: NDArray[np.float32] = np.empty((rows, len(choices), width), np.float32)
        fronts: NDArray[np.int64] = np.empty(cost.shape, np.int64)
        backs: NDArray[np.int64] = np.empty(cost.shape, np.int64)
        for number, (found, *colours) in enumerate(choices):
            cost[:, number], (fronts[:, number], backs[:, number]) = found, colours
        cost += total[:, None]
        cost, fronts, backs = cost.reshape(rows, -1), fronts.reshape(rows, -1), backs.reshape(rows, -1)
        best: NDArray[np.int64] = np.argsort(cost, axis=1, kind="stable")[:, : 3 * _BEAM]
        # Of ways that end with the same colours only the best can be part of the best line.
        ends = fronts[row, best] << 17 | backs[row, best]
        doubled: NDArray[np.bool_] = (
            _EARLIER[: best.shape[1], : best.shape[1]] & (ends[:, :, None] == ends[:, None, :])
        ).any(axis=2)
        best = best[row, np.argsort(doubled, axis=1, kind="stable")[:, :_BEAM]]
        front, back, total = fronts[row, best], backs[row, best], cost[row, best]
        choice, before = best // width, best % width
        steps.append((before, np.where(choice, _SET_GLYPHS[choice], kept.argmin(axis=0)[row, before]), front, back))
    return _follow_back(steps, total)


def _miss(pixels: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far from each other they are, squared."""
    off = pixels - points
    found: NDArray[np.float32] = np.einsum("...i,...i", off, off)
    return found


def _follow_back(
    steps: list[tuple[NDArray[np.int64], ...]], total: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    row = np.arange(len(total))
    at = total.argmin(axis=1)
    chosen = []
    for before, *cells in reversed(steps):
        chosen.append([each[row, at] for each in cells])
        at = before[row, at]
    glyphs, front, back = (np.stack(each, axis=1) for each in zip(*reversed(chosen), strict=True))
    return glyphs, front, back


def _find_codes(pixels: NDArray[np.float32], thrift: NDArray[np.float32], palette: bool) -> NDArray[np.int64]:
    """For each pixel the code of a colour: of 15 bits, or of the palette where that costs less."""
    five = ((pixels * 31 + 127) // 255).astype(np.int64)
    true = five[..., 0] << 10 | five[..., 1] << 5 | five[..., 2]
    nearest: NDArray[np.int64] = _palette_of_15_bits()[true]
    if palette:
        return nearest
    points, lengths, wanted = _points(), _lengths(), pixels @ _METRIC
    price = np.minimum(thrift, _PALETTE_THRIFT)
    cost, short = (np.square(wanted - points[code]).sum(axis=-1) + price * lengths[code] for code in (true, nearest))
    chosen: NDArray[np.int64] = np.where((short < cost) & (nearest >= _PALETTE + _FIRST_SAFE), nearest, true)
    return chosen


def unpack_15_bits(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The colours of 15-bit codes, with 31 of 31 as 255; an axis of three more."""
    five = np.stack([codes >> 10, codes >> 5 & 31, codes & 31], axis=-1)
    return five << 3 | five >> 2


@cache
def _colours() -> NDArray[np.int64]:
    """The colour of every code; those of the terminal's own sixteen are not known, and black here."""
    numbers = np.arange(216)
    levels = np.array([0, 95, 135, 175, 215, 255])
    cube = levels[np.stack([numbers // 36, numbers // 6 % 6, numbers % 6], axis=1)]
    greys = np.repeat(8 + 10 * np.arange(24)[:, None], 3, axis=1)
    return np.concatenate([unpack_15_bits(np.arange(_PALETTE)), np.zeros((16, 3), np.int64), cube, greys])


@cache
def _points() -> NDArray[np.float32]:
    """Where the colour of every code is, such that distances are as people see them."""
    found = np.full((_NONE + 1, 3), 1e4, np.float32)
    found[:_NONE] = _colours().astype(np.float32) @ _METRIC
    return found


@cache
def _lengths() -> NDArray[np.float32]:
    """Bytes to set each colour, without what begins and ends the sequence but with a semicolon after it."""
    shown = _colours()[:_PALETTE]
    true = 8 + (1 + (shown >= 10) + (shown >= 100)).sum(axis=1)
    numbers = np.arange(256)
    palette = 6 + 1 + (numbers >= 10) + (numbers >= 100)
    return np.concatenate([true, palette, [0]]).astype(np.float32)


@cache
def _palette_of_15_bits() -> NDArray[np.int64]:
    """For every 15-bit colour the code of the nearest of xterm's cube (16-231) and greys (232-255)."""
    wanted = unpack_15_bits(np.arange(_PALETTE))
    levels = np.array([0, 95, 135, 175, 215, 255])
    nearest = np.abs(wanted[..., None] - levels).argmin(axis=2)
    cube = 16 + nearest @ np.array([36, 6, 1])
    grey_step = np.clip((wanted.mean(axis=1) - 8) / 10 + 0.5, 0, 23).astype(np.int64)
    cube_error = ((levels[nearest] - wanted) ** 2).sum(axis=1)
    grey_error = (((8 + 10 * grey_step)[:, None] - wanted) ** 2).sum(axis=1)
    found: NDArray[np.int64] = _PALETTE + np.where(grey_error < cube_error, 232 + grey_step, cube)
    return found


_styles: dict[tuple[int, int], Style] = {}


def _style(front: int, back: int) -> Style:
    """The style of two colours, made once; bounded in number."""
    found = _styles.get((front, back))
    if found is None:
        if len(_styles) >= CACHE_LIMIT:
            _styles.clear()
        found = _styles[front, back] = Style.from_color(_color(front), _color(back))
    return found


@cache
def _color(code: int) -> Color | None:
    if code == _NONE:
        return None
    return Color.from_ansi(code - _PALETTE) if code >= _PALETTE else Color.from_rgb(*_colours()[code].tolist())
