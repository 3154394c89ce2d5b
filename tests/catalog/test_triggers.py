"""Trigger words: one owner each, and warnings where two are easily confused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.catalog.subjects import add_subject, edit_subject
from loratui.catalog.triggers import check_trigger, fold_trigger, measure_distance
from loratui.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


def _codes(catalog: Catalog, trigger: str, **options: object) -> set[str]:
    return {warning.code for warning in check_trigger(catalog, trigger, **options)}  # type: ignore[arg-type]


def _write_lora(path: Path, metadata: dict[str, str]) -> Path:
    header = json.dumps(
        {"__metadata__": metadata, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    ).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    return path


@pytest.mark.parametrize(
    "same", ["miravel", "MIRAVEL", "Mira Vel", "mira-vel", "ｍｉｒａｖｅｌ", "mira_vel!", " miravel "]
)
def test_case_width_and_punctuation_make_no_difference(catalog: Catalog, mira: Subject, same: str) -> None:
    with pytest.raises(ConflictError, match="'Mira'") as caught:
        add_subject(catalog, "Nora", same)
    assert caught.value.hint


def test_a_subject_may_respell_its_own_trigger(catalog: Catalog, mira: Subject) -> None:
    changed, warnings = edit_subject(catalog, mira, trigger="MiraVel")
    assert (changed.trigger, warnings) == ("MiraVel", [])


def test_a_trigger_becomes_free_when_its_subject_takes_another(catalog: Catalog, mira: Subject) -> None:
    edit_subject(catalog, mira, trigger="zelvara")
    nora, _ = add_subject(catalog, "Nora", "miravel")
    assert nora.trigger == "miravel"


@pytest.mark.parametrize("wrong", ["", "  ", "!?", "one, two", "two\nlines", "x" * 80])
def test_an_unusable_trigger_is_refused(catalog: Catalog, wrong: str) -> None:
    with pytest.raises(UsageError) as caught:
        add_subject(catalog, "Nora", wrong)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("trigger", "code"),
    [
        ("miravek", "near"),
        ("mirvael", "near"),
        ("mirave", "contained"),
        ("miravella", "contains"),
        ("vel", "contained"),
    ],
)
def test_a_near_clash_warns_with_the_name_of_the_other_subject(
    catalog: Catalog, mira: Subject, trigger: str, code: str
) -> None:
    (warning,) = check_trigger(catalog, trigger)
    assert (warning.code, warning.other) == (code, "Mira")
    assert "'Mira'" in warning.message and warning.hint


def test_longer_words_may_differ_by_two_letters_and_still_be_near(catalog: Catalog) -> None:
    add_subject(catalog, "Zel", "zelvarandis")
    assert _codes(catalog, "zelwarantis") == {"near"}
    assert _codes(catalog, "xelwarantis") == set()


def test_words_that_differ_enough_warn_of_nothing(catalog: Catalog, mira: Subject) -> None:
    assert _codes(catalog, "zoltan") == set()


def test_words_with_the_same_tokens_warn(catalog: Catalog, mira: Subject) -> None:
    def tokenize(text: str) -> list[str]:
        return ["mira", "<unk>"] if text.startswith("mira") else ["zol", "tan</w>"]

    (warning,) = check_trigger(catalog, "mirasaur", tokenize=tokenize)
    assert (warning.code, warning.other) == ("same_tokens", "Mira")
    assert _codes(catalog, "zoltan", tokenize=tokenize) == set()


@pytest.mark.parametrize("word", ["girl", "Red", "1girl", "looking at viewer"])
def test_a_common_word_warns(catalog: Catalog, word: str) -> None:
    assert "common_word" in _codes(catalog, word)


def test_a_word_that_many_loras_have_is_worn_and_not_called_common(catalog: Catalog) -> None:
    assert "worn_word" in _codes(catalog, "ohwx")
    assert "common_word" not in _codes(catalog, "OHWX")


@pytest.mark.parametrize(("word", "code"), [("m1r4v3l", "digits"), ("x y z", "single_letters"), ("qz", "short")])
def test_a_word_that_text_encoders_take_apart_warns(catalog: Catalog, word: str, code: str) -> None:
    assert code in _codes(catalog, word)


def test_a_word_that_falls_into_single_letters_for_this_tokenizer_warns(catalog: Catalog) -> None:
    assert _codes(catalog, "xqzkw", tokenize=lambda text: [*text[:-1], f"{text[-1]}</w>"]) == {"single_letters"}
    assert _codes(catalog, "miravel", tokenize=lambda text: [text[:4], f"{text[4:]}</w>"]) == set()


@pytest.mark.parametrize(
    ("metadata", "source"),
    [
        ({"modelspec.trigger_phrase": "photo of Mira-Vel, woman"}, "modelspec.trigger_phrase"),
        ({"ss_tag_frequency": json.dumps({"5_miravel woman": {"smile": 3}})}, "ss_tag_frequency"),
        ({"ss_dataset_dirs": json.dumps({"10_miravel": {"n_repeats": 10}})}, "ss_dataset_dirs"),
        ({"ss_output_name": "miravel-v2"}, "ss_output_name"),
    ],
)
def test_a_trigger_that_a_lora_file_uses_warns_with_the_file(
    catalog: Catalog, tmp_path: Path, metadata: dict[str, str], source: str
) -> None:
    trigger = "mira vel" if "modelspec" in source else "miravel"
    path = _write_lora(tmp_path / "loras" / "people" / "m.safetensors", metadata)
    _write_lora(tmp_path / "loras" / "other.safetensors", {"ss_output_name": "zoltan", "ss_tag_frequency": "[1]"})
    (warning,) = check_trigger(catalog, trigger, lora_folders=[tmp_path / "loras"])
    assert (warning.code, warning.other) == ("in_lora_file", str(path))
    assert source in warning.message


def test_words_inside_other_words_of_a_lora_file_do_not_count(catalog: Catalog, tmp_path: Path) -> None:
    _write_lora(tmp_path / "m.safetensors", {"ss_output_name": "miraveline", "modelspec.trigger_phrase": "a miravelo"})
    assert _codes(catalog, "miravel", lora_folders=[tmp_path]) == set()


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 8, (4).to_bytes(8, "little") + b"{]", (2).to_bytes(8, "little") + b"[]"]
)
def test_a_broken_lora_file_is_reported_and_stops_nothing(catalog: Catalog, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "broken.safetensors").write_bytes(content)
    _write_lora(tmp_path / "fine.safetensors", {"ss_output_name": "miravel"})
    assert _codes(catalog, "miravel", lora_folders=[tmp_path]) == {"unreadable_lora", "in_lora_file"}


def test_a_folder_that_is_not_there_is_reported(catalog: Catalog, tmp_path: Path) -> None:
    assert _codes(catalog, "miravel", lora_folders=[tmp_path / "gone"]) == {"unreadable_lora"}


@given(st.text(max_size=12))
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold_trigger(fold_trigger(text)) == fold_trigger(text)


def _slow_distance(first: str, second: str) -> int:
    """The textbook recursion: optimal string alignment."""
    if not first or not second:
        return len(first) + len(second)
    best = min(
        _slow_distance(first[1:], second) + 1,
        _slow_distance(first, second[1:]) + 1,
        _slow_distance(first[1:], second[1:]) + (first[0] != second[0]),
    )
    if len(first) > 1 and len(second) > 1 and first[:2] == second[1::-1]:
        best = min(best, _slow_distance(first[2:], second[2:]) + 1)
    return best


_words = st.text("ab", max_size=5)


@given(_words, _words, st.integers(0, 3))
def test_the_distance_equals_the_textbook_one_up_to_the_limit(first: str, second: str, limit: int) -> None:
    assert measure_distance(first, second, limit) == min(_slow_distance(first, second), limit + 1)
