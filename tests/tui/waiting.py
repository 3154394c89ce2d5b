"""Waiting for what threads and other processes bring about."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.pilot import Pilot


async def until(pilot: Pilot[None], holds: Callable[[], object], within: float = 30.0) -> None:
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
