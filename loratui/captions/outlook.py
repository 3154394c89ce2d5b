"""What a trained LoRA will and won't let a prompt change, foreseen from the tags and said in plain sentences.

Imbued means that it comes unasked, not that it can't be asked away: on the cast, hair that was imbued from one steady
colour gave way to a colour in no picture in 59 % of the images, and to one of three in 95 % (assets/cast/claims.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from loratui.captions.advice import FUSED, LEAVES_OUT, STEADY
from loratui.captions.traits import load_groups, trait_of

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from loratui.captions.advice import TagAdvice
    from loratui.captions.traits import TraitGroup

# Rarer than this in all, a group of one picture's choices says nothing about what a prompt can ask for.
_TOLD = 0.2
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a prompt will and won't change of a group of tags; `always` come with the trigger, `free` follow words."""

    group: str
    title: str
    always: tuple[str, ...]
    free: tuple[str, ...]
    sentence: str


def foresee(tags: Sequence[TagAdvice], few: Collection[str] = ()) -> tuple[Outlook, ...]:
    """What a prompt will and won't change, group by group, those about the subject first.

    Of groups in `few`, by name, too few pictures say anything: that is all that is told of them.
    """
    found = []
    for group in load_groups():
        if group.kind in ("intrinsic", "borderline", "flexible"):
            own = [tag for tag in tags if tag.group == group.name]
            if group.name in few and own:
                told = f"{_start(group.title)}: too few pictures are tagged to tell."
                found.append(Outlook(group.name, group.title, (), (), told))
                continue
            always = [tag for tag in own if _comes_unasked(tag)]
            free = [tag for tag in own if tag not in always and not tag.imbued_by and tag.verdict != "inconsistent"]
            if always or (free and (group.kind == "intrinsic" or sum(tag.share for tag in free) >= _TOLD)):
                found.append(
                    Outlook(
                        group.name,
                        group.title,
                        tuple(tag.tag for tag in always),
                        tuple(tag.tag for tag in free),
                        _say(group, always, free),
                    )
                )
    return tuple(found)


def decide(tags: Sequence[TagAdvice], chosen: Collection[str]) -> tuple[TagAdvice, ...]:
    """The advice as a person decided: the chosen tags are on the imbued list, what else was proposed is not."""
    return tuple(_decide(tag, chosen) for tag in tags)


def _decide(tag: TagAdvice, chosen: Collection[str]) -> TagAdvice:
    if tag.imbued_by:
        return tag
    if tag.tag in chosen:
        return replace(tag, imbued_by=tag.tag)
    return replace(tag, verdict="ask") if tag.verdict in LEAVES_OUT else tag


def _comes_unasked(tag: TagAdvice) -> bool:
    if tag.verdict == "imbue" or (tag.imbued_by and tag.share >= STEADY):
        return True
    return tag.verdict in ("fused", "ask") and max(tag.share, tag.weight) >= FUSED


def _say(group: TraitGroup, always: Sequence[TagAdvice], free: Sequence[TagAdvice]) -> str:
    told = []
    values = [value for tag in always if (value := _value(tag)) != tag.tag]
    whole = [tag.tag for tag in always if _value(tag) == tag.tag]
    if values:
        told.append(f"{_start(group.noun)} will be {_both(values)} unasked.")
    if whole and all(words.startswith("from ") for words in whole):
        told.append(f"Views {_both(whole)} will come unasked.")
    elif whole:
        told.append(f"{_start(_both(whole))} will be there unasked.")
    if len(free) > 1 and not (group.single and always):
        seen = [_value(tag) for tag in free]
        more = f" and {len(seen) - _NAMED} more" if len(seen) > _NAMED else ""
        follow = "follow" if _is_plural(group.title) else "follows"
        told.append(f"{_start(group.title)} {follow} the prompt: {len(seen)} seen ({', '.join(seen[:_NAMED])}{more}).")
    elif free and not always:
        told.append(f"{_start(group.title)}: only {_value(free[0])} was seen; the base model guesses others.")
    elif free:
        told.append(f"Ask for {_both([tag.tag for tag in free[:_NAMED]])} by name; few pictures show it.")
    return " ".join(told)


def _value(tag: TagAdvice) -> str:
    trait = trait_of(tag.tag)
    return (trait.value if trait else "") or tag.tag


def _is_plural(title: str) -> bool:
    return title.endswith("people") or (title.endswith("s") and not title.endswith("ss"))


def _both(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _start(words: str) -> str:
    return words[:1].upper() + words[1:]
