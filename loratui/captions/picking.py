"""Scores behind role proposals: how good a primary picture is, and what a supporting one would add."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from loratui.captions.clearness import Clearness, judge_clearness
from loratui.captions.facets import CHOICES, Facet
from loratui.captions.samey import UNRATED
from loratui.captions.traits import load_list, trait_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from loratui.captions.clearness import TrainingSize
    from loratui.captions.survey import SeenPicture

# How well a face and what belongs to it can be learned from a picture, by what it shows of it and from where.
_FRAMINGS = {"close-up": 0.9, "portrait": 1.0, "upper body": 0.9, "cowboy shot": 0.65, "full body": 0.5}
_ANGLES = {"front": 1.0, "side": 0.6, "above": 0.6, "below": 0.6, "back": 0.0}
_UNKNOWN_VIEW = 0.5
LEAST_VIEW = 0.35
"""What is seen worse than this can't be primary: a whole figure from the side, anybody from behind."""

_TYPICAL_FROM = 0.6
# What a picture shows may count in a proposal only so much: people see more than tags say.
_CLEAR, _VIEW, _TYPICAL = 0.35, 0.35, 0.3
NOVELTY = 0.65
"""What variety may add to the score of a primary picture, so that they don't all show one face from one side."""
_OTHERS, _FLAWED, _EYES_CLOSED = 0.3, 0.6, 0.85
# Of what the clearest tenth of the pictures have.
_POOR = 0.25

# What variety is worth, facet by facet; framing and angle count together too.
_WORTH: dict[str, float] = {
    "framing x angle": 1.5,
    "framing": 1.0,
    "angle": 1.0,
    "expression": 1.0,
    "garment": 1.0,
    "background": 0.8,
    "lighting": 0.5,
}
_TAGS_WORTH = 0.8
_COMMON = 0.6
"""A flexible tag that more than this share of the pictures show is no variety."""


class Feature(NamedTuple):
    """Something that a picture shows and others may show too: a facet (or two) and the value, in words."""

    facet: str
    value: str
    words: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture with all that a proposal weighs; scores are 0 to 1, a person's stars may raise them to 1.3."""

    seen: SeenPicture
    clearness: Clearness
    is_poor: bool
    others: bool
    """Whether other people are in the picture."""
    stranger: bool
    """Whether a check says that it looks like another subject's."""
    flaws: tuple[str, ...]
    view: float
    typical: float
    shown: tuple[str, ...]
    """The typical tags that it shows, the most typical first."""
    primary: float
    quality: float
    features: tuple[Feature, ...]

    @property
    def id(self) -> int:
        """Of its membership."""
        return self.seen.id

    @property
    def may_be_primary(self) -> bool:
        """Whether it shows the subject alone, and well enough to learn the looks from."""
        return self.may_be_picked and not self.others and not self.stranger and self.view >= LEAST_VIEW

    @property
    def may_be_picked(self) -> bool:
        """Whether it is worth training on at all; one star is a person's no."""
        return not self.is_poor and self.seen.picture.rating != 1


CHECKS = ("faces", "people", "text", "other")
"""What checks may have found that counts here; see vocabulary.FLAGS."""


def weigh_candidates(
    pictures: Sequence[SeenPicture], kind: str, training: TrainingSize, flags: Mapping[int, Collection[str]]
) -> list[Candidate]:
    """Judge pictures of a subject of this kind beside each other, for a training of this size.

    Only characters and persons have a face to be seen; an object or a style is as good from any side. `flags` are
    what checks found in pictures, by picture id.
    """
    has_face = kind in ("character", "person")
    clear = [judge_clearness(one.picture, training) for one in pictures]
    ranked = sorted(one.score for one in clear)
    # What is clear is relative: a set of small pictures has its clear ones too.
    best = max(ranked[int(0.9 * (len(ranked) - 1))], 1e-6) if ranked else 1.0
    typical = find_typical(pictures)
    return [
        _weigh(
            one,
            clearness,
            min(1.0, clearness.score / best),
            typical,
            flags.get(one.picture.picture_id, ()),
            has_face=has_face,
        )
        for one, clearness in zip(pictures, clear, strict=True)
    ]


def find_typical(pictures: Sequence[SeenPicture]) -> dict[str, float]:
    """The tags that belong to the subject and not to one picture, with their shares (0 to 1), the most frequent first.

    A tag that no list knows counts: an object has traits of its own.
    """
    tagged = [one for one in pictures if one.tags]
    counts = Counter(tag for one in tagged for tag in one.tags)
    shares = {tag: count / len(tagged) for tag, count in counts.items() if count >= _TYPICAL_FROM * len(tagged)}
    kinds = {tag: trait.group.kind for tag in shares if (trait := trait_of(tag))}
    kept = [tag for tag in shares if kinds.get(tag, "") in ("", "intrinsic", "borderline")]
    return {tag: shares[tag] for tag in sorted(kept, key=lambda tag: (-shares[tag], tag))}


