"""The pane beside the wall: the picture under the cursor, larger, and all that is known about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from loratui.tui.facts import draw_facts, read_inspection
from loratui.tui.picture_view import PictureView
from loratui.tui.sources import MembershipSource

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.timer import Timer

    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.dataset.inspection import Inspection
    from loratui.tui.base import LoratuiScreen

PAUSE_S = 0.06
"""The cursor must rest this long before the picture is looked at."""


class DetailPane(Vertical):
    """Shows what `point_at` names, a moment after it was called last."""

    DEFAULT_CSS = """
    DetailPane { height: 1fr; padding: 0 0 0 1; }
    DetailPane PictureView { height: 45%; min-height: 6; margin: 0 0 1 0; }
    DetailPane VerticalScroll { height: 1fr; }
    DetailPane Static { height: auto; padding: 0 1; }
    """

    def __init__(self, subject: str, *, id: str | None = "detail") -> None:
        super().__init__(id=id)
        self.subject = subject
        self.inspection: Inspection | None = None
        """What is shown; None until the picture was looked at."""
        self._picture: Membership | None = None
        self._base = ""
        self._pause: Timer | None = None

    def compose(self) -> ComposeResult:
        yield PictureView(pool=self._owner.lora.tiles, id="preview")
        with VerticalScroll(can_focus=False):
            yield Static("", id="facts")

    @property
    def _owner(self) -> LoratuiScreen:
        return self.screen  # type: ignore[return-value]

    def point_at(self, picture: Membership | None) -> None:
        """Show this picture soon; what is known of it already shows at once."""
        if picture is self._picture or not self.display:
            return
        before, self._picture = self._picture, picture
        if before is not None and picture is not None and before.id == picture.id:
            self._draw()
        self._look_soon()

    def reload(self) -> None:
        """Look at the picture again: it may have changed."""
        if self.display and self._picture is not None:
            self._look_soon()

    def _look_soon(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE_S, self._look)

    def _look(self) -> None:
        self._pause = None
        picture, subject = self._picture, self.subject
        if picture is None:
            self.inspection = None
            self.query_one(PictureView).set_source(None)
            self.query_one("#facts", Static).update("")
            return
        id_, settings = picture.id, self._owner.lora.settings

        def work(catalog: Catalog) -> tuple[Catalog, tuple[Inspection, str] | None]:
            return catalog, read_inspection(catalog, subject, id_, settings)

        self._owner.read(work, self._take, "detail")

    def _take(self, answer: tuple[Catalog, tuple[Inspection, str] | None]) -> None:
        catalog, found = answer
        if found is None or self._picture is None or found[0].picture.id != self._picture.id:
            return
        self.inspection, self._base = found
        picture = found[0].picture
        source = MembershipSource(catalog, picture)
        preview = self.query_one(PictureView)
        if preview.source is None or preview.source.key != source.key:
            preview.set_source(source)
        preview.set_box(picture.crop, (picture.width, picture.height))
        self._draw()

    def _draw(self) -> None:
        """Facts of the row as the screen has it, which is ahead of what was read, with the rest as it was read."""
        if self.inspection is None or self._picture is None or self.inspection.picture.id != self._picture.id:
            return
        facts = draw_facts(self.inspection, self._picture, self._base, self._owner.lora.glyphs)
        self.query_one("#facts", Static).update(facts)
