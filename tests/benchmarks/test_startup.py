"""How long the command line takes to answer, against an empty Python process."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.benchmark

VERBS = {
    "--version": (["--version"], 60),
    "--help": (["--help"], 200),
    "subject list": (["subject", "list", "--json"], 550),
    "run list": (["run", "list", "--json"], 550),
}


def _median_ms(command: list[str], env: dict[str, str], rounds: int = 9) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        subprocess.run(command, env=env, check=True, capture_output=True)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def test_start_up_of_each_kind_of_verb(tmp_path: Path) -> None:
    env = {**os.environ, "LORATUI_HOME": str(tmp_path)}
    loratui = [sys.executable, "-m", "loratui"]
    subprocess.run(
        [*loratui, "subject", "add", "Mira", "--trigger", "Mirvok"], env=env, check=True, capture_output=True
    )
    empty = _median_ms([sys.executable, "-c", "pass"], env)
    print(f"\n{'empty process':14} {empty:6.0f} ms")
    for name, (arguments, budget) in VERBS.items():
        took = _median_ms([*loratui, *arguments], env)
        print(f"{name:14} {took:6.0f} ms  {took / empty:5.1f} x an empty process  (budget {budget} ms)")
