"""The line in which a filter is typed: what it chooses is shown while one types, with what could come next."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Grid
from textual.message import Message
from textual.widgets import Input, Static

from loratui.tui.base import LoratuiScreen
from loratui.tui.completion import Completion, Suggestions, complete_query
from loratui.tui.one_line import OneLine
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.timer import Timer
    from textual.widget import Widget

    Complete = Callable[[str, int], Completion]
    """Gives the words that may stand at a place of a text."""

PAUSE_S = 0.08
"""A filter is applied this long after the last key."""


def check_query(text: str) -> str:
    """What is wrong with a query, in a sentence; empty when nothing is."""
    # The grammar is plain Python; nothing of the library is loaded by it.
    from loratui.catalog.grammar import parse_query
    from loratui.errors import UsageError

    try:
        parse_query(text)
    except UsageError as error:
        return f"{error.message.splitlines()[0]} {error.hint}"
    return ""


def accept_anything(text: str) -> str:
    """The check of a filter of plain words, which can't be wrong."""
    return ""


class FilterBar(Grid):
    """A filter, two lines high while it is typed.

    The screen yields one in its body, calls `open` on `/`, and shows what `Changed` says; a text that is wrong is
    told here and not sent. Enter keeps the filter, esc takes it away; both give the focus back and send `Closed`.
    """

    DEFAULT_CSS = """
    FilterBar {
        dock: bottom; height: 2; display: none; background: $panel;
        grid-size: 2; grid-columns: 3 1fr; grid-rows: 1;
    }
    FilterBar.-open { display: block; }
    FilterBar #slash { width: 3; padding: 0 1; color: $accent; text-style: bold; }
    FilterBar Input { border: none; height: 1; padding: 0; width: 1fr; background: $panel; }
    FilterBar Input:focus { border: none; }
    FilterBar #next { column-span: 2; height: 1; padding: 0 1 0 3; color: $text-muted; }
    """
    BINDINGS: ClassVar = [
        ("escape", "clear", "no filter"),
        ("tab", "accept", "take the suggestion"),
    ]

    class Changed(Message):
        """Another filter is in force."""

        def __init__(self, bar: FilterBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

        @property
        def control(self) -> FilterBar:
            return self.bar

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, FilterBar.Changed) and message.bar is self.bar

    class Closed(Message):
        """Typing is over; `text` is the filter that stays."""

        def __init__(self, bar: FilterBar, text: str) -> None:
            super().__init__()
            self.bar = bar
            self.text = text

        @property
        def control(self) -> FilterBar:
            return self.bar

    def __init__(
        self,
        *,
        complete: Complete = complete_query,
        check: Callable[[str], str] = check_query,
        placeholder: str = "a name, role:primary, tag:smile, -tag:hat, rating:>3",
        id: str | None = "filter",
    ) -> None:
        super().__init__(id=id)
        self._suggestions = Suggestions(complete)
        self._check = check
        self._placeholder = placeholder
        self._before: Widget | None = None
        self._pause: Timer | None = None
        self._sent = ""

    @property
    def is_open(self) -> bool:
        """Whether a filter is being typed."""
        return self.has_class("-open")

    def open(self, text: str = "") -> None:
        """Show the line with the filter that is in force, and let the person change it."""
        if not self.is_open:
            self._before = self.screen.focused
        self._sent = text
        self._suggestions.forget()
        if not self.children:
            # Not before: styling a line of input is a twentieth of the first frame, and few visits need it.
            line: Input = OneLine(placeholder=self._placeholder, select_on_focus=False)
            self.mount(Static("/", id="slash"), line, Static("", id="next"))
        line = self.query_one(Input)
        with self.prevent(Input.Changed):
            line.value = text
        line.cursor_position = len(text)
        self.add_class("-open")
        line.focus()
        self._show_next()

    def close(self) -> None:
        """Hide the line and give the focus back; the filter stays."""
        self._stop_pause()
        self.remove_class("-open")
        if self._before is not None and self._before.is_attached:
            self._before.focus()

    def show_wrong(self, sentence: str) -> None:
        """Say what is wrong with the filter, when only the library could tell."""
        self.query_one("#next", Static).update(
            Text(plain(sentence), style=self._color("text-error"), no_wrap=True, overflow="ellipsis")
        )

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._stop_pause()
        self._pause = self.set_timer(PAUSE_S, self._send)
        self._show_next()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if wrong := self._check(event.value):
            self.show_wrong(wrong)
            return
        self._send()
        self.close()
        self.post_message(self.Closed(self, event.value))

    def action_clear(self) -> None:
        with self.prevent(Input.Changed):
            self.query_one(Input).value = ""
        self._send()
        self.close()
        self.post_message(self.Closed(self, ""))

    def action_accept(self) -> None:
        """Put the first suggestion in; again, the next one in its place."""
        self._suggestions.take(self.query_one(Input))
        self._show_next()

    def _send(self) -> None:
        self._stop_pause()
        text = self.query_one(Input).value
        if text != self._sent and not self._check(text):
            self._sent = text
            self.post_message(self.Changed(self, text))

    def _stop_pause(self) -> None:
        if self._pause is not None:
            self._pause.stop()
            self._pause = None

    def _show_next(self) -> None:
        """Suggestions; where there are none, what is wrong."""
        line = self.query_one(Input)
        completion, _ = self._suggestions.look_at(line)
        is_whole = completion.words == (line.value[completion.start : line.cursor_position],)
        has_more = bool(completion.words) and not is_whole
        if not has_more and (wrong := self._check(line.value)):
            self.show_wrong(wrong)
            return
        shown = self._suggestions.draw(line) if has_more else Text()
        shown.no_wrap, shown.overflow = True, "ellipsis"
        shown.append("tab takes it   " if has_more else "", style="dim")
        shown.append("enter keeps the filter   esc shows all", style="dim")
        self.query_one("#next", Static).update(shown)

    def _color(self, name: str) -> str:
        color = self.app.theme_variables.get(name, "")
        return color if color.startswith("#") else "red"


class FilteredScreen(LoratuiScreen):
    """A screen whose list is filtered by plain words; esc shows all of it before it leads back."""

    filter_text = ""
    """What is filtered by; empty while all is shown."""

    @abstractmethod
    def filter_changed(self) -> None:
        """Show what the filter chooses."""

    def set_filter(self, text: str) -> None:
        """Filter by other words, or by none."""
        self.filter_text = text.strip()
        self.filter_changed()

    def do_filter_open(self) -> None:
        self.query_one(FilterBar).open(self.filter_text)

    def on_filter_bar_changed(self, event: FilterBar.Changed) -> None:
        event.stop()
        self.set_filter(event.text)

    def do_app_back(self) -> None:
        if self.filter_text:
            self.set_filter("")
        else:
            self.lora.do_app_back()
