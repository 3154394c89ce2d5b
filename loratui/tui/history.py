"""What was done to the library, by whom, and what of it is undone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from loratui.tui.base import LoratuiScreen
from loratui.tui.moves import TableMoves
from loratui.tui.table import Column, Row, RowTable
from loratui.tui.text import count, format_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.catalog.rows import JournalEntry
    from loratui.catalog.store import Catalog

MOST = 1000
"""Older actions are in the library, but not in this list."""


class HistoryScreen(TableMoves, LoratuiScreen):
    """The journal, newest first. `u` takes the marked action back, ctrl+r does the last undone one again."""

    scope = "history"

    DEFAULT_CSS = """
    HistoryScreen #empty { display: none; }
    """

    def compose_body(self) -> ComposeResult:
        yield RowTable([Column("when", 13), Column("by", 7), Column("what"), Column("", 14)], id="entries")
        nothing = f"{self.key('app.library')} is the library, and {self.key('subject.add')} there adds a subject."
        yield Static(f"Nothing was done yet. {nothing}", classes="empty", id="empty", markup=False)

    def on_mount(self) -> None:
        self.set_header("history", status="reading...")
        self.table.focus()

    @property
    def table(self) -> RowTable:
        """The table of actions."""
        return self.query_one("#entries", RowTable)

    def library_changed(self) -> None:
        def work(catalog: Catalog) -> tuple[list[JournalEntry], int]:
            from loratui.catalog.journal import history, refused_id

            return history(catalog, MOST), refused_id(catalog)

        self.read(work, lambda found: self._show(*found), "history")

    def _show(self, entries: list[JournalEntry], refused: int) -> None:
        latest = next((entry for entry in entries if entry.undone_at is None), None)
        rows = []
        for entry in entries:
            u = f"{self.key('app.undo')} {'refuses' if entry.id == refused else 'undoes'} this"
            note = "undone" if entry.undone_at else u if entry is latest else ""
            mark = self.lora.glyphs.mark if entry is latest else " "
            rows.append(Row(str(entry.id), (format_time(entry.at), entry.actor, entry.label, note), mark=mark))
        self.table.set_rows(rows)
        self.table.display = bool(rows)
        self.query_one("#empty").display = not rows
        undone = sum(1 for entry in entries if entry.undone_at)
        status = f"the latest {MOST:,} actions" if len(entries) == MOST else count(len(entries), "action")
        self.set_header("history", status=f"{status}, {undone} undone" if undone else status)

    def screen_command(self) -> Sequence[str]:
        return ("history",)
