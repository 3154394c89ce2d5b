"""Following trainings in the app: they outlive it, checkpoints land, stop and resume work, failures say why."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
from library_driving import fill
from waiting import until

from loratui.catalog.attempts import list_attempts
from loratui.catalog.roles import set_role
from loratui.catalog.runs import get_run, list_checkpoints, list_runs
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import record_consent
from loratui.runs.service import resume_run, start_training, stop_run, wait_for_run
from loratui.runs.sync import sync_runs
from loratui.tui.bridge import TasksChanged
from loratui.tui.dialogs import Confirm
from loratui.tui.log_view import LogView
from loratui.tui.plot import Plot, Series, find_range
from loratui.tui.run import RunScreen
from loratui.tui.runs import RunsScreen
from loratui.tui.train import TrainScreen

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from loratui.catalog.rows import Run
    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

MakeApp = Callable[..., "LoratuiApp"]
Settle = Callable[["Pilot[None]"], Awaitable[None]]

SLOW = json.dumps({"delay_s": 0.02, "steps_per_epoch": 20})


@pytest.fixture
def studio(stand_in_trainer: Home) -> Home:
    """Mira ready to be trained by a stand-in."""
    with open_catalog(stand_in_trainer) as catalog:
        set_role(catalog, "Mira", "primary", "all")
    return stand_in_trainer


def start(home: Home, epochs: int = 2, comment: str = "", *, wait: bool = False) -> Run:
    with open_catalog(home) as catalog:
        run = start_training(catalog, "Mira", base="cast", changes={"epochs": epochs}, comment=comment)
        return wait_for_run(catalog, run.name) if wait else run


def look_up(home: Home, name: str = "mira-0001") -> Run:
    """The run as anyone who asks the library finds it."""
    with open_catalog(home) as catalog:
        sync_runs(catalog)
        return get_run(catalog, name)


def text_of(screen: RunScreen, part: str) -> str:
    return str(screen.query_one(part).render())


async def open_run(pilot: Pilot[None], settle: Settle, name: str = "mira-0001") -> RunScreen:
    app: LoratuiApp = pilot.app  # type: ignore[assignment]
    await settle(pilot)
    app.show_screen("run", run=name)
    await settle(pilot)
    assert isinstance(app.screen, RunScreen)
    return app.screen


async def test_a_training_outlives_the_app_and_is_stopped_and_resumed_from_the_next(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    # Start with one confirmation, from the library, by keys.
    async with make_app().run_test(size=(110, 40)) as pilot:
        await settle(pilot)
        await pilot.press("T")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, TrainScreen)
        await until(pilot, lambda: not screen.why_not("train.start"))
        screen.form.put("epochs", "500")
        screen.form.put("comment", SLOW)
        await pilot.pause(0.15)
        await settle(pilot)
        await pilot.press("ctrl+s")
        # Any key but `y` is a no: it has to come after the question.
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
        watched = pilot.app.screen
        assert isinstance(watched, RunScreen)
        await until(pilot, lambda: "running" in text_of(watched, "#about"))
        await until(pilot, lambda: watched.table.rows)
    before = look_up(studio)
    assert before.state == "running"

    # The app is gone; the training is not.
    async with make_app().run_test(size=(110, 40)) as pilot:
        await settle(pilot)
        await pilot.press("f4")
        await settle(pilot)
        runs = pilot.app.screen
        assert isinstance(runs, RunsScreen)
        await until(pilot, lambda: runs.run is not None and runs.run.step > before.step)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
        screen = pilot.app.screen
        assert isinstance(screen, RunScreen)
        landed = len(screen.table.rows)
        await until(pilot, lambda: len(screen.table.rows) > landed)
        await until(pilot, lambda: "CPU" in text_of(screen, "#devices"))
        await pilot.press("S")
        await until(pilot, lambda: "stopped" in text_of(screen, "#about"))
        stopped = look_up(studio)
        assert stopped.state == "stopped"
        assert "Asked to stop" in text_of(screen, "#trouble")
        assert screen.why_not("run.stop")

        await pilot.press("R")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("n")
        assert look_up(studio).state == "stopped"
        await pilot.press("R")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: look_up(studio).step > stopped.step)
        with open_catalog(studio) as catalog:
            assert len(list_attempts(catalog, stopped.id)) == 2
        # The library is ahead of the screen, which looks once a second and can't stop what it shows as stopped.
        await until(pilot, lambda: not screen.why_not("run.stop"))
        await pilot.press("S")
        await until(pilot, lambda: look_up(studio).state == "stopped")


async def test_news_that_come_while_the_app_ends_reach_no_screen_that_has_lost_its_widgets(
    studio: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(studio, wait=True)
    app = make_app()
    close_all = app._close_all
    told = []

    async def close_later() -> None:
        await app.screen.remove_children()
        app.on_library_changed()
        app.on_tasks_changed(TasksChanged())
        told.append(True)
        await close_all()

    monkeypatch.setattr(app, "_close_all", close_later)
    async with app.run_test(size=(110, 40)) as pilot:
        await open_run(pilot, settle)
    assert told


async def test_a_finished_run_shows_loss_checkpoints_and_log(studio: Home, make_app: MakeApp, settle: Settle) -> None:
    run = start(studio, 3, wait=True)
    async with make_app().run_test(size=(120, 40)) as pilot:
        screen = await open_run(pilot, settle)
        assert [row.cells[0] for row in screen.table.rows] == ["3", "2", "1"]
        assert "done" in text_of(screen, "#about")
        log = "\n".join(screen.log_view.lines)
        assert "attempt 1 begins at step 0" in log
        assert "checkpoint of epoch 2: mira-0001-000002.safetensors" in log
        plot = str(screen.query_one("#loss", Plot).render())
        assert "smoothed" in plot
        assert not screen.query_one("#trouble").display
        assert "done" in screen.why_not("run.resume")

        await pilot.press("down", "c")
        await settle(pilot)
        train = pilot.app.screen
        assert isinstance(train, TrainScreen)
        assert train.form.values["continue_from"] == f"{run.name}@2"


async def test_a_failed_run_says_why_and_what_to_do(studio: Home, make_app: MakeApp, settle: Settle) -> None:
    with open_catalog(studio) as catalog:
        run = start_training(catalog, "Mira", base="cast", comment=json.dumps({"fail_at": 2}))
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await open_run(pilot, settle)
        await until(pilot, lambda: screen.query_one("#trouble").display)
        trouble = text_of(screen, "#trouble")
        assert "loss is NaN" in trouble
        assert "Lower the learning rate" in trouble
        assert screen.why_not("run.resume") == ""
    assert look_up(studio, run.name).state == "failed"


async def test_a_trainer_that_crashes_is_noticed_with_its_last_words(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    start(studio, 2, json.dumps({"crash_at": 2}))
    async with make_app().run_test(size=(100, 30)) as pilot:
        screen = await open_run(pilot, settle)
        await until(pilot, lambda: screen.query_one("#trouble").display)
        assert "told to crash" in text_of(screen, "#trouble")
        assert "R on mira-0001 in the list of trainings (F4) goes on" in text_of(screen, "#trouble")
        assert any("Traceback" in line for line in screen.log_view.lines)


async def test_a_checkpoint_that_is_not_whole_becomes_a_warning(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    start(studio, 2, json.dumps({"broken_checkpoint": 1}), wait=True)
    async with make_app().run_test(size=(100, 30)) as pilot:
        screen = await open_run(pilot, settle)
        assert "checkpoint left out" in text_of(screen, "#warnings")
        assert [row.cells[0] for row in screen.table.rows] == ["2"]


async def test_the_list_filters_sorts_and_stops_what_waits(studio: Home, make_app: MakeApp, settle: Settle) -> None:
    start(studio, 2, wait=True)
    start(studio, 500, SLOW)
    waiting = start(studio, 3, SLOW)
    async with make_app().run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        await pilot.press("f4")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, RunsScreen)
        await until(pilot, lambda: [row.key for row in screen.table.rows][-1] == "mira-0001")
        await pilot.press("home")
        assert screen.table.cursor_key == waiting.name
        await pilot.press("S")
        await until(pilot, lambda: look_up(studio, waiting.name).state == "stopped")
        await pilot.press("slash", *"running", "enter")
        await until(pilot, lambda: [row.key for row in screen.table.rows] == ["mira-0002"])
        assert "running" in screen.table.rows[0].cells
        await pilot.press("S")
        await until(pilot, lambda: look_up(studio, "mira-0002").state == "stopped")
        await until(pilot, lambda: not screen.table.rows)
        await pilot.press("slash", "escape")
        await until(pilot, lambda: len(screen.table.rows) == 3)
        await pilot.press("slash", *"done", "enter")
        await until(pilot, lambda: [row.key for row in screen.table.rows] == ["mira-0001"])
        await pilot.press("escape")
        await until(pilot, lambda: len(screen.table.rows) == 3)
        assert pilot.app.screen is screen, "esc shows all before it leads back"


async def test_an_empty_list_names_the_next_key(home: Home, make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("f4")
        await settle(pilot)
        assert "T on a subject" in str(pilot.app.screen.query_one("#empty").render())
        assert "no training here" in pilot.app.screen.why_not("run.open")  # type: ignore[attr-defined]


async def test_removing_a_subject_tells_of_its_trainings_and_none_of_them_is_denied(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    start(studio, wait=True)
    async with make_app().run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        await pilot.press("X")
        await settle(pilot)
        said = pilot.app.messages[-1].text  # type: ignore[attr-defined]
        assert said == "Removed Mira; its 12 pictures stay in the store. Out of sight with it: 1 training. u undoes."
        await pilot.press("f4")
        await settle(pilot)
        assert isinstance(pilot.app.screen, RunsScreen)
        told = str(pilot.app.screen.query_one("#empty").render())
        assert "No training yet" not in told
        assert "come back with them: u undoes" in told
        await pilot.press("u")
        await until(pilot, lambda: len(pilot.app.screen.query_one("#runs").rows) == 1)  # type: ignore[attr-defined]


async def test_an_empty_log_says_what_is_waited_for(studio: Home, make_app: MakeApp, settle: Settle) -> None:
    start(studio, 500, SLOW)
    waiting = start(studio)
    async with make_app().run_test(size=(120, 30)) as pilot:
        screen = await open_run(pilot, settle, waiting.name)
        assert look_up(studio, waiting.name).state == "queued"
        assert "It waits for the trainings before it" in screen.log_view.render_line(0).text


async def test_the_log_of_a_resumed_training_has_its_attempts_in_order(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    run = start(studio, 2, json.dumps({"delay_s": 0.02, "steps_per_epoch": 10}))
    async with make_app().run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: look_up(studio).step > 1)
        with open_catalog(studio) as catalog:
            stop_run(catalog, run.name)
            wait_for_run(catalog, run.name)
            resume_run(catalog, run.name)
            wait_for_run(catalog, run.name)
        screen = await open_run(pilot, settle)
        await until(pilot, lambda: len(screen.log_view.lines) > 5)
        lines = list(screen.log_view.lines)
    wanted = (
        "attempt 1 begins on",
        "attempt 1 begins at",
        "attempt 2 begins on",
        "done at step",
        "attempt 2 begins at",
    )
    places = [next(place for place, line in enumerate(lines) if words in line) for words in wanted]
    assert places == sorted(places)
    assert not any(line.startswith("---") for line in lines)


async def test_the_screen_of_a_training_says_that_consent_was_withdrawn_while_it_stops_and_after(
    studio: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(studio) as catalog:
        with catalog.write() as connection:
            connection.exec_driver_sql("UPDATE subject SET kind = 'person'")
        record_consent(catalog, "Mira", who="Mira", scope="training")
    start(studio, 500, json.dumps({"delay_s": 0.02, "deaf": True}))
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await until(pilot, lambda: look_up(studio).step > 1)
        await pilot.press("C")
        await settle(pilot)
        await fill(pilot, settle, "", "", "by phone", "take it back")
        said = pilot.app.messages[-1].text  # type: ignore[attr-defined]
        assert said.endswith("Being stopped: mira-0001; it finishes its step and saves.")
        screen = await open_run(pilot, settle)
        await until(pilot, lambda: "stopping" in text_of(screen, "#about"))
        assert text_of(screen, "#trouble").startswith("The consent of Mira was withdrawn.\n")
        with open_catalog(studio) as catalog:
            (attempt,) = list_attempts(catalog, look_up(studio).id)
        os.kill(attempt.pid, signal.SIGKILL)
        await until(pilot, lambda: "stopped" in text_of(screen, "#about"))
        assert text_of(screen, "#trouble").startswith("The consent of Mira was withdrawn; stopped at step")


async def test_a_log_follows_its_end_until_one_scrolls_up(studio: Home, make_app: MakeApp, settle: Settle) -> None:
    start(studio, 2, wait=True)
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await open_run(pilot, settle)
        view = screen.query_one(LogView)
        view.append([f"line {number}" for number in range(100)])
        await pilot.pause()
        await pilot.pause()
        assert view.scroll_offset.y == view.max_scroll_y
        await pilot.press("tab", "up")
        place = view.scroll_offset.y
        view.append(["one more"])
        await pilot.pause()
        await pilot.pause()
        assert view.scroll_offset.y == place
        assert not view.follows
        await pilot.press("end")
        assert view.follows


def test_the_range_of_a_plot_leaves_rare_extremes_out() -> None:
    values = tuple([1.0] * 50 + [2.0] * 49 + [900.0])
    assert find_range([Series(values)]) == (1.0, 2.0)
    lowest, highest = find_range([Series((3.0, 3.0))])
    assert lowest < 3.0 < highest


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_plots_are_drawn_in_plain_characters_where_there_are_no_others(
    studio: Home, make_app: MakeApp, settle: Settle, ascii_only: bool
) -> None:
    start(studio, 30, wait=True)
    async with make_app(ascii=ascii_only).run_test(size=(120, 40)) as pilot:
        screen = await open_run(pilot, settle)
        await until(pilot, lambda: "60" in str(screen.query_one("#loss", Plot).render()))
        drawn = str(screen.query_one("#loss", Plot).render())
    assert drawn.isascii() == ascii_only
    with open_catalog(studio) as catalog:
        (run,) = list_runs(catalog)
        assert len(list_checkpoints(catalog, run.id)) == 30
