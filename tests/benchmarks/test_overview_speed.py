"""How long the first data of the library screen take: 1,000 subjects with 1,000,000 pictures."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import list_subjects
from loratui.review.overview import overview, refresh_measures

from .library import build_library

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.config import Home

pytestmark = pytest.mark.benchmark


def _median_ms(work: Callable[[], object], rounds: int = 5) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def test_overview_of_a_thousand_subjects_and_a_million_pictures(home: Home) -> None:
    started = time.perf_counter()
    build_library(home)
    print(f"\n{'built in':28} {time.perf_counter() - started:8.1f} s")
    with open_catalog(home) as catalog:
        print(f"{'subjects with counts':28} {_median_ms(lambda: list_subjects(catalog)):8.0f} ms")
        print(f"{'overview, never measured':28} {_median_ms(lambda: overview(catalog)):8.0f} ms  (budget 300 ms)")
        names = [f"Subject {number:04}" for number in range(1, 21)]
        measured = _median_ms(lambda: refresh_measures(catalog, names), rounds=1)
        print(f"{'measuring 20 subjects':28} {measured:8.0f} ms")
        print(f"{'overview, some measured':28} {_median_ms(lambda: overview(catalog)):8.0f} ms  (budget 300 ms)")
    verb = [sys.executable, "-m", "loratui", "overview", "--json"]
    env = {**os.environ, "LORATUI_HOME": str(home.data)}
    took = _median_ms(lambda: subprocess.run(verb, env=env, check=True, capture_output=True))
    print(f"{'loratui overview, all in all':28} {took:8.0f} ms")
