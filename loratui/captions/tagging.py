"""Tagging the pictures of a subject: threads decode the next ones while the model scores those before them."""

from __future__ import annotations

import math
import os
import time
from collections import defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from loratui.captions.preprocess import Pixels, prepare_picture
from loratui.captions.ratings import flag_refused, warn_of_refused
from loratui.captions.tagger import Tagger, open_tagger
from loratui.catalog.blobs import read_picture
from loratui.catalog.decoding import MOST_MEGAPIXELS, load_rgb
from loratui.catalog.edits import store_many_tag_scores
from loratui.catalog.interrupts import hold_interrupts
from loratui.catalog.query import get_memberships, select_memberships
from loratui.catalog.scores import let_count, list_other_taggers, list_tagged_by
from loratui.catalog.subjects import get_subject
from loratui.errors import Cancelled, ConflictError, LoratuiError, UsageError
from loratui.events import Progress, Report, ignore_progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterable, Sequence
    from pathlib import Path

    from loratui.captions.thresholds import Thresholds
    from loratui.catalog.edits import ScoredTag
    from loratui.catalog.query import Duplicates, Selection
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog

# Batches that are being decoded or wait for the model, at the least.
_AHEAD = 3
# A processor takes as long for eight together as for eight in turn, and one at a time stops soonest.
_CPU_BATCH, _CUDA_BATCH = 1, 32
_STORE_PICTURES, _STORE_SECONDS = 200, 2.0
_REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class UntaggedPicture:
    """A picture that could not be read, and why in words for the person."""

    name: str
    reason: str


@dataclass(slots=True)
class TaggingTimes:
    """Where the seconds went: `session` in the model, `waiting` for decoded pictures, `storing` scores, `total`."""

    opening: float = 0.0
    session: float = 0.0
    waiting: float = 0.0
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
    by_default: bool = False,
    batch: int | None = None,
    workers: int | None = None,
    duplicates: Duplicates | None = None,
) -> TaggingResult:
    """Score the selected pictures with the tagger in a folder; whole pictures, whatever their crops.

    Pictures that this very tagger has scored are skipped, so that a call that was stopped or killed is gone on with
    by the next; `again` scores them anew. From then on this tagger's scores count for all of them. Raises what
    opening a tagger does, NotFoundError for the subject, UsageError for a batch or workers under 1, and Cancelled;
    what was scored by then is kept. A tagger that was taken `by_default`, not chosen, is refused with ConflictError
    where another one has scored the pictures: its scores would count no more. Pictures that can't be read are in the
    result and stop nothing.
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
    tagger = open_tagger(folder)
    ids = [picture.picture_id for picture in chosen]
    if by_default and (others := list_other_taggers(catalog, tagger.id, ids)):
        raise ConflictError(
            f"{others[0]} has tagged pictures of {owner.name}; {tagger.id}, which was not asked for, would take its "
            "place.",
            hint="Name a tagger with --tagger: that folder or name again, or cast for the one that ships.",
        )
    known = set() if again else list_tagged_by(catalog, tagger.id, ids)
    waiting = [picture for picture in chosen if picture.picture_id not in known]
    result = TaggingResult(
        tagger.id, tagger.device, tagger.thresholds, pictures=len(chosen), skipped=len(chosen) - len(waiting)
    )
    result.times.opening = time.perf_counter() - started
    size = tagger.batch or batch or (_CUDA_BATCH if tagger.device == "cuda" else _CPU_BATCH)
    threads = workers or max(1, os.cpu_count() or 1)
    # Enough to keep every thread at work, whatever the size of a batch.
    ahead = max(_AHEAD, math.ceil(2 * threads / size))
    with hold_interrupts() as interrupted:
        stops = [interrupted] if cancel is None else [interrupted, cancel]
        work = _Work(catalog, tagger, result, report, len(waiting))
        try:
            with (
                ThreadPoolExecutor(threads, thread_name_prefix="tag") as pool,
                closing(_decode_ahead(pool, catalog, tagger, waiting, size, ahead, result.times)) as batches,
            ):
                work.score(batches, stops)
        finally:
            work.store()
            result.times.total = time.perf_counter() - started
    let_count(catalog, tagger.id, sorted(known))
    # Scores are written, so the doors are shut to what they say; this is to tell people.
    unfit = flag_refused(catalog, owner)
    result.unfit = [UntaggedPicture(each.membership.name, each.why) for each in unfit]
    result.warning = warn_of_refused(owner, unfit)
    return result


class _Batch:
    """Pictures on their way: their places in one array, and what came of decoding each."""

    def __init__(self, pictures: Sequence[Membership], pixels: Pixels, reasons: list[Future[str]]) -> None:
        self.pictures = pictures
        self.pixels = pixels
        self.reasons = reasons


def _decode_ahead(
    pool: ThreadPoolExecutor,
    catalog: Catalog,
    tagger: Tagger,
    pictures: Sequence[Membership],
    size: int,
    ahead: int,
    times: TaggingTimes,
) -> Generator[_Batch]:
    """Batches in order, each decoded when it is given out; a few more are always being decoded."""
    # The same few arrays all the time: fresh ones of some megabytes cost the system more than copying does.
    free: deque[Pixels] = deque(np.empty((size, *tagger.layout.shape), np.float32) for _ in range(ahead))
    running: deque[_Batch] = deque()
    starts = iter(range(0, len(pictures), size))
    try:
        while True:
            while free and (start := next(starts, None)) is not None:
                chosen, pixels = pictures[start : start + size], free.popleft()
                reasons = [
                    pool.submit(_decode, catalog, tagger, picture, out)
                    for picture, out in zip(chosen, pixels, strict=False)
                ]
                running.append(_Batch(chosen, pixels, reasons))
            if not running:
                return
            batch = running.popleft()
            begun = time.perf_counter()
            for reason in batch.reasons:
                reason.result()
            times.waiting += time.perf_counter() - begun
            yield batch
            free.append(batch.pixels)
    finally:
        for batch in running:
            for reason in batch.reasons:
                reason.cancel()


def _decode(catalog: Catalog, tagger: Tagger, picture: Membership, out: Pixels) -> str:
    """Decode a picture into its place; returns why it can't be, or nothing."""
    try:
        image = load_rgb(read_picture(catalog, picture), max_megapixels=MOST_MEGAPIXELS)
    except LoratuiError as error:
        return f"{error.message} {error.hint}".strip()
    prepare_picture(image, tagger.layout, out)
    return ""


