"""Screens drawn as SVG, compared with stored ones: words exactly, colours and pictures with a small tolerance."""

from __future__ import annotations

import base64
import io
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from PIL import Image, ImageChops

from loratui.tui.svg import CELL

if TYPE_CHECKING:
    from pathlib import Path

ACCEPT = "LORATUI_ACCEPT_LOOKS=1 pytest tests/tui/test_looks.py"
"""Stores what the screens look like now; the test that failed can be named with -k."""

COLOR_TOLERANCE = 16
"""Of 255, in each of red, green and blue: decoders of pictures round differently."""
PICTURE_TOLERANCE = 0.002
"""Share of the pixels that may be further off: an edge in a thumbnail that moved by one."""

_SVG = "{http://www.w3.org/2000/svg}"
_MOST_ROWS = 12


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of text as it is drawn: where, in cells, and how."""

    row: int
    column: int
    text: str
    color: str
    style: tuple[str, ...]

    @property
    def look(self) -> str:
        """Colour and style in words."""
        return " ".join(filter(None, (self.color, *self.style)))


@dataclass(frozen=True, slots=True)
class Look:
    """A screen as it was drawn; the picture has two pixels a cell."""

    runs: tuple[Run, ...]
    picture: Image.Image

    @property
    def rows(self) -> list[str]:
        """The words, row by row, each in its column."""
        rows = [""] * (self.picture.height // 2)
        for run in sorted(self.runs, key=lambda run: run.column):
            rows[run.row] = rows[run.row].ljust(run.column) + run.text
        return rows


def read_look(drawn: str) -> Look:
    """Take an SVG of ours apart."""
    tree = ElementTree.fromstring(drawn)
    image = tree.find(f".//{_SVG}image")
    assert image is not None
    data = base64.b64decode(re.sub(r"^data:image/png;base64,", "", image.attrib["href"]))
    runs = []
    for text in tree.iter(f"{_SVG}text"):
        place = text.attrib
        style = tuple(place.get(name, "") for name in ("font-weight", "font-style", "text-decoration"))
        row, column = int(place["y"]) // CELL[1], int(place["x"]) // CELL[0]
        runs.append(Run(row, column, text.text or "", place["fill"], style))
    return Look(tuple(runs), Image.open(io.BytesIO(data)).convert("RGB"))


def compare(stored: Look, drawn: Look) -> list[str]:
    """What differs, in words that say where to look; nothing where a person would see the same."""
    if stored.picture.size != drawn.picture.size:
        sizes = [f"{look.picture.width}x{look.picture.height // 2}" for look in (stored, drawn)]
        return [f"The screen is {sizes[1]} cells large, not {sizes[0]}."]
    return [*_compare_words(stored, drawn), *_compare_pictures(stored.picture, drawn.picture)]


def _compare_words(stored: Look, drawn: Look) -> list[str]:
    pairs = enumerate(zip(stored.rows, drawn.rows, strict=True))
    differing = [(row, before, now) for row, (before, now) in pairs if before != now]
    if differing:
        lines = [f"{len(differing)} of {len(drawn.rows)} rows of text differ (- stored, + now):"]
        for row, before, now in differing[:_MOST_ROWS]:
            lines += [f"  row {row}", f"    -{before}", f"    +{now}"]
        if len(differing) > _MOST_ROWS:
            lines.append(f"  and {len(differing) - _MOST_ROWS} more")
        return lines
    told = []
    known = {(run.row, run.column): run for run in stored.runs}
    for run in drawn.runs:
        was = known.get((run.row, run.column))
        if was is None or was.text != run.text:
            told.append(f"  row {run.row}: '{run.text}' was not drawn on its own")
        elif was.style != run.style or _distance(was.color, run.color) > COLOR_TOLERANCE:
            told.append(f"  row {run.row}: '{run.text}' was {was.look}, is {run.look}")
    if told:
        more = [f"  and {len(told) - _MOST_ROWS} more"] if len(told) > _MOST_ROWS else []
        return ["The words are the same, but drawn otherwise:", *told[:_MOST_ROWS], *more]
    return []


def _distance(one: str, other: str) -> int:
    return max(abs(int(one[place : place + 2], 16) - int(other[place : place + 2], 16)) for place in (1, 3, 5))


def _compare_pictures(stored: Image.Image, drawn: Image.Image) -> list[str]:
    channels = ImageChops.difference(stored, drawn).split()
    worst = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    off = worst.point([255 * (value > COLOR_TOLERANCE) for value in range(256)])
    count, total = off.histogram()[255], off.width * off.height
    if count <= PICTURE_TOLERANCE * total:
        return []
    left, top, right, bottom = off.getbbox() or (0, 0, 0, 0)
    place = f"columns {left} to {right - 1}, rows {top // 2} to {(bottom - 1) // 2}"
    return [f"{count:,} of {total:,} pixels of pictures and backgrounds differ: {place}."]


def check_look(drawn: str, stored: Path, scratch: Path) -> None:
    """Fail when a screen does not look as stored; accept what it looks like now when the environment says so."""
    if os.environ.get("LORATUI_ACCEPT_LOOKS"):
        # A file that looks the same stays as it is: no noise in the history.
        if not stored.exists() or compare(read_look(stored.read_text(encoding="utf-8")), read_look(drawn)):
            stored.write_text(drawn, encoding="utf-8")
        return
    if stored.exists():
        differences = compare(read_look(stored.read_text(encoding="utf-8")), read_look(drawn))
    else:
        differences = ["Nothing is stored of it yet."]
    if differences:
        now = scratch / stored.name
        now.write_text(drawn, encoding="utf-8")
        told = [f"{stored.name} looks different.", *differences, f"As it is now: {now}", f"If it is right: {ACCEPT}"]
        pytest.fail("\n".join(told), pytrace=False)
