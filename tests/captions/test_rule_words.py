"""Caption rules that would put words into captions which no caption of the subject may say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from loratui.captions.rules import default_rules
from loratui.captions.service import change_rules, rules_of
from loratui.captions.sharing import import_rules, parse_rules_text
from loratui.catalog.edits import set_rules
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, edit_subject, get_subject
from loratui.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loratui.catalog.store import Catalog
    from loratui.config import Home


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    """A library with Bea, a person, and Mira, a character."""
    with open_catalog(home) as opened:
        add_subject(opened, "Bea", "ohwxbea", kind="person")
        add_subject(opened, "Mira", "ohwxmira", class_word="woman")
        yield opened


SEXUAL: list[dict[str, Any]] = [
    {"prefix": "naked {trigger},"},
    {"suffix": "having ｓｅｘ"},
    {"renames": {"porcelain": "sex"}},
    {"aliases": {"completely_nude": ["porcelain"]}},
    {"implications": {"nude": ["porcelain"]}},
    {"always_first": ["rating:explicit"]},
]


@pytest.mark.parametrize("rules", SEXUAL, ids=lambda rules: next(iter(rules)))
def test_no_rule_of_a_person_says_sexual_words(catalog: Catalog, rules: dict[str, Any]) -> None:
    (name,) = rules
    given = parse_rules_text(str(rules).replace("'", '"'), "rules.json")
    for take in (
        lambda: change_rules(catalog, "Bea", rules),
        lambda: import_rules(catalog, "Bea", given),
        lambda: import_rules(catalog, "Bea", given, dry_run=True),
    ):
        with pytest.raises(RefusedError, match=f"caption rule {name} of Bea can't say .* Bea is a person"):
            take()
    assert rules_of(catalog, "Bea") == default_rules("person")


@pytest.mark.parametrize("rules", SEXUAL, ids=lambda rules: next(iter(rules)))
def test_no_rule_says_sexual_words_beside_signs_of_youth(catalog: Catalog, rules: dict[str, Any]) -> None:
    change_rules(catalog, "Mira", rules)
    with pytest.raises(RefusedError, match=r"signs of youth \(12 year old\)"):
        change_rules(catalog, "Mira", {"prefix": "nude 12 year old {trigger},"})
    change_rules(catalog, "Mira", {}, unset=list(rules))
    change_rules(catalog, "Mira", {"prefix": "12-year-old {trigger},"})
    if "prefix" not in rules:
        with pytest.raises(RefusedError, match=r"signs of youth \(12-year-old\)"):
            change_rules(catalog, "Mira", rules)


def test_tags_that_are_left_out_or_replaced_may_be_any_words(catalog: Catalog) -> None:
    rules = {"imbued": ["nude", "sex", "loli"], "renames": {"sex": "dance"}, "aliases": {"dance": ["nude"]}}
    assert change_rules(catalog, "Bea", rules).imbued == ("nude", "sex", "loli")


def test_slips_that_stood_there_before_make_no_other_change_fail(catalog: Catalog) -> None:
    set_rules(catalog, "Mira", {"prefix": "{trigger, hat", "implications": {"a": ["b"], "b": ["a"]}})
    given = parse_rules_text('{"suffix": "grain"}', "rules.json")
    assert import_rules(catalog, "Mira", given, dry_run=True).rules.suffix == "grain"
    assert import_rules(catalog, "Mira", given).rules.suffix == "grain"
    for slip in ({"prefix": "trigger}, hat"}, {"implications": {"a": ["b", "c"], "b": ["a"]}}):
        with pytest.raises(UsageError, match=r"brace too few|in a circle"):
            change_rules(catalog, "Mira", slip)
    assert change_rules(catalog, "Mira", {"prefix": "{trigger}", "implications": {"a": ["b"]}}).prefix == "{trigger}"


def test_a_rule_that_stood_there_before_does_not_keep_others_from_being_mended(catalog: Catalog) -> None:
    set_rules(catalog, "Bea", {"prefix": "naked {trigger},", "suffix": "having sex"})
    change_rules(catalog, "Bea", {"imbued": ["hat"]})
    change_rules(catalog, "Bea", {}, unset=["prefix"])
    assert change_rules(catalog, "Bea", {"suffix": ""}).prefix == "photo of {trigger},"


def test_the_class_word_and_the_trigger_are_no_way_around(catalog: Catalog) -> None:
    with pytest.raises(RefusedError, match="trigger and class word of Bea can't say nude, and Bea is a person"):
        edit_subject(catalog, "Bea", class_word="nude girl")
    with pytest.raises(RefusedError, match="can't say sex"):
        edit_subject(catalog, "Bea", trigger="sex_bea")
    with pytest.raises(RefusedError, match="can't say nude"):
        add_subject(catalog, "Cleo", "ohwxcleo", kind="person", class_word="nude girl")
    edit_subject(catalog, "Mira", class_word="nude woman")
    with pytest.raises(RefusedError, match="Mira is a person"):
        edit_subject(catalog, "Mira", kind="person")
    with pytest.raises(RefusedError, match=r"signs of youth \(loli\)"):
        edit_subject(catalog, "Mira", class_word="nude loli")
    edit_subject(catalog, "Mira", class_word="woman")
    change_rules(catalog, "Mira", {"prefix": "naked {class_word} {trigger},"})
    with pytest.raises(RefusedError, match="as its rules have it, of Mira can't say naked, with signs of youth"):
        edit_subject(catalog, "Mira", class_word="child")
    assert get_subject(catalog, "Mira").class_word == "woman"
