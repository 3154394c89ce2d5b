"""Prompts: search-and-replace, and the default panel."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.errors import UsageError
from loratui.review.prompts import default_prompts, replace_in_prompts


def test_every_occurrence_is_replaced_and_prompts_without_it_are_kept_once() -> None:
    made = replace_in_prompts(["red hat, red coat", "a dog"], "red", ["red", "blue"])
    assert made == ["red hat, red coat", "blue hat, blue coat", "a dog"]


def test_a_search_that_matches_nothing_is_an_error() -> None:
    with pytest.raises(UsageError, match="No prompt contains 'Red'"):
        replace_in_prompts(["red hat"], "Red", ["blue"])


@pytest.mark.parametrize(("search", "values"), [("", ["a"]), ("red", [])])
def test_a_replacement_without_search_or_values_is_an_error(search: str, values: list[str]) -> None:
    with pytest.raises(UsageError):
        replace_in_prompts(["red hat"], search, values)


@given(st.lists(st.text(max_size=12), max_size=5), st.text(min_size=1, max_size=3), st.lists(st.text(), min_size=1))
def test_replacing_gives_each_prompt_at_most_once_per_value(prompts: list[str], search: str, values: list[str]) -> None:
    prompts = [*prompts, f"x{search}y"]
    made = replace_in_prompts(prompts, search, values)
    assert len(made) == len(set(made)) <= len(prompts) * len(values)
    assert f"x{search}y".replace(search, values[0]) in made


def test_the_default_panel_begins_with_the_trigger_and_prefers_telling_captions() -> None:
    captions = ["photo of mira, hat", "photo of mira,  hat, smile ,", "photo of ann, a, b, c", "photo of mira"]
    expected = ["photo of mira", "photo of mira, hat, smile", "photo of mira, hat"]
    assert default_prompts("mira", captions) == expected
    assert default_prompts("mira", captions[::-1]) == expected
    assert default_prompts("mira", []) == ["photo of mira"]
