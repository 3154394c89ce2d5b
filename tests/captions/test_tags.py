"""How tags are spelled, compared and matched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.captions.tags import KAOMOJI, fold_tag, match_tag, mentions, spell_tag, unescape_tag


@pytest.mark.parametrize("face", sorted(KAOMOJI))
def test_faces_keep_their_underscores(face: str) -> None:
    assert spell_tag(face) == face
    assert fold_tag(face) == face


def test_other_underscores_become_spaces() -> None:
    assert spell_tag("long_hair") == "long hair"
    assert spell_tag("star_(symbol)") == "star (symbol)"


@pytest.mark.parametrize("spelling", ["Blue_Eyes", " blue  eyes ", "blue_eyes", "BLUE EYES"])
def test_spellings_of_a_tag_are_the_same_tag(spelling: str) -> None:
    assert fold_tag(spelling) == fold_tag("blue eyes")


def test_composed_and_combining_letters_are_the_same_tag() -> None:
    assert fold_tag("café") == fold_tag("café")


def test_escaped_parentheses_are_the_same_tag() -> None:
    assert fold_tag(r"star_\(symbol\)") == fold_tag("star (symbol)")
    assert unescape_tag(r"\m/") == r"\m/"


@pytest.mark.parametrize(
    ("pattern", "tag", "expected"),
    [
        ("blue eyes", "blue_eyes", True),
        ("* eyes", "blue_eyes", True),
        ("* eyes", "eyes", False),
        ("*eyes", "eyes", True),
        ("blue *", "blue eyes", True),
        ("blue eyes", "light blue eyes", False),
        ("?", "!", False),
        ("?", "?", True),
        ("[x]", "x", False),
    ],
)
def test_only_a_star_stands_for_other_text(pattern: str, tag: str, expected: bool) -> None:
    assert match_tag(pattern, tag) is expected


def test_a_trigger_inside_a_longer_word_is_not_mentioned() -> None:
    assert mentions("photo of Mira, hat", "mira")
    assert not mentions("photo of admiral, hat", "mira")
    assert mentions("photo of mira v2, hat", "mira_v2")


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing_more(tag: str) -> None:
    assert fold_tag(fold_tag(tag)) == fold_tag(tag)


@given(st.text(max_size=40))
def test_every_plain_tag_matches_itself(tag: str) -> None:
    assert match_tag(tag, tag)
