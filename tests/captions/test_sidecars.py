"""Reading captions that lie beside pictures."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.captions.sidecars import MAX_TEXT_BYTES, Sidecar, clean_text, parse_caption, read_sidecar, strip_prefix
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1girl, long_hair, smile\n", Sidecar(tags=("1girl", "long_hair", "smile"))),
        ("smile", Sidecar(tags=("smile",))),
        (r"star \(symbol\), \m/", Sidecar(tags=("star (symbol)", r"\m/"))),
        ("1girl\nlong hair\n\nsmile", Sidecar(tags=("1girl", "long hair", "smile"))),
        ("..., !?, ^_^, ", Sidecar(tags=("...", "!?", "^_^"))),
        ("A woman stands on a beach.", Sidecar(text="A woman stands on a beach.")),
        ("a photo of mira on a beach", Sidecar(text="a photo of mira on a beach")),
        ("She smiles, she waves at us.", Sidecar(text="She smiles, she waves at us.")),
        ("1girl, hat, a tall woman who is walking her dog", None),
        ("One sentence here is long.\nAnother one follows it.", None),
        ("a dog runs over the grass, its tongue out, in the sun", None),
        (
            "a photo of ohwxdog, corgi, looking at viewer",
            Sidecar(tags=("a photo of ohwxdog", "corgi", "looking at viewer")),
        ),
        ("", Sidecar()),
        (" \n,, ,\n", Sidecar()),
    ],
)
def test_tags_are_told_from_sentences(text: str, expected: Sidecar | None) -> None:
    assert parse_caption(text) == (expected or Sidecar(text=" ".join(text.split("\n"))))


def test_control_characters_and_lone_surrogates_are_dropped() -> None:
    assert clean_text("a\x1b[31mb\x00\tc\ud800d\x7f") == "a[31mb cd"


def test_the_prefix_and_the_trigger_are_left_out_of_tags() -> None:
    tags = parse_caption("Photo of Mira, mira, hat").tags
    assert strip_prefix(tags, "photo of Mira,", "Mira") == ("hat",)


def test_a_trigger_that_the_prefix_does_not_say_stays_among_the_tags() -> None:
    tags = parse_caption("Mira, hat, smile").tags
    assert strip_prefix(tags, "", "Mira") == tags
    assert strip_prefix(tags, "Miranda in a hat,", "Mira") == tags


@pytest.mark.parametrize(
    ("data", "tag", "warns"),
    [
        ("übermut".encode(), "übermut", False),
        (b"\xef\xbb\xbf" + "übermut".encode(), "übermut", False),
        ("übermut".encode("utf-16"), "übermut", False),
        ("übermut".encode("latin-1"), "übermut", True),
    ],
)
def test_any_encoding_is_read_and_a_guess_is_told(tmp_path: Path, data: bytes, tag: str, warns: bool) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    read = read_sidecar(path)
    assert read.find("a.jpg") == Sidecar(tags=(tag,))
    assert bool(read.warnings) is warns


def test_kohya_metadata_is_matched_by_stem_whatever_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "meta_cap.json"
    entries = {
        "/train/img/one.png": {"caption": "a woman with a big red hat", "train_resolution": [512, 512]},
        "two": {"tags": "hat, smile"},
        "D:\\img\\three.one.jpg": {"caption": "a dog runs over the grass", "tags": "dog, grass"},
        "four.webp": {"tags": ["hat", "smile"]},
        "junk": 3,
    }
    path.write_text(json.dumps(entries), encoding="utf-8")
    read = read_sidecar(path)
    assert read.find("one.jpg") == Sidecar(text="a woman with a big red hat")
    assert read.find("two.jpg") == Sidecar(tags=("hat", "smile"))
    assert read.find("three.one.jpg") == Sidecar(text="a dog runs over the grass, dog, grass")
    assert read.find("four.png") == Sidecar(tags=("hat", "smile"))
    assert read.find("junk.png") is None and read.find("absent.png") is None


def test_metadata_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "metadata.jsonl"
    path.write_text('{"image_path": "x/one.png", "caption": "hat, smile"}\n\n{"image_path": "two.png"}\n')
    read = read_sidecar(path)
    assert read.find("one.png") == Sidecar(tags=("hat", "smile"))
    assert read.find("two.png") is None


def test_a_json_file_of_one_picture_speaks_of_that_picture(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_text('{"caption": "hat, smile", "score": 3}')
    assert read_sidecar(path).find("whatever.png") == Sidecar(tags=("hat", "smile"))


def test_two_pictures_of_one_name_with_different_captions_are_told(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_text('{"a/one.png": {"tags": "hat"}, "b/one.png": {"tags": "smile"}}')
    read = read_sidecar(path)
    assert read.find("one.png") == Sidecar(tags=("hat",))
    assert read.warnings


@pytest.mark.parametrize("text", ["[1, 2]", "{", '"x"', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_json_that_is_no_metadata_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "meta.json"
    path.write_text(text)
    with pytest.raises(RefusedError) as caught:
        read_sidecar(path)
    assert caught.value.hint


def test_files_that_are_too_large_or_no_files_are_refused(tmp_path: Path) -> None:
    large = tmp_path / "large.txt"
    large.write_bytes(b"a" * (MAX_TEXT_BYTES + 1))
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    for path in (large, pipe, tmp_path / "absent.txt", tmp_path):
        with pytest.raises(RefusedError):
            read_sidecar(path)


@given(st.text(max_size=300))
def test_any_text_becomes_tags_or_one_line(text: str) -> None:
    found = parse_caption(text)
    assert not (found.tags and found.text)
    for part in (*found.tags, found.text):
        assert len(part.splitlines()) <= 1 and part == part.strip()
        part.encode()
    assert not any("," in tag for tag in found.tags)


@given(st.binary(max_size=200), st.sampled_from([".txt", ".caption"]))
def test_any_bytes_are_read_as_a_caption(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str) -> None:
    path = tmp_path_factory.mktemp("sidecar") / f"a{suffix}"
    path.write_bytes(data)
    try:
        assert read_sidecar(path).single is not None
    except RefusedError as error:
        assert "is no text" in error.message


@pytest.mark.parametrize(
    "data", [b"\0\0\0\0", b"hat\0smile", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", bytes(range(256)), b"caf\xe9\x07"]
)
def test_binary_files_are_no_captions(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(RefusedError, match="is no text"):
        read_sidecar(path)


@pytest.mark.parametrize(
    "data", ["smile, \x93hat\x94\tand\r\nsea caf\xe9".encode("latin-1"), "smile\ufeff, ♥".encode("utf-16")]
)
def test_text_in_old_encodings_is_still_read(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    assert read_sidecar(path).single is not None
