"""Waiting for what threads and other processes bring about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from loratui.tui.app import LoratuiApp

if TYPE_CHECKING:
    from textual.pilot import Pilot

Settle = Callable[["Pilot[None]"], Awaitable[None]]


async def until(pilot: Pilot[None], holds: Callable[[], object], within: float = 60.0) -> None:
    """Let the app go on until something holds on its screen or in the library."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"it did not come to hold within {within:g} s"
        await pilot.pause()
        await asyncio.sleep(0.02)


def wait_until(holds: Callable[[], object], within: float = 60.0) -> None:
    """The same for an app in a process of its own."""
    end = time.monotonic() + within
    while not holds():
        assert time.monotonic() < end, f"it did not come to hold within {within:g} s"
        time.sleep(0.05)


async def settle(pilot: Pilot[None], within: float = 120.0) -> None:
    """Wait until nothing is asked, written or running any more, and the screen shows it."""
    app = pilot.app
    assert isinstance(app, LoratuiApp)
    quiet, end = 0, time.monotonic() + within
    while quiet < 4:
        assert time.monotonic() < end, f"the app did not come to rest within {within:g} s"
        await pilot.pause()
        drawing = app._tiles is not None and not app._tiles.idle
        if is_working(app) or drawing:
            quiet = 0
            await asyncio.sleep(0.01)
        else:
            quiet += 1


def is_working(app: LoratuiApp) -> bool:
    """Whether keys are handled, or threads read, write or do a job."""
    # A job says that it has ended before it says what came of it.
    jobs = any(task.thread is not None and task.thread.is_alive() for task in app.bridge.tasks)
    return app.keys_waiting or app.bridge.busy or jobs
