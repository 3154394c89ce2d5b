"""The pane beside the wall: the picture under the cursor, larger, and all that is known about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.containers import Vertical
from textual.strip import Strip
from textual.widget import Widget

from loratui.tui.facts import draw_facts, lay_out_facts, read_inspection
from loratui.tui.painting import crop_lines
from loratui.tui.picture_view import PictureView
from loratui.tui.sources import MembershipSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.geometry import Region
    from textual.timer import Timer

    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.dataset.inspection import Inspection
    from loratui.tui.base import LoratuiScreen

PAUSE_S = 0.06
"""The cursor must rest this long before the picture is looked at."""


class FactsView(Widget):
    """Labels and values. It draws its own lines, so that new facts cost no layout of the screen."""

    DEFAULT_CSS = "FactsView { height: 1fr; color: $foreground; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.facts: Sequence[tuple[str, Text]] = ()
        self._lines: list[Strip] | None = None
        self._top = 0

    def show(self, facts: Sequence[tuple[str, Text]]) -> None:
        """Show these, from the top unless they are about the same thing."""
        if list(facts) == list(self.facts):
            return
        if list(facts[:1]) != list(self.facts[:1]):
            self._top = 0
        self.facts = facts
        self._lines = None
        self.refresh()

    def on_resize(self) -> None:
        self._lines = None

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._lines = None

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._lines is None:
            self._lines = self._paint()
        width, height = self.size
        lines = self._lines[self._top : self._top + height]
        if len(self._lines) > self._top + height and lines:
            lines[-1] = self._draw(Text("…", style="dim")).adjust_cell_length(width, self.rich_style)
        blank = Strip.blank(width, self.rich_style)
        lines += [blank] * (height - len(lines))
        return crop_lines(self, lines[crop.y : crop.bottom], crop)

    def _draw(self, text: Text) -> Strip:
        console = self.app.console
        # A text of one style comes out of Rich without it.
        style = self.rich_style + console.get_style(text.style)
        return Strip([Segment(part.text, style + (part.style or Style.null())) for part in text.render(console)])

    def _paint(self) -> list[Strip]:
        width = self.size.width
        texts = lay_out_facts(self.facts, width, self.app.console)
        return [self._draw(text).adjust_cell_length(width, self.rich_style) for text in texts]

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(-3)

    def _scroll(self, lines: int) -> None:
        most = max(0, len(self._lines or ()) - self.size.height)
        self._top = min(max(self._top + lines, 0), most)
        self.refresh()


class DetailPane(Vertical):
    """Shows what `point_at` names, a moment after it was called last."""

    DEFAULT_CSS = """
    DetailPane { height: 1fr; padding: 0 0 0 1; }
    DetailPane PictureView { height: 45%; min-height: 6; max-height: 20; margin: 0 0 1 0; }
    DetailPane FactsView { margin: 0 1; }
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
        yield FactsView(id="facts")

    @property
    def preview(self) -> PictureView:
        """The picture."""
        return self.query_one(PictureView)

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
            self.query_one(FactsView).show(())
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
        self.query_one(FactsView).show(facts)
