"""What the tags screen doubts about the tags themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from loratui.catalog.edits import store_tag_scores
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog

from .conftest import settle

if TYPE_CHECKING:
    from loratui.config import Home

    from .conftest import MakeApp


async def test_tags_of_two_taggers_are_told_on_the_tags_screen(mira: Home, make_app: MakeApp) -> None:
    with open_catalog(mira) as catalog:
        pictures = [one.picture_id for one in select_memberships(catalog, "Mira")]
        for tagger, read in (("old@1/p1", pictures), ("new@2/p1", pictures[:5])):
            for picture in read:
                store_tag_scores(catalog, picture, tagger, [("hat", "general", 0.9)])
    app = make_app()
    async with app.run_test(size=(160, 40)) as pilot:
        await settle(pilot)
        app.show_screen("tags", subject="Mira")
        await settle(pilot)
        shown = " ".join(str(app.screen.query_one("#rules", Static).render()).split())
    assert "5 of 12 pictures are tagged by new, 7 by old" in shown
