"""Text from files and people, made safe and short enough for a terminal."""

from __future__ import annotations

import unicodedata
from datetime import datetime


def plain(text: str) -> str:
    """The text on one line without anything that a terminal would obey: control and format characters become spaces."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(" " if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") else char for char in text)


def format_bytes(count: float) -> str:
    """A size in binary units, three digits at most: `15 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def format_seconds(seconds: float) -> str:
    """A duration as people say it: `48 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def format_time(at: datetime | None) -> str:
    """When something was, by the clock here: today the time alone."""
    if at is None:
        return ""
    here = at.astimezone()
    today = datetime.now().astimezone().date()
    return f"{here:%H:%M:%S}" if here.date() == today else f"{here:%d %b %H:%M}"


def format_rate(rate: float) -> str:
    """A learning rate in three digits."""
    return f"{rate:.2e}" if rate else "0"


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 picture`, `1,204 pictures`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
