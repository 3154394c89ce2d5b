"""Trainer processes: started detached, known by pid + start time + nonce, and stopped step by step."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

from loratui.runs.leases import is_leased
from loratui.training.spawn import engine_command, engine_environment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from loratui.catalog.rows import Attempt
    from loratui.runs.folder import RunFolder
    from loratui.runs.leases import Lease

# psutil derives start times from the boot time, which moves when the clock is set; the nonce does the rest.
_START_TOLERANCE_S = 5.0


@dataclass(frozen=True, slots=True)
class StopLadder:
    """How long a trainer gets on each rung: stop file, then SIGTERM, then SIGKILL."""

    term_after_s: float = 90.0
    kill_after_s: float = 60.0


DEFAULT_LADDER = StopLadder()


def make_environment(environ: Mapping[str, str], device: str | None) -> dict[str, str]:
    """The environment of a trainer; `device` is its share of CUDA_VISIBLE_DEVICES, None leaves that alone."""
    return engine_environment(environ) | ({} if device is None else {"CUDA_VISIBLE_DEVICES": device})


def spawn_trainer(
    folder: RunFolder,
    *,
    trainer: Sequence[str],
    number: int,
    nonce: str,
    environment: Mapping[str, str],
    leases: Sequence[Lease],
) -> subprocess.Popen[bytes]:
    """Start a trainer in its own session, which inherits the leases and so holds them until it ends.

    `trainer` is the command of one that keeps the run-folder contract; empty means ours.
    Raises OSError when the command can't be run.
    """
    if trainer:
        command = [*trainer, str(folder.path), "--attempt", str(number), "--nonce", nonce]
    else:
        command = engine_command(folder.path, attempt=number, nonce=nonce)
    folder.begin_log(number)
    with folder.log_file.open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder.path,
            env=dict(environment),
            start_new_session=True,
            close_fds=True,
            pass_fds=[lease.fd for lease in leases],
        )


def read_start_time(pid: int) -> float:
    """When a process began, in seconds since the epoch; 0 when it is gone already."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def is_alive(attempt: Attempt, lease_file: Path) -> bool:
    """Whether the process of an attempt still runs; a zombie or another process with its pid does not count."""
    if attempt.host and attempt.host != platform.node():
        # Its pid means nothing here (another container, or this one under a new name): the lease still does.
        return is_leased(lease_file)
    return _find_ours(attempt) is not None


def find_process(nonce: str) -> tuple[int, float] | None:
    """Pid and start time of the process started with this nonce, looked for among all of this box."""
    for process in psutil.process_iter():
        if _has_nonce(process, nonce):
            return process.pid, read_start_time(process.pid)
    return None


def climb_stop_ladder(folder: RunFolder, attempt: Attempt, ladder: StopLadder) -> str:
    """Take the next rung when its time has come; returns "", "SIGTERM" or "SIGKILL" when a signal was sent.

    The stop file itself remembers the rung (its content) and since when (its time), so a new worker goes on
    where a killed one was.
    """
    folder.ask_to_stop()
    rung = folder.stop_file.read_text(encoding="utf-8")
    waited = time.time() - folder.stop_file.stat().st_mtime
    if rung == "" and waited >= ladder.term_after_s:
        return _send(folder, attempt, signal.SIGTERM)
    if rung == "SIGTERM" and waited >= ladder.kill_after_s:
        return _send(folder, attempt, signal.SIGKILL)
    return ""


def _send(folder: RunFolder, attempt: Attempt, number: signal.Signals) -> str:
    process = _find_ours(attempt)
    if process is None:
        return ""
    folder.stop_file.write_text(number.name, encoding="utf-8")
    try:
        if number is signal.SIGKILL and os.getpgid(process.pid) == process.pid:
            # Its helpers too: they would keep the leases.
            os.killpg(process.pid, number)
        else:
            # Not to the group: helpers that die first would make it fail instead of saving.
            process.send_signal(number)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return ""
    return number.name


def _find_ours(attempt: Attempt) -> psutil.Process | None:
    if attempt.pid <= 0:
        return None
    try:
        process = psutil.Process(attempt.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if abs(process.create_time() - attempt.process_started) > _START_TOLERANCE_S:
            return None
    except psutil.Error:
        return None
    return process if _has_nonce(process, attempt.nonce) else None


def _has_nonce(process: psutil.Process, nonce: str) -> bool:
    try:
        return bool(nonce) and nonce in process.cmdline()
    except psutil.Error:
        # Gone, or of another user and so not ours.
        return False
