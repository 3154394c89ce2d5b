"""The processes that worked on a run, and the hand-over from the queue to a process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Row, func, insert, select, update

from loratui.catalog import tables
from loratui.catalog.rows import Attempt, to_row

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from loratui.catalog.store import Catalog


def claim_run(catalog: Catalog, *, nonce: str, host: str, except_runs: Collection[int] = ()) -> Attempt | None:
    """Take the next queued run and open an attempt on it, in one transaction; None when the queue is empty.

    The attempt has pid 0 until `record_process`: a claim whose process never came is given back by `unclaim_run`.
    """
    run = tables.run
    with catalog.write() as connection:
        query = (
            select(run.c.id, run.c.started_at)
            .where(run.c.state == "queued", run.c.id.not_in(except_runs))
            .order_by(run.c.priority.desc(), run.c.queued_at, run.c.id)
        )
        found = connection.execute(query.limit(1)).first()
        if found is None:
            return None
        now = datetime.now(UTC)
        connection.execute(
            update(run).where(run.c.id == found.id).values(state="running", started_at=found.started_at or now)
        )
        number = connection.execute(
            select(func.coalesce(func.max(tables.attempt.c.number), 0) + 1).where(tables.attempt.c.run_id == found.id)
        ).scalar_one()
        connection.execute(
            insert(tables.attempt).values(
                run_id=found.id, number=number, pid=0, process_started=0.0, nonce=nonce, host=host, started_at=now
            )
        )
        row = _select_latest(connection, found.id)
        assert row is not None
        return to_row(Attempt, row)


def unclaim_run(catalog: Catalog, attempt: Attempt) -> None:
    """Undo a claim whose process was never started: the attempt goes, the run is queued again."""
    with catalog.write() as connection:
        gone = connection.execute(
            tables.attempt.delete().where(tables.attempt.c.id == attempt.id, tables.attempt.c.pid == 0)
        )
        if gone.rowcount:
            connection.execute(
                update(tables.run)
                .where(tables.run.c.id == attempt.run_id, tables.run.c.state == "running")
                .values(state="queued")
            )


def record_process(catalog: Catalog, attempt_id: int, *, pid: int, process_started: float) -> None:
    """Note which process works on the attempt."""
    with catalog.write() as connection:
        connection.execute(
            update(tables.attempt)
            .where(tables.attempt.c.id == attempt_id)
            .values(pid=pid, process_started=process_started)
        )


def record_exit(catalog: Catalog, attempt_id: int, exit_code: int) -> None:
    """Note the exit code of a process that the worker waited for."""
    with catalog.write() as connection:
        connection.execute(update(tables.attempt).where(tables.attempt.c.id == attempt_id).values(exit_code=exit_code))


def end_attempt(catalog: Catalog, attempt: Attempt, *, state: str, reason: str, hint: str) -> bool:
    """Close a run whose process ended without saying so; False when somebody else closed or restarted it first."""
    now = datetime.now(UTC)
    with catalog.write() as connection:
        latest = _select_latest(connection, attempt.run_id)
        if latest is None or latest.id != attempt.id:
            return False
        changed = connection.execute(
            update(tables.run)
            .where(tables.run.c.id == attempt.run_id, tables.run.c.state == "running")
            .values(state=state, wish="", reason=reason, hint=hint, eta_s=None, ended_at=now)
        )
        connection.execute(
            update(tables.attempt)
            .where(tables.attempt.c.id == attempt.id, tables.attempt.c.ended_at.is_(None))
            .values(outcome="vanished", ended_at=now)
        )
        return changed.rowcount > 0


def get_latest_attempt(catalog: Catalog, run_id: int) -> Attempt | None:
    """The newest attempt on a run; None when it never began."""
    with catalog.read() as connection:
        row = _select_latest(connection, run_id)
    return None if row is None else to_row(Attempt, row)


def list_attempts(catalog: Catalog, run_id: int) -> list[Attempt]:
    """Every process that worked on a run, oldest first."""
    query = select(tables.attempt).where(tables.attempt.c.run_id == run_id).order_by(tables.attempt.c.number)
    with catalog.read() as connection:
        return [to_row(Attempt, row) for row in connection.execute(query).all()]


def _select_latest(connection: Connection, run_id: int) -> Row[Any] | None:
    query = select(tables.attempt).where(tables.attempt.c.run_id == run_id).order_by(tables.attempt.c.number.desc())
    return connection.execute(query.limit(1)).first()
