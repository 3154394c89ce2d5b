"""Keys of cells, and the text inside their pictures."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from loratui.review.infotext import format_parameters, is_finished, save_cell
from loratui.review.request import BaseModel, CellRequest, LoraFile, SampleSettings, cell_key, make_request

if TYPE_CHECKING:
    from pathlib import Path

BASE = BaseModel("base: a, b", "/models/base", sha256="ab" * 32)
SETTINGS = SampleSettings(64, 96, steps=12, cfg=4.5, sampler="euler_a")
LORA = LoraFile("/runs/x/mira-000002.safetensors", "mira-000002", "cd" * 32)
CELL = CellRequest("a hat", 3, "blurry", LORA, 0.75)

# What readers of the format split the last line with: a key, then a quoted or a plain value.
_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')


def parse_last_line(text: str) -> dict[str, str]:
    pairs = _PAIR.findall(text.splitlines()[-1])
    return {key: json.loads(value) if value.startswith('"') else value for key, value in pairs}


def test_other_programs_read_the_parameters_line() -> None:
    assert parse_last_line(format_parameters(BASE, replace(SETTINGS, clip_skip=2), CELL)) == {
        "Steps": "12",
        "Sampler": "Euler a",
        "CFG scale": "4.5",
        "Seed": "3",
        "Size": "64x96",
        "Model hash": "ababababab",
        "Model": "base  a  b",
        "Clip skip": "2",
        "RNG": "CPU",
        "Lora hashes": "mira-000002: cdcdcdcdcdcd",
    }


def test_without_a_lora_or_a_negative_prompt_neither_is_mentioned() -> None:
    text = format_parameters(replace(BASE, sha256=""), SETTINGS, CellRequest("a hat", 3))
    assert text.startswith("a hat\nSteps: 12")
    assert "ora" not in text
    assert "hash" not in text


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40))
def test_a_saved_cell_is_finished_whatever_its_prompt(tmp_path_factory: pytest.TempPathFactory, prompt: str) -> None:
    path = tmp_path_factory.mktemp("cell") / "key.png"
    save_cell(path, Image.new("RGB", (8, 8)), "key", BASE, SETTINGS, CellRequest(prompt, 3))
    assert is_finished(path, "key")
    assert not is_finished(path, "other")
    with Image.open(path) as image:
        assert json.loads(str(image.info["loratui"]))["prompt"] == prompt
        assert str(image.info["parameters"]).startswith(prompt)


@pytest.mark.parametrize("cut", [1, 12, 40, 200])
def test_a_cut_picture_is_not_finished(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "key.png"
    save_cell(path, Image.effect_noise((16, 16), 50), "key", BASE, SETTINGS, CELL)
    path.write_bytes(path.read_bytes()[:-cut])
    assert not is_finished(path, "key")


def test_a_picture_with_a_changed_byte_is_not_finished(tmp_path: Path) -> None:
    path = tmp_path / "key.png"
    save_cell(path, Image.effect_noise((16, 16), 50), "key", BASE, SETTINGS, CELL)
    content = bytearray(path.read_bytes())
    content[-60] ^= 1
    path.write_bytes(content)
    assert not is_finished(path, "key")
    assert not is_finished(tmp_path / "lost.png", "key")


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "a coat"},
        {"seed": 4},
        {"negative": ""},
        {"weight": 0.8},
        {"lora": None},
        {"lora": replace(LORA, autov3="00" * 32)},
    ],
)
def test_what_changes_the_image_changes_the_key(change: dict[str, Any]) -> None:
    assert cell_key(BASE, SETTINGS, replace(CELL, **change)) != cell_key(BASE, SETTINGS, CELL)


def test_where_a_lora_lies_and_how_fast_it_is_rendered_do_not_change_the_key() -> None:
    moved = replace(CELL, lora=replace(LORA, path="/elsewhere.safetensors", name="elsewhere"))
    quick = replace(SETTINGS, max_batch=1, threads=7, device="cuda")
    assert cell_key(replace(BASE, path="/other"), quick, moved) == cell_key(BASE, SETTINGS, CELL)
    assert cell_key(BASE, replace(SETTINGS, steps=13), CELL) != cell_key(BASE, SETTINGS, CELL)
    unhashed = replace(BASE, sha256="")
    assert cell_key(unhashed, SETTINGS, CELL) != cell_key(replace(unhashed, path="/other"), SETTINGS, CELL)


@given(st.integers(1, 60), st.integers(1, 20))
def test_the_batch_size_wastes_less_than_one_batch_on_every_lora(count: int, largest: int) -> None:
    settings = replace(SETTINGS, max_batch=largest)
    assert settings.largest_batch == largest
    size = make_request(BASE, [CellRequest("a", seed) for seed in range(count)], settings).batch_size
    batches = -(-count // size)
    assert size <= largest
    assert batches == -(-count // largest)
    assert batches * size - count < batches


@pytest.mark.parametrize(("side", "most"), [(64, 20), (512, 4), (1024, 1), (4096, 1)])
def test_large_images_are_rendered_in_small_batches(side: int, most: int) -> None:
    assert SampleSettings(side, side).largest_batch == most
