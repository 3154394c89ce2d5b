"""Recipes: what is accepted, and what people are told otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.dataset.buckets import BucketSettings, make_buckets
from loratui.errors import UsageError
from loratui.training.recipe import PRECISIONS, SCHEDULERS, Recipe, parse_setting, preset_for, write_setting

recipes = st.builds(
    Recipe,
    epochs=st.integers(1, 500),
    batch_size=st.integers(1, 64),
    learning_rate=st.floats(1e-8, 1),
    rank=st.integers(1, 256),
    alpha=st.floats(0.5, 256),
    scheduler=st.sampled_from(SCHEDULERS),
    precision=st.sampled_from(PRECISIONS),
    flip=st.booleans(),
    seed=st.integers(0, 2**63 - 1),
)


@given(recipes)
def test_a_recipe_survives_json(recipe: Recipe) -> None:
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@given(st.dictionaries(st.text(max_size=20), st.none() | st.integers() | st.floats() | st.text() | st.booleans()))
def test_anything_else_is_refused_in_words(raw: dict[str, Any]) -> None:
    try:
        Recipe.from_dict(raw)
    except UsageError as error:
        assert error.hint
    else:
        assert raw.keys() <= Recipe().to_dict().keys()


def test_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        Recipe.from_dict({"learning_rat": 1e-4})
    assert caught.value.hint == "Did you mean learning_rate?"


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"epochs": 0}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"epochs": 2.5}, "epochs"),
        ({"rank": "8"}, "rank"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"learning_rate": float("inf")}, "learning_rate"),
        ({"alpha": 0}, "alpha"),
        ({"caption_dropout": 1.5}, "caption_dropout"),
        ({"scheduler": "linear"}, "scheduler"),
        ({"precision": "fp8"}, "precision"),
        ({"resolution": 128}, "resolution"),
        ({"learning_rate": 0}, "learning rate"),
    ],
)
def test_a_setting_out_of_range_is_named(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(UsageError, match=word) as caught:
        Recipe().with_changes(**changes)
    assert caught.value.hint


def test_a_whole_number_is_fine_where_a_number_is_wanted() -> None:
    assert Recipe.from_dict({"alpha": 8}).alpha == 8.0


@pytest.mark.parametrize("resolution", [32, 64, 96, 128, 256, 384, 512, 768])
def test_presets_are_valid_and_their_buckets_exist(resolution: int) -> None:
    recipe = preset_for("sd1", resolution)
    recipe.validate()
    assert recipe.resolution == resolution
    settings = BucketSettings(resolution, recipe.bucket_step, recipe.min_bucket, recipe.max_bucket)
    assert (resolution, resolution) in make_buckets(settings) or resolution % recipe.bucket_step


def test_the_cast_has_its_own_preset() -> None:
    recipe = preset_for("sd1", 64)
    assert (recipe.bucket_step, recipe.min_bucket, recipe.max_bucket) == (16, 32, 128)
    assert preset_for("cast", 64) == recipe


def test_an_unknown_family_has_no_preset() -> None:
    with pytest.raises(UsageError, match="sdxl"):
        preset_for("sdxl", 1024)


@given(
    st.builds(
        Recipe,
        epochs=st.integers(1, 1000),
        learning_rate=st.floats(1e-8, 10),
        alpha=st.floats(1e-6, 1000),
        caption_dropout=st.floats(0, 1),
        flip=st.booleans(),
        upscale=st.booleans(),
        scheduler=st.sampled_from(SCHEDULERS),
        seed=st.integers(0, 2**63 - 1),
    )
)
def test_settings_that_were_written_out_are_read_back_the_same(recipe: Recipe) -> None:
    typed = {name: parse_setting(name, write_setting(value)) for name, value in recipe.to_dict().items()}
    assert Recipe.from_dict(typed) == recipe


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("epochs", "", "whole number"),
        ("epochs", "1.5", "whole number"),
        ("learning_rate", "fast", "a number"),
        ("flip", "maybe", "true or false"),
        ("epoch", "3", "no training setting"),
    ],
)
def test_a_setting_that_is_typed_wrong_says_what_it_must_be(name: str, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_setting(name, text)
    assert said in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(("text", "value"), [(" On ", True), ("no", False), ("1", True)])
def test_switches_are_typed_in_several_ways(text: str, value: bool) -> None:
    assert parse_setting("flip", text) is value
