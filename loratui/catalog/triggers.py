"""Trigger words: one owner in the whole catalog, and warnings about words that are easily confused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from loratui.catalog import tables
from loratui.catalog.loraheaders import find_words_in_use
from loratui.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from loratui.catalog.store import Catalog

MAX_TRIGGER = 75

Tokenize = Callable[[str], list[str]]
"""Splits a text as a base model's text encoder does, e.g. ["mi", "ra</w>"]."""


@dataclass(frozen=True, slots=True)
class TriggerWarning:
    """Something doubtful about a trigger.

    `code` is near, contains, contained, same_tokens, common_word, single_letters, digits, short,
    in_lora_file or unreadable_lora; `other` is the subject or file it is about, if any.
    """

    code: str
    message: str
    hint: str
    other: str = ""


def fold_trigger(text: str) -> str:
    """What makes two triggers the same: case, width and everything but letters and digits fall away."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in unicodedata.normalize("NFKC", folded) if char.isalnum())


def check_trigger(
    catalog: Catalog,
    trigger: str,
    *,
    lora_folders: Sequence[Path] = (),
    tokenize: Tokenize | None = None,
    own_subject_id: int = 0,
) -> list[TriggerWarning]:
    """What is doubtful about a trigger; raises UsageError for an unusable, ConflictError for a taken one."""
    with catalog.read() as connection:
        key = claim_trigger(connection, trigger, own_subject_id=own_subject_id)["trigger_key"]
        subject = tables.subject.c
        others = connection.execute(
            select(subject.name, subject.trigger, subject.trigger_key).where(subject.id != own_subject_id)
        ).all()
    warnings = _check_word(trigger, key, tokenize)
    for name, other, other_key in others:
        warnings += _compare(name, trigger, key, other, other_key, tokenize)
    for word in find_words_in_use(lora_folders):
        if word.problem:
            warnings.append(
                TriggerWarning(
                    "unreadable_lora",
                    f"{word.path} can't be read ({word.problem}): its trigger words are unknown.",
                    "Remove the file or the folder from lora_folders.",
                    str(word.path),
                )
            )
        elif _occurs(trigger, key, word.text):
            warnings.append(
                TriggerWarning(
                    "in_lora_file",
                    f"The LoRA file {word.path} uses '{word.text}' ({word.source}).",
                    "Loaded together the two would mix: choose another trigger.",
                    str(word.path),
                )
            )
    return warnings


def claim_trigger(connection: Connection, trigger: str, *, own_subject_id: int = 0) -> dict[str, Any]:
    """The columns of a trigger that is free; raises UsageError for an unusable, ConflictError for a taken one."""
    trigger = trigger.strip()
    key = fold_trigger(trigger)
    if not key or len(trigger) > MAX_TRIGGER or not trigger.isprintable() or "," in trigger:
        raise UsageError(
            f"{trigger[:MAX_TRIGGER]!r} can't be a trigger word.",
            hint=f"A trigger has letters or digits, no comma, and at most {MAX_TRIGGER} characters.",
        )
    subject = tables.subject.c
    taken = select(subject.name, subject.trigger).where(subject.trigger_key == key, subject.id != own_subject_id)
    if owner := connection.execute(taken).first():
        raise ConflictError(
            f"The trigger '{trigger}' belongs to the subject '{owner.name}' already (there it is '{owner.trigger}').",
            hint="Choose another: case, width and punctuation make no difference.",
        )
    return {"trigger": trigger, "trigger_key": key}


def measure_distance(first: str, second: str, limit: int) -> int:
    """Letters to insert, drop, replace or swap to get from one word to the other; `limit` + 1 when more."""
    if abs(len(first) - len(second)) > limit:
        return limit + 1
    before: list[int] = []
    above = list(range(len(second) + 1))
    for row, left in enumerate(first, 1):
        current = [row]
        for column, right in enumerate(second, 1):
            cost = min(above[column] + 1, current[-1] + 1, above[column - 1] + (left != right))
            if row > 1 and column > 1 and left == second[column - 2] and first[row - 2] == right:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return limit + 1
        before, above = above, current
    return min(above[-1], limit + 1)


def _check_word(trigger: str, key: str, tokenize: Tokenize | None) -> list[TriggerWarning]:
    warnings = []
    if key in _common_words():
        warnings.append(
            TriggerWarning(
                "common_word",
                f"'{trigger}' is a common word: the base model has a meaning for it already.",
                "Invent a word, for example a name with an unusual ending.",
            )
        )
    if len(key) < 3:
        warnings.append(
            TriggerWarning("short", f"'{trigger}' is very short.", "Three letters or more are seldom hit by chance.")
        )
    if any(char.isdigit() for char in key):
        warnings.append(
            TriggerWarning(
                "digits",
                f"'{trigger}' holds digits: text encoders read each digit as a word of its own.",
                "Spell it with letters only.",
            )
        )
    if _falls_apart(trigger, tokenize):
        warnings.append(
            TriggerWarning(
                "single_letters",
                f"'{trigger}' falls apart into single letters, which mean something in every prompt.",
                "Choose a word that can be pronounced.",
            )
        )
    return warnings


def _falls_apart(trigger: str, tokenize: Tokenize | None) -> bool:
    if tokenize is None:
        words = re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", trigger))
        return len(words) > 1 and all(len(word) == 1 for word in words)
    tokens = [fold_trigger(token.removesuffix("</w>")) for token in tokenize(trigger)]
    single = [token for token in tokens if len(token) == 1]
    return len(single) > 1 and 2 * len(single) > len(tokens)


def _compare(
    name: str, trigger: str, key: str, other: str, other_key: str, tokenize: Tokenize | None
) -> list[TriggerWarning]:
    hint = "Both in one prompt would call up both: choose words that differ more."
    shorter = min(len(key), len(other_key))
    allowed = 1 if shorter < 8 else 2
    if tokenize is not None and tokenize(trigger) == tokenize(other):
        message = f"'{trigger}' and '{other}' (subject '{name}') are the same to the text encoder."
        return [TriggerWarning("same_tokens", message, hint, name)]
    if shorter >= 2 and (key in other_key or other_key in key):
        inside = key in other_key
        message = f"'{trigger}' {'is part of' if inside else 'has in it'} '{other}' (subject '{name}')."
        return [TriggerWarning("contained" if inside else "contains", message, hint, name)]
    if shorter >= 3 and measure_distance(key, other_key, allowed) <= allowed:
        message = f"'{trigger}' is nearly '{other}' (subject '{name}')."
        return [TriggerWarning("near", message, hint, name)]
    return []


def _occurs(trigger: str, key: str, text: str) -> bool:
    """Whether the trigger is the text, or a run of whole words in it."""
    words = [fold_trigger(word) for word in re.split(r"[\s,_;|:/.-]+", text)]
    width = max(1, len(re.findall(r"[^\W_]+", trigger)))
    runs: Iterable[str] = (
        "".join(words[start : start + size]) for size in range(1, width + 1) for start in range(len(words) - size + 1)
    )
    return fold_trigger(text) == key or key in runs


@cache
def _common_words() -> frozenset[str]:
    lines = files("loratui.catalog").joinpath("common_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(fold_trigger(word) for line in lines if not line.startswith("#") for word in line.split())
