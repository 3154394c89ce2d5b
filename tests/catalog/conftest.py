"""An open library, and pictures that exist in its tables alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from loratui.catalog import tables
from loratui.catalog.store import Catalog, now, open_catalog
from loratui.catalog.subjects import add_subject

if TYPE_CHECKING:
    from loratui.catalog.rows import Subject
    from loratui.config import Home

Fill = Callable[..., list[int]]


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as opened:
        yield opened


@pytest.fixture
def mira(catalog: Catalog) -> Subject:
    return add_subject(catalog, "Mira", "miravel")[0]


@pytest.fixture
def fill(catalog: Catalog) -> Fill:
    """Add pictures to a subject: one mapping of membership and picture columns each; returns membership ids."""

    def add(subject: Subject, *rows: dict[str, Any], journalled: bool = True) -> list[int]:
        picture_columns = set(tables.picture.c.keys())
        with catalog.read() as connection:
            start = connection.execute(select(func.coalesce(func.max(tables.picture.c.id), 0))).scalar_one()
        pictures, members = [], []
        for number, row in enumerate(rows, start + 1):
            own = {key: value for key, value in row.items() if key in picture_columns}
            sha = f"{number:064x}"
            pictures.append(
                {"sha256": sha, "pixel_sha256": sha, "format": "png", "bytes": 1000 + number, "width": 512}
                | {"height": 768, "phash": number, "dhash": -number, "phash_mirrored": 0, "dhash_mirrored": 0}
                | {"state": "ok", "imported_at": now()}
                | own
            )
            member = {"subject_id": subject.id, "name": f"{number:03}.png", "role": "inbox", "repeats": None}
            members.append(
                member
                | {"rating": 0, "caption": None, "added_at": now()}
                | {key: value for key, value in row.items() if key not in own}
            )
        if journalled:
            with catalog.journal("import", "import") as change:
                ids = change.insert(tables.picture, pictures)
                return change.insert(
                    tables.membership, [row | {"picture_id": id_} for row, id_ in zip(members, ids, strict=True)]
                )
        with catalog.write() as connection:
            added = []
            for picture, member in zip(pictures, members, strict=True):
                key = connection.execute(tables.picture.insert(), picture).inserted_primary_key
                assert key is not None
                done = connection.execute(tables.membership.insert(), member | {"picture_id": key[0]})
                assert done.inserted_primary_key is not None
                added.append(done.inserted_primary_key[0])
            return added

    return add


@pytest.fixture
def content(catalog: Catalog) -> Callable[[], dict[str, list[tuple[Any, ...]]]]:
    """Everything in the library except the journal itself, as SQLite holds it."""

    def read() -> dict[str, list[tuple[Any, ...]]]:
        with catalog.read() as connection:
            return {
                name: sorted((tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')), key=repr)
                for name in tables.METADATA.tables
                if name != "journal"
            }

    return read
