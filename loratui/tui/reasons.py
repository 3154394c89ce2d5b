"""Why pictures are rejected: one of the usual reasons, found by typing, or the words that were typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from loratui.tui.one_line import OneLine
from loratui.tui.table import Column, Row, RowTable
from loratui.tui.text import plain

if TYPE_CHECKING:
    from textual.app import ComposeResult

REASONS = ("blurry", "duplicate", "wrong subject", "text or watermark", "cropped badly", "samey")
"""Each begins with a letter of its own, so that one letter and enter choose it."""


def find_reasons(typed: str) -> tuple[str, ...]:
    """What a typed text could mean, likeliest first: usual reasons with a word that begins so, then the text itself."""
    words = " ".join(typed.split())
    wanted = words.casefold()
    begin = [reason for reason in REASONS if reason.startswith(wanted)]
    within = [reason for reason in REASONS if f" {wanted}" in f" {reason}"]
    return tuple(dict.fromkeys([*begin, *within, *([words] if words and wanted not in REASONS else [])]))


class ReasonForm(ModalScreen[str | None]):
    """Gives the reason, None when the person left. Letters only ever type: none of them chooses or is a command."""

    DEFAULT_CSS = """
    ReasonForm { align: center middle; }
    ReasonForm > Vertical {
        width: 64; max-width: 95%; height: auto; padding: 1 2; border: round $primary; background: $surface;
    }
    ReasonForm Input { border: none; height: 1; padding: 0 1; background: $panel; margin: 0 0 1 0; }
    ReasonForm Input:focus { border: none; background: $primary-muted; }
    ReasonForm RowTable { height: 8; background: $surface; }
    ReasonForm Static { height: auto; }
    """
    BINDINGS: ClassVar = [
        ("escape", "dismiss(None)", "leave"),
        ("ctrl+s", "finish", "done"),
        ("up", "move(-1)", "up"),
        ("down", "move(1)", "down"),
    ]

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def compose(self) -> ComposeResult:
        table = RowTable([Column("reason")])
        table.can_focus = False
        with Vertical():
            yield Static(Text(plain(self._title), style="bold"))
            yield Static("")
            yield OneLine(placeholder="type to find, or a reason of your own", select_on_focus=False)
            yield table
            yield Static(Text("enter, ctrl+s choose   esc leave", style="dim"))

    def on_mount(self) -> None:
        self.query_one(Input).focus()
        self._show("")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_finish()

    def action_finish(self) -> None:
        """Give the reason under the cursor."""
        # The rows may be those of the text before the last key.
        self._show(self.query_one(Input).value)
        self._choose()

    def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
        event.stop()
        self._choose()

    def action_move(self, rows: int) -> None:
        self.query_one(RowTable).move(rows)

    def _choose(self) -> None:
        self.dismiss(self.query_one(RowTable).cursor_key)

    def _show(self, typed: str) -> None:
        table = self.query_one(RowTable)
        rows = [
            Row(reason, (reason if reason in REASONS else f"{reason}   as you typed it",))
            for reason in find_reasons(typed)
        ]
        if list(table.rows) != rows:
            table.set_rows(rows)
            table.move_to(0)
