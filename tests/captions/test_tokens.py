"""Text is split as CLIP splits it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loratui.captions.tokens import check_length, find_clip_tokenizer, find_long, split_tokens
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


def test_captions_that_trainers_cut_are_counted_and_named(tokenize: Callable[[str], list[str]]) -> None:
    long = ", ".join(f"tag number {number}" for number in range(40))
    assert check_length("photo of Mira, hat") == []
    (warning,) = check_length(long)
    assert warning.startswith("it has ") and warning.endswith("trainers read 75 and cut the rest")
    assert find_long([("a.png", "photo of Mira"), ("b.png", "")]) is None
    one = find_long([("a.png", "photo of Mira"), ("b.png", long)])
    assert one is not None and one.message.startswith("1 caption is longer than the 75 CLIP tokens")
    assert "b.png (" in one.message and "a.png" not in one.message
    many = find_long([(f"{number}.png", long) for number in range(5)])
    assert many is not None and many.count == 5
    assert "2.png" in many.message and "3.png" not in many.message and many.message.endswith("and 2 more.")


def test_parts_of_letters_are_written_as_their_bytes() -> None:
    pytest.importorskip("instant_clip_tokenizer")
    for word in ("猫", "ж", "猪"):
        written = [int(token.removesuffix("</w>")[1:3], 16) for token in split_tokens(word) if token.startswith("<")]
        assert bytes(written) in (word.encode(), b"")
    assert split_tokens("猫") != split_tokens("猪")
    assert not any("\ufffd" in token for token in split_tokens("猫娘 \N{GRINNING FACE} naïve"))
