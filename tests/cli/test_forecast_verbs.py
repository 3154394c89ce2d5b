"""Verbs that look ahead of a training or at one, without changing anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from PIL import Image

from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import set_role
from loratui.catalog.runs import list_runs
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.config import Home


def run(home: Home, *arguments: str) -> Any:
    """What a verb prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "loratui", *arguments, "--json"],
        env={**os.environ, "LORATUI_HOME": str(home.data)},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_dry_run_says_what_a_training_takes_and_starts_nothing(home: Home, tmp_path: Path) -> None:
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(tmp_path / "a.png")
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "miratok")
        import_pictures(catalog, "Mira", [tmp_path / "a.png"])
        set_role(catalog, "Mira", "primary", "all")
    home.config_file.write_text("trainer = ['true']\n")
    found = run(home, "train", "Mira", "--dry-run", "--epochs", "3", "--batch-size", "2")
    assert found["can_start"] is True
    assert found["total_steps"] == 3 * found["steps_per_epoch"] == 9
    assert found["estimate"]["vram_least"] < found["estimate"]["vram_bytes"] < found["estimate"]["vram_most"]
    assert {"few_steps", "untagged"} <= {each["code"] for each in found["warnings"]}
    assert found["blockers"] == []
    with open_catalog(home) as catalog:
        assert list_runs(catalog) == []
    planned = run(home, "plan", "Mira", "--epochs", "3", "--batch-size", "2")
    assert planned["estimate"] == found["estimate"]
    assert planned["total_steps"] == 9


def test_a_dry_run_of_what_cannot_be_trained_says_why(home: Home) -> None:
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "miratok")
    found = run(home, "train", "Mira", "--dry-run")
    assert found["can_start"] is False
    assert "no_pictures" in {each["code"] for each in found["blockers"]}
    assert found["estimate"] is None


def test_devices_are_told_also_where_there_are_none(home: Home) -> None:
    assert run(home, "devices").keys() == {"devices", "trainers"}
