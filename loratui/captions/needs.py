"""What a subject still needs pictures of, and which waiting pictures would help."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.captions.facets import CHOICES
from loratui.captions.survey import CANDIDATES, survey
from loratui.catalog.vocabulary import TRAINED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.captions.facets import Facet
    from loratui.captions.survey import SeenPicture
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

# The share of training that a value should have; a value without one is welcome, but nobody needs it. Faces close by
# and whole figures, seen from the front and from the side, teach most; the rest keeps the LoRA flexible.
_AIMS: dict[Facet, dict[str, float]] = {
    "framing": {"close-up": 0.08, "portrait": 0.15, "upper body": 0.15, "cowboy shot": 0.08, "full body": 0.15},
    "angle": {"front": 0.3, "side": 0.15, "back": 0.06},
    "expression": {"neutral": 0.1, "smile": 0.1, "teeth": 0.06, "open mouth": 0.06, "angry": 0.04, "eyes closed": 0.03},
    "background": {"plain": 0.1, "indoors": 0.1, "outdoors": 0.1},
    "lighting": {"normal": 0.2, "bright": 0.06, "dark": 0.06},
}
# Less than half of its share is too little.
_TOO_LITTLE = 0.5


@dataclass(frozen=True, slots=True)
class Need:
    """A value that training shows too little of.

    `ids` are the training pictures that show it, `waiting` those in the inbox that do; `share` is of what training
    sees (0 to 1), among the pictures whose tags tell the facet.
    """

    facet: Facet
    value: str
    share: float
    ids: tuple[int, ...]
    waiting: tuple[int, ...]
    words: str


def needs_of(catalog: Catalog, subject: Subject | str) -> list[Need]:
    """What a subject still needs, the most wanted first."""
    return find_needs(survey(catalog, subject, CANDIDATES))


def find_needs(pictures: Sequence[SeenPicture]) -> list[Need]:
    """What is too rare among the training ones of these pictures; empty when none of them has tags."""
    trained = [one for one in pictures if one.tagged and one.picture.role in TRAINED]
    waiting = [one for one in pictures if one.tagged and one.picture.role not in TRAINED]
    needs = []
    for facet, aims in _AIMS.items():
        shown = _sort(facet, trained)
        total = sum(one.repeats for ones in shown.values() for one in ones)
        words = {choice.name: choice.words for choice in CHOICES[facet]}
        for value, aim in aims.items():
            share = sum(one.repeats for one in shown[value]) / total if total else 1.0
            if share < _TOO_LITTLE * aim:
                there = tuple(one.id for one in shown[value])
                new = tuple(one.id for one in waiting if one.facets.get(facet) == value)
                needs.append((aim - share, Need(facet, value, share, there, new, _say(words[value], there, share))))
    return [need for _, need in sorted(needs, key=lambda found: -found[0])]


def _sort(facet: Facet, pictures: Sequence[SeenPicture]) -> dict[str, list[SeenPicture]]:
    shown: dict[str, list[SeenPicture]] = defaultdict(list)
    for one in pictures:
        if value := one.facets.get(facet):
            shown[value].append(one)
    return shown


def _say(words: str, ids: Sequence[int], share: float) -> str:
    if not ids:
        return f"pictures {words}: there is none"
    count = "one" if len(ids) == 1 else str(len(ids))
    return f"pictures {words}: there {'is' if len(ids) == 1 else 'are'} {count}, {100 * share:.0f} % of training"
