"""The task drawer: long jobs with progress and a way to stop them, and what was said."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from alembic import command
from textual.containers import VerticalScroll
from textual.widgets import Static

from loratui.catalog import schema
from loratui.errors import Cancelled, RefusedError
from loratui.events import Progress
from loratui.tui.dialogs import Confirm
from loratui.tui.refused import RefusedScreen
from loratui.tui.table import RowTable
from loratui.tui.tasks import ETA_AFTER_S, TasksScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.events import Report
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]


class Job:
    """A long job that goes on when it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.reported = threading.Event()

    def work(self, catalog: object, report: Report, cancel: threading.Event) -> str:
        report(Progress("count", 30, 120, eta_s=95.0))
        self.reported.set()
        while not self.go_on.wait(0.01):
            if cancel.is_set():
                raise Cancelled("Stopped after 30.", hint="Run it again to go on.")
        return "counted 120"


def cells(pilot: Pilot[None]) -> list[tuple[str, ...]]:
    return [row.cells for row in pilot.app.screen.query_one(RowTable).rows]


def messages(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen.query_one("#messages", Static).content)


async def test_an_upgrade_of_the_library_is_shown_among_the_jobs(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    config = schema.make_config()
    with schema.migrating(mira.database) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0005")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("w")
        ((told, *_),) = cells(pilot)
        assert told.startswith("upgrade the library") and str(mira.backups) in told


async def test_an_empty_drawer_says_what_belongs_there(make_app: MakeApp, home: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("w")
        assert isinstance(pilot.app.screen, TasksScreen)
        assert pilot.app.screen.query_one("#none").display
        assert messages(pilot) == "Nothing was said yet."
        await pilot.press("w")
        assert not isinstance(pilot.app.screen, TasksScreen)


async def test_a_job_shows_progress_and_its_end(make_app: MakeApp, home: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        job = Job()
        await pilot.press("w")
        task = pilot.app.bridge.start_task("count things", job.work, lambda result: result, owner=pilot.app)
        job.reported.wait(5)
        await pilot.pause()
        await pilot.pause()
        label, bar, done, left, state = cells(pilot)[0]
        assert (label, done, left, state) == ("count things", "30/120", "", "running")
        assert bar.count("█") * 3 == bar.count("░")
        # An estimate is shown once there is something to base it on.
        task.started -= ETA_AFTER_S
        pilot.app.screen.tasks_changed()
        assert cells(pilot)[0][3] == "1 min 35 s left"
        job.go_on.set()
        await settle(pilot)
        assert cells(pilot)[0][0] == "count things: counted 120"
        assert cells(pilot)[0][4] == "done"


async def test_x_stops_a_job(make_app: MakeApp, home: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        job = Job()
        pilot.app.bridge.start_task("count things", job.work, lambda result: result, owner=pilot.app)
        job.reported.wait(5)
        await pilot.press("w", "x")
        await settle(pilot)
        assert cells(pilot)[0][0] == "count things: stopped by you. Stopped after 30."
        assert cells(pilot)[0][4] == "stopped"
        assert "Stopping: count things. What is done so far is kept." in messages(pilot)
        await pilot.press("x")
        assert messages(pilot).count("Stopping") == 1


async def test_enter_shows_all_that_a_job_said(make_app: MakeApp, home: Home, settle: Settle) -> None:
    said = "counted 120 things, " + "none of which is like the one before it, " * 8 + "and that was all"
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.bridge.start_task("count things", lambda *_: said, lambda result: result, owner=pilot.app)
        await settle(pilot)
        await pilot.press("w", "enter")
        assert isinstance(pilot.app.screen, RefusedScreen)
        assert said in "".join(str(part.content) for part in pilot.app.screen.query(Static))
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, TasksScreen)


async def test_the_last_line_of_a_long_report_is_reached_on_a_small_terminal(
    make_app: MakeApp, home: Home, settle: Settle
) -> None:
    said = " ".join(f"thing number {number} was counted," for number in range(60))
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.bridge.start_task("count " * 30, lambda *_: said, lambda result: result, owner=pilot.app)
        await settle(pilot)
        await pilot.press("w", "enter")
        await settle(pilot)
        await pilot.press("end")
        await settle(pilot)
        shown = pilot.app.screen
        assert isinstance(shown, RefusedScreen)
        listed, keys = shown.query_one(VerticalScroll), shown.query_one(".keys")
        assert listed.region.bottom <= keys.region.y
        assert keys.region.bottom <= shown.query_one("Vertical").content_region.bottom
        assert listed.scroll_offset.y == listed.max_scroll_y > 0


async def test_a_job_that_failed_is_told_in_full(make_app: MakeApp, home: Home, settle: Settle) -> None:
    def work(catalog: object, report: Report, cancel: threading.Event) -> str:
        raise RefusedError("The folder is full of \x1b[31mstones.", hint="Empty it.")

    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        pilot.app.bridge.start_task("move stones", work, lambda result: result, owner=pilot.app)
        await settle(pilot)
        await pilot.press("w")
        assert cells(pilot)[0][4] == "failed"
        assert "failed: The folder is full of  [31mstones. Empty it." in messages(pilot)


async def test_quitting_while_a_job_runs_asks_and_no_is_the_default(
    make_app: MakeApp, home: Home, settle: Settle
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        job = Job()
        pilot.app.bridge.start_task("count things", job.work, lambda result: result, owner=pilot.app)
        await pilot.press("q")
        assert isinstance(pilot.app.screen, Confirm)
        pilot.app.screen._opened -= 1
        await pilot.press("enter")
        assert pilot.app.is_running
        job.go_on.set()
        await settle(pilot)
