"""Rendering cells into a folder through a sampler process that outlives its caller."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from loratui.errors import Cancelled, MissingFeatureError, TrainingError
from loratui.events import Progress, RunEvent
from loratui.review.infotext import is_finished
from loratui.review.request import LEASE, REQUEST, cell_path, make_request, write_request
from loratui.runs.folder import RunFolder
from loratui.runs.leases import Lease, is_leased, take_lease
from loratui.training.spawn import engine_environment

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from loratui.events import Report
    from loratui.review.request import BaseLike, CellRequest, SampleSettings, SheetRequest

_POLL_S = 0.05
_NEEDED = ("torch", "diffusers", "transformers", "safetensors")


def render(
    folder: Path,
    base: BaseLike,
    cells: Sequence[CellRequest],
    settings: SampleSettings,
    *,
    report: Report,
    cancel: threading.Event | None = None,
) -> dict[str, Path]:
    """Images of the cells by their keys, in the order of the cells; what is in the folder already is not made again.

    The sampler is a session of its own: when the caller dies it goes on, and the next call takes up what it made.
    One sampler works on a folder at a time; a second call waits for the first. Raises MissingFeatureError without
    the [train] extra, TrainingError when the sampler fails, Cancelled after it finished the batch at hand.
    """
    request = make_request(base, cells, settings)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    total = len(request.cells)
    while missing := find_missing(folder, request):
        _require_packages()
        report(Progress("render", total - len(missing), total))
        # A glance of another process at the lease looks like a holder for an instant.
        lease = take_lease(folder / LEASE, wait_s=0.2)
        if lease is None:
            _wait_for_other(folder, report, cancel)
            continue
        known = _last_seq(folder)
        with lease:
            process = _start(folder, request, lease)
        _follow(folder, process, known, report, cancel)
        if still := find_missing(folder, request):
            raise TrainingError(
                f"The sampler ended and left out {len(still)} image{'s' * (len(still) != 1)}.",
                hint=f"See {RunFolder(folder).log_file}.",
            )
    return {key: cell_path(folder, key) for key in request.cells}


def find_missing(folder: Path, request: SheetRequest) -> list[str]:
    """Keys of the request whose image is not in the folder, or is damaged there."""
    return [key for key in request.cells if not is_finished(cell_path(folder, key), key)]


def _require_packages() -> None:
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        raise MissingFeatureError(
            f"Rendering needs {', '.join(absent)}, which is not installed.", hint="pip install 'loratui[train]'"
        )


def _start(folder: Path, request: SheetRequest, lease: Lease) -> subprocess.Popen[bytes]:
    write_request(folder / REQUEST, request)
    RunFolder(folder).stop_file.unlink(missing_ok=True)
    threads = request.settings.threads or _count_free_cores()
    with RunFolder(folder).log_file.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "loratui.review.sampler", str(folder), "--lease-fd", str(lease.fd)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=engine_environment(os.environ, threads=threads),
            start_new_session=True,
            pass_fds=(lease.fd,),
        )


def _count_free_cores() -> int:
    # Threads that compete for a core wait for each other at every layer: two on one core are far slower than one.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    busy = float(psutil.cpu_percent(interval=0.1)) / 100 * (os.cpu_count() or 1)
    return max(1, cores - round(busy))


def _last_seq(folder: Path) -> int:
    events = RunFolder(folder).read_events()
    return events[-1].seq if events else 0


def _follow(
    folder: Path, process: subprocess.Popen[bytes], known: int, report: Report, cancel: threading.Event | None
) -> None:
    """Report what our sampler does until it ends; turns its end into the error it stands for."""
    sheet = RunFolder(folder)
    end: RunEvent | None = None
    asked = False
    while True:
        # Before the events: what it wrote last must not be missed.
        code = process.poll()
        for event in sheet.read_events(after=known):
            known = event.seq
            _tell(event, report)
            end = event if event.type == "end" else end
        if code is not None:
            break
        if not asked and cancel is not None and cancel.is_set():
            sheet.ask_to_stop()
            asked = True
        time.sleep(_POLL_S)
    if code == 0 and end is not None:
        if end.data.get("state") == "stopped":
            raise Cancelled("The sampler was stopped.", hint="Start it again: finished images are kept.")
        return
    if end is not None:
        raise TrainingError(str(end.data.get("reason")), hint=str(end.data.get("hint")))
    how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
    last = next((line for line in reversed(sheet.read_log(20)) if line.strip()), "")
    raise TrainingError(
        f"The sampler {how}. {last}".strip(),
        hint=f"Start it again: finished images are kept. Its log is {sheet.log_file}.",
    )


def _wait_for_other(folder: Path, report: Report, cancel: threading.Event | None) -> None:
    """Report what a sampler does that somebody else started, until it ends."""
    known = _last_seq(folder)
    while is_leased(folder / LEASE):
        if cancel is not None and cancel.is_set():
            raise Cancelled("No longer waiting; the sampler that another command started goes on.")
        for event in RunFolder(folder).read_events(after=known):
            known = event.seq
            _tell(event, report)
        time.sleep(_POLL_S)


def _tell(event: RunEvent, report: Report) -> None:
    data = event.data
    if event.type == "cell":
        report(Progress("render", data["done"], data["total"], data["eta_s"]))
    elif event.type == "start":
        report(Progress("render", data["done"], data["total"], note="loading the base"))
    elif event.type == "warning":
        report(Progress("render", data["done"], data["total"], note=data["message"]))
