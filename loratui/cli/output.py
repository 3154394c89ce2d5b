"""What verbs print: data on stdout as a table or JSON, everything else on stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from loratui.errors import LoratuiError
from loratui.events import Progress, Report


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Show:
    """How a verb shows its result."""

    json: Annotated[bool, Parameter(negative="", help="Print one JSON document instead of text.")] = False
    quiet: Annotated[bool, Parameter(negative="", help="No progress and no remarks on stderr.")] = False


PLAIN = Show()


def clean(text: str) -> str:
    """Text fit for a terminal: control and direction-changing characters become visible escapes."""
    if text.isascii() and text.isprintable():
        return text
    shown = []
    for character in text:
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            shown.append(character.encode("unicode_escape").decode("ascii"))
        else:
            shown.append(character)
    return "".join(shown)


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def shorten(text: str, width: int = 60) -> str:
    """A text in so many columns of a table, its end an ellipsis where it is longer."""
    if len(text) <= width and _width(text) <= width:
        return text
    kept = text[: width - 3]
    while _width(kept) > width - 3:
        kept = kept[:-1]
    return f"{kept}..."


def _plain(value: Any) -> Any:
    """What json can't write by itself: dataclasses, paths, dates, bytes."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_json(value: Any) -> None:
    """One JSON document on stdout. Names that are not valid Unicode are written with \\u escapes."""
    print(json.dumps(value, indent=2, ensure_ascii=True, default=_plain))


def print_text(text: str) -> None:
    """Lines on stdout, made safe for a terminal."""
    for line in text.split("\n"):
        print(clean(line))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "") -> None:
    """Aligned columns; numbers to the right, whole ones as `1,204`. `empty` is said instead of a table without rows."""
    if not rows:
        if empty:
            print_text(empty)
        return
    cells = [[clean(_write(value)) for value in row] for row in rows]
    numeric = [
        all(isinstance(row[column], int | float) or row[column] is None for row in rows)
        for column in range(len(headers))
    ]
    widths = [max(_width(row[column]) for row in [list(headers), *cells]) for column in range(len(headers))]

    def line(values: Sequence[str]) -> str:
        parts = []
        for value, width, right in zip(values, widths, numeric, strict=True):
            padding = " " * (width - _width(value))
            parts.append(padding + value if right else value + padding)
        return "  ".join(parts).rstrip()

    print(line(headers))
    for row in cells:
        print(line(row))


def _write(value: object) -> str:
    if value is None:
        return ""
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def print_fields(fields: Mapping[str, object]) -> None:
    """One `name  value` line per field."""
    width = max((len(name) for name in fields), default=0)
    for name, value in fields.items():
        print(f"{name.ljust(width)}  {clean('' if value is None else str(value))}")


def remark(text: str, show: Show) -> None:
    """Say something beside the data, on stderr."""
    if not show.quiet and not show.json:
        print(clean(text), file=sys.stderr)


def number_of(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 picture`, `1,204 pictures`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def say_changed(what: str, count: int, show: Show) -> None:
    """Say how many pictures an action changed, and that it can be undone."""
    if show.json:
        print_json({"changed": count})
        return
    print_text(f"{number_of(count, 'picture')} {what}.")
    if count:
        remark("`loratui undo` takes it back.", show)


def print_error(error: LoratuiError, *, as_json: bool) -> None:
    """Tell an error on stderr: what, why, and what to do."""
    if as_json:
        document = {"error": {**error.detail, "code": error.code, "message": error.message, "hint": error.hint}}
        print(json.dumps(document), file=sys.stderr)
        return
    for label, text in (("loratui", error.message), ("  hint", error.hint)):
        for number, line in enumerate(text.split("\n") if text else ()):
            print(f"{label}: {clean(line)}" if number == 0 else f"  {clean(line)}", file=sys.stderr)


def format_seconds(seconds: float) -> str:
    """A duration as people say it: 45s, 3m 20s, 2h 05m."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    return f"{whole // 3600}h {whole % 3600 // 60:02d}m"


def format_bytes(count: float) -> str:
    """A size in binary units with one decimal."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


@contextmanager
def progress_line(show: Show) -> Iterator[Report]:
    """A report that redraws one stderr line while it is a terminal, and says nothing elsewhere."""
    if show.quiet or show.json or not sys.stderr.isatty():
        yield _silent
        return
    last = 0.0

    def report(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < 0.1 and progress.done < progress.total:
            return
        last = now
        share = f" {100 * progress.done // progress.total:3d} %" if progress.total else ""
        eta = f"  about {format_seconds(progress.eta_s)} left" if progress.eta_s is not None else ""
        note = f"  {clean(progress.note)}" if progress.note else ""
        line = f"{clean(progress.task)}{share}  {progress.done}/{progress.total}{eta}{note}"
        sys.stderr.write(f"\r\x1b[K{_clip(line)}")
        sys.stderr.flush()

    try:
        yield report
    finally:
        if last:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@contextmanager
def hush_libraries(show: Show) -> Iterator[None]:
    """Let nobody write on stderr while a verb is to be quiet: libtiff tells there what it thinks of a file."""
    if not (show.json or show.quiet):
        yield
        return
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _clip(line: str) -> str:
    """As much of a line as stays on one: what wraps is not wiped away by the next."""
    columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80
    while _width(line) >= columns:
        line = line[:-1]
    return line


def _silent(progress: Progress) -> None:
    """Scripts and log files get the result, not the way to it."""