def list_features(one: SeenPicture) -> Iterable[Feature]:
    """What a picture shows, as far as its tags and its light tell."""
    if not one.tagged:
        return
    framing, angle = one.facets.get("framing"), one.facets.get("angle")
    words = _words()
    if framing and angle:
        together = f"{words['framing', framing]} {words['angle', angle]}"
        yield Feature("framing x angle", f"{framing}/{angle}", together)
    for facet in ("framing", "angle", "expression", "background", "lighting"):
        if value := one.facets.get(facet):
            yield Feature(facet, value, words[facet, value])
    if one.garment:
        yield Feature("garment", one.garment, f"in {one.garment}")


@cache
def _words() -> dict[tuple[Facet, str], str]:
    return {(facet, choice.name): choice.words for facet, choices in CHOICES.items() for choice in choices}


def _weigh(
    one: SeenPicture,
    clearness: Clearness,
    clear: float,
    typical: dict[str, float],
    flags: Collection[str],
    *,
    has_face: bool,
) -> Candidate:
    others = has_face and ("faces" in flags or "people" in flags or not one.tags.isdisjoint(load_list("other_people")))
    flaws = tuple(sorted(one.tags & load_list("flaws"))) or (("text",) if "text" in flags else ())
    shown = tuple(tag for tag in typical if tag in one.tags)
    share = sum(typical[tag] for tag in shown) / sum(typical.values()) if typical else 1.0
    view = _UNKNOWN_VIEW
    if one.tagged and has_face:
        view = _FRAMINGS.get(one.facets.get("framing", ""), _UNKNOWN_VIEW) * _ANGLES[one.facets["angle"]]
    stars = 1 + 0.12 * ((one.picture.rating or UNRATED) - UNRATED)
    factor = stars * (_FLAWED if flaws else 1.0)
    eyes = _EYES_CLOSED if one.facets.get("expression") == "eyes closed" else 1.0
    return Candidate(
        seen=one,
        clearness=clearness,
        is_poor=clear < _POOR,
        others=others,
        flaws=flaws,
        view=view,
        typical=share,
        shown=shown,
        primary=factor * eyes * (_CLEAR * clear + _VIEW * view + _TYPICAL * share),
        quality=factor * (_OTHERS if others or "other" in flags else 1.0) * (0.4 + 0.6 * clear),
        stranger="other" in flags,
        features=tuple(list_features(one)),
    )


class Variety:
    """How often what each candidate shows was picked before; the arrays have one row for each candidate."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        import numpy as np

        self._facets = list(_WORTH)
        features: dict[tuple[str, str], int] = {}
        # The last number stands for what a picture does not tell.
        self._shown = np.full((len(candidates), len(self._facets)), -1, dtype=np.int64)
        for row, one in enumerate(candidates):
            for feature in one.features:
                number = features.setdefault(feature[:2], len(features))
                self._shown[row, self._facets.index(feature.facet)] = number
        self._counts = np.zeros(len(features) + 1, dtype=np.int64)
        self._worth = np.array(list(_WORTH.values()))
        self._numbers = features
        self._tags, self._rows = _index_tags(candidates)
        self._tag_counts = np.zeros(int(self._tags.max(initial=-1)) + 1, dtype=np.int64)
        self._sizes = np.maximum(1, np.bincount(self._rows, minlength=len(candidates)))

    def add(self, row: int) -> None:
        """Count a picture as picked."""
        told = self._shown[row]
        self._counts[told[told >= 0]] += 1
        self._tag_counts[self._tags[self._rows == row]] += 1

    def count(self, feature: Feature) -> int:
        """How many pictures that were picked show this."""
        return int(self._counts[self._numbers[feature[:2]]])

    def gains(self) -> NDArray[np.float64]:
        """What each candidate would add, 0 to 1: all when nothing of it was picked before, less each time it was."""
        import numpy as np

        fresh = 1.0 / (1 + self._counts)
        fresh[-1] = 0.0
        facets = (fresh[self._shown] @ self._worth) / (self._worth.sum() + _TAGS_WORTH)
        each = (1.0 / (1 + self._tag_counts))[self._tags]
        tags = np.bincount(self._rows, weights=each, minlength=len(self._shown)) / self._sizes
        gained: NDArray[np.float64] = facets + tags * _TAGS_WORTH / (self._worth.sum() + _TAGS_WORTH)
        return gained


def _index_tags(candidates: Sequence[Candidate]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The flexible tags of all candidates as numbers, and the row of the candidate that each belongs to."""
    import numpy as np

    counts = Counter(tag for one in candidates for tag in one.seen.tags)
    varied = [
        tag
        for tag in sorted(counts)
        if 1 < counts[tag] <= _COMMON * len(candidates)
        and (trait := trait_of(tag)) is not None
        and trait.group.kind in ("flexible", "borderline")
    ]
    numbers = {tag: number for number, tag in enumerate(varied)}
    pairs = [
        (numbers[tag], row) for row, one in enumerate(candidates) for tag in sorted(one.seen.tags) if tag in numbers
    ]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
