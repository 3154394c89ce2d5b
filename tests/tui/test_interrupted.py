"""The app is left or killed in the middle of something: nothing is lost or half-written, and it can be gone on with."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from pty_terminal import PtyTerminal
from waiting import wait_until

from loratui.catalog import sheets, subjects
from loratui.catalog.blobs import check_picture, hash_file
from loratui.catalog.journal import history, undo
from loratui.catalog.query import select_memberships
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

StartApp = Callable[..., PtyTerminal]

IMAGES = 60
"""Of the sheet that is interrupted: the base and two epochs, one prompt, twenty seeds."""


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
        f"{key}.alpha": np.array(1.0, dtype=np.float32),
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
    app.wait_for(f"Render {IMAGES} images")
    time.sleep(0.4)
    app.press("y")


def the_sheet(catalog: Catalog) -> Sheet:
    return sheets.list_sheets(catalog)[0]


def recorded(catalog: Catalog) -> int:
    found = sheets.list_sheets(catalog)
    return sum(bool(cell.path) for cell in sheets.list_cells(catalog, found[0].id)) if found else 0


def leftovers(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix in (".part", ".tmp", ".partial")]


def test_a_sheet_that_was_rendering_when_the_app_was_quit_says_so_and_is_gone_on_with(
    start_app: StartApp, trained: Catalog, home: Home
) -> None:
    app = start_app()
    render_a_sheet(app)
    wait_until(lambda: recorded(trained) > 0)
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

    again = start_app()
    again.wait_for("1 subject")
    again.press("f5")
    again.wait_for("interrupted, n goes on")
    again.press("n")
    again.wait_for(f"Go on with {the_sheet(trained).name}? {IMAGES - before} images to render.")
    time.sleep(0.4)
    again.press("y")
    again.wait_for(f"{IMAGES} images, {IMAGES - before} new", 120)
    assert the_sheet(trained).state == "done" and len(sheets.list_sheets(trained)) == 1
    again.press("q")
    assert again.wait(30) == 0


def test_a_sheet_goes_on_when_the_app_is_killed_and_the_next_one_takes_its_images_up(
    start_app: StartApp, trained: Catalog, home: Home
) -> None:
    app = start_app()
    render_a_sheet(app)
    wait_until(lambda: recorded(trained) > 0)
    app.kill()
    app.wait()
    folder = Path(the_sheet(trained).folder)
    before = recorded(trained)
    assert before < IMAGES

    again = start_app()
    again.wait_for("1 subject")
    again.press("f5")
    if is_leased(folder / LEASE):
        again.wait_for(lambda text: "being rendered" in text or f"of {IMAGES} rated" in text)
    wait_until(lambda: the_sheet(trained).state == "done", 120)
    again.wait_for(lambda text: "being rendered" not in text and "interrupted" not in text)
    assert recorded(trained) == IMAGES and leftovers(home.data) == []
    again.press("q")
    assert again.wait(30) == 0


def photos(folder: Path, count: int) -> Path:
    """Pictures of one motive whose files differ: large enough that reading all takes a while."""
    folder.mkdir()
    noise = np.random.default_rng(1).integers(0, 255, (1600, 1600, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG", quality=80)
    start, rest = buffer.getvalue()[:2], buffer.getvalue()[2:]
    for number in range(count):
        # A comment of its own behind the start of the image.
        (folder / f"{number:03}.jpg").write_bytes(start + b"\xff\xfe\x00\x06" + number.to_bytes(4, "big") + rest)
    return folder


def import_by_keys(app: PtyTerminal, folder: Path) -> None:
    app.wait_for("1 subject")
    app.press("a")
    app.wait_for("Import into Mira")
    app.send(str(folder))
    app.press("ctrl+s")


def run_doctor(home: Home) -> list[dict[str, str]]:
    environment = {**os.environ, "LORATUI_HOME": str(home.data)}
    told = subprocess.run([sys.executable, "-m", "loratui", "doctor", "--json"], env=environment, capture_output=True)
    found: list[dict[str, str]] = json.loads(told.stdout)
    return found


def test_a_killed_import_is_repeated_and_ends_complete(start_app: StartApp, home: Home, tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", 80)
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok")
    app = start_app()
    import_by_keys(app, folder)
    wait_until(lambda: len(list(home.store.glob("??/*.jpg"))) > 10)
    app.kill()
    app.wait()
    stored = list(home.store.glob("??/*.jpg"))
    assert len(stored) < 80
    assert all(hash_file(path) == path.stem for path in stored)
    # Such are left when it is hit while it writes.
    (home.store / "incoming").mkdir(exist_ok=True)
    (home.store / "incoming" / f"{app.process.pid}-1-abc.part").write_bytes(b"half")
    assert {"ok"} == {item["state"] for item in run_doctor(home) if item["check"] in ("database", "pictures")}

    again = start_app()
    again.wait_for("1 subject")
    wait_until(lambda: leftovers(home.data) == [])
    import_by_keys(again, folder)
    again.wait_for("80 pictures imported into Mira", 120)
    again.press("escape", "q")
    assert again.wait(30) == 0
    with open_catalog(home) as catalog:
        found = select_memberships(catalog, "Mira")
        assert len(found) == len({picture.sha256 for picture in found}) == 80
        assert all(check_picture(catalog, picture, deep=True) == "ok" for picture in found)
    assert leftovers(home.data) == []
    assert {"ok"} == {item["state"] for item in run_doctor(home) if item["check"] in ("database", "pictures")}


@pytest.mark.parametrize("pause", [0.0, 0.03, 0.2])
def test_a_killed_app_has_written_a_caption_and_a_crop_whole_or_not_at_all(
    start_app: StartApp, mira: Home, pause: float
) -> None:
    app = start_app()
    app.wait_for("1 subject")
    app.press("enter")
    app.wait_for("inbox 12")
    app.press("e")
    app.wait_for("tokens")
    app.press("ctrl+u")
    app.send("photo of Mirvok, one caption to the end")
    app.wait_for("one caption to the end")
    # The caption, and a crop of the same picture right behind it.
    app.send("\x13c")
    app.wait_for("crop")
    app.send("\r")
    time.sleep(pause)
    app.kill()
    app.wait()
    with open_catalog(mira) as catalog:
        first = select_memberships(catalog, "Mira")[0]
        assert first.caption in (None, "photo of Mirvok, one caption to the end")
        labels = [entry.label for entry in history(catalog)]
        assert (first.caption is not None) == any("caption" in label for label in labels)
        assert (first.crop is not None) == any("crop" in label for label in labels)
        if first.crop is not None:
            assert first.used_width > 0 and first.used_height > 0
        # What is there can be taken back, step by step, up to the import.
        for _ in range(len(labels) - 2):
            undo(catalog)
        again = select_memberships(catalog, "Mira")[0]
        assert again.caption is None and again.crop is None
    assert leftovers(mira.data) == []
    assert {"ok"} == {item["state"] for item in run_doctor(mira) if item["check"] in ("database", "pictures")}
