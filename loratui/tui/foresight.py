"""Rows of pictures as a screen shows them: as they were read, with changes laid over that are still being written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from loratui.catalog.rows import Membership, Subject

_UNTRUSTED = -1


class Foresight:
    """Keeps rows by id, and knows which of them a key has changed since somebody asked the library.

    Whoever asks takes a ticket first; an answer never puts an older row over what was foreseen since.
    """

    def __init__(self) -> None:
        self.rows: dict[int, Membership] = {}
        self._stamp = 0
        self._touched: dict[int, int] = {}

    def foresee(
        self, ids: Sequence[int], changes: Mapping[str, Any], owner: Subject | None
    ) -> list[tuple[Membership, Membership]]:
        """Change rows now, as an action will; gives those that are known, before and after."""
        self._stamp += 1
        self._touched.update(dict.fromkeys(ids, self._stamp))
        changed = []
        if owner is not None and changes:
            for id_ in ids:
                if (before := self.rows.get(id_)) is not None:
                    after = self.rows[id_] = foresee_picture(before, changes, owner)
                    changed.append((before, after))
        return changed

    def ask(self, *, unwritten: int) -> int:
        """A ticket for a question that is asked now, while so many changes are not in the library yet."""
        return _UNTRUSTED if unwritten else self._stamp

    def is_current(self, ticket: int) -> bool:
        """Whether nothing was foreseen since, and nothing was being written then."""
        return ticket == self._stamp

    def take(self, found: Iterable[Membership], ticket: int) -> list[int]:
        """Take an answer, but for rows that were changed since it was asked; gives the ids of those taken."""
        if self.is_current(ticket):
            self._touched.clear()
        taken = [one for one in found if one.id not in self.rows or self._touched.get(one.id, _UNTRUSTED) <= ticket]
        self.rows.update((one.id, one) for one in taken)
        return [one.id for one in taken]

    def keep(self, is_kept: Callable[[int], bool]) -> None:
        """Forget the rows of other pictures."""
        self.rows = {id_: row for id_, row in self.rows.items() if is_kept(id_)}

    def distrust(self) -> None:
        """Something was not written: what is read next counts, whatever was foreseen."""
        self._stamp += 1
        self._touched.clear()


def foresee_picture(picture: Membership, changes: Mapping[str, Any], owner: Subject) -> Membership:
    """The picture as it will be after an action: fields of its row, and `repeats_by` as a step up or down."""
    values = dict(changes)
    if by := values.pop("repeats_by", 0):
        values["own_repeats"] = max(1, picture.repeats + by)
    role, own = values.get("role", picture.role), values.get("own_repeats", picture.own_repeats)
    default = {"primary": owner.primary_repeats, "supporting": owner.supporting_repeats}.get(role, 1)
    return replace(picture, **values, repeats=default if own is None else own)
