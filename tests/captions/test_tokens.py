"""Text is split as CLIP splits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loratui.captions.tokens import find_clip_tokenizer
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.config import Home


@pytest.fixture
def tokenize() -> Callable[[str], list[str]]:
    found = find_clip_tokenizer()
    if found is None:
        pytest.skip("instant-clip-tokenizer has no wheel for this Python")
    return found


def test_words_are_split_into_clip_tokens(tokenize: Callable[[str], list[str]]) -> None:
    assert tokenize("photo of a cat") == ["photo</w>", "of</w>", "a</w>", "cat</w>"]
    assert tokenize("mirvok") == ["mir", "vo", "k</w>"]


def test_a_trigger_that_falls_apart_into_letters_is_warned_of(home: Home, tokenize: Callable[[str], list[str]]) -> None:
    with open_catalog(home) as catalog:
        _, warnings = add_subject(catalog, "Mira", "x7q9z", tokenize=tokenize)
        assert {warning.code for warning in warnings} & {"single_letters", "digits"}
        _, warnings = add_subject(catalog, "Nora", "mirvok", tokenize=tokenize)
        assert "single_letters" not in {warning.code for warning in warnings}
