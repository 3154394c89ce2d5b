"""Bringing files into a subject: each is read and decoded once, none stops the others, a killed import goes on."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from loratui.catalog import tables
from loratui.catalog.blobs import sweep_incoming
from loratui.catalog.consent import warn_of_lacking
from loratui.catalog.intake import Intake, Reading, TurnedAway
from loratui.catalog.interrupts import hold_interrupts
from loratui.catalog.joining import Joined, join_subject
from loratui.catalog.rows import Refused, to_row
from loratui.catalog.subjects import look_up
from loratui.catalog.walking import Found, FoundFile, fold_stem, show_path, walk_files
from loratui.errors import Cancelled
from loratui.events import Progress, Report, ignore_progress

if TYPE_CHECKING:
    import os
    import threading
    from collections.abc import Sequence

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

_BATCH = 200
_BATCH_SECONDS = 1.0
_REPORT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that was turned away: its absolute path (printable text), and the reason with what to do about it."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class DuplicateFile:
    """A file with the same bytes as a picture that the subject has under another name."""

    path: Path
    name: str


@dataclass(slots=True)
class ImportResult:
    """What became of every file.

    `imported` pictures are new in the subject. `duplicates` files hold pictures it already has: `skipped` of
    them are files that an earlier import brought in, `duplicate_files` the others, with the name of the picture
    they repeat. `sidecars` pairs membership ids with caption files (metadata files come with many ids),
    `orphans` are captions beside no file. `also_in` counts pictures per other subject that uses them.
    """

    imported: int = 0
    duplicates: int = 0
    skipped: int = 0
    refused: list[RefusedFile] = field(default_factory=list)
    duplicate_files: list[DuplicateFile] = field(default_factory=list)
    sidecars: list[tuple[int, Path]] = field(default_factory=list)
    orphans: list[Path] = field(default_factory=list)
    also_in: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def import_pictures(
    catalog: Catalog,
    subject: Subject | str,
    paths: Sequence[str | os.PathLike[str]],
    *,
    in_place: bool = False,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
    workers: int = 2,
    max_megapixels: float = 100.0,
) -> ImportResult:
    """Import files, and folders with their subfolders, into a subject's inbox.

    Pictures and their files are kept as they are read, so an import that was killed goes on where it was; the
    memberships are one journal entry, which undo takes back. With `in_place` files stay where they are and are
    referred to. A picture that a tagger has read before and that may not be used in the subject (see ratings) is
    refused like a broken file. Raises NotFoundError for the subject or a path, LoratuiError when the disk is full,
    Cancelled; what was read by then is in the subject.
    """
    with catalog.read() as connection:
        owner = look_up(connection, subject)
    found = walk_files([Path(path) for path in paths], avoid=[catalog.home.data, catalog.home.cache])
    sweep_incoming(catalog.home)
    intake = Intake(catalog, owner.id, in_place=in_place, max_megapixels=max_megapixels)
    turned_away = [TurnedAway(path, reason) for path, reason in found.unreadable]
    readings: dict[Path, Reading] = {}
    stop: BaseException | None = None
    # An impatient second Ctrl-C must not break off the keeping of what was read before the first.
    with hold_interrupts() as interrupted:
        stops = [interrupted] if cancel is None else [interrupted, cancel]
        try:
            _read_all(intake, found.files, readings, turned_away, workers=workers, report=report, stops=stops)
        # Whatever ends the reading early (a full disk, a stop), what was read is worth keeping.
        except (Exception, KeyboardInterrupt) as error:
            stop = error
        intake.save([], turned_away[: len(found.unreadable)])
        ordered = [readings[file.path] for file in found.files if file.path in readings]
        joined = join_subject(catalog, owner, ordered)
        unfit = [TurnedAway(file.path, f"it can't be used in {owner.name}: {why}") for file, why in joined.unfit]
        intake.save([], unfit)
        turned_away += unfit
    if stop is not None and not isinstance(stop, Cancelled | KeyboardInterrupt):
        raise stop
    if stop is not None or interrupted.is_set():
        raise Cancelled(
            f"The import was stopped; {joined.added} picture{' is' if joined.added == 1 else 's are'} in {owner.name}.",
            hint="Run it again to go on: files that were read are not read again.",
        ) from stop
    result = _sum_up(found, joined, turned_away, owner)
    if joined.added:
        result.warnings += warn_of_lacking(catalog, owner, joined.also_in)
    return result


def list_refused(catalog: Catalog, subject: Subject | str) -> list[Refused]:
    """The files that imports into a subject turned away, the latest word on each."""
    table = tables.refused
    with catalog.read() as connection:
        owner = look_up(connection, subject)
        rows = connection.execute(select(table).where(table.c.subject_id == owner.id).order_by(table.c.id))
        return [to_row(Refused, row) for row in rows]


def _read_all(
    intake: Intake,
    files: Sequence[FoundFile],
    readings: dict[Path, Reading],
    turned_away: list[TurnedAway],
    *,
    workers: int,
    report: Report,
    stops: Sequence[threading.Event],
) -> None:
    """Read files on worker threads into `readings` and `turned_away`, saving them in batches as they come.

    Every picture in `readings` has its row, however the reading ends.
    """
    progress = _Meter(len(files), report)
    unsaved: list[Reading | TurnedAway] = []
    saved_at = time.monotonic()
    running: set[Future[Reading | TurnedAway]] = set()

    def take(results: Sequence[Reading | TurnedAway]) -> None:
        turned_away.extend(result for result in results if isinstance(result, TurnedAway))
        unsaved.extend(results)

    def save() -> None:
        nonlocal saved_at
        read = [one for one in unsaved if isinstance(one, Reading)]
        intake.save(read, [one for one in unsaved if isinstance(one, TurnedAway)])
        readings.update((one.file.path, one) for one in read)
        unsaved.clear()
        saved_at = time.monotonic()

    pool = ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="import")
    try:
        for start in range(0, len(files), _BATCH):
            chunk = files[start : start + _BATCH]
            known = intake.recall(chunk)
            readings.update((one.file.path, one) for one in known)
            progress.pass_over(len(known))
            remembered = {one.file.path for one in known}
            waiting = [file for file in reversed(chunk) if file.path not in remembered]
            while waiting or running:
                if any(stop.is_set() for stop in stops):
                    raise Cancelled("The import was stopped.")
                # Few enough in flight that a stop is quick and memory stays bounded.
                while waiting and len(running) < workers * 2:
                    running.add(pool.submit(intake.read, waiting.pop()))
                done, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                take([future.result() for future in done])
                progress.move_on(len(done), chunk[-1].name if not waiting else waiting[-1].name)
                if len(unsaved) >= _BATCH or (unsaved and time.monotonic() - saved_at > _BATCH_SECONDS):
                    save()
                if not waiting and start + _BATCH < len(files) and len(running) < workers:
                    break
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        take([future.result() for future in running if not future.cancelled() and future.exception() is None])
        save()
    progress.finish()


class _Meter:
    """Reports how far the import is, at most ten times a second, with the seconds left by the pace so far."""

    def __init__(self, total: int, report: Report) -> None:
        self._total, self._report = total, report
        self._done = self._decoded = 0
        self._started = self._reported = time.monotonic()

    def pass_over(self, count: int) -> None:
        """Files that needed no reading: they say nothing about the pace."""
        self._done += count

    def move_on(self, count: int, name: str) -> None:
        self._done += count
        self._decoded += count
        now = time.monotonic()
        if count and now - self._reported >= _REPORT_SECONDS:
            self._reported = now
            left = (self._total - self._done) * (now - self._started) / self._decoded
            self._report(Progress("import", self._done, self._total, eta_s=left, note=name))

    def finish(self) -> None:
        self._report(Progress("import", self._done, self._total, eta_s=0.0))


def _sum_up(found: Found, joined: Joined, turned_away: Sequence[TurnedAway], owner: Subject) -> ImportResult:
    result = ImportResult(
        imported=joined.added,
        duplicates=joined.skipped + len(joined.repeated),
        skipped=joined.skipped,
        refused=sorted(
            (RefusedFile(Path(show_path(each.path)), each.reason) for each in turned_away), key=lambda r: r.path
        ),
        duplicate_files=[DuplicateFile(Path(show_path(file.path)), name) for file, name in joined.repeated],
        also_in=joined.also_in,
    )
    _match_sidecars(found, joined, result)
    for path in result.orphans:
        result.warnings.append(f"{show_path(path)}: a caption beside no picture of that name")
    for name, count in sorted(joined.also_in.items()):
        are = "picture is" if count == 1 else "pictures are"
        result.warnings.append(f"{count} {are} also in subject {name}")
    for repeated in result.duplicate_files:
        result.warnings.append(f"{repeated.path} has the same bytes as {repeated.name} in {owner.name}")
    return result


def _match_sidecars(found: Found, joined: Joined, result: ImportResult) -> None:
    by_stem: dict[tuple[Path, str], list[int]] = {}
    for path, membership_id in joined.memberships.items():
        for stem in _caption_stems(path):
            by_stem.setdefault(stem, []).append(membership_id)
    beside = {stem for file in found.files for stem in _caption_stems(file.path)}
    for caption in found.captions:
        stem = fold_stem(caption)
        result.sidecars += [(id_, caption) for id_ in by_stem.get(stem, ())]
        if stem not in beside:
            result.orphans.append(caption)
    for metadata in found.metadata:
        if own := by_stem.get(fold_stem(metadata)):
            result.sidecars += [(id_, metadata) for id_ in own]
        else:
            # A file for a whole folder: kohya's metadata names the pictures inside.
            below = (id_ for path, id_ in joined.memberships.items() if metadata.parent in path.parents)
            result.sidecars += [(id_, metadata) for id_ in dict.fromkeys(below)]


def _caption_stems(picture: Path) -> list[tuple[Path, str]]:
    # Both a.txt and a.jpg.txt are the caption of a.jpg.
    return [fold_stem(picture), fold_stem(picture.with_name(picture.name + ".txt"))]
