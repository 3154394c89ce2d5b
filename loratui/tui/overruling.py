"""One letter says what a picture shows: framing, angle, expression, background or lighting, whatever tags say."""

from __future__ import annotations

from string import ascii_lowercase
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events
    from textual.app import ComposeResult

Value = tuple[str, str]
"""A facet and one of its values."""

LEFT_OUT = "clothing"
"""Nobody knows a letter for each kind of clothes; a garment is typed as a tag."""

_DIGITS = "framing"
_WIDEST, _NARROWEST = 18, 14


def list_facets() -> dict[str, tuple[str, ...]]:
    """The facets that can be said by a letter, with their values."""
    from loratui.captions.facets import CHOICES

    return {facet: tuple(choice.name for choice in found) for facet, found in CHOICES.items() if facet != LEFT_OUT}


def assign_letters(facets: Mapping[str, Sequence[str]]) -> dict[str, Value]:
    """A key for every value: digits for the framings from near to far, else the first letter that is still free.

    The same values always get the same keys, so that hands learn them.
    """
    keys: dict[str, Value] = {}
    for facet, values in facets.items():
        for number, value in enumerate(values, 1):
            wanted = str(number) if facet == _DIGITS else [*filter(str.isalpha, value), *ascii_lowercase]
            keys[next(letter for letter in wanted if letter not in keys)] = facet, value
    return keys


class FacetPick(ModalScreen[Value | None]):
    """Gives what the pressed letter says; esc leaves. All values of all facets are in sight, with their letters."""

    DEFAULT_CSS = """
    FacetPick { align: center middle; }
    FacetPick > Vertical {
        width: auto; max-width: 100%; height: auto; padding: 1 2; border: round $primary; background: $surface;
    }
    FacetPick Static { width: auto; height: auto; }
    """
    BINDINGS: ClassVar = [("escape", "dismiss(None)", "leave")]

    def __init__(self, title: str, facets: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self._title = title
        self._facets = facets
        self._keys = assign_letters(facets)

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Content.styled(plain(self._title), "bold"))
            yield Static(" ")
            yield Static(Content("\n").join(self._draw(self.app.size.width)))
            yield Static(" ")
            yield Static(Content.styled("a letter says it; tags that say otherwise go   esc leave", "dim"))

    def _draw(self, width: int) -> list[Content]:
        size = min(_WIDEST, max(_NARROWEST, (width - 8) // len(self._facets)))
        fits = max(1, (width - 8) // size)
        columns = [self._draw_facet(facet) for facet in self._facets]
        lines: list[Content] = []
        for start in range(0, len(columns), fits):
            band = columns[start : start + fits]
            height = max(map(len, band))
            lines += [Content("")] * bool(lines)
            for row in range(height):
                cells = [column[row] if row < len(column) else Content("") for column in band]
                lines.append(Content("").join(cell.pad_right(size - cell.cell_length) for cell in cells))
        return lines

    def _draw_facet(self, facet: str) -> list[Content]:
        own = [(letter, value) for letter, (owner, value) in self._keys.items() if owner == facet]
        return [
            Content.styled(facet, "$foreground-muted"),
            *(Content.assemble((letter, "bold $primary"), " ", value) for letter, value in own),
        ]

    def on_key(self, event: events.Key) -> None:
        if event.character and (said := self._keys.get(event.character)):
            event.stop()
            self.dismiss(said)
