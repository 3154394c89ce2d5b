"""What a subject's training pictures show, weighted by how often training sees them, and what none of them shows."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.captions.facets import CHOICES, Facet
from loratui.captions.survey import survey
from loratui.captions.wardrobe import kind_of_garment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loratui.captions.survey import SeenPicture
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

UNKNOWN = "unknown"
"""Row of the pictures whose tags do not tell the framing."""

COLUMNS: tuple[Facet, ...] = ("angle", "expression", "background", "lighting", "clothing")
"""Facets that the framings are crossed with."""

# What nobody misses: few subjects need every kind of clothes, and most pictures are in plain light.
_NOT_MISSED = frozenset({("lighting", "normal"), ("lighting", "backlit")})

# A cell of the 25 of framing x angle that has more than this share crowds out the others; an expression or a
# background has fewer neighbours, so its whole column may have more.
_CROWDED_CELL, _CROWDED_COLUMN = 0.4, 0.6
# Of fewer pictures than these, shares say nothing.
_FEW = 8


@dataclass(frozen=True, slots=True)
class CoverageCell:
    """Training pictures of one framing (row) and one value of a facet (column); `weight` counts repeats."""

    facet: Facet
    row: str
    column: str
    pictures: int
    weight: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """What no training picture shows; an empty row or column means all of them."""

    facet: Facet
    row: str
    column: str
    words: str


@dataclass(frozen=True, slots=True)
class Crowd:
    """What too large a share (0 to 1) of training shows; an empty row means all framings."""

    facet: Facet
    row: str
    column: str
    share: float
    words: str


@dataclass(frozen=True, slots=True)
class Spread:
    """How evenly training is spread over the values of a facet.

    `entropy` is in nats, `evenness` is it over the logarithm of `cells`: 0 when all shows one value, 1 when all
    values are shown alike. Framing and angle count together; of clothing, it is the `garments` that count, each with
    its pictures times repeats, and `cells` are the kinds of clothes, or the garments where there are more of these.
    """

    facet: str
    cells: int
    entropy: float
    evenness: float
    garments: tuple[tuple[str, int], ...] = ()

    @property
    def words(self) -> str:
        """The evenness in words: `clothing 72 % (6 garments)`."""
        worn = f" ({len(self.garments)} garment{'s' * (len(self.garments) != 1)})" if self.garments else ""
        return f"{self.facet} {100 * self.evenness:.0f} %{worn}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The training pictures of a subject sorted into cells.

    `cells` has every framing with every angle, expression, background, lighting and kind of clothes, empty ones
    too, row by row; the row `unknown` is there only when it has pictures. `tagged` pictures have a tag that says
    anything; the others are in no cell.
    """

    cells: tuple[CoverageCell, ...]
    missing: tuple[Gap, ...]
    lopsided: tuple[Crowd, ...]
    tagged: int
    untagged: int
    entropy: tuple[Spread, ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """The framings in order, and `unknown` when there are such pictures."""
        return tuple(dict.fromkeys(cell.row for cell in self.cells))

    def find(self, facet: Facet, row: str, column: str) -> CoverageCell:
        """One cell; raises KeyError when there is no such row or column."""
        for cell in self.cells:
            if (cell.facet, cell.row, cell.column) == (facet, row, column):
                return cell
        raise KeyError((facet, row, column))


def coverage_of(catalog: Catalog, subject: Subject | str) -> Coverage:
    """Sort the primary and supporting pictures of a subject by what their tags say.

    A person's tags count, and a tagger's from a score of 0.2 that the person did not remove; where a person
    named the framing, angle, expression or background, the tagger is not asked about it.
    """
    return count_coverage(survey(catalog, subject))


def count_coverage(pictures: Iterable[SeenPicture]) -> Coverage:
    """Count pictures of which is known what they show."""
    found: dict[tuple[Facet, str, str], list[SeenPicture]] = defaultdict(list)
    garments: Counter[str] = Counter()
    tagged = untagged = 0
    for picture in pictures:
        if not picture.tagged:
            untagged += 1
            continue
        tagged += 1
        row = picture.facets.get("framing", UNKNOWN)
        for facet in COLUMNS:
            if column := picture.facets.get(facet):
                found[facet, row, column].append(picture)
        if picture.garment:
            garments[picture.garment] += picture.repeats
    rows = [choice.name for choice in CHOICES["framing"]]
    if any(row == UNKNOWN for _, row, _ in found):
        rows.append(UNKNOWN)
    cells = tuple(
        _make_cell(facet, row, choice.name, found.get((facet, row, choice.name), ()))
        for row in rows
        for facet in COLUMNS
        for choice in CHOICES[facet]
    )
    missing = tuple(_find_gaps(cells)) if tagged else ()
    lopsided = (*_find_crowds(cells), *_find_worn_out(garments)) if tagged >= _FEW else ()
    return Coverage(cells, missing, lopsided, tagged, untagged, tuple(_spread(cells, garments)))


def _make_cell(facet: Facet, row: str, column: str, pictures: Sequence[SeenPicture]) -> CoverageCell:
    weight = sum(picture.repeats for picture in pictures)
    return CoverageCell(facet, row, column, len(pictures), weight, tuple(picture.id for picture in pictures))


def _find_gaps(cells: Sequence[CoverageCell]) -> Iterable[Gap]:
    """Whole rows and columns first; then the angles that are seen in one framing and not in another."""
    angles = [cell for cell in cells if cell.facet == "angle"]
    rows = {choice.name for choice in CHOICES["framing"] if not _weigh(angles, row=choice.name)}
    for row in CHOICES["framing"]:
        if row.name in rows:
            yield Gap("angle", row.name, "", f"no picture {row.words}")
    for facet in COLUMNS:
        for column in CHOICES[facet] if facet != "clothing" else ():
            if (facet, column.name) in _NOT_MISSED:
                continue
            if not _weigh((cell for cell in cells if cell.facet == facet), column=column.name):
                yield Gap(facet, "", column.name, f"no picture {column.words}")
    words = {choice.name: choice.words for facet in ("framing", "angle") for choice in CHOICES[facet]}
    for cell in angles:
        if cell.weight or cell.row in rows or cell.row == UNKNOWN or not _weigh(angles, column=cell.column):
            continue
        yield Gap("angle", cell.row, cell.column, f"no picture {words[cell.row]} {words[cell.column]}")


def _find_crowds(cells: Sequence[CoverageCell]) -> Iterable[Crowd]:
    angles = [cell for cell in cells if cell.facet == "angle"]
    total = _weigh(angles)
    words = {choice.name: choice.words for choices in CHOICES.values() for choice in choices}
    for cell in angles:
        if cell.row != UNKNOWN and cell.weight > _CROWDED_CELL * total:
            share = cell.weight / total
            yield Crowd("angle", cell.row, cell.column, share, f"{cell.row}, {words[cell.column]}")
    for facet in COLUMNS[1:]:
        own = [cell for cell in cells if cell.facet == facet]
        total = _weigh(own)
        # Of clothes it is the garment that counts; and even light is no fault.
        for column in CHOICES[facet] if facet != "clothing" else ():
            weight = _weigh(own, column=column.name)
            if weight > _CROWDED_COLUMN * total and (facet, column.name) not in _NOT_MISSED:
                yield Crowd(facet, "", column.name, weight / total, column.words)


def _find_worn_out(garments: Counter[str]) -> Iterable[Crowd]:
    total = garments.total()
    for garment, weight in garments.most_common(1):
        if weight > _CROWDED_COLUMN * total:
            yield Crowd("clothing", "", kind_of_garment(garment), weight / total, f"in the same clothes: {garment}")


def _spread(cells: Sequence[CoverageCell], garments: Counter[str]) -> Iterable[Spread]:
    for facet in COLUMNS:
        counts: Counter[tuple[str, str]] = Counter()
        for cell in cells:
            if cell.facet == facet and (facet != "angle" or cell.row != UNKNOWN):
                counts[cell.row if facet == "angle" else "", cell.column] += cell.weight
        values = garments.values() if facet == "clothing" else counts.values()
        total = sum(values)
        entropy = -sum(weight / total * math.log(weight / total) for weight in values if weight)
        # Shirts of five colours are five outfits, though all are shirts.
        size = max(len(counts), len(garments)) if facet == "clothing" else len(counts)
        name = "framing x angle" if facet == "angle" else facet
        worn = tuple(garments.most_common()) if facet == "clothing" else ()
        yield Spread(name, size, round(abs(entropy), 4), round(abs(entropy) / math.log(size), 4), worn)


def _weigh(cells: Iterable[CoverageCell], *, row: str = "", column: str = "") -> int:
    return sum(cell.weight for cell in cells if row in ("", cell.row) and column in ("", cell.column))
