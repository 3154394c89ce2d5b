"""Invented words that make good triggers: pronounceable, short for the text encoder, unlike anything known."""

from __future__ import annotations

import random
import re
import unicodedata
from typing import TYPE_CHECKING

from loratui.catalog.triggers import fold_trigger, list_common_words, measure_distance
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loratui.captions.trigger_lint import TriggerLint, TriggerReport

MOST_IDEAS = 100

_TOKENS = (2, 3)
_LETTERS = range(5, 9)
_APART = 3
_TRIES = 4_000
_STARTS = (
    *("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"),
    *("br", "dr", "kl", "kr", "pr", "tr", "zh"),
)
_VOWELS = ("a", "e", "i", "o", "u")
_MIDDLES = (
    *("b", "d", "k", "l", "m", "n", "r", "v", "z"),
    *("lv", "rv", "nd", "rk", "zk", "lz", "vr"),
)
_ENDS = ("", "k", "l", "m", "n", "r", "th", "v", "x", "z")


def suggest_triggers(lint: TriggerLint, like: str = "", count: int = 5, seed: int = 0) -> list[TriggerReport]:
    """Words that pass every check, the same ones for the same seed; `like` is a name whose beginning they take.

    Fewer than `count` come back when so few are left. Raises UsageError for a count below 1 or above 100.
    """
    if not 1 <= count <= MOST_IDEAS:
        raise UsageError(f"{count} words can't be suggested.", hint=f"Ask for 1 to {MOST_IDEAS}.")
    head = _take_head(like)
    chosen: list[TriggerReport] = []
    for word in _invent(random.Random(f"{seed} {head}"), head):
        if len(chosen) == count:
            break
        if any(measure_distance(word, other.word, _APART - 1) < _APART for other in chosen):
            continue
        if _sounds_known(word) or not _is_unlike(lint, word):
            continue
        report = lint.check(word)
        if report.good and (report.tokens is None or len(report.tokens) in _TOKENS):
            chosen.append(report)
    return chosen


def _take_head(name: str) -> str:
    """The beginning of a name up to its first vowel and what follows it, in plain letters: Mira, mir; Élodie, el."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    letters = "".join(char for char in plain if char.isascii() and char.isalpha())
    found = re.match(r"[^aeiouy]{0,2}[aeiouy][^aeiouy]?", letters)
    return found[0] if found else ""


def _invent(rng: random.Random, head: str) -> Iterator[str]:
    """Made-up words of five to eight letters, consonants and vowels in turn."""
    seen = set()
    for _ in range(_TRIES):
        start = head or rng.choice(_STARTS) + rng.choice(_VOWELS)
        joint = rng.choice(_MIDDLES) if start[-1] in "aeiouy" else rng.choice(("", "v", "z", "k"))
        word = start + joint + rng.choice(_VOWELS)
        if rng.random() < 0.5:
            word += rng.choice(_MIDDLES) + rng.choice(_VOWELS)
        word += rng.choice(_ENDS)
        if len(word) in _LETTERS and word not in seen:
            seen.add(word)
            yield word


def _sounds_known(word: str) -> bool:
    """Whether a common word of four letters or more stands inside."""
    common = list_common_words()
    return any(word[start:end] in common for start in range(len(word)) for end in range(start + 4, len(word) + 1))


def _is_unlike(lint: TriggerLint, word: str) -> bool:
    """Whether no subject, by its name or its trigger, is nearly called so."""
    taken = {key for claim in lint.claims.subjects for key in (claim.key, fold_trigger(claim.subject))}
    return all(measure_distance(word, key, _APART - 1) >= _APART for key in taken)
