"""An import that is interrupted, and interrupted again while it keeps what it read."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from loratui.catalog import importer
from loratui.catalog.importer import import_pictures
from loratui.catalog.intake import Intake
from loratui.catalog.query import select_memberships
from loratui.errors import Cancelled

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.events import Progress


def make_pictures(folder: Path, count: int) -> None:
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (200, 200, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def names(catalog: Catalog, subject: Subject) -> list[str]:
    return [member.name for member in select_memberships(catalog, subject)]


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param((ThreadPoolExecutor, "shutdown"), id="waiting for the workers"),
        pytest.param((Intake, "save"), id="keeping the pictures' rows"),
        pytest.param((importer, "join_subject"), id="making them members"),
    ],
)
def test_a_second_interrupt_while_the_first_one_cleans_up_loses_nothing_that_was_read(
    catalog: Catalog, mira: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: tuple[Any, str]
) -> None:
    make_pictures(tmp_path, 30)
    usual = signal.getsignal(signal.SIGINT)

    def interrupt(_: Progress) -> None:
        # From here on the clean-up runs, and is interrupted as soon as it gets to the moment.
        place, name = moment
        real = getattr(place, name)

        def interrupted(*args: Any, **options: Any) -> Any:
            signal.raise_signal(signal.SIGINT)
            return real(*args, **options)

        monkeypatch.setattr(place, name, interrupted)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(importer, "_REPORT_SECONDS", 0.0)
    with pytest.raises(Cancelled) as caught:
        import_pictures(catalog, mira, [tmp_path], report=interrupt, workers=1)
    monkeypatch.undo()
    assert caught.value.exit_code == 130
    assert signal.getsignal(signal.SIGINT) is usual
    with catalog.read() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM picture").scalar_one()
    kept = len(names(catalog, mira))
    assert 0 < kept == rows < 30
    assert caught.value.message == f"The import was stopped; {kept} pictures are in Mira."
    assert import_pictures(catalog, mira, [tmp_path]).imported == 30 - kept


def test_pictures_whose_rows_could_not_be_kept_do_not_hold_back_the_others(
    catalog: Catalog, mira: Subject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pictures(tmp_path, 12)
    real = Intake.save
    saves = iter(range(1))

    def save(*args: Any) -> None:
        if next(saves, None) is None and args[1]:
            raise KeyboardInterrupt
        real(*args)

    monkeypatch.setattr(importer, "_BATCH", 4)
    monkeypatch.setattr(Intake, "save", save)
    with pytest.raises(Cancelled):
        import_pictures(catalog, mira, [tmp_path], workers=1)
    monkeypatch.undo()
    kept = len(names(catalog, mira))
    assert 0 < kept < 12
    assert import_pictures(catalog, mira, [tmp_path]).imported == 12 - kept
