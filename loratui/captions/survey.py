"""What every picture of a subject shows, facet by facet, by its tags and its light."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from loratui.captions.facets import VOCABULARY, Facet, fold_known, read_shown
from loratui.captions.tags import fold_tag
from loratui.catalog.query import TAG_SHOWN_FROM
from loratui.catalog.surveyed import SurveyedPicture, list_surveyed
from loratui.catalog.vocabulary import TRAINED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

COUNTED_FROM = 0.2
"""Lower than for captions: the taggers learned from drawings, and score photos low."""

CANDIDATES = ("inbox", *TRAINED)
"""The roles of pictures that may be trained on: neither kept apart nor rejected."""


class SeenPicture(NamedTuple):
    """A picture and what it shows.

    `facets` always tell the lighting; `tagged` pictures have a tag that says something about any facet. `tags` are
    all tags that the picture shows, folded, and only there when they were asked for.
    """

    picture: SurveyedPicture
    tagged: bool
    facets: dict[Facet, str]
    garment: str
    tags: frozenset[str]

    @property
    def id(self) -> int:
        """Of its membership."""
        return self.picture.id

    @property
    def repeats(self) -> int:
        """What training uses."""
        return self.picture.repeats


def survey(
    catalog: Catalog, subject: Subject | str, roles: Sequence[str] = TRAINED, *, all_tags: bool = False
) -> list[SeenPicture]:
    """Look at all pictures in these roles, in the order they were added.

    A person's tags count, and a tagger's from a score of 0.2 that the person did not remove; where a person named
    a facet, the tagger is not asked about it. `tags` count from 0.35, as in captions.
    """
    wanted = None if all_tags else VOCABULARY
    found = list_surveyed(catalog, subject, roles=roles, least=COUNTED_FROM, tags=wanted)
    return [_look(picture, all_tags) for picture in found]


def _look(picture: SurveyedPicture, all_tags: bool) -> SeenPicture:
    written: set[str] = set()
    removed: set[str] = set()
    shown: set[str] = set()
    for tag, present in picture.edits:
        if known := fold_known(tag):
            (written if present else removed).add(known)
        if all_tags:
            (shown if present else removed).add(fold_tag(tag))
    scored: dict[str, float] = {}
    for tag, score in picture.scores:
        folded = fold_tag(tag)
        if folded in removed:
            continue
        if folded in VOCABULARY and score > scored.get(folded, 0.0):
            scored[folded] = score
        if all_tags and score >= TAG_SHOWN_FROM:
            shown.add(folded)
    facets, garment = read_shown(written, scored, picture.luminance)
    return SeenPicture(picture, bool(written or scored), facets, garment, frozenset(shown))
