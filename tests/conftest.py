"""Fixtures that every layer's tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from loratui.config import Home, find_home

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parent.parent

# No test asserts how long something takes: the machine may be busy.
settings.register_profile("loratui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loratui")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # So it is in a shell's background; tests that interrupt need it as in the foreground.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: tests of processes and terminals wait more than they compute."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(autouse=True)
def keep_signals() -> Iterator[None]:
    """Trainers and workers that a test runs in this very process take signals; the next test has them back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty library of its own for each test."""
    return find_home({"LORATUI_HOME": str(tmp_path / "home")})


def _shared_folder() -> Path:
    return Path(os.environ.get("LORATUI_SHARED", REPOSITORY.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures and small real models, where the machine has it."""
    folder = _shared_folder()
    if not (folder / "data").is_dir():
        pytest.skip(f"the shared pictures and models are not here ({folder}); set LORATUI_SHARED to run this test")
    return folder


@pytest.fixture(scope="session")
def real_photos() -> Path | None:
    """The folder of 61 real photos, for tests that can do with drawn ones where it is not there."""
    folder = _shared_folder() / "data" / "photos"
    return folder if folder.is_dir() else None
