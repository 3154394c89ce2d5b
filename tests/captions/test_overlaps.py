"""Tags that go where a more specific one says them too."""

from __future__ import annotations

import pytest

from loratui.captions.overlaps import Implications, meta_words, open_implications


@pytest.mark.parametrize(
    ("tag", "implied"),
    [
        ("straw hat", "hat"),
        ("very long hair", "long hair"),
        ("absurdly long hair", "long hair"),
        (":d", "open mouth"),
        ("beret", "hat"),
        ("2girls", "multiple girls"),
        ("cat ears", "animal ears"),
    ],
)
def test_a_specific_tag_says_the_general_one(tag: str, implied: str) -> None:
    assert implied in Implications({}).implied_by(tag)


@pytest.mark.parametrize(
    ("tag", "kept"),
    [("no shoes", "shoes"), ("unworn hat", "hat"), ("hat", "hat"), ("hat ribbon", "hat"), ("teddy bear", "bear")],
)
def test_what_is_denied_or_only_named_first_is_not_said(tag: str, kept: str) -> None:
    assert kept not in Implications({}).implied_by(tag)


def test_own_implications_reach_through_the_shipped_ones() -> None:
    assert {"beret", "hat"} <= open_implications({"beret": ("basque cap",)}).implied_by("basque cap")


def test_of_two_tags_that_say_each_other_neither_goes() -> None:
    both = Implications({"smile": ["happy"], "happy": ["smile"]})
    assert "happy" not in both.implied_by("smile") and "smile" not in both.implied_by("happy")


def test_no_shipped_tag_implies_itself_or_in_a_circle() -> None:
    known = Implications({})
    for word in ("hat", "long hair", "smile", "dress", "jewelry"):
        assert word not in known.implied_by(word)
        assert all(word not in known.implied_by(said) for said in known.implied_by(word))


def test_words_about_the_file_are_known() -> None:
    assert {"explicit", "masterpiece", "highres", "score 9"} <= meta_words()
    assert not {"smile", "blurry", "watermark"} & meta_words()
