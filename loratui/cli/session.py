"""The library a verb works on, and the arguments that many verbs share."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated

from cyclopts import ArgumentCollection, Parameter, Token, UnknownOptionError

from loratui.cli.misuse import within
from loratui.config import find_home, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.query import Duplicates
    from loratui.catalog.store import Catalog
    from loratui.cli.output import Show
    from loratui.config import Settings


def refuse_options(_: object, value: object) -> None:
    """Take a word with two dashes for an option that is mistyped: nothing that is looked for begins so."""
    for word in value if isinstance(value, tuple) else (value,):
        if isinstance(word, str) and word.startswith("--"):
            token = Token(keyword=word.partition("=")[0], source="cli")
            # Which options the verb has is known to whoever reports this.
            raise UnknownOptionError(token=token, argument_collection=ArgumentCollection())  # type: ignore[no-untyped-call]


Query = Annotated[
    str,
    Parameter(
        allow_leading_hyphen=True,
        validator=refuse_options,
        help="Which pictures, e.g. `role:primary size:<512 -tag:hat`; nothing means all.",
    ),
]


Limit = Annotated[int, Parameter(validator=within(1, 1_000_000))]
"""How many lines to print at most."""


def open_library() -> Catalog:
    """The library of this environment; made or upgraded when needed."""
    from loratui.catalog.store import open_catalog
    from loratui.cli.output import PLAIN, progress_line

    # Told whatever else the verb keeps quiet about: large libraries take seconds.
    with progress_line(PLAIN) as report:
        return open_catalog(find_home(), actor="cli", report=report)


def find_duplicates(catalog: Catalog, subject: str) -> Duplicates:
    """What `dup:` in a query asks; hashes are compared only when a query does."""

    def find() -> set[int]:
        from loratui.catalog import dedupe

        return dedupe.duplicates_of_subject(catalog, subject)

    return find


def read_settings() -> Settings:
    """The settings of this environment."""
    return load_settings(find_home())


def tell_no_pictures(subject: str, query: Sequence[str]) -> str:
    """What to say where a verb found no picture to work on."""
    if asked := " ".join(query).strip():
        return f"No picture of {subject} matches {asked}: `loratui picture list {shlex.quote(subject)}` shows them."
    return f"{subject} has no pictures to work on: `loratui import {shlex.quote(subject)} FOLDER` brings some."


def tell_cut_off(catalog: Catalog, subject: str, job: str, doing: str, *, again: bool = False) -> list[str]:
    """How to go on with work done anew that was stopped, such as "Tagging"; a sentence for each.

    With `again` this call is about to begin it once more.
    """
    from loratui.catalog.locks import find_cut_off
    from loratui.catalog.subjects import get_subject

    other = "--again begins with all pictures once more, where" if again else "the same command with"
    return [
        f"{doing} anew by {one.who} was cut off: {other} {one.option} goes on where it was."
        for one in find_cut_off(catalog, get_subject(catalog, subject), job)
    ]


def read_mixture(catalog: Catalog, subject: str, show: Show) -> str:
    """What to remark where a subject's tags are the words of several taggers; empty where nobody would hear it."""
    from loratui.captions.mixture import tell_mixture

    return "" if show.json or show.quiet else tell_mixture(catalog, subject)
