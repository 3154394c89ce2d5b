"""Sentences of the services as the app says them: keys in place of command lines."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from loratui.tui.keymap import say_key

if TYPE_CHECKING:
    from collections.abc import Mapping

# By verb: <action> is its key, [...$1...] is left out where the command line names nothing in that place.
_WORDS = {
    "balance": "<subject.balance>, then enter,",
    "caption set": "<picture.caption> on the wall (<subject.pictures>)[, where <filter.open> finds $2,]",
    "coverage": "<subject.balance>",
    "history": "<app.history>",
    "import": "<subject.import> on the wall (<subject.pictures>)",
    "overrule": "<picture.shows> on the wall (<subject.pictures>)",
    "redo": "<app.redo>",
    "role set": "<picture.reject> on the wall (<subject.pictures>)[, where <filter.open> finds $3]",
    "rules set": "<tag.rules> on the tags screen",
    "run list": "the list of trainings (<app.runs>)",
    "run log": "its log (<app.runs>, then enter)",
    "run resume": "<run.resume>[ on $1] in the list of trainings (<app.runs>)",
    "run show": "the list of trainings (<app.runs>)",
    "run stop": "<run.stop>[ on $1] in the list of trainings (<app.runs>)",
    "sheet": "<sheet.make> in the review (<app.review>)",
    "subject add": "<subject.add> in the library (<app.library>)",
    "subject consent": "<subject.consent>[ on $1] in the library (<app.library>)",
    "subject list": "the library (<app.library>)",
    "subject remove": "<subject.remove>[ on $1] in the library (<app.library>)",
    "tag": "<subject.tag> on the wall (<subject.pictures>)",
    "undo": "<app.undo>",
}
_COMMAND = re.compile(r"`loratui ([^`]+)`")
_AGAIN = re.compile(r"--again(?= chooses)")
_PART = re.compile(r"\[([^\]]*)\$(\d)([^\]]*)\]")
_KEY = re.compile(r"<([a-z._]+)>")


def name_keys(sentence: str, keymap: Mapping[str, tuple[str, ...]] | None = None) -> str:
    """The sentence with the key of the app wherever it names a command line that has one; `keymap` is the person's."""
    return _AGAIN.sub("a", _COMMAND.sub(lambda found: _name_key(found, keymap or {}), sentence))


def _name_key(found: re.Match[str], keymap: Mapping[str, tuple[str, ...]]) -> str:
    try:
        words = shlex.split(found[1])
    except ValueError:
        return found[0]
    length = next((length for length in (2, 1) if " ".join(words[:length]) in _WORDS), 0)
    verb, rest = " ".join(words[:length]), words[length:]
    # Other roles have keys of their own, and what `undo` is told beyond its name the key can't say.
    if not length or (verb == "role set" and "rejected" not in rest) or (verb == "undo" and rest):
        return found[0]

    def fill_in(part: re.Match[str]) -> str:
        named = rest[int(part[2]) - 1 : int(part[2])]
        return f"{part[1]}{named[0]}{part[3]}" if named and not _is_open(named[0]) else ""

    words_for = _WORDS[verb]
    if words_for[0] != "<" and re.search(r"(^|[.!?:] |\n)$", found.string[: found.start()]):
        words_for = words_for[0].upper() + words_for[1:]
    # Keys before names: a name may look like either.
    return _PART.sub(fill_in, _KEY.sub(lambda key: say_key(key[1], keymap), words_for))


def _is_open(word: str) -> bool:
    """Whether a word stands for one that is chosen, like `RUN` or `sha:...`."""
    return word.startswith("-") or word.endswith("...") or word.isupper()
