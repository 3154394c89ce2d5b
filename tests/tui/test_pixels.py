"""Half cells, ramps and where a picture goes in its tile."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from rich.cells import cell_len
from rich.color import Color, ColorSystem
from textual.strip import Strip

from loratui.tui import halfcells, pixels
from loratui.tui.grid import Box, fit_box
from loratui.tui.halfcells import Line, draw_half_cells
from loratui.tui.pixels import RAMP, average_colour, dim, paint_half_cells, shrink
from loratui.tui.shown import ShownScreen, split_cells

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PIXELS = st.tuples(st.integers(1, 12), st.integers(1, 30)).flatmap(
    lambda size: arrays.arrays(np.uint8, (2 * size[0], size[1], 3), elements=st.integers(0, 255))
)
FLAT_PIXELS = st.tuples(st.integers(1, 6), st.integers(1, 12)).flatmap(
    lambda size: arrays.arrays(np.uint8, (2 * size[0], size[1], 3), elements=st.sampled_from([0, 255]))
)


def read_back(lines: list[Line]) -> np.ndarray:
    """The colours that a terminal shows for these lines."""
    rows = []
    for line in lines:
        upper: list[tuple[int, ...]] = []
        lower: list[tuple[int, ...]] = []
        for text, style, _ in line:
            assert style is not None and style.bgcolor is not None and set(text) <= set(" ▀▄█")
            back = tuple(style.bgcolor.get_truecolor())
            front = back if style.color is None else tuple(style.color.get_truecolor())
            upper += [front if character in "▀█" else back for character in text]
            lower += [front if character in "▄█" else back for character in text]
        rows += [upper, lower]
    return np.array(rows)


def count_bytes(lines: list[Line]) -> int:
    return sum(
        len(ShownScreen().show({0: [(0, split_cells(Strip(line), ColorSystem.TRUECOLOR))]}).encode()) for line in lines
    )


def miss(seen: np.ndarray, rgb: np.ndarray) -> float:
    """The squared error as the painter sees it."""
    return float(np.square((seen - rgb.astype(float)) @ halfcells._METRIC).sum())


@given(PIXELS)
def test_every_pixel_comes_back_when_bytes_cost_nothing(rgb: np.ndarray) -> None:
    ((lines, _),) = draw_half_cells(rgb, (0.0,))
    seen = read_back(lines)
    assert seen.shape == rgb.shape
    # What rounding to 5 bits a channel costs.
    assert np.abs(seen - rgb.astype(int)).max() <= 16


@given(PIXELS, st.sampled_from([5.0, 50.0, 160.0]))
def test_what_is_left_out_is_never_worth_more_than_the_bytes_that_it_saves(rgb: np.ndarray, thrift: float) -> None:
    ((lines, _),) = draw_half_cells(rgb, (thrift,))
    cells = rgb.shape[0] // 2 * rgb.shape[1]
    # With both colours of each cell set anew, each as near as rounding allows.
    most = thrift * 42 * cells + miss(read_back(draw_half_cells(rgb, (0.0,))[0].lines), rgb)
    assert miss(read_back(lines), rgb) <= most


@given(PIXELS, st.sampled_from(["truecolor", "256"]))
def test_a_draft_takes_no_more_bytes_and_none_takes_more_than_it_says(rgb: np.ndarray, depth: pixels.Depth) -> None:
    drawings = paint_half_cells(rgb, depth, drafts=True)
    assert all(len(drawing.lines) == len(rgb) // 2 for drawing in drawings)
    for drawing in drawings:
        # Where a line begins takes up to 8 bytes; here each is the first one of a terminal.
        assert count_bytes(drawing.lines) <= drawing.bytes
    for better, rougher in itertools.pairwise(drawings[:-1]):
        assert rougher.bytes <= 1.1 * better.bytes + 8
    assert drawings[0] == paint_half_cells(rgb, depth)[0]
    together = draw_half_cells(rgb, pixels.THRIFTS)
    assert [draw_half_cells(rgb, (thrift,))[0] for thrift in pixels.THRIFTS] == together


def test_photos_take_eight_bytes_a_cell_and_their_drafts_ever_fewer(shared: Path) -> None:
    rgb = [shrink(Image.open(path), Box(0, 0, 22, 11)) for path in sorted(shared.glob("data/photos/*/00.jpg"))]
    assert len(rgb) >= 5
    drawn = [paint_half_cells(each, drafts=True) for each in rgb]
    sizes = [sum(count_bytes(each[which].lines) for each in drawn) / (242 * len(rgb)) for which in range(6)]
    assert sizes[0] < 9.5 and sizes[1] < 7 and sizes[2] < 5.5 and sizes[3] < 4.5 and sizes[4] < 3.5 and sizes[5] < 2.5
    # Of 255 a channel.
    off = [
        np.sqrt(np.square(read_back(each[0].lines) - pixels_.astype(float)).mean())
        for each, pixels_ in zip(drawn, rgb, strict=True)
    ]
    assert max(off) < 12


def test_a_soft_gradient_needs_few_colours() -> None:
    ramp = np.linspace(0, 255, 200).astype(np.uint8)
    rgb = np.repeat(np.stack([ramp, ramp])[..., None], 3, axis=2)
    (((line,), _),) = paint_half_cells(rgb)
    assert len(line) <= 32


def test_black_and_white_stay_black_and_white() -> None:
    rgb = np.zeros((2, 2, 3), np.uint8)
    rgb[:, 1] = 255
    assert np.array_equal(read_back(paint_half_cells(rgb)[0].lines), rgb)


@given(FLAT_PIXELS)
def test_equal_neighbours_share_a_segment(rgb: np.ndarray) -> None:
    for line in paint_half_cells(rgb)[0].lines:
        for left, right in itertools.pairwise(line):
            assert left.style != right.style


@given(PIXELS, st.sampled_from(["truecolor", "256", "ascii", "off"]))
def test_every_line_is_as_wide_as_the_picture(rgb: np.ndarray, depth: pixels.Depth) -> None:
    ((lines, _),) = paint_half_cells(rgb, depth)
    assert len(lines) == rgb.shape[0] // 2
    assert {sum(cell_len(segment.text) for segment in line) for line in lines} == {rgb.shape[1]}


def test_the_cache_of_cells_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halfcells, "CACHE_LIMIT", 50)
    draw_half_cells(np.random.default_rng(1).integers(0, 255, (20, 40, 3), np.uint8), (0.0,))
    assert len(halfcells._styles) <= 50


def test_without_colours_darkness_becomes_a_ramp_of_characters() -> None:
    grey = np.linspace(0, 255, len(RAMP)).astype(np.uint8)
    (((line,), _),) = paint_half_cells(np.repeat(np.stack([grey, grey])[..., None], 3, axis=2), "ascii")
    assert line[0].text == RAMP and not line[0].style


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_in_256_colours_the_nearest_of_cube_and_greys_is_taken(colour: tuple[int, int, int]) -> None:
    rgb = np.array([[colour], [colour]], np.uint8)
    (((line,), _),) = paint_half_cells(rgb, "256")
    assert line[0].style is not None and line[0].style.bgcolor is not None
    number = line[0].style.bgcolor.number
    assert number is not None and number >= 16

    def distance(candidate: int) -> int:
        # To what is left of the colour after quantising to 5 bits.
        wanted = read_back(draw_half_cells(rgb, (0.0,))[0].lines)[0, 0]
        return sum((a - b) ** 2 for a, b in zip(Color.from_ansi(candidate).get_truecolor(), wanted, strict=True))

    best = min(distance(candidate) for candidate in range(16, 256))
    # The cube is searched channel by channel and the greys by brightness, which is exact but for ties in rounding.
    assert distance(number) <= best + 3 * 25


@given(
    st.tuples(st.integers(1, 10_000), st.integers(1, 10_000)),
    st.integers(1, 200),
    st.integers(1, 100),
    st.floats(1.5, 3),
)
def test_a_picture_is_fitted_into_its_tile_with_its_aspect(
    size: tuple[int, int], cols: int, rows: int, cell_aspect: float
) -> None:
    box = fit_box(size, cols, rows, cell_aspect)
    assert box.left >= 0 and box.left + box.cols <= cols and box.cols >= 1
    assert box.top >= 0 and box.top + box.rows <= rows and box.rows >= 1
    assert abs((cols - box.cols) - 2 * box.left) <= 1 and abs((rows - box.rows) - 2 * box.top) <= 1
    assert box.cols == cols or box.rows == rows
    scale = min(cols / size[0], rows * cell_aspect / size[1])
    assert abs(box.cols - max(1, size[0] * scale)) <= 0.5 + 1e-6
    assert abs(box.rows - max(1, size[1] * scale / cell_aspect)) <= 0.5 + 1e-6


def test_a_crop_shows_only_its_part() -> None:
    picture = Image.new("RGB", (100, 100), "red")
    picture.paste("blue", (50, 0, 100, 100))
    assert average_colour(shrink(picture, Box(0, 0, 10, 5), (50, 0, 100, 100))) == (0, 0, 255)
    assert average_colour(shrink(picture, Box(0, 0, 10, 5))) == (127, 0, 127)


@settings(max_examples=30)
@given(PIXELS)
def test_what_is_rejected_is_grey_and_dark(rgb: np.ndarray) -> None:
    dark = dim(rgb)
    assert dark.shape == rgb.shape and dark.dtype == np.uint8
    assert np.array_equal(dark[..., 0], dark[..., 1]) and np.array_equal(dark[..., 1], dark[..., 2])
    assert dark.max() <= 106
