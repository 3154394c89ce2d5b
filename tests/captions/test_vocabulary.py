"""Lists of tags as they come with models, and the scores from which their tags are believed."""

from __future__ import annotations

import csv
import io
import json
import string
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.captions.thresholds import CHARACTER_FLOOR, Thresholds, cut_character, cut_general, thresholds_for
from loratui.captions.vocabulary import WD_CATEGORIES, parse_csv, parse_mapping, read_vocabulary
from loratui.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

names = st.text(st.sampled_from(string.ascii_letters + string.digits + "_-'()\\:;^<>|=+.!? ,\""), min_size=1).filter(
    lambda name: bool(name.strip())
)
tags = st.lists(st.tuples(names, st.sampled_from(sorted(WD_CATEGORIES)), st.integers(0, 10**7)), max_size=20)
number_forms = st.sampled_from([str, lambda number: f"{number}.0", lambda number: f"{number:.1e}"])


@given(tags, number_forms, st.sampled_from(["\n", "\r\n"]))
def test_any_list_comes_back_whether_numbers_are_whole_or_not(rows: list, form: object, newline: str) -> None:  # type: ignore[type-arg]
    assert callable(form)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=newline)
    writer.writerow(["tag_id", "name", "category", "count"])
    writer.writerows([number, name, form(category), form(count)] for number, (name, category, count) in enumerate(rows))
    found = parse_csv(text.getvalue())
    assert found.names == tuple(name for name, _, _ in rows)
    assert found.categories == tuple(WD_CATEGORIES[category] for _, category, _ in rows)


@given(st.text())
def test_any_text_is_a_list_or_refused(text: str) -> None:
    for parse in (parse_csv, parse_mapping):
        try:
            found = parse(text)
        except RefusedError as error:
            assert error.hint
        else:
            assert len(found.names) == len(found.categories)


@given(st.lists(st.tuples(names, st.sampled_from(["General", "Character", "Rating", "Quality"])), max_size=20))
def test_both_tables_of_cl_tagger_are_read(rows: list[tuple[str, str]]) -> None:
    flat = {str(number): {"tag": tag, "category": category} for number, (tag, category) in enumerate(rows)}
    found = parse_mapping(json.dumps(dict(reversed(flat.items()))))
    assert found.names == tuple(tag for tag, _ in rows)
    assert found.categories == tuple(category.lower() for _, category in rows)
    unique = {tag: category for tag, category in rows}
    pair = {"idx_to_tag": dict(enumerate(unique)), "tag_to_category": unique}
    assert parse_mapping(json.dumps(pair)).names == tuple(unique)


def test_the_tags_of_the_real_vocabulary_are_read(shared: Path) -> None:
    found = read_vocabulary(shared / "models" / "tags" / "wd14_selected_tags.csv")
    assert len(found) == 10_861
    assert [found.categories.count(name) for name in ("rating", "general", "character")] == [4, 8_106, 2_751]
    assert found.names[:4] == ("general", "sensitive", "questionable", "explicit")
    assert {"jack-o'-lantern", "\\m/", ":d", "star_(symbol)", ">:(", "...", "?", "39"} <= set(found.names)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no columns"),
        ("id,tag\n1,hat\n", "no columns"),
        ("tag_id,name,category,count\n1,hat\n", "line 2"),
        ("tag_id,name,category,count\n1,hat,0,9\n2,cat,many,9\n", "line 3"),
        ("tag_id,name,category,count\n1,hat,77,9\n", "line 2"),
        ("tag_id,name,category,count\n1,hat,inf,9\n", "line 2"),
        ("tag_id,name,category,count\n1,,0,9\n", "tag 0"),
        ("tag_id,name,category,count\n1,h\x1bat,0,9\n", "tag 0"),
    ],
)
def test_what_is_wrong_with_a_list_is_told(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "selected_tags.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RefusedError, match=reason) as caught:
        read_vocabulary(file)
    assert str(file) in caught.value.message


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"tag_id,name,category,count\n"])
def test_no_list_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "selected_tags.csv"
    file.write_bytes(content)
    with pytest.raises(RefusedError):
        read_vocabulary(file)
    with pytest.raises(NotFoundError):
        read_vocabulary(tmp_path / "other.csv")


@pytest.mark.parametrize(
    "text", ["[]", "3", "null", '{"a": 1}', '{"0": {"tag": "x"}}', '{"1": {"tag": "x", "category": "General"}}']
)
def test_a_table_with_gaps_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        parse_mapping(text)


def test_models_are_known_by_their_names() -> None:
    assert thresholds_for("wd-eva02-large-tagger-v3") == Thresholds(0.5296, 0.85)
    assert thresholds_for("SmilingWolf_WD-ViT-Large-Tagger-v3@main").general == 0.2606
    assert thresholds_for("cl_tagger_1_02") == Thresholds(0.55, 0.60)
    assert thresholds_for("something else") == Thresholds(0.35, 0.85)


scores = st.lists(st.floats(0, 1), max_size=50)


@given(scores)
def test_mcut_cuts_through_the_largest_gap(values: list[float]) -> None:
    cut = cut_general(values)
    if len(values) < 2:
        assert cut is None
        return
    assert cut is not None
    above, below = [value for value in values if value > cut], [value for value in values if value <= cut]
    ordered = sorted(values)
    largest = max(after - before for before, after in pairwise(ordered))
    if largest > 1e-9:
        assert min(above) - max(below) == pytest.approx(largest)
    assert cut_general(reversed(values)) == cut


@given(scores)
def test_names_are_never_cut_in_the_noise(values: list[float]) -> None:
    general, character = cut_general(values), cut_character(values)
    assert (character is None) == (general is None)
    if general is not None and character is not None:
        assert character == max(CHARACTER_FLOOR, general)
