"""Real photographs go from a folder to a trained LoRA with no manual step."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loratui.catalog import dedupe, importer, subjects
from loratui.catalog.store import open_catalog
from loratui.config import Home, find_assets
from loratui.training.lorafile import read_header


def _loratui(home: Path, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "loratui", *arguments, "--json"],
        env={**os.environ, "LORATUI_HOME": str(home)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def test_the_mirrored_photo_is_found_and_no_two_subjects_are_called_duplicates(shared: Path, home: Home) -> None:
    photos = sorted(path for path in (shared / "data/photos").iterdir() if path.is_dir())
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Everything", "evrithing")
        result = importer.import_pictures(catalog, "Everything", photos)
        assert result.refused == []
        assert result.imported == sum(1 for _ in (shared / "data/photos").rglob("*.jpg"))
        groups = dedupe.find_groups(catalog, "Everything")
    owners = [{Path(os.fsdecode(item.source_path)).parent.name for item in group.pictures} for group in groups]
    assert all(len(names) == 1 for names in owners)
    pairs = [
        (name.pop(), {item.name for item in group.pictures})
        for name, group in zip(owners, groups, strict=True)
        if group.mirrored
    ]
    assert ("dog5", {"02.jpg", "03.jpg"}) in pairs


def test_a_folder_of_photos_becomes_a_trained_lora(shared: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("torch") is None:
        pytest.skip("training needs the [train] extra")
    if not (find_assets() / "cast/base/unet").is_dir():
        pytest.skip("the shipped base is not built")
    home = tmp_path / "home"
    _loratui(home, "subject", "add", "Rex", "--trigger", "reksvok", "--class-word", "dog")
    imported = _loratui(home, "import", "Rex", str(shared / "data/photos/dog5"), str(shared / "data/photos/dog"))
    assert imported["refused"] == []
    groups = _loratui(home, "dupes", "list", "Rex")
    assert {item["name"] for item in groups[0]["pictures"]} == {"02.jpg", "03.jpg"}
    _loratui(home, "dupes", "resolve", "Rex")
    _loratui(home, "role", "set", "Rex", "primary", "role:inbox name:00*")
    _loratui(home, "role", "set", "Rex", "supporting", "role:inbox")
    balance = _loratui(home, "balance", "Rex", "--apply")
    assert 1.5 <= balance["ratio"] <= 3
    captions = _loratui(home, "caption", "show", "Rex", "role:primary")
    assert {item["caption"] for item in captions} == {"photo of reksvok"}
    plan = _loratui(home, "plan", "Rex", "--epochs", "2")
    exported = _loratui(home, "export", "Rex", str(tmp_path / "export"))
    assert exported["samples"] == plan["samples_per_epoch"]

    run = _loratui(home, "train", "Rex", "--epochs", "2", "--seed", "1", "--wait")["run"]
    shown = _loratui(home, "run", "show", run)
    assert (shown["state"], shown["step"], shown["epoch"]) == ("done", plan["total_steps"], 2)
    checkpoints = _loratui(home, "checkpoint", "list", run)
    assert [item["epoch"] for item in checkpoints] == [1, 2]
    for item in checkpoints:
        assert read_header(Path(item["path"])).metadata["ss_epoch"] == str(item["epoch"])
        assert Path(item["path"]).stat().st_size == item["bytes"]
    assert all(first["autov3"] != second["autov3"] for first, second in itertools.pairwise(checkpoints))
