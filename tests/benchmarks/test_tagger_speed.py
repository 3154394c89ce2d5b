"""Tagging against the loop that people write. Run: pytest -m benchmark -s tests/benchmarks/test_tagger_speed.py

The loop loads, pads, resizes and runs one picture after the other, with the runtime's own settings. Both sides read
the same files and run the same model, in turns, and the best of each counts: a busy machine only ever adds time.

What can be won: with n processors the loop takes D + M / n for a picture, decoding D on one and the model's M on all of
them, and work side by side (D + M) / n. On two processors that is 1.5 times faster where both cost the same, less
where the model costs more, more where decoding does.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from loratui.captions.tagging import TaggingResult, tag_pictures
from loratui.catalog.blobs import picture_path
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.config import find_assets
from loratui.demo import world

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loratui.config import Home

pytestmark = pytest.mark.benchmark

onnxruntime = pytest.importorskip("onnxruntime")

ROUNDS = 8


def run_loop(session: Any, paths: Sequence[Path]) -> list[Any]:
    """One picture at a time: load, pad, resize, run."""
    entry = session.get_inputs()[0]
    side = entry.shape[1]
    found = []
    for path in paths:
        with Image.open(path) as image:
            rgb = image.convert("RGB")
        edge = max(rgb.size)
        square = Image.new("RGB", (edge, edge), (255, 255, 255))
        square.paste(rgb, ((edge - rgb.width) // 2, (edge - rgb.height) // 2))
        small = square.resize((side, side), Image.Resampling.BICUBIC)
        pixels = np.ascontiguousarray(np.asarray(small, np.float32)[:, :, ::-1])[None]
        found.append(session.run(None, {entry.name: pixels})[0])
    return found


def compare(home: Home, name: str, model: Path) -> None:
    with open_catalog(home) as catalog:
        paths = [picture_path(catalog, picture) for picture in select_memberships(catalog, "Wall")]
        session = onnxruntime.InferenceSession(os.fspath(model / "model.onnx"), providers=["CPUExecutionProvider"])
        run_loop(session, paths[:4])
        loops: list[float] = []
        ours: list[TaggingResult] = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            run_loop(session, paths)
            loops.append(time.perf_counter() - begun)
            ours.append(tag_pictures(catalog, "Wall", "", model, again=True))
    count = len(paths)
    best = min(ours, key=lambda done: done.times.total)
    times = best.times
    work = times.total - times.opening
    busy = times.session + times.decoding
    print(f"\n{name}: {count} pictures on {os.cpu_count()} processors")
    print(f"  loop            {1000 * min(loops) / count:6.1f} ms a picture")
    print(f"  tag_pictures    {1000 * work / count:6.1f} ms a picture, after {times.opening:.2f} s of opening")
    print(
        f"  the workers     {times.session / busy:6.0%} in the model, {times.decoding / busy:.0%} decoding; "
        f"both take {busy / (work * (os.cpu_count() or 1)):.0%} of the processors, storing {times.storing / work:.0%}"
    )
    print(f"  ratio           {min(loops) / work:6.2f}  (target 1.50)")
    assert best.tagged == count


def test_real_photos(home: Home, shared: Path) -> None:
    with open_catalog(home) as catalog:
        add_subject(catalog, "Wall", "Zelk")
        import_pictures(catalog, "Wall", [shared / "data" / "photos", shared / "data" / "torture" / "Landscape_1.jpg"])
    compare(home, "photos of 768 pixels, EfficientNet", shared / "models" / "wd_contract_imagenet")


def test_the_drawn_cast(home: Home, tmp_path: Path) -> None:
    import random

    rng = random.Random(5)
    (tmp_path / "drawn").mkdir()
    for number in range(300):
        picture = world.draw(world.random_look(rng), world.random_scene(rng), 30_000_000 + number)
        picture.save(tmp_path / "drawn" / f"{number}.png")
    with open_catalog(home) as catalog:
        add_subject(catalog, "Wall", "Zelk")
        import_pictures(catalog, "Wall", [tmp_path / "drawn"])
    compare(home, "drawn pictures of 64 pixels, the shipped tagger", find_assets() / "cast" / "tagger")
