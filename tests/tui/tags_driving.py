"""What tests of the tags screen press and read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.widgets import Static
from waiting import settle

from loratui.captions.counts import count_tags
from loratui.captions.service import captions_of
from loratui.catalog.query import select_memberships
from loratui.tui.tags import TagsScreen

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from loratui.catalog.store import Catalog


async def show_tags(pilot: Pilot[None]) -> TagsScreen:
    await settle(pilot)
    pilot.app.show_screen("tags", subject="Mira")  # type: ignore[attr-defined]
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TagsScreen)
    return screen


def text_of(screen: Any, selector: str) -> str:
    return str(screen.query_one(selector, Static).render())


def tags_of(catalog: Catalog) -> dict[str, int]:
    return {count.tag: count.pictures for count in count_tags(catalog, "Mira")}


def captions(catalog: Catalog) -> dict[str, str]:
    by_id = captions_of(catalog, "Mira")
    return {picture.name: by_id[picture.id] for picture in select_memberships(catalog, "Mira")}
