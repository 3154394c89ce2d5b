"""A library with a sheet to look at, and the way to the screen that shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from pressing import press
from waiting import settle

from loratui.catalog import sheets
from loratui.catalog.bases import add_base
from loratui.catalog.runs import create_run
from loratui.catalog.sheets import PlannedCell
from loratui.catalog.snapshots import save_snapshot
from loratui.catalog.store import Catalog, open_catalog
from loratui.catalog.subjects import add_subject
from loratui.tui.review import ReviewScreen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.pilot import Pilot

    from loratui.config import Home

PROMPTS = ("photo of Mirvok", "Mirvok, smile")
SEEDS = (7, 8)


def make_library(home: Home) -> Catalog:
    """A library with one run and a sheet of it: the base and three epochs, two prompts, two seeds."""
    catalog = open_catalog(home)
    subject, _ = add_subject(catalog, "Mira", "Mirvok")
    base = add_base(catalog, "drawn", Path("/nowhere"), family="sd1", layout="folder", resolution=64)
    run = create_run(
        catalog,
        subject_id=subject.id,
        subject_name=subject.name,
        snapshot_id=save_snapshot(catalog, subject.id, "h" * 64, "{}", 1).id,
        base_id=base.id,
        recipe={},
        total_steps=3,
        steps_per_epoch=1,
        prepare=lambda run: None,
    )
    make_sheet(catalog, run.id, run.name)
    return catalog


def make_sheet(catalog: Catalog, run_id: int, run_name: str, seeds: Sequence[int] = SEEDS) -> str:
    cells = [
        PlannedCell(f"{epoch}-{prompt}-{seed}", None, epoch or None, float(epoch > 0), text, "", seed)
        for epoch in range(4)
        for prompt, text in enumerate(PROMPTS)
        for seed in seeds
    ]
    sheet = sheets.create_sheet(
        catalog, run_id=run_id, run_name=run_name, folder=run_name, settings={"seeds": list(seeds)}, cells=cells
    )
    paths = {}
    for number, cell in enumerate(cells):
        path = Path(sheet.folder) / f"{cell.key}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (8 * number, 255 - 8 * number, 90)).save(path)
        paths[cell.key] = path
    sheets.record_cells(catalog, sheet.id, paths)
    return sheet.name


async def open_review(pilot: Pilot[None]) -> ReviewScreen:
    await settle(pilot)
    await press(pilot, "f5")
    assert isinstance(pilot.app.screen, ReviewScreen)
    return pilot.app.screen
