"""The verb that shows all subjects at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, print_json, print_table, progress_line, remark
from loratui.cli.session import open_library

if TYPE_CHECKING:
    from loratui.review.overview import SubjectOverview


def overview(
    *,
    refresh: Annotated[bool, Parameter(negative="", help="Count duplicates and gaps anew where they changed.")] = False,
    show: Show = PLAIN,
) -> None:
    """Show all subjects with what waits for a decision: duplicates, gaps, the newest run, the best epoch.

    Duplicates and gaps are as they were counted last; a `~` marks those of an earlier state.
    """
    from loratui.review import overview as service

    with open_library() as catalog:
        if refresh:
            with progress_line(show) as report:
                service.refresh_measures(catalog, report=report)
        found = service.overview(catalog)
    if show.json:
        print_json([_describe(item) for item in found])
        return
    print_table(
        ["subject", "pictures", "primary", "supporting", "ratio", "duplicates", "gaps", "last run", "best epoch"],
        [
            [
                item.subject.name,
                item.pictures,
                item.counts["primary"],
                item.counts["supporting"],
                "-" if item.ratio is None else f"{item.ratio:.2f}",
                _say_measure(item, "duplicates", item.duplicates),
                _say_measure(item, "gaps", item.gaps),
                _say_run(item),
                "-" if item.best is None else f"{item.best.run} epoch {item.best.epoch} ({item.best.mean:.1f})",
            ]
            for item in found
        ],
        empty="No subjects yet. Add one: loratui subject add NAME --trigger WORD",
    )
    if any(item.stale for item in found):
        remark("next: `loratui overview --refresh` counts what is marked with ~ anew", show)


def _describe(item: SubjectOverview) -> dict[str, Any]:
    run, best = item.last_run, item.best
    return {
        "name": item.subject.name,
        "trigger": item.subject.trigger,
        "pictures": item.pictures,
        "roles": item.counts,
        "ratio": item.ratio,
        "runs": item.runs,
        "last_run": run
        and {
            "name": run.name,
            "state": run.state,
            "step": run.step,
            "total_steps": run.total_steps,
            "queued_at": run.queued_at,
            "ended_at": run.ended_at,
        },
        "best_epoch": best and {"run": best.run, "epoch": best.epoch, "rating": best.mean, "rated": best.rated},
        "duplicates": item.duplicates,
        "gaps": item.gaps,
        "stale": item.stale,
    }


def _say_measure(item: SubjectOverview, name: str, value: int | None) -> str:
    return ("-" if value is None else str(value)) + "~" * (name in item.stale)


def _say_run(item: SubjectOverview) -> str:
    run = item.last_run
    if run is None:
        return "-"
    share = f" {100 * run.step // run.total_steps} %" if run.state == "running" and run.total_steps else ""
    return f"{run.name} {run.state}{share}"
