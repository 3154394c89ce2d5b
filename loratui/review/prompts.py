"""The prompts of a sheet: search-and-replace lists, and a default panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def replace_in_prompts(prompts: Sequence[str], search: str, values: Sequence[str]) -> list[str]:
    """Every prompt once per value, with all occurrences of `search` replaced by the value.

    Prompts without `search` are kept once. Prompt-major order, duplicates dropped. Put `search` itself among the
    values to keep the original as a control. Raises UsageError when no prompt holds `search`: the comparison
    would silently show the same picture again and again.
    """
    if not search or not values:
        raise UsageError(
            "A replacement needs a text to search and at least one value.", hint="For example: red hair -> blue hair."
        )
    if not any(search in prompt for prompt in prompts):
        raise UsageError(
            f"No prompt contains '{search}'.", hint=f"The prompts are: {' | '.join(prompts)}. The case counts."
        )
    made: list[str] = []
    for prompt in prompts:
        made.extend(prompt.replace(search, value) for value in values) if search in prompt else made.append(prompt)
    return drop_repeats(made)


def default_prompts(trigger: str, captions: Iterable[str], *, count: int = 3) -> list[str]:
    """`photo of TRIGGER`, then training captions, the most telling first, up to `count` prompts.

    A caption is the more telling the more parts it has: it asks for more that the LoRA must obey. The order is
    fixed by the captions alone, so that two sheets of a run ask for the same things.
    """
    usable = {" ".join(caption.split()).strip(" ,") for caption in captions if trigger in caption}
    ranked = sorted(usable, key=lambda caption: (-caption.count(","), caption))
    return drop_repeats([f"photo of {trigger}", *ranked])[:count]


def drop_repeats(prompts: Iterable[str]) -> list[str]:
    """The prompts in their order, each once."""
    return list(dict.fromkeys(prompts))
