"""One decode per picture: fingerprint, perceptual hashes, quality remarks and thumbnail."""

from __future__ import annotations

import hashlib
import io
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageStat

from loratui.catalog.decoding import BeforeDecode, Decoded, decode_picture, extension_fits, load_rgb

__all__ = ["HASH_VERSION", "Fingerprint", "Hashes", "fingerprint_picture", "hash_thumbnail", "load_rgb"]

HASH_VERSION = 1
"""Raised whenever the pipeline below changes what a picture hashes to."""
THUMBNAIL_SIDE = 256
DRAFT_SIDE = 512
"""JPEGs are decoded at a fraction that keeps both sides at least this long."""

_TINY_SIDE = 64
# A 512-pixel bucket set spans 256x1024: beyond 4:1 most of the picture is cut away.
_EXTREME_ASPECT = 4.0
_BLANK_DEVIATION = 2.0
# Measured on 200 photos: untouched ones 0.13 and up, the same blown up 4x at most 0.04, 8x at most 0.10.
_BLURRED_SHARPNESS = 0.09
_SHARPNESS_TILE = 384
# What rounding to whole grey levels alone gives: a variance of 1/12, through weights 4 and four times -1.
_ROUNDING_ENERGY = 20 / 12
# A picture so soft that little is left even at a quarter is measured against this instead.
_SOFT_ENERGY = 20.0
# Mean of the 16 lowest luminance steps; 16.6 at libjpeg quality 50, 41 at 20, 83 at 10.
_COARSE_JPEG_STEP = 40.0


# For the class with a field named `bytes`, which hides the type.
_Bytes = bytes


