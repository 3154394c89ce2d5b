"""Columns and constraints that many models have, so that the database knows their defaults and limits too."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CheckConstraint, Column, LargeBinary, text
from sqlmodel import Field


def one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    """A constraint: the column holds one of these words."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


def default(value: str | int | float, **options: Any) -> Any:
    """A field whose default the database knows too, so that Core inserts may leave it out."""
    literal = f"'{value}'" if isinstance(value, str) else str(int(value) if isinstance(value, bool) else value)
    return Field(default=value, sa_column_kwargs={"server_default": text(literal)}, **options)


def no_bytes() -> Column[Any]:
    """A column of bytes that is empty where nothing is said."""
    return Column(LargeBinary, nullable=False, server_default=text("x''"))
