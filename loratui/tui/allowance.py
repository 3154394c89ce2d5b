"""How many bytes one move of the cursor may cost, counted by what is really written."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loratui.tui.shown import ShownScreen

MOVE_BYTES = 20 * 1024
"""For a move and all that comes of it until the cursor has rested for a second."""


class Allowance:
    """Counts what was written since the last move; before the first one, when a screen opens, there is no limit."""

    def __init__(self, shown: ShownScreen | None = None, total: int = MOVE_BYTES) -> None:
        self.total = total
        self._shown = shown
        self._begun_at: int | None = None
        self._promised = 0
        self._promised_at = 0

    def begin(self) -> None:
        """The cursor moves, or the wall does."""
        self._begun_at = self._written
        self._promised = 0

    def lift(self) -> None:
        """What comes now is no move: all of it is drawn anew."""
        self._begun_at = None

    def promise(self, count: int) -> None:
        """So many bytes are going to be written with the next update."""
        if self._promised_at != self._written:
            self._promised, self._promised_at = 0, self._written
        self._promised += count

    @property
    def is_limited(self) -> bool:
        """Whether a move is being paid for."""
        return self._begun_at is not None

    @property
    def left(self) -> int:
        """Bytes that the move may still cost."""
        if self._begun_at is None:
            return self.total
        promised = self._promised if self._promised_at == self._written else 0
        return max(0, self.total - (self._written - self._begun_at) - promised)

    @property
    def _written(self) -> int:
        return 0 if self._shown is None else self._shown.bytes_written
