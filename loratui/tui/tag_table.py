"""What the screens with a table of tags share: the tag under the cursor, what is told beside it, and its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from loratui.tui.base import LoratuiScreen
from loratui.tui.filtered_wall import query_for_tag, show_pictures
from loratui.tui.moves import TableMoves
from loratui.tui.table import RowTable
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loratui.captions.advice import TagAdvice
    from loratui.captions.counts import TagCount

T = TypeVar("T", "TagCount", "TagAdvice")


class TagTableScreen(TableMoves, LoratuiScreen, Generic[T]):
    """A screen with a table of tags, `#table`, and what is told of the one under the cursor, `#beside`."""

    crumb: ClassVar[str] = ""
    subject: str
    _by_tag: Mapping[str, T]

    DEFAULT_CSS = """
    TagTableScreen #both { layout: horizontal; height: 1fr; }
    TagTableScreen #table { width: 1fr; }
    TagTableScreen #beside { width: 48; padding: 0 2; background: $surface; scrollbar-gutter: stable; }
    TagTableScreen.-wide #beside { width: 76; }
    TagTableScreen.-narrow #both { layout: vertical; }
    TagTableScreen.-narrow #table { width: 100%; height: 1fr; }
    TagTableScreen.-narrow #beside { width: 100%; height: 11; padding: 0 1; }
    TagTableScreen #empty { display: none; }
    """

    def on_mount(self) -> None:
        self.lora.subject = self.subject
        self.table.focus()
        self.set_header(self.subject, self.crumb, status="reading...")

    @property
    def table(self) -> RowTable:
        return self.query_one("#table", RowTable)

    @property
    def tag(self) -> T | None:
        """The tag under the cursor."""
        return self._by_tag.get(self.table.cursor_key) if self.is_mounted else None

    def show_empty(self, text: str) -> None:
        """Say why there is no table, with the next key; an empty text shows the table."""
        empty = self.query_one("#empty", Static)
        empty.display, self.query_one("#both").display = bool(text), not text
        empty.update(Content("\n".join(plain(line) for line in text.splitlines())))

    def do_tag_scroll(self) -> None:
        beside = self.query_one("#beside", VerticalScroll)
        if beside.scroll_offset.y >= beside.max_scroll_y:
            beside.scroll_home(animate=False)
        else:
            beside.scroll_page_down(animate=False)

    def do_tag_pictures(self) -> None:
        if self.tag is not None:
            show_pictures(self.lora, self.subject, query_for_tag(self.tag.tag))
