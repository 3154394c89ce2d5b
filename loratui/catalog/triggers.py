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
from loratui.catalog.loraheaders import WordInUse, find_words_in_use
from loratui.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from loratui.catalog.store import Catalog

MAX_TRIGGER = 75
_WORN = "# Rare tokens"
"""How the last part of the list of words begins."""

Tokenize = Callable[[str], list[str]]
"""Splits a text as a base model's text encoder does, e.g. ["mi", "ra</w>"]."""


@dataclass(frozen=True, slots=True)
class TriggerWarning:
    """Something doubtful about a trigger.

    `code` is near, contains, contained, same_tokens, common_word, worn_word, single_letters, digits, short,
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


@dataclass(frozen=True, slots=True)
class Claim:
    """A trigger that a subject has, with what it is compared by."""

    subject: str
    trigger: str
    key: str


@dataclass(frozen=True, slots=True)
class Claims:
    """The words that subjects and LoRA files have taken, read once to judge many triggers."""

    subjects: tuple[Claim, ...]
    files: tuple[WordInUse, ...] = ()

    def find_owner(self, trigger: str) -> Claim | None:
        """The subject whose trigger this is, in whatever case, width and punctuation."""
        key = fold_trigger(trigger)
        return next((claim for claim in self.subjects if claim.key == key), None)


def read_claims(catalog: Catalog, lora_folders: Sequence[Path] = (), *, own_subject_id: int = 0) -> Claims:
    """The words that are taken by other subjects and by the LoRA files under some folders."""
    subject = tables.subject.c
    with catalog.read() as connection:
        others = connection.execute(
            select(subject.name, subject.trigger, subject.trigger_key).where(subject.id != own_subject_id)
        ).all()
    return Claims(tuple(Claim(*other) for other in others), tuple(find_words_in_use(lora_folders)))


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
        claim_trigger(connection, trigger, own_subject_id=own_subject_id)
    return judge_trigger(trigger, read_claims(catalog, lora_folders, own_subject_id=own_subject_id), tokenize)


def judge_trigger(trigger: str, claims: Claims, tokenize: Tokenize | None = None) -> list[TriggerWarning]:
    """What is doubtful about a trigger that is no other subject's, given the words that are taken."""
    key = fold_trigger(trigger)
    warnings = _check_word(trigger, key, tokenize)
    for claim in claims.subjects:
        warnings += _compare(claim.subject, trigger, key, claim.trigger, claim.key, tokenize)
    for word in claims.files:
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
    trigger = clean_trigger(trigger)
    key = fold_trigger(trigger)
    subject = tables.subject.c
    taken = select(subject.name, subject.trigger).where(subject.trigger_key == key, subject.id != own_subject_id)
    if owner := connection.execute(taken).first():
        raise ConflictError(
            f"The trigger '{trigger}' belongs to the subject '{owner.name}' already (there it is '{owner.trigger}').",
            hint="Choose another: case, width and punctuation make no difference.",
        )
    return {"trigger": trigger, "trigger_key": key}


def clean_trigger(trigger: str) -> str:
    """A trigger without surrounding space; raises UsageError for one that can't be used."""
    clean = trigger.strip()
    if not fold_trigger(clean) or len(clean) > MAX_TRIGGER or not clean.isprintable() or "," in clean:
        raise UsageError(
            f"{clean[:MAX_TRIGGER]!r} can't be a trigger word.",
            hint=f"A trigger has letters or digits, no comma, and at most {MAX_TRIGGER} characters.",
        )
    return clean


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
    if key in list_worn_words():
        warnings.append(
            TriggerWarning(
                "worn_word",
                f"'{trigger}' is the trigger of so many LoRAs that it has a meaning by now.",
                "Invent a word: `loratui trigger suggest` makes some.",
            )
        )
    elif key in list_common_words():
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
def list_common_words() -> frozenset[str]:
    """Words that every base model has a meaning for, folded like triggers."""
    return frozenset(fold_trigger(word) for line in _read_words() if not line.startswith("#") for word in line.split())


@cache
def list_worn_words() -> frozenset[str]:
    """Those of them that meant nothing until many LoRAs had them as their trigger."""
    lines = _read_words()
    first = next((number for number, line in enumerate(lines) if line.startswith(_WORN)), len(lines)) + 1
    return frozenset(fold_trigger(word) for line in lines[first:] for word in line.split())


def _read_words() -> list[str]:
    return files("loratui.catalog").joinpath("common_words.txt").read_text(encoding="utf-8").splitlines()
