"""All subjects: what each has, what is missing, and where its training stands."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Horizontal
from textual.widgets import Static

from loratui.errors import RefusedError
from loratui.tui.completion import complete_words
from loratui.tui.filter import FilterBar, FilteredScreen, accept_anything
from loratui.tui.moves import TableMoves
from loratui.tui.subject_lines import (
    LastView,
    SubjectLine,
    SubjectOrder,
    filter_lines,
    read_last_view,
    read_lines,
    to_row,
    write_last_view,
)
from loratui.tui.table import RowTable
from loratui.tui.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.timer import Timer

    from loratui.catalog.belongings import Belongings
    from loratui.catalog.rows import Refused, Subject
    from loratui.catalog.store import Catalog
    from loratui.errors import LoratuiError
    from loratui.tui.completion import Completion

_NONE_YET = """\
No subjects yet.

{add:<3} adds the first one: a name, and a trigger word of its own.
{bring:<3} then imports its pictures.

To look around first, leave with {quit} and run `loratui demo`:
it draws a character, trains it and compares the epochs, in a library of its own."""

_TROUBLE = """\
The library can't be read.

{message}
{hint}

Nothing was changed. Leave with q, put it right, and start again; `loratui doctor` looks at everything."""

_MEASURED_AT_ONCE = 48
_MEASURED_UP_TO = 5_000
_DETAIL_PAUSE_S = 0.12
_WARM_UP_S = 0.5
"""Seconds after the first data: until then the first screen has the processor to itself."""


class LibraryScreen(TableMoves, FilteredScreen):
    """The first screen. It shows what it showed last until the library has been read."""

    scope = "library"

    DEFAULT_CSS = """
    LibraryScreen #subjects { width: 1fr; }
    LibraryScreen #detail { display: none; width: 46; padding: 0 2; background: $surface; height: 100%; }
    LibraryScreen.-wide #detail { display: block; }
    LibraryScreen #empty { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[SubjectLine] = []
        self._by_key: dict[str, SubjectLine] = {}
        self._total = 0
        self._order = SubjectOrder()
        self._was_read = False
        self._trouble = ""
        """Why the library can't be shown."""
        self._wanted = ""
        """A subject to go to as soon as it is there."""
        self._is_awaited = False
        """Whether keys wait for that subject."""
        self._detail_pause: Timer | None = None
        self._measuring: threading.Event | None = None
        """Ends the measuring that is under way."""

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="list"):
            yield RowTable(self._order.columns(self.lora.glyphs), id="subjects")
            yield Static(id="detail")
        yield Static(self._say_none_yet(), classes="empty", id="empty", markup=False)
        yield FilterBar(complete=self._complete, check=accept_anything, placeholder="words of name, trigger or kind")

    def on_mount(self) -> None:
        view = read_last_view(self._view_file)
        self._lines, self._total, self._order = list(view.lines), view.total, view.order
        # What was seen last time can be worked with; with nothing to show, keys wait for the first data.
        self.waits_for_data = not self._lines
        self._show()
        line = next((line for line in self._lines if line.name == (self.lora.subject or view.subject)), None)
        if line is not None:
            self.table.move_to_key(str(line.id))
        self.table.focus()

    def on_screen_suspend(self) -> None:
        # What is opened now needs the processor; measuring goes on when this screen is back. Textual calls the base
        # class's own as well.
        self._stop_measuring()

    def on_unmount(self) -> None:
        self._stop_measuring()
        if self._was_read:
            write_last_view(self._view_file, self._view())

    @property
    def table(self) -> RowTable:
        """The table of subjects."""
        return self.query_one("#subjects", RowTable)

    @property
    def names(self) -> list[str]:
        """Names of all subjects, as far as they are known."""
        return sorted((line.name for line in self._lines), key=str.casefold)

    @property
    def line(self) -> SubjectLine | None:
        """The subject under the cursor."""
        return self._by_key.get(self.table.cursor_key)

    @property
    def _view_file(self) -> Path:
        return self.lora.home.data / "ui.json"

    def _view(self) -> LastView:
        return LastView(tuple(self._order.sort(self._lines)), len(self._lines), self._order, self.lora.subject)

    # What is shown

    def library_changed(self) -> None:
        # Back from the screens of another subject, keys are about the one under the cursor again.
        self._remember_subject()
        self.read(read_lines, self._take, "subjects")

    def _take(self, lines: list[SubjectLine]) -> None:
        if not self._was_read and lines:
            # The wall is the next screen, and what draws it takes a quarter of a second to load.
            self.set_timer(_WARM_UP_S, self.lora.tiles.warm_up)
        self._lines, self._total, self._was_read, self._trouble = lines, len(lines), True, ""
        self._show()
        if self._wanted and (found := next((line for line in lines if line.name == self._wanted), None)):
            self.table.move_to_key(str(found.id))
            self._wanted = ""
            if self._is_awaited:
                self._is_awaited = False
                self.lora.release_keys()
        self._show_detail()
        view = self._view()
        self.read(lambda catalog: write_last_view(self._view_file, view), lambda done: None, "view")
        self._measure()

    def read_failed(self, error: LoratuiError) -> None:
        if isinstance(error, RefusedError):
            # It stays that way: an empty list, or what was there last time, would say that all is well.
            self._trouble = _TROUBLE.format(message=error.message, hint=error.hint)
            self._lines, self._total = [], 0
            self._show()

    def _show(self) -> None:
        self._by_key = {str(line.id): line for line in self._lines}
        shown = filter_lines(self._order.sort(self._lines), self.filter_text)
        self.table.set_columns(self._order.columns(self.lora.glyphs))
        self.table.set_rows([to_row(line) for line in shown])
        empty = self.query_one("#empty", Static)
        empty.display = not shown and (self._was_read or bool(self._lines) or bool(self._trouble))
        nothing = f"No subject has '{self.filter_text}' in its name, trigger or kind. {self.key('app.back')} shows all."
        empty.update(Text(plain(nothing) if self._lines else self._trouble or self._say_none_yet()))
        self.query_one("#list").display = bool(shown)
        status = count(self._total, "subject")
        status = f"{len(shown):,} of {status}" if self.filter_text else status
        if self._trouble:
            status = "can't be read"
        elif not self._was_read:
            status = f"{status}, reading..." if self._lines else "reading..."
        self.set_header("library", status=f"/{self.filter_text}  {status}" if self.filter_text else status)
        self._remember_subject()
        self.refresh_keys()

    def _say_none_yet(self) -> str:
        key = self.key
        return _NONE_YET.format(add=key("subject.add"), bring=key("subject.import"), quit=key("app.quit"))

    def _remember_subject(self) -> None:
        if not self.is_current:
            # Read anew below another screen, whose subject counts.
            return
        if (line := self.line) is not None:
            self.lora.subject = line.name
        elif self._was_read and not self._lines:
            self.lora.subject = ""

    def _measure(self) -> None:
        """Find anew what is costly and out of date, a few subjects at a time, those in sight first.

        Not for crowds: comparing them would be felt at every key. `loratui overview --refresh` does that.
        """
        stale = [line for line in self._lines if line.stale and line.pictures <= _MEASURED_UP_TO]
        if self._measuring is not None or not stale or self.app.screen is not self:
            return
        cancel = self._measuring = threading.Event()
        near = {row.key for row in self.table.rows[self.table.cursor : self.table.cursor + self.table.page]}
        stale.sort(key=lambda line: str(line.id) not in near)
        names = [line.name for line in stale[:_MEASURED_AT_ONCE]]

        def work(catalog: Catalog) -> int:
            from loratui.errors import Cancelled
            from loratui.review.overview import refresh_measures

            try:
                return refresh_measures(catalog, names, cancel=cancel)
            except Cancelled:
                return 0
            finally:
                # What was stored changes the library, which is then read again, and the next few are measured.
                self._measuring = None

        def go_on(measured: int) -> None:
            # Back before it had ended, nothing else would start it again.
            if cancel.is_set():
                self._measure()

        self.read(work, go_on)

    def _stop_measuring(self) -> None:
        # A thread may end it right now.
        if (measuring := self._measuring) is not None:
            measuring.set()

    def _show_detail(self) -> None:
        line = self.line
        if line is None or not self.has_class("-wide"):
            return

        from loratui.tui.subject_detail import SubjectDetail, draw_detail, read_detail

        def show(detail: SubjectDetail) -> None:
            self.query_one("#detail", Static).update(draw_detail(detail, self.lora.glyphs))

        self.read(lambda catalog: read_detail(catalog, line.name), show, "detail")

    def on_row_table_cursor_moved(self, event: RowTable.CursorMoved) -> None:
        event.stop()
        self._remember_subject()
        self.refresh_keys()
        if self._detail_pause is not None:
            self._detail_pause.stop()
        self._detail_pause = self.set_timer(_DETAIL_PAUSE_S, self._show_detail)

    def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
        event.stop()
        self.action_do("subject.open")

    def on_resize(self) -> None:
        self._show_detail()

    # Actions

    def why_not(self, action: str) -> str:
        if self._trouble and not action.startswith("app."):
            return f"The library can't be read: see above. {self.key('app.quit')} quits."
        subject_needed = action.startswith("subject.") and action not in ("subject.add", "subject.pictures")
        if subject_needed and self.line is None:
            if not self._lines:
                return f"There is no subject yet: {self.key('subject.add')} adds one."
            return f"Nothing is chosen: {self.key('app.back')} shows all."
        if action == "subject.consent" and self.line is not None and self.line.kind != "person":
            way = f"{self.key('subject.edit')} changes the kind."
            return f"Consent is for persons, and {self.line.name} is of kind {self.line.kind}. {way}"
        if action == "filter.open" and not self._lines:
            return f"There is nothing to filter yet: {self.key('subject.add')} adds a subject."
        return ""

    def screen_command(self) -> Sequence[str]:
        return ("overview",)

    def do_subject_open(self) -> None:
        self.lora.show_screen("pictures", subject=self.lora.subject)

    def do_subject_add(self) -> None:
        from loratui.tui.subject_forms import ask_new_subject

        ask_new_subject(self.lora, self._go_to)

    def do_subject_edit(self) -> None:
        from loratui.tui.subject_forms import ask_edit

        self._with_subject(lambda subject: ask_edit(self.lora, subject, self._go_to))

    def do_subject_consent(self) -> None:
        from loratui.tui.subject_forms import ask_consent

        self._with_subject(lambda subject: ask_consent(self.lora, subject))

    def do_subject_remove(self) -> None:
        line = self.line
        if line is None:
            return

        def work(catalog: Catalog) -> tuple[Subject, Belongings]:
            from loratui.catalog.belongings import count_belongings
            from loratui.catalog.subjects import remove_subject

            had = count_belongings(catalog, line.name)
            return remove_subject(catalog, line.name), had

        def said(removed: tuple[Subject, Belongings]) -> str:
            subject, had = removed
            pictures = "its picture stays" if had.pictures == 1 else f"its {had.pictures:,} pictures stay"
            gone = had.describe(pictures=False)
            return f"Removed {subject.name}; {pictures} in the store.{f' Out of sight with it: {gone}.' * bool(gone)}"

        self._lines = [other for other in self._lines if other is not line]
        self._total -= 1
        self._show()
        self.change(work, said, ["subject", "remove", line.name], failed=self.library_changed)

    def do_subject_refused(self) -> None:
        name = self.lora.subject

        def work(catalog: Catalog) -> list[Refused]:
            from loratui.catalog.importer import list_refused

            return list_refused(catalog, name)

        def show(files: list[Refused]) -> None:
            if not files:
                self.tell(f"No file was refused for {name}.")
                return
            from loratui.tui.refused import RefusedScreen

            title = f"{count(len(files), 'file')} refused for {name}"
            self.lora.push_screen(RefusedScreen(title, [(item.display_path, item.reason) for item in files]))

        self.read(work, show, "refused", opens=True)

    def do_library_sort(self) -> None:
        self._order = self._order.next(self.table.size.width)
        self._show()

    def do_library_reverse(self) -> None:
        self._order = self._order.turned()
        self._show()

    def filter_changed(self) -> None:
        self._show()

    def _complete(self, text: str, cursor: int) -> Completion:
        words = {word for line in self._lines for word in (line.kind, line.name, line.trigger)}
        return complete_words(text, cursor, lambda: sorted(words, key=str.casefold))

    def _go_to(self, name: str) -> None:
        self._wanted = name
        if not self._is_awaited and all(line.name != name for line in self._lines):
            # Who reads that it was added types the next key at once: that is about it, not about what is listed yet.
            self._is_awaited = True
            self.lora.hold_keys()
        self.set_filter("")

    def _with_subject(self, then: Callable[[Subject], None]) -> None:
        name = self.lora.subject

        def work(catalog: Catalog) -> Subject:
            from loratui.catalog.subjects import get_subject

            return get_subject(catalog, name)

        self.read(work, then, "subject", opens=True)
