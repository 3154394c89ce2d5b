"""All subjects: what each has, what is missing, and where its training stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from loratui.tui.base import LoratuiScreen
from loratui.tui.table import Column, Row, RowTable

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from loratui.catalog.store import Catalog
    from loratui.catalog.subjects import SubjectSummary


class LibraryScreen(LoratuiScreen):
    """The first screen."""

    scope = "library"

    def compose_body(self) -> ComposeResult:
        yield RowTable([Column("subject"), Column("pictures", 8, "right")], id="subjects")
        yield Static("No subjects yet. n adds one.", classes="empty", id="empty")

    def library_changed(self) -> None:
        def work(catalog: Catalog) -> list[SubjectSummary]:
            from loratui.catalog.subjects import list_subjects

            return list_subjects(catalog)

        self.read(work, self._fill, "subjects")

    def _fill(self, found: list[SubjectSummary]) -> None:
        self.query_one(RowTable).set_rows(
            [Row(one.subject.name, (one.subject.name, str(one.pictures))) for one in found]
        )
        self.query_one("#empty").display = not found
        self.set_header("library", status=f"{len(found)} subjects")

    def do_move_down(self) -> None:
        self.query_one(RowTable).move(1)

    def do_move_up(self) -> None:
        self.query_one(RowTable).move(-1)
