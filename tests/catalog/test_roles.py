"""Roles, repeats, ratings, and the balance of a subject."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.catalog import roles
from loratui.catalog.journal import history, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.subjects import get_subject
from loratui.catalog.vocabulary import ROLES
from loratui.errors import UsageError

if TYPE_CHECKING:
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

Fill = Callable[..., list[int]]


def _fill(fill: Fill, mira: Subject, primary: int, supporting: int, **own: int) -> None:
    fill(mira, *({"role": "primary"} | own for _ in range(primary)), *({"role": "supporting"},) * supporting)


def test_a_role_goes_to_the_pictures_of_a_query_or_of_a_selection(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    ids = fill(mira, {}, {}, {"rating": 5})
    assert roles.set_role(catalog, mira, "primary", "rating:5") == 1
    assert roles.set_role(catalog, "mira", "supporting", ids[:2]) == 2
    assert [row.role for row in select_memberships(catalog, mira)] == ["supporting", "supporting", "primary"]
    assert roles.set_role(catalog, mira, "primary", "rating:5") == 0


def test_a_reason_stays_with_rejected_pictures_and_goes_when_they_are_taken_back(
    catalog: Catalog, mira: Subject, fill: Fill
) -> None:
    fill(mira, {})
    roles.set_role(catalog, mira, "rejected", "", reason="blurry")
    assert select_memberships(catalog, mira)[0].reject_reason == "blurry"
    roles.set_role(catalog, mira, "primary", "")
    assert select_memberships(catalog, mira)[0].reject_reason == ""
    with pytest.raises(UsageError, match="reason"):
        roles.set_role(catalog, mira, "primary", "", reason="nice")


def test_unknown_roles_ratings_and_repeats_are_refused(catalog: Catalog, mira: Subject) -> None:
    with pytest.raises(UsageError, match="main"):
        roles.set_role(catalog, mira, "main", "")
    with pytest.raises(UsageError, match="6"):
        roles.set_rating(catalog, mira, 6, "")
    with pytest.raises(UsageError, match="0"):
        roles.set_repeats(catalog, mira, 0, "")


def test_repeats_go_up_and_down_from_what_each_picture_has_in_one_step(
    catalog: Catalog, mira: Subject, fill: Fill
) -> None:
    fill(mira, {"role": "primary"}, {"role": "primary", "repeats": 7}, {"repeats": 1})
    before = [row.repeats for row in select_memberships(catalog, mira)]
    assert roles.shift_repeats(catalog, mira, 1, "") == 3
    assert [row.repeats for row in select_memberships(catalog, mira)] == [number + 1 for number in before]
    assert roles.shift_repeats(catalog, mira, -5, "") == 3
    assert [row.repeats for row in select_memberships(catalog, mira)] == [1, 3, 1]
    assert roles.shift_repeats(catalog, mira, -1, "repeats:1") == 0
    assert "repeats -5 for 3 pictures" in history(catalog)[0].label
    undo(catalog)
    undo(catalog)
    assert [row.repeats for row in select_memberships(catalog, mira)] == before
    assert select_memberships(catalog, mira)[0].own_repeats is None


def test_repeats_return_to_the_default_of_the_subject(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {"role": "primary"})
    roles.set_repeats(catalog, mira, 9, "")
    assert select_memberships(catalog, mira)[0].repeats == 9
    roles.set_repeats(catalog, mira, None, "")
    assert select_memberships(catalog, mira)[0].repeats == 5


def test_removed_pictures_come_back_with_all_that_was_said(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {"rating": 4, "caption": "mine"}, {})
    before = select_memberships(catalog, mira)
    assert roles.remove_pictures(catalog, mira, "rating:4") == 1
    assert history(catalog)[0].label == "Mira: remove 1 picture"
    undo(catalog)
    assert select_memberships(catalog, mira) == before


def test_balance_weighs_pictures_times_repeats(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    _fill(fill, mira, 10, 10)
    fill(mira, {"role": "holdout"}, {}, {"role": "rejected"}, {"role": "supporting", "repeats": 5})
    found = roles.balance(catalog, mira)
    assert (found.primary, found.supporting, found.ratio) == (50, 25, 2.0)
    assert found.roles["primary"] == roles.Influence(10, 50, 50 / 75)
    assert found.roles["holdout"] == roles.Influence(1, 0, 0.0)
    assert not found.changes


def test_without_supporting_pictures_there_is_no_ratio_and_nothing_to_propose(
    catalog: Catalog, mira: Subject, fill: Fill
) -> None:
    empty = roles.balance(catalog, mira)
    assert (empty.primary, empty.supporting, empty.ratio, empty.changes) == (0, 0, None, False)
    _fill(fill, mira, 3, 0)
    found = roles.balance(catalog, mira)
    assert (found.primary, found.ratio, found.proposed_ratio, found.changes) == (15, None, None, False)


def test_applying_the_balance_reaches_about_two_to_one_and_can_be_undone(
    catalog: Catalog, mira: Subject, fill: Fill
) -> None:
    _fill(fill, mira, 8, 40)
    before = roles.balance(catalog, mira)
    assert before.ratio == 0.5
    after = roles.apply_balance(catalog, mira)
    assert after.ratio == before.proposed_ratio == pytest.approx(2.0, rel=0.1)
    assert (after.primary, after.supporting) == (before.proposed_primary, before.proposed_supporting)
    assert not after.changes
    undo(catalog)
    assert roles.balance(catalog, mira) == before


def test_a_balance_that_is_near_enough_changes_nothing(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    _fill(fill, mira, 10, 13)
    assert roles.balance(catalog, mira).ratio == pytest.approx(1.92, abs=0.01)
    roles.apply_balance(catalog, mira)
    assert get_subject(catalog, "Mira") == mira
    assert history(catalog)[0].action == "import"


def test_repeats_set_by_hand_are_kept_where_the_others_can_make_up_for_them(
    catalog: Catalog, mira: Subject, fill: Fill
) -> None:
    fill(mira, {"role": "primary", "repeats": 20}, *({"role": "supporting"} for _ in range(10)))
    _fill(fill, mira, 10, 0)
    proposal = roles.balance(catalog, mira)
    assert proposal.changes and not proposal.clears_own_repeats
    assert roles.apply_balance(catalog, mira).ratio == pytest.approx(2.0, rel=0.1)
    assert select_memberships(catalog, mira, "repeats:20")


def test_repeats_set_by_hand_give_way_where_nothing_else_helps(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    _fill(fill, mira, 10, 10, repeats=1)
    proposal = roles.balance(catalog, mira)
    assert proposal.clears_own_repeats
    after = roles.apply_balance(catalog, mira)
    assert after.ratio == proposal.proposed_ratio == pytest.approx(2.0, rel=0.3)
    assert {row.own_repeats for row in select_memberships(catalog, mira)} == {None}
    undo(catalog)
    assert roles.balance(catalog, mira) == proposal


_counts = st.integers(1, 300)
_repeats = st.integers(1, 10)


@given(_counts, _counts, st.tuples(_repeats, _repeats))
def test_a_proposal_is_as_near_to_the_aim_as_one_to_ten_repeats_allow(
    primaries: int, supporting: int, current: tuple[int, int]
) -> None:
    def miss(pair: tuple[int, int]) -> float:
        return abs(math.log(primaries * pair[0] / (supporting * pair[1]) / roles.AIM))

    def moved(pair: tuple[int, int]) -> int:
        return abs(pair[0] - current[0]) + abs(pair[1] - current[1])

    proposed = roles.propose_repeats(primaries, supporting, current)
    pairs = [(high, low) for high in range(1, 11) for low in range(1, 11)]
    enough = [pair for pair in pairs if miss(pair) <= math.log(1 + roles.TOLERANCE)]
    if enough:
        assert proposed in enough and moved(proposed) == min(map(moved, enough))
    else:
        assert miss(proposed) == min(map(miss, pairs))


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 30), st.integers(0, 30), st.integers(0, 60))
def test_other_default_repeats_can_be_weighed_before_they_are_set(
    high: int, low: int, primaries: int, supporting: int, own: int
) -> None:
    pictures = dict.fromkeys(ROLES, 0) | {"primary": primaries + (own > 0), "supporting": supporting}
    following = dict.fromkeys(ROLES, 0) | {"primary": primaries, "supporting": supporting}
    apart = dict.fromkeys(ROLES, 0) | {"primary": own}
    now = roles.RoleCounts(pictures, following, apart, int(own > 0), (3, 1))
    then = roles.RoleCounts(pictures, following, apart, int(own > 0), (high, low))
    assert roles.weigh_roles(now, (high, low)) == roles.weigh_roles(then)
    assert roles.weigh_roles(then).primary == primaries * high + own


def test_counted_roles_weigh_what_the_balance_says(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {"role": "primary"}, {"role": "primary", "repeats": 7}, {"role": "supporting"}, {"repeats": 9})
    counted = roles.count_roles(catalog, mira)
    assert counted.set_apart == 1
    assert roles.weigh_roles(counted) == roles.balance(catalog, mira)
