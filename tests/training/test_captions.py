"""The text a sample is trained with."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from loratui.training.engine.captions import vary_caption

words = st.text("abc xyz", min_size=1, max_size=6).map(str.strip).filter(bool)


@given(st.lists(words, min_size=1, max_size=8), st.integers(0, 10), st.integers())
def test_shuffling_keeps_every_tag_and_the_first_ones_in_place(tags: list[str], keep: int, seed: int) -> None:
    caption = ", ".join(tags)
    varied = vary_caption(caption, random.Random(seed), dropout=0, shuffle=True, keep_tokens=keep).split(", ")
    assert sorted(varied) == sorted(tags)
    assert varied[:keep] == tags[:keep]


@given(st.text(), st.integers())
def test_without_shuffle_and_dropout_a_caption_stays_as_it_is(caption: str, seed: int) -> None:
    assert vary_caption(caption, random.Random(seed), dropout=0, shuffle=False, keep_tokens=1) == caption


def test_dropout_takes_about_its_share_of_whole_captions() -> None:
    chance = random.Random(1)
    varied = [vary_caption("a, b", chance, dropout=0.25, shuffle=True, keep_tokens=1) for _ in range(2000)]
    assert 400 < varied.count("") < 600
    assert set(varied) == {"", "a, b"}


def test_the_same_chance_gives_the_same_caption() -> None:
    caption = ", ".join(map(str, range(20)))
    first, second = (
        vary_caption(caption, random.Random(4), dropout=0.1, shuffle=True, keep_tokens=1) for _ in range(2)
    )
    assert first == second != caption
