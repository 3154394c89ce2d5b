"""Whether an action left something that undo takes back: only then may a message say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.catalog.store import Catalog

T = TypeVar("T")


class Done(NamedTuple, Generic[T]):
    """What an action gave, and the id of its entry in the journal; 0 when all was so already."""

    result: T
    entry: int

    def say(self, sentence: str, key: str = "u") -> str:
        """The sentence that tells of it, and the key that takes it back."""
        return f"{sentence} {f'{key} undoes.' if self.entry else 'It was so already.'}"


def watch_journal(work: Callable[[Catalog], T]) -> Callable[[Catalog], Done[T]]:
    """The same work, for a thread, with the entry that it makes in the journal."""

    def run(catalog: Catalog) -> Done[T]:
        from loratui.catalog.journal import latest_id

        before = latest_id(catalog)
        result = work(catalog)
        entry = latest_id(catalog)
        return Done(result, entry if entry != before else 0)

    return run
