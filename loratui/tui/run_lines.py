"""Runs in words: the row of the list, and the lines above the plot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from loratui.tui.table import Column, Row
from loratui.tui.text import format_bytes, format_rate, format_seconds, format_time, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog
    from loratui.events import RunEvent
    from loratui.runs.devices import DeviceUse, ProcessUse
    from loratui.tui.theme import Glyphs

OPEN = ("queued", "running")
"""States in which something is still going to happen."""

COLUMNS = (
    Column("run", 16),
    Column("subject", 0, least=100),
    Column("state", 9),
    Column("steps", 22),
    Column("epoch", 7, "right", least=100),
    Column("loss", 6, "right"),
    Column("left", 12, "right"),
    Column("started", 12, least=120),
    Column("base", 14, least=140),
)
_TONES = {"running": "primary", "failed": "error", "queued": "secondary", "stopped": "warning"}


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run with the names of what it trains, and on what."""

    run: Run
    subject: str
    base: str


def read_run_lines(catalog: Catalog) -> list[RunLine]:
    """All runs, newest first, after taking in what their trainers wrote."""
    from loratui.catalog.run_names import RunNames, name_runs
    from loratui.catalog.runs import list_runs
    from loratui.runs.sync import sync_runs

    sync_runs(catalog)
    names = name_runs(catalog)
    found = []
    for run in list_runs(catalog):
        of = names.get(run.id, RunNames("", ""))
        found.append(RunLine(run, of.subject, of.base))
    return found


def match_run(line: RunLine, text: str) -> bool:
    """Whether each word of a filter is in the run's name, subject, base, state or reason."""
    run = line.run
    hay = f"{run.name} {line.subject} {line.base} {run.state} {run.reason}".casefold()
    return all(word in hay for word in text.casefold().split())


def sort_runs(lines: Sequence[RunLine], order: str) -> list[RunLine]:
    """The lines by name, subject or loss, or newest first; what still goes on comes first."""
    keys = {
        "subject": lambda line: (line.subject.casefold(), -line.run.id),
        "loss": lambda line: (line.run.loss is None, line.run.loss or 0.0),
        "state": lambda line: (line.run.state, -line.run.id),
    }
    ordered = sorted(lines, key=keys.get(order, lambda line: -line.run.id))
    return sorted(ordered, key=lambda line: line.run.state not in OPEN)


ORDERS = ("newest", "subject", "state", "loss")


def state_sign(state: str, glyphs: Glyphs) -> str:
    """A sign of one cell for a state; the word stands beside it."""
    return {
        "queued": glyphs.queued,
        "running": glyphs.running,
        "paused": glyphs.queued,
        "done": glyphs.yes,
        "stopped": glyphs.stopped,
        "failed": glyphs.no,
    }.get(state, " ")


def to_row(line: RunLine, glyphs: Glyphs) -> Row:
    """A run as a row of the list."""
    run = line.run
    steps = f"{glyphs.draw_bar(run.step, run.total_steps, 10)} {run.step}/{run.total_steps}"
    return Row(
        run.name,
        (
            run.name,
            line.subject,
            "stopping" if run.state == "running" and run.wish == "stop" else run.state,
            steps,
            f"{run.epoch}/{count_epochs(run)}",
            "" if run.loss is None else f"{run.loss:.3f}",
            format_left(run),
            format_time(run.started_at),
            line.base,
        ),
        tone=_TONES.get(run.state, ""),
        mark=state_sign(run.state, glyphs),
    )


def count_epochs(run: Run) -> int:
    """How many epochs a run is to have."""
    return run.total_steps // run.steps_per_epoch if run.steps_per_epoch else 0


def format_left(run: Run) -> str:
    """Time left of a running one, as the trainer estimates it."""
    return format_seconds(run.eta_s) if run.state == "running" and run.eta_s is not None else ""


