"""Lists of undesired tags, read as people write them and written as kohya's tagger reads them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from loratui.captions.kohya_list import format_undesired, parse_undesired
from loratui.captions.tags import KAOMOJI, fold_tag


def kohya_leaves_out(undesired: str, tags: list[str], *, strips: bool = True) -> list[str]:
    """What tag_images_by_wd14_tagger.py does with its option; before sd-scripts 0.8.6 it did not strip."""
    unwanted = {entry.strip() if strips else entry for entry in undesired.split(",")}
    return [tag for tag in tags if tag not in unwanted]


@pytest.mark.parametrize(
    "text",
    [
        "blue eyes,freckles,star (symbol)",
        "blue eyes, freckles, star (symbol)",
        "Blue_Eyes ,FRECKLES,  star_(symbol)",
        "blue_eyes\nfreckles\r\nstar_\\(symbol\\)\n",
        '"blue eyes", "freckles", "star (symbol)"',
        '"blue eyes, freckles, star (symbol)"',
        "“blue eyes”，freckles、star (symbol),",
        "\ufeff,, blue eyes ,,\n# eyes come first\nfreckles, # these are hers\nstar (symbol)",
        '--undesired_tags="blue eyes, freckles, star (symbol)"',
        "--undesired_tags blue_eyes,freckles,star_(symbol) --thresh 0.35",
        "accelerate launch tag_images_by_wd14_tagger.py --remove_underscore --undesired_tags='blue eyes,freckles,"
        "star (symbol)' --batch_size 4 /train",
        '--caption_separator "; " --undesired_tags "blue eyes; freckles; star (symbol)"',
    ],
)
def test_a_list_is_read_however_it_is_written(text: str) -> None:
    assert parse_undesired(text).tags == ("blue eyes", "freckles", "star (symbol)")


def test_the_articles_mistake_works_and_is_reported() -> None:
    found = parse_undesired("1girl, blue eyes, freckles")
    assert found.tags == ("1girl", "blue eyes", "freckles")
    (remark,) = found.remarks
    assert remark.startswith("2 tags had a space after the comma") and "0.8.6" in remark
    # What was meant, what kohya's tagger made of it then, and what it makes of the list written back.
    tags = ["1girl", "blue eyes", "freckles", "hat"]
    assert kohya_leaves_out("1girl, blue eyes, freckles", tags, strips=False) == ["blue eyes", "freckles", "hat"]
    assert kohya_leaves_out(format_undesired(found.tags), tags, strips=False) == ["hat"]


def test_a_tag_given_twice_is_kept_once_and_told() -> None:
    found = parse_undesired("blue eyes,Blue_Eyes,hat")
    assert found.tags == ("blue eyes", "hat")
    assert found.remarks == ("1 tag stood there more than once.",)


def test_a_list_is_written_with_commas_alone() -> None:
    tags = ["Blue Eyes", "star_(symbol)", "hat", "Hat", ""]
    assert format_undesired(tags) == "blue eyes,star (symbol),hat"
    assert format_undesired(tags, remove_underscore=False) == "blue_eyes,star_(symbol),hat"


def test_faces_are_written_as_the_tagger_spells_them() -> None:
    # It turns the underscores of names with more than three letters into spaces, in faces too.
    assert format_undesired(["^_^", "<|>_<|>"]) == "^_^,<|> <|>"
    assert format_undesired(["^_^", "<|>_<|>"], remove_underscore=False) == "^_^,<|>_<|>"
    assert parse_undesired("^_^,<|> <|>,(o) (o)").tags == ("^_^", "<|>_<|>", "(o)_(o)")


@pytest.mark.parametrize("text", ["", " \n,, ,\n", '""', "# only a remark"])
def test_a_list_of_nothing_names_no_tag(text: str) -> None:
    assert parse_undesired(text).tags == ()


WORDS = st.text(st.characters(categories=["Ll", "Lu", "Nd"], exclude_characters="#"), min_size=1, max_size=6)
TAGS = st.one_of(
    st.lists(WORDS, min_size=1, max_size=3).map(" ".join),
    st.lists(WORDS, min_size=1, max_size=3).map("_".join),
    st.sampled_from(sorted(KAOMOJI)),
    st.sampled_from([r"\m/", ":d", ";)", ">:(", "...", "?", "jack-o'-lantern", "star_(symbol)", "!!", "d:"]),
)


@given(st.lists(TAGS, max_size=8), st.booleans())
@example(["0 0"], False)
def test_what_was_written_is_read_as_the_same_list(tags: list[str], remove_underscore: bool) -> None:
    once = format_undesired(tags, remove_underscore=remove_underscore)
    read = parse_undesired(once)
    assert {fold_tag(tag) for tag in read.tags} == {fold_tag(tag.lower()) for tag in tags}
    again = format_undesired(read.tags, remove_underscore=remove_underscore)
    assert parse_undesired(again) == read
    assert ", " not in once and not read.remarks


@given(st.text(max_size=80))
def test_any_text_is_read_and_comes_to_rest(text: str) -> None:
    read = parse_undesired(text)
    assert len({fold_tag(tag) for tag in read.tags}) == len(read.tags)
    assert all(tag == tag.strip() and "," not in tag and "\n" not in tag for tag in read.tags)
