"""What a wall lists while things change beneath it, and rows that are ahead of the library."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from loratui.catalog.query import get_memberships, select_ids
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import get_subject
from loratui.tui import listing
from loratui.tui.foresight import Foresight
from loratui.tui.listing import ORDERS, Question, list_first, list_pictures, merge_ids

if TYPE_CHECKING:
    import pytest

    from loratui.config import Home

ids = st.lists(st.integers(0, 30), unique=True)


@given(shown=ids, found=ids, held=ids)
def test_a_merged_list_has_what_was_found_and_what_is_held_and_moves_nothing(
    shown: list[int], found: list[int], held: list[int]
) -> None:
    merged, away = merge_ids(array("q", shown), array("q", found), held)
    assert sorted(merged) == sorted({*found, *(set(held) & set(shown))})
    assert away == set(held) & set(shown) - set(found)
    before = [id_ for id_ in shown if id_ in merged]
    assert [id_ for id_ in merged if id_ in before] == before


def test_what_is_new_comes_after_the_one_it_follows() -> None:
    merged, away = merge_ids(array("q", [1, 2, 3]), array("q", [0, 1, 9, 3, 4]), [2])
    assert (list(merged), away) == ([0, 1, 9, 2, 3, 4], {2})


def test_a_list_that_is_the_same_stays_the_same_object() -> None:
    shown = array("q", [3, 1, 2])
    assert merge_ids(shown, array("q", [3, 1, 2]), ())[0] is shown
    assert merge_ids(shown, array("q", [1, 2, 3]), ())[0] is shown
    assert merge_ids(shown, array("q", [1, 2]), [3])[0] is shown


def test_an_answer_never_goes_over_what_was_foreseen_since_it_was_asked(mira: Home) -> None:
    with open_catalog(mira) as catalog:
        owner = get_subject(catalog, "Mira")
        first, second, *_ = select_ids(catalog, "Mira")
        rows = get_memberships(catalog, [first, second])
        known = Foresight()
        known.take(rows, known.ask(unwritten=0))
        ticket = known.ask(unwritten=0)
        ((before, after),) = known.foresee([first], {"role": "primary"}, owner)
        assert (before.repeats, after.repeats) == (1, owner.primary_repeats)
        assert known.take(rows, ticket) == [second]
        assert not known.is_current(ticket)
        assert known.take(rows, known.ask(unwritten=1)) == [second]
        assert known.rows[first].role == "primary"
        set_role(catalog, "Mira", "primary", [first])
        assert known.take(get_memberships(catalog, [first]), known.ask(unwritten=0)) == [first]
        assert known.rows[first] == get_memberships(catalog, [first])[0]


def test_what_was_refused_is_shown_as_it_is_again(mira: Home) -> None:
    with open_catalog(mira) as catalog:
        owner = get_subject(catalog, "Mira")
        (row,) = get_memberships(catalog, [1])
        known = Foresight()
        known.take([row], known.ask(unwritten=0))
        known.foresee([row.id], {"repeats_by": 2}, owner)
        assert known.rows[row.id].repeats == row.repeats + 2
        known.distrust()
        assert known.take([row], known.ask(unwritten=0)) == [row.id]
        assert known.rows[row.id] == row


def test_the_first_pictures_are_those_that_all_of_them_begin_with(mira: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "FIRST", 3)
    with open_catalog(mira) as catalog:
        for order in ORDERS:
            question = Question("Mira", "", order, array("q"), frozenset(), [], fresh=True)
            first, rows = list_first(catalog, question)
            everything = list_pictures(catalog, question).ids
            assert len(first) == 3 and first == everything[:3]
            assert sorted(row.id for row in rows) == sorted(first)
