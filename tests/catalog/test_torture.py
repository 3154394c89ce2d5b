"""Every nasty file of the shared torture set gets what its manifest asks of a good importer."""

from __future__ import annotations

import csv
import importlib.util
from typing import TYPE_CHECKING

import numpy as np
import pytest

from loratui.catalog.blobs import picture_path
from loratui.catalog.importer import ImportResult, import_pictures
from loratui.catalog.pictures import load_rgb
from loratui.catalog.query import select_memberships
from loratui.catalog.remarks import REMARKS, describe_remark
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.config import find_home

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.rows import Membership

# Composed and combining marks in one name.
ODD_NAME = "name with spaces, commas & \u00fcml\u00e4ut e\u0301.JPG"
# file: the remarks it must get (others may come with them), after "!" the remarks it must not get.
IMPORTED = {
    "hopper_orientation_2.jpg": "oriented",
    "hopper_orientation_3.jpg": "oriented",
    "hopper_orientation_6.jpg": "oriented",
    "hopper_orientation_8.jpg": "oriented",
    "hopper_orientation_6.webp": "oriented",
    "exif_imagemagick_orientation.png": "oriented",
    "xmp_tags_orientation.png": "oriented",
    "portrait_6.jpg": "oriented",
    "landscape_3.jpg": "oriented",
    "Landscape_8.jpg": "oriented",
    "Landscape_1.jpg": "!oriented",
    "DSCN0010.jpg": "gps",
    "image01551.jpg": "tiny",
    "PaintTool_sample.jpg": "!blank",
    "pil_sample_cmyk.jpg": "converted_cmyk",
    "tiff_strip_cmyk_jpeg.tif": "converted_cmyk",
    "16bit.cropped.tif": "converted_16bit !blank",
    "tiff_16bit_RGB.tiff": "converted_16bit !blank",
    "lab.tif": "converted_lab tiny",
    "hopper.Lab.tif": "converted_lab !blank",
    "hopper.pfm": "converted_float !blank",
    "hopper_g4.tif": "bilevel",
    "multipage-mmap.tiff": "multipage tiny",
    "old-style-jpeg-compression.tif": "extreme_aspect",
    "l_trns.png": "alpha_flattened",
    "i_trns.png": "alpha_flattened converted_16bit",
    "rgb_trns.png": "alpha_flattened",
    "p_trns_single.png": "alpha_flattened",
    "transparent.webp": "alpha_flattened",
    "transparent.gif": "alpha_flattened",
    "dispose_bgnd.gif": "animated",
    "iss634.webp": "animated",
    "star.avifs": "animated",
    "hopper.avif": "!animated",
    "avif_rot1mir0.avif": "oriented",
    "frozenpond.mpo": "multipage !mislabelled",
    "hopper_bad_exif.jpg": "metadata_ignored",
    "exif-dpi-zerodivision.jpg": "!blank",
    "icc_profile_big.jpg": "profile_converted",
    "hopper.iccprofile.tif": "!profile_ignored",
    "junk_jpeg_header.jpg": "!blank",
    "test-card-lossless.jp2": "!blank",
    "hopper.psd": "!animated",
    "python.ico": "tiny",
    "dup_orig.jpg": "!blank",
    "dup_hflip.jpg": "!blank",
    "dup_resize.jpg": "!blank",
    "dup_rotation.jpg": "!blank",
    "dup_gray.jpg": "!blank",
    "strip_6000x12.png": "extreme_aspect",
    "alpha_hides_photo.png": "alpha_flattened blank",
    "solid_grey.png": "blank",
    "upscaled_blur.jpg": "blurred",
    "jpeg_q3.jpg": "badly_compressed",
    "-rf.png": "!blank",
    ODD_NAME: "!mislabelled",
}
# The same bytes twice: one of them is the picture, under its true format, the other counts as duplicate.
SAME_BYTES = {"jpeg_named.png", "jpeg_named.bmp"}
# file: words that its reason must hold.
REFUSED = {
    "ultrahdr.jpg": "truncated",
    "truncated_jpeg.jpg": "truncated",
    "truncated_image.png": "truncated",
    "broken_data_stream.png": "Damaged",
    "unknown_compression_method.png": "Damaged",
    "ukbench09268_corrupt.jpg": "Damaged",
    "png_decompression_dos.png": "too large",
    "reallybig.bmp": "Too large",
    "bomb_30000x30000.png": "Too large",
    "crash-0c7e0e8e11ce787078f00b5b0ca409a167f070e0.tif": "Damaged",
    "zero_bb.eps": "never runs",
    "empty.jpg": "empty",
    "webpage.jpg": "web page",
    "one_pixel.png": "Too small",
    "vector.svg": "SVG",
}
SKIPPED = {"._hopper.jpg"}
ORPHANS = {"caption_only.txt"}
HEIF = "samplefilehub.heif"


@pytest.fixture(scope="module")
def outcome(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ImportResult, dict[str, Membership], Path]:
    """One import of the whole folder: its result, the members by name, and a copy-free loader's base."""
    home = find_home({"LORATUI_HOME": str(tmp_path_factory.mktemp("torture"))})
    with open_catalog(home) as catalog:
        subject, _ = add_subject(catalog, "Torture", "tortura")
        result = import_pictures(catalog, subject, [shared / "data" / "torture"])
        members = {member.name: member for member in select_memberships(catalog, subject)}
        for member in members.values():
            assert load_rgb(picture_path(catalog, member)).size == (member.width, member.height)
    return result, members, shared / "data" / "torture"


