"""The contact sheet: epochs across, prompts and seeds down, everything labelled."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_PIXELS = 24_000_000
"""A page gets no more pixels than this: larger ones are slow to open over a remote desktop or a chat."""
MAX_WIDTH = 12_000

_SMALLEST, _LARGEST = 128, 320
_MARGIN, _GAP, _BLOCK_GAP = 28, 6, 26
_GUTTER = 250
_PAPER, _INK, _FAINT, _LINE, _HOLE = "#ffffff", "#1f2328", "#6b727b", "#d9dde2", "#f1f3f5"
_TITLE, _LABEL, _SMALL = (ImageFont.load_default(size=size) for size in (26, 17, 14))

_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class Column:
    """One LoRA at one weight: a label, and a fainter second line that may be empty."""

    label: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """The rows of one prompt: a seed each, and for every seed one image per column (None where it is missing)."""

    prompt: str
    seeds: tuple[int, ...]
    images: tuple[tuple[Path | None, ...], ...]


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where things are, in pixels: the size of a cell, and of the page's head with its column labels."""

    cell: tuple[int, int]
    columns: int
    head: int
    header: int

    @property
    def width(self) -> int:
        return 2 * _MARGIN + _GUTTER + self.columns * (self.cell[0] + _GAP) - _GAP

    def x(self, column: int) -> int:
        return _MARGIN + _GUTTER + column * (self.cell[0] + _GAP)

    def block_height(self, rows: int) -> int:
        return rows * (self.cell[1] + _GAP) - _GAP + _BLOCK_GAP


def draw_contact(
    path: Path,
    *,
    title: str,
    subtitle: str,
    columns: Sequence[Column],
    blocks: Sequence[Block],
    size: tuple[int, int],
) -> list[Path]:
    """Write the sheet as PNG and return its pages: `path`, then `path-2`, ... when it would be too large for one.

    `size` is the width and height of the images; they are shown between 128 and 320 pixels large.
    """
    grid = _lay_out(columns, size)
    pages = _split(blocks, grid)
    written = []
    for number, page in enumerate(pages, start=1):
        target = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        note = f"{subtitle}   ·   page {number} of {len(pages)}" if len(pages) > 1 else subtitle
        _save(_draw_page(title, note, columns, page, grid), target)
        written.append(target)
    # Pages of an earlier, longer sheet of the same name.
    number = len(pages) + 1
    while (stale := path.with_name(f"{path.stem}-{number}{path.suffix}")).exists():
        stale.unlink()
        number += 1
    return written


def _lay_out(columns: Sequence[Column], size: tuple[int, int]) -> _Grid:
    side = max(size)
    scale = min(max(side, _SMALLEST), _LARGEST) / side
    room = (MAX_WIDTH - 2 * _MARGIN - _GUTTER) / len(columns) - _GAP
    scale = min(scale, room / size[0])
    cell = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    header = 52 if any(column.note for column in columns) else 30
    return _Grid(cell, len(columns), head=84, header=header)


