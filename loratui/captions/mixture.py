"""Whether the tags of a subject are the words of several taggers: one was stopped before it had all pictures."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from loratui.catalog.scores import count_counting
from loratui.catalog.subjects import get_subject

if TYPE_CHECKING:
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.config import Home


def tell_mixture(catalog: Catalog, subject: Subject | str) -> str:
    """A sentence about how many pictures each tagger speaks for, and how to end that; empty when it is one or none.

    Rejected pictures don't count.
    """
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    counts = count_counting(catalog, owner)
    total = sum(counts.values())
    newest, *others = [tagger for tagger in counts if tagger] or [""]
    if not others:
        return ""
    # Two versions of one tagger differ in what stands behind the name alone.
    names = {tagger: tagger.rpartition("@")[0] or tagger for tagger in (newest, *others)}
    shown = names if len(set(names.values())) == len(names) else {tagger: tagger for tagger in names}
    rest = ", ".join(f"{counts[tagger]:,} by {shown[tagger]}" for tagger in others)
    return (
        f"{counts[newest]:,} of {total:,} pictures are tagged by {shown[newest]}, {rest}: their tags are mixed here; "
        f"`loratui tag {shlex.quote(owner.name)} --tagger {_argument_of(catalog.home, names[newest])}` tags them all."
    )


def _argument_of(home: Home, name: str) -> str:
    """What a person gives to `--tagger` for the tagger of this name."""
    if name == "cast":
        return name
    owners = (
        {folder.name for folder in home.models.iterdir() if (folder / name).is_dir()} if home.models.is_dir() else ()
    )
    return shlex.quote(f"{next(iter(owners))}/{name}") if len(owners) == 1 else "FOLDER"
