"""What the terminal shows, cell by cell, and the fewest bytes that make it show something else.

A cell that shows already what it should is left out; lines that only moved are moved by the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len

if TYPE_CHECKING:
    from rich.color import ColorSystem
    from textual.strip import Strip

_RESET = "\x1b[0m"
# Up to this many cells in the same colours are written again rather than jumped over.
_SHORT_GAP = 3
# From so many blanks on the terminal is told to erase them: that, and going on behind them, takes up to 12 bytes.
_LONG_BLANK = 16


class Codes(NamedTuple):
    """The parts of a style's SGR codes, each with its semicolons; empty for the terminal's default."""

    attributes: str
    colour: str
    background: str
    shows_on_blanks: bool
    """Whether a blank in this style looks different without the foreground: underlined, reversed, struck."""


class Cell(NamedTuple):
    """What begins at a column: mostly one character, else text whose characters are not of one cell each."""

    text: str
    codes: Codes
    width: int


PLAIN = Codes("", "", "", False)
_REST = Cell("", PLAIN, 0)
"""A column that belongs to the text before it."""
_BLANK = Cell(" ", PLAIN, 1)

Line = list[Cell | None]
"""The cells of a line of the screen; None where nobody knows."""
Pieces = Mapping[int, Sequence[tuple[int, list[Cell]]]]
"""What is to be shown: by line, where a piece begins and its cells."""


class Move(NamedTuple):
    """Lines from `top` up to `bottom` that have moved up by `lines`, or down when negative."""

    top: int
    bottom: int
    lines: int


class ShownScreen:
    """The cells of the terminal as far as they are known.

    With `erases` the terminal gives what it erases the colour that is set, as all do but GNU screen.
    """

    def __init__(self, *, erases: bool = False) -> None:
        self.width = 0
        """How many columns there are; 0 until all of them were written, and then nothing is moved."""
        self.bytes_written = 0
        """All that was ever written."""
        self._erases = erases
        self._lines: dict[int, Line] = {}
        self._move: Move | None = None

    def forget(self) -> None:
        """The terminal may show something else than was written to it."""
        self.width = 0
        self._lines.clear()
        self._move = None

    def expect_move(self, move: Move) -> None:
        """Something in these lines was scrolled since the last update; a hint, which may be wrong."""
        last = self._move
        if last is not None and last[:2] == move[:2]:
            move = move._replace(lines=move.lines + last.lines)
        elif last is not None:
            # Two places at once: sent as it is.
            move = move._replace(lines=0)
        self._move = move

    def show(self, pieces: Pieces) -> str:
        """The bytes that bring these cells onto the screen."""
        data = self._bring(pieces)
        self.bytes_written += len(data.encode("utf-8", "replace"))
        return data

    def _bring(self, pieces: Pieces) -> str:
        move, self._move = self._move, None
        if move is None or not self.width or not 0 < abs(move.lines) < move.bottom - move.top:
            return _write(self._lines, pieces, self._erases)
        area = range(move.top, move.bottom)
        wanted = _apply(self._lines, pieces, area)
        # What nobody knows would be carried away, and nobody could draw it again.
        if wanted is None or any(len(self._lines.get(y, ())) < self.width for y in area):
            return _write(self._lines, pieces, self._erases)
        moved = _move_lines(self._lines, move)
        by_moving = _write_move(move) + _write(moved, {**pieces, **wanted}, self._erases)
        plainly = _write(self._lines, pieces, self._erases)
        # Either way the terminal shows the same then.
        return min(by_moving, plainly, key=lambda data: len(data.encode("utf-8", "replace")))


def split_cells(strip: Strip, colours: ColorSystem) -> list[Cell]:
    """The cells of a strip, as long as it is wide."""
    cells: list[Cell] = []
    for text, style, control in strip._segments:
        if control or not text:
            continue
        if style is None:
            codes = PLAIN
        elif style._link:
            width = cell_len(text)
            cells += (Cell(style.render(text, color_system=colours), PLAIN, width), *[_REST] * (width - 1))
            continue
        else:
            codes = _split_codes(style._ansi if style._ansi is not None else style._make_ansi_codes(colours))
        if text.isspace() and text.isascii():
            cells += [_make_cell(" ", codes)] * len(text)
        elif text.isascii() or _is_simple(text):
            cells += [_make_cell(character, codes) for character in text]
        else:
            # Terminals may count these columns in other ways: all of it is sent again, or nothing.
            width = cell_len(text)
            cells += (Cell(text, codes, width), *[_REST] * (width - 1))
    return cells


@lru_cache(maxsize=16_384)
def _is_simple(text: str) -> bool:
    """Whether each character fills one cell."""
    return all(cell_len(character) == 1 for character in text)


@lru_cache(maxsize=65_536)
def _make_cell(character: str, codes: Codes) -> Cell:
    if character == " " and not codes.shows_on_blanks:
        codes = codes._replace(colour="")
    return Cell(character, codes, 1)


def _write(lines: dict[int, Line], pieces: Pieces, erases: bool) -> str:
    """The bytes for what differs, in `lines` too from then on."""
    pen = _Pen(erases)
    for y in sorted(pieces):
        line = lines.setdefault(y, [])
        for x, cells in pieces[y]:
            end = x + len(cells)
            line.extend([None] * (end - len(line)))
            if line[x:end] == cells:
                continue
            for start, stop in _find_changes(line, x, cells):
                pen.write(y, start, cells[start - x : stop - x], line)
                _replace(line, start, cells[start - x : stop - x])
    return pen.finish()


def _find_changes(line: Line, x: int, cells: list[Cell]) -> list[tuple[int, int]]:
    """Stretches of columns that differ; none begins or ends inside of a text of several columns."""
    found: list[tuple[int, int]] = []
    at = x
    while at < x + len(cells):
        end = at + max(1, cells[at - x].width)
        if line[at:end] != cells[at - x : end - x]:
            if found and found[-1][1] == at:
                found[-1] = (found[-1][0], end)
            else:
                found.append((at, end))
        at = end
    return found


def _replace(line: Line, start: int, cells: list[Cell]) -> None:
    """Put cells into a line; what is left of a text that they cut is not known any more."""
    stop = start + len(cells)
    line.extend([None] * (stop - len(line)))
    before, after = start, stop
    while before and line[before] is _REST:
        before -= 1
    while after < len(line) and line[after] is _REST:
        after += 1
    line[before:after] = [*[None] * (start - before), *cells, *[None] * (after - stop)]


def _apply(lines: Mapping[int, Line], pieces: Pieces, area: range) -> dict[int, list[tuple[int, list[Cell]]]] | None:
    """What these lines show after an update, as one piece each; None when some of it is not known."""
    wanted: dict[int, list[tuple[int, list[Cell]]]] = {}
    for y in area:
        line = list(lines.get(y, ()))
        for x, cells in pieces.get(y, ()):
            _replace(line, x, cells)
        known = [cell for cell in line if cell is not None]
        if len(known) < len(line) or not line:
            return None
        wanted[y] = [(0, known)]
    return wanted


def _move_lines(lines: Mapping[int, Line], move: Move) -> dict[int, Line]:
    """The lines as they are after the terminal moved them."""
    area = range(move.top, move.bottom)
    moved = {y: list(line) for y, line in lines.items()}
    for y in area:
        source = y + move.lines
        moved[y] = list(lines[source]) if source in area else [_BLANK] * len(lines[y])
    return moved


def _write_move(move: Move) -> str:
    """Within margins, lines are deleted or inserted: what every terminal can, tmux too."""
    verb = f"\x1b[{move.lines}M" if move.lines > 0 else f"\x1b[{-move.lines}L"
    return f"\x1b[{move.top + 1};{move.bottom}r\x1b[{move.top + 1};1H{verb}\x1b[r"


def _find_long_blanks(cells: list[Cell]) -> list[tuple[int, int]]:
    """Stretches of equal blanks that are shorter to erase than to write."""
    found: list[tuple[int, int]] = []
    at = 0
    while at + _LONG_BLANK <= len(cells):
        cell = cells[at + _LONG_BLANK - 1]
        # Where this one is no blank, no stretch that begins before it is long enough.
        if cell.text != " " or cell.codes.attributes:
            at += _LONG_BLANK
            continue
        start, stop = at + _LONG_BLANK - 1, at + _LONG_BLANK
        while start > at and cells[start - 1] == cell:
            start -= 1
        while stop < len(cells) and cells[stop] == cell:
            stop += 1
        if stop - start >= _LONG_BLANK:
            found.append((start, stop))
        at = stop
    return found


class _Pen:
    """Where the terminal writes next and in which colours, and what was written so far."""

    def __init__(self, erases: bool) -> None:
        self._erases = erases
        self._parts: list[str] = []
        self._attributes = self._colour = self._background = ""
        self._place: tuple[int, int] | None = None

    def write(self, y: int, x: int, cells: list[Cell], line: Line) -> None:
        at, count = 0, len(cells)
        for start, stop in (*(_find_long_blanks(cells) if self._erases else ()), (count, count)):
            if at < start:
                self._go(y, x + at, line)
                for cell in cells[at:start]:
                    if cell.width:
                        self._add(cell)
                last = cells[start - 1]
                # Whether the cursor is where it should be is sure after single characters only.
                self._place = (y, x + start) if last.width == 1 and len(last.text) == 1 else None
            if start < stop:
                self._go(y, x + start, line)
                self._add(cells[start], f"\x1b[{stop - start}X")
                # The cursor stays where the blanks begin.
                self._place = (y, x + start)
            at = stop

    def finish(self) -> str:
        if self._attributes or self._colour or self._background:
            self._parts.append(_RESET)
        return "".join(self._parts)

    def _go(self, y: int, x: int, line: Line) -> None:
        if self._place == (y, x):
            return
        if self._place is None or self._place[0] != y or self._place[1] > x:
            self._parts.append(f"\x1b[{y + 1};{x + 1}H")
            return
        start = self._place[1]
        between = line[start:x]
        if len(between) <= _SHORT_GAP and all(cell is not None and self._has(cell) for cell in between):
            self._parts.append("".join(cell.text for cell in between if cell is not None))
        else:
            self._parts.append(f"\x1b[{x - start}C" if x - start > 1 else "\x1b[C")

    def _has(self, cell: Cell) -> bool:
        """Whether a cell can be written with the colours at hand."""
        codes = cell.codes
        return (
            cell.width == 1
            and len(cell.text) == 1
            and codes.attributes == self._attributes
            and codes.background == self._background
            and (codes.colour == self._colour or (cell.text == " " and not codes.shows_on_blanks))
        )

    def _add(self, cell: Cell, instead: str = "") -> None:
        text, codes, _ = cell
        change = ""
        if codes.attributes != self._attributes:
            # Attributes can be added, but only a reset takes them away.
            if self._attributes:
                self._colour = self._background = ""
                change = f"0;{codes.attributes}" if codes.attributes else "0"
            else:
                change = codes.attributes
            self._attributes = codes.attributes
        if codes.background != self._background:
            self._background = codes.background
            change += f";{codes.background or '49'}"
        if codes.colour != self._colour and (text != " " or codes.shows_on_blanks):
            self._colour = codes.colour
            change += f";{codes.colour or '39'}"
        self._parts.append(f"\x1b[{change.lstrip(';')}m{instead or text}" if change else instead or text)


@lru_cache(maxsize=32_768)
def _split_codes(codes: str) -> Codes:
    """Take `1;38;2;10;20;30;48;5;17` apart into what it says of attributes, colour and background."""
    attributes: list[str] = []
    colour = background = ""
    rest = codes.split(";") if codes else []
    while rest:
        code = rest.pop(0)
        value = int(code)
        if value in (38, 48):
            count = 4 if rest[0] == "2" else 2
            full = ";".join((code, *rest[:count]))
            del rest[:count]
            if value == 38:
                colour = full
            else:
                background = full
        elif 30 <= value <= 39 or 90 <= value <= 97:
            colour = "" if value == 39 else code
        elif 40 <= value <= 49 or 100 <= value <= 107:
            background = "" if value == 49 else code
        else:
            attributes.append(code)
    shows = any(attribute in ("4", "5", "6", "7", "9", "21", "51", "52", "53") for attribute in attributes)
    return Codes(";".join(attributes), colour, background, shows)
