"""Captions computed from edits, scores and rules."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.captions.rule_values import check_circles, check_placeholders, check_rule
from loratui.captions.rules import (
    Captioner,
    CaptionRules,
    default_rules,
    fill_in,
    list_tags_above_thresholds,
    parse_rules,
    split_edits,
)
from loratui.captions.tags import fold_tag
from loratui.captions.tokens import count_clip_tokens, split_tokens
from loratui.catalog.rows import Subject, TagEdit, TagScore
from loratui.errors import UsageError

THEN = datetime(2026, 1, 1, tzinfo=UTC)
MIRA = Subject(1, "mira", "Mira", "mira", "character", "woman", 5, 2, "", None, THEN)


def added(*tags: str) -> list[TagEdit]:
    return [TagEdit(1, tag, True, position) for position, tag in enumerate(tags)]


def removed(*tags: str) -> list[TagEdit]:
    return [TagEdit(1, tag, False, 0) for tag in tags]


def scores(**by_tag: float) -> list[TagScore]:
    return [TagScore(1, "wd", tag, "general", score) for tag, score in by_tag.items()]


def caption(
    edits: list[TagEdit], scored: list[TagScore], rules: CaptionRules | None = None, text: str | None = None
) -> str:
    chosen = rules or CaptionRules()
    return Captioner(MIRA, chosen).caption(text or "", *split_edits(edits), list_tags_above_thresholds(scored, chosen))


def test_a_caption_is_prefix_then_own_tags_then_scores_by_score() -> None:
    assert caption(added("red dress", "beach"), scores(smile=0.5, long_hair=0.9, hat=0.34)) == (
        "photo of Mira, red dress, beach, long hair, smile"
    )


def test_without_tags_the_caption_is_the_prefix_without_its_comma() -> None:
    assert caption([], []) == "photo of Mira"


def test_a_style_is_named_by_its_trigger_alone() -> None:
    assert caption(added("tree"), [], default_rules("style")) == "Mira, tree"


def test_the_class_word_goes_into_the_prefix_and_a_missing_one_leaves_no_gap() -> None:
    rules = CaptionRules(prefix="photo of {trigger} {class_word}, ")
    assert caption(added("hat"), [], rules) == "photo of Mira woman, hat"
    plain = replace(MIRA, class_word="")
    assert Captioner(plain, rules).caption("", ["hat"], [], []) == "photo of Mira, hat"


def test_a_prefix_without_a_comma_and_a_suffix_get_theirs() -> None:
    rules = CaptionRules(prefix="photo of {trigger}", suffix="film grain, {class_word}")
    assert caption(added("hat"), [], rules) == "photo of Mira, hat, film grain, woman"


def test_a_whole_caption_of_a_person_wins_over_every_rule() -> None:
    rules = CaptionRules(imbued=("hat",), suffix="grain")
    assert caption(added("hat"), scores(smile=0.9), rules, "A hat,\n on a table.") == "A hat, on a table."


def test_a_blank_whole_caption_counts_as_none() -> None:
    assert caption(added("hat"), [], None, " \n ") == "photo of Mira, hat"


def test_a_removed_tag_is_gone_however_it_is_spelled_and_whoever_said_it() -> None:
    assert caption(removed("Long_Hair"), scores(long_hair=0.9, smile=0.5)) == "photo of Mira, smile"


def test_imbued_tags_are_left_out_of_scores_and_sidecar_tags() -> None:
    rules = CaptionRules(imbued=("* eyes", "Long_Hair"))
    assert caption(added("blue eyes", "hat"), scores(long_hair=0.9, closed_mouth=0.8), rules) == (
        "photo of Mira, hat, closed mouth"
    )


def test_renames_apply_before_tags_are_compared() -> None:
    rules = CaptionRules(renames={"1girl": "woman", "smiling": "smile"})
    assert caption(added("smiling"), scores(**{"1girl": 0.99, "smile": 0.8}), rules) == "photo of Mira, smile, woman"


def test_tags_that_come_first_keep_the_order_of_the_rule() -> None:
    rules = CaptionRules(always_first=("close-up", "from_side", "absent"))
    assert caption(added("hat"), scores(from_side=0.5, **{"close-up": 0.4}), rules) == (
        "photo of Mira, close-up, from side, hat"
    )


def test_character_tags_are_said_on_demand_from_their_own_threshold_and_ratings_never() -> None:
    scored = [
        TagScore(1, "wd", "some_character", "character", 0.8),
        TagScore(1, "wd", "other_character", "character", 0.9),
        TagScore(1, "wd", "sensitive", "rating", 0.99),
    ]
    assert caption([], scored) == "photo of Mira"
    assert caption([], scored, CaptionRules(categories=("general", "character"))) == "photo of Mira, other character"


def test_the_prefix_is_never_doubled_by_tags_that_repeat_it() -> None:
    assert caption(added("photo of mira", "MIRA", "hat"), scores(mira=0.9)) == "photo of Mira, hat"


def test_own_tags_stay_as_written_and_faces_keep_their_underscores() -> None:
    assert caption(added("blue_sky"), [TagScore(1, "wd", "^_^", "general", 0.9)]) == "photo of Mira, blue_sky, ^_^"


def test_rules_survive_the_way_through_plain_values() -> None:
    rules = CaptionRules(
        prefix="{trigger}",
        suffix="end",
        imbued=("* eyes",),
        renames={"a": "b"},
        aliases={"grey eyes": ("gray eyes",)},
        implications={"hat": ("boater",)},
        drop_overlaps="all",
        always_first=("hat",),
        order="alphabetical",
        max_tokens=0,
        categories=("general", "artist"),
        meta_tags=True,
        general_threshold=0.2,
        character_threshold=0.9,
        underscores_to_spaces=False,
        keep_tokens=3,
    )
    assert json.loads(json.dumps(rules.to_dict())) == rules.to_dict()
    assert parse_rules(rules.to_dict(), "style") == rules


@pytest.mark.parametrize(
    "wrong",
    [
        {"prefx": "x"},
        {"prefix": 3},
        {"prefix": "{name}"},
        {"imbued": "blue eyes"},
        {"renames": {"a": 1}},
        {"general_threshold": 35},
        {"general_threshold": True},
        {"keep_tokens": -1},
        {"underscores_to_spaces": "yes"},
        {"order": "random"},
        {"drop_overlaps": True},
        {"max_tokens": None},
        {"categories": ["rating"]},
        {"aliases": {"hat": "cap"}},
        {"renames": {"hat": "cap", "cap": "beret", "beret": "hat"}},
        {"renames": {"hat": "cap"}, "aliases": {"hat": ["cap"]}},
    ],
)
def test_a_wrong_rule_is_a_usage_error_with_a_hint(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rules(wrong, "character")
    assert caught.value.hint


tags = st.text(st.characters(exclude_categories=["C"], exclude_characters=","), min_size=1, max_size=12).filter(
    lambda tag: bool(fold_tag(tag))
)


@given(st.lists(tags, max_size=8), st.dictionaries(tags, st.floats(0, 1), max_size=8), st.lists(tags, max_size=3))
def test_a_caption_is_one_line_that_says_no_tag_twice_and_no_imbued_one(
    written: list[str], scored: dict[str, float], imbued: list[str]
) -> None:
    rules = CaptionRules(imbued=tuple(imbued))
    text = caption(added(*written), scores(**scored), rules)
    assert len(text.splitlines()) == 1 and text.startswith("photo of Mira")
    again = [TagEdit(1, part.strip(), True, at) for at, part in enumerate(text.split(",")) if part.strip()]
    assert [fold_tag(part) for part in caption(again, [], rules).split(",")] == [
        fold_tag(part) for part in text.split(",") if fold_tag(part)
    ]


def test_a_taggers_tag_goes_where_a_more_specific_one_says_it() -> None:
    scored = scores(long_hair=0.9, very_long_hair=0.8, hat=0.7, straw_hat=0.6)
    assert caption([], scored) == "photo of Mira, very long hair, straw hat"
    assert caption(added("straw hat"), scores(hat=0.9)) == "photo of Mira, straw hat"
    keep = CaptionRules(drop_overlaps="no")
    assert caption([], scored, keep) == "photo of Mira, long hair, very long hair, hat, straw hat"


def test_a_persons_tag_stays_beside_a_more_specific_one_unless_they_say_so() -> None:
    said = added("hat", "straw hat")
    assert caption(said, scores(hat=0.9)) == "photo of Mira, hat, straw hat"
    assert caption(said, [], CaptionRules(drop_overlaps="all")) == "photo of Mira, straw hat"


def test_what_is_imbued_does_not_come_back_by_its_general_name() -> None:
    rules = CaptionRules(imbued=("very long hair",))
    assert caption([], scores(long_hair=0.9, very_long_hair=0.8), rules) == "photo of Mira"
    assert caption(removed("very long hair"), scores(long_hair=0.9, very_long_hair=0.8), rules) == (
        "photo of Mira, long hair"
    )


def test_an_alias_is_the_tag_in_every_rule() -> None:
    rules = CaptionRules(aliases={"grey eyes": ("gray eyes",)}, always_first=("gray eyes",))
    scored = scores(smile=0.9, gray_eyes=0.5)
    assert caption([], scored, rules) == "photo of Mira, grey eyes, smile"
    assert caption(removed("gray eyes"), scores(grey_eyes=0.5, smile=0.9), rules) == "photo of Mira, smile"
    assert caption([], scored, replace(rules, imbued=("Gray_Eyes",))) == "photo of Mira, smile"


@pytest.mark.parametrize(
    "text",
    ["{trigger, a photo", "trigger}, a photo", "{{trigger}, hat", "{ trigger}", "a {class_word photo of {trigger}"],
)
def test_a_placeholder_without_one_of_its_braces_is_no_prefix_and_no_suffix(text: str) -> None:
    for rule in ("prefix", "suffix"):
        with pytest.raises(UsageError, match="brace too few"):
            check_placeholders(rule, text)
    # What a library has already still makes captions.
    assert parse_rules({"prefix": text}, "character").prefix == text


def test_a_placeholder_that_nothing_fills_is_named() -> None:
    for text in ("{foo} {trigger}", "{foo} {trigger"):
        with pytest.raises(UsageError, match=r"prefix can't have \{foo\}: nothing is filled in"):
            check_rule("prefix", text)


@pytest.mark.parametrize("text", ["photo of {trigger} {}", "photo of {trigger} { }"])
def test_braces_with_nothing_in_them_are_no_prefix_and_no_suffix(text: str) -> None:
    for rule in ("prefix", "suffix"):
        with pytest.raises(UsageError, match=r"can't have \{ ?\}: nothing is filled in"):
            check_placeholders(rule, text)
    # What a library has already still makes captions.
    assert parse_rules({"prefix": "{trigger} { }"}, "character").prefix == "{trigger} { }"


def test_whole_placeholders_and_faces_are_fine() -> None:
    check_placeholders("prefix", "photo of {trigger} {class_word}, :}, {:")


@pytest.mark.parametrize(
    "circle", [{"b": ["a"], "a": ["b"]}, {"A_b": ["c"], "c": ["d"], "d": ["a b"]}, {"hat": ["Hat"]}]
)
def test_implications_that_lead_in_a_circle_are_refused(circle: dict[str, list[str]]) -> None:
    with pytest.raises(UsageError, match="Implications lead in a circle"):
        check_circles(circle)
    check_circles({"hat": ["boater", "cap"], "headwear": ["hat", "boater"]})
    assert parse_rules({"implications": circle}, "character")


def test_entries_of_lists_are_split_at_commas() -> None:
    rules = parse_rules({"imbued": ["red hair, freckles", "hat,"], "always_first": ["smile,standing"]}, "character")
    assert (rules.imbued, rules.always_first) == (("red hair", "freckles", "hat"), ("smile", "standing"))


def test_renames_are_followed_to_the_end() -> None:
    rules = CaptionRules(renames={"1girl": "girl", "girl": "woman"})
    assert caption(added("1girl"), [], rules) == caption(added("woman"), [], rules) == "photo of Mira, woman"


def test_own_implications_drop_what_they_imply() -> None:
    rules = CaptionRules(implications={"hat": ("boater",)})
    assert caption([], scores(hat=0.9, boater=0.5), rules) == "photo of Mira, boater"


def test_words_about_the_file_are_said_only_on_demand_or_by_a_person() -> None:
    scored = scores(highres=0.9, smile=0.8)
    assert caption([], scored) == "photo of Mira, smile"
    assert caption([], scored, CaptionRules(meta_tags=True)) == "photo of Mira, highres, smile"
    assert caption(added("masterpiece"), []) == "photo of Mira, masterpiece"


def test_tags_can_stand_in_alphabetic_order_behind_those_that_come_first() -> None:
    rules = CaptionRules(order="alphabetical", always_first=("close-up",))
    assert caption(added("tree", "close-up"), scores(bench=0.4, smile=0.9), rules) == (
        "photo of Mira, close-up, bench, smile, tree"
    )


def test_a_caption_is_cut_at_the_least_sure_tags_of_a_tagger() -> None:
    pytest.importorskip("instant_clip_tokenizer")
    rules = CaptionRules(max_tokens=12, suffix="grain", order="alphabetical")
    text = caption(added("beach"), scores(smile=0.9, hat=0.8, dog=0.5, zebra=0.7), rules)
    assert text == "photo of Mira, beach, hat, smile, grain"
    assert count_clip_tokens([text, f"{text}, zebra"]) == [11, 13]


def test_no_limit_cuts_the_prefix_or_what_a_person_said() -> None:
    long = [f"tag number {number}" for number in range(40)]
    text = caption(added(*long), scores(smile=0.9), CaptionRules(max_tokens=10))
    assert text == f"photo of Mira, {', '.join(long)}" + ("" if count_clip_tokens([""]) else ", smile")


def test_without_a_tokenizer_no_caption_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loratui.captions.rules.open_tag_counter", lambda: None)
    assert caption([], scores(smile=0.9, hat=0.8), CaptionRules(max_tokens=1)) == "photo of Mira, smile, hat"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=6))
def test_words_have_as_many_tokens_alone_as_in_a_caption(parts: list[str]) -> None:
    pytest.importorskip("instant_clip_tokenizer")
    text = ", ".join(parts)
    assert count_clip_tokens([text]) == [len(split_tokens(text))]


KNOWN = ["hat", "straw hat", "Straw_Hat", "big straw hat", "long hair", "very long hair", "smile", "grin", ":d"]
KNOWN += ["grey eyes", "gray eyes", "old", "new", "^_^", "mira", "no hat", "highres"]
A_TAG = st.sampled_from(KNOWN)
ANY_RULES = st.builds(
    CaptionRules,
    imbued=st.lists(st.one_of(A_TAG, st.sampled_from(["* hat", "*hair"])), max_size=2).map(tuple),
    renames=st.dictionaries(st.sampled_from(["old", "Straw Hat"]), st.sampled_from(["new", "smile"]), max_size=2),
    aliases=st.sampled_from([{}, {"grey eyes": ("gray eyes",)}]),
    implications=st.sampled_from([{}, {"new": ("grin",)}, {"grin": ("smile",)}]),
    drop_overlaps=st.sampled_from(["scored", "all", "no"]),
    always_first=st.lists(A_TAG, max_size=2).map(tuple),
    order=st.sampled_from(["score", "alphabetical"]),
    max_tokens=st.sampled_from([0, 8, 20, 75]),
    prefix=st.sampled_from(["photo of {trigger},", "{trigger}, smile,", ""]),
)
SCORES = st.dictionaries(A_TAG.filter(lambda tag: " " not in tag), st.floats(0, 1), max_size=8)


@given(st.lists(A_TAG, max_size=6), st.lists(A_TAG, max_size=2), SCORES, ANY_RULES)
def test_rules_change_nothing_in_what_they_wrote(
    said: list[str], gone: list[str], scored: dict[str, float], rules: CaptionRules
) -> None:
    text = caption([*added(*said), *removed(*gone)], scores(**scored), rules)
    tags = [part.strip() for part in text.removeprefix(fill_in(rules.prefix, MIRA)).split(",")]
    assert caption(added(*(tag for tag in tags if tag)), [], rules) == text


@given(st.lists(A_TAG, max_size=6), SCORES, ANY_RULES)
def test_no_rule_loses_what_a_person_said_but_one_that_says_so(
    said: list[str], scored: dict[str, float], rules: CaptionRules
) -> None:
    rules = replace(rules, drop_overlaps="no" if rules.drop_overlaps == "all" else rules.drop_overlaps)
    chooser = Captioner(MIRA, rules)
    parts = {fold_tag(part) for part in caption(added(*said), scores(**scored), rules).split(",")}
    for tag in said:
        if not chooser.imbued_by(chooser.name(tag)) and not chooser.is_named(chooser.name(tag)):
            assert fold_tag(chooser.name(tag)) in parts
    assert caption(added(*said), scores(**scored), rules, "My own words.") == "My own words."


@given(
    st.lists(st.one_of(A_TAG, st.sampled_from(["!?", "...", ">:(", "d:", "don't", "4k"])), max_size=3),
    SCORES,
    ANY_RULES,
    st.sampled_from(["", "grain", ", grain", "..."]),
    st.sampled_from(["photo of {trigger}", "{trigger}!", "a,", ""]),
    st.integers(1, 30),
)
def test_a_tagger_never_makes_a_caption_too_long(
    said: list[str], scored: dict[str, float], rules: CaptionRules, suffix: str, prefix: str, limit: int
) -> None:
    pytest.importorskip("instant_clip_tokenizer")
    rules = replace(rules, suffix=suffix, prefix=prefix, max_tokens=limit, always_first=())
    text = caption(added(*said), scores(**scored), rules)
    (alone, full) = (caption(added(*said), own, replace(rules, max_tokens=0)) for own in ([], scores(**scored)))
    tokens, least, most = count_clip_tokens([text, alone, full]) or (0, 0, 0)
    assert tokens <= max(limit, least)
    assert text == full or most > limit


@given(st.lists(A_TAG, max_size=6), SCORES, ANY_RULES, A_TAG)
def test_leaving_a_tag_out_moves_no_other(
    said: list[str], scored: dict[str, float], rules: CaptionRules, tag: str
) -> None:
    rules = replace(rules, max_tokens=0)
    before = Captioner(MIRA, rules)
    after = Captioner(MIRA, replace(rules, imbued=(*rules.imbued, tag)))
    passing = [name for name, score in scored.items() if score >= 0.35]
    kept = {key: text for key, text in before.choose(said, (), passing).items() if not after.imbued_by(text)}
    assert list(after.choose(said, (), passing).items()) == list(kept.items())
