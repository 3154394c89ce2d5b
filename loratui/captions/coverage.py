"""What a subject's training pictures show, weighted by how often training sees them, and what none of them shows."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.captions.facets import CHOICES, VOCABULARY, Facet, fold_known, read_facets
from loratui.catalog.edits import tag_edits_of, tag_scores_of
from loratui.catalog.subjects import get_subject
from loratui.catalog.trained import list_trained

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loratui.catalog.rows import Subject, TagEdit, TagScore
    from loratui.catalog.store import Catalog
    from loratui.catalog.trained import TrainedPicture

COUNTED_FROM = 0.2
"""Lower than for captions: the taggers learned from drawings, and score photos low."""

UNKNOWN = "unknown"
"""Row of the pictures whose tags do not tell the framing."""

COLUMNS: tuple[Facet, ...] = ("angle", "expression", "background")
"""Facets that the framings are crossed with."""

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
class Coverage:
    """The training pictures of a subject sorted into cells.

    `cells` has every framing with every angle, expression and background, empty ones too, row by row;
    the row `unknown` is there only when it has pictures. `tagged` pictures have a tag that says anything.
    """

    cells: tuple[CoverageCell, ...]
    missing: tuple[Gap, ...]
    lopsided: tuple[Crowd, ...]
    tagged: int
    untagged: int

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
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    pictures = list_trained(catalog, owner)
    edits = tag_edits_of(catalog, owner)
    scores = tag_scores_of(catalog, owner, least=COUNTED_FROM, tags=VOCABULARY)
    return count_coverage(
        (picture, _read_tags(edits.get(picture.id, ()), scores.get(picture.picture_id, ()))) for picture in pictures
    )


def count_coverage(pictures: Iterable[tuple[TrainedPicture, dict[Facet, str]]]) -> Coverage:
    """Count pictures whose facets are known; one without any is untagged."""
    found: dict[tuple[Facet, str, str], list[TrainedPicture]] = defaultdict(list)
    tagged = untagged = 0
    for picture, facets in pictures:
        tagged += bool(facets)
        untagged += not facets
        row = facets.get("framing", UNKNOWN)
        for facet in COLUMNS:
            if column := facets.get(facet):
                found[facet, row, column].append(picture)
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
    lopsided = tuple(_find_crowds(cells)) if tagged >= _FEW else ()
    return Coverage(cells, missing, lopsided, tagged, untagged)


def _make_cell(facet: Facet, row: str, column: str, pictures: Sequence[TrainedPicture]) -> CoverageCell:
    weight = sum(picture.repeats for picture in pictures)
    return CoverageCell(facet, row, column, len(pictures), weight, tuple(picture.id for picture in pictures))


def _read_tags(edits: Iterable[TagEdit], scores: Iterable[TagScore]) -> dict[Facet, str]:
    written: set[str] = set()
    removed: set[str] = set()
    for edit in edits:
        if known := fold_known(edit.tag):
            (written if edit.present else removed).add(known)
    scored: dict[str, float] = {}
    for score in scores:
        known = fold_known(score.tag)
        if known and known not in removed:
            scored[known] = max(score.score, scored.get(known, 0.0))
    return read_facets(written, scored)


def _find_gaps(cells: Sequence[CoverageCell]) -> Iterable[Gap]:
    """Whole rows and columns first; then the angles that are seen in one framing and not in another."""
    angles = [cell for cell in cells if cell.facet == "angle"]
    rows = {choice.name for choice in CHOICES["framing"] if not _weigh(angles, row=choice.name)}
    for row in CHOICES["framing"]:
        if row.name in rows:
            yield Gap("angle", row.name, "", f"no picture {row.words}")
    for facet in COLUMNS:
        for column in CHOICES[facet]:
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
        for column in CHOICES[facet]:
            if (weight := _weigh(own, column=column.name)) > _CROWDED_COLUMN * total:
                yield Crowd(facet, "", column.name, weight / total, column.words)


def _weigh(cells: Iterable[CoverageCell], *, row: str = "", column: str = "") -> int:
    return sum(cell.weight for cell in cells if row in ("", cell.row) and column in ("", cell.column))
