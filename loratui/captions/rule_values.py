"""What caption rules may hold: every value is checked on its way in, from a person, a file or the library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, get_args

from loratui.captions.tags import fold_tag
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Order = Literal["score", "alphabetical"]
Overlaps = Literal["scored", "all", "no"]
Say = Literal["tags", "sentence", "both"]

CATEGORIES = ("general", "character", "copyright", "artist", "meta", "quality", "model")
"""What taggers sort their tags into. Ratings are for no caption."""

PLACEHOLDER = re.compile(r"\{(\w*)\}")
PLACEHOLDERS = ("trigger", "class_word")
# A face like :} has no word at its brace.
_SLIP = re.compile(r"\{+\s*\w+|\w+\s*\}+")
_EMPTY = re.compile(r"\{\s*\}")


def check_printable(name: str, value: Any) -> None:
    """Raise UsageError for a rule whose text no caption can hold: with new lines, escapes, or halves of letters."""
    for text in _list_texts(value):
        if not text.isprintable():
            raise UsageError(
                f"The caption rule {name} can't have {text!r}: some of it can't be printed.",
                hint="Rules are plain text on one line, without new lines, tabs and other control characters.",
            )


def check_placeholders(name: str, text: str) -> None:
    """Raise UsageError for a prefix or suffix with nothing in its braces, or in which a placeholder lacks a brace."""
    if empty := _EMPTY.search(text):
        raise UsageError(
            f"The caption rule {name} can't have {empty[0]}: nothing is filled in for that.",
            hint="Of words in braces only {trigger} and {class_word} may stand in it.",
        )
    if slip := _SLIP.search(PLACEHOLDER.sub(r"\1", text)):
        raise UsageError(
            f"The caption rule {name} has a brace too few: {slip[0]!r}.",
            hint="Write {trigger} or {class_word}, with a brace on either side.",
        )


def check_circles(implications: Mapping[str, Sequence[str]]) -> None:
    """Raise UsageError when tags say each other: of two that do, which one is to stay can't be told."""
    said: dict[str, set[str]] = {}
    for general, tags in implications.items():
        for tag in tags:
            said.setdefault(fold_tag(tag), set()).add(fold_tag(general))
    for start in said:
        reached: set[str] = set()
        waiting = [start]
        while waiting:
            fresh = said.get(waiting.pop(), set()) - reached
            reached |= fresh
            waiting += fresh
        if start in reached:
            raise UsageError(
                f"Implications lead in a circle: '{start}' says a tag that says '{start}'.",
                hint="Take one of them out: only the more specific tag says the other.",
            )


def check_rule(name: str, value: Any) -> Any:
    """The value of a rule as it is kept; raises UsageError for one that makes no sense.

    What can't be printed becomes a space: rules that a library has from elsewhere still make captions of one line.
    """
    value = _make_printable(value)
    match name:
        case "prefix" | "suffix":
            hint = "Of words in braces only {trigger} and {class_word} may stand in it."
            if not isinstance(value, str):
                raise _wrong(name, value, f"Give text. {hint}")
            if unknown := [word for word in PLACEHOLDER.findall(value) if word not in PLACEHOLDERS]:
                raise UsageError(
                    f"The caption rule {name} can't have {{{unknown[0]}}}: nothing is filled in for that.", hint=hint
                )
            return value
        case "imbued" | "always_first":
            if _is_list(value):
                # No tag has a comma in it: such an entry would find nothing, and be two in a kohya list.
                return _clean([tag for entry in value for tag in entry.split(",")])
            raise _wrong(name, value, "Give a list of tags.")
        case "categories":
            if _is_list(value) and set(value) <= set(CATEGORIES):
                return _clean(value)
            raise _wrong(name, value, f"Give a list of {', '.join(CATEGORIES)}.")
        case "renames":
            if isinstance(value, Mapping) and all(isinstance(new, str) for new in value.values()):
                return {old.strip(): new.strip() for old, new in value.items() if old.strip()}
            raise _wrong(name, value, "Give pairs of an old and a new tag.")
        case "aliases" | "implications":
            if isinstance(value, Mapping) and all(_is_list(tags) for tags in value.values()):
                return {tag.strip(): _clean(tags) for tag, tags in value.items() if tag.strip()}
            raise _wrong(name, value, "Give a list of tags for each tag.")
        case "say":
            return _check_choice(name, value, get_args(Say))
        case "order":
            return _check_choice(name, value, get_args(Order))
        case "drop_overlaps":
            return _check_choice(name, value, get_args(Overlaps))
        case "general_threshold" | "character_threshold":
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
                return float(value)
            raise _wrong(name, value, "Give a score between 0 and 1.")
        case "keep_tokens" | "max_tokens":
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                return value
            raise _wrong(name, value, "Give a whole number from 0 up.")
        case _:
            if isinstance(value, bool):
                return value
            raise _wrong(name, value, "Give true or false.")


def resolve_names(aliases: Mapping[str, Sequence[str]], renames: Mapping[str, str]) -> dict[str, str]:
    """What is said for each tag that has another name, by its folded form, to the end of the chain.

    Raises UsageError for names that lead in a circle.
    """
    steps = {fold_tag(spelling): tag for tag, spellings in aliases.items() for spelling in (tag, *spellings)}
    steps |= {fold_tag(old): new for old, new in renames.items()}
    steps.pop("", None)
    found: dict[str, str] = {}
    for start in steps:
        key, passed = start, {start}
        while fold_tag(steps.get(key, key)) != key:
            key = fold_tag(steps[key])
            if key in passed:
                raise UsageError(
                    f"Renames and aliases lead in a circle: '{start}' becomes '{steps[start]}' and is itself again.",
                    hint="Take one of them out: a tag has one name in the end.",
                )
            passed.add(key)
        found[start] = _say(steps, start, key)
    return found


def _say(steps: Mapping[str, str], start: str, end: str) -> str:
    """How the end of a chain is written: as it says itself, else as the last step to it does."""
    if end in steps:
        return steps[end]
    key = start
    while fold_tag(steps[key]) != end:
        key = fold_tag(steps[key])
    return steps[key]


def _list_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _list_texts(key)
            yield from _list_texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _list_texts(each)


def _make_printable(value: Any) -> Any:
    if isinstance(value, str):
        if value.isprintable():
            return value
        return " ".join("".join(letter if letter.isprintable() else " " for letter in value).split())
    if isinstance(value, Mapping):
        return {_make_printable(key): _make_printable(each) for key, each in value.items()}
    return [_make_printable(each) for each in value] if isinstance(value, list | tuple) else value


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(tag, str) for tag in value)


def _clean(tags: Sequence[str]) -> tuple[str, ...]:
    return tuple(tag.strip() for tag in tags if tag.strip())


def _check_choice(name: str, value: Any, choices: Sequence[str]) -> Any:
    if value in choices:
        return value
    raise _wrong(name, value, f"Give one of {', '.join(choices)}.")


def _wrong(name: str, value: Any, hint: str) -> UsageError:
    return UsageError(f"The caption rule {name} can't be {value!r}.", hint=hint)
