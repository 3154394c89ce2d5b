"""Which pictures are marked, with a range that follows the cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Marks:
    """Marks by id over a list of ids. A range is worked out when somebody looks, not at every key."""

    def __init__(self) -> None:
        self.ids: Sequence[int] = ()
        self.version = 0
        """Grows whenever marks change."""
        self._marked: set[int] = set()
        self._start: int | None = None
        self._end: int | None = None
        self._before: set[int] = set()
        self._changed: set[int] = set()

    def __contains__(self, id: int) -> bool:
        return id in self.ids_marked

    @property
    def ids_marked(self) -> set[int]:
        """The marked ids; not to be changed."""
        if self._start is not None and self._end is not None:
            first, last = sorted((self._start, self._end))
            self._end = None
            self._replace(self._before.union(self.ids[first : last + 1]))
        return self._marked

    @property
    def ranging(self) -> bool:
        """Whether a range follows the cursor."""
        return self._start is not None

    def set_ids(self, ids: Sequence[int]) -> None:
        """Another list: marks of what is gone are dropped and the range ends, keeping what it marked."""
        self.end_range()
        self.ids = ids
        if self._marked:
            self._replace(self._marked.intersection(ids))

    def replace(self, marked: Iterable[int]) -> None:
        """Mark exactly these."""
        self.end_range()
        self._replace(set(marked).intersection(self.ids))

    def toggle(self, id: int) -> None:
        """Mark this one, or unmark it."""
        self.end_range()
        self._replace(self._marked ^ {id})

    def invert(self) -> None:
        """Mark what is not marked."""
        self.end_range()
        self._replace(set(self.ids) - self._marked)

    def start_range(self, index: int) -> None:
        """From now on everything between this place and the one given to `follow` is marked."""
        self._before = set(self.ids_marked)
        self._start = self._end = index

    def follow(self, index: int) -> None:
        """The cursor went here."""
        if self._start is not None:
            self._end = index

    def end_range(self) -> None:
        """Keep what the range marked; it follows no more."""
        _ = self.ids_marked
        self._start = self._end = None
        self._before = set()

    def take_changed(self) -> Iterable[int]:
        """What was marked or unmarked since the last call."""
        _ = self.ids_marked
        changed, self._changed = self._changed, set()
        return changed

    def _replace(self, marked: set[int]) -> None:
        if changed := self._marked ^ marked:
            self._changed |= changed
            self._marked = marked
            self.version += 1
