"""Verbs about base models, trainings, checkpoints and sheets."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from cyclopts import Parameter

from loratui.cli.forecast import make_forecast, print_forecast
from loratui.cli.misuse import within
from loratui.cli.output import (
    PLAIN,
    Show,
    format_bytes,
    format_seconds,
    number_of,
    print_fields,
    print_json,
    print_table,
    print_text,
    progress_line,
    remark,
)
from loratui.cli.session import Limit, open_library
from loratui.cli.settings import PRESET, RecipeOptions, choose_recipe
from loratui.errors import Cancelled, UsageError

if TYPE_CHECKING:
    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog


def add_base(name: str, path: Path, *, show: Show = PLAIN) -> None:
    """Register a base model: a diffusers folder or a single .safetensors file."""
    from loratui.runs.bases import register_base

    with open_library() as catalog:
        base = register_base(catalog, name, path)
    if show.json:
        print_json(base)
        return
    print_text(f"Registered {base.name}: {base.family}, {base.layout}, {base.resolution} px, {base.path}")


def list_bases(*, show: Show = PLAIN) -> None:
    """List base models."""
    from loratui.catalog import bases
    from loratui.runs.bases import ensure_shipped_base

    with open_library() as catalog:
        ensure_shipped_base(catalog)
        found = bases.list_bases(catalog)
    if show.json:
        print_json(found)
        return
    print_table(
        ["base", "family", "layout", "resolution", "path"],
        [[item.name, item.family, item.layout, str(item.resolution), item.path] for item in found],
    )


def remove_base(name: str, *, show: Show = PLAIN) -> None:
    """Forget a base model that no training needs; its files stay."""
    from loratui.catalog import bases

    with open_library() as catalog:
        base = bases.remove_base(catalog, name)
    if show.json:
        print_json({"removed": base.name, "path": base.path})
        return
    print_text(f"Removed {base.name}; the model stays at {base.path}.")
    remark("`loratui undo` takes it back.", show)


def train(
    subject: str,
    *,
    base: Annotated[str | None, Parameter(help="Base model; the one that ships when none is registered.")] = None,
    recipe: RecipeOptions = PRESET,
    continue_from: Annotated[str, Parameter(help="Go on from these weights: a LoRA file, RUN or RUN@EPOCH.")] = "",
    comment: Annotated[str, Parameter(help="Kept in the LoRA's metadata.")] = "",
    sample: Annotated[
        list[str] | None,
        Parameter(
            negative="", help="Render this prompt after each saved epoch; {trigger} is filled in. May be given often."
        ),
    ] = None,
    wait: Annotated[bool, Parameter(negative="", help="Return when the training ends.")] = False,
    dry_run: Annotated[bool, Parameter(negative="", help="Only say what it would take; start nothing.")] = False,
    show: Show = PLAIN,
) -> None:
    """Train a LoRA in the background; it outlives this terminal.

    Example: `loratui train Mira --base sd15 --epochs 10 --seed 1 --wait`
    """
    from loratui.runs import service

    with open_library() as catalog:
        chosen, settings = choose_recipe(catalog, base, recipe)
        if dry_run:
            found = make_forecast(catalog, subject, chosen, settings, sample or (), continue_from)
            print_forecast(subject, chosen, found, show)
            return
        run = service.start_training(
            catalog,
            subject,
            base=chosen.name,
            recipe=settings,
            continue_from=continue_from,
            comment=comment,
            sample_prompts=sample or (),
        )
        if wait:
            run = _follow(catalog, run.name, show)
    if show.json:
        print_json({"run": run.name, "state": run.state, "total_steps": run.total_steps, "folder": run.folder})
        return
    if wait:
        _tell_end(run, show)
        if run.state == "done":
            remark(f"next: loratui sheet {run.name}", show)
        return
    print_text(f"Queued {run.name}: {number_of(run.total_steps, 'step')} on {chosen.name}.")
    remark(f"next: loratui run show {run.name}, or loratui run wait {run.name}", show)


def _follow(catalog: Catalog, name: str, show: Show) -> Run:
    from loratui.runs import service

    try:
        with progress_line(show) as report:
            return service.wait_for_run(catalog, name, report)
    except KeyboardInterrupt:
        raise Cancelled(
            f"Stopped waiting; {name} goes on in the background.",
            hint=f"`loratui run wait {name}` follows it again, `loratui run stop {name}` ends it.",
        ) from None


def list_runs(subject: str | None = None, *, limit: Limit | None = None, show: Show = PLAIN) -> None:
    """List trainings, of one subject or of all."""
    from loratui.catalog import runs
    from loratui.catalog.subjects import get_subject
    from loratui.runs.sync import sync_runs

    with open_library() as catalog:
        sync_runs(catalog)
        owner = get_subject(catalog, subject) if subject else None
        found = runs.list_runs(catalog, subject_id=owner.id if owner else None, limit=limit)
        empty = "No trainings yet. Start one: loratui train SUBJECT"
        if owner:
            empty = f"No trainings of {owner.name}. Start one: loratui train {shlex.quote(owner.name)}"
        elif not found and runs.has_had_runs(catalog):
            empty = "No trainings. Those of removed subjects come back with them: `loratui undo`, `loratui history`."
    if show.json:
        print_json([_describe(run) for run in found])
        return
    print_table(
        ["run", "state", "step", "epoch", "loss", "left"],
        [
            [
                run.name,
                run.state,
                f"{run.step}/{run.total_steps}",
                run.epoch,
                "" if run.loss is None else f"{run.loss:.4f}",
                _left(run),
            ]
            for run in found
        ],
        empty=empty,
    )


def _tell_end(run: Run, show: Show) -> None:
    print_text(f"{run.name} is {run.state} after {number_of(run.step, 'step')}.")
    if run.hint:
        # Somebody else stopped it, or something: whoever waited has to learn why.
        remark(f"{run.reason}. {run.hint}", show)


def _tell_state(run: Run) -> str:
    """The state of a training with the reason for it."""
    stopping = run.state == "running" and run.wish == "stop"
    return f"{run.state}{', stopping' * stopping}{f' ({run.reason})' * bool(run.reason)}"


def _left(run: Run) -> str:
    return format_seconds(run.eta_s) if run.state == "running" and run.eta_s is not None else ""


def _describe(run: Run) -> dict[str, Any]:
    return {
        "run": run.name,
        "state": run.state,
        "step": run.step,
        "total_steps": run.total_steps,
        "steps_per_epoch": run.steps_per_epoch,
        "epoch": run.epoch,
        "loss": run.loss,
        "learning_rate": run.learning_rate,
        "images_per_s": run.images_per_s,
        "eta_s": run.eta_s if run.state == "running" else None,
        "reason": run.reason,
        "hint": run.hint,
        "folder": run.folder,
        "continued_from": run.continued_from,
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    }


def show_run(run: str, *, show: Show = PLAIN) -> None:
    """Show one training: state, step, speed, time left."""
    from loratui.runs import service

    with open_library() as catalog:
        view = service.show_run(catalog, run)
    found = view.run
    if show.json:
        print_json(
            {
                **_describe(found),
                "pid": view.pid,
                "subject": view.subject.name,
                "base": view.base.name,
                "recipe": found.recipe,
                "attempts": view.attempts,
                "checkpoints": len(view.checkpoints),
                "samples": [event.data for event in view.samples],
                "warnings": [event.data for event in view.warnings],
            }
        )
        return
    print_fields(
        {
            "run": found.name,
            "subject": view.subject.name,
            "base": view.base.name,
            "state": _tell_state(found),
            "step": f"{found.step} of {found.total_steps}",
            "epoch": found.epoch,
            "loss": "-" if found.loss is None else f"{found.loss:.4f}",
            "learning rate": "-" if found.learning_rate is None else f"{found.learning_rate:.2e}",
            "images/s": "-" if found.images_per_s is None else f"{found.images_per_s:.2f}",
            "time left": _left(found) or "-",
            "pid": view.pid or "-",
            "checkpoints": len(view.checkpoints),
            "samples": len(view.samples),
            "folder": found.folder,
        }
    )
    for event in view.warnings:
        remark(f"warning: {event.data.get('message', '')} {event.data.get('hint', '')}", show)
    if found.hint:
        remark(f"hint: {found.hint}", show)


def run_log(
    run: str,
    *,
    lines: Annotated[int | None, Parameter(help="Only the last lines.", validator=within(1, 1_000_000))] = None,
    show: Show = PLAIN,
) -> None:
    """Print a training's log."""
    from loratui.runs import service

    with open_library() as catalog:
        found = service.read_run_log(catalog, run, lines)
    if show.json:
        print_json(found)
        return
    for line in found:
        print_text(line)


