"""Pictures that teach nothing that others don't teach as well: near-duplicates, bursts, the same scene again."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from loratui.captions.clearness import judge_clearness
from loratui.captions.survey import survey
from loratui.captions.traits import trait_of
from loratui.catalog.dedupe import find_groups
from loratui.catalog.moments import DATED_FORMATS, find_moments
from loratui.catalog.subjects import get_subject
from loratui.catalog.vocabulary import TRAINED
from loratui.events import Report, ignore_progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from loratui.captions.facets import Facet
    from loratui.captions.survey import SeenPicture
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

Kind = Literal["near-duplicate", "burst", "scene"]

# Two pictures whose tags tell of the same scene this surely are samey; this surely when a hash or the clock agrees.
_SAME_SCENE, _LIKELY_SCENE = 0.9, 0.75
_BURST_S, _SESSION_S = 3.0, 60.0
# Beyond these no two unrelated photos of 1,700 pairs came together; drawings that share a composition may.
_ALIKE_PHASH, _ALIKE_DHASH = 12, 12
# What has to be the same: a face that changes is something new.
_TOLD: tuple[Facet, ...] = ("framing", "angle", "background", "expression")
# Tags alone need to tell this much; two pictures that are both "from the front" are not the same scene.
_LEAST_TOLD = 3
_MOST_DATED = 2_000
_ROWS = 512
_RAREST = 3.0
UNRATED = 2.5
"""A picture without stars is better than one that got two, and worse than one that got three."""
_ROLE_RANK = {"primary": 2, "supporting": 1}


@dataclass(frozen=True, slots=True)
class SameyCluster:
    """Pictures of which one is enough: `keep` is the best, the `skip` ones teach nothing new beside it.

    `kind` tells why they hang together, and `words` say it.
    """

    kind: Kind
    keep: int
    skip: tuple[int, ...]
    words: str

    @property
    def ids(self) -> tuple[int, ...]:
        """All of them, the one to keep first."""
        return (self.keep, *self.skip)


class Sameness(NamedTuple):
    """What was found: clusters, largest first, and for each picture to skip the one it repeats and why."""

    clusters: tuple[SameyCluster, ...]
    repeats_of: dict[int, tuple[int, Kind]]


def samey_of(
    catalog: Catalog,
    subject: Subject | str,
    roles: Sequence[str] = TRAINED,
    *,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> Sameness:
    """Find the samey pictures among those in these roles (see find_samey). Raises Cancelled."""
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    pictures = survey(catalog, owner, roles, all_tags=True)
    doubles = list_doubles(catalog, owner, roles, report=report, cancel=cancel)
    return find_samey(pictures, doubles, lambda ids: find_moments(catalog, ids))


def list_doubles(
    catalog: Catalog,
    subject: Subject,
    roles: Sequence[str],
    *,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> list[tuple[int, ...]]:
    """The ids of near-duplicates in these roles, by hashes and thumbnails, without those told apart by a person."""
    groups = find_groups(catalog, subject, roles=roles, report=report, cancel=cancel)
    return [tuple(member.id for member in group.pictures) for group in groups]


def find_samey(
    pictures: Sequence[SeenPicture],
    doubles: Iterable[Sequence[int]],
    date: Callable[[Iterable[int]], Mapping[int, float]] = lambda ids: {},
) -> Sameness:
    """Cluster pictures around the best ones, each other picture with the one that it repeats most.

    Pictures hang together when they are near-duplicates (`doubles`) whose tags agree, or when framing, angle,
    background and expression do not differ and either the tags tell the same scene (cosine of at least 0.9), or they
    nearly do (0.75) and hashes or the camera's clock agree (within a minute), or they were taken within 3 seconds.
    `date` gives the seconds at which pictures were taken, by id; it is asked about few. The same pictures give the same
    clusters, whatever their order.
    """
    order = sorted(pictures, key=_merit)
    by_id = {one.id: one for one in order}
    found: dict[int, tuple[int, Kind]] = {}
    for group in doubles:
        leaders: dict[tuple[str, ...], int] = {}
        for one in sorted((by_id[id_] for id_ in group if id_ in by_id), key=_merit):
            told = _tell(one)
            leader = next((id_ for other, id_ in leaders.items() if not _contradict(told, other)), None)
            if leader is None:
                leaders[told] = one.id
            else:
                found[one.id] = (leader, "near-duplicate")
    _join_scenes([one for one in order if one.id not in found], date, found)
    # Who repeats a picture that repeats another one repeats that.
    ends = {id_: (_follow(found, id_), kind) for id_, (_, kind) in found.items()}
    return Sameness(tuple(_make_clusters(by_id, ends)), ends)


def _tell(one: SeenPicture) -> tuple[str, ...]:
    """What a picture shows of what makes a scene; empty where its tags don't tell."""
    if not one.tagged:
        return ("",) * (len(_TOLD) + 1)
    return (*(one.facets.get(facet, "") for facet in _TOLD), one.garment)


