"""The line in which tags for a bulk edit are typed: which pictures it acts on is shown, and how many will change."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from loratui.tui.completion import Suggestions
from loratui.tui.one_line import TagLine
from loratui.tui.tag_editor import NO_TAG, complete_tag
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult


def split_tags(text: str) -> tuple[str, ...]:
    """The tags of a line, between commas, each once."""
    parts = (" ".join(part.split()) for part in text.split(","))
    return tuple(dict.fromkeys(part for part in parts if part))


class TagForm(ModalScreen[tuple[str, ...] | None]):
    """Gives the tags that were typed, None when the person left."""

    DEFAULT_CSS = """
    TagForm { align: center middle; }
    TagForm > Vertical {
        width: 80; max-width: 96%; height: auto; padding: 1 2; border: round $primary; background: $surface;
    }
    TagForm Static { height: auto; }
    TagForm #scope { color: $text-muted; margin: 0 0 1 0; }
    TagForm Input { border: none; height: 1; padding: 0 1; background: $panel; }
    TagForm Input:focus { border: none; background: $primary 30%; }
    TagForm #next { color: $text-muted; height: 2; padding: 0 1; }
    TagForm #touched { margin: 0 0 1 0; }
    """
    BINDINGS: ClassVar = [
        ("escape", "dismiss(None)", "leave"),
        ("ctrl+s", "finish", "done"),
        ("tab", "accept", "take the suggestion"),
    ]

    def __init__(
        self,
        title: str,
        scope: str,
        known: Sequence[str],
        touched: Callable[[tuple[str, ...]], str],
        value: str = "",
        *,
        check: Callable[[tuple[str, ...]], str],
        keys: str = "",
    ) -> None:
        """`touched` says in a sentence what these tags would change; `known` are tags, the likeliest first.

        What `check` says against the tags is shown instead, and keeps the form open.
        """
        super().__init__()
        self._title = title
        self._scope = scope
        self._known = known
        self._touched = touched
        self._value = value
        self._check = check
        self._keys = keys
        self._suggestions = Suggestions(lambda text, cursor: complete_tag(text, cursor, self._known))

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(plain(self._title), style="bold"))
            yield Static(Text(plain(self._scope)), id="scope")
            yield TagLine(self._value, select_on_focus=False)
            yield Static("", id="next")
            yield Static("", id="touched")
            yield Static(Text(f"{self._keys}tab completes   enter, ctrl+s done   esc leave", style="dim"))

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._show_next()

    def add_known(self, tags: Sequence[str]) -> None:
        """Offer these as well, after the others."""
        self._known = tuple(dict.fromkeys([*self._known, *tags]))
        self._show_next()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show_next()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_finish()

    def action_finish(self) -> None:
        """Give the tags, unless something speaks against them; without any, say what is waited for."""
        tags = split_tags(self.query_one(Input).value)
        if not tags:
            self.query_one("#touched", Static).update(Text(NO_TAG))
        elif not self._check(tags):
            self.dismiss(tags)

    def action_accept(self) -> None:
        """Put the first suggestion in; again, the next one in its place."""
        self._suggestions.take(self.query_one(Input))
        self._show_next()

    def _show_next(self) -> None:
        line = self.query_one(Input)
        self.query_one("#next", Static).update(self._suggestions.draw(line))
        tags = split_tags(line.value)
        self.query_one("#touched", Static).update(Text(plain(self._check(tags) or self._touched(tags))))
