"""What could come next in a query: keys, the words a key may have, tags."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.widgets import Input

MOST = 12
"""More suggestions than these are not shown."""

# What people reach for first; the grammar has more.
_FIRST = ("role", "tag", "rating", "size", "name", "caption", "dup", "flag", "rated", "state", "format", "repeats")
_NUMBERS = {
    "rating": (">3", "0", "5"),
    "size": ("<512", ">=1024", "512..1024"),
    "width": ("<512", ">=1024"),
    "height": ("<512", ">=1024"),
    "repeats": (">1", "1"),
}
_FORMATS = ("jpeg", "png", "webp", "gif", "bmp", "tiff", "avif")
_KEY = re.compile(r"([a-z_]+):", re.IGNORECASE)


class Completion(NamedTuple):
    """Words that may stand from `start` up to the cursor, best first."""

    start: int = 0
    words: tuple[str, ...] = ()


class Suggestions:
    """What tab puts in a line: the first suggestion, and pressed again the next one in its place.

    Typing on after one was taken begins with new suggestions.
    """

    def __init__(self, complete: Callable[[str, int], Completion]) -> None:
        self._complete = complete
        self._taken: tuple[Completion, int] | None = None

    def forget(self) -> None:
        """The line was filled anew."""
        self._taken = None

    def look_at(self, line: Input) -> tuple[Completion, int]:
        """What fits where the cursor is, and the place of the one that tab has put there or would."""
        if self._taken is not None:
            completion, place = self._taken
            if line.value[completion.start : line.cursor_position] == completion.words[place]:
                return self._taken
            self._taken = None
        return self._complete(line.value, line.cursor_position), 0

    def take(self, line: Input) -> None:
        """Put a suggestion in the line, if there is any."""
        completion, place = self.look_at(line)
        if self._taken is not None:
            place = (place + 1) % len(completion.words)
        if not completion.words:
            return
        word = completion.words[place]
        # A key of the query language alone is only half a term: what follows it comes next, not another key.
        self._taken = None if len(completion.words) == 1 or word.endswith(":") else (completion, place)
        rest = line.value[line.cursor_position :]
        line.value = line.value[: completion.start] + word + rest
        line.cursor_position = completion.start + len(word)

    def draw(self, line: Input) -> Text:
        """The suggestions beside each other, the chosen one bold."""
        completion, chosen = self.look_at(line)
        shown = Text()
        for place, word in enumerate(completion.words):
            shown.append(plain(word), style="bold" if place == chosen else "").append("  ")
        return shown


def no_tags() -> Sequence[str]:
    """For filters without tags."""
    return ()


def complete_query(text: str, cursor: int, tags: Callable[[], Sequence[str]] = no_tags) -> Completion:
    """Complete the query language; `tags` gives the names of tags, the most frequent first."""
    start = _find_term(text[:cursor])
    term = text[start:cursor]
    if found := _KEY.match(term):
        key, value = found[1].lower(), term[found.end() :].removeprefix('"').removeprefix("=")
        return Completion(start, tuple(f"{key}:{_quote(word)}" for word in _pick(value, _values_of(key, tags))))
    return Completion(start, tuple(f"{key}:" for key in _keys() if key.startswith(term.lower())))


def complete_words(text: str, cursor: int, words: Callable[[], Sequence[str]]) -> Completion:
    """Complete plain words, for filters that have no query language."""
    start = max(text.rfind(" ", 0, cursor) + 1, 0)
    term = text[start:cursor]
    return Completion(start, tuple(_pick(term, words()))) if term else Completion(start)


def _find_term(before: str) -> int:
    """Where the term that ends here began, past a minus or an opening parenthesis."""
    start, quoted = 0, False
    for place, char in enumerate(before):
        if char == '"' and not before[:place].endswith("\\"):
            quoted = not quoted
        elif not quoted and (char.isspace() or (char in "-(" and place == start)):
            start = place + 1
    return start


def _keys() -> Sequence[str]:
    from loratui.catalog.grammar import KEYS

    return sorted(KEYS, key=lambda key: _FIRST.index(key) if key in _FIRST else len(_FIRST))


def _values_of(key: str, tags: Callable[[], Sequence[str]]) -> Sequence[str]:
    # The grammar is plain Python; nothing of the library is loaded by it.
    from loratui.catalog.grammar import CHOICES

    if key == "tag":
        return tags()
    return CHOICES.get(key) or _NUMBERS.get(key) or (_FORMATS if key == "format" else ())


def _pick(typed: str, words: Sequence[str]) -> list[str]:
    """Words that begin with what was typed, then those that have it inside; spaces and underscores are the same."""
    wanted = typed.casefold().replace("_", " ")
    begin: list[str] = []
    within: list[str] = []
    for word in words:
        folded = word.casefold().replace("_", " ")
        if folded.startswith(wanted):
            begin.append(word)
            if len(begin) == MOST:
                break
        elif wanted in folded and len(within) < MOST:
            within.append(word)
    return [*begin, *within][:MOST]


def _quote(value: str) -> str:
    if not re.search(r"""[\s"*?\\()]""", value):
        return value
    return '"' + re.sub(r"""(["*?\\])""", r"\\\1", value) + '"'
