"""What is said about a training before it starts: exact steps, estimates, and what speaks against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from loratui.tui.text import count, format_bytes, format_seconds, plain
from loratui.tui.wording import name_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loratui.runs.forecast import Doubt, Forecast, Machine
    from loratui.tui.theme import Glyphs

_NAME = 8
_MOST_BUCKETS = 12
_SHOWS_THEM = "d on the wall (F3) shows them."
_KEYS = {
    "duplicates": _SHOWS_THEM,
    "alike": _SHOWS_THEM,
}
"""What a key of the app does about a doubt, by its code."""


def draw_outlook(found: Forecast, machine: Machine, glyphs: Glyphs, colors: Mapping[str, str]) -> Text:
    """The right side of the train screen."""
    text = Text()
    plan, guess = found.plan, found.estimate
    for doubt in found.blockers:
        _draw_doubt(text, doubt, glyphs.no, colors.get("error", ""))
    if found.blockers:
        text.append("\n")
    if plan is not None:
        text.append(count(plan.total_steps, "step"), style="bold")
        text.append(f" = {plan.steps_per_epoch:,} per epoch x {count(plan.epochs, 'epoch')}\n")
        text.append(f"{count(plan.pictures, 'picture')}, {plan.samples_per_epoch:,} with repeats, in ", style="dim")
        text.append(f"{count(plan.batches_per_epoch, 'batch', 'batches')} per epoch\n\n", style="dim")
    if guess is not None:
        where = "memory" if guess.device == "cpu" else "GPU"
        spread = f"{format_bytes(guess.vram_least)} to {format_bytes(guess.vram_most)}"
        total = f" of {format_bytes(machine.memory)}" if machine.memory else ""
        _draw_fact(text, where, f"about {format_bytes(guess.vram_bytes)}", f"{spread}{total}")
        _draw_fact(
            text, "disk", f"about {format_bytes(guess.disk_bytes)}", f"{format_bytes(machine.free_disk)} are free"
        )
        if guess.seconds is None:
            _draw_fact(text, "time", "unknown", "nothing was trained on this base yet")
        else:
            _draw_fact(text, "time", f"about {format_seconds(guess.seconds)}", f"at the pace of {guess.seconds_from}")
        text.append("These three are estimates.\n\n", style="dim")
    for doubt in found.doubts:
        _draw_doubt(text, doubt, glyphs.warn, colors.get("warning", ""))
    if found.doubts:
        text.append("\n")
    if plan is not None:
        _draw_buckets(text, found, glyphs)
    if guess is not None:
        text.append("WHAT IT IS MADE OF\n", style="dim")
        for part in (*guess.memory, *guess.disk):
            text.append(f"{format_bytes(part.bytes):>8}  {part.name}")
            text.append(f"  {part.why}\n", style="dim")
    return text


def advise(doubt: Doubt) -> str:
    """What to do about a doubt, with the keys of the app."""
    return f"{_KEYS.get(doubt.code, '')} {name_keys(doubt.hint)}".strip()


def _draw_fact(text: Text, name: str, value: str, note: str) -> None:
    text.append(name.ljust(_NAME), style="dim")
    text.append(plain(value))
    text.append(f"   {plain(note)}\n", style="dim")


def _draw_doubt(text: Text, doubt: Doubt, sign: str, color: str) -> None:
    text.append(f"{sign} {plain(doubt.message)}", style=color if color.startswith("#") else "bold")
    hint = advise(doubt)
    text.append(f" {plain(hint)}\n" if hint else "\n", style="dim")


def _draw_buckets(text: Text, found: Forecast, glyphs: Glyphs) -> None:
    assert found.plan is not None
    buckets = sorted(found.plan.buckets, key=lambda bucket: -bucket.samples)
    most = max((bucket.samples for bucket in buckets), default=1)
    text.append("BUCKETS\n", style="dim")
    for bucket in buckets[:_MOST_BUCKETS]:
        text.append(f"{f'{bucket.width}x{bucket.height}':<10}")
        text.append(glyphs.draw_bar(bucket.samples, most, 10))
        text.append(f"  {count(bucket.pictures, 'picture')}, {count(bucket.samples, 'sample')}\n", style="dim")
    if len(buckets) > _MOST_BUCKETS:
        text.append(f"and {len(buckets) - _MOST_BUCKETS} smaller ones\n", style="dim")
    for note in found.plan.notes:
        text.append(f"{plain(note)}\n", style="dim")
    text.append("\n")


def summarize(found: Forecast, base: str) -> str:
    """The lines of the question before a training starts."""
    plan, guess = found.plan, found.estimate
    lines = []
    if plan is not None:
        lines.append(
            f"{plan.total_steps:,} steps in {count(plan.epochs, 'epoch')} over {count(plan.pictures, 'picture')} "
            f"({plan.samples_per_epoch:,} with repeats), on {base}."
        )
    if guess is not None:
        needs = f"about {format_bytes(guess.vram_bytes)} of {'GPU ' if guess.device == 'cuda' else ''}memory"
        time = "" if guess.seconds is None else f" and {format_seconds(guess.seconds)}"
        lines.append(f"It needs {needs}, {format_bytes(guess.disk_bytes)} of disk{time} (estimates).")
    if found.doubts:
        lines += ["", *(f"! {doubt.message}" for doubt in found.doubts[:4])]
    if len(found.doubts) > 4:
        lines.append(f"and {len(found.doubts) - 4} more")
    return "\n".join(lines)
