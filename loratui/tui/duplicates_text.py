"""What the duplicates screen says of groups, and of what became of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from loratui.catalog.naming import tell_apart
from loratui.tui.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.dedupe import DuplicateGroup
    from loratui.catalog.handover import Handover, Resolved
    from loratui.catalog.rows import Membership
    from loratui.tui.theme import Glyphs

TIER_WORDS = {
    "same_pixels": "the same pixels in other files",
    "duplicate": "copies of one picture",
    "near": "perhaps copies, look closely",
}


def name_in(group: DuplicateGroup, picture: Membership) -> str:
    """The name of a picture, with what tells it apart from others of its group that are called the same."""
    return plain(tell_apart(group.pictures)[picture.id])


def describe_group(group: DuplicateGroup, place: int, total: int, glyphs: Glyphs) -> Text:
    """Two lines: what kind of group it is, and which picture is best kept and why."""
    text = Text(no_wrap=False)
    text.append(f"Group {place + 1} of {total}  ", style="bold")
    text.append(f"{count(len(group.pictures), 'picture')}: {TIER_WORDS[group.tier]}")
    if group.mirrored:
        text.append("; one is mirrored")
    text.append("\n")
    text.append(f"{glyphs.yes} keep {name_in(group, group.best)}", style="bold")
    text.append(f"  {', '.join(group.reasons)}")
    return text


def say_resolved(kept: str, done: Resolved) -> str:
    """What was kept and rejected, and what the kept ones took over from the rejected ones."""
    taken = [_say_handover(one) for one in done.handovers]
    if len(taken) > 1:
        taken = [f"{count(len(taken), 'picture')} took over a role, stars or repeats"]
    rejected = f"Kept {kept}, rejected {count(done.rejected, 'duplicate')}"
    return f"{': '.join([rejected, *taken])}."


def say_left(group: DuplicateGroup, rejected: Sequence[Membership], better: Membership) -> str:
    """What the best of those that are left does not have of what was said of the rejected ones; empty if nothing."""
    from loratui.catalog.merits import ROLE_RANK

    less = []
    if any(ROLE_RANK[one.role] > ROLE_RANK[better.role] for one in rejected):
        less.append(better.role)
    if any(one.rating > better.rating for one in rejected):
        less.append(count(better.rating, "star") if better.rating else "without stars")
    if any((one.own_repeats or 0) > better.repeats for one in rejected):
        less.append(f"x{better.repeats}")
    return f": {name_in(group, better)} stays {', '.join(less)}" if less else ""


def _say_handover(one: Handover) -> str:
    return f"{plain(one.name)} is {one.words} now"
