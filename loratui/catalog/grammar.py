"""The query language: words and `key:value` terms, joined by nearness, OR, NOT (or, not) and parentheses.

    role:primary size:<512 tag:smile -tag:hat (rating:>3 OR name:*.png) "two words"

Terms side by side must all hold; OR is weaker; `-` and NOT turn one term or group around. A bare word is
part of the name. In texts `*` and `?` are wildcards, and a backslash takes their meaning away.
Numbers take `<` `<=` `>` `>=` `=` and ranges, `size:512..1024`. Nothing, or `all`, means everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from loratui.catalog.vocabulary import FLAGS, KINDS, PICTURE_STATES, RATINGS, ROLES
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = ("size", "width", "height", "repeats", "rating")
TEXTS = ("name", "tag", "caption", "format", "sha")
CHOICES = {
    "role": ROLES,
    "state": PICTURE_STATES,
    "kind": KINDS,
    "dup": ("yes", "no"),
    "crop": ("yes", "no"),
    "flag": FLAGS,
    "rated": (*RATINGS, "none"),
}
KEYS = (*NUMBERS, *TEXTS, *CHOICES)


@dataclass(frozen=True, slots=True)
class Everything:
    """Holds for every picture."""


@dataclass(frozen=True, slots=True)
class Range:
    """A number within bounds, both included; at least one is given."""

    key: str
    low: int | None
    high: int | None


@dataclass(frozen=True, slots=True)
class Match:
    """A text; `*` and `?` in it are wildcards unless a backslash stands before them."""

    key: str
    text: str
    exact: bool = False


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where its part doesn't."""

    part: Query


@dataclass(frozen=True, slots=True)
class And:
    """Holds where all parts do."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Holds where any part does."""

    parts: tuple[Query, ...]


Query = Everything | Range | Match | Not | And | Or


def parse_query(text: str) -> Query:
    """Read a query; raises UsageError with the place that is wrong."""
    return _Parser(text).parse()


def print_query(query: Query) -> str:
    """Write a query so that parsing it gives the same one."""
    match query:
        case Everything():
            return "all"
        case Range(key, low, high):
            if low == high:
                return f"{key}:{low}"
            return f"{key}:{'' if low is None else low}..{'' if high is None else high}"
        case Match(key, pattern, exact):
            quoted = pattern.replace('"', '\\"')
            return f'{key}:{"=" * exact}"{quoted}"'
        case Not(part):
            return f"-{_print_part(part)}"
        case And(parts):
            return " ".join(_print_part(part) for part in parts)
        case Or(parts):
            return " OR ".join(_print_part(part) for part in parts)


def _print_part(query: Query) -> str:
    text = print_query(query)
    return f"({text})" if isinstance(query, And | Or) else text


