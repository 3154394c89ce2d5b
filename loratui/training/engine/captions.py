"""What text a sample is trained with: its caption, shuffled or dropped as the recipe says."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random


def vary_caption(caption: str, draw: random.Random, *, dropout: float, shuffle: bool, keep_tokens: int) -> str:
    """The caption for one use of a sample: empty by chance, else with the tags after the kept ones shuffled.

    Tags are what commas separate. Only `draw.random()` is used, whose sequence is the same in every Python.
    """
    if dropout and draw.random() < dropout:
        return ""
    if not shuffle:
        return caption
    tags = [tag.strip() for tag in caption.split(",")]
    kept, rest = tags[:keep_tokens], tags[keep_tokens:]
    return ", ".join(kept + sorted(rest, key=lambda _: draw.random()))
