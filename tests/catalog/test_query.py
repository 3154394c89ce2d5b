"""Selecting pictures: the SQL of a query finds what the query means."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loratui.catalog import edits, roles
from loratui.catalog.grammar import And, Everything, Match, Not, Or, Query, Range
from loratui.catalog.query import ORDERS, count_memberships, get_memberships, select_ids, select_memberships
from loratui.catalog.subjects import add_subject
from loratui.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog

Fill = Callable[..., list[int]]

SCORES = {"smile": 0.9, "red_hat": 0.35, "long hair": 0.6, "scarf": 0.34, ":d": 0.8}


@pytest.fixture
def zoo(catalog: Catalog, mira: Subject, fill: Fill) -> Subject:
    """Nine pictures that differ in everything a query can ask for."""
    ids = fill(
        mira,
        {"name": "Portrait_1.PNG", "role": "primary", "width": 512, "height": 768, "rating": 5},
        {"name": "portrait_2.png", "role": "primary", "width": 2000, "height": 300, "repeats": 7},
        {"name": "100%.jpg", "role": "supporting", "format": "jpeg", "caption": "a cat, sitting"},
        {"name": "100 percent.jpg", "role": "supporting", "format": "jpeg", "caption": ""},
        {"name": "under_score.webp", "role": "holdout", "format": "webp", "rating": 3},
        {"name": "underXscore.webp", "role": "rejected", "format": "webp", "caption": "100% wool"},
        {"name": "a*b?c.png", "state": "missing", "rating": 1},
        {"name": 'say "hi".png', "state": "broken", "repeats": 2},
        {"name": "back\\slash.png", "sha256": "abc" + "0" * 61},
    )
    pictures = {row.id: row.picture_id for row in select_memberships(catalog, mira)}
    for id_ in ids[:4]:
        edits.store_tag_scores(catalog, pictures[id_], "wd", [(tag, "general", score) for tag, score in SCORES.items()])
    edits.add_tags(catalog, mira, [ids[0], ids[5]], ["Blue Scarf", "scarf"])
    edits.remove_tags(catalog, mira, [ids[1]], ["smile", "long_hair"])
    add_subject(catalog, "Other", "otherwise")
    return mira


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("", "123456789"),
        ("all", "123456789"),
        ("role:primary", "12"),
        ("-role:primary -role:inbox", "3456"),
        ("size:<512", "2"),
        ("size:512..", "13456789"),
        ("width:>=1000 height:..300", "2"),
        ("rating:>3", "1"),
        ("rating:1..3", "57"),
        ("repeats:7", "2"),
        ("repeats:5", "1"),
        ("repeats:2", "348"),
        ("repeats:1", "5679"),
        ("portrait", "12"),
        ("name:*.png", "12789"),
        ("name:*.PNG role:inbox", "789"),
        ("100%", "3"),
        ("under_score", "5"),
        ("name:under?score.webp", "56"),
        ("name:=portrait_1.png", "1"),
        ("name:=portrait", ""),
        (r"a\*b", "7"),
        (r"name:*\?c.png", "7"),
        ('"say \\"hi\\""', "8"),
        (r"back\\slash", "9"),
        (r"back\slash", "9"),
        ("tag:smile", "134"),
        ("-tag:smile", "256789"),
        ("tag:red_hat", "1234"),
        ('tag:"red hat"', "1234"),
        ("tag:RED_HAT", "1234"),
        ("tag:long_hair", "134"),
        ("tag:scarf", "16"),
        ("tag:*scarf", "16"),
        ("tag:blue_scarf", "16"),
        ("tag:*hair", "134"),
        ("tag:smil", ""),
        ("tag::d", "1234"),
        ("caption:yes", "36"),
        ("caption:no", "1245789"),
        ("caption:cat", "3"),
        ('caption:"*wool"', "6"),
        ("caption:100%", "6"),
        ("format:jpg", "34"),
        ("format:JPEG", "34"),
        ("format:web*", "56"),
        ("state:missing OR state:broken", "78"),
        ("kind:character", "123456789"),
        ("kind:person", ""),
        ("sha:ABC", "9"),
        ("dup:yes", "13"),
        ("dup:no role:primary", "2"),
        ("role:primary (rating:5 OR repeats:7) -name:*1*", "2"),
    ],
)
def test_a_query_finds_what_it_means(catalog: Catalog, zoo: Subject, query: str, numbers: str) -> None:
    first = select_memberships(catalog, zoo)[0].id
    duplicates = {first, first + 2}
    found = select_memberships(catalog, "mira", query, duplicates=lambda: duplicates)
    assert "".join(str(row.id - first + 1) for row in found) == numbers
    assert count_memberships(catalog, zoo, query, duplicates=lambda: duplicates) == len(numbers)
    assert list(select_ids(catalog, zoo, query, duplicates=lambda: duplicates)) == [row.id for row in found]


def test_a_tag_counts_from_the_threshold_of_the_subjects_own_rules_on(catalog: Catalog, zoo: Subject) -> None:
    first = select_memberships(catalog, zoo)[0]
    scored = [("sunny cat", "general", 0.2), ("hoshi miku", "character", 0.6)]
    edits.store_tag_scores(catalog, first.picture_id, "wd", scored)
    assert count_memberships(catalog, zoo, "tag:sunny_cat OR tag:hoshi_miku") == 0
    edits.set_rules(catalog, zoo, {"general_threshold": 0.1, "character_threshold": 0.5})
    assert [row.id for row in select_memberships(catalog, zoo, "tag:sunny_cat tag:hoshi_miku")] == [first.id]
    assert list(select_ids(catalog, zoo, 'tag:"sunny cat"')) == [first.id]
    edits.set_rules(catalog, zoo, {"general_threshold": 0.95})
    assert count_memberships(catalog, zoo, "tag:sunny_cat") == 0


def test_pages_follow_each_other_without_gap_or_overlap(catalog: Catalog, zoo: Subject) -> None:
    pages: list[Membership] = []
    while page := select_memberships(catalog, zoo, "-role:holdout", 3, after=pages[-1].id if pages else 0):
        assert len(page) <= 3
        pages += page
    assert pages == select_memberships(catalog, zoo, "-role:holdout")


def test_memberships_are_found_by_id_in_any_number(catalog: Catalog, zoo: Subject) -> None:
    everything = select_memberships(catalog, zoo)
    assert get_memberships(catalog, [row.id for row in everything] + list(range(10**6, 10**6 + 40_000))) == everything


def test_ids_come_in_every_order_and_equal_ones_as_they_were_added(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    ids = fill(
        mira,
        {"name": "b.png", "width": 9, "height": 7, "rating": 3, "role": "rejected", "sharpness": 2.0},
        {"name": "C.png", "width": 5, "height": 9, "rating": 5, "role": "inbox", "sharpness": 9.0},
        {"name": "a.png", "width": 7, "height": 8, "rating": 3, "role": "primary", "sharpness": 1.0},
        {"name": "B.png", "width": 6, "height": 6, "rating": 0, "role": "primary", "sharpness": 2.0},
    )
    expected = {"added": "1234", "name": "3142", "size": "2413", "rating": "4132", "role": "2341", "sharpness": "3142"}
    backward = {"added": "4321", "name": "2143", "size": "1342", "rating": "2134", "role": "1342", "sharpness": "2143"}
    for order in ORDERS:
        for descending, wanted in ((False, expected), (True, backward)):
            found = select_ids(catalog, mira, order=order, descending=descending)
            assert "".join(str(ids.index(id_) + 1) for id_ in found) == wanted[order], order


def test_an_order_that_does_not_exist_is_told_with_those_that_do(catalog: Catalog, mira: Subject) -> None:
    with pytest.raises(UsageError) as caught:
        select_ids(catalog, mira, order="beauty")  # type: ignore[arg-type]
    assert "sharpness" in caught.value.hint


def test_repeats_are_what_training_uses(catalog: Catalog, zoo: Subject) -> None:
    rows = select_memberships(catalog, zoo)
    assert [row.repeats for row in rows[:5]] == [5, 7, 2, 2, 1]
    assert [row.own_repeats for row in rows[:2]] == [None, 7]


def test_a_query_about_duplicates_needs_somebody_who_knows_them(catalog: Catalog, zoo: Subject) -> None:
    with pytest.raises(UsageError, match="dup"):
        select_memberships(catalog, zoo, "dup:yes")


def test_an_unknown_subject_is_not_found_and_the_nearest_is_named(catalog: Catalog, zoo: Subject) -> None:
    with pytest.raises(NotFoundError) as caught:
        select_memberships(catalog, "mirra")
    assert "'Mira'" in caught.value.hint


def test_ids_of_another_subject_are_no_selection(catalog: Catalog, zoo: Subject, fill: Fill) -> None:
    (foreign,) = fill(add_subject(catalog, "Nora", "noravel")[0], {})
    with pytest.raises(UsageError, match="not in the subject"):
        roles.set_role(catalog, zoo, "primary", [foreign])


_names = st.text(st.sampled_from("aAbB_%.*?\\ é"), min_size=1, max_size=5)
_tags = st.sampled_from(["smile", "Smile", "red hat", "red_hat", "hat"])
_rows = st.fixed_dictionaries(
    {
        "name": _names,
        "role": st.sampled_from(["inbox", "primary", "supporting"]),
        "width": st.integers(1, 4),
        "height": st.integers(1, 4),
        "rating": st.integers(0, 5),
        "repeats": st.none() | st.integers(1, 6),
        "caption": st.none() | _names | st.just(""),
        "state": st.sampled_from(["ok", "missing"]),
        "format": st.sampled_from(["png", "jpeg"]),
    }
)
_scores = st.dictionaries(_tags.map(str.lower), st.sampled_from([0.34, 0.35, 0.9]), min_size=1, max_size=3)
_edits = st.dictionaries(_tags, st.booleans(), max_size=3)


@st.composite
def _patterns(draw: st.DrawFn) -> str:
    plain = st.sampled_from(list("aAbB_%. é"))
    return "".join(draw(st.lists(plain | st.sampled_from(["*", "?", r"\*", r"\\"]), min_size=1, max_size=4)))


_number_keys = st.sampled_from(["size", "width", "height", "rating", "repeats"])
_leaves: st.SearchStrategy[Query] = st.one_of(
    st.builds(Match, st.sampled_from(["name", "caption"]), _patterns()),
    st.builds(Match, st.just("name"), _patterns(), st.just(True)),
    st.builds(Match, st.just("tag"), _tags | st.sampled_from(["*hat", "s?ile", "*"])),
    st.builds(Match, st.just("role"), st.sampled_from(["primary", "supporting"])),
    st.builds(Match, st.just("caption"), st.sampled_from(["yes", "no"])),
    st.builds(Match, st.just("state"), st.just("missing")),
    st.builds(Match, st.just("format"), st.sampled_from(["jpg", "p*"])),
    st.builds(Range, _number_keys, st.integers(0, 5), st.none()),
    st.builds(Range, _number_keys, st.none(), st.integers(0, 5)),
    st.builds(lambda key, low: Range(key, low, low), _number_keys, st.integers(0, 5)),
)
_queries = st.recursive(
    _leaves,
    lambda parts: st.one_of(
        parts.map(Not),
        st.lists(parts, min_size=2, max_size=3).map(lambda found: And(tuple(found))),
        st.lists(parts, min_size=2, max_size=3).map(lambda found: Or(tuple(found))),
    ),
    max_leaves=5,
)


def _ascii_lower(text: str) -> str:
    return re.sub("[A-Z]", lambda found: found[0].lower(), text)


def _key(tag: str) -> str:
    return _ascii_lower(tag).replace(" ", "_")


def _fits(value: str, pattern: str, whole: bool) -> bool:
    """Wildcards through the standard library, each piece of the pattern turned into its form."""
    pieces = re.findall(r"\\[*?\\]|.", pattern, re.DOTALL)
    wild = any(piece in "*?" for piece in pieces)
    globbed = "".join(piece if piece in ("*", "?") else f"[{piece[-1]}]" for piece in pieces)
    if not wild and not whole:
        globbed = f"*{globbed}*"
    return re.match(fnmatch.translate(_ascii_lower(globbed)), _ascii_lower(value), re.DOTALL) is not None


def _holds(query: Query, row: dict[str, Any]) -> bool:
    match query:
        case Everything():
            return True
        case Not(part):
            return not _holds(part, row)
        case And(parts):
            return all(_holds(part, row) for part in parts)
        case Or(parts):
            return any(_holds(part, row) for part in parts)
        case Range(key, low, high):
            default = {"primary": 5, "supporting": 2}.get(row["role"], 1)
            value: int = {
                "size": min(row["width"], row["height"]),
                "repeats": default if row["repeats"] is None else row["repeats"],
            }.get(key, row.get(key, 0))
            return (low is None or value >= low) and (high is None or value <= high)
        case Match("caption", "yes"):
            return bool(row["caption"])
        case Match("caption", "no"):
            return not row["caption"]
        case Match("tag", pattern):
            removed = {_key(tag) for tag, present in row["edits"].items() if not present}
            shown = {_key(tag) for tag, present in row["edits"].items() if present}
            shown |= {_key(tag) for tag, score in row["scores"].items() if score >= 0.35 and _key(tag) not in removed}
            return any(_fits(tag, _key(pattern), True) for tag in shown)
        case Match("format", pattern):
            return _fits(row["format"], {"jpg": "jpeg"}.get(pattern, pattern), True)
        case Match("role" | "state", pattern):
            return bool(row[query.key] == pattern)
        case Match(key, pattern, exact):
            return _fits(row[key] or "", pattern, exact)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(_rows, _scores, _edits), min_size=2, max_size=6),
    queries=st.lists(_queries, min_size=1, max_size=8),
)
def test_results_equal_those_of_the_same_query_evaluated_in_python(
    catalog: Catalog, fill: Fill, rows: list[Any], queries: list[Query]
) -> None:
    with catalog.write() as connection:
        connection.exec_driver_sql("DELETE FROM subject")
        connection.exec_driver_sql("DELETE FROM picture")
    subject, _ = add_subject(catalog, "Mira", "miravel")
    ids = fill(subject, *(row for row, _, _ in rows), journalled=False)
    model = []
    for row, (values, scores, edited) in zip(select_memberships(catalog, subject), rows, strict=True):
        edits.store_tag_scores(
            catalog, row.picture_id, "wd", [(tag, "general", value) for tag, value in scores.items()]
        )
        for tag, present in edited.items():
            (edits.add_tags if present else edits.remove_tags)(catalog, subject, [row.id], [tag])
        last_word = {_key(tag): present for tag, present in edited.items()}
        model.append(values | {"scores": scores, "edits": last_word})
    for query in queries:
        expected = [id_ for id_, row in zip(ids, model, strict=True) if _holds(query, row)]
        assert [row.id for row in select_memberships(catalog, subject, query)] == expected, query
        assert list(select_ids(catalog, subject, query)) == expected, query
        assert sorted(select_ids(catalog, subject, query, order="size")) == expected, query


def test_thousands_of_pictures_can_be_named_by_their_hashes(catalog: Catalog, zoo: Subject) -> None:
    chosen = [row.sha256 for row in select_memberships(catalog, zoo)][2:5]
    others = [f"f{number:063x}" for number in range(5_000)]
    query = " OR ".join(f"sha:{sha.upper()}" for sha in [*chosen, *others])
    assert [row.sha256 for row in select_memberships(catalog, zoo, query)] == chosen
    assert len(select_memberships(catalog, zoo, f"sha:{chosen[0]} OR rating:5 OR sha:abc")) == 3
    assert len(select_memberships(catalog, zoo, f"-({query})")) == 6
