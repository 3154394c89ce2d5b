from __future__ import annotations

from difflib import get_close_matches

from hypothesis import given
from hypothesis import strategies as st

from loratui.captions.matching import _find_near

WORDS = st.text("abcde ", min_size=1, max_size=9)


@given(WORDS, st.lists(WORDS, min_size=1, max_size=40, unique=True))
def test_tags_that_are_spelled_alike_are_those_that_difflib_finds(entry: str, tags: list[str]) -> None:
    spelled = {tag: tag.upper() for tag in tags}
    near = _find_near(entry, spelled, {tag: frozenset(tag) for tag in tags})
    assert near == tuple(spelled[tag] for tag in get_close_matches(entry, tags, n=3, cutoff=0.8))
