"""Tagging the pictures of a subject: threads side by side, each decoding pictures and asking the model about them."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from math import prod
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from loratui.captions.mixture import tell_mixture
from loratui.captions.preprocess import Pixels, prepare_picture
from loratui.captions.ratings import flag_refused, warn_of_refused
from loratui.captions.tagger import Tagger, open_tagger
from loratui.catalog.blobs import read_picture
from loratui.catalog.decoding import MOST_MEGAPIXELS, load_rgb
from loratui.catalog.edits import store_many_tag_scores
from loratui.catalog.interrupts import hold_interrupts
from loratui.catalog.locks import Renewal, work_alone, write_before
from loratui.catalog.query import get_memberships, select_memberships
from loratui.catalog.scores import let_count, list_other_taggers, list_tagged_by
from loratui.catalog.store import now
from loratui.catalog.subjects import get_subject
from loratui.errors import Cancelled, ConflictError, LoratuiError, UsageError
from loratui.events import Progress, Report, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from loratui.captions.tagger import Scores
    from loratui.captions.thresholds import Thresholds
    from loratui.catalog.edits import ScoredTag
    from loratui.catalog.query import Duplicates, Selection
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog

# A processor takes as long for eight together as for eight in turn, and one at a time stops soonest.
_CPU_BATCH, _CUDA_BATCH = 1, 32
# Each holds what the model works with, 100 to 300 MB for the largest; so many decode for a graphics card, too.
_MOST_WORKERS = 16
# What prepared pictures may take, all batches that are under way together.
_MOST_BYTES = 2 << 30
# Batches that wait for a worker, so that none waits for this thread to store scores.
_AHEAD = 2
_STORE_PICTURES, _STORE_SECONDS = 200, 2.0
_REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class UntaggedPicture:
    """A picture that could not be read, and why in words for the person."""

    name: str
    reason: str


@dataclass(slots=True)
class TaggingTimes:
    """Where the seconds went: `decoding` pictures and in the model's `session`, by all workers together.

    `opening`, `storing` and `total` are seconds of the clock.
    """

    opening: float = 0.0
    decoding: float = 0.0
    session: float = 0.0
    storing: float = 0.0
    total: float = 0.0


@dataclass(slots=True)
class TaggingResult:
    """What became of the pictures: `tagged` now, `skipped` because this tagger had scored them, or `refused`.

    `tagger` is the id under which scores are kept. `thresholds` are those that its makers measured, `mcut` is where
    the largest gap in the scores of the tagged pictures is, at the median, by category (general, character).
    """

    tagger: str
    device: str
    thresholds: Thresholds
    pictures: int = 0
    tagged: int = 0
    skipped: int = 0
    refused: list[UntaggedPicture] = field(default_factory=list)
    mcut: dict[str, float] = field(default_factory=dict)
    unfit: list[UntaggedPicture] = field(default_factory=list)
    """Pictures of the subject that may not be used, by what taggers and people say of them now, and why."""
    warning: str = ""
    """What to do about those."""
    times: TaggingTimes = field(default_factory=TaggingTimes)


def tag_pictures(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    folder: Path,
    *,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
    again: bool = False,
    before: datetime | None = None,
    by_default: bool = False,
    batch: int | None = None,
    workers: int | None = None,
    duplicates: Duplicates | None = None,
) -> TaggingResult:
    """Score the selected pictures with the tagger in a folder; whole pictures, whatever their crops.

    Pictures that this very tagger has scored are skipped, so that a call that was stopped or killed is gone on with
    by the next; `again` scores them anew, `before` those that were scored before that moment. From then on this
    tagger's scores count for all of them. Raises what opening a tagger does, NotFoundError for the subject, UsageError
    for a batch or workers under 1 and a batch that memory has no room for, ConflictError while pictures of the subject
    are tagged already, and Cancelled; what was scored by then is kept. A tagger that was taken `by_default`, not
    chosen, is refused with ConflictError where another one has scored the pictures: its scores would count no more.
    Pictures that can't be read are in the result and stop nothing.
    """
    for name, value in (("batch", batch), ("workers", workers)):
        if value is not None and value < 1:
            raise UsageError(f"--{name} can't be {value}.", hint="Give a whole number from 1 up.")
    started = time.perf_counter()
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    if isinstance(selection, str):
        chosen = select_memberships(catalog, owner, selection, duplicates=duplicates)
    else:
        chosen = [picture for picture in get_memberships(catalog, selection) if picture.subject_id == owner.id]
    processors = os.cpu_count() or 1
    side_by_side = max(1, min(workers or processors, _MOST_WORKERS, len(chosen)))
    # Several pictures, each on one thread, are done sooner than one picture after the other on all of them.
    tagger = open_tagger(folder, threads=max(1, processors // side_by_side))
    ids = [picture.picture_id for picture in chosen]
    if by_default and (others := list_other_taggers(catalog, tagger.id, ids)):
        raise ConflictError(
            f"{others[0]} has tagged pictures of {owner.name}; {tagger.id}, which was not asked for, would take its "
            "place.",
            hint="Name a tagger with --tagger: that folder or name again, or cast for the one that ships.",
        )
    begun = now()
    renewal = Renewal(tagger.id, before or begun) if again or before is not None else None
    with (
        work_alone(catalog, owner, "tag", f"tags pictures of {owner.name}", renewal=renewal),
        hold_interrupts() as interrupted,
    ):
        known = set() if again and before is None else list_tagged_by(catalog, tagger.id, ids, since=before)
        waiting = [picture for picture in chosen if picture.picture_id not in known]
        result = TaggingResult(
            tagger.id, tagger.device, tagger.thresholds, pictures=len(chosen), skipped=len(chosen) - len(waiting)
        )
        size, ahead = _choose_batches(tagger, batch, len(waiting), side_by_side + _AHEAD)
        result.times.opening = time.perf_counter() - started
        stops = [interrupted] if cancel is None else [interrupted, cancel]
        work = _Work(catalog, tagger, result, report, len(waiting))
        try:
            with (
                ThreadPoolExecutor(side_by_side, thread_name_prefix="tag") as pool,
                closing(_score_ahead(pool, catalog, tagger, waiting, size, ahead)) as batches,
            ):
                work.take(batches, stops)
        except Cancelled as stopped:
            way_on = "The same command goes on where it was."
            if again and before is None:
                way_on = f"The same command with {write_before(begun)} goes on where it was."
            raise Cancelled(stopped.message, hint=f"{way_on} {tell_mixture(catalog, owner)}".strip()) from None
        finally:
            work.store()
            result.times.total = time.perf_counter() - started
    let_count(catalog, tagger.id, sorted(known))
    # Scores are written, so the doors are shut to what they say; this is to tell people.
    unfit = flag_refused(catalog, owner)
    result.unfit = [UntaggedPicture(each.membership.name, each.why) for each in unfit]
    result.warning = warn_of_refused(owner, unfit)
    return result


def _choose_batches(tagger: Tagger, batch: int | None, pictures: int, ahead: int) -> tuple[int, int]:
    """How many pictures the model is given at a time, and how many times that many may be under way."""
    wanted = tagger.batch or batch or (_CUDA_BATCH if tagger.device == "cuda" else _CPU_BATCH)
    size = max(1, min(wanted, pictures))
    picture = prod(tagger.layout.shape) * np.dtype(np.float32).itemsize
    if size * picture > _MOST_BYTES and tagger.batch is None:
        raise UsageError(
            f"--batch {wanted} is too many: {size} pictures at a time take {size * picture / 2**30:.1f} GiB before "
            "the model begins.",
            hint=f"{_MOST_BYTES // picture} fit; more than 32 seldom make it faster.",
        )
    return size, max(1, min(ahead, _MOST_BYTES // (size * picture)))


@dataclass(frozen=True, slots=True)
class _Scored:
    """What became of a batch: the pictures with a row of scores each, those that can't be read, and the seconds."""

    pictures: Sequence[Membership]
    rows: Scores
    refused: Sequence[UntaggedPicture]
    decoding: float
    session: float


