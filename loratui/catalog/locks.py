"""One job of a kind at a time for a subject: a lock that ends with the process that holds it, whatever killed that."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from loratui.errors import Cancelled, ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import TextIO

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class Renewal:
    """Work that does anew what was done before a moment, and by which model: so that another one can go on with it."""

    who: str
    before: datetime

    @property
    def option(self) -> str:
        """How a command line goes on with it."""
        return write_before(self.before)


def write_before(moment: datetime) -> str:
    """The option of a command line that does anew only what was done before a moment, in UTC."""
    return f"--before={moment.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"


@contextmanager
def work_alone(
    catalog: Catalog, owner: Subject, job: str, doing: str, *, renewal: Renewal | None = None
) -> Iterator[None]:
    """Hold the lock of a job for a subject as long as the context lasts.

    `job` names the lock; `doing` says what a process does that holds it ("tags pictures of Mira"). A `renewal` is
    noted, in case it is stopped or killed (see find_cut_off). Raises ConflictError naming the process when another one,
    or this one, holds it already.
    """
    path = _place(catalog, owner, job)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Never removed: who had opened it before would hold a lock that nobody else sees.
    with path.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise _is_at_work(lock.readline().strip(), doing, _go_on(renewal, _read_renewals(lock))) from None
        # What another model was killed at is still to be gone on with.
        others = [one for one in _read_renewals(lock) if renewal is None or one.who != renewal.who]
        _write(lock, f"{os.getpid()} {datetime.now():%H:%M}", [*others, *([renewal] if renewal else [])])
        try:
            yield
        except Cancelled:
            # Who stopped it was told how to go on, and may come back tomorrow.
            _write(lock, "", [*others, *([renewal] if renewal else [])])
            raise
        except BaseException:
            _write(lock, "", others)
            raise
        _write(lock, "", others)


def find_cut_off(catalog: Catalog, owner: Subject, job: str) -> list[Renewal]:
    """Renewals of a subject that were killed or stopped, and that no later one took up; none while one is at work."""
    path = _place(catalog, owner, job)
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return []
        return _read_renewals(lock)


def _place(catalog: Catalog, owner: Subject, job: str) -> Path:
    return catalog.home.data / "locks" / f"{job}-{owner.id}.lock"


def _read_renewals(lock: TextIO) -> list[Renewal]:
    """The first line is about the process; each other one is a moment and a model."""
    lock.seek(0)
    found = []
    for line in lock.readlines()[1:]:
        moment, _, who = line.rstrip("\n").partition("\t")
        # A machine that lost its power may have left anything.
        with suppress(ValueError):
            found.append(Renewal(who, datetime.fromisoformat(moment)))
    return found


def _write(lock: TextIO, process: str, renewals: list[Renewal]) -> None:
    notes = [f"{one.before.isoformat()}\t{' '.join(one.who.split())}\n" for one in renewals]
    lock.truncate(0)
    lock.write("".join([f"{process}\n", *notes]) if process or notes else "")
    lock.flush()


def _go_on(renewal: Renewal | None, at_work: list[Renewal]) -> str:
    """How to run work again beside which the same is done, so that nothing is done twice."""
    if renewal is None or renewal in at_work:
        return "run this again"
    same = next((one for one in at_work if one.who == renewal.who), None)
    if same is None:
        return "run this again without --again"
    return f"run this again with {same.option} in place of --again"


def _is_at_work(written: str, doing: str, again: str) -> ConflictError:
    # It takes the lock an instant before it writes who it is.
    number, _, since = written.partition(" ")
    if number == str(os.getpid()):
        return ConflictError(
            f"This program {doing} already, since {since}.", hint="Wait for it or stop it; what it did by then is kept."
        )
    who = f"Process {number} {doing} already, since {since}." if since else f"Another process {doing} already."
    stop = f" or stop it (`kill -INT {number}`)" if since else ""
    return ConflictError(who, hint=f"Wait for it{stop}, then {again}: what it did by then is not done twice.")
