"""What each entry point really loads, seen from fresh processes: a static graph can't see deferred imports."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = ("torch", "diffusers", "transformers", "peft", "accelerate", "onnxruntime", "textual", "scipy", "pywt")


def _loaded_by(code: str, home: Path) -> set[str]:
    script = f"import sys\n{code}\nsys.stdout.flush()\nprint('\\nLOADED', *sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "LORATUI_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.split("LOADED", 1)[1].split())


def _run_verb(*arguments: str) -> str:
    return f"from loratui.cli.root import run\nassert run({list(arguments)!r}) == 0"


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--help"], (*HEAVY, "sqlmodel", "sqlalchemy", "alembic", "numpy", "PIL")),
        (["where"], (*HEAVY, "sqlmodel", "sqlalchemy", "alembic", "numpy", "PIL")),
        (["subject", "list"], (*HEAVY, "alembic", "numpy", "PIL")),
        (["overview"], (*HEAVY, "alembic", "numpy", "PIL")),
        (["picture", "list", "Mira"], (*HEAVY, "alembic", "PIL")),
        (["balance", "Mira"], (*HEAVY, "alembic", "numpy", "PIL")),
        (["run", "list"], (*HEAVY, "alembic", "numpy", "PIL")),
        (["history"], (*HEAVY, "alembic", "numpy", "PIL")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_verb_loads_only_what_it_needs(arguments: list[str], absent: tuple[str, ...], tmp_path: Path) -> None:
    # The first verb makes the database, with Alembic; what counts is every verb after it.
    _loaded_by(_run_verb("subject", "add", "Mira", "--trigger", "Mirvok"), tmp_path)
    loaded = _loaded_by(_run_verb(*arguments), tmp_path)
    assert not loaded & set(absent)


@pytest.mark.parametrize(
    "module",
    [
        "loratui.dataset.plan",
        "loratui.dataset.kohya",
        "loratui.runs.service",
        "loratui.runs.worker",
        "loratui.training.recipe",
        "loratui.training.lorafile",
        "loratui.review.sheet",
        "loratui.demo.command",
        "loratui.demo.judge",
    ],
)
def test_no_service_loads_torch(module: str, tmp_path: Path) -> None:
    loaded = _loaded_by(f"import {module}", tmp_path)
    assert not loaded & {"torch", "diffusers", "transformers", "peft", "accelerate", "textual"}


def test_opening_a_library_loads_no_words_to_look_for(tmp_path: Path) -> None:
    _loaded_by(_run_verb("subject", "add", "Mira", "--trigger", "Mirvok"), tmp_path)
    loaded = _loaded_by(_run_verb("subject", "list"), tmp_path)
    assert "loratui.catalog.store" in loaded
    assert not loaded & {"loratui.catalog.rating_words", "loratui.catalog.disguises"}


FRAME_FREE = ("sqlalchemy", "sqlmodel", "alembic", "numpy", "PIL", "cyclopts", "textual")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("loratui.__main__", (*HEAVY, *FRAME_FREE, "dataclasses", "loratui.config")),
        # Textual reads the environment while it is imported: the terminal has to be asked before.
        ("loratui.tui.entry", (*HEAVY, *FRAME_FREE)),
        ("loratui.tui.terminal", (*HEAVY, *FRAME_FREE, "asyncio", "rich")),
        ("loratui.tui.app", tuple({*HEAVY, *FRAME_FREE} - {"textual"})),
        ("loratui.tui.library", tuple({*HEAVY, *FRAME_FREE} - {"textual"})),
    ],
)
def test_the_first_frame_waits_for_no_database_and_no_pictures(
    module: str, absent: tuple[str, ...], tmp_path: Path
) -> None:
    assert not _loaded_by(f"import {module}", tmp_path) & set(absent)


def test_the_command_line_loads_no_terminal_app(tmp_path: Path) -> None:
    for verb in ("--help", "where"):
        loaded = _loaded_by(_run_verb(verb), tmp_path)
        assert not {name for name in loaded if name.startswith(("loratui.tui", "textual"))}


def test_the_app_is_painted_before_the_library_is_loaded(tmp_path: Path) -> None:
    loaded = _loaded_by("import loratui.tui.app, loratui.tui.library", tmp_path)
    assert not loaded & {"sqlmodel", "sqlalchemy", "alembic", "numpy", "PIL", "loratui.catalog", "loratui.cli"}
