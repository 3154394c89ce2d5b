"""The query language: what it reads, and how it says where it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.catalog.grammar import (
    CHOICES,
    NUMBERS,
    And,
    Everything,
    Match,
    Not,
    Or,
    Query,
    Range,
    parse_query,
    print_query,
)
from loratui.catalog.query import select_memberships
from loratui.errors import UsageError

if TYPE_CHECKING:
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

ROLE, SMILE, HAT = Match("role", "primary"), Match("tag", "smile"), Match("tag", "hat")


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", Everything()),
        ("  ", Everything()),
        ("all", Everything()),
        ('"all"', Match("name", "all")),
        ("portrait", Match("name", "portrait")),
        ("role:primary tag:smile -tag:hat", And((ROLE, SMILE, Not(HAT)))),
        ("role:primary AND NOT tag:hat", And((ROLE, Not(HAT)))),
        ("role:primary tag:smile OR tag:hat", Or((And((ROLE, SMILE)), HAT))),
        ("role:primary (tag:smile OR tag:hat)", And((ROLE, Or((SMILE, HAT))))),
        ("-(tag:smile tag:hat)", Not(And((SMILE, HAT)))),
        ("NOT NOT tag:hat", Not(Not(HAT))),
        ("TAG:hat", HAT),
        ('"or"', Match("name", "or")),
        ('"AND" "NOT"', And((Match("name", "AND"), Match("name", "NOT")))),
        ('tag:hat AND (role:primary AND -"NOT")', And((HAT, And((ROLE, Not(Match("name", "NOT"))))))),
        ("name:NOT tag:AND", And((Match("name", "NOT"), Match("tag", "AND")))),
        ("a or b not c", parse_query("a OR b NOT c")),
        ("ORANGE", Match("name", "ORANGE")),
        ("a-b", Match("name", "a-b")),
        ("size:512", Range("size", 512, 512)),
        ("size:=512", Range("size", 512, 512)),
        ("size:<512", Range("size", None, 511)),
        ("size:<=512", Range("size", None, 512)),
        ("size:>512", Range("size", 513, None)),
        ("size:>=512", Range("size", 512, None)),
        ("size:512..1024", Range("size", 512, 1024)),
        ("size:512..", Range("size", 512, None)),
        ("size:..512", Range("size", None, 512)),
        ("name:*.png", Match("name", "*.png")),
        ("name:=a.png", Match("name", "a.png", exact=True)),
        ('"two words"', Match("name", "two words")),
        ('name:"two words*"', Match("name", "two words*")),
        (r'name:"say \"hi\""', Match("name", 'say "hi"')),
        (r"name:100\*", Match("name", r"100\*")),
        (r"tag:\m/", Match("tag", r"\\m/")),
        ("tag:star_(symbol)", Match("tag", "star_(symbol)")),
        ("(tag:star_(symbol))", Match("tag", "star_(symbol)")),
        ("tag::d", Match("tag", ":d")),
        ("tag:>:(", Match("tag", ">:(")),
        ("sha:0aF3", Match("sha", "0aF3")),
        ("caption:yes", Match("caption", "yes")),
        ("dup:no", Match("dup", "no")),
    ],
)
def test_a_query_is_read_as_written(text: str, query: Query) -> None:
    assert parse_query(text) == query


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("role:primary rol:x", 14, "no key 'rol'"),
        ("role:primry", 6, "'primry' is no role"),
        ("size:big", 6, "needs a number"),
        ("size:", 6, "needs a number"),
        ("size:..", 6, "needs a number"),
        ("size:9..3", 6, "is empty"),
        ("tag:", 5, "needs a value"),
        ("(tag:hat", 1, "never closed"),
        ("tag:hat)", 8, "never opened"),
        ('name:"x', 6, "never closed"),
        ('"a"b', 4, "a space is missing"),
        ("tag:hat OR", 11, "a term is missing"),
        ("OR tag:hat", 1, "a term is missing before 'OR'"),
        ("tag:hat AND", 12, "a term is missing"),
        ("tag:hat AND OR tag:x", 13, "a term is missing before 'OR'"),
        ("()", 2, "a term is missing"),
        ("NOT", 4, "a term is missing"),
        ("sha:xyz", 5, "no sha256"),
        ("dup:maybe", 5, "is no dup"),
        ('x ""', 3, "nothing between the quotes"),
        ("tag:hat\x1b[2J)", 12, "never opened"),
    ],
)
def test_a_wrong_query_is_told_with_its_place_and_a_hint(text: str, place: int, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_query(text)
    message, shown, pointer = caught.value.message.split("\n")
    assert f"at character {place}:" in message and what in message
    assert shown == text.replace("\x1b", " ") and pointer.index("^") == place - 1
    assert caught.value.hint


def test_the_nearest_key_and_role_are_proposed() -> None:
    with pytest.raises(UsageError) as caught:
        parse_query("rol:primary")
    assert "'role'" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        parse_query("role:primry")
    assert "'primary'" in caught.value.hint


_CHARS = st.characters(blacklist_categories=["Cs"]) | st.sampled_from(list("*?\\\"'():=<>-% _"))


@st.composite
def _patterns(draw: st.DrawFn) -> str:
    """Wildcards as they are, everything else that means something with a backslash."""
    pieces = st.sampled_from(["*", "?", r"\*", r"\?", r"\\"]) | _CHARS.filter(lambda char: char not in "*?\\")
    return "".join(draw(st.lists(pieces, min_size=1, max_size=6)))


_bounds = st.integers(-(10**12), 10**12)
_leaves: st.SearchStrategy[Query] = st.one_of(
    st.just(Everything()),
    st.builds(Match, st.sampled_from(["name", "tag", "caption", "format"]), _patterns()),
    st.builds(Match, st.just("name"), _patterns(), st.just(True)),
    st.sampled_from([Match(key, value) for key, values in CHOICES.items() for value in values]),
    st.builds(Match, st.just("sha"), st.text("0123456789abcdef", min_size=1, max_size=8)),
    st.builds(lambda key, low, more: Range(key, low, low + more), st.sampled_from(NUMBERS), _bounds, st.integers(0, 9)),
    st.builds(Range, st.sampled_from(NUMBERS), _bounds, st.none()),
    st.builds(Range, st.sampled_from(NUMBERS), st.none(), _bounds),
)


def _several(parts: st.SearchStrategy[Query], kind: type[And] | type[Or]) -> st.SearchStrategy[Query]:
    return st.lists(parts, min_size=2, max_size=3).map(lambda found: kind(tuple(found)))


queries = st.recursive(
    _leaves, lambda parts: st.one_of(parts.map(Not), _several(parts, And), _several(parts, Or)), max_leaves=8
)


@given(queries)
def test_a_printed_query_is_read_as_the_same_query(query: Query) -> None:
    assert parse_query(print_query(query)) == query


@given(st.text(_CHARS, max_size=30))
def test_any_text_is_either_a_query_or_a_usage_error(text: str) -> None:
    try:
        query = parse_query(text)
    except UsageError as error:
        assert error.hint
    else:
        assert parse_query(print_query(query)) == query


@pytest.mark.parametrize("text", ["(" * 3000, "NOT " * 3000 + "a", "-(" * 13 + ")" * 13, "a OR (b " * 13 + ")" * 13])
def test_a_query_that_is_nested_too_deeply_is_refused_with_the_place(text: str) -> None:
    with pytest.raises(UsageError, match=r"character .* this is nested more than 12 times"):
        parse_query(text)


@pytest.mark.parametrize("text", ["a " * 3000, "tag:a OR " * 900 + "b", "(a b) OR " * 300 + "sha:1", "sha:1 " * 201])
def test_a_query_of_more_terms_than_can_be_looked_for_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"more than the 200 that can be looked for at once"):
        parse_query(text)


@pytest.mark.parametrize(
    "text",
    [
        " OR ".join(f"sha:{number:04x}" for number in range(5000)),
        " OR ".join(["tag:a"] * 200),
        "(-" * 6 + "tag:a" + ")" * 6,
        "tag:a OR (-rated:sensitive " * 6 + "OR tag:b" + ")" * 6,
        "a OR (b " * 12 + "tag:c" + ")" * 12,
    ],
)
def test_the_largest_queries_that_are_read_can_be_looked_for(catalog: Catalog, mira: Subject, text: str) -> None:
    assert select_memberships(catalog, mira, text) == []
