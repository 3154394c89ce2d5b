"""What the list of runs and the screen of one run both do: stop, resume, review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.tui.dialogs import Confirm
from loratui.tui.run_lines import OPEN
from loratui.tui.text import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog
    from loratui.tui.base import LoratuiScreen


def why_not(action: str, run: Run | None, key: Callable[[str], str]) -> str:
    """Why an action on a run can't be used now; empty when it can, or when it is none of these."""
    if not action.startswith(("run.", "sheet.")) or action == "run.next_pane":
        return ""
    if run is None:
        return f"There is no training here: {key('subject.train')} on a subject starts one."
    if action == "run.stop" and run.state not in OPEN:
        return f"{run.name} is {run.state} already."
    if action == "run.stop" and run.wish == "stop":
        return f"{run.name} is stopping already: it finishes its step and saves."
    if action == "run.resume" and run.state in OPEN:
        return f"{run.name} is {run.state} already."
    if action == "run.resume" and run.state == "done":
        return f"{run.name} is done. {key('run.continue')} in its screen trains on from a checkpoint."
    return ""


def stop(screen: LoratuiScreen, run: Run, then: Callable[[], None]) -> None:
    """Ask a run to stop; resume takes that back."""

    def work(catalog: Catalog) -> Run:
        from loratui.runs.service import stop_run

        return stop_run(catalog, run.name)

    def done(after: Run) -> None:
        how = "finishes its step, saves and stops" if after.state == "running" else "was stopped before it began"
        screen.lora.ran(["run", "stop", run.name])
        screen.tell(f"{run.name} {how}. R resumes it.")
        show()

    show = screen.if_open(then)
    screen.bridge.write(work, done, owner=screen.lora, failed=show)


def resume(screen: LoratuiScreen, run: Run, then: Callable[[], None]) -> None:
    """Ask whether a run is to go on, and queue it again."""

    def work(catalog: Catalog) -> Run:
        from loratui.runs.service import resume_run

        return resume_run(catalog, run.name)

    def done(after: Run) -> None:
        screen.lora.ran(["run", "resume", run.name])
        screen.tell(f"{run.name} is queued and goes on from step {run.step:,}.")
        show()

    def start(sure: bool | None) -> None:
        if sure:
            screen.bridge.write(work, done, owner=screen.lora, failed=show)

    show = screen.if_open(then)
    left = max(0, run.total_steps - run.step)
    details = f"It goes on from its last saved step; about {count(left, 'step')} of {run.total_steps:,} are left."
    screen.app.push_screen(Confirm(f"Resume {run.name}?", details), start)
