"""Whether a word makes a good trigger: what the text encoder reads, and what it would be mistaken for."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.captions.hub import parse_name
from loratui.captions.tokens import find_clip_tokenizer
from loratui.captions.traits import known_tags
from loratui.captions.vocabulary import read_vocabulary
from loratui.catalog.rating_words import find_hidden_word, find_rating_words
from loratui.catalog.ratings import refuse_trigger
from loratui.catalog.triggers import (
    TriggerWarning,
    clean_trigger,
    fold_trigger,
    judge_trigger,
    list_common_words,
    measure_distance,
    read_claims,
)
from loratui.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from loratui.catalog.store import Catalog
    from loratui.catalog.triggers import Claims, Tokenize
    from loratui.config import Home

MANY_TOKENS = 4
"""More than these take room from the caption and are seldom learned as one word."""

_TAG_FILES = ("tag_mapping.json", "selected_tags.csv")
# Pieces shorter than these mean too many things to mean anything.
_PIECE, _LAST_PIECE = 4, 3
# Of shorter words, one letter less or more is another word altogether.
_COMPARED = 5


@dataclass(frozen=True, slots=True)
class TriggerReport:
    """A word judged as a trigger: the tokens CLIP reads, None where its tokenizer is not installed; `owner` has it.

    The warnings are those of check_trigger and taken, subject_name, tag, character, near_word, one_token,
    many_tokens, word_inside, person.
    """

    word: str
    tokens: tuple[str, ...] | None
    owner: str
    warnings: tuple[TriggerWarning, ...]

    @property
    def free(self) -> bool:
        """Whether no other subject has the word."""
        return not self.owner

    @property
    def good(self) -> bool:
        """Whether nothing speaks against the word; a LoRA file that can't be read doesn't."""
        return all(warning.code == "unreadable_lora" for warning in self.warnings)


class TriggerLint:
    """Judges words as triggers; everything they may clash with is read once.

    `names` are folded words that a base or a tagger has a meaning for, with how they are spelled.
    """

    def __init__(self, claims: Claims, names: Mapping[str, tuple[str, str]], tokenize: Tokenize | None) -> None:
        self.claims = claims
        self.tokenize = tokenize
        self._names = names
        self._neighbours: dict[str, list[str]] = defaultdict(list)
        for key in {*names, *list_common_words()}:
            if len(key) >= _COMPARED:
                for form in _drop_letters(key):
                    self._neighbours[form].append(key)

    def check(self, word: str) -> TriggerReport:
        """Judge a word; raises UsageError for one that can't be a trigger."""
        trigger = clean_trigger(word)
        key = fold_trigger(trigger)
        tokens = tuple(self.tokenize(trigger)) if self.tokenize else None
        owner = self.claims.find_owner(trigger)
        warnings = [] if owner else judge_trigger(trigger, self.claims, self.tokenize)
        if owner:
            message = f"The subject '{owner.subject}' has it (there it is '{owner.trigger}')."
            warnings.append(TriggerWarning("taken", message, "A trigger has one owner: choose another.", owner.subject))
        warnings += _check_person(trigger)
        warnings += self._check_names(trigger, key)
        warnings += self._check_tokens(trigger, tokens)
        return TriggerReport(trigger, tokens, owner.subject if owner else "", tuple(warnings))

    def is_near(self, key: str) -> str:
        """A known word one letter from a folded one, dropped, added, replaced or swapped; empty when none is."""
        if len(key) < _COMPARED:
            return ""
        near = {other for form in _drop_letters(key) for other in self._neighbours.get(form, ()) if other != key}
        return min((other for other in near if measure_distance(key, other, 1) == 1), default="")

    def _check_names(self, trigger: str, key: str) -> Iterable[TriggerWarning]:
        for claim in self.claims.subjects:
            if fold_trigger(claim.subject) == key and claim.key != key:
                message = (
                    f"'{trigger}' is the name of the subject '{claim.subject}', whose trigger is '{claim.trigger}'."
                )
                yield TriggerWarning("subject_name", message, "People would mix up the two.", claim.subject)
        if key in self._names:
            code, spelled = self._names[key]
            message = (
                f"'{trigger}' is a tag that captions use ('{spelled}')."
                if code == "tag"
                else f"'{trigger}' is a character that taggers know ('{spelled}')."
            )
            yield TriggerWarning(code, message, "The base model has a look for it already: invent a word.", spelled)
        elif key not in list_common_words() and (near := self.is_near(key)):
            spelled = self._names[near][1] if near in self._names else near
            message = f"'{trigger}' is one letter from '{spelled}', which base models know."
            yield TriggerWarning("near_word", message, "A slip of the finger calls up the other: differ more.", spelled)

    def _check_tokens(self, trigger: str, tokens: Sequence[str] | None) -> Iterable[TriggerWarning]:
        if tokens is None:
            return
        if len(tokens) == 1:
            message = f"'{trigger}' is a single token: the text encoder met it often enough to have a meaning for it."
            yield TriggerWarning("one_token", message, "Two or three tokens are learned as well and mean nothing yet.")
        if len(tokens) > MANY_TOKENS:
            message = f"'{trigger}' is {len(tokens)} tokens of the 75 that a caption may have."
            yield TriggerWarning("many_tokens", message, "Choose a shorter word: two or three tokens are enough.")
        if len(tokens) > 1 and (inside := _find_words(tokens)):
            message = f"'{trigger}' is read as {' + '.join(clean_token(one) for one in tokens)}, with '{inside}' in it."
            yield TriggerWarning("word_inside", message, "That word's meaning comes along: invent another.", inside)