# SQLite's own limits lie above: a hundred words that wait for their end, a thousand conditions (some terms are five).
_DEEPEST, _MOST = 12, 200
_NUMBER = r"[+-]?\d{1,15}"
_RANGE = re.compile(rf"(?P<low>{_NUMBER})?\.\.(?P<high>{_NUMBER})?")
_COMPARISON = re.compile(rf"(?P<sign><=|>=|<|>|=)?(?P<number>{_NUMBER})")
_KEY = re.compile(r"([A-Za-z_]+):")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = self.terms = 0

    def parse(self) -> Query:
        if not self.text.strip():
            return Everything()
        query = self.read_or()
        if self.at < len(self.text):
            raise self.wrong("this parenthesis was never opened", self.at)
        if self.terms > _MOST:
            raise UsageError(
                f"The query has {self.terms:,} terms, more than the {_MOST} that can be looked for at once.",
                hint="Ask in several parts; of `sha:A OR sha:B ...` there may be any number.",
            )
        return query

    def read_or(self) -> Query:
        parts = [self.read_and()]
        while self.take_word("OR"):
            parts.append(self.read_and())
        if len(parts) > 1:
            # Hashes are looked up all at once: other programs choose thousands of pictures by them.
            self.terms -= sum(isinstance(part, Match) and part.key == "sha" for part in parts)
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def read_and(self) -> Query:
        parts = [self.read_not()]
        while self.take_word("AND") or self.has_more():
            parts.append(self.read_not())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def has_more(self) -> bool:
        self.skip_space()
        return self.at < len(self.text) and self.text[self.at] != ")" and not self.sees_word("OR")

    def read_not(self) -> Query:
        self.skip_space()
        start = self.at
        if self.take_word("NOT"):
            return Not(self.read_within(start, self.read_not))
        if self.peek() == "-" and self.peek(1).strip():
            self.at += 1
            return Not(self.read_within(start, self.read_not))
        return self.read_one()

    def read_within(self, start: int, read: Callable[[], Query]) -> Query:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong(
                f"this is nested more than {_DEEPEST} times", start, "Leave out parentheses and NOTs that say nothing."
            )
        query = read()
        self.depth -= 1
        return query

    def read_one(self) -> Query:
        start = self.at
        self.terms += 1
        if self.peek() == "":
            raise self.wrong("a term is missing", start)
        if self.peek() == ")" or self.sees_word("OR") or self.sees_word("AND"):
            raise self.wrong(f"a term is missing before '{self.text[start:].split()[0]}'", start)
        if self.peek() == "(":
            self.at += 1
            query = self.read_within(start, self.read_or)
            if self.peek() != ")":
                raise self.wrong("this parenthesis is never closed", start)
            self.at += 1
            return query
        if found := _KEY.match(self.text, self.at):
            self.at = found.end()
            return self.read_value(found[1].lower(), start)
        quoted = self.peek() == '"'
        pattern = self.read_text()
        if not pattern:
            raise self.wrong("there is nothing between the quotes", start)
        return Everything() if pattern == "all" and not quoted else Match("name", pattern)

    def read_value(self, key: str, start: int) -> Query:
        if key not in KEYS:
            near = get_close_matches(key, KEYS, n=1, cutoff=0.5)
            guess = f"Did you mean '{near[0]}'? " if near else ""
            raise self.wrong(
                f"there is no key '{key}'", start, f"{guess}Keys: {', '.join(sorted(KEYS))}. Quote a name with a colon."
            )
        if key in NUMBERS:
            return self.read_range(key)
        exact = key == "name" and self.peek() == "="
        self.at += exact
        value_at = self.at
        pattern = self.read_text()
        if not pattern:
            raise self.wrong(
                f"'{key}:' needs a value", value_at, f"For example {key}:{CHOICES.get(key, ('smile',))[0]}"
            )
        if key in CHOICES and pattern not in CHOICES[key]:
            near = get_close_matches(pattern, CHOICES[key], n=1, cutoff=0.5)
            guess = f"Did you mean '{near[0]}'? " if near else ""
            raise self.wrong(
                f"'{pattern}' is no {key}", value_at, f"{guess}{key.capitalize()}: {', '.join(CHOICES[key])}."
            )
        if key == "sha" and not re.fullmatch(r"[0-9a-fA-F]{1,64}", pattern):
            raise self.wrong(f"'{pattern}' is no sha256", value_at, "Give its first characters: 0-9 and a-f.")
        return Match(key, pattern, exact)

    def read_range(self, key: str) -> Range:
        start = self.at
        while self.peek().strip() and self.peek() not in "()":
            self.at += 1
        value = self.text[start : self.at]
        low: int | None
        high: int | None
        if (found := _RANGE.fullmatch(value)) and value != "..":
            low, high = (None if end is None else int(end) for end in found.group("low", "high"))
        elif found := _COMPARISON.fullmatch(value):
            number = int(found["number"])
            low, high = {
                "<": (None, number - 1),
                "<=": (None, number),
                ">": (number + 1, None),
                ">=": (number, None),
            }.get(found["sign"], (number, number))
        else:
            raise self.wrong(
                f"'{key}:' needs a number, not '{value}'", start, f"For example {key}:<512 or {key}:512..1024"
            )
        if low is not None and high is not None and low > high:
            raise self.wrong(f"the range {value} is empty", start, f"Write {key}:{high}..{low}")
        return Range(key, low, high)

    def read_text(self) -> str:
        """Read a bare or quoted text as a pattern in which every plain backslash is doubled."""
        start, quoted, depth = self.at, self.peek() == '"', 0
        self.at += quoted
        pattern: list[str] = []
        while char := self.peek():
            if char == "\\":
                following = self.peek(1)
                if following in ("*", "?", "\\", '"'):
                    pattern.append(following if following == '"' else char + following)
                    self.at += 2
                    continue
                pattern.append("\\\\")
            elif quoted and char == '"':
                self.at += 1
                if self.peek().strip() and self.peek() != ")":
                    raise self.wrong("a space is missing after the quote", self.at)
                return "".join(pattern)
            # Tags like star_(symbol) need no quotes: a parenthesis opened inside a word belongs to it.
            elif not quoted and (char.isspace() or (char == ")" and not depth)):
                break
            else:
                depth += {"(": 1, ")": -1}.get(char, 0)
                pattern.append(char)
            self.at += 1
        if quoted:
            raise self.wrong("this quote is never closed", start)
        return "".join(pattern)

    def peek(self, ahead: int = 0) -> str:
        return self.text[self.at + ahead : self.at + ahead + 1]

    def skip_space(self) -> None:
        while self.peek().isspace():
            self.at += 1

    def sees_word(self, word: str) -> bool:
        after = self.text[self.at + len(word) : self.at + len(word) + 1]
        here = self.text[self.at : self.at + len(word)]
        return here.upper() == word and (not after.strip() or after in "()")

    def take_word(self, word: str) -> bool:
        self.skip_space()
        found = self.sees_word(word)
        self.at += len(word) * found
        return found

    def wrong(self, what: str, place: int, hint: str = "") -> UsageError:
        # Control characters would move the pointer, or do worse to a terminal.
        shown = "".join(char if char.isprintable() else " " for char in self.text)
        pointer = f"{shown}\n{' ' * place}^"
        return UsageError(
            f"The query is wrong at character {place + 1}: {what}.\n{pointer}",
            hint=hint or 'For example: role:primary size:<512 tag:smile -tag:hat "two words"',
        )
