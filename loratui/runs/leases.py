"""Exclusive leases between processes: held as long as any process keeps the file open, whatever killed the others."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class Lease:
    """A held flock. A child that inherits `fd` keeps holding it after this process has closed it or died."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd

    def close(self) -> None:
        """Let go of our share of the lease; doing so twice is harmless."""
        if self.fd >= 0:
            # Closing, not LOCK_UN: unlocking would take the lease from a child that inherited it.
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def take_lease(path: Path, *, wait_s: float = 0.0) -> Lease | None:
    """Take the lease at a path, trying for `wait_s` seconds; None when somebody else holds it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(fd)
                return None
            time.sleep(0.02)
        else:
            return Lease(path, fd)


def inherit_lease(path: Path, fd: int) -> Lease:
    """The lease that this process was started with, no longer passed on to children by itself."""
    os.set_inheritable(fd, False)
    return Lease(path, fd)


def is_leased(path: Path) -> bool:
    """Whether some process holds the lease; takes it for an instant, so takers should wait a little."""
    if not path.exists():
        return False
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Shared, so that two processes that look at the same time do not see each other.
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
