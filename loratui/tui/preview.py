"""The picture under the cursor of a table, with words below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from loratui.tui.picture_view import PictureView
from loratui.tui.sources import MembershipSource
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.tui.tiles import TilePool


class Preview(Vertical):
    """A picture and what is to be said of it; nothing of either when there is none."""

    DEFAULT_CSS = """
    Preview { width: 45%; height: 1fr; padding: 0 1; }
    Preview PictureView { height: 1fr; }
    Preview Static { height: auto; max-height: 50%; margin: 1 0 0 0; }
    """

    def __init__(self, pool: TilePool, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._pool = pool

    def compose(self) -> ComposeResult:
        yield PictureView(pool=self._pool)
        yield Static()

    def show(self, catalog: Catalog | None, picture: Membership | None, words: Sequence[tuple[str, str]] = ()) -> None:
        """Show a picture with lines of words, each with its style."""
        lines = [Content.styled(plain(text), style) for text, style in words]
        self.query_one(Static).update(Content("\n").join(lines))
        view = self.query_one(PictureView)
        if catalog is None or picture is None:
            view.set_source(None)
            return
        source = MembershipSource(catalog, picture)
        if view.source is None or view.source.key != source.key:
            view.set_source(source)
