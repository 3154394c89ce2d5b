"""Words judged as triggers, and invented ones that pass every check."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loratui.captions.tokens import find_clip_tokenizer
from loratui.captions.trigger_ideas import MOST_IDEAS, suggest_triggers
from loratui.captions.trigger_lint import TriggerLint, collect_names, open_lint, read_tagger_tags
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, edit_subject
from loratui.catalog.triggers import Claim, Claims, fold_trigger, measure_distance
from loratui.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.captions.trigger_lint import TriggerReport
    from loratui.catalog.store import Catalog
    from loratui.config import Home

needs_tokens = pytest.mark.skipif(find_clip_tokenizer() is None, reason="CLIP's tokenizer is not installed")


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "miravel")
        yield opened


def codes(report: TriggerReport) -> set[str]:
    return {warning.code for warning in report.warnings}


def test_a_taken_word_names_its_owner(catalog: Catalog) -> None:
    report = open_lint(catalog).check(" Mira-Vel ")
    assert (report.word, report.owner, report.free, report.good) == ("Mira-Vel", "Mira", False, False)
    assert "taken" in codes(report)


def test_the_name_of_another_subject_warns(catalog: Catalog) -> None:
    assert "subject_name" in codes(open_lint(catalog).check("mira"))


def test_a_subject_may_keep_its_own_word(catalog: Catalog) -> None:
    subject, _ = add_subject(catalog, "Nora", "norzuk")
    assert open_lint(catalog, own_subject_id=subject.id).check("norzuk").good


@pytest.mark.parametrize("word", ["nude", "nudewoman", "nuditypz", "mirnaked", "nud3pz", "b00bsmira"])
def test_a_word_that_a_person_is_refused_is_told_before(catalog: Catalog, word: str) -> None:
    found = {warning.code: warning for warning in open_lint(catalog).check(word).warnings}
    assert "a subject of kind person is refused it" in found["person"].message
    with pytest.raises(RefusedError, match="Anna is a person"):
        add_subject(catalog, "Anna", word, kind="person")
    add_subject(catalog, "Figure", word)
    with pytest.raises(RefusedError, match="Figure is a person"):
        edit_subject(catalog, "Figure", kind="person")


@pytest.mark.parametrize("word", ["anusha", "analise", "chaiporn", "vecchi", "sextus", "mirvok", "essexa", "titania"])
def test_names_that_begin_or_end_like_a_vulgar_word_are_free_for_a_person(catalog: Catalog, word: str) -> None:
    assert "person" not in codes(open_lint(catalog).check(word))
    add_subject(catalog, "Anna", word, kind="person")


@pytest.mark.parametrize("word", ["freckles", "red_eyes", "RedEyes", "miko", "twintails"])
def test_a_tag_that_captions_use_warns(catalog: Catalog, word: str) -> None:
    assert "tag" in codes(open_lint(catalog).check(word))


def test_a_character_that_the_tagger_knows_warns_also_without_its_brackets(catalog: Catalog) -> None:
    lint = open_lint(catalog, vocabulary=[("zorvak_(some_game)", "character"), ("general", "rating")])
    for word in ("zorvak", "zorvak some game"):
        report = lint.check(word)
        assert "character" in codes(report)
        assert "zorvak_(some_game)" in next(one for one in report.warnings if one.code == "character").message


@pytest.mark.parametrize("word", ["freckels", "frekles", "freckless", "twintals"])
def test_one_letter_from_a_known_word_warns(catalog: Catalog, word: str) -> None:
    assert "near_word" in codes(open_lint(catalog).check(word))


@needs_tokens
def test_the_tokens_are_told_and_judged(catalog: Catalog) -> None:
    lint = open_lint(catalog)
    assert lint.check("zaruvex").tokens == ("zar", "u", "vex</w>")
    assert "one_token" in codes(lint.check("london"))
    assert "many_tokens" in codes(lint.check("qzxvbn wqpfk jzzt"))
    assert "word_inside" in codes(lint.check("zarhair"))
    assert lint.check("zaruvex").good


def test_without_the_tokenizer_words_are_judged_as_words() -> None:
    lint = TriggerLint(Claims(()), collect_names(), None)
    report = lint.check("zaruvex")
    assert (report.tokens, report.good) == (None, True)
    assert len(suggest_triggers(lint, count=5)) == 5


@pytest.mark.parametrize("word", ["", "a, b", "?!", "x" * 90])
def test_a_word_that_no_caption_can_hold_is_refused(catalog: Catalog, word: str) -> None:
    with pytest.raises(UsageError):
        open_lint(catalog).check(word)


def test_a_word_in_a_lora_file_warns_and_is_not_suggested(catalog: Catalog, tmp_path: Path) -> None:
    first = suggest_triggers(open_lint(catalog), count=1)[0].word
    header = json.dumps({"__metadata__": {"ss_output_name": f"{first}-v2"}}).encode()
    (tmp_path / "one.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (tmp_path / "broken.safetensors").write_bytes(b"?")
    lint = open_lint(catalog, [tmp_path])
    assert codes(lint.check(first)) == {"in_lora_file", "unreadable_lora"}
    assert first not in {report.word for report in suggest_triggers(lint, count=20)}


def test_the_same_seed_gives_the_same_words_and_another_gives_others(catalog: Catalog) -> None:
    def words(seed: int) -> list[str]:
        return [report.word for report in suggest_triggers(open_lint(catalog), count=8, seed=seed)]

    assert words(3) == words(3)
    assert not set(words(3)) & set(words(4))


def test_a_suggestion_that_is_taken_is_not_made_again(catalog: Catalog) -> None:
    first = suggest_triggers(open_lint(catalog), "Zaru", 3)
    add_subject(catalog, "Zaru", first[0].word)
    assert first[0].word not in {report.word for report in suggest_triggers(open_lint(catalog), "Zaru", 10)}


@pytest.mark.parametrize(("like", "head"), [("Mira", "mir"), ("Élodie", "el"), ("Ångström", "an"), ("Zaru", "zar")])
def test_words_like_a_name_begin_like_it(catalog: Catalog, like: str, head: str) -> None:
    found = suggest_triggers(open_lint(catalog), like, 4)
    assert found
    assert all(report.word.startswith(head) for report in found)


@pytest.mark.parametrize("count", [0, -1, MOST_IDEAS + 1])
def test_a_count_that_makes_no_sense_is_refused(catalog: Catalog, count: int) -> None:
    with pytest.raises(UsageError):
        suggest_triggers(open_lint(catalog), count=count)


_WORDS = st.text("abdeiklmnorsuvz", min_size=3, max_size=9)
_NAMES = dict(sorted(collect_names().items())[::12])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(_WORDS, _WORDS), max_size=5, unique_by=lambda pair: pair[1]),
    st.one_of(st.just(""), _WORDS, st.text(max_size=8)),
    st.integers(1, 8),
    st.integers(0, 1000),
)
def test_every_suggestion_passes_its_own_check(taken: list[tuple[str, str]], like: str, count: int, seed: int) -> None:
    claims = Claims(tuple(Claim(name, trigger, fold_trigger(trigger)) for name, trigger in taken))
    lint = TriggerLint(claims, _NAMES, find_clip_tokenizer())
    found = suggest_triggers(lint, like, count, seed)
    assert len(found) <= count
    assert len({report.word for report in found}) == len(found)
    for report in found:
        again = lint.check(report.word)
        assert (again.good, again.free, again.warnings) == (True, True, ())
        assert report.tokens is None or 2 <= len(report.tokens) <= 3
        for name, trigger in taken:
            assert measure_distance(report.word, fold_trigger(name), 2) > 2
            assert measure_distance(report.word, fold_trigger(trigger), 2) > 2
    if not like:
        assert len(found) == count


@given(st.text("abcde", min_size=5, max_size=8), st.integers(0, 7), st.sampled_from("xyz"))
def test_a_word_one_letter_off_is_near(word: str, place: int, letter: str) -> None:
    lint = TriggerLint(Claims(()), {word: ("tag", word)}, None)
    at = place % len(word)
    for other in (word[:at] + letter + word[at:], word[:at] + letter + word[at + 1 :], word[:at] + word[at + 1 :]):
        if len(other) >= 5:
            assert lint.is_near(other)


def test_the_tags_of_the_configured_tagger_are_read_and_one_not_downloaded_has_none(home: Home, tmp_path: Path) -> None:
    folder = home.models / "somebody" / "wd-tagger"
    folder.mkdir(parents=True)
    text = "tag_id,name,category,count\n9999999,general,9,1\n1,red_eyes,0,1\n2,zorvak_(game),4,1\n"
    (folder / "selected_tags.csv").write_text(text)
    wanted = [("general", "rating"), ("red_eyes", "general"), ("zorvak_(game)", "character")]
    assert read_tagger_tags(home, "somebody/wd-tagger") == read_tagger_tags(home, str(folder)) == wanted
    assert read_tagger_tags(home, "") == []
    assert read_tagger_tags(home, "somebody/other") == []
    assert read_tagger_tags(home, "no name at all") == []
    (folder / "selected_tags.csv").write_text("nonsense")
    with pytest.raises(RefusedError):
        read_tagger_tags(home, str(folder))