def _score_ahead(
    pool: ThreadPoolExecutor, catalog: Catalog, tagger: Tagger, pictures: Sequence[Membership], size: int, ahead: int
) -> Generator[_Scored]:
    """Batches in order, each scored when it is given out; a few more are always being scored."""
    # The same few arrays all the time: fresh ones of some megabytes cost the system more than copying does.
    needed = min(ahead, -(-len(pictures) // size))
    free: deque[Pixels] = deque(np.empty((size, *tagger.layout.shape), np.float32) for _ in range(needed))
    # A graphics card has nothing to win from two batches at once, and may not have the memory.
    turn: AbstractContextManager[Any] = threading.Lock() if tagger.device == "cuda" else nullcontext()
    running: deque[tuple[Future[_Scored], Pixels]] = deque()
    starts = iter(range(0, len(pictures), size))
    try:
        while True:
            while free and (start := next(starts, None)) is not None:
                pixels = free.popleft()
                chosen = pictures[start : start + size]
                running.append((pool.submit(_score, catalog, tagger, chosen, pixels, turn), pixels))
            if not running:
                return
            future, pixels = running.popleft()
            scored = future.result()
            free.append(pixels)
            yield scored
    finally:
        for future, _ in running:
            future.cancel()


def _score(
    catalog: Catalog,
    tagger: Tagger,
    pictures: Sequence[Membership],
    pixels: Pixels,
    turn: AbstractContextManager[Any],
) -> _Scored:
    """Decode pictures into `pixels`, leaving out those that can't be, and score them."""
    begun = time.perf_counter()
    good: list[Membership] = []
    refused: list[UntaggedPicture] = []
    for picture in pictures:
        try:
            image = load_rgb(read_picture(catalog, picture), max_megapixels=MOST_MEGAPIXELS)
        except LoratuiError as error:
            refused.append(UntaggedPicture(picture.name, f"{error.message} {error.hint}".strip()))
            continue
        prepare_picture(image, tagger.layout, pixels[len(good)])
        good.append(picture)
    decoded = time.perf_counter()
    with turn:
        asked = time.perf_counter()
        rows = tagger.run(pixels[: len(good)])
        session = time.perf_counter() - asked
    return _Scored(good, rows, refused, decoded - begun, session)


class _Work:
    """Takes scored batches, and keeps the scores every so often."""

    def __init__(self, catalog: Catalog, tagger: Tagger, result: TaggingResult, report: Report, total: int) -> None:
        self._catalog, self._tagger, self._result = catalog, tagger, result
        self._report, self._total = report, total
        self._unsaved: dict[int, list[ScoredTag]] = {}
        self._cuts: dict[str, list[float]] = defaultdict(list)
        self._done = 0
        self._started = self._saved = self._reported = time.monotonic()

    def take(self, batches: Iterable[_Scored], stops: Sequence[threading.Event]) -> None:
        for batch in batches:
            if any(stop.is_set() for stop in stops):
                self.store()
                raise Cancelled(f"Tagging was stopped; {self._result.tagged} of {self._total} pictures are tagged.")
            self._take_batch(batch)
            if len(self._unsaved) >= _STORE_PICTURES or time.monotonic() - self._saved >= _STORE_SECONDS:
                self.store()
        self._say("", force=True)

    def store(self) -> None:
        """Keep what was scored since the last time."""
        begun = time.perf_counter()
        if self._unsaved:
            store_many_tag_scores(self._catalog, self._tagger.id, self._unsaved)
            self._result.tagged += len(self._unsaved)
            self._unsaved.clear()
        self._result.mcut = {category: round(median(cuts), 4) for category, cuts in self._cuts.items()}
        self._saved = time.monotonic()
        self._result.times.storing += time.perf_counter() - begun

    def _take_batch(self, batch: _Scored) -> None:
        self._result.refused.extend(batch.refused)
        self._result.times.decoding += batch.decoding
        self._result.times.session += batch.session
        for picture, row in zip(batch.pictures, batch.rows, strict=True):
            self._unsaved[picture.picture_id] = self._tagger.list_scores(row)
            for category, cut in self._tagger.find_cuts(row).items():
                self._cuts[category].append(cut)
        self._done += len(batch.pictures) + len(batch.refused)
        self._say((batch.pictures or batch.refused)[-1].name)

    def _say(self, name: str, *, force: bool = False) -> None:
        moment = time.monotonic()
        if force or moment - self._reported >= _REPORT_SECONDS:
            self._reported = moment
            left = (self._total - self._done) * (moment - self._started) / max(1, self._done)
            self._report(Progress("tag", self._done, self._total, eta_s=left, note=name))
