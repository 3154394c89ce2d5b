"""Big libraries for benchmarks, written straight into the tables; what they hold is drawn, not imported."""

from __future__ import annotations

import io
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from loratui.catalog.blobs import thumbnail_path
from loratui.catalog.store import open_catalog

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from loratui.config import Home

# Sizes that photos, screenshots and drawings come in.
_SHAPES = ((1024, 1536), (1536, 1024), (768, 768), (2048, 1365), (512, 768), (1080, 1920), (640, 480), (400, 600))

_PICTURES = """
INSERT INTO picture (id, sha256, pixel_sha256, format, bytes, width, height, phash, dhash, phash_mirrored,
                     dhash_mirrored, sharpness, luminance, imported_at)
WITH RECURSIVE number(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM number WHERE n < :last)
SELECT n,
       -- Spread over the whole range, as hashes are, yet different for each number.
       printf('%016x%048x', (n * 7046029254386353131) & 9223372036854775807, n),
       printf('%064x', n), CASE n % 3 WHEN 0 THEN 'PNG' ELSE 'JPEG' END, 150000 + n % 4096 * 100,
       shape.width, shape.height,
       n * 2862933555777941757 & 9223372036854775807, n * 3202034522624059733 & 9223372036854775807,
       n * 3935559000370003845 & 9223372036854775807, n * 4768777513237032717 & 9223372036854775807,
       (n * 7919 % 100000) / 100.0, (n % 256) / 255.0, '2026-01-01 00:00:00.000000'
FROM number JOIN shape ON shape.number = n % :shapes
"""

_MEMBERSHIPS = """
INSERT INTO membership (id, subject_id, picture_id, name, source_path, role, repeats, rating, caption, added_at)
SELECT id, (id - :first) / :each + :subject, id, printf('IMG_%07d.jpg', id * 7919 % 10000019),
       CAST(printf('/photos/%04d/IMG_%07d.jpg', id / 1000, id) AS BLOB),
       CASE WHEN id % 20 < 3 THEN 'primary' WHEN id % 20 < 9 THEN 'supporting' WHEN id % 20 = 9 THEN 'holdout'
            WHEN id % 20 = 10 THEN 'rejected' ELSE 'inbox' END,
       CASE WHEN id % 50 = 0 THEN id % 7 + 1 END, id % 6,
       CASE WHEN id % 100 = 0 THEN 'photo of her, smile' END, '2026-01-01 00:00:00.000000'
FROM picture WHERE id BETWEEN :first AND :last
"""


def build_library(home: Home, subjects: int = 1000, pictures: int = 1_000_000) -> None:
    """Fill a new library with subjects of equally many pictures, two runs each, and a rated sheet for every other."""
    open_catalog(home).close()
    each = pictures // subjects
    with closing(_connect(home)) as connection, connection:
        _add_subjects(connection, 1, subjects)
        _add_pictures(connection, first=1, last=each * subjects, subject=1, each=each)
        _add_runs(connection, subjects)


def build_wall(
    home: Home, pictures: int = 100_000, *, name: str = "Wall", drawn: int = 300, photos: Sequence[Path] = ()
) -> None:
    """Add one subject with many pictures whose thumbnails are real files: `drawn` different ones, hard-linked.

    With `photos` the thumbnails are made of these.
    """
    open_catalog(home).close()
    with closing(_connect(home)) as connection, connection:
        subject = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM subject").fetchone()[0]
        first = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM picture").fetchone()[0]
        _add_subjects(connection, subject, subject, name=name)
        _add_pictures(connection, first=first, last=first + pictures - 1, subject=subject, each=pictures)
        found = connection.execute("SELECT sha256, width, height FROM picture WHERE id >= ? ORDER BY id", (first,))
        _link_thumbnails(home, found.fetchall(), drawn, photos)


