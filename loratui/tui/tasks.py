"""The task drawer: long jobs with their progress, and everything that was said lately."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from loratui.tui.table import Column, Row, RowTable
from loratui.tui.text import format_seconds, plain
from loratui.tui.wording import name_keys

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from loratui.tui.app import LoratuiApp
    from loratui.tui.base import LoratuiScreen
    from loratui.tui.bridge import Task
    from loratui.tui.theme import Glyphs

ETA_AFTER_S = 3.0
"""An estimate made earlier than this is a guess."""

_STATES = {"cancelled": "stopped"}
"""States of jobs as the app says them, where that is another word."""

_BAR = 16
_TICK_S = 0.5


class TasksScreen(ModalScreen[None]):
    """Jobs above, messages below, both newest first. `x` stops a job; what it did so far is kept."""

    DEFAULT_CSS = """
    TasksScreen { align: center bottom; }
    TasksScreen > Vertical {
        width: 100%; height: 70%; padding: 0 1; border-top: solid $primary; background: $surface;
    }
    TasksScreen RowTable { height: auto; max-height: 9; min-height: 2; background: $surface; }
    TasksScreen #none { padding: 0 1; color: $text-muted; }
    TasksScreen #said { height: 1fr; padding: 0 1; background: $surface; }
    TasksScreen .keys { color: $text-muted; height: 1; padding: 0 1; }
    TasksScreen .title { color: $text-muted; height: 1; padding: 0 1; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar = [
        ("escape,w,q", "dismiss(None)", "leave"),
        ("x", "cancel", "stop the job"),
        ("enter", "open", "the whole text"),
        ("up,k", "move(-1)", "up"),
        ("down,j", "move(1)", "down"),
        ("tab", "app.focus_next", "jobs / messages"),
        ("shift+tab", "app.focus_previous", "jobs / messages"),
    ]

    def __init__(self, top: LoratuiScreen) -> None:
        super().__init__()
        self.top = top
        self._shown = 0

    @property
    def lora(self) -> LoratuiApp:
        """The app, with its type."""
        return self.app  # type: ignore[return-value]

    def compose(self) -> ComposeResult:
        with Vertical():
            yield RowTable(
                [
                    Column("job"),
                    Column("", _BAR, least=96),
                    Column("done", 12, "right"),
                    Column("", 15),
                    Column("", 9),
                ]
            )
            yield Static("No job has run yet: imports and exports show here, and x stops them.", id="none")
            yield Static("Messages, newest first", classes="title")
            with VerticalScroll(id="said"):
                yield Static("", id="messages")
            says = "enter shows all of a job   x stops it   tab jobs / messages   esc leaves"
            yield Static(says, classes="keys")

    def on_mount(self) -> None:
        self.query_one(RowTable).focus()
        self.tasks_changed()
        self.set_interval(_TICK_S, self.tasks_changed)

    def tasks_changed(self) -> None:
        """Show the jobs and messages as they are now; called when a job moves on."""
        tasks = list(reversed(self.lora.bridge.tasks))
        rows = [_to_row(str(len(tasks) - place), task, self.lora.glyphs) for place, task in enumerate(tasks)]
        table = self.query_one(RowTable)
        table.styles.height = min(9, max(2, len(rows) + 1))
        table.set_rows(rows)
        table.display = bool(rows)
        self.query_one("#none").display = not rows
        # The deque drops old messages, so its length alone would not tell of new ones.
        newest = hash(tuple((told.at, told.text) for told in list(self.lora.messages)[-1:]))
        if newest == self._shown:
            return
        self._shown = newest
        text = Text()
        for told in reversed(self.lora.messages):
            text.append(f"{told.at:%H:%M:%S}  ", style="dim")
            text.append("failed: " if told.error else "", style="bold")
            text.append(f"{plain(told.text)}\n")
        self.query_one("#messages", Static).update(text if self.lora.messages else Text("Nothing was said yet."))

    def action_move(self, rows: int) -> None:
        if self.query_one(RowTable).has_focus:
            self.query_one(RowTable).move(rows)
        else:
            self.query_one("#said", VerticalScroll).scroll_relative(y=rows, animate=False)

    @property
    def chosen(self) -> Task | None:
        """The job under the cursor."""
        key = self.query_one(RowTable).cursor_key
        return self.lora.bridge.tasks[int(key) - 1] if key else None

    def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
        event.stop()
        self.action_open()

    def action_open(self) -> None:
        """Show the report of a job, or all that it said."""
        task = self.chosen
        if task is None or not self.query_one(RowTable).has_focus:
            return
        from loratui.tui.refused import RefusedScreen

        said = task.outcome or f"It is {_STATES.get(task.state, task.state)}."
        shown = task.report() if task.report is not None else RefusedScreen(task.label, (), [said], is_import=False)
        self.app.push_screen(shown)

    def action_cancel(self) -> None:
        task = self.chosen
        if task is not None and task.state == "running":
            task.cancel.set()
            self.lora.tell(f"Stopping: {task.label}. What is done so far is kept.")
            self.tasks_changed()


def _to_row(key: str, task: Task, glyphs: Glyphs) -> Row:
    progress = task.progress
    bar = done = left = ""
    if progress is not None and progress.total:
        bar = glyphs.draw_bar(progress.done, progress.total, _BAR)
        done = f"{progress.done:,}/{progress.total:,}"
    state = _STATES.get(task.state, task.state)
    if task.state == "running":
        state = "stopping" if task.cancel.is_set() else "running"
        if progress is not None and progress.eta_s is not None and time.monotonic() - task.started >= ETA_AFTER_S:
            left = f"{format_seconds(progress.eta_s)} left"
    label = task.label + " (report)" * (task.report is not None)
    label += f": {name_keys(task.outcome)}" * bool(task.outcome)
    return Row(key, (label, bar, done, left, state))
