"""Splits text as the text encoders of Stable Diffusion do, to judge trigger words by what the model reads."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


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
    if find_clip_tokenizer() is None:
        return None
    encode = _open_tokenizer().encode
    return [len(encode(text)) for text in texts]


@lru_cache(maxsize=1)
def _open_tokenizer() -> Any:
    from instant_clip_tokenizer import Tokenizer

    return Tokenizer()