def wait_run(run: str, *, show: Show = PLAIN) -> None:
    """Wait until a training ends; exit code 6 when it failed."""
    with open_library() as catalog:
        found = _follow(catalog, run, show)
    if show.json:
        print_json(_describe(found))
        return
    _tell_end(found, show)


def stop_run(run: str, *, wait: bool = True, show: Show = PLAIN) -> None:
    """Stop a training after its current step and save its state; `run resume` goes on from there."""
    from loratui.runs import service

    with open_library() as catalog:
        found = service.stop_run(catalog, run)
        if wait:
            found = _follow(catalog, found.name, show)
    if show.json:
        print_json(_describe(found))
        return
    print_text(f"{found.name} is {found.state} at step {found.step}.")


def resume_run(run: str, *, wait: Annotated[bool, Parameter(negative="")] = False, show: Show = PLAIN) -> None:
    """Go on with a stopped or failed training, from its last saved step."""
    from loratui.runs import service

    with open_library() as catalog:
        found = service.resume_run(catalog, run)
        if wait:
            found = _follow(catalog, found.name, show)
    if show.json:
        print_json({"run": found.name, "state": found.state, "step": found.step})
        return
    print_text(f"{found.name} is {found.state}.")


def remove_run(run: str, *, show: Show = PLAIN) -> None:
    """Forget a training that has ended, with its checkpoints and sheets; their files stay."""
    from loratui.catalog import runs

    with open_library() as catalog:
        removed = runs.remove_run(catalog, run)
    if show.json:
        print_json({"removed": removed.name, "folder": removed.folder})
        return
    print_text(f"Removed {removed.name}; its files stay in {removed.folder}.")
    remark("`loratui undo` takes it back.", show)


