"""The one worker of a library: takes runs from the queue, starts trainers, follows them, and leaves when idle.

`python -m loratui.runs.worker DATA CACHE CONFIG`, started on demand by `ensure_worker`. It owns nothing that its
death could lose: trainers live in sessions of their own, leases are inherited by them, the rest is in the catalog.
"""

from __future__ import annotations

import argparse
import logging
import logging.handlers
import os
import platform
import re
import secrets
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.catalog.attempts import (
    claim_run,
    end_attempt,
    get_latest_attempt,
    record_exit,
    record_process,
    unclaim_run,
)
from loratui.catalog.fingerprint import take_fingerprint
from loratui.catalog.run_events import list_events
from loratui.catalog.runs import OPEN_STATES, count_runs, get_run, list_runs
from loratui.catalog.store import open_catalog
from loratui.config import Home, Settings, load_settings
from loratui.errors import LoratuiError, RefusedError
from loratui.runs.folder import RunFolder
from loratui.runs.leases import inherit_lease, take_lease
from loratui.runs.permission import require_permission
from loratui.runs.process import (
    DEFAULT_LADDER,
    StopLadder,
    climb_stop_ladder,
    find_process,
    make_environment,
    read_start_time,
    spawn_trainer,
)
from loratui.runs.spawn import get_worker_lease, get_worker_log
from loratui.runs.sync import sync_run
from loratui.runs.withdrawal import stop_withdrawn

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence

    from loratui.catalog.rows import Attempt, Run
    from loratui.catalog.store import Catalog
    from loratui.runs.leases import Lease

_LOG = logging.getLogger("loratui.worker")

_LOOK_EVERY_S = 2.0
"""Between two looks at whether what runs may still be trained; they take at most a twentieth of the time."""
_SHARE = 20


class Worker:
    """The loop and what it must remember between two rounds: the processes that are its children."""

    def __init__(
        self,
        catalog: Catalog,
        environ: Mapping[str, str],
        *,
        idle_s: float = 20.0,
        round_s: float = 0.15,
        ladder: StopLadder = DEFAULT_LADDER,
    ) -> None:
        self._catalog = catalog
        self._environ = environ
        self._idle_s = idle_s
        self._round_s = round_s
        self._ladder = ladder
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._settings = Settings()
        self._fingerprint: tuple[int, ...] = ()
        self._look_at = 0.0

    def work(self, quit: threading.Event) -> None:
        """Go round until `quit` is set or nothing has been going on for `idle_s` seconds."""
        self.repair_claims()
        busy_at = time.monotonic()
        while not quit.is_set():
            try:
                if self.go_round():
                    busy_at = time.monotonic()
            except LoratuiError as error:
                # A locked database or a broken config.toml: both mend without us.
                _LOG.error("%s %s", error.message, error.hint)
                quit.wait(2.0)
            if time.monotonic() - busy_at > self._idle_s:
                return
            quit.wait(self._round_s)

    def go_round(self) -> bool:
        """One round: reap, follow, stop, start. False when nothing is going on."""
        for attempt_id, child in list(self._children.items()):
            if (code := child.poll()) is not None:
                _LOG.info("trainer %d ended with exit code %d", child.pid, code)
                record_exit(self._catalog, attempt_id, code)
                del self._children[attempt_id]
        runs = list_runs(self._catalog, states=OPEN_STATES)
        if any(run.state == "running" for run in runs):
            self._watch_permission()
        for run in runs:
            if run.state == "running":
                self._follow(run)
        if any(run.state == "queued" for run in runs):
            self._settings = load_settings(self._catalog.home)
            self._fill_slots()
        return bool(runs or self._children)

    def _watch_permission(self) -> None:
        """Stop what may not be trained any longer: consent ends, and pictures are rated, while a training goes on."""
        begun = time.monotonic()
        if begun < self._look_at:
            return
        if (found := take_fingerprint(self._catalog)) != self._fingerprint:
            for run in stop_withdrawn(self._catalog):
                _LOG.warning("%s is stopped: %s", run.name, run.reason)
            self._fingerprint = found
        ended = time.monotonic()
        self._look_at = ended + max(_LOOK_EVERY_S, _SHARE * (ended - begun))

    def _follow(self, run: Run) -> None:
        after = sync_run(self._catalog, run)
        if after.state != "running":
            _LOG.info("%s is %s%s", after.name, after.state, f": {after.reason}" if after.reason else "")
            return
        attempt = get_latest_attempt(self._catalog, run.id) if after.wish == "stop" else None
        if attempt and (sent := climb_stop_ladder(RunFolder(run.folder), attempt, self._ladder)):
            _LOG.warning("%s does not stop: sent %s to %d", run.name, sent, attempt.pid)

    def repair_claims(self) -> None:
        """Settle the claims of a worker that was killed between taking a run and noting its process."""
        for run in list_runs(self._catalog, states=("running",)):
            attempt = get_latest_attempt(self._catalog, run.id)
            if attempt is None or attempt.pid:
                if attempt is not None:
                    _LOG.info("looking after %s, attempt %d, pid %d", run.name, attempt.number, attempt.pid)
                continue
            if found := find_process(attempt.nonce):
                _LOG.info("adopted %s, pid %d, whose start was not noted", run.name, found[0])
                record_process(self._catalog, attempt.id, pid=found[0], process_started=found[1])
            else:
                _LOG.info("%s goes back into the queue: its trainer was never started", run.name)
                unclaim_run(self._catalog, attempt)

    def _fill_slots(self) -> None:
        for index, device in enumerate(list_slots(self._settings.gpu_slots, self._environ)):
            # Trainers inherit the lease of their slot: it is free when they are gone, whoever started them.
            slot = take_lease(self._catalog.home.data / f"slot-{index}.lock")
            if slot is None:
                continue
            with slot:
                self._start_next(slot, device)

    def _start_next(self, slot: Lease, device: str | None) -> None:
        held_up: set[int] = set()
        while attempt := claim_run(
            self._catalog, nonce=secrets.token_hex(16), host=platform.node(), except_runs=held_up
        ):
            run = get_run(self._catalog, attempt.run_id)
            lease = take_lease(RunFolder(run.folder).lease_file, wait_s=0.2)
            if lease is None:
                # The process before is still on its way out.
                unclaim_run(self._catalog, attempt)
                held_up.add(run.id)
                continue
            with lease:
                if self._start(run, attempt, device, (slot, lease)):
                    return

    def _start(self, run: Run, attempt: Attempt, device: str | None, leases: Sequence[Lease]) -> bool:
        folder = RunFolder(run.folder)
        try:
            # It may have waited in the queue for days: consent may have ended since, pictures been read by a tagger.
            require_permission(self._catalog, run, folder.read_prompts())
            folder.prepare_attempt(attempt.nonce, list_events(self._catalog, run.id, limit=1000))
            child = spawn_trainer(
                folder,
                trainer=self._settings.trainer,
                number=attempt.number,
                nonce=attempt.nonce,
                environment=make_environment(self._environ, device),
                leases=leases,
            )
        except (LoratuiError, OSError) as error:
            _LOG.error("%s could not be started: %s", run.name, error)
            refused = isinstance(error, RefusedError) and error.hint
            hint = refused or "Mend what it names, then `loratui run resume`."
            end_attempt(self._catalog, attempt, state="failed", reason=f"could not be started: {error}", hint=hint)
            return False
        record_process(self._catalog, attempt.id, pid=child.pid, process_started=read_start_time(child.pid))
        self._children[attempt.id] = child
        _LOG.info("started %s, attempt %d, pid %d", run.name, attempt.number, child.pid)
        return True


