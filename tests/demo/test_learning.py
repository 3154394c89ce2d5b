"""What the cast is for: the base obeys words, and a LoRA learns a new character in a minute."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

pytestmark = pytest.mark.slow


def test_the_base_draws_what_the_words_ask_for() -> None:
    from loratui.demo import world
    from loratui.demo.assets import cast_folder
    from loratui.demo.build_card import open_base, sample, shares
    from loratui.demo.build_common import Settings, fresh_records
    from loratui.demo.judge import Judge

    items = fresh_records(60, seed=31)
    asked = [world.caption_tags(item.look, item.scene) for item in items]
    rng = random.Random(31)
    pipe = open_base(Settings(out=cast_folder().parent, work=Path("unused")))
    images = sample(pipe, [world.caption(None, tags, rng) for tags in asked], seed=31)
    found = shares(asked, Judge().read(images))
    assert found["overall"] >= 0.9
    assert min(found.values()) >= 0.75


def test_a_lora_imbues_the_traits_and_leaves_the_hair_to_the_prompt(tmp_path: Path) -> None:
    from loratui.demo.assets import cast_folder
    from loratui.demo.build_common import Settings
    from loratui.demo.build_lora import LoraPlan, train_lora

    settings = Settings(out=cast_folder().parent, work=tmp_path)
    figures = train_lora(settings, LoraPlan(measured=(5,)))
    (row,) = figures["epochs"]
    with_trigger, without = row["with"].values(), row["without"].values()
    assert sum(with_trigger) / len(with_trigger) >= 0.8
    assert max(without) <= 0.25
    assert row["hair"] >= 0.7
