"""How pictures are named in a command line that is copied: by the filter that shows them, else by their hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from loratui.catalog.store import Catalog

HASH_CHARS = 12
MOST = 2_000
"""Beyond so many hashes a command line is no use to anyone, and shells begin to refuse it."""


def name_by_hashes(hashes: Iterable[str]) -> str:
    """A query for pictures by the beginnings of their hashes."""
    return " OR ".join(f"sha:{sha[:HASH_CHARS]}" for sha in hashes)


def name_pictures(catalog: Catalog, ids: Sequence[int], shown: Collection[int], query: str) -> str:
    """A query for some of the pictures that `query` chooses (all of them are `shown`); empty when none is short enough.

    For a thread. When most are meant, the others are taken away.
    """
    from loratui.catalog.query import get_memberships

    others = set(shown).difference(ids)
    if not others:
        return query.strip() or "all"
    if len(ids) <= min(MOST, len(others)):
        return name_by_hashes(picture.sha256 for picture in get_memberships(catalog, ids))
    if len(others) <= MOST:
        rest = name_by_hashes(picture.sha256 for picture in get_memberships(catalog, sorted(others)))
        return f"({query}) -({rest})" if query.strip() else f"-({rest})"
    if len(ids) <= MOST:
        return name_by_hashes(picture.sha256 for picture in get_memberships(catalog, ids))
    return ""
