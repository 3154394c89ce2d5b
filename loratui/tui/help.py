"""The keys that work here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.tui.actions import EVERYWHERE
from loratui.tui.chooser import Choice, Chooser
from loratui.tui.keymap import actions_of, keys_of, show_key
from loratui.tui.table import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.tui.actions import Action
    from loratui.tui.base import LoratuiScreen


class HelpScreen(Chooser):
    """Every key of the screen below: its own first, then those that work everywhere. Enter does what is chosen."""

    MOST_ROWS = 48

    def __init__(self, top: LoratuiScreen) -> None:
        columns = [Column("keys", 12), Column("", 16), Column(""), Column("where", 10, least=100)]
        super().__init__(top, columns, "type to find a key or what it does; enter does it; esc leaves")

    def choices(self) -> Sequence[Choice]:
        return [self._describe(action) for action in actions_of(self.top.scope)]

    def _describe(self, action: Action) -> Choice:
        keys = list(dict.fromkeys(show_key(key) for key in keys_of(action, self.lora.keymap_of_person)))
        where = "everywhere" if EVERYWHERE in action.scopes else "here"
        reason = self.top.why_not(action.id)
        return Choice(
            action.id,
            (" ".join(keys), action.label, f"not now: {reason}" if reason else action.help, where),
            f"{action.label} {' '.join(keys)} {action.help} {action.id}",
            about=f"{reason or action.help}\n{describe_verb(action)}",
        )

    def chosen(self, key: str) -> None:
        self.run_action_of_top(key)


def describe_verb(action: Action) -> str:
    """The verb of an action, or why it has none, and whether it can be taken back."""
    verb = f"loratui {action.verb}" if action.verb else f"no verb: it {action.no_verb}"
    undo = {"journal": "   u undoes it", "none": "   can't be undone"}.get(action.undo, "")
    return f"{verb}{undo}   [keys] {action.id}"
