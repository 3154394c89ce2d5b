"""What verbs say of one thing, and the ways to give a subject another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.catalog.bases import add_base
from loratui.catalog.journal import history
from loratui.catalog.runs import create_run
from loratui.catalog.sheets import PlannedCell, create_sheet, list_cells, rate_cells
from loratui.catalog.snapshots import save_snapshot
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, list_subjects
from loratui.cli.dataset import edit_tags, set_caption
from loratui.cli.library import import_pictures
from loratui.cli.root import run as run_verb

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.config import Home


@pytest.fixture(autouse=True)
def library(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verbs work on this test's library."""
    monkeypatch.setenv("LORATUI_HOME", str(home.data))


def test_one_picture_is_spoken_of_as_one(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_catalog(home) as catalog:
        add_subject(catalog, "Mira", "Mirvok")
    Image.new("RGB", (64, 64), (90, 120, 30)).save(tmp_path / "one.png")
    import_pictures("Mira", tmp_path / "one.png")
    assert capsys.readouterr().out == "Imported 1 picture; 0 were already there; 0 files refused; 0 captions read.\n"
    edit_tags("Mira", "all", add=["smile"])
    assert capsys.readouterr().out == "smile: 1 picture got it.\n1 picture changed.\n"
    set_caption("Mira", "all", "photo of Mirvok")
    assert capsys.readouterr().out == "1 caption written.\n"


def test_one_rated_image_is_one_in_the_history(home: Home, tmp_path: Path) -> None:
    with open_catalog(home) as catalog:
        subject, _ = add_subject(catalog, "Mira", "Mirvok")
        run = create_run(
            catalog,
            subject_id=subject.id,
            subject_name=subject.name,
            snapshot_id=save_snapshot(catalog, subject.id, "h" * 64, "{}", 1).id,
            base_id=add_base(catalog, "drawn", tmp_path, family="sd1", layout="folder", resolution=64).id,
            recipe={},
            total_steps=1,
            steps_per_epoch=1,
            prepare=lambda run: None,
        )
        cells = [PlannedCell(f"k{seed}", None, None, 0.0, "p", "", seed) for seed in range(2)]
        sheet = create_sheet(catalog, run_id=run.id, run_name="r", folder="r", settings={}, cells=cells)
        ids = [cell.id for cell in list_cells(catalog, sheet.id)]
        rate_cells(catalog, ids[:1], 5)
        rate_cells(catalog, ids, 4)
        assert [entry.label for entry in history(catalog, 2)] == ["rate 2 images 4", "rate 1 image 5"]


@pytest.mark.parametrize("words", [["Dog", "--name", "Hund"], ["Dog", "--rename", "Hund"], ["--name=Hund", "Dog"]])
def test_a_subject_gets_another_name(home: Home, words: list[str]) -> None:
    with open_catalog(home) as catalog:
        add_subject(catalog, "Dog", "Dogvok")
    assert run_verb(["subject", "edit", *words]) == 0
    with open_catalog(home) as catalog:
        assert [found.subject.name for found in list_subjects(catalog)] == ["Hund"]