def list_slots(gpu_slots: int, environ: Mapping[str, str], devices_folder: Path = Path("/dev")) -> list[str | None]:
    """One entry per training at the same time: its CUDA_VISIBLE_DEVICES, or None to leave that alone.

    Without a GPU there is one slot: trainings on the CPU only slow each other down.
    """
    if (visible := environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        devices = [device.strip() for device in visible.split(",") if device.strip()]
    else:
        numbers = (re.fullmatch(r"nvidia(\d+)", entry.name) for entry in devices_folder.glob("nvidia*"))
        devices = [str(number) for number in sorted(int(match[1]) for match in numbers if match)]
    if gpu_slots <= 1 or not devices:
        return [None]
    return [devices[index % len(devices)] for index in range(gpu_slots)]


def run_worker(
    home: Home,
    environ: Mapping[str, str],
    *,
    idle_s: float,
    ladder: StopLadder = DEFAULT_LADDER,
    lease: Lease | None = None,
) -> bool:
    """Be the worker of a library until there is nothing left to do; False when another one is.

    `lease` is the one that `ensure_worker` took for us.
    """
    quit = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: quit.set())
    with open_catalog(home, actor="worker") as catalog:
        while True:
            # The wait is for a worker that is just leaving.
            held = lease or take_lease(get_worker_lease(home), wait_s=1.0)
            if held is None:
                return False
            lease = None
            with held:
                _LOG.info("worker %d begins", os.getpid())
                Worker(catalog, environ, idle_s=idle_s, ladder=ladder).work(quit)
                _LOG.info("worker %d leaves", os.getpid())
            # Somebody may have queued a run after our last look and seen the lease still taken.
            if quit.is_set() or not count_runs(catalog):
                return True


def main() -> None:
    """Entry of `python -m loratui.runs.worker`."""
    parser = argparse.ArgumentParser(prog="loratui.runs.worker", description="The worker of one loratui library.")
    for name in ("data", "cache", "config"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--idle", type=float, default=20.0, help="seconds without work after which it leaves")
    parser.add_argument("--lease", type=int, help="file descriptor of the inherited worker lease")
    parser.add_argument("--term-after", type=float, default=DEFAULT_LADDER.term_after_s)
    parser.add_argument("--kill-after", type=float, default=DEFAULT_LADDER.kill_after_s)
    arguments = parser.parse_args()
    home = Home(data=arguments.data, cache=arguments.cache, config=arguments.config)
    handler = logging.handlers.RotatingFileHandler(
        get_worker_log(home), maxBytes=1_000_000, backupCount=1, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    ladder = StopLadder(arguments.term_after, arguments.kill_after)
    try:
        lease = None if arguments.lease is None else inherit_lease(get_worker_lease(home), arguments.lease)
        run_worker(home, dict(os.environ), idle_s=arguments.idle, ladder=ladder, lease=lease)
    except Exception:
        # Its death loses nothing, and the next command starts another: but it must not go unnoticed.
        _LOG.exception("worker %d breaks off", os.getpid())
        raise


if __name__ == "__main__":
    main()
