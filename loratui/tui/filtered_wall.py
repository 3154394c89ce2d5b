"""Going to the picture wall of a subject with a filter, as other screens do for the pictures behind a statement."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loratui.tui.app import LoratuiApp


def show_pictures(app: LoratuiApp, subject: str, query: str) -> None:
    """Show the wall with the pictures that a query chooses."""
    from loratui.tui.pictures import PicturesScreen

    # A wall of its own: leaving it leads back to what asked for these pictures.
    app.show_screen("pictures", subject=subject, query=query)
    if isinstance(wall := app.screen, PicturesScreen) and wall.query_text != query:
        wall.filter_by(query)


def query_for_tag(tag: str) -> str:
    """The query that chooses the pictures with a tag."""
    from loratui.catalog.grammar import Match, print_query

    return print_query(Match("tag", re.sub(r"([*?\\])", r"\\\1", tag)))
