"""What pictures are called so that people can tell them apart: by file, and where that is not enough by folder."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loratui.catalog.rows import Membership

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
