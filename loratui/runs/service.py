"""What people do with trainings: start, follow, stop, resume, look at."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.catalog.attempts import list_attempts
from loratui.catalog.bases import get_base_by_id
from loratui.catalog.run_events import list_events
from loratui.catalog.runs import (
    OPEN_STATES,
    create_run,
    get_run,
    get_run_subject,
    list_checkpoints,
    requeue_run,
    wish_stop,
)
from loratui.catalog.subjects import get_subject
from loratui.config import load_settings
from loratui.errors import Cancelled, ConflictError, RefusedError, TrainingError
from loratui.events import Progress, ignore_progress
from loratui.runs.folder import RunFolder
from loratui.runs.spawn import ensure_worker
from loratui.runs.sync import sync_run, sync_runs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from loratui.catalog.rows import Attempt, Base, Checkpoint, Run, Subject
    from loratui.catalog.store import Catalog
    from loratui.events import Report, RunEvent
    from loratui.training.recipe import Recipe

_LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with what hangs on it; `pid` is that of its trainer while it runs."""

    run: Run
    subject: Subject
    base: Base
    pid: int | None
    attempts: tuple[Attempt, ...]
    checkpoints: tuple[Checkpoint, ...]
    warnings: tuple[RunEvent, ...]
    samples: tuple[RunEvent, ...]


def start_training(
    catalog: Catalog,
    subject: Subject | str,
    *,
    base: str = "",
    recipe: Recipe | None = None,
    changes: Mapping[str, Any] | None = None,
    continue_from: str = "",
    priority: int = 0,
    comment: str = "",
    sample_prompts: Sequence[str] = (),
) -> Run:
    """Check everything that can be checked, freeze the dataset and queue a training; a worker then starts it.

    `recipe` defaults to the preset of the base, with `changes` applied; `continue_from` is a LoRA file, RUN or
    RUN@EPOCH. Each of `sample_prompts`, with `{trigger}` and `{class}` filled in, is rendered after every epoch that
    gets a checkpoint. Raises MissingFeatureError without the training packages; RefusedError without consent, pictures
    or disk space, and with pictures or prompts that may not be used, here or in the run that the weights come from;
    UsageError for a recipe or prompt that makes no sense; NotFoundError for a base or weights that are not there.
    """
    # Loaded here because reading verbs use this module too.
    from loratui.catalog.consent import require_consents
    from loratui.dataset.snapshot import freeze, refuse_unfit
    from loratui.runs import preflight
    from loratui.runs.bases import check_base, choose_base
    from loratui.runs.permission import require_request
    from loratui.training.recipe import preset_for
    from loratui.training.sampling import plan_samples

    settings = load_settings(catalog.home)
    if not settings.trainer:
        preflight.check_trainer_installed()
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    require_consents(catalog, owner)
    refuse_unfit(catalog, owner)
    chosen = choose_base(catalog, base or settings.default_base)
    check_base(chosen)
    used = (recipe or preset_for(chosen.family, chosen.resolution)).with_changes(**changes or {})
    samples = plan_samples(
        sample_prompts, trigger=owner.trigger, class_word=owner.class_word, resolution=chosen.resolution
    )
    weights = preflight.find_weights(catalog, continue_from) if continue_from else None
    require_request(catalog, owner, samples.prompts if samples else (), weights)
    preflight.check_disk(catalog.home)
    snapshot = freeze(catalog, owner)
    plan = preflight.plan_training(snapshot, used)
    dataset = preflight.describe_dataset(catalog, owner, snapshot)

    def write_folder(run: Run) -> None:
        told = preflight.describe_run(
            run,
            home=catalog.home,
            snapshot=snapshot,
            base=chosen,
            recipe=used,
            continue_from=weights,
            comment=comment,
            samples=samples,
        )
        RunFolder(run.folder).create(told, dataset)

    run = create_run(
        catalog,
        subject_id=owner.id,
        subject_name=owner.name,
        snapshot_id=snapshot.id,
        base_id=chosen.id,
        recipe=used.to_dict(),
        total_steps=plan.total_steps,
        steps_per_epoch=plan.steps_per_epoch,
        continued_from=str(weights or ""),
        priority=priority,
        prepare=write_folder,
    )
    ensure_worker(catalog)
    return run


