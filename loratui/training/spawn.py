"""How to start the trainer: its command line and its environment. Needs neither torch nor the run's files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ENTRY = "loratui.training.engine"

_ALWAYS = {
    "PYTHONUNBUFFERED": "1",
    # Everything is local; a hub that can't be reached must never delay or change a training.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_UNLESS_SET = {
    # Glibc gives freed memory back to the kernel and asks for it again at every step: costly on the CPU.
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "268435456",
    # Spinning threads slow each other down tenfold as soon as another program wants a core.
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
}


def engine_command(folder: Path, *, attempt: int, nonce: str) -> list[str]:
    """The command line that trains the run in `folder`; start it in a session of its own."""
    return [sys.executable, "-m", ENTRY, str(folder), "--attempt", str(attempt), "--nonce", nonce]


def engine_environment(environ: Mapping[str, str], *, threads: int | None = None) -> dict[str, str]:
    """The environment to start it with: `environ`, offline, with an allocator that keeps its memory.

    `threads` limits the cores that it computes on; None leaves all of them, or what OMP_NUM_THREADS says.
    """
    limit = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    return {**_UNLESS_SET, **environ, **_ALWAYS, **limit}
