"""Pictures that look more like another subject's than like those beside them, by the scores of their tags."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loratui.catalog.vectors import TagRow, count_taggers, list_read, read_rows
from loratui.errors import Cancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence

    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog

NEIGHBOURS = 2
"""Likeness to a subject is the mean over so many of its pictures, the most alike."""

MARGIN = 1.2
"""Another subject must be so many times as alike as the picture's own."""

LEAST = 0.3
"""Below this cosine nothing is alike enough to say whose picture it is."""

# Of each other subject, so that a large library is compared in seconds.
_MOST = 200
_LEAST_OWN = 3


@dataclass(frozen=True, slots=True)
class Stranger:
    """A picture and the subject it looks like; likeness is a cosine from 0 to 1."""

    picture_id: int
    subject: str
    likeness: float
    own_likeness: float
    nearest: tuple[int, ...]
    """Picture ids in the other subject."""

    @property
    def ratio(self) -> float:
        """How many times as alike the other subject is, at most 10."""
        return min(10.0, self.likeness / max(self.own_likeness, 1e-9))


def find_tagger(catalog: Catalog, pictures: Sequence[Membership]) -> str:
    """The tagger that has read most of these pictures; empty when none has read any."""
    return next(iter(count_taggers(catalog, [picture.picture_id for picture in pictures])), "")


def find_strangers(
    catalog: Catalog,
    subject: Subject,
    pictures: Sequence[Membership],
    tagger: str,
    cancel: threading.Event | None = None,
) -> list[Stranger]:
    """Those of a subject's pictures that are more like another's, as one tagger sees them all.

    A picture's tags are its vector: square roots of the scores, each weighed by how rare the tag is. Raises
    Cancelled.
    """
    others = list_read(catalog, tagger, most=_MOST)
    others.pop(subject.name, None)
    own = [picture.picture_id for picture in pictures]
    rows = read_rows(catalog, tagger, {*own, *(id_ for ids in others.values() for id_ in ids)})
    space = _Space(rows)
    own = [id_ for id_ in own if id_ in space.place]
    if len(own) < _LEAST_OWN or not others:
        return []
    members: dict[str, list[int]] = {name: [id_ for id_ in ids if id_ in space.place] for name, ids in others.items()}
    found = []
    for id_ in own:
        if cancel is not None and cancel.is_set():
            raise Cancelled("The check was stopped.", hint="Run it again.")
        likeness = space.compare(id_)
        here = _mean_of_best([likeness[other] for other in own if other != id_])
        # A picture that both subjects have is no stranger in either.
        there = {name: ids for name, ids in members.items() if ids and id_ not in ids}
        if not there:
            continue
        name, best = max(
            ((name, _mean_of_best([likeness[other] for other in ids])) for name, ids in there.items()),
            key=lambda each: each[1],
        )
        if best >= LEAST and best >= MARGIN * here:
            nearest = sorted(there[name], key=lambda other: -likeness[other])[:NEIGHBOURS]
            found.append(Stranger(id_, name, round(best, 4), round(here, 4), tuple(nearest)))
    return found


def _mean_of_best(likeness: Sequence[float]) -> float:
    best = sorted(likeness, reverse=True)[:NEIGHBOURS]
    return sum(best) / NEIGHBOURS


class _Space:
    """Pictures as sparse vectors of unit length: the tags of all in one row, and where each picture's begin."""

    def __init__(self, rows: Sequence[TagRow]) -> None:
        numbers: dict[str, int] = {}
        by_picture: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for picture_id, tag, score in rows:
            by_picture[picture_id].append((numbers.setdefault(tag, len(numbers)), score))
        self.place = {picture_id: index for index, picture_id in enumerate(by_picture)}
        flat = [pair for pairs in by_picture.values() for pair in pairs]
        self._tags = np.array([tag for tag, _ in flat], np.int64)
        lengths = np.array([len(pairs) for pairs in by_picture.values()], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(lengths)])[:-1] if len(lengths) else lengths
        weights = np.sqrt(np.array([score for _, score in flat], np.float64))
        if len(flat):
            seen_in = np.bincount(self._tags, minlength=len(numbers))
            weights *= np.log((len(lengths) + 1) / (seen_in + 1))[self._tags] + 1e-6
            sizes = np.sqrt(np.add.reduceat(weights**2, self._starts))
            weights /= np.repeat(np.where(sizes > 0, sizes, 1.0), lengths)
        self._weights = weights
        self._lengths = lengths
        self._count = len(numbers)

    def compare(self, picture_id: int) -> Mapping[int, float]:
        """The cosine of a picture with every picture, by id."""
        index = self.place[picture_id]
        mine = slice(self._starts[index], self._starts[index] + self._lengths[index])
        dense = np.zeros(self._count)
        dense[self._tags[mine]] = self._weights[mine]
        cosines = np.add.reduceat(dense[self._tags] * self._weights, self._starts).tolist()
        return dict(zip(self.place, cosines, strict=True))
