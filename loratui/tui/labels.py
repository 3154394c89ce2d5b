"""The line under each picture of a wall: mark, role, name, repeats, stars and signs, at fixed places."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from loratui.tui.grid import fit_box
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loratui.tui.grid import Box, Grid
    from loratui.tui.sources import Source
    from loratui.tui.theme import Glyphs
    from loratui.tui.tiles import Tile

ROLE_LETTERS = {"primary": "P", "supporting": "S", "inbox": "i", "holdout": "H", "rejected": "x"}
# From this width on, stars are drawn one by one.
_WIDE = 30


@dataclass(frozen=True, slots=True)
class WallLabel:
    """What a wall shows of one picture; equal labels are not painted again."""

    name: str
    source: Source
    role: str = ""
    """A role of the catalog; empty where roles mean nothing, as for cells of a sheet."""
    repeats: int = 1
    rating: int = 0
    twin: bool = False
    """It may be a duplicate of another one."""
    cropped: bool = False
    warned: bool = False
    away: bool = False
    """It does not belong here any more, and goes when the list is read anew: drawn grey, as rejected ones are."""
    width: int = 0
    height: int = 0
    """Size in pixels, 0 for unknown: what an average-colour block is drawn to before the picture is there."""


def draw_label(
    label: WallLabel | None, width: int, glyphs: Glyphs, base: Style, parts: Mapping[str, Style], *, marked: bool
) -> list[Segment]:
    """A label `width` cells wide; `parts` are styles (mark, name, muted, warning, star and roles) laid over `base`."""

    def draw(text: str, part: str) -> Segment:
        return Segment(text, base + parts[part] if part in parts else base)

    mark = draw(glyphs.mark if marked else " ", "mark")
    if label is None:
        return [mark, Segment(" " * (width - 1), base)]
    letter = ROLE_LETTERS.get(label.role, "")
    signs = "".join(
        sign
        for sign, there in ((glyphs.warn, label.warned), (glyphs.crop, label.cropped), (glyphs.twin, label.twin))
        if there
    )
    numbers = f"x{label.repeats}" if label.repeats != 1 and label.role in ("primary", "supporting") else ""
    stars = ""
    if label.rating:
        stars = glyphs.star * label.rating if width >= _WIDE else f"{label.rating}{glyphs.star}"
    right = [(text, part) for text, part in ((signs, "warning"), (numbers, "muted"), (stars, "star")) if text]
    # The name gives way last: without at least four cells of it, what stands right of it is dropped.
    room = width - (3 if letter else 2)
    while right and room - sum(1 + len(text) for text, _ in right) < 4:
        right.pop()
    name_width = max(0, room - sum(1 + len(text) for text, _ in right))
    name = draw(" " + shorten(plain(label.name), name_width), "muted" if label.away else "name")
    line = [mark, draw(letter, label.role), name]
    line += [draw(" " + text, part) for text, part in right]
    return Segment.adjust_line_length(line, width, base)


def shorten(text: str, width: int) -> str:
    """The text in exactly `width` cells: the middle makes room, because endings tell files apart."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    if width < 8:
        return set_cell_size(text, max(0, width - 1)) + "…" if width else ""
    tail = text[-(width // 3) :]
    while cell_len(tail) > width // 3:
        tail = tail[1:]
    return set_cell_size(set_cell_size(text, width - 1 - cell_len(tail)).rstrip() + "…" + tail, width)


def draw_picture(
    tile: Tile | None,
    label: WallLabel | None,
    grid: Grid,
    ground: Style,
    *,
    cell_aspect: float = 2.0,
    average: tuple[int, int, int] | None = None,
) -> list[list[Segment]]:
    """The picture area of a tile; until the picture is there, a block of its average colour where it will be."""
    if tile is not None:
        return draw_tile(tile, ground)
    cols, rows = grid.cols, grid.rows
    if label is None or not label.width or not label.height or average is None:
        return [[Segment(" " * cols, ground)]] * rows
    box = fit_box((label.width, label.height), cols, rows, cell_aspect)
    block = [Segment(" " * box.cols, Style.from_color(None, Color.from_rgb(*average)))]
    return _place([block] * box.rows, box, cols, rows, ground)


def draw_tile(tile: Tile, ground: Style) -> list[list[Segment]]:
    """A tile's picture with blanks around it, or its words; spec.rows lines of spec.cols cells."""
    if tile.error:
        return draw_words(tile.error, tile.spec.cols, tile.spec.rows, ground)
    lines = tile.lines
    drawn = lines[0][0].style
    if drawn is None or drawn.bgcolor is None:
        # Characters and pictures of the terminal let the ground through.
        lines = [list(Segment.apply_style(line, ground)) for line in lines]
    return _place(lines, tile.box, tile.spec.cols, tile.spec.rows, ground)


def _place(lines: list[list[Segment]], box: Box, cols: int, rows: int, ground: Style) -> list[list[Segment]]:
    empty = [Segment(" " * cols, ground)]
    before = [Segment(" " * box.left, ground)] if box.left else []
    rest = cols - box.left - box.cols
    after = [Segment(" " * rest, ground)] if rest else []
    below = rows - box.top - box.rows
    return [*[empty] * box.top, *([*before, *line, *after] for line in lines), *[empty] * below]


def draw_words(text: str, cols: int, rows: int, style: Style) -> list[list[Segment]]:
    """Words in the middle of an area, wrapped; what does not fit is cut off."""
    lines = textwrap.wrap(plain(text), max(1, cols - 2))[:rows] or [""]
    top = (rows - len(lines)) // 2
    padded = [*[""] * top, *lines, *[""] * (rows - top - len(lines))]
    return [[Segment(set_cell_size(" " * ((cols - cell_len(line)) // 2) + line, cols), style)] for line in padded]


def say_status(counts: Mapping[str, int], shown: int | None, words: Sequence[str], room: int) -> str:
    """How many pictures there are by role, how many of them are shown (unless all) and other words, in so many cells.

    Roles become the letters of their pictures and then go where there is no room: they are told on other screens too.
    """
    present = [(role, count) for role, count in counts.items() if count]
    total = sum(counts.values())
    of_all = [] if shown is None else [f"{shown:,} of {total:,} shown"]
    said = ["   ".join(["  ".join(f"{role} {count:,}" for role, count in present), *of_all, *words])]
    of_all = [] if shown is None else [f"{shown:,}/{total:,}"]
    # Apart, for x3 would be repeats.
    letters = "  ".join(f"{ROLE_LETTERS[role]} {count:,}" for role, count in present)
    said += ["   ".join([letters, *of_all, *words]), "  ".join([*of_all, *words])]
    return next((one.strip() for one in said if cell_len(one) <= room), said[-1])
