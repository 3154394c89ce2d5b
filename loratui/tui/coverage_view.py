"""The coverage matrix: framings down, angles, backgrounds and expressions across, with a cell under the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from loratui.tui.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.app import RenderResult
    from textual.geometry import Size

    from loratui.captions.coverage import Coverage, CoverageCell
    from loratui.tui.app import LoratuiApp

_LABEL = 12
_GAP = 2
_SHORT = {"open mouth": "open", "surprised": "surpr.", "eyes closed": "closed"}
_NARROW = (("angle", "background"), ("expression",))
_WIDE = (("angle", "background", "expression"),)
_ONE_BAND = 136
_NO_PICTURE = "no picture "


class Spot(NamedTuple):
    """A cell by its place: which band of facets, which row, which column of the band."""

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

    @property
    def lora(self) -> LoratuiApp:
        return self.app  # type: ignore[return-value]

    def show(self, coverage: Coverage) -> None:
        """Show a coverage; the cursor stays where it is."""
        self.coverage = coverage
        if self.spot is not None and (not coverage.tagged or self.spot.row >= len(coverage.rows)):
            self.spot = None
        self.refresh(layout=True)

    @property
    def cell(self) -> CoverageCell | None:
        """The cell under the cursor."""
        if self.spot is None or self.coverage is None:
            return None
        found = list(self._columns(self.spot.band))
        if self.spot.column >= len(found):
            return None
        facet, column = found[self.spot.column]
        return self.coverage.find(facet, self.coverage.rows[self.spot.row], column)  # type: ignore[arg-type]

    @property
    def cursor_line(self) -> int:
        """The line of this widget that the cursor is on."""
        return 0 if self.spot is None else 3 + self.spot.band * (self._rows + 3) + self.spot.row

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
        band, row = spot.band, spot.row + rows
        if row < 0:
            if band == 0:
                return None
            band, row = band - 1, self._rows - 1
        elif row >= self._rows:
            if band + 1 == len(self._bands):
                band, row = band, self._rows - 1
            else:
                band, row = band + 1, 0
        width = len(list(self._columns(band)))
        return Spot(band, row, min(max(spot.column + columns, 0), width - 1))

    @property
    def _bands(self) -> Sequence[Sequence[str]]:
        return _WIDE if self.size.width >= _ONE_BAND else _NARROW

    @property
    def _rows(self) -> int:
        return len(self.coverage.rows) if self.coverage is not None else 0

    def _columns(self, band: int) -> Iterator[tuple[str, str]]:
        if self.coverage is None:
            return
        # Other bands may be there after the terminal became wider.
        for facet in self._bands[min(band, len(self._bands) - 1)]:
            for name in dict.fromkeys(cell.column for cell in self.coverage.cells if cell.facet == facet):
                yield facet, name

    # Drawing

    def on_resize(self) -> None:
        if self.spot is not None and self.spot.band >= len(self._bands):
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
        untagged = f"; {found.untagged:,} without tags" if found.untagged else ""
        says = f"   {count(found.tagged, 'training picture')}{untagged}; numbers count repeats"
        lines = [Content.assemble(title, (says, "$foreground-muted"))]
        bands = _WIDE if width >= _ONE_BAND else _NARROW
        for number, facets in enumerate(bands):
            lines += [Content(""), *self._draw_band(found, number, facets)]
        return [*lines, Content(""), *self._draw_words(found, width)]

    def _say_empty(self, found: Coverage) -> list[Content]:
        if not found.untagged:
            words = ["No picture is in training yet. F3 shows the pictures; p and s make them primary or supporting."]
        else:
            words = [
                f"None of the {count(found.untagged, 'training picture')} has tags that tell framing, angle or face.",
                "t opens tags and captions, where a adds tags; an import takes tags from .txt files beside pictures.",
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

    def _draw_words(self, found: Coverage, width: int) -> list[Content]:
        glyphs = self.lora.glyphs
        lines = []
        if self.cell is not None:
            lines.append(_describe(self.cell))
        else:
            lines.append(Content.styled("Arrows go to a cell; c shows its pictures.", "$foreground-muted"))
        for crowd in found.lopsided:
            words = f"{100 * crowd.share:.0f} % of training is {crowd.words}"
            lines.append(Content.assemble((f"{glyphs.warn} lopsided  ", "bold $text-warning"), words))
        if found.missing:
            gaps = [gap.words.removeprefix(_NO_PICTURE) for gap in found.missing]
            lines += _hang(f"{glyphs.no} no picture  ", gaps, max(20, width))
        else:
            lines.append(Content.styled(f"{glyphs.yes} every framing and angle is there", "$text-success"))
        return lines


def _describe(cell: CoverageCell) -> Content:
    words = f"{cell.row}, {cell.column}: "
    if not cell.pictures:
        return Content.assemble((words, "bold"), "no training picture")
    seen = f"{count(cell.pictures, 'picture')}, {cell.weight:,} with repeats"
    return Content.assemble((words, "bold"), seen, ("   c shows them", "$foreground-muted"))


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
