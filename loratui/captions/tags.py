"""How a tag is spelled and when two spellings mean the same tag."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# The tags of the WD vocabulary in which an underscore is part of a face. Kohya's tagger spares every name of
# three letters or fewer instead, which breaks <|>_<|>, ||_|| and (o)_(o).
KAOMOJI = frozenset(
    (
        *("0_0", "(o)_(o)", "+_+", "+_-", "._.", "<o>_<o>", "<|>_<|>", "=_=", ">_<", "3_3"),
        *("6_9", ">_o", "@_@", "^_^", "o_o", "u_u", "x_x", "|_|", "||_||"),
    )
)

_SPACED_FACES = {" ".join(face.replace("_", " ").split()): face for face in sorted(KAOMOJI)}


def spell_tag(tag: str) -> str:
    """Write a tagger's tag as people caption: underscores become spaces, except in faces like ^_^."""
    return tag if tag.casefold() in KAOMOJI else tag.replace("_", " ")


@lru_cache(maxsize=16384)
def fold_tag(tag: str) -> str:
    """The form on which tags are compared: NFC, case folded, `_` as space outside faces, single spaces.

    A face that lost its underscore, as kohya's tools write the long ones, is that face still.
    """
    folded = unicodedata.normalize("NFC", unescape_tag(tag)).casefold().strip()
    spaced = " ".join(folded.replace("_", " ").split())
    return _SPACED_FACES.get(spaced, spaced)


def unescape_tag(tag: str) -> str:
    r"""Take the backslashes off parentheses that were escaped for prompt weighting: `star \(symbol\)`."""
    return re.sub(r"\\+([()])", r"\1", tag)


def match_tag(pattern: str, tag: str) -> bool:
    """Tell whether a tag is meant by an entry of a list, in which `*` stands for any text (`* eyes`)."""
    return _compile(pattern).fullmatch(fold_tag(tag)) is not None


@lru_cache(maxsize=1024)
def _compile(pattern: str) -> re.Pattern[str]:
    # Only * is special: ? and [] are tags of their own.
    return re.compile(".*".join(re.escape(part) for part in fold_tag(pattern).split("*")), re.DOTALL)


def mentions(text: str, words: str) -> bool:
    """Tell whether text contains the words, not as part of longer ones, whatever their case and underscores."""
    return re.search(rf"(?<!\w){re.escape(fold_tag(words))}(?!\w)", fold_tag(text)) is not None
