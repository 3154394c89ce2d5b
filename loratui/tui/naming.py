"""How pictures are named: for people by file, and in a command line by the filter that shows them or their hashes."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog

HASH_CHARS = 12
MOST = 2_000
"""Beyond so many hashes a command line is no use to anyone, and shells begin to refuse it."""


_SHA_SHOWN = 6


def tell_apart(pictures: Iterable[Membership]) -> dict[int, str]:
    """Names by membership id; before those that several have stands as much of the folder as tells them apart.

    Where folders don't, because they are the same or not known, the beginning of the hash stands there.
    """
    alike: dict[str, list[Membership]] = defaultdict(list)
    for picture in pictures:
        alike[picture.name].append(picture)
    names: dict[int, str] = {}
    for name, sharing in alike.items():
        if len(sharing) == 1:
            names[sharing[0].id] = name
            continue
        folders = [PurePath(os.fsdecode(picture.source_path)).parent.parts for picture in sharing]
        for depth in range(1, max(map(len, folders)) + 1):
            ends = [folder[-depth:] for folder in folders]
            if len(set(ends)) == len(sharing):
                shown = {one.id: str(PurePath(*end, name)) for one, end in zip(sharing, ends, strict=True)}
                break
        else:
            shown = {one.id: f"{one.sha256[:_SHA_SHOWN]} {name}" for one in sharing}
        names |= shown
    return names


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
