"""Words that are misspelled so that a search misses them, told by the words that are looked for.

Letters too many (`nuude`), v for u, a sign or a letter of another script for a letter (`n*de`), and words that are run
together with a plain one (`nudewoman`). In long words also a slip: a letter left out, put in or changed for another
vowel, or two in the wrong order (`teeneger`). Like in catalog.disguises, only what makes a known word counts.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

from loratui.catalog.disguises import fold_text, strip_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

PLAIN = (
    *("woman", "women", "girl", "girls", "man", "men", "guy", "guys", "lady", "ladies", "female", "male", "person"),
    *("people", "couple", "model", "wife", "body", "bodies", "photo", "photos", "pic", "pics", "picture", "pictures"),
    *("image", "art", "selfie", "selfies", "shot", "shots", "scene", "video", "movie", "star", "pose", "beach"),
    *("fully", "totally", "completely", "half", "semi", "very", "big", "huge", "hot", "sexy", "hard", "soft", "full"),
)
"""What is run together with other words: they are plain, so that the other one is what is said."""

_FEWEST = 4
"""Shorter words are too much like others; of a letter too many they need two."""

_FEWEST_SLIPPED = 7
"""Shorter words with a slip in them are often other words."""

_VOWELS = frozenset("aeiouy")

_MASKED = re.compile(r"[a-z]+(?:[*#%&?$@!+€^]{1,4}[a-z]+)+")
_MASK = re.compile(r"[*#%&?$@!+€^]\b")
"""Seen faster, for nearly no text has any."""

_MIXED = re.compile(r"[a-z][^\x00-\x7f]|[^\x00-\x7f][a-z]")
_ASCII = frozenset("abcdefghijklmnopqrstuvwxyz")
_WORD = re.compile(r"[^\W_]+")
_REPEATED = re.compile(r"(.)\1+")
_MOST_KEPT = 50_000


class Misspellings:
    """Finds misspelled words among some that are looked for: folded ones, of letters alone.

    `innocent` are words that look misspelled and are none, `compound` those of them that count in a longer word beside
    a `plain` one, `near` those that are found with a slip in them.
    """

    def __init__(
        self,
        words: Iterable[str],
        innocent: Iterable[str] = (),
        compound: Iterable[str] = (),
        *,
        plain: Sequence[str] = PLAIN,
        near: Iterable[str] = (),
    ) -> None:
        self._words = frozenset(word for word in words if word.isalpha() and len(word) >= _FEWEST - 1)
        self._compound = frozenset(word for word in compound if word.isalpha())
        self._innocent = frozenset(innocent) | self._words
        self._plain = plain
        self._near: dict[str, list[str]] = defaultdict(list)
        for word in dict.fromkeys(near):
            if len(word) >= _FEWEST_SLIPPED and word.isascii():
                for form in _drop_letters(word):
                    self._near[form].append(word)
        self._collapsed: dict[str, list[str]] = defaultdict(list)
        self._by_length: dict[int, list[str]] = defaultdict(list)
        for word in sorted(self._words):
            self._collapsed[_collapse(word)].append(word)
            self._by_length[len(word)].append(word)
        self._read: dict[str, str] = {}

    def spell(self, text: str, folded: str, words: Iterable[str]) -> str:
        """The text, folded, with known words for misspelled ones; `folded` and its `words` are given to save time."""
        spelled = folded
        if not text.isascii():
            # Before letters are taken for others that look alike: which one was meant, the known word tells.
            own = strip_text(text)
            if _MIXED.search(own) and (whole := _WORD.sub(self._unmix, own)) != own:
                spelled = fold_text(whole)
        if _MASK.search(spelled):
            spelled = _MASKED.sub(self._unmask, spelled)
        read = self._read
        known: list[str | None] = [read[word] if word in read else self._look(word) for word in words]
        if any(known):
            spelled = _WORD.sub(lambda word: read.get(word[0]) or word[0], spelled)
        return spelled

    def find_around(self, word: str, but: Collection[str] = ()) -> str:
        """The longest known word, `but` some, that stands at the start or the end of a word; empty when none does."""
        known = (each for each in self._compound if len(each) >= _FEWEST and each not in but)
        found = [each for each in known if word.startswith(each) or word.endswith(each)]
        return max(found, key=len, default="")

    def _look(self, word: str) -> str:
        """What a word is read as, empty when as itself; kept, for texts share their words."""
        if len(self._read) > _MOST_KEPT:
            self._read.clear()
        self._read[word] = found = self._find(word)
        return found

    def _find(self, word: str) -> str:
        if len(word) < _FEWEST or word in self._innocent or not word.isalpha():
            return ""
        for each in self._collapsed.get(_collapse(word), ()):
            if _has_more_of(word, each):
                return each
        if "v" in word and (plain := word.replace("v", "u")) in self._words:
            return plain
        for plain in self._plain:
            for rest in (word.removeprefix(plain), word.removesuffix(plain)):
                if rest != word and rest in self._compound:
                    return f"{rest} {plain}"
        return self._find_near(word)

    def _find_near(self, word: str) -> str:
        if len(word) < _FEWEST_SLIPPED - 1 or not word.isascii():
            return ""
        near = self._near
        return next((each for form in _drop_letters(word) for each in near.get(form, ()) if _is_slip(word, each)), "")

    def _unmask(self, masked: re.Match[str]) -> str:
        pattern = "".join(char if char in _ASCII else "." for char in masked[0])
        return self._match(pattern) or masked[0]

    def _unmix(self, word: re.Match[str]) -> str:
        written = word[0]
        if written.isascii():
            return written
        alike = [fold_text(char) for char in written]
        # Latin letters are what they are.
        letters = zip(written, alike, strict=True)
        plain = (like if unicodedata.name(char, "").startswith("LATIN") else char for char, like in letters)
        return self._match("".join(char if char in _ASCII else "." for char in plain), alike) or written

    def _match(self, pattern: str, alike: Sequence[str] = ()) -> str:
        """The known word that has these letters, where at least half are told; dots are any.

        Of several the one that has most of the letters that the dots look `alike`.
        """
        letters = len(pattern) - pattern.count(".")
        if not letters or letters == len(pattern) or 2 * letters < len(pattern):
            return ""
        shape = re.compile(pattern)
        found = [word for word in self._by_length[len(pattern)] if shape.fullmatch(word)]
        return max(found, key=lambda word: sum(map(str.__eq__, word, alike)), default="")


def _collapse(word: str) -> str:
    return _REPEATED.sub(r"\1", word)


def _has_more_of(word: str, known: str) -> bool:
    """Whether a word that collapses to the same has no letter less than the known one, and enough more of them."""
    more = [len(one[0]) - len(other[0]) for one, other in zip(_RUN.finditer(word), _RUN.finditer(known), strict=True)]
    return min(more) >= 0 and max(more) > (0 if len(known) >= _FEWEST else 1)


def _drop_letters(word: str) -> list[str]:
    """A word, and what is left of it without any one of its letters but the first."""
    return [word, *(word[:at] + word[at + 1 :] for at in range(1, len(word)))]


def _is_slip(word: str, known: str) -> bool:
    """Whether a word is a known one with a single slip in it, where both lack at most one letter of each other."""
    if word[0] != known[0] or len(word) != len(known):
        return word[0] == known[0]
    apart = [at for at, (one, other) in enumerate(zip(word, known, strict=True)) if one != other]
    if len(apart) == 1:
        return word[apart[0]] in _VOWELS and known[apart[0]] in _VOWELS
    return len(apart) == 2 and word[apart[0]] == known[apart[1]] and word[apart[1]] == known[apart[0]]


_RUN = re.compile(r"(.)\1*")
