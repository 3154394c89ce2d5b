"""One decode per picture: upright sRGB pixels whatever the file, and what is noticed on the way."""

from __future__ import annotations

import importlib.util
import io
import threading
import warnings
from typing import TYPE_CHECKING, Any

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFilter

from loratui.catalog.decoding import decode_picture
from loratui.catalog.pictures import Fingerprint, fingerprint_picture, hash_thumbnail, load_rgb
from loratui.errors import MissingFeatureError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

SIZE = (96, 64)


def draw(width: int = 96, height: int = 64, seed: int = 0) -> Image.Image:
    """A picture with structure at every scale, different in every corner."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((height, width, 3))
    for cells in (3, 6, 12, 24, 48):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        canvas += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64) / cells
    canvas = (canvas - canvas.min()) / (canvas.max() - canvas.min()) * 255
    return Image.fromarray(canvas.astype(np.uint8))


def save(image: Image.Image, format_: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def difference(one: Image.Image, other: Image.Image) -> float:
    assert one.size == other.size
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The pixels a camera would store so that `orientation` makes them `image` again."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    return image.transpose(back[orientation])


def fingerprint(image: Image.Image, format_: str = "PNG", **options: Any) -> Fingerprint:
    return fingerprint_picture(save(image, format_, **options))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_every_orientation_is_turned_upright_exactly_once(format_: str, orientation: int) -> None:
    upright = draw()
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format_ == "WEBP" else {"quality": 95} if format_ == "JPEG" else {}
    data = save(turned(upright, orientation), format_, exif=exif.tobytes(), **options)
    assert difference(load_rgb(data), upright) < 3
    found = fingerprint_picture(data)
    assert (found.width, found.height, found.orientation) == (96, 64, orientation)
    assert "oriented" in found.warnings


def test_an_orientation_out_of_range_is_ignored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 42
    found = fingerprint(draw(), "JPEG", exif=exif.tobytes())
    assert (found.orientation, found.width) == (1, 96)
    assert "oriented" not in found.warnings


def test_16_bit_grey_is_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 96 * 64).reshape(64, 96).astype(np.uint16)
    loaded = np.asarray(load_rgb(save(Image.fromarray(ramp), "PNG")))
    assert loaded.min() == 0
    assert loaded.max() == 255
    assert abs(loaded.mean() - 127.5) < 1
    assert "converted_16bit" in fingerprint(Image.fromarray(ramp)).warnings


@pytest.mark.parametrize("high", [255, 1023, 4095])
def test_fewer_bits_in_a_16_bit_file_do_not_turn_black(high: int) -> None:
    ramp = np.linspace(0, high, 96 * 64).reshape(64, 96).astype(np.uint16)
    assert np.asarray(load_rgb(save(Image.fromarray(ramp), "TIFF"))).max() == 255


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (-3.0, 9000.0)])
def test_floats_are_scaled_by_their_range_and_never_turn_black(low: float, high: float) -> None:
    ramp = np.linspace(low, high, 96 * 64).reshape(64, 96).astype(np.float32)
    loaded = np.asarray(load_rgb(save(Image.fromarray(ramp), "TIFF")))
    assert loaded.min() <= 1
    assert loaded.max() >= 254


def test_floats_without_a_finite_value_are_refused() -> None:
    with pytest.raises(RefusedError, match="finite"):
        load_rgb(save(Image.fromarray(np.full((64, 96), np.nan, np.float32)), "TIFF"))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_composited_on_white(mode: str) -> None:
    image = draw().convert("RGBA")
    alpha = Image.new("L", SIZE, 255)
    alpha.paste(0, (0, 0, 48, 64))
    image.putalpha(alpha)
    data = save(image.convert(mode) if mode != "P" else image.quantize(64), "PNG")
    loaded = load_rgb(data)
    assert loaded.mode == "RGB"
    assert loaded.crop((0, 0, 48, 64)).getextrema() == ((255, 255),) * 3
    assert loaded.crop((48, 0, 96, 64)).convert("L").getextrema()[0] < 200
    found = fingerprint_picture(data)
    assert found.has_alpha
    assert "alpha_flattened" in found.warnings


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7)), ("I;16", 7)])
def test_a_transparency_key_is_composited_on_white(mode: str, key: Any) -> None:
    values = np.full((64, 96), 7, np.uint16 if mode == "I;16" else np.uint8)
    values[:, 48:] = 60000 if mode == "I;16" else 40
    image = Image.fromarray(values)
    data = save(image if mode == "I;16" else image.convert(mode), "PNG", transparency=key)
    assert load_rgb(data).getpixel((5, 5)) == (255, 255, 255)


def test_an_opaque_alpha_channel_does_not_count_as_transparency() -> None:
    found = fingerprint(draw().convert("RGBA"))
    assert not found.has_alpha
    assert "alpha_flattened" not in found.warnings


def test_a_hidden_photo_under_full_transparency_is_blank() -> None:
    image = draw().convert("RGBA")
    image.putalpha(0)
    assert "blank" in fingerprint(image).warnings


def test_cmyk_keeps_its_colours() -> None:
    red = Image.new("RGB", SIZE, (250, 10, 10)).convert("CMYK")
    for format_ in ("JPEG", "TIFF"):
        data = save(red, format_)
        pixel = load_rgb(data).getpixel((9, 9))
        assert pixel[0] > 200 and pixel[1] < 60  # type: ignore[index]
        assert "converted_cmyk" in fingerprint_picture(data).warnings


def test_lab_keeps_its_colours() -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    image = draw()
    lab = ImageCms.applyTransform(image, to_lab)
    assert lab is not None
    data = save(lab, "TIFF")
    assert difference(load_rgb(data), image) < 4
    assert "converted_lab" in fingerprint_picture(data).warnings


def test_a_colour_profile_is_converted_and_an_srgb_one_changes_nothing() -> None:
    image = draw()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain, tagged = fingerprint(image), fingerprint(image, icc_profile=srgb)
    assert tagged.pixel_sha256 == plain.pixel_sha256
    assert "profile_converted" not in tagged.warnings


def test_a_profile_that_does_not_fit_is_ignored_with_a_remark() -> None:
    found = fingerprint(draw(), "JPEG", icc_profile=b"this is no profile")
    assert "profile_ignored" in found.warnings


def test_bilevel_palette_and_grey_come_out_as_rgb() -> None:
    for mode in ("1", "P", "L", "LA", "RGBA"):
        assert load_rgb(save(draw().convert(mode), "PNG")).mode == "RGB"
    assert "bilevel" in fingerprint(draw().convert("1"), "TIFF", compression="group4").warnings


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [draw(seed=seed) for seed in range(3)]
    for format_ in ("GIF", "WEBP", "PNG"):
        found = fingerprint_picture(save(frames[0], format_, save_all=True, append_images=frames[1:]))
        assert found.frames == 3
        assert "animated" in found.warnings
    pages = fingerprint_picture(save(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    assert (pages.frames, "multipage" in pages.warnings) == (3, True)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_a_file_cut_short_is_refused_wherever_the_cut_is(format_: str) -> None:
    data = save(draw(700, 600), format_)
    for share in (0.02, 0.3, 0.7, 0.95):
        with pytest.raises(RefusedError, match="Damaged"):
            fingerprint_picture(data[: int(len(data) * share)])


def test_a_broken_stream_is_refused_although_a_second_load_would_give_pixels() -> None:
    data = bytearray(save(draw(400, 400), "PNG"))
    data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
    with pytest.raises(RefusedError, match="Damaged"):
        load_rgb(bytes(data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"%!PS-Adobe-2.0 EPSF-2.0\n", "PostScript"),
        (b"just some words", "text"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "video"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\x03\x04zip", "archive"),
        (b"\x89PNG\r\n\x1a\nbut not really", "header"),
        (b"\x91\x02\x00\xfe" * 40, "no picture format"),
    ],
)
def test_what_is_not_a_picture_is_refused_in_plain_words(data: bytes, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        load_rgb(data)


def test_heif_without_its_extra_names_what_to_install() -> None:
    if importlib.util.find_spec("pillow_heif"):
        pytest.skip("pillow-heif is installed here")
    with pytest.raises(MissingFeatureError, match="pillow-heif") as caught:
        load_rgb(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert "pip install pillow-heif" in caught.value.hint


def test_a_picture_over_the_limit_is_refused_before_it_is_decoded() -> None:
    entered: list[int] = []

    def before_decode(pixels: int) -> Any:
        entered.append(pixels)
        raise AssertionError("it was decoded")

    data = save(Image.new("L", (3000, 2000)), "PNG")
    with pytest.raises(RefusedError, match="3000x2000 is 6 megapixels, over the limit of 5"):
        fingerprint_picture(data, max_megapixels=5, before_decode=before_decode)
    assert entered == []


def test_a_decompression_bomb_is_refused_whatever_the_limit() -> None:
    header = b"BM" + b"\0" * 12 + (40).to_bytes(4, "little") + (10**6).to_bytes(4, "little") * 2
    bomb = header + b"\x01\0\x18\0" + b"\0" * 24
    with pytest.raises(RefusedError, match="Too large"):
        load_rgb(bomb, max_megapixels=1e9)


def test_a_picture_of_one_pixel_is_refused() -> None:
    with pytest.raises(RefusedError, match="Too small: 1x1"):
        fingerprint(Image.new("RGB", (1, 1)))


def test_a_path_that_is_not_there_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        load_rgb(tmp_path / "gone.png")
    with pytest.raises(RefusedError, match="can't be read"):
        load_rgb(tmp_path)


def test_quality_is_judged() -> None:
    photo = draw(512, 512)
    noisy = Image.fromarray(
        np.clip(np.asarray(photo, dtype=int) + np.random.default_rng(1).normal(0, 12, (512, 512, 1)), 0, 255).astype(
            "u1"
        )
    )
    small = noisy.resize((128, 128), Image.Resampling.LANCZOS).resize((512, 512), Image.Resampling.BICUBIC)
    assert "blurred" not in fingerprint(noisy).warnings
    assert "blurred" in fingerprint(small).warnings
    assert "blurred" in fingerprint(noisy.filter(ImageFilter.GaussianBlur(8))).warnings
    assert "badly_compressed" in fingerprint(noisy, "JPEG", quality=4).warnings
    assert "badly_compressed" not in fingerprint(noisy, "JPEG", quality=60).warnings
    assert "extreme_aspect" in fingerprint(draw(900, 100)).warnings
    assert "extreme_aspect" not in fingerprint(draw(900, 300)).warnings
    assert "tiny" in fingerprint(draw(48, 48)).warnings
    assert fingerprint(Image.new("RGB", (300, 300), (90, 91, 92))).warnings == ("blank",)


def test_a_wrong_extension_and_a_gps_position_are_noted() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    data = save(draw(), "JPEG", exif=exif.tobytes())
    found = fingerprint_picture(data, extension="png")
    assert {"gps", "mislabelled"} <= set(found.warnings)
    assert "mislabelled" not in fingerprint_picture(data, extension="jpg").warnings


def test_damaged_metadata_costs_no_pixels_and_says_nothing_on_the_terminal() -> None:
    data = save(draw(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x01")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fingerprint_picture(data)
    assert "metadata_ignored" in found.warnings


def test_warnings_of_parallel_decodes_do_not_mix() -> None:
    broken = save(draw(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x01")
    sound = save(draw(), "JPEG")
    wrong: list[bool] = []

    def work(data: bytes, expected: bool) -> None:
        for _ in range(20):
            wrong.append(("metadata_ignored" in decode_picture(data).remarks) is not expected)

    threads = [threading.Thread(target=work, args=(data, data is broken)) for data in (broken, sound) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 80
    assert not any(wrong)


@given(st.integers(0, 2**32 - 1), st.integers(20, 256), st.integers(20, 256))
@settings(max_examples=40, deadline=None)
def test_hashes_equal_imagehash_bit_for_bit(seed: int, width: int, height: int) -> None:
    image = draw(width, height, seed)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    found = hash_thumbnail(image)
    assert f"{found.phash:016x}" == str(imagehash.phash(image))
    assert f"{found.dhash:016x}" == str(imagehash.dhash(image))
    # Resizing rounds a mirrored picture differently in the last bit.
    assert (found.phash_mirrored ^ int(str(imagehash.phash(mirrored)), 16)).bit_count() <= 2
    assert (found.dhash_mirrored ^ int(str(imagehash.dhash(mirrored)), 16)).bit_count() <= 2


def test_the_same_pixels_in_other_files_have_the_same_pixel_hash() -> None:
    image = draw(300, 200)
    png, bmp = fingerprint(image), fingerprint(image, "BMP")
    assert png.sha256 != bmp.sha256
    assert png.pixel_sha256 == bmp.pixel_sha256 == fingerprint(image, "WEBP", lossless=True).pixel_sha256
    big = draw(1600, 1100)
    assert (
        fingerprint(big, "JPEG", quality=90).pixel_sha256
        == fingerprint(big, "JPEG", quality=90, progressive=True, comment=b"other metadata").pixel_sha256
    )
    assert fingerprint(draw(seed=1)).pixel_sha256 != png.pixel_sha256


def test_a_jpeg_and_its_resized_copy_have_close_hashes_and_a_small_thumbnail() -> None:
    big = draw(1600, 1100)
    one, other = fingerprint(big, "JPEG"), fingerprint(big.resize((800, 550)), "PNG")
    assert (one.hashes.phash ^ other.hashes.phash).bit_count() <= 4
    assert (one.width, one.height) == (1600, 1100)
    with Image.open(io.BytesIO(one.thumbnail)) as thumbnail:
        assert thumbnail.format == "JPEG"
        assert thumbnail.size == (256, 176)


@given(
    st.binary(max_size=400),
    st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"II*\0", b"GIF89a", b"BM"]),
)
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_are_refused_and_never_crash(tail: bytes, start: bytes) -> None:
    with pytest.raises((RefusedError, MissingFeatureError)):
        load_rgb(start + tail)