def _contradict(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether tags tell apart what looks alike: drawings in one pose, but with another face or other clothes."""
    return any(left and right and left != right for left, right in zip(one, other, strict=True))


def _follow(found: Mapping[int, tuple[int, Kind]], id_: int) -> int:
    while id_ in found:
        id_ = found[id_][0]
    return id_


def _merit(one: SeenPicture) -> tuple[float, ...]:
    """What is kept comes first: what a person chose, then the clearer one, then the one that came first."""
    picture = one.picture
    chosen = (-(picture.rating or UNRATED), -_ROLE_RANK.get(picture.role, 0))
    return (*chosen, -round(judge_clearness(picture).score, 2), -picture.used_width * picture.used_height, picture.id)


def _join_scenes(
    order: Sequence[SeenPicture],
    date: Callable[[Iterable[int]], Mapping[int, float]],
    found: dict[int, tuple[int, Kind]],
) -> None:
    """Find for each picture the leader among those before it that it repeats; `order` has the best first."""
    groups: dict[tuple[str, ...], list[SeenPicture]] = defaultdict(list)
    for one in order:
        groups[tuple(one.facets.get(facet, "") for facet in _TOLD) if one.tagged else ()].append(one)
    weights = _weigh_tags(order)
    to_date = _MOST_DATED
    # The larger a group, the more there is to tell apart.
    for told, members in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        if len(members) < 2:
            continue
        dated = [one.id for one in members if one.picture.format in DATED_FORMATS][:to_date]
        to_date -= len(dated)
        _follow_leaders(members, told, weights, date(dated) if len(dated) > 1 else {}, found)


def _follow_leaders(
    members: Sequence[SeenPicture],
    told: tuple[str, ...],
    weights: Mapping[str, float],
    moments: Mapping[int, float],
    found: dict[int, tuple[int, Kind]],
) -> None:
    import numpy as np

    tells = sum(map(bool, told)) >= _LEAST_TOLD
    hashes = np.array([(one.picture.phash, one.picture.dhash) for one in members], dtype=np.int64).view(np.uint64)
    times = np.array([moments.get(one.id, np.nan) for one in members])
    vectors = _make_vectors(members, weights) if told else None
    leads = np.ones(len(members), dtype=bool)
    for row, others, alike in _find_alike(vectors, hashes, times):
        free = leads[others]
        others, alike = others[free], alike[free]
        differ = np.bitwise_count(hashes[others] ^ hashes[row])
        near = (differ[:, 0] <= _ALIKE_PHASH) & (differ[:, 1] <= _ALIKE_DHASH)
        gaps = np.abs(times[others] - times[row])
        burst = gaps <= _BURST_S
        if told:
            same = (alike >= _SAME_SCENE) & tells | (alike >= _LIKELY_SCENE) & (near | (gaps <= _SESSION_S))
        else:
            # Without tags, what it looks like is all there is.
            same = near
        chosen = np.flatnonzero(same | burst)
        if chosen.size:
            best = int(chosen[np.argmax(alike[chosen])])
            kind: Kind = "burst" if burst[best] else "scene" if told else "near-duplicate"
            found[members[row].id] = (members[int(others[best])].id, kind)
            leads[row] = False


def _find_alike(
    vectors: NDArray[np.float32] | None, hashes: NDArray[np.uint64], times: NDArray[np.float64]
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
    """Each row that may repeat rows before it, with those rows and how alike they are, more for more alike.

    Block by block, because a row alone with a thousand others waits for the memory. Without vectors hashes tell.
    """
    import numpy as np

    has_times = bool(np.isfinite(times).any())
    for first in range(0, len(hashes), _ROWS):
        last = min(first + _ROWS, len(hashes))
        if vectors is not None:
            # Rounded, so that no machine's arithmetic decides.
            alike = np.round((vectors[first:last] @ vectors[:last].T).astype(np.float64), 5)
            maybe = alike >= _LIKELY_SCENE
        else:
            differ = np.bitwise_count(hashes[first:last, None, 0] ^ hashes[None, :last, 0])
            maybe, alike = differ <= _ALIKE_PHASH, 64.0 - differ
        if has_times:
            maybe |= np.abs(times[first:last, None] - times[None, :last]) <= _BURST_S
        maybe &= np.arange(last)[None, :] < np.arange(first, last)[:, None]
        for place in np.flatnonzero(maybe.any(axis=1)):
            others = np.flatnonzero(maybe[place])
            yield first + int(place), others, alike[place, others]


def _weigh_tags(pictures: Sequence[SeenPicture]) -> dict[str, float]:
    """What sharing a tag says about sharing a scene: the rarer the more; what all show of the subject says nothing."""
    tagged = [one for one in pictures if one.tagged]
    counts = Counter(tag for one in tagged for tag in one.tags)
    weights = {}
    for tag, count in counts.items():
        trait = trait_of(tag)
        kind = trait.group.kind if trait else ""
        if kind != "meta":
            # Of what belongs to the picture, even what all have in common is part of the scene.
            weights[tag] = min(_RAREST, math.log((kind == "flexible") + len(tagged) / count))
    return weights


def _make_vectors(members: Sequence[SeenPicture], weights: Mapping[str, float]) -> NDArray[np.float32]:
    """The weighted tags of pictures as rows of length 1 (or 0, without any)."""
    import numpy as np

    columns = {
        tag: place for place, tag in enumerate(sorted({tag for one in members for tag in one.tags} & set(weights)))
    }
    vectors = np.zeros((len(members), max(1, len(columns))), dtype=np.float32)
    for row, one in enumerate(members):
        for tag in one.tags:
            if tag in columns:
                vectors[row, columns[tag]] = math.sqrt(weights[tag])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors /= np.maximum(lengths, 1e-9)
    return vectors


def _make_clusters(by_id: Mapping[int, SeenPicture], repeats: Mapping[int, tuple[int, Kind]]) -> Iterable[SameyCluster]:
    clusters: dict[int, list[int]] = defaultdict(list)
    for id_, (leader, _) in repeats.items():
        clusters[leader].append(id_)
    for leader, ids in sorted(clusters.items(), key=lambda item: (-len(item[1]), item[0])):
        kinds = Counter(repeats[id_][1] for id_ in ids)
        kind: Kind = max(_WORDS, key=lambda one: kinds[one])
        told = [by_id[leader].facets.get(facet, "") for facet in _TOLD] if by_id[leader].tagged else []
        shown = ", ".join(filter(None, [*told, by_id[leader].garment]))
        words = _WORDS[kind].format(count=len(ids) + 1) + (f": {shown}" if shown else "")
        yield SameyCluster(kind, leader, tuple(sorted(ids)), words)


_WORDS: dict[Kind, str] = {
    "near-duplicate": "{count} pictures are nearly the same",
    "burst": "{count} pictures were taken within seconds",
    "scene": "{count} pictures show the same scene",
}
