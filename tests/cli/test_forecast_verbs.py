"""Verbs that look ahead of a training or at one, without changing anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from PIL import Image

from loratui.captions.tokens import find_clip_tokenizer
from loratui.catalog.edits import add_tags
from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import set_role
from loratui.catalog.run_events import ingest_events
from loratui.catalog.runs import create_run, list_runs, wish_stop
from loratui.catalog.snapshots import save_snapshot
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.events import RunEvent
from loratui.runs.bases import ensure_shipped_base

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
    with open_catalog(home) as catalog:
        add_tags(catalog, "Mira", "", [f"tag number {number}" for number in range(40)])
    planned = run(home, "plan", "Mira", "--epochs", "3", "--batch-size", "2")
    assert find_clip_tokenizer() is None or "CLIP tokens" in planned["notes"][-1]
    assert planned["estimate"] == found["estimate"]
    assert planned["total_steps"] == 9


def test_a_dry_run_of_what_cannot_be_trained_says_why(home: Home) -> None:
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "miratok")
    found = run(home, "train", "Mira", "--dry-run")
    assert found["can_start"] is False
    assert "no_pictures" in {each["code"] for each in found["blockers"]}
    assert found["estimate"] is None


def test_a_dry_run_refuses_the_samples_that_the_training_would(home: Home) -> None:
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "miratok", kind="person")
    found = run(home, "train", "Mira", "--dry-run", "--sample", "nude {trigger}", "--continue-from", "nowhere")
    assert {"prompt", "weights"} <= {each["code"] for each in found["blockers"]}


def test_devices_are_told_also_where_there_are_none(home: Home) -> None:
    assert run(home, "devices").keys() == {"devices", "trainers"}


def test_the_loss_is_told_in_few_points(home: Home) -> None:
    with open_catalog(home) as catalog:
        subject, _ = add_subject(catalog, "Mira", "miratok")
        trained = create_run(
            catalog,
            subject_id=subject.id,
            subject_name="Mira",
            snapshot_id=save_snapshot(catalog, subject.id, "h" * 64, "{}", 1).id,
            base_id=ensure_shipped_base(catalog).id,
            recipe={},
            total_steps=100,
            steps_per_epoch=10,
            prepare=lambda run: None,
        )
        steps = [
            RunEvent(seq=step, type="step", data={"step": step, "loss": 1 / step, "lr": 1e-4}) for step in range(1, 101)
        ]
        ingest_events(catalog, trained.id, steps)
    # A queued run makes sure of a worker, and this one has no folder to train in.
    with open_catalog(home) as catalog:
        wish_stop(catalog, trained.id)
    bins = run(home, "run", "loss", trained.name, "--points", "5", "--smooth", "0")
    assert [bin["step"] for bin in bins] == [20, 40, 60, 80, 100]
    assert bins[0]["highest"] == 1.0
    assert bins[-1]["smooth"] == 0.01
