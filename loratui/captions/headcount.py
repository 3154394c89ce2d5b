"""Counting the faces in many pictures, on threads, saved as it goes."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

from loratui.catalog.blobs import read_picture
from loratui.catalog.decoding import MOST_MEGAPIXELS, load_rgb
from loratui.catalog.findings import Measured, store_findings
from loratui.errors import Cancelled, LoratuiError
from loratui.events import Progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from loratui.captions.faces import FaceDetector
    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.events import Report

_SAVE_S = 1.0
_REPORT_S = 0.1


def count_faces(
    catalog: Catalog,
    pictures: Sequence[Membership],
    detector: FaceDetector,
    *,
    workers: int,
    report: Report,
    cancel: threading.Event,
    pass_over: Callable[[Membership, str], None],
) -> list[Measured]:
    """Count the faces in pictures and keep the counts; raises Cancelled, with what was counted by then kept.

    The value is the number of faces beyond the first. Pictures that can't be read are passed over; `pass_over`
    is told which and why, from several threads.
    """
    waiting = list(reversed(pictures))
    running: set[Future[Measured | None]] = set()
    measured: list[Measured] = []
    saved = done_count = 0
    started = saved_at = reported_at = time.monotonic()
    pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="faces")
    try:
        while waiting or running:
            if cancel.is_set():
                raise Cancelled("The counting of faces was stopped.", hint="Run it again: it goes on where it was.")
            while waiting and len(running) < 2 * workers:
                running.add(pool.submit(_look, catalog, detector, waiting.pop(), pass_over))
            done, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
            measured += [found for future in done if (found := future.result()) is not None]
            done_count += len(done)
            now = time.monotonic()
            if now - saved_at >= _SAVE_S:
                store_findings(catalog, measured[saved:])
                saved, saved_at = len(measured), now
            if done and now - reported_at >= _REPORT_S:
                left = (len(pictures) - done_count) * (now - started) / done_count
                report(Progress("faces", done_count, len(pictures), eta_s=left))
                reported_at = now
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        ended = [future for future in running if not future.cancelled() and future.exception() is None]
        measured += [found for future in ended if (found := future.result()) is not None]
        store_findings(catalog, measured[saved:])
    return measured


def _look(
    catalog: Catalog, detector: FaceDetector, picture: Membership, pass_over: Callable[[Membership, str], None]
) -> Measured | None:
    try:
        image = load_rgb(read_picture(catalog, picture), max_megapixels=MOST_MEGAPIXELS)
    except LoratuiError as error:
        pass_over(picture, error.message)
        return None
    faces = detector.find_faces(image)
    boxes = [
        [*(round(side) for side in (face.left, face.top, face.width, face.height)), round(face.score, 3)]
        for face in faces
    ]
    why = f"{len(faces)} face{'s' * (len(faces) != 1)}"
    return Measured(
        picture.picture_id, "faces", detector.id, float(max(0, len(faces) - 1)), {"why": why, "faces": boxes}
    )
