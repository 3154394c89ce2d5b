"""Which pictures of a wall look like another one, found once the wall is drawn: comparing them takes a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from loratui.catalog.store import Catalog
    from loratui.tui.base import LoratuiScreen

_CROWD = 3_000


class Twins:
    """The ids of those pictures; `tell` gets the ones that became or ceased to be one."""

    def __init__(self, screen: LoratuiScreen, subject: str, tell: Callable[[Collection[int]], None]) -> None:
        self.ids: frozenset[int] = frozenset()
        self._screen = screen
        self._subject = subject
        self._tell = tell
        self._is_wanted = False

    def want(self, pictures: int) -> None:
        """Look for them with the next `look`; in crowds the duplicates screen does that, with progress."""
        self._is_wanted = pictures <= _CROWD

    def look(self) -> None:
        """Find them now, if that is wanted."""
        if not self._is_wanted:
            return
        self._is_wanted = False
        subject = self._subject

        def work(catalog: Catalog) -> frozenset[int]:
            from loratui.catalog.dedupe import duplicates_of_subject

            return frozenset(duplicates_of_subject(catalog, subject))

        self._screen.read(work, self._take, "twins")

    def _take(self, found: frozenset[int]) -> None:
        changed, self.ids = self.ids ^ found, found
        self._tell(changed)
