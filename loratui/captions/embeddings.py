"""What pictures are like as vectors, from a tagger's second output: computed once and kept in the cache."""

from __future__ import annotations

import io
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from loratui.captions.preprocess import prepare_pictures
from loratui.catalog.blobs import read_picture
from loratui.catalog.decoding import MOST_MEGAPIXELS, load_rgb
from loratui.errors import Cancelled, LoratuiError
from loratui.events import Progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PIL import Image

    from loratui.captions.tagger import Tagger
    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.events import Report

Vector = npt.NDArray[np.float32]

_BATCH = 4


def embed_pictures(
    catalog: Catalog,
    tagger: Tagger,
    pictures: Sequence[Membership],
    *,
    workers: int,
    report: Report,
    cancel: threading.Event,
    pass_over: Callable[[Membership, str], None],
) -> dict[int, Vector]:
    """Vectors by picture id; those that can't be read are left out. Raises Cancelled.

    `pass_over` is told which are left out and why, from several threads. Those in the cache are
    read from there, so a call that was stopped goes on where it was.
    """
    folder = catalog.home.cache / "embeddings" / re.sub(r"[^A-Za-z0-9._@-]", "_", tagger.id)
    found: dict[int, Vector] = {}
    waiting = []
    for picture in {picture.picture_id: picture for picture in pictures}.values():
        if (vector := _read(_place(folder, picture))) is None:
            waiting.append(picture)
        else:
            found[picture.picture_id] = vector
    started = time.monotonic()
    with ThreadPoolExecutor(max(1, workers), thread_name_prefix="embed") as pool:
        for start in range(0, len(waiting), _BATCH):
            if cancel.is_set():
                raise Cancelled("The comparing of pictures was stopped.", hint="Run it again: it goes on where it was.")
            batch = waiting[start : start + _BATCH]
            images = list(pool.map(lambda picture: _load(catalog, picture, pass_over), batch))
            good = [(picture, image) for picture, image in zip(batch, images, strict=True) if image is not None]
            if good:
                vectors = tagger.embed(prepare_pictures([image for _, image in good], tagger.layout))
                for (picture, _), vector in zip(good, vectors, strict=True):
                    _write(_place(folder, picture), vector)
                    found[picture.picture_id] = vector
            done = start + len(batch)
            left = (len(waiting) - done) * (time.monotonic() - started) / done
            report(Progress("embed", done, len(waiting), eta_s=left))
    return found


def _load(catalog: Catalog, picture: Membership, pass_over: Callable[[Membership, str], None]) -> Image.Image | None:
    try:
        return load_rgb(read_picture(catalog, picture), max_megapixels=MOST_MEGAPIXELS)
    except LoratuiError as error:
        pass_over(picture, error.message)
        return None


def _place(folder: Path, picture: Membership) -> Path:
    return folder / picture.sha256[:2] / f"{picture.sha256}.npy"


def _read(path: Path) -> Vector | None:
    try:
        vector = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        # Not there, or cut short by a full disk: it is computed again.
        return None
    return np.asarray(vector, np.float32) if vector.ndim == 1 and np.isfinite(vector).all() else None


def _write(path: Path, vector: Vector) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = io.BytesIO()
    np.save(kept, vector.astype(np.float16), allow_pickle=False)
    partial = path.with_suffix(".part")
    partial.write_bytes(kept.getvalue())
    partial.replace(path)
