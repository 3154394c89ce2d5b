"""Starting the worker from any front end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from loratui.errors import TrainingError
from loratui.runs.leases import take_lease

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home


def get_worker_lease(home: Home) -> Path:
    """The file whose lease makes a process the one worker of a library."""
    return home.data / "worker.lock"


def get_worker_log(home: Home) -> Path:
    """Where the worker says what it does."""
    return home.data / "worker.log"


def ensure_worker(catalog: Catalog, *, pause_s: float = 0.0) -> bool:
    """Start a worker when none lives; True when one was started. Call it after the commit it is to act on.

    The lease is taken here and inherited by the worker, so callers that come at once, or while it still starts,
    never start two. Callers that poll give a `pause_s` after the last start, for a worker that can't live.
    """
    home = catalog.home
    lease = take_lease(get_worker_lease(home))
    if lease is None:
        return False
    if pause_s and time.time() - os.fstat(lease.fd).st_mtime < pause_s:
        lease.close()
        return False
    os.utime(lease.fd)
    # The shell goes away at once, so the worker is nobody's child: it outlives this process and leaves no zombie.
    detach = ["/bin/sh", "-c", '"$@" &', "sh"]
    command = [sys.executable, "-m", "loratui.runs.worker", str(home.data), str(home.cache), str(home.config)]
    with lease, get_worker_log(home).open("ab") as log:
        try:
            subprocess.run(
                [*detach, *command, "--lease", str(lease.fd)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=home.data,
                start_new_session=True,
                pass_fds=[lease.fd],
                check=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise TrainingError(
                f"The worker could not be started: {error}.",
                hint="The run stays queued; any later command tries again.",
            ) from error
    return True
