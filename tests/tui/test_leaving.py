"""What was asked for by a screen that was left meanwhile: it is done and told, and draws on nothing that has gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from pressing import press
from waiting import until

from loratui.catalog import subjects
from loratui.catalog.roles import set_role
from loratui.catalog.runs import get_run
from loratui.catalog.store import open_catalog
from loratui.runs.service import start_training
from loratui.tui.balance import BalanceScreen
from loratui.tui.library import LibraryScreen
from loratui.tui.run import RunScreen

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

MakeApp = Callable[..., "LoratuiApp"]
Settle = Callable[["Pilot[None]"], Awaitable[None]]


@contextmanager
def writes_wait(app: LoratuiApp) -> Iterator[None]:
    """Within this, nothing is written yet: as when another program holds the library."""
    gate = threading.Event()
    app.bridge.write(lambda catalog: gate.wait(10), owner=app)
    try:
        yield
    finally:
        gate.set()


async def open_screen(pilot: Pilot[None], settle: Settle, name: str, **about: str) -> LoratuiApp:
    app = cast("LoratuiApp", pilot.app)
    await settle(pilot)
    app.show_screen(name, **about)
    await settle(pilot)
    return app


async def test_a_training_is_stopped_although_its_screen_was_left_at_once(
    stand_in_trainer: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(stand_in_trainer) as catalog:
        set_role(catalog, "Mira", "primary", "all")
        start_training(catalog, "Mira", base="cast", changes={"epochs": 500}, comment='{"delay_s": 0.05}')
    async with make_app().run_test(size=(110, 40)) as pilot:
        app = await open_screen(pilot, settle, "run", run="mira-0001")
        screen = app.screen
        assert isinstance(screen, RunScreen)
        await until(pilot, lambda: not screen.why_not("run.stop"))
        with writes_wait(app):
            await pilot.press("S", "escape")
            await until(pilot, lambda: isinstance(app.screen, LibraryScreen))
        await settle(pilot)
        assert isinstance(app.screen, LibraryScreen)
        assert "R resumes it" in app.messages[-1].text
    with open_catalog(stand_in_trainer) as catalog:
        run = get_run(catalog, "mira-0001")
    assert "stop" in (run.wish, run.state[:4])


async def leave_what_is_removed(pilot: Pilot[None], home: Home) -> None:
    """Go to the library, and have someone else remove the subject before what was done here is written."""
    await pilot.press("escape")
    await until(pilot, lambda: isinstance(pilot.app.screen, LibraryScreen))
    with open_catalog(home) as catalog:
        subjects.remove_subject(catalog, "Mira")


def assert_told_in_the_library(app: LoratuiApp) -> None:
    assert isinstance(app.screen, LibraryScreen)
    assert any(told.error and "Mira" in told.text for told in app.messages)


async def test_a_change_that_fails_after_its_screen_was_left_is_told_where_one_is(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=(110, 40)) as pilot:
        app = await open_screen(pilot, settle, "balance", subject="Mira")
        with writes_wait(app):
            await pilot.press("p")
            await leave_what_is_removed(pilot, mira)
        await settle(pilot)
        assert_told_in_the_library(app)


async def test_a_training_that_could_not_be_started_is_told_after_its_form_was_left(
    stand_in_trainer: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(stand_in_trainer) as catalog:
        set_role(catalog, "Mira", "primary", "all")
    async with make_app().run_test(size=(110, 40)) as pilot:
        app = await open_screen(pilot, settle, "train", subject="Mira")
        screen = app.screen
        await until(pilot, lambda: not screen.why_not("train.start"))  # type: ignore[attr-defined]
        await press(pilot, "ctrl+s")
        with writes_wait(app):
            await pilot.press("y")
            await until(pilot, lambda: app.screen is screen)
            await leave_what_is_removed(pilot, stand_in_trainer)
        await settle(pilot)
        assert_told_in_the_library(app)


async def test_an_answer_that_comes_while_its_screen_is_taken_down_is_not_drawn(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=(110, 40)) as pilot:
        app = await open_screen(pilot, settle, "balance", subject="Mira")
        screen = app.screen
        assert isinstance(screen, BalanceScreen)
        answered = threading.Event()
        taken: list[bool] = []
        screen.read(lambda catalog: answered.set() or True, taken.append)
        # The event loop is kept from running until the answer is on its way to the screen, and the screen leaves.
        assert answered.wait(5)
        while app.bridge.busy:
            time.sleep(0.001)
        app.pop_screen()
        await settle(pilot)
        assert isinstance(app.screen, LibraryScreen)
        assert taken == []


async def test_ctrl_c_says_how_one_leaves(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await press(pilot, "ctrl+c")
        assert app.messages[-1].text == "ctrl+c does not quit: q does, and ctrl+q also while one types."
