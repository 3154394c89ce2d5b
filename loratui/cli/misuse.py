"""What people hear who call a verb in a way that it doesn't understand."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from cyclopts import CoercionError, CycloptsError, MissingArgumentError, UnknownOptionError, ValidationError
from cyclopts.exceptions import RepeatArgumentError, UnusedCliTokensError

from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cyclopts import App, Argument

# Without them a verb takes what is usual, which is not what somebody means whose variable in a script is empty.
_NEVER_EMPTY = frozenset(
    ("--tagger", "--base", "--model", "--endpoint", "--subject", "--theme", "--run", "--snapshot", "--continue-from")
) | {"--from", "--rename", "--name"}
_WANTED: dict[type, str] = {
    int: "Give a whole number.",
    float: "Give a number.",
    datetime: "Give a day or a moment, such as 2026-01-31 or 2026-01-31T18:30.",
}


def within(least: float, most: float) -> Callable[[object, object], None]:
    """Makes the check of an option that takes a number between two, both included; nan is none."""

    def check(_: object, value: object) -> None:
        if isinstance(value, int | float) and not least <= value <= most:
            raise ValueError(f"Give a number from {least:,} to {most:,}.")

    return check


def word_misuse(error: CycloptsError, help_of: str) -> UsageError:
    """The error in words for people; `help_of` is the command that explains the verb."""
    verb = f"`{help_of.removesuffix(' --help')}`"
    see = f"See `{help_of}`."
    match error:
        case UnusedCliTokensError():
            words = [f"'{word}'" for word in error.unused_tokens or ()]
            many = "is one argument" if len(words) == 1 else "are more arguments"
            than = "too many for" if len(words) == 1 else "than fit"
            return UsageError(
                f"{' and '.join(words)} {many} {than} {verb}.", hint=f"Put names with spaces into quotes. {see}"
            )
        case MissingArgumentError() if error.argument is not None:
            if any(token.keyword for token in error.argument.tokens) or error.argument.index is None:
                return UsageError(f"{_name(error.argument)} needs a value.", hint=see)
            return UsageError(f"{verb} needs {_place(error.argument)}.", hint=see)
        case ValidationError() if error.argument is not None and error.exception_message:
            value = error.argument.value
            return UsageError(f"{_name(error.argument)} can't be {value}.", hint=f"{error.exception_message} {see}")
        case CoercionError() if error.target_type in _WANTED and error.token is not None:
            name = error.token.keyword or (_name(error.argument) if error.argument else "It")
            return UsageError(f"{name} can't be '{error.token.value}'.", hint=f"{_WANTED[error.target_type]} {see}")
        case RepeatArgumentError():
            return UsageError(f"{error.token.keyword} was given more than once.", hint=see)
        case UnknownOptionError() if error.app is not None:
            error.argument_collection = error.app.assemble_argument_collection()
    return UsageError(" ".join(str(error).split()), hint=see)


def refuse_emptiness(app: App, arguments: Sequence[str]) -> None:
    """Raise UsageError for an empty word in place of a file, a folder or a name that decides what is worked with.

    A variable of a script that is not set leaves such words behind; read as a path they would mean the current folder.
    """
    if not any(word == "" or word.endswith("=") for word in arguments):
        return
    chain, apps, words = app.parse_commands(list(arguments))
    if not chain or callable(apps[-1].default_command) is False:
        return
    known = apps[-1].assemble_argument_collection()
    options = {name: argument for argument in known for name in argument.names if name.startswith("--")}
    places = sorted((argument for argument in known if argument.index is not None), key=lambda one: one.index or 0)
    at = 0
    waiting = ""
    for word in words:
        name, sign, value = word.partition("=")
        if waiting:
            name, sign, value, waiting = waiting, "=", word, ""
        if name in options:
            argument = options[name]
            if not sign:
                waiting = name if bool not in _types(argument) else ""
            elif not value and (name in _NEVER_EMPTY or Path in _types(argument)):
                raise UsageError(f"{name} is empty.", hint="Leave it out, or say which is meant.")
        elif places:
            argument = places[min(at, len(places) - 1)]
            at += 1
            if not word and Path in _types(argument):
                raise UsageError(
                    f"{_place(argument)} is empty.", hint="Name a file or a folder; `.` is the folder you are in."
                )


def _types(argument: Argument) -> set[object]:
    return {argument.hint, *get_args(argument.hint)}


def _name(argument: Argument) -> str:
    """An option as it was written, or a place in the usage."""
    written = next((token.keyword for token in argument.tokens if token.keyword), None)
    return written or (argument.name if argument.index is None else _place(argument))


def _place(argument: Argument) -> str:
    """A place as the usage in the help shows it."""
    return argument.name.lstrip("-").replace("-", "_").upper()
