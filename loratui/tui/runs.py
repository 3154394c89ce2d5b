"""All trainings: queue, progress, what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Static

from loratui.tui import run_actions
from loratui.tui.completion import complete_words
from loratui.tui.filter import FilterBar, FilteredScreen, accept_anything
from loratui.tui.moves import TableMoves
from loratui.tui.run_lines import COLUMNS, OPEN, ORDERS, RunLine, match_run, read_run_lines, sort_runs, to_row
from loratui.tui.table import RowTable
from loratui.tui.text import count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog
    from loratui.tui.completion import Completion

REFRESH_S = 1.0

_NONE_YET = """\
No training yet.

{train} on a subject chooses recipe and base, and starts one. {library} shows the subjects."""

_REMOVED = """\
No training is here now.

Those of removed subjects come back with them: {undo} undoes the last action, {history} shows what was
done. {train} on a subject chooses recipe and base, and starts one. {library} shows the subjects."""


class RunsScreen(TableMoves, FilteredScreen):
    """Every run, what still goes on first; anew each second while anything does."""

    scope = "runs"

    DEFAULT_CSS = "RunsScreen #empty { display: none; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[RunLine] = []
        self._order = ORDERS[0]
        self._was_read = False
        self._has_had = False

    def compose_body(self) -> ComposeResult:
        yield RowTable(COLUMNS, id="runs")
        yield Static(classes="empty", id="empty", markup=False)
        yield FilterBar(
            complete=self._complete, check=accept_anything, placeholder="words of name, subject, base or state"
        )

    def on_mount(self) -> None:
        self.table.focus()
        self.set_header("runs", status="reading...")
        self.set_interval(REFRESH_S, self._look_again)

    @property
    def table(self) -> RowTable:
        """The table of runs."""
        return self.query_one("#runs", RowTable)

    @property
    def run(self) -> Run | None:
        """The run under the cursor."""
        key = self.table.cursor_key
        return next((line.run for line in self._lines if line.run.name == key), None)

    def library_changed(self) -> None:
        def work(catalog: Catalog) -> tuple[list[RunLine], bool]:
            from loratui.catalog.runs import has_had_runs

            lines = read_run_lines(catalog)
            return lines, bool(lines) or has_had_runs(catalog)

        self.read(work, self._take, "runs")

    def _look_again(self) -> None:
        # What trainers write reaches the library when somebody takes it in; without a worker that is us.
        if self.is_current and self.lora.is_running and any(line.run.state in OPEN for line in self._lines):
            self.library_changed()

    def _take(self, found: tuple[list[RunLine], bool]) -> None:
        first = not self._was_read
        self._lines, self._has_had = found
        self._was_read = True
        self._show()
        if first and self.lora.run_name:
            self.table.move_to_key(self.lora.run_name)

    def _say_nothing(self) -> str:
        if self._lines:
            return (
                f"No training matches. {self.key('filter.open')} changes the filter, {self.key('app.back')} shows all."
            )
        named = {"train": "subject.train", "library": "app.library", "undo": "app.undo", "history": "app.history"}
        none = _REMOVED if self._has_had else _NONE_YET
        return none.format(**{word: self.key(action) for word, action in named.items()})

    def _show(self) -> None:
        shown = [line for line in sort_runs(self._lines, self._order) if match_run(line, self.filter_text)]
        self.table.set_rows([to_row(line, self.lora.glyphs) for line in shown])
        self.table.display = bool(shown)
        empty = self.query_one("#empty", Static)
        empty.display = not shown and self._was_read
        empty.update(self._say_nothing())
        total = count(len(self._lines), "training")
        status = f"/{self.filter_text}  {len(shown):,} of {total}" if self.filter_text else total
        going = sum(line.run.state == "running" for line in self._lines)
        waiting = sum(line.run.state == "queued" for line in self._lines)
        status += f"  {going} running" if going else ""
        status += f"  {waiting} queued" if waiting else ""
        status += f"  by {self._order}" if self._order != ORDERS[0] else ""
        self.set_header("runs", status=status)
        self._remember()
        self.refresh_keys()

    def _remember(self) -> None:
        key = self.table.cursor_key
        line = next((line for line in self._lines if line.run.name == key), None)
        if line is not None:
            self.lora.run_name = line.run.name
            self.lora.subject = line.subject

    def on_row_table_cursor_moved(self, event: RowTable.CursorMoved) -> None:
        event.stop()
        self._remember()
        self.refresh_keys()

    def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
        event.stop()
        self.action_do("run.open")

    def filter_changed(self) -> None:
        self._show()

    def _complete(self, text: str, cursor: int) -> Completion:
        words = {word for line in self._lines for word in (line.subject, line.run.state, line.run.name)}
        return complete_words(text, cursor, lambda: sorted(words))

    # Actions

    def why_not(self, action: str) -> str:
        if action == "filter.open" and not self._lines:
            return "There is nothing to filter yet."
        if action == "subject.train" and not self.lora.subject_here:
            return f"Choose a subject first: {self.key('app.library')} shows them."
        if not self._was_read and action.startswith("run."):
            return "The trainings are still being read."
        return run_actions.why_not(action, self.run, self.key)

    def screen_command(self) -> Sequence[str]:
        return ("run", "list")

    def do_run_open(self) -> None:
        if self.run is not None:
            self.lora.show_screen("run", run=self.run.name)

    def do_run_stop(self) -> None:
        if self.run is not None:
            run_actions.stop(self, self.run, self.library_changed)

    def do_run_resume(self) -> None:
        if self.run is not None:
            run_actions.resume(self, self.run, self.library_changed)

    def do_run_review(self) -> None:
        if self.run is not None:
            self.lora.show_screen("review", run=self.run.name)

    def do_library_sort(self) -> None:
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._show()
        self.tell(f"Sorted by {self._order}; what still goes on comes first.")
