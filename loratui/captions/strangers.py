"""Pictures that look more like another subject's than like those beside them, by the scores of their tags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from loratui.captions.embeddings import Vector, embed_pictures
from loratui.catalog.query import get_memberships
from loratui.catalog.vectors import TagRow, count_taggers, list_pictures_of_subjects, list_read, read_rows
from loratui.errors import Cancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from loratui.captions.tagger import Tagger
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog
    from loratui.events import Report

_Floats = npt.NDArray[np.float64]

NEIGHBOURS = 2
"""Likeness to a subject is the mean over so many of its pictures, the most alike."""

MARGIN = 1.2
"""Another subject must be so many times as alike as the picture's own."""

LEAST = 0.3
"""Below this cosine nothing is alike enough to say whose picture it is."""

# Of other subjects, so that a large library is compared in seconds: of each, the newest.
_MOST_OF_EACH = 200
_MOST_OF_ALL = 40_000
_LEAST_OF_EACH = 10
# A subject whose pictures are not among so many nearest ones is not the one it looks like.
_NEAREST = 50
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
    others = _limit(list_read(catalog, tagger, most=_MOST_OF_EACH), subject)
    ids = [picture.picture_id for picture in pictures]
    rows = read_rows(catalog, tagger, {*ids, *(id_ for known in others.values() for id_ in known)})
    return _compare(_TagSpace(rows), ids, others, cancel)


def find_strangers_by_embedding(
    catalog: Catalog,
    subject: Subject,
    pictures: Sequence[Membership],
    tagger: Tagger,
    *,
    workers: int,
    report: Report,
    cancel: threading.Event,
    pass_over: Callable[[Membership, str], None],
) -> list[Stranger]:
    """Like `find_strangers`, by the embeddings of a model, which tell more than tags; they are computed where needed.

    `pass_over` is told which pictures can't be read and why, from several threads. From each vector the mean
    of all is taken: some models give every picture much the same one.
    """
    others = _limit(list_pictures_of_subjects(catalog, most=_MOST_OF_EACH), subject)
    members = get_memberships(catalog, [id_ for known in others.values() for id_ in known])
    by_id = {member.id: member.picture_id for member in members}
    vectors = embed_pictures(
        catalog,
        tagger,
        [*pictures, *members],
        workers=workers,
        report=report,
        cancel=cancel,
        pass_over=pass_over,
    )
    ids = [picture.picture_id for picture in pictures]
    theirs = {name: [by_id[id_] for id_ in known if id_ in by_id] for name, known in others.items()}
    return _compare(_VectorSpace(vectors), ids, theirs, cancel)


def _limit(others: dict[str, list[int]], subject: Subject) -> dict[str, list[int]]:
    kept = {name: ids for name, ids in others.items() if name != subject.name}
    each = max(_LEAST_OF_EACH, _MOST_OF_ALL // max(1, len(kept)))
    return {name: ids[:each] for name, ids in kept.items()}


def _compare(
    space: _Space, ids: Sequence[int], others: Mapping[str, Sequence[int]], cancel: threading.Event | None
) -> list[Stranger]:
    own = np.array([space.place[id_] for id_ in ids if id_ in space.place], np.int64)
    pairs = [
        (space.place[id_], number)
        for number, known in enumerate(others.values())
        for id_ in known
        if id_ in space.place
    ]
    if len(own) < _LEAST_OWN or not pairs:
        return []
    there, owners = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    found = []
    for place in own.tolist():
        if cancel is not None and cancel.is_set():
            raise Cancelled("The check was stopped.", hint="Run it again.")
        cosines = space.compare(place)
        here = _mean_of_best(cosines[own[own != place]])
        # A picture that both subjects have is no stranger in either.
        shared = owners[there == place]
        likeness = np.where(np.isin(owners, shared), -1.0, cosines[there]) if len(shared) else cosines[there]
        nearest = np.argsort(-likeness)[:_NEAREST]
        candidates = np.unique(owners[nearest[likeness[nearest] >= LEAST]]).tolist()
        ranked = [(_mean_of_best(likeness[owners == owner]), owner) for owner in candidates]
        best, owner = max(ranked, default=(0.0, 0))
        if best >= LEAST and best >= MARGIN * here:
            like = [space.ids[there[at]] for at in nearest if owners[at] == owner][:NEIGHBOURS]
            found.append(Stranger(space.ids[place], list(others)[owner], round(best, 4), round(here, 4), tuple(like)))
    return found


def _mean_of_best(likeness: _Floats) -> float:
    if len(likeness) <= NEIGHBOURS:
        return float(likeness.sum()) / NEIGHBOURS
    return float(np.partition(likeness, -NEIGHBOURS)[-NEIGHBOURS:].mean())


class _Space(Protocol):
    """Pictures that can be compared: their ids in order, and where each stands in it."""

    ids: list[int]
    place: dict[int, int]

    def compare(self, place: int) -> _Floats:
        """The cosine of a picture with every picture, by their places."""
        ...


class _VectorSpace:
    """Pictures as dense vectors of unit length around their mean."""

    def __init__(self, vectors: Mapping[int, Vector]) -> None:
        self.ids = list(vectors)
        self.place = {id_: place for place, id_ in enumerate(self.ids)}
        matrix = np.stack(list(vectors.values())) if vectors else np.zeros((0, 1), np.float32)
        matrix = matrix - matrix.mean(axis=0, keepdims=True) if vectors else matrix
        self._matrix = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)

    def compare(self, place: int) -> _Floats:
        return np.asarray(self._matrix @ self._matrix[place], np.float64)


class _TagSpace:
    """Pictures as sparse vectors of unit length, kept by picture and, to look up who shares a tag, by tag."""

    def __init__(self, rows: Sequence[TagRow]) -> None:
        numbers: dict[str, int] = {}
        self.place: dict[int, int] = {}
        pictures = np.array([self.place.setdefault(id_, len(self.place)) for id_, _, _ in rows], np.int64)
        tags = np.array([numbers.setdefault(tag, len(numbers)) for _, tag, _ in rows], np.int64)
        self.ids = list(self.place)
        seen_in = np.bincount(tags, minlength=len(numbers))
        rarity = np.log((len(self.ids) + 1) / (seen_in + 1)) + 1e-6
        weights = np.sqrt(np.array([score for _, _, score in rows], np.float64)) * rarity[tags]
        sizes = np.sqrt(np.bincount(pictures, weights**2, minlength=len(self.ids)))
        weights /= np.maximum(sizes, 1e-12)[pictures]
        # The rows come picture by picture.
        self._starts = np.searchsorted(pictures, np.arange(len(self.ids) + 1))
        self._tags, self._weights = tags, weights
        order = np.argsort(tags, kind="stable")
        self._by_tag, self._weights_by_tag = pictures[order], weights[order]
        self._tag_starts = np.concatenate([[0], np.cumsum(seen_in)])

    def compare(self, place: int) -> _Floats:
        mine = slice(self._starts[place], self._starts[place + 1])
        cosines = np.zeros(len(self.ids))
        for tag, weight in zip(self._tags[mine].tolist(), self._weights[mine].tolist(), strict=True):
            sharing = slice(self._tag_starts[tag], self._tag_starts[tag + 1])
            # A picture has a tag once, so no place comes twice.
            cosines[self._by_tag[sharing]] += weight * self._weights_by_tag[sharing]
        return cosines
