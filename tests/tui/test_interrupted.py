"""The app is left or killed in the middle of something: nothing is lost or half-written, and it can be gone on with."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from pty_terminal import PtyTerminal

from loratui.catalog import sheets, subjects
from loratui.catalog.run_events import ingest_events
from loratui.catalog.runs import create_run
from loratui.catalog.snapshots import save_snapshot
from loratui.catalog.store import Catalog, open_catalog
from loratui.dataset.snapshot import SnapshotContent
from loratui.events import RunEvent
from loratui.review.infotext import is_finished
from loratui.review.request import LEASE
from loratui.runs.bases import ensure_shipped_base
from loratui.runs.leases import is_leased
from loratui.training.lorafile import autov3, write_lora

if TYPE_CHECKING:
    from loratui.catalog.rows import Sheet
    from loratui.config import Home

Start = Callable[[], PtyTerminal]

IMAGES = 60
"""Of the sheet that is interrupted: the base and two epochs, one prompt, twenty seeds."""


@pytest.fixture
def start(home: Home) -> Iterator[Start]:
    """Starts the app on this test's library."""
    started: list[PtyTerminal] = []

    def start() -> PtyTerminal:
        environment = {"LORATUI_HOME": str(home.data), "OMP_NUM_THREADS": "1"}
        started.append(PtyTerminal([sys.executable, "-m", "loratui"], environment, size=(120, 40)))
        return started[-1]

    yield start
    for terminal in started:
        terminal.__exit__()


def until(holds: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def trained(home: Home) -> Iterator[Catalog]:
    """A library with a run on the shipped base that has two epochs; their LoRAs are small and change little."""
    pytest.importorskip("torch", reason="the [train] extra is not installed")
    with open_catalog(home) as catalog:
        subject, _ = subjects.add_subject(catalog, "Mira", "Mirvok")
        base = ensure_shipped_base(catalog)
        content = SnapshotContent("Mira", "Mirvok", "character", "woman", (), ())
        run = create_run(
            catalog,
            subject_id=subject.id,
            subject_name=subject.name,
            snapshot_id=save_snapshot(catalog, subject.id, content.compute_hash(), content.to_json(), 0).id,
            base_id=base.id,
            recipe={},
            total_steps=2,
            steps_per_epoch=1,
            prepare=lambda made: Path(made.folder, "checkpoints").mkdir(parents=True),
        )
        for epoch in (1, 2):
            path = Path(run.folder, "checkpoints", f"{run.output_name}-{epoch:06d}.safetensors")
            write_lora(path, small_lora(Path(base.path), epoch), {})
            data = {"epoch": epoch, "step": epoch, "path": str(path), "autov3": autov3(path), "bytes": 1}
            ingest_events(catalog, run.id, [RunEvent(epoch, "checkpoint", data)])
        yield catalog


def small_lora(base: Path, seed: int) -> dict[str, np.ndarray]:
    """A LoRA of rank 1 on one layer of the base's UNet."""
    with (base / "unet" / "diffusion_pytorch_model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    name = next(name for name in header if name.endswith("attn1.to_q.weight"))
    out, into = header[name]["shape"]
    key = "lora_unet_" + name.removesuffix(".weight").replace(".", "_")
    noise = np.random.default_rng(seed)
    return {
        f"{key}.lora_down.weight": noise.standard_normal((1, into), dtype=np.float32),
        f"{key}.lora_up.weight": noise.standard_normal((out, 1), dtype=np.float32),
        f"{key}.alpha": np.float32(1.0),
    }


def render_a_sheet(app: PtyTerminal) -> None:
    """By keys, up to the moment when the app says that it renders."""
    app.wait_for("1 subject")
    app.press("f4")
    app.wait_for("mira-0001")
    app.press("n" if "new sheet" in app.screen_text() else "enter")
    app.wait_for("new sheet")
    app.press("n")
    app.wait_for("New sheet of mira-0001")
    app.send("photo of {trigger}\rblurry\r")
    app.press("ctrl+u")
    app.send(", ".join(map(str, range(1, 21))))
    app.press("ctrl+s")
    app.wait_for(f"Render up to {IMAGES} images")
    time.sleep(0.4)
    app.press("y")


def the_sheet(catalog: Catalog) -> Sheet:
    return sheets.list_sheets(catalog)[0]


def recorded(catalog: Catalog) -> int:
    found = sheets.list_sheets(catalog)
    return sum(bool(cell.path) for cell in sheets.list_cells(catalog, found[0].id)) if found else 0


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in (".part", ".tmp", ".partial")]


def end_sampler(folder: Path) -> None:
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in (process.info["cmdline"] or ()):
            process.kill()
            process.wait(5)


def test_a_sheet_that_was_rendering_when_the_app_was_quit_says_so_and_is_gone_on_with(
    start: Start, trained: Catalog, home: Home
) -> None:
    app = start()
    render_a_sheet(app)
    until(lambda: recorded(trained) > 0)
    app.press("q")
    app.wait_for("Stop sheet of mira-0001 and quit?")
    time.sleep(0.4)
    app.press("y")
    assert app.wait(60) == 0
    assert app.is_cooked()
    before = recorded(trained)
    folder = Path(the_sheet(trained).folder)
    assert 0 < before < IMAGES and the_sheet(trained).state == "partial"
    assert not is_leased(folder / LEASE) and leftovers(home.data) == []
    cells = sheets.list_cells(trained, the_sheet(trained).id)
    assert all(is_finished(Path(cell.path), cell.key) for cell in cells if cell.path)

    again = start()
    again.wait_for("1 subject")
    again.press("f5")
    again.wait_for("interrupted, n goes on")
    # What it was made with stands in the form: the same again goes on with it.
    again.press("n")
    again.wait_for("New sheet of mira-0001")
    again.press("ctrl+s")
    again.wait_for(f"Render up to {IMAGES} images")
    time.sleep(0.4)
    again.press("y")
    again.wait_for(f"{IMAGES} images, {IMAGES - before} new", 120)
    assert the_sheet(trained).state == "done" and len(sheets.list_sheets(trained)) == 1
    again.press("q")
    assert again.wait(30) == 0


def test_a_sheet_goes_on_when_the_app_is_killed_and_the_next_one_takes_its_images_up(
    start: Start, trained: Catalog, home: Home
) -> None:
    app = start()
    render_a_sheet(app)
    until(lambda: recorded(trained) > 0)
    app.kill()
    app.wait()
    folder = Path(the_sheet(trained).folder)
    before = recorded(trained)
    assert before < IMAGES

    again = start()
    again.wait_for("1 subject")
    again.press("f5")
    if is_leased(folder / LEASE):
        again.wait_for(lambda text: "being rendered" in text or f"of {IMAGES} rated" in text)
    until(lambda: the_sheet(trained).state == "done", 120)
    again.wait_for(lambda text: "being rendered" not in text and "interrupted" not in text)
    assert recorded(trained) == IMAGES and leftovers(home.data) == []
    again.press("q")
    assert again.wait(30) == 0
