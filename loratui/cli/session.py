"""The library a verb works on, and the arguments that many verbs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from loratui.config import find_home, load_settings

if TYPE_CHECKING:
    from loratui.catalog.query import Duplicates
    from loratui.catalog.store import Catalog
    from loratui.config import Settings

Query = Annotated[
    str,
    Parameter(
        allow_leading_hyphen=True,
        help="Which pictures, e.g. `role:primary size:<512 -tag:hat`; nothing means all.",
    ),
]


def open_library() -> Catalog:
    """The library of this environment; made or upgraded when needed."""
    from loratui.catalog.store import open_catalog

    return open_catalog(find_home(), actor="cli")


def find_duplicates(catalog: Catalog, subject: str) -> Duplicates:
    """What `dup:` in a query asks; hashes are compared only when a query does."""

    def find() -> set[int]:
        from loratui.catalog import dedupe

        return dedupe.duplicates_of_subject(catalog, subject)

    return find


def read_settings() -> Settings:
    """The settings of this environment."""
    return load_settings(find_home())
