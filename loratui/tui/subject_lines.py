"""The library's table as data: one line per subject, its columns, their order, and the copy kept for the next start."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from loratui.tui.table import Column, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.review.overview import SubjectOverview
    from loratui.tui.theme import Glyphs

KEPT = 100
"""Lines kept for the next start: more than any screen shows at once."""

_VERSION = 1


class SubjectLine(NamedTuple):
    """What the table says about a subject. `duplicates` and `gaps` are None until they are measured."""

    id: int
    name: str
    kind: str = ""
    trigger: str = ""
    pictures: int = 0
    inbox: int = 0
    primary: int = 0
    supporting: int = 0
    holdout: int = 0
    rejected: int = 0
    ratio: float | None = None
    duplicates: int | None = None
    gaps: int | None = None
    run: str = ""
    """State of the last training, in words: `running 45%`."""
    best_epoch: int | None = None
    stale: bool = False
    """Duplicates or gaps are as they were before the latest changes."""

    @property
    def words(self) -> str:
        """What a filter looks in."""
        return f"{self.name} {self.trigger} {self.kind}".casefold()


def read_lines(catalog: Catalog) -> list[SubjectLine]:
    """All subjects as the library has them; called in a thread."""
    from loratui.review.overview import overview

    lines = [_to_line(item) for item in overview(catalog)]
    for line in lines:
        # Drawn here, a thousand of them don't hold up the keys.
        to_row(line)
    return lines


def _to_line(item: SubjectOverview) -> SubjectLine:
    subject, run = item.subject, item.last_run
    state = ""
    if run is not None:
        share = f" {100 * run.step // run.total_steps}%" if run.total_steps and run.state != "done" else ""
        state = run.state + (share if run.step else "")
    return SubjectLine(
        id=subject.id,
        name=subject.name,
        kind=subject.kind,
        trigger=subject.trigger,
        pictures=item.pictures,
        **item.counts,
        ratio=item.ratio,
        duplicates=item.duplicates,
        gaps=item.gaps,
        run=state,
        best_epoch=None if item.best is None else item.best.epoch,
        stale=bool(item.stale),
    )


class _Shown(NamedTuple):
    """A column: how a line fills it, and what it is sorted by (None goes last)."""

    column: Column
    text: Callable[[SubjectLine], str]
    key: Callable[[SubjectLine], Any]


def _number(title: str, name: str, width: int, least: int = 0) -> _Shown:
    def text(line: SubjectLine) -> str:
        value = getattr(line, name)
        return "" if value is None else f"{value:,}"

    return _Shown(Column(title, width, "right", least), text, lambda line: getattr(line, name))


def _words(title: str, name: str, width: int, least: int = 0) -> _Shown:
    return _Shown(
        Column(title, width, "left", least),
        lambda line: str(getattr(line, name)),
        lambda line: getattr(line, name).casefold() or None,
    )


_COLUMNS: tuple[_Shown, ...] = (
    _words("subject", "name", 0),
    _words("trigger", "trigger", 14, 108),
    _words("kind", "kind", 9, 146),
    _number("pictures", "pictures", 9),
    _number("inbox", "inbox", 6),
    _number("primary", "primary", 8),
    _number("support", "supporting", 8),
    _number("holdout", "holdout", 8, 156),
    _number("rejected", "rejected", 9, 134),
    _Shown(
        Column("ratio", 6, "right", 90),
        lambda line: "" if line.ratio is None else f"{line.ratio:.2f}",
        lambda line: line.ratio,
    ),
    _number("alike", "duplicates", 6, 64),
    _number("gaps", "gaps", 5, 114),
    _words("last run", "run", 11, 72),
    _number("best", "best_epoch", 5, 120),
)


class SubjectOrder(NamedTuple):
    """Which column the table is sorted by, by its title; numbers start with the largest."""

    title: str = "subject"
    reverse: bool = False

    def sort(self, lines: Sequence[SubjectLine]) -> list[SubjectLine]:
        """The lines in this order, equal ones by name; lines without a value last."""
        by = _find(self.title).key
        named = sorted(lines, key=lambda line: line.name.casefold())
        known = [line for line in named if by(line) is not None]
        return [*sorted(known, key=by, reverse=self._falls), *(line for line in named if by(line) is None)]

    def next(self, width: int) -> SubjectOrder:
        """The order by the column to the right, among those that a table of this width shows."""
        shown = [item.column.title for item in _COLUMNS if width >= item.column.least]
        place = shown.index(self.title) if self.title in shown else -1
        return SubjectOrder(shown[(place + 1) % len(shown)])

    def turned(self) -> SubjectOrder:
        """The same column the other way round."""
        return SubjectOrder(self.title, not self.reverse)

    @property
    def _falls(self) -> bool:
        return (_find(self.title).column.align == "right") != self.reverse

    def columns(self, glyphs: Glyphs) -> list[Column]:
        """The columns, the one in order with an arrow behind its title."""
        arrow = glyphs.down if self._falls else glyphs.up
        return [
            Column(f"{item.column.title}{arrow}", item.column.width, item.column.align, item.column.least)
            if item.column.title == self.title
            else item.column
            for item in _COLUMNS
        ]


def _find(title: str) -> _Shown:
    return next((item for item in _COLUMNS if item.column.title == title), _COLUMNS[0])


@lru_cache(maxsize=8192)
def to_row(line: SubjectLine) -> Row:
    """The line as the table draws it; kept, because sorting and filtering ask for the same ones again."""
    return Row(str(line.id), tuple(item.text(line) for item in _COLUMNS))


def filter_lines(lines: Sequence[SubjectLine], text: str) -> list[SubjectLine]:
    """The lines that have every word in name, trigger or kind; words with a minus must be missing."""
    words = text.casefold().split()
    wanted = [word for word in words if not word.startswith("-")]
    unwanted = [word[1:] for word in words if word.startswith("-") and len(word) > 1]
    return [
        line
        for line in lines
        if all(word in line.words for word in wanted) and not any(word in line.words for word in unwanted)
    ]


class LastView(NamedTuple):
    """What the library showed when it was left, to be painted at once at the next start."""

    lines: tuple[SubjectLine, ...] = ()
    total: int = 0
    order: SubjectOrder = SubjectOrder()
    subject: str = ""


def read_last_view(file: Path) -> LastView:
    """The view that was kept; an empty one when there is none or it is not ours."""
    names = set(SubjectLine._fields)
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))["library"]
        if raw["version"] != _VERSION:
            return LastView()
        lines = tuple(
            SubjectLine(**{name: value for name, value in line.items() if name in names}) for line in raw["lines"]
        )
        order = SubjectOrder(str(raw["order"]["title"]), bool(raw["order"]["reverse"]))
        for line in order.sort(lines):
            to_row(line)
        return LastView(lines, int(raw["total"]), order, str(raw["subject"]))
    # A copy for the eye only: whatever is wrong with it, the library itself is read a moment later.
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return LastView()


def write_last_view(file: Path, view: LastView) -> None:
    """Keep a view, all of it or nothing; a folder that can't be written keeps none."""
    kept = {
        "version": _VERSION,
        "lines": [line._asdict() for line in view.lines[:KEPT]],
        "total": view.total,
        "order": {"title": view.order.title, "reverse": view.order.reverse},
        "subject": view.subject,
    }
    # Named like the unfinished files of the store, so that what a killed app leaves is swept with them.
    part = file.with_name(f"{os.getpid()}-{threading.get_ident()}-ui.part")
    try:
        with part.open("w", encoding="utf-8") as opened:
            json.dump({"library": kept}, opened, ensure_ascii=False)
        part.replace(file)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
