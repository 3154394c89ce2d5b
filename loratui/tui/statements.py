"""What coverage says in sentences: too much, too little, and the same again, each with the pictures behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loratui.captions.coverage import Coverage, Crowd
    from loratui.captions.needs import Need
    from loratui.captions.samey import SameyCluster
    from loratui.tui.theme import Glyphs

_NEEDS, _CLUSTERS, _NAMES = 8, 12, 4


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence after a label, in a tone of the theme, and the ids of the pictures it is about."""

    label: str
    words: str
    tone: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Samey:
    """Clusters of pictures that show the same, and the names of their pictures."""

    clusters: tuple[SameyCluster, ...] = ()
    names: Mapping[int, str] | None = None


def tell_coverage(found: Coverage, needs: Sequence[Need], samey: Samey, glyphs: Glyphs) -> list[Statement]:
    """All statements, the most wanted needs and the largest clusters first."""
    said = [
        Statement(
            f"{glyphs.warn} lopsided",
            f"{100 * crowd.share:.0f} % of training is {crowd.words}",
            "$text-warning",
            _list_crowd(found, crowd),
        )
        for crowd in found.lopsided
    ]
    said += [
        Statement(f"{glyphs.queued} needed", _tell_need(need), "$foreground", (*need.ids, *need.waiting))
        for need in needs[:_NEEDS]
    ]
    said += [
        Statement(f"{glyphs.twin} samey", _tell_samey(cluster, samey.names or {}), "$foreground-muted", cluster.ids)
        for cluster in samey.clusters[:_CLUSTERS]
    ]
    return said


def tell_more(needs: Sequence[Need], samey: Samey) -> list[str]:
    """What is there beyond what is shown."""
    more = [(len(needs) - _NEEDS, "needed"), (len(samey.clusters) - _CLUSTERS, "samey")]
    return [f"{number} more {word}" for number, word in more if number > 0]


def tell_evenness(found: Coverage) -> str:
    """How evenly training is spread over each facet."""
    return ", ".join(spread.words for spread in found.entropy)


def _list_crowd(found: Coverage, crowd: Crowd) -> tuple[int, ...]:
    return tuple(
        id_
        for cell in found.cells
        if cell.facet == crowd.facet and cell.column == crowd.column and crowd.row in ("", cell.row)
        for id_ in cell.ids
    )


def _tell_need(need: Need) -> str:
    waiting = len(need.waiting)
    if not waiting:
        return need.words
    return f"{need.words}; {waiting} in the inbox {'shows' if waiting == 1 else 'show'} it"


def _tell_samey(cluster: SameyCluster, names: Mapping[int, str]) -> str:
    skip = [plain(names.get(id_, "?")) for id_ in cluster.skip[:_NAMES]]
    more = f" and {len(cluster.skip) - _NAMES} more" if len(cluster.skip) > _NAMES else ""
    keep = plain(names.get(cluster.keep, "?"))
    return f"{cluster.words}. Keep {keep}, skip {', '.join(skip)}{more}: nothing new."