class Hashes(NamedTuple):
    """64-bit perceptual hashes as unsigned integers, of the picture and of its mirror image."""

    phash: int
    dhash: int
    phash_mirrored: int
    dhash_mirrored: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What one decode tells of a picture.

    `width` and `height` are upright. `pixel_sha256` covers the decoded upright sRGB pixels and the full size:
    equal for files that differ only in metadata, container or lossless format. For JPEGs large enough for a
    draft decode it covers the draft's pixels, so there it finds JPEGs with the same coefficients, and a PNG
    made of such a JPEG is found by its perceptual hashes instead. `sharpness` is the share of the finest
    detail (near 0 for blown-up pictures, 0.2 to 1 for photos), `luminance` the mean of 0 (black) to 1 (white);
    `warnings` are codes of remarks.REMARKS; `thumbnail` is a JPEG of at most 256 pixels a side.
    """

    sha256: str
    pixel_sha256: str
    format: str
    bytes: int
    width: int
    height: int
    orientation: int
    has_alpha: bool
    frames: int
    hashes: Hashes
    sharpness: float
    luminance: float
    warnings: tuple[str, ...]
    thumbnail: _Bytes


def fingerprint_picture(
    data: bytes,
    *,
    sha256: str = "",
    extension: str = "",
    max_megapixels: float = 100.0,
    before_decode: BeforeDecode = nullcontext,
) -> Fingerprint:
    """Decode a picture's bytes once and take everything the catalog keeps from that.

    JPEGs are decoded at 1/2, 1/4 or 1/8 with at least 512 pixels a side. `sha256` is that of the data where the
    caller knows it; `extension` (lower case, no dot) is compared with the content. Raises RefusedError with the reason
    for a file that is damaged, foreign or over the limit, MissingFeatureError for HEIF without pillow-heif.
    """
    decoded = decode_picture(
        data, max_megapixels=max_megapixels, draft=DRAFT_SIDE, extension=extension, before_decode=before_decode
    )
    image = decoded.image
    thumbnail = _shrink(image)
    grey = thumbnail.convert("L")
    brightness = ImageStat.Stat(grey)
    # A colour picture may be all of one grey; the second look costs more and is rarely needed.
    blank = brightness.stddev[0] < _BLANK_DEVIATION and max(ImageStat.Stat(thumbnail).stddev) < _BLANK_DEVIATION
    sharpness = _measure_sharpness(image)
    encoded = io.BytesIO()
    thumbnail.save(encoded, "JPEG", quality=80)
    pixels = hashlib.sha256(f"{decoded.width}x{decoded.height} {image.width}x{image.height} ".encode())
    pixels.update(image.tobytes())
    return Fingerprint(
        sha256=sha256 or hashlib.sha256(data).hexdigest(),
        pixel_sha256=pixels.hexdigest(),
        format=decoded.format,
        bytes=len(data),
        width=decoded.width,
        height=decoded.height,
        orientation=decoded.orientation,
        has_alpha=decoded.has_alpha,
        frames=decoded.frames,
        hashes=hash_thumbnail(grey),
        sharpness=round(sharpness, 4),
        luminance=round(brightness.mean[0] / 255, 4),
        warnings=_judge(decoded, sharpness, extension, blank=blank),
        thumbnail=encoded.getvalue(),
    )


def hash_thumbnail(thumbnail: Image.Image) -> Hashes:
    """pHash and dHash of a thumbnail and of its mirror image, equal bit for bit to imagehash's.

    The mirrored ones cost no second pass: mirroring negates the odd columns of the DCT and reverses the
    rows of the difference grid. imagehash itself would load scipy for a 32x32 cosine transform.
    """
    grey = thumbnail.convert("L")
    square = np.asarray(grey.resize((32, 32), Image.Resampling.LANCZOS), dtype=np.float64)
    low = _COSINES @ square @ _COSINES.T
    mirrored = low.copy()
    mirrored[:, 1::2] *= -1
    grid = np.asarray(grey.resize((9, 8), Image.Resampling.LANCZOS))
    return Hashes(
        phash=_pack(low > _median(low)),
        dhash=_pack(grid[:, 1:] > grid[:, :-1]),
        phash_mirrored=_pack(mirrored > _median(mirrored)),
        dhash_mirrored=_pack(grid[:, :-1][:, ::-1] > grid[:, 1:][:, ::-1]),
    )


# The first 8 rows of the type-2 cosine transform of 32 samples, scaled as scipy does.
_COSINES = 2.0 * np.cos(np.pi / 64 * np.outer(np.arange(8), 2 * np.arange(32) + 1))


def _median(values: Any) -> Any:
    # np.median, bit for bit, at a tenth of its overhead.
    middle = np.sort(values, axis=None)[31:33]
    return (middle[0] + middle[1]) / 2


def _pack(bits: Any) -> int:
    return int.from_bytes(np.packbits(bits).tobytes())


def _shrink(image: Image.Image) -> Image.Image:
    scale = THUMBNAIL_SIDE / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.HAMMING, reducing_gap=1.5)


def _measure_sharpness(image: Image.Image) -> float:
    """Energy of the Laplacian at full scale over that at a quarter, in a middle tile; 0 means too small to say."""
    width, height = (min(side, _SHARPNESS_TILE) // 4 * 4 for side in image.size)
    if min(width, height) < 32:
        return 0.0
    left, top = (image.width - width) // 2, (image.height - height) // 2
    tile = image.crop((left, top, left + width, top + height)).convert("L")
    fine, coarse = _laplacian_energy(tile), _laplacian_energy(tile.reduce(4))
    return max(fine - _ROUNDING_ENERGY, 0.001) / max(coarse, _SOFT_ENERGY)


def _laplacian_energy(grey: Image.Image) -> float:
    pixels = np.asarray(grey).astype(np.int16)
    middle = pixels[1:-1, 1:-1] * 4
    middle -= pixels[:-2, 1:-1]
    middle -= pixels[2:, 1:-1]
    middle -= pixels[1:-1, :-2]
    middle -= pixels[1:-1, 2:]
    values = middle.ravel().astype(np.float32)
    return float(np.dot(values, values)) / values.size


def _judge(decoded: Decoded, sharpness: float, extension: str, *, blank: bool) -> tuple[str, ...]:
    remarks = set(decoded.remarks)
    shorter, longer = sorted((decoded.width, decoded.height))
    if blank:
        remarks.add("blank")
    elif 0 < sharpness < _BLURRED_SHARPNESS:
        remarks.add("blurred")
    if shorter < _TINY_SIDE:
        remarks.add("tiny")
    if longer > _EXTREME_ASPECT * shorter:
        remarks.add("extreme_aspect")
    if decoded.jpeg_step is not None and decoded.jpeg_step > _COARSE_JPEG_STEP:
        remarks.add("badly_compressed")
    if extension and not extension_fits(decoded.format, extension):
        remarks.add("mislabelled")
    return tuple(sorted(remarks))
