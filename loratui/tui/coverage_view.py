"""The coverage matrix: framings down, all else across, and sentences below, with a cursor through both."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from loratui.tui.keymap import say_key
from loratui.tui.statements import Samey, tell_coverage, tell_evenness, tell_more
from loratui.tui.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.app import RenderResult
    from textual.geometry import Size

    from loratui.captions.coverage import Coverage, CoverageCell
    from loratui.captions.needs import Need
    from loratui.tui.app import LoratuiApp
    from loratui.tui.statements import Statement

_LABEL = 12
_GAP = 2
_SHORT = {
    **{"open mouth": "open", "surprised": "surpr.", "eyes closed": "closed", "skirt or trousers": "skirt"},
    **{"traditional": "trad.", "sportswear": "sports", "swimwear": "swim", "underwear": "under"},
}
_NARROW = (("angle", "background"), ("expression",), ("lighting",), ("clothing",))
_WIDE = (("angle", "background", "expression"), ("lighting", "clothing"))
_MOST_WORN = 9
_SAID = 99
"""In place of a band: the cursor is on a statement."""
_ONE_BAND = 136
_NO_PICTURE = "no picture "
_SIGN = 14
"""Width of what stands before a sentence."""


class Spot(NamedTuple):
    """A cell by its place: which band of facets, which row, which column of the band; or a statement by its row."""

    band: int
    row: int
    column: int


class CoverageView(Widget):
    """Draws the coverage; nothing is under the cursor until a person goes there."""

    DEFAULT_CSS = "CoverageView { height: auto; }"

    class Moved(Message):
        """The cursor is on another cell, or on none."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.coverage: Coverage | None = None
        self.spot: Spot | None = None
        self.statements: tuple[Statement, ...] = ()
        self._needs: tuple[Need, ...] = ()
        self._samey = Samey()
        self._lines: list[int] = []

    @property
    def lora(self) -> LoratuiApp:
        return self.app  # type: ignore[return-value]

    def show(self, coverage: Coverage, needs: Sequence[Need] = ()) -> None:
        """Show a coverage and what is needed; the cursor stays where it is."""
        self.coverage, self._needs = coverage, tuple(needs)
        if self.spot is not None and (not coverage.tagged or self.spot.row >= len(coverage.rows)):
            self.spot = None
        self._tell()

    def show_samey(self, samey: Samey) -> None:
        """Show which pictures are the same again; that takes longer to find than the rest."""
        self._samey = samey
        self._tell()

    def _tell(self) -> None:
        if self.coverage is not None and self.coverage.tagged:
            self.statements = tuple(tell_coverage(self.coverage, self._needs, self._samey, self.lora.glyphs))
        else:
            self.statements = ()
        if self.spot is not None and self.spot.band == _SAID and self.spot.row >= len(self.statements):
            self.spot = None
        self.refresh(layout=True)

    @property
    def cell(self) -> CoverageCell | None:
        """The cell under the cursor."""
        if self.spot is None or self.coverage is None or self.spot.band == _SAID:
            return None
        found = list(self._columns(self.spot.band))
        if self.spot.column >= len(found):
            return None
        facet, column = found[self.spot.column]
        return self.coverage.find(facet, self.coverage.rows[self.spot.row], column)  # type: ignore[arg-type]

    @property
    def statement(self) -> Statement | None:
        """The statement under the cursor."""
        return self.statements[self.spot.row] if self.spot is not None and self.spot.band == _SAID else None

    @property
    def cursor_line(self) -> int:
        """The line of this widget that the cursor is on."""
        if self.spot is None:
            return 0
        if self.spot.band == _SAID:
            return self._lines[self.spot.row] if self.spot.row < len(self._lines) else 0
        return 3 + self.spot.band * (self._rows + 3) + self.spot.row

    def move(self, columns: int, rows: int) -> bool:
        """Move the cursor; False when it is on no cell afterwards, because it left upwards or nothing is there."""
        if self.coverage is None or not self.coverage.tagged:
            return False
        if self.spot is None:
            self.spot = Spot(0, 0, 0)
        else:
            self.spot = self._step(self.spot, columns, rows)
        self.refresh()
        self.post_message(self.Moved())
        return self.spot is not None

    def leave(self) -> None:
        """Have no cell under the cursor."""
        self.spot = None
        self.refresh()

    def _step(self, spot: Spot, columns: int, rows: int) -> Spot | None:
        last = len(self._bands) - 1
        band, row = spot.band, spot.row + rows
        if band == _SAID:
            if row >= 0:
                return Spot(_SAID, min(row, len(self.statements) - 1), spot.column)
            band, row = last, self._rows - 1
        elif row < 0:
            if band == 0:
                return None
            band, row = band - 1, self._rows - 1
        elif row >= self._rows:
            if band == last and self.statements:
                return Spot(_SAID, 0, spot.column)
            band, row = (band, self._rows - 1) if band == last else (band + 1, 0)
        width = len(list(self._columns(band)))
        return Spot(band, row, min(max(spot.column + columns, 0), width - 1))

    @property
    def _bands(self) -> Sequence[Sequence[str]]:
        return self._bands_at(self.size.width)

    def _bands_at(self, width: int) -> Sequence[Sequence[str]]:
        """The facets beside each other; clothes only when somebody wears any."""
        bands = _WIDE if width >= _ONE_BAND else _NARROW
        return bands if self._list_worn() else [band for band in bands if band != ("clothing",)]

    @property
    def _rows(self) -> int:
        return len(self.coverage.rows) if self.coverage is not None else 0

    def _list_worn(self) -> list[str]:
        """The kinds of clothes that are worn most, in their order."""
        worn: dict[str, int] = {}
        for cell in self.coverage.cells if self.coverage is not None else ():
            if cell.facet == "clothing":
                worn[cell.column] = worn.get(cell.column, 0) + cell.weight
        most = sorted((name for name in worn if worn[name]), key=lambda name: -worn[name])[:_MOST_WORN]
        return [name for name in worn if name in most]

    def _columns(self, band: int) -> Iterator[tuple[str, str]]:
        if self.coverage is None:
            return
        # Other bands may be there after the terminal became wider.
        for facet in self._bands[min(band, len(self._bands) - 1)]:
            names = dict.fromkeys(cell.column for cell in self.coverage.cells if cell.facet == facet)
            for name in self._list_worn() if facet == "clothing" else names:
                yield facet, name

    # Drawing

    def on_resize(self) -> None:
        if self.spot is not None and len(self._bands) <= self.spot.band < _SAID:
            self.spot = None
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._draw(width)))

    def render(self) -> RenderResult:
        return Content("\n").join(self._draw(self.size.width))

    def _draw(self, width: int) -> list[Content]:
        found = self.coverage
        if found is None:
            return [Content.styled("Reading the tags...", "$foreground-muted")]
        title = Content.styled("Coverage", "bold")
        if not found.tagged:
            return [title, Content(""), *self._say_empty(found)]
        # As long as fits beside the title in 80 cells.
        says = (
            f", {found.untagged:,} without tags for this; repeats count"
            if found.untagged
            else "; numbers count repeats"
        )
        says = f"   {count(found.tagged + found.untagged, 'training picture')}{says}"
        lines = [Content.assemble(title, (says, "$foreground-muted"))]
        for number, facets in enumerate(self._bands_at(width)):
            lines += [Content(""), *self._draw_band(found, number, facets)]
        lines.append(Content(""))
        return [*lines, *self._draw_words(found, width, len(lines))]

    def _key(self, action: str) -> str:
        return say_key(action, self.lora.keymap_of_person)

    def _say_empty(self, found: Coverage) -> list[Content]:
        key = self._key
        if not found.untagged:
            roles = f"{key('picture.primary')} and {key('picture.supporting')} make them primary or supporting"
            words = [f"No picture is in training yet. {key('subject.pictures')} shows the pictures; {roles}."]
        else:
            words = [
                f"None of the {count(found.untagged, 'training picture')} has tags that tell framing, angle or face.",
                f"{key('subject.tags')} opens tags and captions, where {key('subject.tag')} has a model tag pictures "
                f"and {key('tag.add')} adds tags;",
                "an import takes tags from .txt files beside pictures.",
            ]
        return [Content.styled(line, "$foreground-muted") for line in words]

    def _draw_band(self, found: Coverage, band: int, facets: Sequence[str]) -> list[Content]:
        heads: list[tuple[str, str] | str] = [" " * _LABEL]
        titles: list[tuple[str, str] | str] = [" " * _LABEL]
        columns = list(self._columns(band))
        for facet in facets:
            own = [name for owner, name in columns if owner == facet]
            room = sum(_width(name) for name in own) + _GAP
            titles.append((f" {facet}".ljust(room), "$foreground-muted"))
            heads += [(_head(name), "bold $foreground-muted") for name in own]
            heads.append(" " * _GAP)
        lines = [Content.assemble(*titles), Content.assemble(*heads)]
        shown = _WIDE[0]
        most = max((cell.weight for cell in found.cells if cell.facet in shown), default=1) or 1
        crowded = {(crowd.facet, crowd.row, crowd.column) for crowd in found.lopsided}
        for row, name in enumerate(found.rows):
            pieces: list[tuple[str, str] | str] = [
                (name.ljust(_LABEL), "" if name != "unknown" else "$foreground-muted")
            ]
            for facet in facets:
                for place, (owner, column) in enumerate(columns):
                    if owner == facet:
                        cell = found.find(facet, name, column)  # type: ignore[arg-type]
                        is_crowded = bool({(facet, name, column), (facet, "", column)} & crowded and cell.weight)
                        pieces.append(self._draw_cell(cell, most, is_crowded, Spot(band, row, place) == self.spot))
                pieces.append(" " * _GAP)
            lines.append(Content.assemble(*pieces))
        return lines

    def _draw_cell(self, cell: CoverageCell, most: int, is_crowded: bool, is_chosen: bool) -> tuple[str, str]:
        glyphs = self.lora.glyphs
        width = _width(cell.column)
        if not cell.weight:
            text, style = f"{glyphs.no_star} ".rjust(width), "$foreground-muted"
        else:
            level = min(len(glyphs.sparks) - 1, cell.weight * len(glyphs.sparks) // (most + 1))
            sign = glyphs.warn if is_crowded else glyphs.sparks[level]
            text = f"{cell.weight}{sign}".rjust(width)
            style = "bold $text-warning" if is_crowded else "$text-primary"
        return text, "bold $background on $primary" if is_chosen else style

    def _draw_words(self, found: Coverage, width: int, above: int) -> list[Content]:
        glyphs = self.lora.glyphs
        room = max(20, width)
        lines = []
        if self.cell is not None:
            lines.append(_describe(self.cell, self._key("balance.cell")))
        else:
            says = f"Arrows go to a cell or a line below; {self._key('balance.cell')} shows the pictures behind it."
            lines.append(Content.styled(says, "$foreground-muted"))
        self._lines = []
        for place, one in enumerate(self.statements):
            self._lines.append(above + len(lines))
            lines += _draw_statement(one, room, self.spot == Spot(_SAID, place, self.spot.column if self.spot else 0))
        if more := tell_more(self._needs, self._samey):
            lines.append(Content.styled(" " * _SIGN + ", ".join(more), "$foreground-muted"))
        if found.missing:
            gaps = [gap.words.removeprefix(_NO_PICTURE) for gap in found.missing]
            lines += _hang(f"{glyphs.no} no picture  ", gaps, room)
        else:
            lines.append(Content.styled(f"{glyphs.yes} every framing and angle is there", "$text-success"))
        return [*lines, *_hang("  evenness    ", tell_evenness(found).split(", "), room)]


def _describe(cell: CoverageCell, key: str) -> Content:
    words = f"{cell.row}, {cell.column}: "
    if not cell.pictures:
        return Content.assemble((words, "bold"), "no training picture")
    seen = f"{count(cell.pictures, 'picture')}, {cell.weight:,} with repeats"
    return Content.assemble((words, "bold"), seen, (f"   {key} shows them", "$foreground-muted"))


def _draw_statement(said: Statement, width: int, is_chosen: bool) -> list[Content]:
    first, *rest = textwrap.wrap(said.words, max(20, width - _SIGN - 1)) or [""]
    label = said.label.ljust(_SIGN)
    if is_chosen:
        lines = [label + first, *(" " * _SIGN + line for line in rest)]
        return [Content.styled(line.ljust(width - 1), "bold $background on $primary") for line in lines]
    head = Content.assemble((label, f"bold {said.tone}"), first)
    return [head, *(Content(" " * _SIGN + line) for line in rest)]


def _hang(label: str, words: Sequence[str], width: int) -> list[Content]:
    """Words after a label, with the lines that follow indented like the first."""
    lines: list[str] = [""]
    for place, word in enumerate(words):
        piece = word + (", " if place + 1 < len(words) else "")
        if lines[-1] and len(label) + len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    first, *rest = (line.rstrip() for line in lines)
    indent = " " * len(label)
    return [Content.assemble((label, "bold $foreground-muted"), first), *(Content(indent + line) for line in rest)]


def _width(name: str) -> int:
    return max(6, len(_SHORT.get(name, name)) + 1)


def _head(name: str) -> str:
    # The shade after the number hangs over, so headings end where numbers do.
    return (_SHORT.get(name, name)).rjust(_width(name))
