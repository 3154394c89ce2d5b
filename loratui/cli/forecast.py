"""What would become of a training, what devices are doing, and how the loss went: verbs that change nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

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
    remark,
)
from loratui.cli.session import open_library

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.rows import Base
    from loratui.catalog.store import Catalog
    from loratui.runs.forecast import Forecast
    from loratui.training.estimate import Estimate
    from loratui.training.recipe import Recipe


def make_forecast(
    catalog: Catalog,
    subject: str,
    base: Base,
    recipe: Recipe,
    prompts: Sequence[str] = (),
    continue_from: str = "",
) -> Forecast:
    """Look at everything that decides a training, without starting one."""
    from loratui.runs import forecast

    report = forecast.inspect_request(catalog, forecast.inspect_subject(catalog, subject), prompts, continue_from)
    twins = forecast.find_twins(catalog, report.subject) if report.content is not None else []
    return forecast.forecast(
        report, forecast.inspect_base(catalog, base), forecast.inspect_machine(catalog), recipe, twins
    )


def print_forecast(subject: str, base: Base, found: Forecast, show: Show) -> None:
    """Print what `train --dry-run` found."""
    plan = found.plan
    if show.json:
        print_json(
            {
                "subject": subject,
                "base": base.name,
                "recipe": found.recipe.to_dict(),
                "can_start": not found.blockers,
                "steps_per_epoch": plan.steps_per_epoch if plan else None,
                "total_steps": plan.total_steps if plan else None,
                "epochs": found.recipe.epochs,
                "epochs_for_1500_steps": plan.epochs_for_1500_steps if plan else None,
                "estimate": describe_estimate(found.estimate),
                "blockers": found.blockers,
                "warnings": found.doubts,
            }
        )
        return
    if plan is not None:
        print_fields(
            {
                "base": f"{base.name} at {found.recipe.resolution} px",
                "pictures": f"{plan.pictures}, {plan.samples_per_epoch} with repeats",
                "steps": f"{plan.total_steps} = {plan.steps_per_epoch} x {number_of(plan.epochs, 'epoch')}",
            }
        )
    if found.estimate is not None:
        print_estimate(found.estimate, parts=True)
    for doubt in found.doubts:
        remark(f"warning: {doubt.message} {doubt.hint}", show)
    for doubt in found.blockers:
        remark(f"can't start: {doubt.message} {doubt.hint}", show)
    if not found.blockers:
        remark("nothing was started; the same without --dry-run trains", show)


def describe_estimate(guess: Estimate | None) -> dict[str, Any] | None:
    """An estimate as JSON."""
    return None if guess is None else asdict(guess)


def print_estimate(guess: Estimate, *, parts: bool = False) -> None:
    """Print an estimate, also with what it is the sum of."""
    time = "unknown until something was trained on this base"
    if guess.seconds is not None:
        time = f"about {format_seconds(guess.seconds)}, at the pace of {guess.seconds_from}"
    where = "GPU memory" if guess.device == "cuda" else "memory"
    print_fields(
        {
            where: f"about {format_bytes(guess.vram_bytes)} (estimate; {format_bytes(guess.vram_least)} to "
            f"{format_bytes(guess.vram_most)})",
            "disk": f"about {format_bytes(guess.disk_bytes)} (estimate)",
            "time": time,
        }
    )
    if parts:
        print_table(
            ["part", "size", "why"],
            [[part.name, format_bytes(part.bytes), part.why] for part in (*guess.memory, *guess.disk)],
        )


def show_devices(*, show: Show = PLAIN) -> None:
    """Show what the graphics cards and the running trainers are doing."""
    from loratui.catalog.runs import list_runs
    from loratui.runs import service
    from loratui.runs.devices import sample_devices, sample_process

    cards = sample_devices()
    with open_library() as catalog:
        views = [service.show_run(catalog, run.name) for run in list_runs(catalog, states=("running",))]
    trainers = [
        (view.run.name, use) for view in views if view.pid is not None and (use := sample_process(view.pid)) is not None
    ]
    if show.json:
        print_json({"devices": cards, "trainers": [{"run": name, **asdict(use)} for name, use in trainers]})
        return
    print_table(
        ["card", "used", "total", "busy"],
        [
            [
                card.name,
                "-" if card.memory_used is None else format_bytes(card.memory_used),
                "-" if card.memory_total is None else format_bytes(card.memory_total),
                "-" if card.utilisation is None else f"{card.utilisation} %",
            ]
            for card in cards
        ],
        empty="No graphics card that nvidia-smi knows: trainings use the CPU.",
    )
    if trainers:
        print_table(
            ["run", "pid", "cpu", "memory"],
            [[name, str(use.pid), f"{use.cpu_percent:.0f} %", format_bytes(use.memory)] for name, use in trainers],
        )


def show_loss(
    run: str,
    *,
    points: Annotated[int, Parameter(help="At most this many lines, each of neighbouring steps.")] = 40,
    smooth: Annotated[float, Parameter(help="Weight of the past in the moving average, 0 to 0.999.")] = 0.9,
    show: Show = PLAIN,
) -> None:
    """Show how the loss and the learning rate of a training went.

    Example: `loratui run loss mira-0001 --points 100 --json`
    """
    from loratui.catalog.runs import get_run
    from loratui.errors import UsageError
    from loratui.runs.curves import Curve
    from loratui.runs.sync import sync_runs

    if not 0 <= smooth <= 0.999 or points < 1:
        raise UsageError(
            "--smooth goes from 0 to 0.999 and --points from 1 up.", hint="Leave them out for the usual values."
        )
    with open_library() as catalog:
        sync_runs(catalog)
        curve = Curve(get_run(catalog, run).id)
        curve.read_on(catalog)
    bins = curve.thin(points, smooth)
    if show.json:
        print_json(bins)
        return
    if not bins:
        print_text("No step was done yet.")
        return
    print_table(
        ["step", "loss", "lowest", "highest", "smooth", "learning rate"],
        [
            [
                bin.step,
                f"{bin.loss:.4f}",
                f"{bin.lowest:.4f}",
                f"{bin.highest:.4f}",
                f"{bin.smooth:.4f}",
                "-" if bin.learning_rate is None else f"{bin.learning_rate:.2e}",
            ]
            for bin in bins
        ],
    )
