"""The test of the claims: its statistics, its verdicts, what it makes of results, and that it goes on where it was."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.captions import service as captions
from loratui.catalog.roles import balance
from loratui.catalog.store import open_catalog
from loratui.config import find_home
from loratui.demo import claims, world
from loratui.demo.claims import run_units, weigh_claims
from loratui.demo.trial import (
    CONDITIONS,
    NO_LORA,
    QUICK,
    TRAITS_IMBUED,
    Character,
    Condition,
    Design,
    Result,
    curate,
    draw_pictures,
    fingerprint,
    invent_character,
    measure_unit,
)
from loratui.demo.verdicts import (
    FAILS,
    HOLDS,
    OPEN,
    Interval,
    combine,
    estimate_mean,
    estimate_share,
    judge_more,
    negate,
    t_point,
)
from loratui.events import ignore_progress

if TYPE_CHECKING:
    from pathlib import Path

FINITE = st.floats(-1, 1, allow_nan=False)


@pytest.mark.parametrize(
    ("freedom", "point"), [(1, 12.7062047), (2, 4.3026527), (4, 2.7764451), (9, 2.2621572), (30, 2.0422725)]
)
def test_students_points_are_those_of_the_tables(freedom: int, point: float) -> None:
    assert t_point(freedom) == pytest.approx(point, rel=1e-7)


def test_the_mean_of_five_seeds_has_the_interval_of_the_textbook() -> None:
    found = estimate_mean([0.1, 0.2, 0.3, 0.4, 0.5])
    assert found.mean == pytest.approx(0.3)
    assert (found.low, found.high) == pytest.approx((0.3 - 0.196324, 0.3 + 0.196324), abs=1e-5)


def test_one_seed_tells_nothing_about_others() -> None:
    assert estimate_mean([0.9]) == Interval(0.9, -math.inf, math.inf, (0.9,))
    assert judge_more(estimate_mean([0.9]), 0.25) == judge_more(estimate_mean([]), 0.25) == OPEN


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(8, 10, 0.49016, 0.94331), (0, 10, 0.0, 0.27753), (10, 10, 0.72247, 1.0), (50, 100, 0.40383, 0.59617)],
)
def test_shares_have_wilsons_interval(hits: int, total: int, low: float, high: float) -> None:
    found = estimate_share(hits, total)
    assert (found.value, found.low, found.high) == pytest.approx((hits / total, low, high), abs=1e-5)


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_share_lies_within_its_interval_and_both_within_0_and_1(hits: int, more: int) -> None:
    found = estimate_share(hits, hits + more)
    assert 0 <= found.low <= found.value <= found.high <= 1
    mirrored = estimate_share(more, hits + more)
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - found.high, 1 - found.low))


@given(st.lists(FINITE, min_size=2, max_size=8), FINITE)
def test_moving_all_values_moves_the_interval_with_them(values: list[float], by: float) -> None:
    here, there = estimate_mean(values), estimate_mean([value + by for value in values])
    assert here.low <= here.mean <= here.high
    assert (there.low, there.high) == pytest.approx((here.low + by, here.high + by), abs=1e-9)


@pytest.mark.parametrize(
    ("mean", "low", "high", "margin", "verdict"),
    [
        (0.60, 0.40, 0.80, 0.25, HOLDS),
        (0.30, 0.01, 0.59, 0.25, HOLDS),
        (0.30, -0.01, 0.61, 0.25, OPEN),
        (0.20, 0.10, 0.30, 0.25, OPEN),
        (0.15, 0.10, 0.20, 0.25, FAILS),
        (0.00, -0.20, 0.20, 0.25, FAILS),
        (0.05, 0.01, 0.09, 0.0, HOLDS),
        (0.05, -0.01, 0.11, 0.0, OPEN),
        (-0.05, -0.09, -0.01, 0.0, FAILS),
        (0.0, 0.0, 0.0, 0.0, FAILS),
    ],
)
def test_the_rule_behind_verdicts(mean: float, low: float, high: float, margin: float, verdict: str) -> None:
    assert judge_more(Interval(mean, low, high), margin) == verdict


@given(st.lists(FINITE, min_size=2, max_size=8), st.floats(0, 1), st.floats(0, 1))
def test_a_wider_margin_never_makes_a_claim_hold(values: list[float], margin: float, more: float) -> None:
    order = [FAILS, OPEN, HOLDS]
    difference = estimate_mean(values)
    assert order.index(judge_more(difference, margin + more)) <= order.index(judge_more(difference, margin))


def test_a_claim_of_several_parts_holds_when_all_of_them_do() -> None:
    assert combine([HOLDS, HOLDS]) == HOLDS
    assert combine([HOLDS, OPEN]) == combine([]) == OPEN
    assert combine([HOLDS, OPEN, FAILS]) == FAILS
    assert [negate(verdict) for verdict in (HOLDS, FAILS, OPEN)] == [FAILS, HOLDS, OPEN]


CAST = [invent_character(seed) for seed in (1, 2, 3)]


def _standin(who: Character, condition: Condition, *, imbued_hair_obeys: bool = False, weighs: bool = True) -> Result:
    """A unit of a world where the claims are true, but for what the arguments say."""
    wobble = who.seed % 2
    traits = 90 if condition.imbued == "traits" and condition.trained else 5
    alone = dict.fromkeys(world.ALL_TAGS, 0) | dict.fromkeys(who.traits.values(), traits - wobble)
    alone |= {who.hair[0]: 50, who.hair[1]: 25 - wobble, who.hair[2]: 25, who.hair[3]: 0}
    alone[who.shirts[0]] = {1: 50, 2: 66, 4: 80}[condition.influence] + wobble if weighs else 50 + 3 * who.seed % 5
    obeys = condition.imbued == "traits" or imbued_hair_obeys
    asked = {colour: 10 if obeys else alone[colour] // 10 for colour in who.hair} if condition.asks_hair else {}
    return Result(who.seed, condition.name, 100, alone, 10 if asked else 0, asked, 180, 60.0)


def test_claims_hold_in_a_world_where_they_are_true() -> None:
    units = {(who.seed, condition.name): _standin(who, condition) for who in CAST for condition in CONDITIONS}
    found = weigh_claims(units, CAST)
    assert [claim.verdict for claim in found] == [HOLDS, HOLDS, HOLDS]
    all_traits = found[0].rows[0]
    assert (all_traits.first.hits, all_traits.first.total) == (3 * (90 * 3 - 2), 900)
    assert all_traits.difference.mean == pytest.approx(0.85, abs=0.01)
    per_doubling = found[2].rows[0].difference
    assert per_doubling.mean == pytest.approx(0.15)


def test_a_claim_that_is_not_true_is_said_not_to_hold() -> None:
    units = {
        (who.seed, condition.name): _standin(who, condition, imbued_hair_obeys=True, weighs=False)
        for who in CAST
        for condition in CONDITIONS
    }
    imbuing, hair, influence = weigh_claims(units, CAST)
    assert imbuing.verdict == HOLDS
    assert hair.verdict == FAILS
    assert [row.verdict for row in hair.rows] == [HOLDS, HOLDS, FAILS, FAILS, FAILS, FAILS]
    assert hair.remark.startswith("Does not hold: imbued, three colours: stays (own colour and two others); ")
    assert " Holds: in the captions: changes (own colour and two others); " in hair.remark
    assert influence.verdict == FAILS
    page = claims.write_report([imbuing, hair, influence], Design(), CAST)
    assert page.count("**Does not hold.**") == 2
    json.dumps(claims.describe([imbuing, hair, influence], Design(), CAST), allow_nan=False)


def test_one_seed_gives_a_table_and_decides_nothing() -> None:
    units = {(who.seed, condition.name): _standin(who, condition) for who in CAST[:1] for condition in CONDITIONS}
    found = weigh_claims(units, CAST[:1])
    assert [claim.verdict for claim in found] == [OPEN, OPEN, OPEN]
    assert "too few seeds" in claims.write_report(found, Design(), CAST[:1])
    json.dumps(claims.describe(found, Design(), CAST[:1]), allow_nan=False)


def test_what_was_measured_before_a_stop_is_not_measured_again(tmp_path: Path) -> None:
    measured: list[tuple[int, str]] = []

    def measure(who: Character, condition: Condition, place: Path) -> Result:
        if len(measured) == 8:
            raise KeyboardInterrupt
        place.mkdir(parents=True)
        measured.append((who.seed, condition.name))
        return _standin(who, condition)

    with pytest.raises(KeyboardInterrupt):
        run_units(tmp_path, CAST, measure, lambda text: None)
    before, measured[:] = list(measured), []
    told: list[str] = []
    units = run_units(tmp_path, CAST[:2], measure, told.append)
    assert before + measured == [(who.seed, condition.name) for who in CAST[:2] for condition in CONDITIONS]
    assert told[-1].startswith("12 of 12: seed 2, influence 4 to 1")
    assert units[1, NO_LORA.name] == _standin(CAST[0], NO_LORA)


def test_the_command_prints_the_tables_and_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    measured: list[int] = []

    def measure(*given: Any) -> Result:
        _, place, who, condition, *_ = given
        place.mkdir(parents=True)
        measured.append(who.seed)
        return _standin(who, condition)

    monkeypatch.setattr(claims, "measure_unit", measure)
    home = tmp_path / "home"
    assert claims.main(["--home", str(home), "--seeds", "2", "--quick"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\nHOLDS.") == 3
    assert claims.main(["--home", str(home), "--seeds", "3", "--quick", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert measured == [seed for seed in (1, 2, 3) for _ in CONDITIONS]
    assert found == json.loads((home / "claims.json").read_text())
    assert found["seeds"] == [1, 2, 3]
    assert [claim["verdict"] for claim in found["claims"]] == [HOLDS, HOLDS, HOLDS]
    assert "| (holds) | +14 +14 +14 |" in (home / "claims.md").read_text()
    assert "## 3. Doubling a role's influence" in (home / "claims.md").read_text()


def test_no_seeds_can_not_be_tested(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert claims.main(["--home", str(tmp_path), "--seeds", "0"]) == 2
    assert "Give a number from 1" in capsys.readouterr().err


def test_characters_are_the_same_on_every_call_and_new_to_the_base() -> None:
    for seed in range(1, 30):
        who = invent_character(seed)
        assert who == invent_character(seed)
        assert len(who.name) > 6
        assert len(set(who.hair)) == 4 and who.hair[0] == who.look.hair_colour
        assert who.shirts[0] != who.shirts[1]
        assert "none" not in who.traits.values()


def test_every_influence_trains_for_the_same_number_of_steps() -> None:
    design = Design()
    steps = {
        condition.epochs * (design.pictures * 2 * condition.influence + design.pictures * 2) / 8
        for condition in CONDITIONS
    }
    assert steps == {180}


def test_other_sizes_are_kept_apart() -> None:
    assert fingerprint(Design()) == fingerprint(Design()) != fingerprint(QUICK)


def test_the_roles_differ_by_their_shirt_alone(tmp_path: Path) -> None:
    who, design = invent_character(4), Design(pictures=12)
    draw_pictures(tmp_path, who, design)
    for role, shirt in zip(("primary", "supporting"), who.shirts, strict=True):
        tags = {path.stem: set(path.read_text().strip().split(", ")) for path in sorted(tmp_path.glob(f"{role}_*.txt"))}
        assert len(tags) == len(list(tmp_path.glob(f"{role}_*.png")))
        mixed = [shown for name, shown in tags.items() if "again" not in name]
        steady = [shown for name, shown in tags.items() if "other" not in name]
        assert len(mixed) == len(steady) == design.pictures
        assert all({*who.traits.values(), who.look.hair_style} <= shown for shown in tags.values())
        assert all(shown & set(world.SHIRTS) == {shirt} for shown in tags.values())
        assert [sum(colour in shown for shown in mixed) for colour in who.hair] == [6, 3, 3, 0]
        assert all(who.hair[0] in shown for shown in steady)
        for shown in (mixed, steady):
            assert sum("from side" in tags for tags in shown) == 4
            assert sum("full body" in tags for tags in shown) == 3


@pytest.mark.parametrize("condition", [one for one in CONDITIONS if one.trained], ids=lambda found: found.name)
def test_captions_leave_out_what_the_condition_says(tmp_path: Path, condition: Condition) -> None:
    home = find_home({"LORATUI_HOME": str(tmp_path / "library")})
    home.create()
    who = invent_character(2)
    with open_catalog(home, actor="cli") as catalog:
        for _ in range(2):
            subject = curate(catalog, tmp_path / "pictures", who, condition, QUICK, ignore_progress)
        shown = captions.show_captions(catalog, subject, "role:primary OR role:supporting")
        weighed = balance(catalog, subject)
    assert len(shown) == 2 * QUICK.pictures
    assert weighed.ratio == condition.influence
    assert all("again" not in item.membership.name for item in shown) != condition.steady
    for item in shown:
        said = set(item.text.split(", "))
        assert f"photo of {who.name}" in said
        assert not said & {who.look.hair_style, *who.shirts}
        assert ({*who.traits.values()} <= said) == (condition.imbued == "hair")
        assert len(said & set(who.hair)) == (condition.imbued == "traits")


@pytest.mark.slow
def test_a_unit_is_trained_rendered_and_read_and_goes_on_after_a_stop(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    from loratui.catalog.runs import list_runs
    from loratui.demo.judge import Judge

    home = find_home({"LORATUI_HOME": str(tmp_path / "library")})
    home.create()
    who, place = invent_character(3), tmp_path / "seed-3" / "unit"
    with open_catalog(home, actor="cli") as catalog:
        first = measure_unit(catalog, place, who, TRAITS_IMBUED, QUICK, Judge(), ignore_progress)
        again = measure_unit(catalog, place, who, TRAITS_IMBUED, QUICK, Judge(), ignore_progress)
        assert [(run.state, run.total_steps) for run in list_runs(catalog)] == [("done", 30)]
    assert dataclasses.replace(first, seconds=0) == dataclasses.replace(again, seconds=0)
    assert first.images == QUICK.images and set(first.asked) == set(who.hair)
    assert sum(first.alone.values()) > QUICK.images
