"""One job of a kind at a time for a subject: a lock that ends with the process that holds it, whatever killed that."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from loratui.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


@contextmanager
def work_alone(catalog: Catalog, owner: Subject, job: str, doing: str) -> Iterator[None]:
    """Hold the lock of a job for a subject as long as the context lasts.

    `job` names the lock; `doing` says what a process does that holds it ("tags pictures of Mira"). Raises ConflictError
    naming the process when another one, or this one, holds it already.
    """
    folder = catalog.home.data / "locks"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Never removed: who had opened it before would hold a lock that nobody else sees.
    with (folder / f"{job}-{owner.id}.lock").open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise _is_at_work(lock.read().strip(), doing) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()} {datetime.now():%H:%M}")
        lock.flush()
        yield
        lock.truncate(0)


def _is_at_work(written: str, doing: str) -> ConflictError:
    # It takes the lock an instant before it writes who it is.
    number, _, since = written.partition(" ")
    if number == str(os.getpid()):
        return ConflictError(
            f"This program {doing} already, since {since}.", hint="Wait for it or stop it; what it did by then is kept."
        )
    who = f"Process {number} {doing} already, since {since}." if since else f"Another process {doing} already."
    stop = f" or stop it (`kill -INT {number}`)" if since else ""
    return ConflictError(who, hint=f"Wait for it{stop}, then run this again: what it did by then is not done twice.")
