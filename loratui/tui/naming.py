"""How pictures are named in a command line: by the filter that shows them, or by their hashes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loratui.catalog.store import Catalog

HASH_CHARS = 12
MOST = 2_000
"""Beyond so many hashes a command line is no use to anyone, and shells begin to refuse it."""


def name_by_hashes(hashes: Iterable[str]) -> str:
    """A query for pictures by the beginnings of their hashes."""
    return " OR ".join(f"sha:{sha[:HASH_CHARS]}" for sha in hashes)


def name_pictures(catalog: Catalog, subject: str, ids: Sequence[int], query: str | None, shown: int) -> str:
    """A query for pictures by their ids; empty when there is none that is short enough. For a thread.

    `query` is the filter they were seen through, and so many were `shown`; it is used when it means exactly
    them, or them and a few others. None when there was no filter to speak of.
    """
    from loratui.catalog.dedupe import duplicates_of_subject
    from loratui.catalog.query import get_memberships, select_ids

    few = len(ids) <= MOST
    if query is not None and not (few and 2 * len(ids) < shown):
        found = set(select_ids(catalog, subject, query, duplicates=lambda: duplicates_of_subject(catalog, subject)))
        others = found.difference(ids)
        if len(others) == len(found) - len(ids):
            if not others:
                return query.strip() or "all"
            if len(others) <= MOST and (len(others) < len(ids) or not few):
                rest = name_by_hashes(picture.sha256 for picture in get_memberships(catalog, sorted(others)))
                return f"({query}) -({rest})" if query.strip() else f"-({rest})"
    return name_by_hashes(picture.sha256 for picture in get_memberships(catalog, ids)) if few else ""
