"""Splits text as the text encoders of Stable Diffusion do, to judge trigger words by what the model reads."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_WORDS_KEPT = 200_000


def find_clip_tokenizer() -> Callable[[str], list[str]] | None:
    """A function from text to CLIP's tokens as text, the last of a word ending in `</w>`; None where not installed."""
    return split_tokens if importlib.util.find_spec("instant_clip_tokenizer") else None


def split_tokens(text: str) -> list[str]:
    """CLIP's byte-pair tokens of a text (Radford et al. 2021, 49,408 tokens), without start and end."""
    tokenizer = _open_tokenizer()
    # Decoding writes the end of a word as a space.
    pieces = [str(tokenizer.decode([token])) for token in tokenizer.encode(text)]
    return [piece.removesuffix(" ") + "</w>" if piece.endswith(" ") else piece for piece in pieces]


def count_clip_tokens(texts: Iterable[str]) -> list[int] | None:
    """How many of CLIP's tokens each text is, without start and end; None where its tokenizer is not installed."""
    counter = open_counter()
    return None if counter is None else [counter.count(text) for text in texts]


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
