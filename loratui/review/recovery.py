"""Sheets whose rendering lost its caller: what a sampler made meanwhile is taken up, and whether one still works."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from loratui.catalog.sheets import list_cells, record_cells
from loratui.errors import UsageError
from loratui.review.infotext import is_finished
from loratui.review.request import LEASE, REQUEST, cell_path, read_request
from loratui.runs.leases import is_leased

if TYPE_CHECKING:
    from loratui.catalog.rows import Sheet
    from loratui.catalog.store import Catalog


def take_up(catalog: Catalog, sheet: Sheet) -> bool:
    """Put on record what is ready of an unfinished sheet; returns whether a sampler is at work on it now.

    A sampler outlives the app or the command that started it, and only those would have recorded its images.
    """
    if sheet.state == "done":
        return False
    folder = Path(sheet.folder)
    missing = [cell.key for cell in list_cells(catalog, sheet.id) if not cell.path]
    # Before the images: one that lands while they are looked at is found the next time.
    working = bool(missing) and is_leased(folder / LEASE) and not _asked_keys(folder).isdisjoint(missing)
    if ready := {key: path for key in missing if is_finished(path := cell_path(folder, key), key)}:
        record_cells(catalog, sheet.id, ready)
    return working and len(ready) < len(missing)


def _asked_keys(folder: Path) -> set[str]:
    """What the sampler of a folder was asked for last."""
    try:
        return set(read_request(folder / REQUEST).cells)
    except UsageError:
        return set()
