"""Import cost per 2-megapixel JPEG against the plain way.

Run: pytest -m benchmark -s tests/benchmarks/test_import_speed.py

Both sides take the same bytes in one process, in CPU seconds of one thread, the best of several rounds.
"""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import imagehash
import numpy as np
import pytest
from PIL import Image

from loratui.catalog.pictures import fingerprint_picture

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.benchmark

WIDTH, HEIGHT, PICTURES, ROUNDS = 1632, 1224, 4, 4


def make_jpeg(seed: int, quality: int) -> bytes:
    """A picture with the spectrum of photos (amplitude 1/f), colours following brightness as theirs do."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.rfftfreq(WIDTH)[None, :], np.fft.fftfreq(HEIGHT)[:, None])
    frequency[0, 0] = 1

    def field() -> np.ndarray:
        noise = np.fft.rfft2(rng.normal(size=(HEIGHT, WIDTH))) / frequency
        values = np.fft.irfft2(noise, s=(HEIGHT, WIDTH))
        return (values - values.mean()) / values.std()

    brightness = 120 + 45 * field()
    pixels = np.stack([brightness + 12 * field() for _ in range(3)], axis=-1)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def plain_way(data: bytes) -> None:
    """Full decode, both hashes of the full picture, thumbnail."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        imagehash.phash(image)
        imagehash.dhash(image)
        image.thumbnail((256, 256))
        image.save(io.BytesIO(), "JPEG", quality=80)


def measure(work: Callable[[bytes], object], pictures: list[bytes]) -> float:
    """CPU milliseconds per picture."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        for data in pictures:
            work(data)
        best = min(best, time.process_time() - started)
    return best / len(pictures) * 1e3


@pytest.mark.parametrize("quality", [75, 85, 92])
def test_fingerprint_of_a_2_megapixel_jpeg_against_full_decode_and_imagehash(quality: int) -> None:
    pictures = [make_jpeg(seed, quality) for seed in range(PICTURES)]
    plain_way(pictures[0])
    found = fingerprint_picture(pictures[0])
    plain, ours = measure(plain_way, pictures), measure(fingerprint_picture, pictures)
    size = sum(map(len, pictures)) / len(pictures) / 1e6
    print(
        f"\n2 MP JPEG, quality {quality} ({size:.2f} MB): full decode + imagehash + thumbnail {plain:.1f} ms, "
        f"loratui (also sha256, pixel hash, mirrored hashes, sharpness) {ours:.1f} ms, ratio {plain / ours:.2f}"
    )
    assert (found.width, found.height) == (WIDTH, HEIGHT)
