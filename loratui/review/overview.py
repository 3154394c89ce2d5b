"""All subjects at a glance: pictures, the newest run, the best epoch, and what waits for a decision."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.catalog.measures import (
    Measure,
    list_measures,
    stamp_everything,
    stamp_tags,
    stamp_verdicts,
    store_measures,
)
from loratui.catalog.runs import LatestRun, latest_runs
from loratui.catalog.sheets import BestEpoch, best_epochs
from loratui.catalog.subjects import SubjectSummary, list_subjects
from loratui.errors import Cancelled, LoratuiError
from loratui.events import Progress, Report, ignore_progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

# Part of every stamp: raised when what is measured changes its meaning.
_VERSION = 1
# Measures are stored together: each commit makes every open app look at the library again.
_STORE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class SubjectOverview:
    """One subject; `counts` has the pictures of every role.

    `duplicates` counts groups that wait for a verdict and `gaps` what no training picture shows; None is not
    known, or without tags. Those named in `stale` are as they were before the latest changes.
    """

    subject: Subject
    pictures: int
    counts: dict[str, int]
    ratio: float | None
    """Primary influence over supporting influence; None without supporting pictures."""
    runs: int
    last_run: LatestRun | None
    best: BestEpoch | None
    duplicates: int | None
    gaps: int | None
    stale: frozenset[str]


def overview(catalog: Catalog) -> list[SubjectOverview]:
    """All subjects by name, fast enough to wait for: what is costly is as it was measured last."""
    measures, runs, epochs = list_measures(catalog), latest_runs(catalog), best_epochs(catalog)
    quick = f"{_VERSION}.{stamp_everything(catalog)}"
    unchanged = all(each.stamp.split()[0] == quick for known in measures.values() for each in known.values())
    found = []
    for item, exact in _stamp_all(catalog, marked=not unchanged):
        known = measures.get(item.subject.id, {})
        duplicates, gaps = (known[name].value if name in known else None for name in ("duplicates", "gaps"))
        found.append(
            SubjectOverview(
                subject=item.subject,
                pictures=item.pictures,
                counts=item.counts,
                ratio=item.ratio,
                runs=item.runs,
                last_run=runs.get(item.subject.id),
                best=epochs.get(item.subject.id),
                duplicates=duplicates,
                gaps=gaps,
                stale=frozenset(name for name in MEASURES if not _is_fresh(known.get(name), quick, exact.get(name))),
            )
        )
    return found


def refresh_measures(
    catalog: Catalog,
    subjects: Collection[str] | None = None,
    *,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> int:
    """Measure anew what is out of date, of subjects in the order of these names or of all; returns how many.

    Raises Cancelled; what was measured until then is kept.
    """
    # Stamps are taken before measuring: a change in between makes the measure stale, never wrongly fresh.
    quick = f"{_VERSION}.{stamp_everything(catalog)}"
    measures = list_measures(catalog)
    stamped = _stamp_all(catalog, subjects, marked=True)
    current = {item.subject.name: (item.subject, exact) for item, exact in stamped}
    wanted = current if subjects is None else [name for name in subjects if name in current]
    done: list[tuple[int, str, Measure]] = []
    waiting: list[tuple[Subject, str, str]] = []
    for subject, exact in (current[name] for name in wanted):
        for name in MEASURES:
            known = measures.get(subject.id, {}).get(name)
            stamp = f"{quick} {exact[name]}"
            if known is None or not _is_fresh(known, quick, exact[name]):
                waiting.append((subject, name, stamp))
            elif known.stamp != stamp:
                done.append((subject.id, name, Measure(known.value, stamp)))
    stored = time.monotonic()
    try:
        for number, (subject, name, stamp) in enumerate(waiting, 1):
            if cancel is not None and cancel.is_set():
                raise Cancelled("Measuring was stopped.", hint="It goes on with the next look at the library.")
            done.append((subject.id, name, Measure(_measure(catalog, subject, name, cancel), stamp)))
            report(Progress("measure", number, len(waiting), note=subject.name))
            if time.monotonic() - stored > _STORE_EVERY_S:
                store_measures(catalog, done)
                done, stored = [], time.monotonic()
    finally:
        if done:
            store_measures(catalog, done)
    return len(waiting)


def _is_fresh(known: Measure | None, quick: str, exact: str | None) -> bool:
    """Stamps are the one of everything, then what the measure depends on, for which that is not needed."""
    if known is None:
        return False
    before, _, depends = known.stamp.partition(" ")
    return before == quick or depends == exact


def _stamp_all(
    catalog: Catalog, names: Collection[str] | None = None, *, marked: bool
) -> list[tuple[SubjectSummary, dict[str, str]]]:
    """Each subject, or those among `names`, and if `marked` with the exact stamps of what its measures are found in."""
    items = list_subjects(catalog, names)
    if not marked:
        return [(item, {}) for item in items]
    verdicts, tags = stamp_verdicts(catalog), stamp_tags(catalog)
    return [
        (
            item,
            {
                "duplicates": f"{_VERSION} {_mark(item, besides='rejected')} {verdicts.get(item.subject.id, '')}",
                "gaps": f"{_VERSION} {item.marks['primary']:x} {item.marks['supporting']:x} {tags}",
            },
        )
        for item in items
    ]


def _mark(item: SubjectSummary, *, besides: str) -> str:
    count = sum(count for role, count in item.counts.items() if role != besides)
    return f"{count} {sum(mark for role, mark in item.marks.items() if role != besides):x}"


def _measure(catalog: Catalog, subject: Subject, name: str, cancel: threading.Event | None) -> int | None:
    try:
        return MEASURES[name](catalog, subject, cancel)
    except Cancelled:
        raise
    except LoratuiError:
        # Such as a subject that is being removed: its number is not known, the others still are.
        return None


def _count_duplicates(catalog: Catalog, subject: Subject, cancel: threading.Event | None) -> int:
    # Comparing hashes takes numpy, which the overview itself must not wait for.
    from loratui.catalog.dedupe import find_groups

    return len(find_groups(catalog, subject, cancel=cancel))


def _count_gaps(catalog: Catalog, subject: Subject, cancel: threading.Event | None) -> int | None:
    from loratui.captions.coverage import coverage_of

    coverage = coverage_of(catalog, subject)
    return len(coverage.missing) if coverage.tagged else None


MEASURES: dict[str, Callable[[Catalog, Subject, threading.Event | None], int | None]] = {
    "duplicates": _count_duplicates,
    "gaps": _count_gaps,
}
"""What is measured, by name: too slow to be counted each time somebody looks."""