def _split(blocks: Sequence[Block], grid: _Grid) -> list[list[Block]]:
    """Blocks in pages of limited height; a block that is too tall alone is cut between two seeds."""
    limit = max(MAX_PIXELS // grid.width, grid.head + grid.header + grid.block_height(1) + 2 * _MARGIN)
    room = limit - grid.head - grid.header - 2 * _MARGIN
    rows = max(1, (room - _BLOCK_GAP) // (grid.cell[1] + _GAP))
    pages: list[list[Block]] = [[]]
    used = 0
    for whole in blocks:
        for start in range(0, len(whole.seeds), rows):
            part = Block(whole.prompt, whole.seeds[start : start + rows], whole.images[start : start + rows])
            height = grid.block_height(len(part.seeds))
            if pages[-1] and used + height > room:
                pages.append([])
                used = 0
            pages[-1].append(part)
            used += height
    return pages


def _draw_page(
    title: str, subtitle: str, columns: Sequence[Column], blocks: Sequence[Block], grid: _Grid
) -> Image.Image:
    height = grid.head + grid.header + 2 * _MARGIN + sum(grid.block_height(len(block.seeds)) for block in blocks)
    page = Image.new("RGB", (grid.width, height - _BLOCK_GAP), _PAPER)
    draw = ImageDraw.Draw(page)
    wide = grid.width - 2 * _MARGIN
    draw.text((_MARGIN, _MARGIN), _shorten(title, _TITLE, wide), font=_TITLE, fill=_INK)
    draw.text((_MARGIN, _MARGIN + 38), _shorten(subtitle, _SMALL, wide), font=_SMALL, fill=_FAINT)
    y = _MARGIN + grid.head
    for index, column in enumerate(columns):
        middle = grid.x(index) + grid.cell[0] // 2
        draw.text((middle, y), _shorten(column.label, _LABEL, grid.cell[0]), font=_LABEL, fill=_INK, anchor="ma")
        draw.text((middle, y + 23), _shorten(column.note, _SMALL, grid.cell[0]), font=_SMALL, fill=_FAINT, anchor="ma")
    y += grid.header
    for number, block in enumerate(blocks):
        if number:
            line = y - _BLOCK_GAP // 2
            draw.line((_MARGIN, line, grid.width - _MARGIN, line), fill=_LINE)
        _draw_block(page, draw, block, y, grid)
        y += grid.block_height(len(block.seeds))
    return page


def _draw_block(page: Image.Image, draw: ImageDraw.ImageDraw, block: Block, top: int, grid: _Grid) -> None:
    seed_width = 24 + max(math.ceil(_SMALL.getlength(f"seed {seed}")) for seed in block.seeds)
    height = grid.block_height(len(block.seeds)) - _BLOCK_GAP
    lines = wrap_text(block.prompt, _LABEL, _GUTTER - seed_width, height // 23)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, top + number * 23), line, font=_LABEL, fill=_INK)
    for row, (seed, images) in enumerate(zip(block.seeds, block.images, strict=True)):
        y = top + row * (grid.cell[1] + _GAP)
        place = (_MARGIN + _GUTTER - 14, y + grid.cell[1] // 2)
        draw.text(place, f"seed {seed}", font=_SMALL, fill=_FAINT, anchor="rm")
        for index, path in enumerate(images):
            x = grid.x(index)
            if path is None:
                draw.rectangle((x, y, x + grid.cell[0] - 1, y + grid.cell[1] - 1), fill=_HOLE)
                middle = (x + grid.cell[0] // 2, y + grid.cell[1] // 2)
                draw.text(middle, "missing", font=_SMALL, fill=_FAINT, anchor="mm")
                continue
            with Image.open(path, formats=("PNG",)) as image:
                shown = image.convert("RGB").resize(grid.cell, Image.Resampling.LANCZOS)
            page.paste(shown, (x, y))


def wrap_text(text: str, font: _Font, width: float, lines: int) -> list[str]:
    """The text in at most `lines` lines of a width in pixels; long words are cut, a lost end becomes an ellipsis."""
    wrapped: list[str] = []
    line = ""
    for word in text.split():
        rest = word
        while rest:
            candidate = f"{line} {rest}".strip()
            if font.getlength(candidate) <= width:
                line, rest = candidate, ""
            elif line:
                wrapped.append(line)
                line = ""
            else:
                # At least one letter a line, however narrow it is.
                fits = next((n for n in range(len(rest), 1, -1) if font.getlength(rest[:n]) <= width), 1)
                wrapped.append(rest[:fits])
                rest = rest[fits:]
    if line:
        wrapped.append(line)
    limit = max(1, lines)
    if len(wrapped) <= limit:
        return wrapped
    return [*wrapped[: limit - 1], _shorten(f"{wrapped[limit - 1]} …", font, width)]


def _shorten(text: str, font: _Font, width: float) -> str:
    if font.getlength(text) <= width:
        return text
    kept = text.removesuffix("…").rstrip()
    while kept and font.getlength(kept + "…") > width:
        kept = kept[:-1]
    return kept.rstrip() + "…"


def _save(page: Image.Image, path: Path) -> None:
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        page.save(file, format="PNG", compress_level=4)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