class _Work:
    """Scores batches, and keeps the scores every so often."""

    def __init__(self, catalog: Catalog, tagger: Tagger, result: TaggingResult, report: Report, total: int) -> None:
        self._catalog, self._tagger, self._result = catalog, tagger, result
        self._report, self._total = report, total
        self._unsaved: dict[int, list[ScoredTag]] = {}
        self._cuts: dict[str, list[float]] = defaultdict(list)
        self._done = 0
        self._started = self._saved = self._reported = time.monotonic()

    def score(self, batches: Iterable[_Batch], stops: Sequence[threading.Event]) -> None:
        for batch in batches:
            if any(stop.is_set() for stop in stops):
                self.store()
                raise Cancelled(
                    f"Tagging was stopped; {self._result.tagged} of {self._total} pictures are tagged.",
                    hint="Run it again to go on where it was.",
                )
            self._score_batch(batch)
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

    def _score_batch(self, batch: _Batch) -> None:
        good: list[Membership] = []
        for place, (picture, reason) in enumerate(zip(batch.pictures, batch.reasons, strict=True)):
            if why := reason.result():
                self._result.refused.append(UntaggedPicture(picture.name, why))
                continue
            if len(good) < place:
                # Close the gap that a refused picture left.
                batch.pixels[len(good)] = batch.pixels[place]
            good.append(picture)
        if good:
            begun = time.perf_counter()
            rows = self._tagger.run(batch.pixels[: len(good)])
            self._result.times.session += time.perf_counter() - begun
            for picture, row in zip(good, rows, strict=True):
                self._unsaved[picture.picture_id] = self._tagger.list_scores(row)
                for category, cut in self._tagger.find_cuts(row).items():
                    self._cuts[category].append(cut)
        self._done += len(batch.pictures)
        self._say(batch.pictures[-1].name)

    def _say(self, name: str, *, force: bool = False) -> None:
        now = time.monotonic()
        if force or now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            left = (self._total - self._done) * (now - self._started) / max(1, self._done)
            self._report(Progress("tag", self._done, self._total, eta_s=left, note=name))
