"""The command line in real processes, in a library of each test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from loratui.config import Home

Run = Callable[..., subprocess.CompletedProcess[str]]
"""Runs a verb with these arguments, and with keywords as variables of its environment."""

Read = Callable[..., Any]
"""Runs a verb that has to work, and returns its JSON document."""


@pytest.fixture
def run(home: Home) -> Run:
    def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "loratui", *arguments],
            env={**os.environ, "LORATUI_HOME": str(home.data), **more},
            capture_output=True,
            text=True,
        )

    return call


@pytest.fixture
def read(run: Run) -> Read:
    def call(*arguments: str) -> Any:
        done = run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return call
