"""LoRA files: complete or refused, atomic, and known by their tensors."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from loratui.errors import NotFoundError, RefusedError
from loratui.training.lorafile import (
    autov3,
    checkpoint_name,
    legacy_hash,
    list_checkpoints,
    read_header,
    write_lora,
)
from loratui.training.tensorfile import encode, hash_tensors, read_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.training.tensorfile import Floats

TENSORS: dict[str, Floats] = {
    "lora_unet_b.lora_up.weight": np.arange(12, dtype=np.float32).reshape(4, 3),
    "lora_unet_a.alpha": np.asarray(2, np.float32),
    "lora_unet_a.lora_down.weight": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3, 1, 1),
}
several = st.dictionaries(
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
        lambda name: name != "__metadata__"
    ),
    arrays.arrays(np.float32, arrays.array_shapes(min_dims=0, max_dims=3, max_side=5), elements=st.floats(width=32)),
    max_size=5,
)
in_one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


@in_one_folder
@given(several, st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3))
def test_what_is_written_is_read_back(tmp_path: Path, tensors: dict[str, Floats], metadata: dict[str, str]) -> None:
    path = tmp_path / "a.safetensors"
    digest = write_lora(path, tensors, metadata)
    read = read_tensors(path)
    assert read.keys() == tensors.keys()
    assert all(np.array_equal(read[name], tensors[name], equal_nan=True) for name in tensors)
    assert read_header(path).metadata == metadata
    assert digest == autov3(path) == hash_tensors(tensors)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_the_safetensors_library_agrees(tmp_path: Path, precision: str) -> None:
    path = tmp_path / "a.safetensors"
    write_lora(path, TENSORS, {"ss_epoch": "1"}, precision=precision)
    if precision != "bf16":
        read = load_file(path)
        assert all(np.allclose(read[name], TENSORS[name], atol=1e-3) for name in TENSORS)
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"ss_epoch": "1"}
        assert set(file.keys()) == set(TENSORS)


def test_files_of_the_library_are_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors", {"k": "v"})
    read = read_tensors(tmp_path / "a.safetensors")
    assert all(np.array_equal(read[name], TENSORS[name]) for name in TENSORS)


@given(arrays.arrays(np.float32, 8, elements=st.floats(width=32)))
def test_bf16_is_the_nearest_with_ties_to_even(values: Floats) -> None:
    stored = np.frombuffer(encode(values, "bf16"), np.uint16).astype(np.uint32) << 16
    back = stored.view(np.float32)
    for value, got in zip(values, back, strict=True):
        if np.isnan(value):
            assert np.isnan(got)
            continue
        # The two neighbours with 16 low bits of zero; rounding up may carry to infinity.
        low = (np.asarray(value).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
        high = (np.asarray(low).view(np.uint32) + np.uint32(0x10000)).view(np.float32)
        assert got in (low, high)
        if np.isfinite(high):
            assert abs(float(got) - float(value)) <= abs(float(high) - float(low)) / 2


@in_one_folder
@given(st.data())
def test_a_file_cut_anywhere_is_refused_and_never_listed(tmp_path: Path, data: st.DataObject) -> None:
    whole = tmp_path / "whole.safetensors"
    write_lora(whole, TENSORS, {"ss_epoch": "1"})
    content = whole.read_bytes()
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(RefusedError):
        read_header(cut)
    assert [file.path.name for file in list_checkpoints(tmp_path)] == ["whole.safetensors"]


@in_one_folder
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.safetensors"
    path.write_bytes(content)
    try:
        read_header(path)
    except RefusedError as error:
        assert error.hint


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]},
        {"dtype": "F31", "shape": [1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]},
        {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]},
        {"dtype": "F32", "shape": [1]},
        {"dtype": "F32", "shape": [True], "data_offsets": [0, 4]},
        [],
        None,
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, entry: object) -> None:
    raw = json.dumps({"a": entry}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + b"\0" * 4)
    with pytest.raises(RefusedError):
        read_header(path)


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_header(tmp_path / "none.safetensors")


def test_metadata_does_not_change_the_autov3_hash(tmp_path: Path) -> None:
    first = write_lora(tmp_path / "a.safetensors", TENSORS, {"a": "1"})
    second = write_lora(tmp_path / "b.safetensors", TENSORS, {"a": "2", "c": "3"})
    assert first == second


def test_hashes_follow_their_definitions(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_lora(path, {"big": np.arange(400_000, dtype=np.float32)}, {})
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    assert autov3(path) == hashlib.sha256(content[8 + length :]).hexdigest()
    assert legacy_hash(path) == hashlib.sha256(content[0x100000:0x110000]).hexdigest()[:8]


def test_an_existing_file_stays_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    before = write_lora(path, TENSORS, {})
    with pytest.raises(AttributeError):
        write_lora(path, {"a": np.zeros(3, np.float32), "b": None}, {})  # type: ignore[dict-item]
    assert autov3(path) == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_checkpoints_are_listed_by_epoch(tmp_path: Path) -> None:
    for epoch in (10, 2, 1):
        metadata = {"ss_epoch": str(epoch), "ss_steps": str(epoch * 5)}
        write_lora(tmp_path / checkpoint_name("x", epoch, 10), TENSORS, metadata)
    (tmp_path / ".x.safetensors.1.part").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("")
    files = list_checkpoints(tmp_path)
    assert [(file.path.name, file.epoch, file.step) for file in files] == [
        ("x-000001.safetensors", 1, 5),
        ("x-000002.safetensors", 2, 10),
        ("x.safetensors", 10, 50),
    ]
    assert list_checkpoints(tmp_path / "none") == []
