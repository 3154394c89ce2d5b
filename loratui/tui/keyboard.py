"""Keys in order: none is handled before all that the key before it set off.

Textual hands a key to the widget that has the focus at that moment and goes on. On a slow link keys arrive in
bunches: of `e` and a caption typed at once, the caption would go to the picture wall as commands, because the
dialog that `e` opens is not there yet. Here keys wait until the one before has come all the way up to the app, and,
if it moved the focus or opened a screen, until that is done.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from textual import events
from textual.app import App
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

if TYPE_CHECKING:
    from textual.screen import Screen

ROUNDS = 3
"""How often a mark follows a key through the widgets when the key led to more: a submitted line, a new screen."""

PATIENCE_S = 0.25
"""A widget that goes away takes the mark with it; this often it is looked whether it is still there."""

HOLD_S = 1.0
"""From then on a key that leaves is not held back: it gives up what keys wait for."""

MOST_S = 10.0
"""Longer than this no key waits, whatever it waits for."""

LEAVING = frozenset({"escape", "ctrl+q", "ctrl+c"})
"""Keys that lead away from what takes too long."""

LATE_S = 1.0
"""Keys typed within this time of a screen's going away were meant for it."""


class KeyDone(Message):
    """A mark that follows a key on its way up to the app: when it is there, the key has been handled."""

    def __init__(self, number: int, round_: int) -> None:
        super().__init__()
        self.number = number
        self.round = round_


class OrderedKeys(App[None]):
    """An app that handles one key after the other, each with all it sets off."""

    def __init__(self) -> None:
        super().__init__()
        self._typed: deque[events.Event] = deque()
        self._number = 0
        self._in_flight = False
        self._before: tuple[Screen[object] | None, Widget | None] = (None, None)
        self._target: Widget | None = None
        self._holds = 0
        self._deaf_until = 0.0
        self._marked: Widget | None = None
        self._begun = 0.0
        self._watchdog: asyncio.TimerHandle | None = None
        self._holding: asyncio.TimerHandle | None = None
        self._is_late = False

    @property
    def keys_handled(self) -> int:
        """How many keys were handled, the one under way included."""
        return self._number

    @property
    def keys_typed_ahead(self) -> bool:
        """Whether keys wait for the one under way, or for what is about to open."""
        return bool(self._typed)

    @property
    def keys_waiting(self) -> bool:
        """Whether keys are still to be handled."""
        return self._in_flight or self.keys_typed_ahead

    def hold_keys(self) -> None:
        """Let keys wait until `release_keys`: what they are meant for is about to open."""
        self._holds += 1
        if self._holding is None:
            self._holding = asyncio.get_running_loop().call_later(HOLD_S, self._let_leave)

    def release_keys(self) -> None:
        """What was about to open is open, or will not."""
        self._holds = max(0, self._holds - 1)
        if not self._holds:
            self._end_hold()
        self.call_later(self._go_on)

    def _let_leave(self) -> None:
        """What opens takes its time: typed text goes on waiting for it, but a person may leave."""
        self._is_late = True
        self._holding = asyncio.get_running_loop().call_later(MOST_S - HOLD_S, self._release_all)
        if self._typed and _leaves(self._typed[0]):
            self._release_all()

    def _release_all(self) -> None:
        self._holds = 0
        self._end_hold()
        self.call_later(self._go_on)

    def _end_hold(self) -> None:
        self._is_late = False
        if self._holding is not None:
            self._holding.cancel()
            self._holding = None

    def drop_waiting_keys(self) -> None:
        """What the keys that wait were meant for did not come."""
        if self._typed:
            self._typed.clear()
            self.bell()

    def drop_late_keys(self) -> None:
        """A screen went away unasked: keys that wait, and those of the next moment, were meant for it."""
        self._deaf_until = time.monotonic() + LATE_S
        if self._typed:
            self._typed.clear()
            self.key_dropped()

    def key_dropped(self) -> None:
        """A key was dropped because the screen it was meant for has gone."""

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste)) and not event.is_forwarded:
            if time.monotonic() < self._deaf_until:
                self.key_dropped()
                return
            if self._is_late and _leaves(event):
                self.drop_waiting_keys()
                self._release_all()
            self._typed.append(event)
            await self._go_on()
        else:
            await super().on_event(event)

    async def _go_on(self) -> None:
        """Handle the next key, unless one is under way."""
        if self._in_flight or self._holds or not self._typed:
            return
        event = self._typed.popleft()
        self._in_flight = True
        self._number += 1
        self._begun = time.monotonic()
        self._target = self.focused or self.screen
        self._before = (self.screen, self.focused)
        await super().on_event(event)
        self._follow(1)

    def _follow(self, round_: int) -> None:
        """Send a mark after the key, through the widgets that have the keys now."""
        if self._watchdog is not None:
            self._watchdog.cancel()
        loop = asyncio.get_running_loop()
        self._watchdog = loop.call_later(PATIENCE_S, self._look_after, self._number)
        target = self._target if round_ == 1 and self._target is not None else self.focused or self.screen
        self._marked = target
        if not target.is_attached or not target.post_message(KeyDone(self._number, round_)):
            self._finish(self._number)

    def _look_after(self, number: int) -> None:
        """The mark has not come yet: on a busy machine it will, unless a widget on its way has gone."""
        if number != self._number or not self._in_flight:
            return
        if self._marked is None or _is_gone(self._marked) or time.monotonic() - self._begun >= MOST_S:
            self._finish(number)
        else:
            self._watchdog = asyncio.get_running_loop().call_later(PATIENCE_S, self._look_after, number)

    def on_key_done(self, message: KeyDone) -> None:
        message.stop()
        if message.number != self._number or not self._in_flight:
            return
        went_elsewhere = (self.screen, self.focused) != self._before
        if message.round < ROUNDS and (message.round > 1 or went_elsewhere or isinstance(self._target, Input)):
            self._follow(message.round + 1)
        else:
            self._finish(message.number)

    def _finish(self, number: int) -> None:
        if number == self._number and self._in_flight:
            self._in_flight = False
            if self._watchdog is not None:
                self._watchdog.cancel()
                self._watchdog = None
            if self._typed:
                self.call_later(self._go_on)


def _leaves(event: events.Event) -> bool:
    return isinstance(event, events.Key) and event.key in LEAVING


def _is_gone(widget: Widget) -> bool:
    """Whether a widget, or one that it is in, handles no messages any more; one that is not there yet will."""
    on_the_way = [node for node in widget.ancestors_with_self if isinstance(node, Widget)]
    return not widget.is_attached or any(node.is_mounted and not node.is_running for node in on_the_way)