def test_the_tables_here_cover_every_file_of_the_manifest(shared: Path) -> None:
    with (shared / "data/torture/manifest.tsv").open(encoding="utf-8") as file:
        listed = {row["file"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}
    assert listed == {*IMPORTED, *REFUSED, *SAME_BYTES, *SKIPPED, *ORPHANS, HEIF}


@pytest.mark.parametrize("name", IMPORTED)
def test_a_nasty_picture_is_imported_with_its_remarks(
    name: str, outcome: tuple[ImportResult, dict[str, Membership], Path]
) -> None:
    remarks = set(outcome[1][name].warnings)
    for code in IMPORTED[name].split():
        if code.startswith("!"):
            assert code[1:] not in remarks
        else:
            assert code in remarks


def test_every_remark_has_words(outcome: tuple[ImportResult, dict[str, Membership], Path]) -> None:
    given = {code for member in outcome[1].values() for code in member.warnings}
    assert given <= REMARKS.keys()
    assert all(describe_remark(code) != code for code in given)
    assert describe_remark("of a newer version") == "of a newer version"


@pytest.mark.parametrize("name", REFUSED)
def test_an_unusable_file_is_refused_with_its_reason(
    name: str, outcome: tuple[ImportResult, dict[str, Membership], Path]
) -> None:
    result, members, folder = outcome
    reasons = {refused.path: refused.reason for refused in result.refused}
    assert REFUSED[name].lower() in reasons[folder / name].lower()
    assert name not in members


def test_the_same_bytes_under_two_names_are_one_picture(
    outcome: tuple[ImportResult, dict[str, Membership], Path],
) -> None:
    result, members, _ = outcome
    (kept,) = SAME_BYTES & members.keys()
    assert result.duplicates == 1
    assert {result.duplicate_files[0].name, result.duplicate_files[0].path.name} == SAME_BYTES
    assert members[kept].format == "JPEG"
    assert "mislabelled" in members[kept].warnings
    assert members[kept].note == f"same bytes: {(SAME_BYTES - {kept}).pop()}"


def test_hidden_files_are_passed_over_and_a_caption_without_a_picture_is_reported(
    outcome: tuple[ImportResult, dict[str, Membership], Path],
) -> None:
    result, members, folder = outcome
    assert folder / "caption_only.txt" in result.orphans
    spoken_of = {*members, *(refused.path.name for refused in result.refused)}
    assert not SKIPPED & spoken_of


def test_heif_is_imported_or_names_what_is_missing(outcome: tuple[ImportResult, dict[str, Membership], Path]) -> None:
    result, members, folder = outcome
    if importlib.util.find_spec("pillow_heif"):
        assert (members[HEIF].width, members[HEIF].height) == (640, 426)
    else:
        reasons = {refused.path: refused.reason for refused in result.refused}
        assert reasons[folder / HEIF] == "HEIF needs pillow-heif. Install it: pip install pillow-heif"


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("portrait_6.jpg", (450, 600)),
        ("Landscape_8.jpg", (1800, 1200)),
        ("avif_rot1mir0.avif", (640, 427)),
        ("python.ico", (48, 48)),
    ],
)
def test_upright_sizes_are_recorded(
    name: str, size: tuple[int, int], outcome: tuple[ImportResult, dict[str, Membership], Path]
) -> None:
    assert (outcome[1][name].width, outcome[1][name].height) == size


def test_turned_and_mirrored_copies_of_a_photo_come_out_the_same(
    outcome: tuple[ImportResult, dict[str, Membership], Path],
) -> None:
    folder = outcome[2]
    plain = np.asarray(load_rgb(folder / ODD_NAME), dtype=float)
    for orientation in (2, 3, 6, 8):
        turned = np.asarray(load_rgb(folder / f"hopper_orientation_{orientation}.jpg"), dtype=float)
        assert np.abs(turned - plain).mean() < 8


@pytest.mark.parametrize("name", ["hopper.Lab.tif", "hopper.iccprofile.tif", "hopper.psd", "hopper.avif"])
def test_the_photo_keeps_its_colours_in_every_container(
    name: str, outcome: tuple[ImportResult, dict[str, Membership], Path]
) -> None:
    folder = outcome[2]
    plain = np.asarray(load_rgb(folder / ODD_NAME), dtype=float)
    assert np.abs(np.asarray(load_rgb(folder / name), dtype=float) - plain).mean() < 8


def test_cmyk_is_not_inverted(outcome: tuple[ImportResult, dict[str, Membership], Path]) -> None:
    # Both hold red letters on black, with a red patch in the corner.
    for name in ("pil_sample_cmyk.jpg", "tiff_strip_cmyk_jpeg.tif"):
        pixels = np.asarray(load_rgb(outcome[2] / name))
        assert pixels[1, 1, 0] > 200
        assert pixels[1, 1, 1:].max() < 60
        assert np.median(pixels) < 20


def test_16_bits_and_floats_are_scaled(outcome: tuple[ImportResult, dict[str, Membership], Path]) -> None:
    folder = outcome[2]
    for name in ("16bit.cropped.tif", "hopper.pfm", "i_trns.png"):
        values = np.asarray(load_rgb(folder / name))
        assert 20 < values.mean() < 235
        assert values.std() > 5


def test_hidden_colours_under_transparency_never_show(
    outcome: tuple[ImportResult, dict[str, Membership], Path],
) -> None:
    assert load_rgb(outcome[2] / "alpha_hides_photo.png").getextrema() == ((255, 255),) * 3
