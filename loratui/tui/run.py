"""One training, live: progress, loss, devices, checkpoints as they land, the end of its log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from loratui.tui import run_actions
from loratui.tui.base import LoratuiScreen
from loratui.tui.log_view import LogView
from loratui.tui.plot import Plot, plot_loss, plot_rate
from loratui.tui.run_lines import OPEN, TOLD, RunLine, draw_devices, draw_run, draw_trouble, merge_log
from loratui.tui.table import Column, Row, RowTable
from loratui.tui.text import format_bytes, plain
from loratui.tui.wording import name_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.catalog.rows import Checkpoint
    from loratui.catalog.store import Catalog
    from loratui.runs.curves import Bin, Curve
    from loratui.runs.logtail import LogTail
    from loratui.runs.service import RunView

REFRESH_S = 1.0
DEVICES_EVERY_S = 2.0
"""Between two looks at the devices: nvidia-smi takes a while."""

_EMPTY_LOG = {
    "queued": "It waits for the trainings before it; the worker starts it then.",
    "running": "The trainer starts: it loads its libraries and the base before it says anything.",
}
"""What stands in place of a log, by the state of its run."""

_COLUMNS = (
    Column("epoch", 5, "right"),
    Column("step", 6, "right"),
    Column("loss", 6, "right"),
    Column("stars", 5),
    Column("size", 8, "right", least=42),
    Column("autov3", 10, least=54),
)


@dataclass(frozen=True, slots=True)
class Look:
    """All that one look at a run finds."""

    view: RunView
    bins: list[Bin]
    losses: dict[int, float]
    """Mean loss by epoch."""
    ratings: dict[int, float]
    """Mean stars by checkpoint, of images on any sheet."""
    log: list[str]
    """New lines: what the trainer told, then what it printed."""
    devices: str | None


class RunScreen(LoratuiScreen):
    """Everything shown comes from the library and the run folder: the app may come and go, the training stays."""

    scope = "run"

    DEFAULT_CSS = """
    RunScreen #about { height: auto; max-height: 5; padding: 0 1; }
    RunScreen #trouble { height: auto; max-height: 6; padding: 0 1; color: $text-error; background: $error-muted; }
    RunScreen.-stopped #trouble { color: $text-warning; background: $warning-muted; }
    RunScreen #warnings { height: auto; max-height: 4; padding: 0 1; color: $text-warning; }
    RunScreen #devices { height: auto; max-height: 2; padding: 0 1; color: $text-muted; }
    RunScreen #middle { height: 3fr; margin: 1 0 0 0; }
    RunScreen #plots { width: 3fr; }
    RunScreen #loss { height: 3fr; }
    RunScreen #rate { height: 1fr; min-height: 5; }
    RunScreen #checkpoints { width: 2fr; min-width: 42; max-width: 64; }
    RunScreen #log { height: 1fr; min-height: 4; border-top: solid $panel; }
    RunScreen.-narrow #middle { margin: 0; }
    RunScreen.-narrow #rate { display: none; }
    RunScreen.-narrow #checkpoints { width: 38; min-width: 38; }
    """

    def __init__(self, run: str) -> None:
        super().__init__()
        self._run_name = run
        self._line: RunLine | None = None
        self._curve: Curve | None = None
        self._tail: LogTail | None = None
        self._told = 0
        """Number of the last event that is in the log."""
        self._looking = False
        self._again = False
        self._asked_devices = 0.0
        self._points = 0
        self._checkpoints: tuple[Checkpoint, ...] = ()

    def compose_body(self) -> ComposeResult:
        yield Static("reading...", id="about")
        yield Static(id="trouble", markup=False)
        yield Static(id="warnings", markup=False)
        yield Static(id="devices", markup=False)
        with Horizontal(id="middle"):
            with Vertical(id="plots"):
                yield Plot("loss", empty="No step was done yet.", id="loss")
                yield Plot("learning rate", empty="", id="rate")
            yield RowTable(_COLUMNS, id="checkpoints")
        yield LogView(id="log")

    def on_mount(self) -> None:
        for part in ("#trouble", "#warnings", "#devices"):
            self.query_one(part).display = False
        self.lora.run_name = self._run_name
        self.set_header("runs", self._run_name)
        self.table.focus()
        self.set_interval(REFRESH_S, self._look_again)

    @property
    def table(self) -> RowTable:
        """The table of checkpoints."""
        return self.query_one("#checkpoints", RowTable)

    @property
    def log_view(self) -> LogView:
        """The log."""
        return self.query_one("#log", LogView)

    @property
    def _checkpoint(self) -> Checkpoint | None:
        key = self.table.cursor_key
        return next((each for each in self._checkpoints if str(each.id) == key), None)

    # Looking

    def library_changed(self) -> None:
        if self._looking:
            self._again = True
            return
        self._looking = True
        asks_devices = time.monotonic() - self._asked_devices >= DEVICES_EVERY_S
        if asks_devices:
            self._asked_devices = time.monotonic()
        points = self._points = self.query_one("#loss", Plot).points

        def work(catalog: Catalog) -> Look:
            try:
                return self._look(catalog, points, asks_devices=asks_devices)
            finally:
                self._looking = False

        self.read(work, self._take)

    def _look(self, catalog: Catalog, points: int, *, asks_devices: bool) -> Look:
        """Called in a thread, by one look at a time: curve and log go on from where they were."""
        from loratui.catalog.run_events import list_events
        from loratui.catalog.run_names import rate_checkpoints
        from loratui.runs.curves import Curve
        from loratui.runs.devices import sample_devices, sample_process
        from loratui.runs.folder import RunFolder
        from loratui.runs.logtail import LogTail
        from loratui.runs.service import show_run

        view = show_run(catalog, self._run_name)
        if self._curve is None or self._tail is None:
            self._curve, self._tail = Curve(view.run.id), LogTail(RunFolder(view.run.folder).log_file)
        self._curve.read_on(catalog)
        epochs = list_events(catalog, view.run.id, types=("epoch",))
        losses = {
            event.data["epoch"]: event.data["loss"] for event in epochs if isinstance(event.data.get("loss"), float)
        }
        events = list_events(catalog, view.run.id, after=self._told, types=TOLD)
        self._told = events[-1].seq if events else self._told
        latest = view.attempts[-1].number if view.attempts else 1
        log = merge_log(events, [(number or latest, line) for number, line in self._tail.read_numbered()])
        devices = None
        if asks_devices and view.run.state == "running":
            process = sample_process(view.pid) if view.pid else None
            devices = draw_devices(sample_devices(), process)
        ratings = rate_checkpoints(catalog, view.run.id)
        return Look(view, self._curve.thin(points), losses, ratings, log, devices)

    def _look_again(self) -> None:
        if self.is_current and self.lora.is_running and self._line is not None and self._line.run.state in OPEN:
            self.library_changed()

    def on_resize(self) -> None:
        # A wider plot shows more points; the first look comes before there is any room.
        self.call_after_refresh(self._look_if_wider)

    def _look_if_wider(self) -> None:
        if self.query_one("#loss", Plot).points != self._points:
            self.library_changed()

    def _take(self, look: Look) -> None:
        view, run = look.view, look.view.run
        self._line = RunLine(run, view.subject.name, view.base.name)
        self.lora.subject = view.subject.name
        self.set_header("runs", view.subject.name, run.name, status=run.state)
        self.query_one("#about", Static).update(draw_run(self._line, self.lora.glyphs, self.size.width, self._color()))
        self.set_class(run.state != "failed", "-stopped")
        self._show_line("#trouble", self._name_keys(draw_trouble(run)))
        self._show_warnings(view)
        if run.state != "running":
            self._show_line("#devices", "")
        elif look.devices is not None:
            self._show_line("#devices", look.devices)
        plot_loss(self.query_one("#loss", Plot), look.bins)
        plot_rate(self.query_one("#rate", Plot), look.bins)
        self._checkpoints = view.checkpoints
        self.table.set_rows([self._to_row(each, look) for each in reversed(view.checkpoints)])
        self.log_view.empty = _EMPTY_LOG.get(run.state, "The log is empty.")
        self.log_view.append([line for line in look.log if line.strip()])
        self.refresh_keys()
        if self._again:
            self._again = False
            self.library_changed()

    def _name_keys(self, sentence: str) -> str:
        return name_keys(sentence, self.lora.keymap_of_person)

    def _color(self) -> str:
        color = self.app.theme_variables.get("primary", "")
        return color if color.startswith("#") else ""

    def _show_line(self, part: str, text: str) -> None:
        found = self.query_one(part, Static)
        found.display = bool(text)
        found.update(Text("\n".join(plain(line) for line in text.splitlines())))

    def _show_warnings(self, view: RunView) -> None:
        told = [f"{event.data.get('message', '')} {event.data.get('hint', '')}".strip() for event in view.warnings]
        lines = [f"{self.lora.glyphs.warn} {text}" for text in dict.fromkeys(map(self._name_keys, told))]
        if len(lines) > 3:
            lines = [*lines[-2:], f"  {len(lines) - 2} earlier warnings: loratui run show {view.run.name}"]
        self._show_line("#warnings", "\n".join(lines))

    def _to_row(self, checkpoint: Checkpoint, look: Look) -> Row:
        loss, stars = look.losses.get(checkpoint.epoch), look.ratings.get(checkpoint.id)
        return Row(
            str(checkpoint.id),
            (
                str(checkpoint.epoch),
                f"{checkpoint.step:,}",
                "" if loss is None else f"{loss:.4f}",
                "" if stars is None else f"{self.lora.glyphs.star} {stars:.1f}",
                format_bytes(checkpoint.bytes),
                checkpoint.autov3[:10],
            ),
        )

    # Actions

    def why_not(self, action: str) -> str:
        if self._line is None:
            return "The training is still being read." if action.startswith(("run.", "sheet.")) else ""
        if action in ("run.continue", "sheet.make") and self._checkpoint is None:
            return "There is no checkpoint yet: one lands at the end of an epoch."
        return run_actions.why_not(action, self._line.run, self.key)

    def screen_command(self) -> Sequence[str]:
        return ("run", "show", self._run_name)

    def do_run_stop(self) -> None:
        if self._line is not None:
            run_actions.stop(self, self._line.run, self.library_changed)

    def do_run_resume(self) -> None:
        if self._line is not None:
            run_actions.resume(self, self._line.run, self.library_changed)

    def do_run_continue(self) -> None:
        chosen = self._checkpoint
        if chosen is not None and self._line is not None:
            about = {"subject": self._line.subject, "continue_from": f"{self._run_name}@{chosen.epoch}"}
            self.lora.show_screen("train", **about)

    def do_run_review(self) -> None:
        self.lora.show_screen("review", run=self._run_name)

    def do_sheet_make(self) -> None:
        from loratui.tui.sheet_form import ask_for_sheet

        ask_for_sheet(self, self._run_name)

    def do_run_next_pane(self) -> None:
        (self.log_view if self.table.has_focus else self.table).focus()

    def _move(self, rows: int) -> None:
        if self.log_view.has_focus:
            self.log_view.move(rows)
        else:
            self.table.move(rows)

    @property
    def _page(self) -> int:
        return self.log_view.page if self.log_view.has_focus else self.table.page

    def do_move_up(self) -> None:
        self._move(-1)

    def do_move_down(self) -> None:
        self._move(1)

    def do_move_page_up(self) -> None:
        self._move(-self._page)

    def do_move_page_down(self) -> None:
        self._move(self._page)

    def do_move_half_up(self) -> None:
        self._move(-(self._page // 2))

    def do_move_half_down(self) -> None:
        self._move(self._page // 2)

    def do_move_first(self) -> None:
        self._move(-1_000_000)

    def do_move_last(self) -> None:
        self._move(1_000_000)
