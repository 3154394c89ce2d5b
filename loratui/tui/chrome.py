"""The lines around every screen: where one is, what happened last, which keys work."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from loratui.tui.keymap import actions_of, keys_of, show_key
from loratui.tui.text import plain

if TYPE_CHECKING:
    from textual.app import RenderResult

    from loratui.tui.actions import Action
    from loratui.tui.app import LoratuiApp
    from loratui.tui.base import LoratuiScreen


class HeaderLine(Widget):
    """Where one is on the left; counts, filter and long jobs on the right."""

    DEFAULT_CSS = "HeaderLine { height: 1; background: $panel; color: $foreground; }"

    crumbs: reactive[tuple[str, ...]] = reactive(())
    status: reactive[str] = reactive("")
    activity: reactive[str] = reactive("")

    def render(self) -> RenderResult:
        width = self.size.width
        right = "  ".join(part for part in (plain(self.status), plain(self.activity)) if part)
        left = Text(" loratui", style="bold")
        for place, crumb in enumerate(self.crumbs):
            left.append(" › ", style="dim")
            left.append(plain(crumb), style="bold" if place == len(self.crumbs) - 1 else "")
        room = width - cell_len(right) - 3
        left.truncate(max(8, room), overflow="ellipsis")
        gap = max(1, width - left.cell_len - cell_len(right) - 1)
        return Text.assemble(left, " " * gap, (right, ""), " ", no_wrap=True, overflow="ellipsis")


MESSAGE_S = 10.0
"""A message that is no error goes away by itself after this."""

READ_S = 1.0
"""A message that has been there this long has been read: it goes with the next key or the next screen."""

MOST_LINES = 4
"""A message that needs more is cut off; the task drawer has all of it."""


class MessageLine(Widget):
    """The last thing that happened, and how to take it back. Replaces floating toasts: it repaints one line only."""

    DEFAULT_CSS = """
    MessageLine { height: auto; min-height: 1; max-height: 4; padding: 0 1; color: $text-muted; }
    MessageLine.-told { color: $foreground; }
    MessageLine.-warning { color: $text-warning; background: $warning-muted; }
    MessageLine.-error { color: $text-error; background: $error-muted; }
    """

    text: reactive[str] = reactive("")

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.told = 0
        """How many messages there were."""
        self._passes = False
        self._told_at = 0.0
        self._unread_error = ""
        self._waiting = False

    def tell(self, text: str, *, error: bool = False, warning: bool = False, stays: bool = False) -> None:
        """Show a message for a while; an error, a warning, or one that `stays`, until something else is told."""
        if error:
            self._unread_error = text
        elif self._unread_error and text:
            # What went well since then, of keys pressed before, must not cover it.
            text, error = f"{self._unread_error} {text}", True
        self.told += 1
        self._told_at = time.monotonic()
        self._passes = bool(text) and not (error or warning or stays)
        if self._passes:
            self._wait(MESSAGE_S)
        self.set_class(bool(text) and not (error or warning), "-told")
        self.set_class(warning and not error, "-warning")
        self.set_class(error, "-error")
        self.text = text

    def note_key(self) -> None:
        """A key is pressed for something new: what comes of it takes the place of what is there."""
        self._unread_error = ""

    def let_go(self, *, also_error: bool = False) -> None:
        """Something else was done: a message that is no error has been read."""
        if self._passes or (also_error and (self.has_class("-error") or self.has_class("-warning"))):
            self._passes = False
            self.remove_class("-told", "-warning", "-error")
            self.text = self._unread_error = ""

    def leave(self) -> None:
        """The screen was left, or something else was done: what has been there for a moment has been read."""
        if time.monotonic() - self._told_at >= READ_S:
            self.let_go(also_error=True)

    def _wait(self, seconds: float) -> None:
        # One timer for all messages of a burst.
        if not self._waiting and self.is_mounted:
            self._waiting = True
            self.set_timer(seconds, self._look_again)

    def _look_again(self) -> None:
        self._waiting = False
        left = self._told_at + MESSAGE_S - time.monotonic()
        if self._passes and left > 0:
            self._wait(left)
        else:
            self.let_go()

    def watch_text(self) -> None:
        # Laying out the whole screen for every message would cost more than painting it.
        width, height = self.content_size
        if width and min(max(len(self.render().wrap(self.app.console, width)), 1), MOST_LINES) != height:
            self.refresh(layout=True)

    def render(self) -> Text:
        return Text(plain(self.text), overflow="fold")


class KeyBar(Widget):
    """The keys that matter here; ones that can't be used now are dim. `?` lists all of them."""

    DEFAULT_CSS = "KeyBar { height: 1; background: $panel; color: $text-muted; padding: 0 1; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawn: list[bool] | None = None
        """Which of the keys could be used when they were drawn last."""

    @cached_property
    def _actions(self) -> list[Action]:
        shown = [action for action in actions_of(self._of.scope) if action.bar]
        # Help always fits: it is where the others are found.
        return sorted(shown, key=lambda action: action.id != "app.help")

    @property
    def _of(self) -> LoratuiScreen:
        return self.screen  # type: ignore[return-value]

    def _can_be_used(self) -> list[bool]:
        return [not self._of.why_not(action.id) for action in self._actions]

    def look_again(self) -> None:
        """Draw the keys anew where others can be used than when they were drawn; else this costs next to nothing."""
        if self._can_be_used() != self._drawn:
            self.refresh()

    def render(self) -> RenderResult:
        app: LoratuiApp = self.app  # type: ignore[assignment]
        line = Text(no_wrap=True, overflow="ellipsis")
        room = self.size.width - 2
        self._drawn = self._can_be_used()
        for action, usable in zip(self._actions, self._drawn, strict=True):
            parts = [show_key(part) for part in keys_of(action, app.keymap_of_person)]
            if not parts:
                continue
            key = parts[0]
            if action.per_key:
                key = f"{parts[0]}-{parts[-1]}" if parts[0].isdecimal() else "arrows"
            piece = Text.assemble((key, "bold"), " ", action.label)
            if not usable:
                piece.stylize("dim strike" if app.glyphs.ascii else "dim")
            if line.cell_len + piece.cell_len + 2 > room:
                break
            if line:
                line.append("  ")
            line.append_text(piece)
        return line
