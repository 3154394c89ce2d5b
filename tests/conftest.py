"""Fixtures that every layer's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loratui.config import Home, find_home

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty library of its own for each test."""
    return find_home({"LORATUI_HOME": str(tmp_path / "home")})


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures and small real models, where the machine has it."""
    folder = Path(os.environ.get("LORATUI_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"the shared pictures and models are not here ({folder}); set LORATUI_SHARED to run this test")
    return folder
