"""Export of 10,000 pictures that need no re-encoding, against a plain copy of the same files."""

from __future__ import annotations

import io
import shutil
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from loratui.catalog.importer import import_pictures
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.dataset.kohya import export_kohya

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.config import Home

pytestmark = pytest.mark.benchmark

PICTURES = 10_000
BYTES = 100_000
"""A modest photo; linking costs the same whatever the size, copying does not."""


def test_export_of_ten_thousand_pictures_against_copying_them(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "pictures"
    source.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for number in range(PICTURES):
        noise[:8, :8] = [number % 256, number // 256, 0]
        encoded = io.BytesIO()
        suffix, format_ = ((".png", "PNG"), (".jpg", "JPEG"))[number % 2]
        Image.fromarray(noise).save(encoded, format_)
        # What follows the end of a picture is never read: it stands for the bytes of a larger one.
        data = encoded.getvalue() + f"{number:05d}".encode()
        (source / f"{number:05d}{suffix}").write_bytes(data.ljust(BYTES, b"\0"))
    with open_catalog(home) as catalog:
        add_subject(catalog, "many", "Many")
        imported = import_pictures(catalog, "many", [source])
        assert imported.imported == PICTURES
        set_role(catalog, "many", "primary", "all")

        times = {}
        for what in ("first export", "second export, nothing changed"):
            started, worked = time.perf_counter(), time.process_time()
            result = export_kohya(catalog, "many", tmp_path / "export")
            times[what] = time.perf_counter() - started, time.process_time() - worked
            assert result.pictures == PICTURES and result.encoded == 0
        started = time.perf_counter()
        shutil.copytree(source, tmp_path / "copy")
        copying = time.perf_counter() - started
    print(f"\nshutil.copytree of {PICTURES} pictures: {copying:.2f} s")
    for what, (seconds, cpu) in times.items():
        print(f"{what}: {seconds:.2f} s ({cpu:.2f} s of one core), {copying / seconds:.1f}x as fast")
