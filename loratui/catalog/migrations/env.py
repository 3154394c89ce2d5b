"""Where Alembic enters: on the connection of an upgrade, or on the library of this home for developers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from alembic import context
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

from loratui.catalog.models import Table
from loratui.catalog.schema import migrating
from loratui.config import find_home

if TYPE_CHECKING:
    from sqlalchemy import Connection


def _render_plain_types(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write the database's own types into revisions, which must outlive SQLModel's names for them."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime()"
    return False


def _run(connection: Connection) -> None:
    # The caller holds the transaction, so that a failed migration leaves nothing behind.
    context.configure(
        connection=connection, target_metadata=Table.metadata, render_as_batch=True, render_item=_render_plain_types
    )
    context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    home = find_home()
    home.create()
    with migrating(home.database) as connection:
        _run(connection)