def draw_run(line: RunLine, glyphs: Glyphs, width: int, color: str = "") -> Text:
    """The lines that say how a run stands: state, progress in a colour, figures."""
    run = line.run
    text = Text()
    state = "stopping: it finishes its step and saves" if run.state == "running" and run.wish == "stop" else run.state
    text.append(f"{state_sign(run.state, glyphs)} {state}", style="bold")
    share = 100 * run.step // run.total_steps if run.total_steps else 0
    text.append("   ")
    text.append(glyphs.draw_bar(run.step, run.total_steps, max(10, min(40, width - 68))), style=color)
    text.append(f" {share} %")
    text.append(f"   step {run.step:,} of {run.total_steps:,}   epoch {run.epoch} of {count_epochs(run)}\n")
    figures = [
        ("left", format_left(run)),
        ("loss", "" if run.loss is None else f"{run.loss:.4f}"),
        ("rate", "" if run.learning_rate is None else format_rate(run.learning_rate)),
        ("images/s", "" if run.images_per_s is None else f"{run.images_per_s:.1f}"),
        ("ended", format_time(run.ended_at)),
    ]
    figures += [("started", format_time(run.started_at)), ("base", line.base)]
    left = width - 2
    for name, value in figures:
        size = cell_len(f"{name} {plain(value)}")
        # What there is no room for is left out, from the least important on.
        if left < size:
            break
        if value:
            text.append(f"{name} ", style="dim")
            text.append(f"{plain(value)}   ")
            left -= size + 3
    if run.continued_from:
        text.append("\ncontinued from ", style="dim")
        text.append(plain(run.continued_from))
    return text


TOLD = ("start", "log", "epoch", "checkpoint", "sample", "warning", "end")
"""Types of events that become lines of the log; the others are many and say little."""


def tell_event(event: RunEvent) -> str:
    """An event of a run as a line of its log."""
    data = event.data
    said = {
        "start": f"attempt {event.attempt} begins on {data.get('device', '?')}: {data.get('total_steps', '?')} steps",
        "log": str(data.get("message", "")),
        "epoch": f"epoch {data.get('epoch', '?')} done, step {data.get('step', '?')}{_tell_loss(data.get('loss'))}",
        "checkpoint": f"checkpoint of epoch {data.get('epoch', '?')}: {PurePath(str(data.get('path', ''))).name}",
        "sample": f"sample of epoch {data.get('epoch', '?')}: {PurePath(str(data.get('path', ''))).name}",
        "warning": f"warning: {data.get('message', '')} {data.get('hint', '')}",
        "end": f"{data.get('state', 'ended')} at step {data.get('step', '?')}. {data.get('reason', '')}",
    }.get(event.type, event.type)
    return f"{_clock(event.at)}  {said.rstrip()}"


def merge_log(events: Iterable[RunEvent], printed: Iterable[tuple[int, str]]) -> list[str]:
    """What a trainer told and what it printed as lines of one log, attempt by attempt.

    Printed lines have no time: they follow what the same attempt told meanwhile.
    """
    lines = [*((event.attempt, tell_event(event)) for event in events), *printed]
    return [line for _, line in sorted(lines, key=lambda line: line[0])]


def _tell_loss(loss: object) -> str:
    return f", mean loss {loss:.4f}" if isinstance(loss, float) else ""


def _clock(at: str) -> str:
    try:
        return f"{datetime.fromisoformat(at).astimezone():%H:%M:%S}"
    except ValueError:
        return " " * 8


def draw_trouble(run: Run) -> str:
    """Why a run ended before its end, or is about to, and what to do about it; empty for others."""
    ends = run.state in ("failed", "stopped") or (run.state == "running" and run.wish == "stop")
    if not ends or not (run.reason or run.hint):
        return ""
    reason = run.reason or "no reason was given"
    head = f"Failed: {reason}" if run.state == "failed" else f"{reason[:1].upper()}{reason[1:]}"
    return f"{head.rstrip('.')}.\n{run.hint}".strip()


def draw_devices(cards: Sequence[DeviceUse], process: ProcessUse | None) -> str:
    """What the cards and the trainer are doing, on one line."""
    parts = []
    for card in cards:
        used = "?" if card.memory_used is None else format_bytes(card.memory_used)
        total = "?" if card.memory_total is None else format_bytes(card.memory_total)
        busy = "?" if card.utilisation is None else f"{card.utilisation} %"
        parts.append(f"{card.name}: {busy} busy, {used} of {total}")
    if process is not None:
        parts.append(f"trainer {process.pid}: CPU {process.cpu_percent:.0f} %, {format_bytes(process.memory)} RAM")
    return "   ".join(parts)
