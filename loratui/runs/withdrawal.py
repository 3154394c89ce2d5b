"""Trainings whose permission ends while they run: they are stopped like a person stops them, and say why."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from loratui.catalog import subjects
from loratui.catalog.runs import get_run, get_run_subject, list_runs, wish_stop
from loratui.errors import RefusedError, TrainingError
from loratui.runs.folder import RunFolder
from loratui.runs.permission import require_permission
from loratui.runs.spawn import ensure_worker

if TYPE_CHECKING:
    from loratui.catalog.rows import Run, Subject
    from loratui.catalog.store import Catalog


def withdraw_consent(catalog: Catalog, subject: Subject | str, *, note: str = "") -> tuple[Subject, list[Run]]:
    """Note that a person took their consent back, and stop what trains on their pictures, whichever subject that is of.

    Gives the trainings that were asked to stop. Raises like `subjects.withdraw_consent`.
    """
    changed = subjects.withdraw_consent(catalog, subject, note=note)
    stopped = stop_withdrawn(catalog)
    if stopped:
        # The trainers were asked already: what a worker adds is to end one that does not listen.
        with suppress(TrainingError):
            ensure_worker(catalog)
    return changed, stopped


def stop_withdrawn(catalog: Catalog) -> list[Run]:
    """Ask every running training that may not be trained any longer to save and stop; gives those that were now asked.

    The reason stays with the run. Its trainer hears of it at once; a worker sees to it that it listens.
    """
    stopped = []
    for run in list_runs(catalog, states=("running",)):
        if run.wish == "stop" and run.reason:
            continue
        try:
            require_permission(catalog, run, _read_prompts(run))
        except RefusedError as error:
            reason, hint = _tell_why(catalog, run, error)
            if wish_stop(catalog, run.id, reason, hint) == "running":
                with suppress(OSError):
                    # Its folder may be gone, with a trainer that still runs: the worker goes on from here.
                    RunFolder(run.folder).ask_to_stop()
                stopped.append(get_run(catalog, run.name))
    return stopped


def _read_prompts(run: Run) -> list[str]:
    try:
        return RunFolder(run.folder).read_prompts()
    except RefusedError:
        # A file that was damaged since its trainer read it is no reason to stop.
        return []


def _tell_why(catalog: Catalog, run: Run, error: RefusedError) -> tuple[str, str]:
    """Reason and hint of a run that is stopped: its own person's consent in few words, else as it was refused."""
    owner = get_run_subject(catalog, run.id)
    if owner.kind == "person" and (owner.consent or {}).get("withdrawn_at"):
        hint = f"{error.hint} Then `loratui run resume {run.name}` goes on from its saved state."
        return f"the consent of {owner.name} was withdrawn", hint
    return error.message.rstrip("."), error.hint