def stop_run(catalog: Catalog, reference: str) -> Run:
    """Ask a run to stop: a queued one does at once, a running one finishes its step, saves and leaves.

    A trainer that does not listen gets SIGTERM and then SIGKILL from the worker. Raises ConflictError when the run
    is over already.
    """
    run = sync_run(catalog, get_run(catalog, reference))
    if run.state not in OPEN_STATES:
        raise ConflictError(f"{run.name} is {run.state} already.", hint="See `loratui run list`.")
    if wish_stop(catalog, run.id) == "running":
        # Here too, not by the worker alone: it works at once and without one.
        RunFolder(run.folder).ask_to_stop()
        ensure_worker(catalog)
    return get_run(catalog, run.name)


def resume_run(catalog: Catalog, reference: str) -> Run:
    """Queue a stopped or failed run again; it goes on from its last saved state with the same recipe and dataset.

    Raises ConflictError for a run that is queued, running or done, and RefusedError when there is nothing to go on
    from, the consent of a person was withdrawn or a picture of its dataset may not be used.
    """
    from loratui.runs.permission import require_permission

    run = sync_run(catalog, get_run(catalog, reference))
    if run.state == "done":
        raise ConflictError(
            f"{run.name} is done.",
            hint=f"To train on from it: `loratui train SUBJECT --continue-from {run.name}`.",
        )
    if run.state in OPEN_STATES:
        raise ConflictError(f"{run.name} is {run.state} already.", hint=f"See `loratui run show {run.name}`.")
    folder = RunFolder(run.folder)
    require_permission(catalog, run, folder.read_prompts())
    if not folder.has_state() and list_checkpoints(catalog, run.id):
        # It would begin at step 0 and write over checkpoints that are there.
        raise RefusedError(
            f"{run.name} has checkpoints but no saved state to go on from.",
            hint=f"Train on from its weights: `loratui train SUBJECT --continue-from {run.name}`.",
        )
    if not requeue_run(catalog, run.id):
        raise ConflictError(f"{run.name} was taken up by somebody else.", hint=f"See `loratui run show {run.name}`.")
    ensure_worker(catalog)
    return get_run(catalog, run.name)


def wait_for_run(
    catalog: Catalog,
    reference: str,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> Run:
    """Follow a run until it is over and give it back, done or stopped; raises TrainingError when it failed.

    Cancelling ends the waiting, not the training: it raises Cancelled.
    """
    run = get_run(catalog, reference)
    wakes = cancel or threading.Event()
    while True:
        sync_runs(catalog)
        run = get_run(catalog, run.name)
        report(_describe_progress(run))
        if run.state not in OPEN_STATES:
            break
        if wakes.wait(_LOOK_EVERY_S):
            raise Cancelled(
                f"Stopped waiting; {run.name} goes on.",
                hint=f"`loratui run show {run.name}` follows it, `loratui run stop {run.name}` ends it.",
            )
    if run.state == "failed":
        raise TrainingError(f"{run.name} failed: {run.reason}", hint=run.hint or f"See `loratui run log {run.name}`.")
    return run


def show_run(catalog: Catalog, reference: str) -> RunView:
    """A run as it is now."""
    sync_runs(catalog)
    run = get_run(catalog, reference)
    attempts = list_attempts(catalog, run.id)
    return RunView(
        run=run,
        subject=get_run_subject(catalog, run.id),
        base=get_base_by_id(catalog, run.base_id),
        pid=(attempts[-1].pid or None) if attempts and run.state == "running" else None,
        attempts=tuple(attempts),
        checkpoints=tuple(list_checkpoints(catalog, run.id)),
        warnings=tuple(list_events(catalog, run.id, types=("warning",))),
        samples=tuple(list_events(catalog, run.id, types=("sample",))),
    )


def show_checkpoints(catalog: Catalog, reference: str) -> list[Checkpoint]:
    """The checkpoints of a run that are whole on disk now, by epoch."""
    from loratui.errors import LoratuiError
    from loratui.training.lorafile import read_header

    run = sync_run(catalog, get_run(catalog, reference))
    whole = []
    for checkpoint in list_checkpoints(catalog, run.id):
        try:
            read_header(Path(checkpoint.path))
        except LoratuiError:
            # Removed or damaged since: the row stays for the record, but nobody is offered the file.
            continue
        whole.append(checkpoint)
    return whole


def read_run_log(catalog: Catalog, reference: str, lines: int | None = None) -> list[str]:
    """The last lines that the trainers of a run wrote, all of them without a number."""
    return RunFolder(get_run(catalog, reference).folder).read_log(lines)


def _describe_progress(run: Run) -> Progress:
    note = run.state if run.state != "running" else f"epoch {run.epoch}"
    if run.loss is not None:
        note += f", loss {run.loss:.4f}"
    return Progress(f"train {run.name}", done=run.step, total=run.total_steps, eta_s=run.eta_s, note=note)