def _connect(home: Home) -> sqlite3.Connection:
    connection = sqlite3.connect(home.database)
    # A crash may cost this file: it is made anew.
    for pragma in ("synchronous=OFF", "cache_size=-400000", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TEMP TABLE shape (number INTEGER PRIMARY KEY, width INTEGER, height INTEGER)")
    connection.executemany("INSERT INTO shape VALUES (?, ?, ?)", [(at, *shape) for at, shape in enumerate(_SHAPES)])
    connection.commit()
    return connection


def _add_subjects(connection: sqlite3.Connection, first: int, last: int, *, name: str = "") -> None:
    rows = [
        (number, name or f"Subject {number:04}", f"trigvok{number}", f"trigvok{number}", "2026-01-01 00:00:00.000000")
        for number in range(first, last + 1)
    ]
    connection.executemany(
        "INSERT INTO subject (id, name, trigger, trigger_key, created_at) VALUES (?, ?, ?, ?, ?)", rows
    )


def _add_pictures(connection: sqlite3.Connection, *, first: int, last: int, subject: int, each: int) -> None:
    connection.execute(_PICTURES, {"first": first, "last": last, "shapes": len(_SHAPES)})
    connection.execute(_MEMBERSHIPS, {"first": first, "last": last, "subject": subject, "each": each})


def _add_runs(connection: sqlite3.Connection, subjects: int) -> None:
    at = "2026-02-01 00:00:00.000000"
    connection.execute(
        "INSERT INTO base (id, name, path, family, layout, created_at)"
        " VALUES (1, 'cast', '/base', 'cast', 'folder', ?)",
        (at,),
    )
    everyone = range(1, subjects + 1)
    connection.executemany(
        "INSERT INTO snapshot (id, hash, subject_id, content, pictures, created_at) VALUES (?, ?, ?, '{}', 450, ?)",
        [(number, f"{number:064x}", number, at) for number in everyone],
    )
    states = ("done", "done", "done", "running", "queued", "failed", "stopped", "done")
    connection.executemany(
        "INSERT INTO run (id, name, subject_id, snapshot_id, base_id, recipe, folder, output_name, state, total_steps,"
        " steps_per_epoch, step, epoch, queued_at, ended_at)"
        " VALUES (?, ?, ?, ?, 1, '{}', ?, ?, ?, 1600, 200, ?, 8, ?, ?)",
        [
            (id_, name, number, number, name, name, state, step, at, at if step == 1600 else None)
            for number in everyone
            for id_, state in ((2 * number - 1, "done"), (2 * number, states[number % len(states)]))
            for name, step in [(f"subject-{number:04}-{id_:05}", 1600 if state == "done" else 900)]
        ],
    )
    connection.executemany(
        "INSERT INTO checkpoint (id, run_id, epoch, step, path, autov3, bytes, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, 9500000, ?)",
        [
            (id_, run, epoch, 200 * epoch, f"checkpoints/{epoch:06}.safetensors", f"{id_:064x}", at)
            for run in range(1, 2 * subjects + 1)
            for epoch in range(1, 9)
            for id_ in [8 * run + epoch]
        ],
    )
    rated = range(1, 2 * subjects + 1, 2)
    connection.executemany(
        "INSERT INTO sheet (id, name, run_id, folder, settings, state, created_at)"
        " VALUES (?, ?, ?, ?, '{}', 'done', ?)",
        [(run, f"sheet-{run:05}", run, f"sheet-{run:05}", at) for run in rated],
    )
    connection.executemany(
        "INSERT INTO cell (sheet_id, key, checkpoint_id, epoch, prompt, seed, path, rating, rendered_at)"
        " VALUES (?, ?, ?, ?, 'a photo', ?, 'cell.png', ?, ?)",
        [
            (run, f"{epoch}-{seed}", 8 * run + epoch, epoch, seed, (run + epoch * seed) % 6, at)
            for run in rated
            for epoch in range(1, 9)
            for seed in range(4)
        ],
    )


def _link_thumbnails(home: Home, pictures: list[tuple[str, int, int]], drawn: int, photos: Sequence[Path]) -> None:
    made: dict[int, Path] = {}
    folders: set[Path] = set()
    for number, (sha256, width, height) in enumerate(pictures):
        path = thumbnail_path(home, sha256)
        if path.parent not in folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            folders.add(path.parent)
        # The shape repeats with the number, so each drawing keeps the one it was made for.
        which = number % (drawn - drawn % len(_SHAPES))
        if which in made:
            os.link(made[which], path)
        else:
            # Neighbours are of different things.
            photo = photos[which * 7 % len(photos)] if photos else None
            path.write_bytes(
                _draw_thumbnail(which, width, height) if photo is None else _shrink_photo(photo, width, height)
            )
            made[which] = path


def _draw_thumbnail(seed: int, width: int, height: int) -> bytes:
    import numpy as np
    from PIL import Image, ImageDraw

    scale = 256 / max(width, height)
    size = (round(width * scale), round(height * scale))
    random = np.random.default_rng(seed)
    ground = Image.fromarray(random.integers(40, 200, (3, 3, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(ground)
    x, y = size[0] // 2, size[1] // 2
    radius = min(size) * (0.25 + 0.15 * random.random())
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tuple(random.integers(60, 255, 3).tolist()))
    draw.text((8, 8), f"{seed}", fill=(255, 255, 255), font_size=28)
    grain = random.normal(0, 6, (size[1], size[0], 1))
    grainy = np.clip(np.asarray(ground, np.float32) + grain, 0, 255).astype(np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(grainy).save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


def _shrink_photo(path: Path, width: int, height: int) -> bytes:
    from PIL import Image, ImageOps

    scale = 256 / max(width, height)
    encoded = io.BytesIO()
    with Image.open(path) as photo:
        ImageOps.fit(photo.convert("RGB"), (round(width * scale), round(height * scale))).save(
            encoded, "JPEG", quality=85
        )
    return encoded.getvalue()
