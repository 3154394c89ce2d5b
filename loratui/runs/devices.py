"""What the graphics cards and a trainer are doing: asked from nvidia-smi and the system, never through torch."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass

import psutil

_QUERY = ("name", "memory.used", "memory.total", "utilization.gpu")
_MIB = 1024 * 1024
_PATIENCE_S = 5.0
_SAMPLE_S = 0.1


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """One graphics card: memory in bytes, utilisation 0 to 100; None for what it does not tell."""

    name: str
    memory_used: int | None
    memory_total: int | None
    utilisation: int | None


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """A process: `cpu_percent` counts 100 per busy core, `memory` is what it holds in RAM, in bytes."""

    pid: int
    cpu_percent: float
    memory: int


def sample_devices() -> list[DeviceUse]:
    """The graphics cards of this box, as nvidia-smi numbers them; empty without a card or its driver."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        done = subprocess.run(
            [program, f"--query-gpu={','.join(_QUERY)}", "--format=csv,noheader,nounits"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        # The program without a driver, or a card that hangs: as good as no card.
        return []
    return parse_devices(done.stdout)


def parse_devices(text: str) -> list[DeviceUse]:
    """Read nvidia-smi's lines `name, used MiB, total MiB, percent`; lines of another shape are messages, not cards."""
    found = []
    for line in text.splitlines():
        *name, used, total, utilisation = (
            [part.strip() for part in line.split(",")] if line.count(",") >= 3 else [""] * 4
        )
        if name and name[0]:
            found.append(
                DeviceUse(
                    name=", ".join(name),
                    memory_used=_scale(used, _MIB),
                    memory_total=_scale(total, _MIB),
                    utilisation=_scale(utilisation, 1),
                )
            )
    return found


def _scale(text: str, unit: int) -> int | None:
    """A number in its unit; None for words such as [N/A] and [Not Supported]."""
    try:
        return int(text) * unit
    except ValueError:
        return None


def sample_process(pid: int) -> ProcessUse | None:
    """What a process takes, measured over a tenth of a second; None when it is gone or not ours to ask."""
    try:
        process = psutil.Process(pid)
        share = process.cpu_percent(_SAMPLE_S)
        return ProcessUse(pid, share, process.memory_info().rss)
    except psutil.Error:
        return None
