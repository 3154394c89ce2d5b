"""What each entry of a list of tags finds among a subject's tags, and what was meant where it finds nothing."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from loratui.captions.tags import fold_tag, match_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loratui.captions.counts import CaptionBook

_LOOKED_FOR = 200
"""So many entries that find nothing may be slips; looking for what thousands mean would take a minute."""

_LONGEST = 80
"""Letters of an entry in a sentence."""

_NEAR, _LIKE, _ROUNDING = 3, 0.8, 1e-9


@dataclass(frozen=True, slots=True)
class EntryMatch:
    """An entry of a list, in how many pictures it finds a tag, and which tags those are.

    `near` are tags that are spelled almost like an entry which finds nothing; of the first few hundred of those.
    """

    entry: str
    pictures: int
    tags: tuple[str, ...] = ()
    near: tuple[str, ...] = ()


def match_entries(book: CaptionBook, entries: Iterable[str]) -> list[EntryMatch]:
    """Look for each entry among the tags that a book's captions are computed from; `*` stands for any text."""
    holders = book.find_holders()
    spelled = {fold_tag(count.tag): count.tag for count in book.count_tags()}
    letters = {key: frozenset(key) for key in spelled}
    found = []
    looked = 0
    for entry in entries:
        keys = book.find_tags(entry)
        pictures = len({one.id for key in keys for one in holders[key]})
        near: tuple[str, ...] = ()
        if not keys and looked < _LOOKED_FOR:
            near = _find_near(fold_tag(entry), spelled, letters)
            looked += 1
        found.append(EntryMatch(entry, pictures, tuple(spelled[key] for key in keys), near))
    return found


def find_near(entry: str, tags: Iterable[str]) -> tuple[str, ...]:
    """The few of these tags that are spelled almost like an entry."""
    spelled = {fold_tag(tag): tag for tag in tags}
    return _find_near(fold_tag(entry), spelled, {key: frozenset(key) for key in spelled})


def tell_unmatched(matches: Sequence[EntryMatch], limit: int = 10) -> list[str]:
    """A sentence for each entry that finds nothing; of more than `limit` those that may be slips, and their number."""
    unmatched = [match for match in matches if not match.pictures]
    more = len(unmatched) - limit
    if more > 0:
        unmatched.sort(key=lambda match: not match.near)
    told = [f"'{_shorten(match.entry)}' matches no picture{tell_near(match.near)}" for match in unmatched[:limit]]
    if more > 0:
        told.append(f"and {more:,} more {'entry matches' if more == 1 else 'entries match'} no picture.")
    return told


def spell_out(book: CaptionBook, entries: Iterable[str]) -> list[str]:
    """Entries without `*`: in place of a pattern the tags that it finds, for programs that know no patterns."""
    plain: dict[str, str] = {}
    wanted = list(entries)
    patterns = {match.entry: match.tags for match in match_entries(book, [entry for entry in wanted if "*" in entry])}
    for entry in wanted:
        for tag in patterns.get(entry, (entry,)):
            plain.setdefault(fold_tag(tag), tag)
    return list(plain.values())


def _find_near(entry: str, spelled: dict[str, str], letters: dict[str, frozenset[str]]) -> tuple[str, ...]:
    if "*" in entry:
        # "* eye" may be meant for "blue eyes": what ends or begins alike.
        loose = f"*{entry.strip('* ')}*"
        return tuple(tag for key, tag in spelled.items() if match_tag(loose, key))[:_NEAR]
    # Alike is what has four fifths of all letters in common, so hardly a letter of one is not in the other: seen at
    # a tenth of what comparing costs.
    own, size = frozenset(entry), len(entry)
    maybe = [
        key
        for key, theirs in letters.items()
        if len(own - theirs) <= (spare := size - (size + len(key)) * _LIKE / 2 + _ROUNDING)
        and len(theirs - own) <= spare + len(key) - size
    ]
    return tuple(spelled[key] for key in get_close_matches(entry, maybe, n=_NEAR, cutoff=_LIKE))


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def tell_near(near: Sequence[str]) -> str:
    """The end of a sentence about a tag that none has: what was meant, if anything is near."""
    quoted = [f"'{tag}'" for tag in near]
    meant = " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
    return f"; did you mean {meant}?" if near else "."
