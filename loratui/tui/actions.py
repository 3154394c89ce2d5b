"""What an action is: one thing that a person can do, with its keys, its words and its verb."""

from __future__ import annotations

from typing import Literal, NamedTuple

Undo = Literal["journal", "view", "none"]
"""journal: `u` takes it back. view: it changes nothing that is kept. none: it can't be taken back."""

EVERYWHERE = "app"

LISTS = (
    "library",
    "pictures",
    "duplicates",
    "tags",
    "imbue",
    "train",
    "runs",
    "run",
    "review",
    "history",
    "proposals",
    "checks",
)
"""Scopes with a cursor that moves."""

VIEW = "changes only what is shown"
"""Why most actions of the second kind have no verb."""


class Action(NamedTuple):
    """One thing a person can do.

    `scopes` are the screens where it works, `verb` the command-line verb that does the same; an action without a
    verb says why in `no_verb`. With `per_key` the handler is told which of the keys was pressed.
    """

    id: str
    keys: str
    label: str
    help: str
    scopes: tuple[str, ...]
    verb: str = ""
    no_verb: str = ""
    undo: Undo = "view"
    bar: bool = False
    per_key: bool = False

    @property
    def handler(self) -> str:
        """Name of the method that does it, on the screen or on the app."""
        return "do_" + self.id.replace(".", "_")
