"""What became of the words of caption files that were read as tags, told so that nobody is surprised by an export."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.captions.tags import fold_tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loratui.catalog.rows import Subject

_LONGEST = 120
"""Letters of a caption in a sentence."""

_NAMED = 3
"""So many tags are named in a sentence."""

_TWICE = "a tag stood twice"


@dataclass(frozen=True, slots=True)
class ReadTags:
    """The tags of one caption file, the text they were read from, and those that were taken."""

    written: str
    tags: tuple[str, ...]
    taken: tuple[str, ...]


def tell_changes(subject: Subject, read: Mapping[int, ReadTags], captions: Mapping[int, str]) -> list[str]:
    """Sentences about captions that read otherwise than their files, by membership id: how many, why, and a remedy.

    Empty when all are as they were written.
    """
    changed = [id_ for id_ in read if id_ in captions and captions[id_] != read[id_].written]
    if not changed:
        return []
    first = changed[0]
    reasons = Counter(reason for id_ in changed for reason in _find_reasons(read[id_]))
    doubled = [*dict.fromkeys(tag for id_ in changed for tag in _list_doubled(read[id_]))]
    named = {_TWICE: f": {', '.join(map(repr, doubled[:_NAMED]))}{', ...' * (len(doubled) > _NAMED)}"}
    why = "; ".join(f"in {count:,} {reason}{named.get(reason, '')}" for reason, count in reasons.most_common())
    name = shlex.quote(subject.name)
    told = [
        f"{len(changed):,} of {len(read):,} captions that were read as tags say it otherwise than their files: "
        f"'{_shorten(read[first].written)}' became '{_shorten(captions[first])}'"
        f"{f' ({why})' if why else ''}. To have the files' own words, each as it is: "
        f"`loratui import {name} FOLDER --whole-captions`."
    ]
    start = f"{subject.trigger},"
    leading = sum(read[id_].written.startswith(start) and not captions[id_].startswith(start) for id_ in changed)
    if 2 * leading > len(changed):
        told.append(
            f"{leading:,} files begin with '{start}': `loratui rules set {name} --prefix '{{trigger}},'` "
            "begins captions so."
        )
    return told


def tell_whole(several: int, blank: int, cleaned: Mapping[str, int]) -> list[str]:
    """Sentences about caption files that can't be kept as they are: so many have several lines, so many none.

    `cleaned` says what else was changed, and in how many.
    """
    told = []
    if several:
        are = "1 caption is" if several == 1 else f"{several:,} captions are"
        told.append(f"{are} written on several lines; kept as one line, for a caption has no more.")
    if cleaned:
        changes = [f"{words} in {count:,}" for words, count in cleaned.items()]
        more = f"; {'; '.join(changes[1:])}" if changes[1:] else ""
        first = next(iter(cleaned.values()))
        told.append(f"Not all is word for word: {changes[0]} caption{'s' * (first != 1)}{more}.")
    if blank:
        hold = "1 caption file holds" if blank == 1 else f"{blank:,} caption files hold"
        whose = "of this picture is" if blank == 1 else "of these pictures are"
        told.append(f"{hold} nothing but space: the {'caption' if blank == 1 else 'captions'} {whose} computed.")
    return told


def _find_reasons(read: ReadTags) -> Sequence[str]:
    taken = {fold_tag(tag) for tag in read.taken}
    reasons = []
    if not taken.issuperset(map(fold_tag, read.tags)):
        reasons.append("the trigger or other words of the prefix were taken out, for the prefix says them")
    if _list_doubled(read):
        reasons.append(_TWICE)
    if "\\(" in read.written or "\\)" in read.written:
        reasons.append("backslashes before parentheses were taken off")
    return reasons


def _list_doubled(read: ReadTags) -> list[str]:
    """The tags that stand more than once in a file, as they were written first."""
    first = {fold_tag(tag): tag for tag in reversed(read.tags)}
    return [first[key] for key, times in Counter(map(fold_tag, read.tags)).items() if times > 1]


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