def list_checkpoints(run: str, *, show: Show = PLAIN) -> None:
    """List the epochs that a training saved."""
    from loratui.runs import service

    with open_library() as catalog:
        found = service.show_checkpoints(catalog, run)
    if show.json:
        print_json(
            [
                {
                    "epoch": item.epoch,
                    "step": item.step,
                    "path": item.path,
                    "autov3": item.autov3,
                    "bytes": item.bytes,
                }
                for item in found
            ]
        )
        return
    print_table(
        ["epoch", "step", "size", "autov3", "path"],
        [[item.epoch, item.step, format_bytes(item.bytes), item.autov3[:12], item.path] for item in found],
        empty="No checkpoint yet.",
    )


def sheet(
    run: str,
    *,
    prompt: Annotated[
        list[str] | None, Parameter(help="May be given often; {trigger} and {class} are filled in.")
    ] = None,
    negative: str = "",
    seeds: Annotated[str, Parameter(help="Comma-separated; the same seed starts from the same noise.")] = "1,2,3,4",
    weights: Annotated[str, Parameter(help="Comma-separated strengths of the LoRA.")] = "1.0",
    epochs: Annotated[str, Parameter(help="Comma-separated; all when left out.")] = "",
    none: Annotated[bool, Parameter(help="Also without any LoRA.")] = True,
    steps: int | None = None,
    cfg: Annotated[float | None, Parameter(help="Guidance scale.")] = None,
    sampler: Literal["ddim", "euler", "euler_a", "dpmpp_2m"] | None = None,
    width: int | None = None,
    height: int | None = None,
    show: Show = PLAIN,
) -> None:
    """Render prompts x seeds without a LoRA and for every epoch, and write a labelled contact sheet.

    Interrupted or repeated, it renders only what is missing.

    Example: `loratui sheet mira-0001 --prompt "photo of {trigger}" --seeds 1,2`
    """
    from loratui.catalog.bases import get_base_by_id
    from loratui.review.sheet import default_settings, make_sheet
    from loratui.runs import service

    asked: dict[str, Any] = {"steps": steps, "cfg": cfg, "sampler": sampler, "width": width, "height": height}
    with open_library() as catalog:
        found = service.show_run(catalog, run).run
        settings = replace(
            default_settings(get_base_by_id(catalog, found.base_id)),
            **{name: value for name, value in asked.items() if value is not None},
        )
        with progress_line(show) as report:
            result = make_sheet(
                catalog,
                found,
                prompts=prompt,
                negative=negative,
                seeds=_numbers("seeds", seeds, int),
                weights=_numbers("weights", weights, float),
                epochs=_numbers("epochs", epochs, int) or None,
                include_none=none,
                settings=settings,
                report=report,
            )
    if show.json:
        print_json(
            {
                "sheet": result.sheet.name,
                "contact": result.contact,
                "pages": result.pages,
                "rendered": result.rendered,
                "cells": [
                    {
                        "epoch": cell.epoch,
                        "weight": cell.weight,
                        "prompt": cell.prompt,
                        "seed": cell.seed,
                        "path": cell.path,
                    }
                    for cell in result.cells
                ],
            }
        )
        return
    print_text(f"{result.sheet.name}: {number_of(len(result.cells), 'image')}, {result.rendered} of them new.")
    for page in result.pages:
        print_text(str(page))


_Number = TypeVar("_Number", int, float)


def _numbers(option: str, text: str, kind: type[_Number]) -> list[_Number]:
    try:
        return [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise UsageError(f"--{option} takes numbers, not '{text}'.", hint=f"For example --{option} 1,2,3.") from None
