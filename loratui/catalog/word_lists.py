"""Lists of words that are data: sexual ones and signs of youth, in English and other languages.

A file has sections, each headed by its name in brackets, with words between commas; # begins a remark.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from importlib.resources import files
from unicodedata import normalize

from loratui.errors import RefusedError


@cache
def read_words(name: str) -> dict[str, tuple[str, ...]]:
    """The words of a list by section, as they are written there; raises RefusedError when one is empty."""
    text = files("loratui").joinpath("catalog", "words", f"{name}.txt").read_text(encoding="utf-8")
    found: dict[str, list[str]] = defaultdict(list)
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line.strip("[] ")
        elif line and not line.startswith("#"):
            found[section] += [word.strip() for word in line.split(",")]
    if not found or not all(found.values()):
        raise RefusedError(f"The list of words '{name}' is empty.", hint="Install loratui again.")
    return {section: tuple(words) for section, words in found.items()}


@cache
def read_contexts(name: str) -> tuple[tuple[frozenset[str], frozenset[str]], ...]:
    """The section `beside` of a list: words, and those beside which they count."""
    text = files("loratui").joinpath("catalog", "words", f"{name}.txt").read_text(encoding="utf-8")
    lines = text.partition("[beside]\n")[2].splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line and not line.startswith("#"))
    return tuple(
        (frozenset(re.split(r", *", one)), frozenset(re.split(r", *", other.strip()))) for one, _, other in pairs
    )


class AccentedWords:
    """Finds words that are innocent without their accents, as whole words."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, map(_compose, words)))})(?!\w)")

    def find(self, text: str) -> list[str]:
        """Those in a text, in their order."""
        return [] if text.isascii() else self._pattern.findall(_compose(text).replace("_", " "))


def _compose(text: str) -> str:
    return normalize("NFC", text.lower())