def open_lint(
    catalog: Catalog,
    lora_folders: Sequence[Path] = (),
    vocabulary: Iterable[tuple[str, str]] = (),
    *,
    own_subject_id: int = 0,
) -> TriggerLint:
    """Read all that a trigger may clash with: subjects, LoRA files, the lists of tags, and a tagger's vocabulary.

    The vocabulary is pairs of a tag and its category, such as general or character.
    """
    claims = read_claims(catalog, lora_folders, own_subject_id=own_subject_id)
    return TriggerLint(claims, collect_names(vocabulary), find_clip_tokenizer())


def read_tagger_tags(home: Home, tagger: str) -> list[tuple[str, str]]:
    """Tags and categories of the tagger that the settings name; none where it was not downloaded yet."""
    if not tagger:
        return []
    folder = Path(tagger).expanduser()
    if not folder.is_dir():
        try:
            folder = home.models / parse_name(tagger).path
        except NotFoundError:
            return []
    file = next((file for name in _TAG_FILES if (file := folder / name).is_file()), None)
    if file is None:
        return []
    vocabulary = read_vocabulary(file)
    return list(zip(vocabulary.names, vocabulary.categories, strict=True))


def collect_names(vocabulary: Iterable[tuple[str, str]] = ()) -> dict[str, tuple[str, str]]:
    """Folded tags with their sort (tag or character) and spelling; of a name also what stands before its brackets."""
    names = {fold_trigger(tag): ("tag", tag) for tag in known_tags()}
    for tag, category in vocabulary:
        if category == "rating":
            continue
        code = "character" if category in ("character", "copyright", "artist") else "tag"
        names.setdefault(fold_trigger(tag), (code, tag))
        if code == "character":
            names.setdefault(fold_trigger(re.sub(r"[_ ]?\(.*", "", tag)), (code, tag))
    # Faces such as ^_^ fold to nothing.
    names.pop("", None)
    return names


def clean_token(token: str) -> str:
    """A token as people read it, without the mark of a word's end."""
    return token.removesuffix("</w>")


def _check_person(trigger: str) -> Iterable[TriggerWarning]:
    try:
        refuse_trigger("a person", "person", trigger, "")
    except RefusedError:
        word = ", ".join(find_rating_words(trigger)) or find_hidden_word(trigger)
        message = f"'{trigger}' says '{word}': a subject of kind person is refused it."
        yield TriggerWarning("person", message, "For a person choose another.", word)


def _find_words(tokens: Sequence[str]) -> str:
    """The first piece that is a word of its own: a whole word at the end, or a long one anywhere."""
    common = list_common_words()
    for token in tokens:
        piece = fold_trigger(clean_token(token))
        if piece in common and len(piece) >= (_LAST_PIECE if token.endswith("</w>") else _PIECE):
            return piece
    return ""


def _drop_letters(word: str) -> set[str]:
    """The word and every word with one letter less: two words one letter apart have one of these in common."""
    return {word, *(word[:place] + word[place + 1 :] for place in range(len(word)))}
