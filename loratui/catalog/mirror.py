"""Writes tables.py, the plain copy of the models: `python -m loratui.catalog.mirror`, after changing a model.

Importing SQLModel and mapping the models takes about as long as all of SQLAlchemy's core, and every verb
would pay for it. The models stay what the schema is declared in and what migrations are compared with.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, Table, Text, UniqueConstraint
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from loratui.catalog.models import Table as Model

_HEADER = '''"""The tables that queries and writes are built from; written by loratui/catalog/mirror.py, not by hand."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from loratui.catalog.instants import Instant
from loratui.catalog.vocabulary import NAMING

METADATA = MetaData(naming_convention=NAMING)
'''


def render() -> str:
    """The source of tables.py, before formatting."""
    return _HEADER + "".join(f"\n{_render_table(table)}\n" for table in Model.metadata.tables.values())


def _render_table(table: Table) -> str:
    parts = [repr(table.name), "METADATA", *(_render_column(column) for column in table.c)]
    for constraint in sorted(table.constraints, key=lambda constraint: str(constraint.name)):
        if isinstance(constraint, CheckConstraint):
            # The naming convention puts the prefix back.
            name = str(constraint.name).removeprefix(f"ck_{table.name}_")
            parts.append(f"CheckConstraint({str(constraint.sqltext)!r}, name={name!r})")
        elif isinstance(constraint, UniqueConstraint) and len(constraint.columns) > 1:
            parts.append(f"UniqueConstraint({', '.join(repr(column.name) for column in constraint.columns)})")
    parts += [_render_index(index) for index in sorted(table.indexes, key=lambda index: str(index.name))]
    if table.dialect_options["sqlite"]["autoincrement"]:
        parts.append("sqlite_autoincrement=True")
    if not table.dialect_options["sqlite"]["with_rowid"]:
        parts.append("sqlite_with_rowid=False")
    return f"{table.name} = Table({', '.join(parts)})"


def _render_column(column: Column[object]) -> str:
    parts = [repr(column.name), _render_type(column)]
    for link in column.foreign_keys:
        deleting = f", ondelete={link.ondelete!r}" if link.ondelete else ""
        parts.append(f"ForeignKey({link.target_fullname!r}{deleting})")
    if column.primary_key:
        parts.append("primary_key=True")
    elif not column.nullable:
        parts.append("nullable=False")
    if column.unique:
        parts.append("unique=True")
    if column.server_default is not None:
        parts.append(f"server_default=text({str(getattr(column.server_default, 'arg', ''))!r})")
    return f"Column({', '.join(parts)})"


def _render_type(column: Column[object]) -> str:
    if isinstance(column.type, UTCDateTime):
        return "Instant"
    if isinstance(column.type, AutoString):
        return "String"
    if isinstance(column.type, LargeBinary | Text):
        return type(column.type).__name__
    return repr(column.type).removesuffix("()")


def _render_index(index: Index) -> str:
    parts = [repr(str(index.name)), *(repr(column.name) for column in index.columns)]
    if (condition := index.dialect_options["sqlite"]["where"]) is not None:
        parts.append(f"sqlite_where=text({str(condition)!r})")
    return f"Index({', '.join(parts)})"


if __name__ == "__main__":
    Path(__file__).with_name("tables.py").write_text(render(), encoding="utf-8")
