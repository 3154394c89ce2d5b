"""The shipped base: it loads from its folder alone, knows its words and fits code written for SD 1.5."""

from __future__ import annotations

import json
from typing import Any

import pytest

from loratui.demo import world
from loratui.demo.assets import cast_folder

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")


@pytest.fixture(scope="module")
def pipe() -> Any:
    # A session without a network: any attempt to look something up online would fail.
    loaded = diffusers.StableDiffusionPipeline.from_pretrained(cast_folder() / "base", local_files_only=True)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def test_the_base_opens_in_full_precision(pipe: Any) -> None:
    parts = (pipe.unet, pipe.vae, pipe.text_encoder)
    assert {part.dtype for part in parts} == {torch.float32}


def test_every_word_of_the_world_is_one_token(pipe: Any) -> None:
    words = {word for tag in world.ALL_TAGS for word in tag.split()} | {"photo", "of", "someone"}
    assert all(len(pipe.tokenizer.tokenize(word)) == 1 for word in words)


def test_new_names_are_spelled_and_told_apart(pipe: Any) -> None:
    pieces = {name: tuple(pipe.tokenizer.tokenize(name)) for name in ("Zabuko", "zabuka", "Xqyw", "Ünal", "r2d2")}
    assert len(set(pieces.values())) == len(pieces)
    assert pipe.tokenizer.decode(pipe.tokenizer("Zabuko").input_ids, skip_special_tokens=True) == "zabuko"


def test_captions_are_padded_to_77_tokens(pipe: Any) -> None:
    ids = pipe.tokenizer("photo of Zabuko, red hair", padding="max_length", max_length=77).input_ids
    assert pipe.tokenizer.model_max_length == 77
    assert len(ids) == 77
    assert ids[0] == pipe.tokenizer.bos_token_id and ids[-1] == pipe.tokenizer.eos_token_id


def test_the_layout_is_stable_diffusions(pipe: Any) -> None:
    index = json.loads((cast_folder() / "base" / "model_index.json").read_text(encoding="utf-8"))
    assert index["_class_name"] == "StableDiffusionPipeline"
    assert index["safety_checker"] == [None, None]
    assert pipe.scheduler.config.prediction_type == "epsilon"
    latents = pipe.vae.encode(torch.zeros(1, 3, 64, 64)).latent_dist.mean
    assert latents.shape == (1, 8, 16, 16)


def test_a_prompt_gives_a_picture(pipe: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    (image,) = pipe("photo of someone, red hair", num_inference_steps=2, generator=generator).images
    assert image.size == (64, 64)


def test_the_assets_stay_small() -> None:
    sizes = [path.stat().st_size for path in cast_folder().rglob("*") if path.is_file()]
    assert sum(sizes) <= 16 * 1024 * 1024
