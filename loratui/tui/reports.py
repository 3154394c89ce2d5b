"""What is left to read when something is done: it opens by itself only before whoever still waits for it.

A report that opened over other work would take the keys that are meant for that. So it opens when the person is where
it was asked for and has typed nothing since; else a line says that it is there, and the task drawer opens it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from loratui.tui.keymap import say_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from textual.screen import Screen

    from loratui.tui.app import LoratuiApp
    from loratui.tui.bridge import Task

    MakeReport = Callable[[str, bool], Screen[None]]
    """Makes a report under a title; true when `u` takes back what it is about."""


class Told(NamedTuple):
    """A message that was shown, kept for the task drawer."""

    at: datetime
    text: str
    error: bool


class Asked:
    """The moment something was asked for whose answer takes its time."""

    def __init__(self, app: LoratuiApp, screen: Screen[Any] | None = None) -> None:
        """`screen` is where it was asked for; the one that shows when left out."""
        self._app = app
        self._screen = screen or app.screen
        self._keys = app.keys_handled

    @property
    def still_waits(self) -> bool:
        """Whether the person is where they were, and has typed nothing since."""
        app = self._app
        return app.screen is self._screen and app.keys_handled == self._keys and not app.keys_typed_ahead


def offer_report(app: LoratuiApp, task: Task, asked: Asked, said: str, make: MakeReport, undo: str = "") -> None:
    """Say what a job did and that there is more to read; open that now for whoever still waits.

    `undo` is the sentence that tells how to take it back: in the report `u` does that. Opened later, from the task
    drawer, `u` may mean something else, and the report does not have it.
    """
    task.report = lambda: make(said, False)
    sentence = f"{said} {undo}".strip()
    if asked.still_waits:
        app.tell(sentence)
        app.push_screen(make(sentence, bool(undo)))
    else:
        way = f"{say_key('app.tasks', app.keymap_of_person)}, then enter on the job,"
        app.tell(f"{sentence} {way} shows the report.")
