"""The preparation of pictures equals its description, written here a second time in the plainest way."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from loratui.captions import preprocess
from loratui.captions.preprocess import PixelLayout, prepare_picture, prepare_pictures
from loratui.catalog.decoding import load_rgb

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

WD, CL = PixelLayout(448), PixelLayout(448, channels_first=True)

PICTURES = (
    "hopper_orientation_2.jpg",
    "hopper_orientation_3.jpg",
    "hopper_orientation_6.jpg",
    "hopper_orientation_8.jpg",
    "hopper_orientation_6.webp",
    "exif_imagemagick_orientation.png",
    "Landscape_8.jpg",
    "Landscape_1.jpg",
    "DSCN0010.jpg",
    "pil_sample_cmyk.jpg",
    "tiff_strip_cmyk_jpeg.tif",
    "16bit.cropped.tif",
    "tiff_16bit_RGB.tiff",
    "l_trns.png",
    "rgb_trns.png",
    "p_trns_single.png",
    "transparent.webp",
    "transparent.gif",
    "alpha_hides_photo.png",
    "strip_6000x12.png",
    "jpeg_named.png",
    "dup_gray.jpg",
    "hopper_g4.tif",
    "icc_profile_big.jpg",
)


def _describe(path: Path) -> Image.Image:
    """Upright, 8 bits, sRGB, on white."""
    image = Image.open(io.BytesIO(path.read_bytes()))
    image.load()
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.float64)
        # Sensors put ten or twelve bits into sixteen; what counts is the range in use.
        bits = int(values.max()).bit_length()
        return Image.fromarray(np.rint(values / (2**bits - 1) * 255).astype(np.uint8)).convert("RGB")
    profile = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if profile:
        return ImageCms.profileToProfile(image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        with_alpha = image.convert("RGBA")
        colour = np.asarray(with_alpha.convert("RGB")).astype(np.float64)
        alpha = np.asarray(with_alpha.getchannel("A")).astype(np.float64)[..., None] / 255
        return Image.fromarray(np.rint(colour * alpha + 255 * (1 - alpha)).astype(np.uint8))
    return image.convert("RGB")


def _reference(image: Image.Image, side: int) -> npt.NDArray[np.float64]:
    """BGR on a white square, from 0 to 255, in the order rows, columns, channels."""
    pixels = np.asarray(image)
    height, width, _ = pixels.shape
    edge = max(height, width)
    square = np.full((edge, edge, 3), 255, np.uint8)
    top, left = (edge - height) // 2, (edge - width) // 2
    square[top : top + height, left : left + width] = pixels
    small = np.asarray(Image.fromarray(square).resize((side, side), Image.Resampling.BICUBIC))
    return np.stack([small[:, :, 2], small[:, :, 1], small[:, :, 0]], axis=2).astype(np.float64)


@pytest.mark.parametrize("name", PICTURES)
def test_real_pictures_are_prepared_as_described(shared: Path, name: str) -> None:
    path = shared / "data" / "torture" / name
    expected = _reference(_describe(path), 448)
    (wd,) = prepare_pictures([load_rgb(path)], WD)
    assert (wd.dtype, wd.shape, wd.flags.c_contiguous) == (np.float32, (448, 448, 3), True)
    assert np.abs(wd - expected).max() <= 1e-3
    (cl,) = prepare_pictures([load_rgb(path)], CL)
    assert (cl.dtype, cl.shape, cl.flags.c_contiguous) == (np.float32, (3, 448, 448), True)
    assert np.abs(cl - (expected.transpose(2, 0, 1) / 127.5 - 1)).max() <= 1e-3


def test_photos_are_prepared_as_described(shared: Path) -> None:
    paths = sorted((shared / "data" / "photos").glob("*/0[01].jpg"))
    assert len(paths) >= 20
    for path in paths:
        (wd,) = prepare_pictures([load_rgb(path)], WD)
        assert np.abs(wd - _reference(_describe(path), 448)).max() <= 1e-3, path


@given(st.integers(1, 60), st.integers(1, 60), st.integers(2, 40), st.integers(0, 2**32 - 1), st.booleans())
def test_pictures_of_any_shape_are_prepared_as_described(
    width: int, height: int, side: int, seed: int, channels_first: bool
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    expected = _reference(image, side)
    layout = PixelLayout(side, channels_first)
    out = np.full(layout.shape, np.nan, np.float32)
    prepare_picture(image, layout, out)
    if channels_first:
        expected = expected.transpose(2, 0, 1) / 127.5 - 1
    assert np.abs(out - expected).max() <= 1e-5


@pytest.mark.parametrize("size", [(4100, 30), (30, 4100), (3000, 2999), (2800, 3100)])
def test_long_pictures_are_prepared_bit_by_bit_in_strips(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preprocess, "_STRIP_PIXELS", 100_000)
    width, height = size
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))
    (wd,) = prepare_pictures([image], WD)
    assert (wd == _reference(image, 448)).all()


@pytest.mark.parametrize("size", [(800, 16_000), (16_000, 800), (8, 40_000), (1_000_000, 8)])
def test_the_memory_of_a_long_picture_grows_with_its_pixels_not_with_its_square(size: tuple[int, int]) -> None:
    script = (
        "import resource; from PIL import Image; import numpy as np\n"
        "from loratui.captions.preprocess import PixelLayout, prepare_pictures\n"
        f"image = Image.new('RGB', {size}, (10, 20, 30))\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "(wd,) = prepare_pictures([image], PixelLayout(448))\n"
        "assert wd[0, 0].tolist() == [255, 255, 255] and wd[224, 224].sum() < 765, wd[224, 224]\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 300


def test_a_place_in_a_batch_is_filled_and_its_neighbours_are_left_alone() -> None:
    batch = np.full((3, 8, 8, 3), -1, np.float32)
    prepare_picture(Image.new("RGB", (5, 9), (10, 20, 30)), PixelLayout(8), batch[1])
    assert (batch[0] == -1).all() and (batch[2] == -1).all()
    assert batch[1, 4, 4].tolist() == [30, 20, 10]
