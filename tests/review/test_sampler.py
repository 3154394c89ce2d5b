"""What a sampler makes of a sheet folder, run inside the test process."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("diffusers", reason="rendering needs the [train] extra")

from PIL import Image

from loratui.errors import RefusedError
from loratui.review.infotext import is_finished
from loratui.review.request import (
    CellRequest,
    SampleSettings,
    cell_path,
    make_request,
    read_request,
    write_request,
)
from loratui.review.sampler import Sampling, cut_batches
from loratui.runs.folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.review.request import BaseModel, LoraFile, SheetRequest

SETTINGS = SampleSettings(16, 16, steps=3, cfg=3.0, sampler="ddim", max_batch=3, device="cpu")


def sample(folder: Path, request: SheetRequest) -> Sampling:
    folder.mkdir(parents=True, exist_ok=True)
    write_request(folder / "sheet.json", request)
    sampling = Sampling(folder)
    assert sampling.run() == "done"
    return sampling


def pixels(folder: Path, key: str) -> bytes:
    with Image.open(cell_path(folder, key)) as image:
        return image.tobytes()


def key_of(request: SheetRequest, cell: CellRequest) -> str:
    return next(key for key, other in request.cells.items() if other == cell.normalised())


def test_every_cell_becomes_a_png_that_tells_how_it_was_made(
    tmp_path: Path, tiny_base: BaseModel, plain_lora: LoraFile
) -> None:
    cell = CellRequest("photo of mira, a hat", 7, "blurry", plain_lora, 0.8)
    request = make_request(tiny_base, [cell, CellRequest("photo of mira", 8)], SETTINGS)
    sample(tmp_path, request)
    for key in request.cells:
        assert is_finished(cell_path(tmp_path, key), key)
    with Image.open(cell_path(tmp_path, key_of(request, cell))) as image:
        assert image.size == (16, 16)
        assert image.info["parameters"] == (
            "photo of mira, a hat <lora:plain:0.8>\n"
            "Negative prompt: blurry\n"
            "Steps: 3, Sampler: DDIM, CFG scale: 3, Seed: 7, Size: 16x16, "
            f"Model hash: {tiny_base.sha256[:10]}, Model: tiny, RNG: CPU, "
            f'Lora hashes: "plain: {plain_lora.autov3[:12]}"'
        )
        record = json.loads(str(image.info["loratui"]))
    assert record["autov3"] == plain_lora.autov3
    assert (record["prompt"], record["negative"], record["weight"]) == ("photo of mira, a hat", "blurry", 0.8)


@pytest.mark.parametrize("sampler", ["ddim", "euler", "euler_a", "dpmpp_2m"])
def test_an_image_does_not_depend_on_its_company(
    tmp_path: Path, tiny_base: BaseModel, full_lora: LoraFile, plain_lora: LoraFile, sampler: str
) -> None:
    settings = replace(SETTINGS, sampler=sampler)
    cell = CellRequest("a hat", 5, lora=plain_lora)
    company = [CellRequest("a hat", 4, lora=full_lora), CellRequest("a coat", 1, lora=plain_lora), cell]
    alone, together = (make_request(tiny_base, cells, settings) for cells in ([cell], company))
    sample(tmp_path / "alone", replace(alone, batch_size=together.batch_size))
    sample(tmp_path / "together", together)
    key = key_of(alone, cell)
    assert pixels(tmp_path / "alone", key) == pixels(tmp_path / "together", key)


@pytest.mark.parametrize("sampler", ["ddim", "euler", "euler_a", "dpmpp_2m"])
def test_images_are_those_of_the_pipeline_of_diffusers(tiny_base: BaseModel, sampler: str) -> None:
    import numpy as np
    import torch
    from diffusers import StableDiffusionPipeline

    from loratui.review.diffusion import Diffusion
    from loratui.training.engine.denoising import SCHEDULERS, Item

    pipeline = StableDiffusionPipeline.from_pretrained(tiny_base.path, local_files_only=True)
    pipeline.scheduler = SCHEDULERS[sampler].from_config(pipeline.scheduler.config)
    expected = pipeline(
        ["a hat", "a coat"],
        negative_prompt=["blurry", ""],
        generator=[torch.Generator().manual_seed(seed) for seed in (3, 4)],
        num_inference_steps=6,
        guidance_scale=3.0,
        width=16,
        height=16,
    ).images
    diffusion = Diffusion.load(tiny_base, torch.device("cpu"))
    asked = (("a hat", "blurry", 3), ("a coat", "", 4))
    items = [Item(diffusion.encode(text, 1), diffusion.encode(negative, 1), seed) for text, negative, seed in asked]
    made = diffusion.sample(items, SampleSettings(16, 16, steps=6, cfg=3.0, sampler=sampler))
    for image, wanted in zip(made, expected, strict=True):
        np.testing.assert_allclose(np.asarray(image, int), np.asarray(wanted, int), atol=1)


def test_a_lora_changes_the_image_and_weight_zero_is_the_base(
    tmp_path: Path, tiny_base: BaseModel, plain_lora: LoraFile
) -> None:
    cells = [CellRequest("a hat", 5, lora=plain_lora), CellRequest("a hat", 5)]
    request = make_request(tiny_base, [*cells, CellRequest("a hat", 5, lora=plain_lora, weight=0)], SETTINGS)
    assert len(request.cells) == 2
    sample(tmp_path, request)
    with_lora, without = (pixels(tmp_path, key_of(request, cell)) for cell in cells)
    assert with_lora != without


def test_a_text_encoder_lora_changes_both_the_prompt_and_the_negative(
    tmp_path: Path, tiny_base: BaseModel, full_lora: LoraFile
) -> None:
    cells = [CellRequest("a hat", 5, "blurry"), CellRequest("a hat", 5, "blurry", full_lora)]
    sampling = sample(tmp_path, make_request(tiny_base, cells, SETTINGS))
    encoders = {encoder for encoder, _ in sampling._embeddings}
    assert len(sampling._embeddings) == 4
    assert encoders == {("", 0.0), (full_lora.autov3, 1.0)}


def test_prompts_are_encoded_once_for_all_epochs_that_leave_the_text_encoder_alone(
    tmp_path: Path, tiny_base: BaseModel, plain_lora: LoraFile
) -> None:
    other = replace(plain_lora, name="other", autov3="f" * 64)
    cells = [CellRequest("a hat", seed, "", lora) for lora in (None, plain_lora, other) for seed in (1, 2)]
    sampling = sample(tmp_path, make_request(tiny_base, cells, SETTINGS))
    assert len(sampling._embeddings) == 2


def test_a_sheet_finished_in_two_goes_equals_one_finished_in_one(
    tmp_path: Path, tiny_base: BaseModel, plain_lora: LoraFile
) -> None:
    cells = [CellRequest("a hat", seed, lora=lora) for lora in (None, plain_lora) for seed in range(4)]
    request = make_request(tiny_base, cells, SETTINGS)
    sample(tmp_path / "one", request)
    sample(tmp_path / "two", request)
    keys = list(request.cells)
    before = {key: cell_path(tmp_path / "two", key).stat().st_mtime_ns for key in keys}
    cell_path(tmp_path / "two", keys[1]).unlink()
    damaged = cell_path(tmp_path / "two", keys[6])
    damaged.write_bytes(damaged.read_bytes()[:-30])
    sample(tmp_path / "two", request)
    assert all(pixels(tmp_path / "one", key) == pixels(tmp_path / "two", key) for key in keys)
    kept = [key for key in keys if cell_path(tmp_path / "two", key).stat().st_mtime_ns == before[key]]
    assert set(keys) - set(kept) == {keys[1], keys[6]}


def test_all_batches_have_one_size_and_one_lora(tiny_base: BaseModel, plain_lora: LoraFile) -> None:
    cells = [CellRequest("a hat", seed, lora=lora) for seed in range(10) for lora in (None, plain_lora)]
    request = make_request(tiny_base, cells, replace(SETTINGS, max_batch=4))
    batches = cut_batches(request)
    # Ten images a LoRA, at most four at a time: 4 + 4 + 2, which cost as much as 4 + 4 + 4.
    assert request.batch_size == 4
    assert [len(batch.cells) for batch in batches] == [4, 4, 2] * 2
    assert all({cell.lora for _, cell in batch.cells} == {batch.lora} for batch in batches)


def test_guidance_of_one_renders_without_the_negative_prompt(tmp_path: Path, tiny_base: BaseModel) -> None:
    settings = replace(SETTINGS, cfg=1.0)
    first, second = (
        make_request(tiny_base, [CellRequest("a hat", 1, negative)], settings) for negative in ("", "blurry")
    )
    assert list(first.cells) == list(second.cells)
    sample(tmp_path, first)
    assert pixels(tmp_path, next(iter(first.cells)))


def test_events_count_up_over_attempts_and_a_torn_line_is_dropped(tmp_path: Path, tiny_base: BaseModel) -> None:
    request = make_request(tiny_base, [CellRequest("a hat", 1)], SETTINGS)
    sample(tmp_path, request)
    with (tmp_path / "events.jsonl").open("ab") as file:
        file.write(b'{"seq": 99, "type": "ce')
    sample(tmp_path, request)
    events = RunFolder(tmp_path).read_events()
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert {event.attempt for event in events} == {1, 2}
    cell = next(event for event in events if event.type == "cell")
    assert (cell.data["done"], cell.data["total"]) == (1, 1)


def test_a_stop_file_ends_the_sheet_between_batches(tmp_path: Path, tiny_base: BaseModel) -> None:
    write_request(tmp_path / "sheet.json", make_request(tiny_base, [CellRequest("a hat", 1)], SETTINGS))
    RunFolder(tmp_path).ask_to_stop()
    assert Sampling(tmp_path).run() == "stopped"
    assert not list((tmp_path / "cells").iterdir())


def test_a_prompt_longer_than_the_encoder_reads_is_warned_about(tmp_path: Path, tiny_base: BaseModel) -> None:
    sample(tmp_path, make_request(tiny_base, [CellRequest("a very long hat " * 8, 1)], SETTINGS))
    warnings = [event.data["message"] for event in RunFolder(tmp_path).read_events() if event.type == "warning"]
    assert len(warnings) == 1
    assert re.search(r"last \d+ tokens", warnings[0])


def test_a_base_without_its_tokenizer_is_refused(tmp_path: Path, tiny_base: BaseModel) -> None:
    import shutil

    shutil.copytree(tiny_base.path, tmp_path / "base")
    for file in (tmp_path / "base" / "tokenizer").iterdir():
        file.unlink()
    base = replace(tiny_base, path=str(tmp_path / "base"))
    write_request(tmp_path / "sheet.json", make_request(base, [CellRequest("a hat", 1)], SETTINGS))
    with pytest.raises(RefusedError, match="tokenizer"):
        Sampling(tmp_path).run()


def test_a_request_reads_back_as_it_was_written(tmp_path: Path, tiny_base: BaseModel, plain_lora: LoraFile) -> None:
    cells = [CellRequest("ein Hut, \n{weiß}", 3, "no", plain_lora, 0.5), CellRequest("a", 2**62)]
    request = make_request(tiny_base, cells, replace(SETTINGS, clip_skip=2))
    write_request(tmp_path / "sheet.json", request)
    assert read_request(tmp_path / "sheet.json") == request
