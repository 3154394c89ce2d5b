"""Keys pressed in tests, with what comes of them waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from waiting import settle

if TYPE_CHECKING:
    from textual.pilot import Pilot


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Press keys one after another, and wait until the app has nothing more to do."""
    await pilot.press(*keys)
    await settle(pilot)
