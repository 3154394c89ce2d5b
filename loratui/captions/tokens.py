"""Splits text as the text encoders of Stable Diffusion do, to judge trigger words by what the model reads."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

CLIP_TOKENS = 75
"""What a text encoder of Stable Diffusion reads of a caption, beside start and end."""

_WORDS_KEPT = 200_000
_BROKEN = "\ufffd"
# CLIP numbers bytes as GPT-2 does: those that are printable in Latin-1 first.
_PRINTABLE = (*range(33, 127), *range(161, 173), *range(174, 256))
_BYTES = (*_PRINTABLE, *(byte for byte in range(256) if byte not in _PRINTABLE))

_NAMED = 3


def find_clip_tokenizer() -> Callable[[str], list[str]] | None:
    """A function from text to CLIP's tokens as text, the last of a word ending in `</w>`; None where not installed."""
    return split_tokens if importlib.util.find_spec("instant_clip_tokenizer") else None


def split_tokens(text: str) -> list[str]:
    """CLIP's byte-pair tokens of a text (Radford et al. 2021, 49,408 tokens), without start and end.

    A token that is a part of a letter is written as its byte, such as `<E7>`.
    """
    tokenizer = _open_tokenizer()
    # Decoding writes the end of a word as a space.
    pieces = [_name_bytes(token, str(tokenizer.decode([token]))) for token in tokenizer.encode(text)]
    return [piece.removesuffix(" ") + "</w>" if piece.endswith(" ") else piece for piece in pieces]


def _name_bytes(token: int, piece: str) -> str:
    if _BROKEN not in piece:
        return piece
    # The first 256 tokens are single bytes, the next 256 the same at the end of a word.
    if token < 2 * len(_BYTES):
        return f"<{_BYTES[token % len(_BYTES)]:02X}>{' ' * (token >= len(_BYTES))}"
    return piece.replace(_BROKEN, "<..>")


def count_clip_tokens(texts: Iterable[str]) -> list[int] | None:
    """How many of CLIP's tokens each text is, without start and end; None where its tokenizer is not installed."""
    counter = open_counter()
    return None if counter is None else [counter.count(text) for text in texts]


@dataclass(frozen=True, slots=True)
class LongCaptions:
    """Captions of which trainers cut the end: how many, some of them with their tokens, and what to do."""

    count: int
    named: tuple[tuple[str, int], ...]

    @property
    def message(self) -> str:
        """One sentence about them."""
        are, their = ("caption is", "its end") if self.count == 1 else ("captions are", "their ends")
        named = ", ".join(f"{name} ({tokens})" for name, tokens in self.named)
        more = f" and {self.count - len(self.named):,} more" if self.count > len(self.named) else ""
        return (
            f"{self.count:,} {are} longer than the {CLIP_TOKENS} CLIP tokens that trainers read, so {their} will be "
            f"cut: {named}{more}."
        )

    @property
    def hint(self) -> str:
        """What to do about them."""
        return "Remove or imbue tags, or write shorter captions; what a person said is never left out by itself."


def find_long(captions: Iterable[tuple[str, str]]) -> LongCaptions | None:
    """Those of some captions, given with their names, that are too long; None without any, or without a tokenizer."""
    pairs = list(captions)
    counts = count_clip_tokens(text for _, text in pairs) or ()
    long = [(name, tokens) for (name, _), tokens in zip(pairs, counts, strict=False) if tokens > CLIP_TOKENS]
    return LongCaptions(len(long), tuple(long[:_NAMED])) if long else None


def check_length(text: str) -> list[str]:
    """That a caption is too long, in words; empty when it is not, or where the tokenizer is not installed."""
    counts = count_clip_tokens([text])
    if counts is None or counts[0] <= CLIP_TOKENS:
        return []
    return [f"it has {counts[0]} CLIP tokens: trainers read {CLIP_TOKENS} and cut the rest"]


class TokenCounter(dict[str, int]):
    """Counts CLIP's tokens, remembering each word: they never reach over a space, and captions repeat their words."""

    def __missing__(self, word: str) -> int:
        if len(self) > _WORDS_KEPT:
            self.clear()
        found = self[word] = len(_open_tokenizer().encode(word))
        return found

    def count(self, text: str) -> int:
        """The tokens of a text, without start and end."""
        return sum(map(self.__getitem__, text.split(" ")))


class TagCounter(dict[str, int]):
    """How many tokens each tag takes in a caption, with the comma behind it."""

    def __init__(self, words: TokenCounter) -> None:
        super().__init__()
        self.count = words.count

    def __missing__(self, tag: str) -> int:
        if len(self) > _WORDS_KEPT:
            self.clear()
        found = self[tag] = self.count(f"{tag},")
        return found


@lru_cache(maxsize=1)
def open_tag_counter() -> TagCounter | None:
    """The one counter of tags of this process; None where CLIP's tokenizer is not installed."""
    words = open_counter()
    return None if words is None else TagCounter(words)


@lru_cache(maxsize=1)
def open_counter() -> TokenCounter | None:
    """The one counter of this process; None where CLIP's tokenizer is not installed."""
    return TokenCounter() if find_clip_tokenizer() is not None else None


@lru_cache(maxsize=1)
def _open_tokenizer() -> Any:
    from instant_clip_tokenizer import Tokenizer

    return Tokenizer()
