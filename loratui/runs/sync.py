"""Bringing the catalog up to date with what trainers wrote and which of them still live."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from loratui.catalog.attempts import end_attempt, get_latest_attempt
from loratui.catalog.run_events import ingest_events
from loratui.catalog.runs import OPEN_STATES, get_run, list_runs
from loratui.errors import LoratuiError
from loratui.events import RunEvent
from loratui.runs.folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.rows import Attempt, Run
    from loratui.catalog.store import Catalog

_CHECKPOINT_DATA = {"epoch": int, "step": int, "path": str, "autov3": str, "bytes": int}

# Between two attempts of polling front ends to start a worker.
_PAUSE_S = 2.0


def sync_runs(catalog: Catalog) -> None:
    """Bring every run that is not over up to date, and make sure that a worker looks after them.

    Every reading command calls it first: right answers don't depend on a worker, and costs are those of one query
    when nothing is going on.
    """
    from loratui.runs.spawn import ensure_worker

    runs = list_runs(catalog, states=OPEN_STATES)
    for run in runs:
        sync_run(catalog, run)
    if runs:
        ensure_worker(catalog, pause_s=_PAUSE_S)


def sync_run(catalog: Catalog, run: Run) -> Run:
    """Ingest what the trainer of one run wrote, close the run when its process is gone, and give its new row."""
    if run.state != "running":
        return run
    # Loaded only when something runs.
    from loratui.runs.process import is_alive

    folder = RunFolder(run.folder)
    attempt = get_latest_attempt(catalog, run.id)
    # Asked before reading: a process that is gone now can't write anything that this reading misses.
    alive = attempt is None or attempt.pid == 0 or is_alive(attempt, folder.lease_file)
    if events := folder.read_events(after=run.last_seq):
        ingest_events(catalog, run.id, verify_checkpoints(folder, events))
    if attempt is not None and not alive:
        run = get_run(catalog, run.name)
        if run.state == "running":
            _close_vanished(catalog, run, attempt, folder)
    return get_run(catalog, run.name)


def verify_checkpoints(folder: RunFolder, events: Sequence[RunEvent]) -> list[RunEvent]:
    """The same events, with a warning in place of each checkpoint whose file is not whole."""
    return [_verify(folder, event) if event.type == "checkpoint" else event for event in events]


def _verify(folder: RunFolder, event: RunEvent) -> RunEvent:
    from loratui.training.lorafile import read_header

    path = folder.path / str(event.data.get("path", ""))
    wrong = [key for key, kind in _CHECKPOINT_DATA.items() if not isinstance(event.data.get(key), kind)]
    problem = f"the event lacks {', '.join(wrong)}" if wrong else ""
    try:
        read_header(path)
    except LoratuiError as error:
        problem = error.message
    if not problem:
        return event
    return RunEvent(
        seq=event.seq,
        type="warning",
        data={"message": f"checkpoint left out: {path.name}: {problem}", "hint": "Its file was removed or damaged."},
        attempt=event.attempt,
        at=event.at,
    )


def _close_vanished(catalog: Catalog, run: Run, attempt: Attempt, folder: RunFolder) -> None:
    hint = f"`loratui run log {run.name}` has its last words; `loratui run resume {run.name}` goes on."
    if run.wish == "stop":
        reason = f"stopped at step {run.step}; it did not save by itself and was ended"
        # Whoever had it stopped may have said why.
        reason = f"{run.reason}; {reason}" if run.reason else reason
        end_attempt(catalog, attempt, state="stopped", reason=reason, hint=run.hint or hint)
        return
    last = next((line for line in reversed(folder.read_log(20)) if line.strip()), "")
    # A traceback ends in its exception; anything else says nothing about why.
    said = f": {last.strip()[:300]}" if re.match(r"[\w.]*(Error|Exception|Interrupt)\b", last) else " (killed?)"
    reason = f"the trainer process vanished at step {run.step}{said}"
    end_attempt(catalog, attempt, state="failed", reason=reason, hint=hint)
