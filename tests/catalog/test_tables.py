"""The plain copy of the models that verbs import instead of them."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import StatementError
from sqlalchemy.schema import CreateIndex, CreateTable

from loratui.catalog import mirror, tables
from loratui.catalog.models import Table

if TYPE_CHECKING:
    from sqlalchemy import MetaData

    from loratui.catalog.store import Catalog


def _ddl(metadata: MetaData) -> dict[str, set[str]]:
    dialect = sqlite.dialect()
    return {
        name: {
            # Constraints may come in any order.
            *str(CreateTable(table).compile(dialect=dialect)).replace(",", "").split("\n"),
            *(str(CreateIndex(index).compile(dialect=dialect)) for index in table.indexes),
        }
        for name, table in metadata.tables.items()
    }


def test_the_copy_declares_the_same_schema_as_the_models() -> None:
    assert _ddl(tables.METADATA) == _ddl(Table.metadata)


def test_the_copy_is_what_the_mirror_writes() -> None:
    written = ast.parse(Path(tables.__file__).read_text(encoding="utf-8"))
    assert ast.dump(written) == ast.dump(ast.parse(mirror.render())), "run `python -m loratui.catalog.mirror`"


def test_moments_come_back_in_utc_and_naive_ones_are_refused(catalog: Catalog) -> None:
    table = tables.base
    row = {"name": "a", "path": "/a", "family": "sd1", "layout": "file"}
    evening = datetime(2026, 11, 22, 20, 30, tzinfo=timezone(timedelta(hours=2)))
    with catalog.write() as connection:
        connection.execute(table.insert(), row | {"created_at": evening})
        found = connection.execute(table.select()).one().created_at
        assert found == evening and found.tzinfo is UTC
        with pytest.raises(StatementError, match="no time zone"):
            connection.execute(table.insert(), row | {"name": "b", "created_at": evening.replace(tzinfo=None)})
