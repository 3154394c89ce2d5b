"""Tests what the captions are built on, on the drawn cast: `python -m loratui.demo.claims`. It can be stopped.

Three claims, each with a rule fixed beforehand (`verdicts.judge_more`; margins below); how it is set up and why is
told in `trial`. A claim whose parts don't all hold does not hold. Every seed is another character and another
training; a unit is one training and its images, judged by the tagger that ships. With five seeds on two CPU cores it
takes about an hour; what is finished is kept, so that the command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from loratui.catalog.store import open_catalog
from loratui.cli.output import Show, print_json, print_table, print_text, progress_line
from loratui.config import find_home
from loratui.demo.trial import (
    CONDITIONS,
    EVEN,
    FOURFOLD,
    HAIR_IMBUED,
    NO_LORA,
    QUICK,
    STEADY_IMBUED,
    TRAITS_IMBUED,
    Character,
    Condition,
    Design,
    Result,
    fingerprint,
    invent_character,
    measure_unit,
)
from loratui.demo.verdicts import (
    FAILS,
    HOLDS,
    OPEN,
    Interval,
    Share,
    combine,
    estimate_mean,
    estimate_share,
    judge_more,
    negate,
)
from loratui.errors import LoratuiError, UsageError
from loratui.runs.folder import write_json

FAR_MORE = 0.25
"""The least mean difference that counts as far more often, and as hair that changes by prompt."""

FEWEST = 2
"""Seeds from which there are intervals."""

Units = Mapping[tuple[int, str], Result]
"""Results by seed and the name of the condition."""
Measure = Callable[[Character, Condition, Path], Result]
_Counted = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """Two shares and the mean of their differences seed by seed; `verdict` is on the claim's own words.

    Shares pool the images of all seeds; a row with `decides` counts for the verdict of its claim.
    """

    what: str
    first: Share
    second: Share
    difference: Interval
    verdict: str
    decides: bool = True


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim in words, what its two shares are, its rows and what came of it."""

    claim: str
    columns: tuple[str, str]
    rows: tuple[Row, ...]
    verdict: str
    remark: str = ""


def weigh_claims(units: Units, characters: Sequence[Character]) -> list[Claim]:
    """The claims as the results of these characters decide them; units of other conditions are not needed."""
    return [
        _weigh_imbuing(units, characters),
        _weigh_hair(units, characters),
        _weigh_influence(units, characters),
    ]


def _count(pairs: Sequence[_Counted]) -> Share:
    return estimate_share(sum(hits for hits, _ in pairs), sum(total for _, total in pairs))


def _compare(first: Sequence[Sequence[_Counted]], second: Sequence[Sequence[_Counted]]) -> Interval:
    """The difference of the mean shares within each seed, over seeds; one inner sequence per seed."""

    def mean(pairs: Sequence[_Counted]) -> float:
        return statistics.fmean(hits / total for hits, total in pairs)

    found = estimate_mean([mean(one) - mean(other) for one, other in zip(first, second, strict=True)])
    if len(found.values) < FEWEST:
        return found
    # Student's interval knows no bounds, but shares differ by 1 at most.
    return replace(found, low=max(-1.0, found.low), high=min(1.0, found.high))


def _row(
    what: str,
    first: Sequence[Sequence[_Counted]],
    second: Sequence[Sequence[_Counted]],
    *,
    margin: float,
    decides: bool = True,
    opposite: bool = False,
) -> Row:
    difference = _compare(first, second)
    verdict = judge_more(difference, margin)
    return Row(
        what,
        _count([pair for seed in first for pair in seed]),
        _count([pair for seed in second for pair in seed]),
        difference,
        negate(verdict) if opposite else verdict,
        decides,
    )


def _decide(claim: str, columns: tuple[str, str], rows: Sequence[Row], remark: str = "") -> Claim:
    deciding = [row for row in rows if row.decides]
    verdict = combine([row.verdict for row in deciding])
    told = [
        f"{outcome.capitalize()}: {'; '.join(parts)}."
        for outcome in (FAILS, OPEN, HOLDS)
        if len(deciding) > 1 and (parts := [row.what for row in deciding if row.verdict == outcome])
    ]
    return Claim(claim, columns, tuple(rows), verdict, " ".join([*told, remark]))


def _unasked(
    units: Units, characters: Sequence[Character], condition: Condition, tags: Callable[[Character], Sequence[str]]
) -> list[list[_Counted]]:
    """For each character how many images with the trigger alone show each of these tags of its."""
    found = [(units[who.seed, condition.name], tags(who)) for who in characters]
    return [[(unit.alone[tag], unit.images) for tag in chosen] for unit, chosen in found]


def _asked(units: Units, characters: Sequence[Character], condition: Condition, colours: slice) -> list[list[_Counted]]:
    """For each character how many images show each of these hair colours when asked for it."""
    found = [(units[who.seed, condition.name], who.hair[colours]) for who in characters]
    return [[(unit.asked[colour], unit.each) for colour in chosen] for unit, chosen in found]


def _weigh_imbuing(units: Units, characters: Sequence[Character]) -> Claim:
    def row(what: str, imbued: Condition, said: Condition, tags: Callable[[Character], Sequence[str]]) -> Row:
        first, second = (_unasked(units, characters, condition, tags) for condition in (imbued, said))
        return _row(what, first, second, margin=FAR_MORE, decides=what == _TRAITS)

    rows = [
        row(_TRAITS, TRAITS_IMBUED, HAIR_IMBUED, lambda who: tuple(who.traits.values())),
        row("skin", TRAITS_IMBUED, HAIR_IMBUED, lambda who: [who.look.skin]),
        row("eyes", TRAITS_IMBUED, HAIR_IMBUED, lambda who: [who.look.eyes]),
        row("mark", TRAITS_IMBUED, HAIR_IMBUED, lambda who: [who.look.marks]),
        row("own hair colour, in half of the pictures", HAIR_IMBUED, TRAITS_IMBUED, lambda who: who.hair[:1]),
    ]
    without = _unasked(units, characters, NO_LORA, lambda who: tuple(who.traits.values()))
    return _decide(
        "A trait imbued appears unasked far more often than the same trait left in the captions.",
        ("imbued", "in the captions"),
        rows,
        f"Images made with the trigger alone. Without a LoRA {_show_pooled(without)} show such a trait.",
    )


_TRAITS = "skin, eyes and mark"


def _hair(who: Character, at: slice) -> Sequence[str]:
    return who.hair[at]


def _weigh_hair(units: Units, characters: Sequence[Character]) -> Claim:
    rows = [
        _row(
            f"{said} ({colours})",
            _asked(units, characters, condition, at),
            _unasked(units, characters, condition, partial(_hair, at=at)),
            margin=FAR_MORE,
            opposite=condition is not TRAITS_IMBUED,
        )
        for condition, said in (
            (TRAITS_IMBUED, "in the captions: changes"),
            (HAIR_IMBUED, "imbued, three colours: stays"),
            (STEADY_IMBUED, "imbued, one colour: stays"),
        )
        for colours, at in (("own colour and two others", slice(0, 3)), ("a colour in no picture", slice(3, 4)))
    ]
    every = slice(0, 4)
    kept, steady, without = (
        _asked(units, characters, condition, every) for condition in (TRAITS_IMBUED, STEADY_IMBUED, NO_LORA)
    )
    return _decide(
        "Hair left in the captions changes by prompt; hair imbued does not.",
        ("asked for", "unasked"),
        rows,
        "Images that show a hair colour when the prompt asks for it, and with the trigger alone. With hair in "
        f"the captions the prompt is obeyed {_points(_compare(kept, steady))} more often than with one colour imbued. "
        f"Without a LoRA {_show_pooled(without)} obey.",
    )


def _weigh_influence(units: Units, characters: Sequence[Character]) -> Claim:
    even, double, fourfold = (
        _unasked(units, characters, condition, lambda who: who.shirts[:1])
        for condition in (EVEN, TRAITS_IMBUED, FOURFOLD)
    )
    both = _row("1 to 1 -> 4 to 1, per doubling", fourfold, even, margin=0)
    halved = estimate_mean([value / 2 for value in both.difference.values])
    rows = [
        Row(both.what, both.first, both.second, halved, judge_more(halved, 0)),
        _row("1 to 1 -> 2 to 1", double, even, margin=0, decides=False),
        _row("2 to 1 -> 4 to 1", fourfold, double, margin=0, decides=False),
    ]
    return _decide(
        "Doubling a role's influence moves the result its way.",
        ("more", "less"),
        rows,
        "Images with the trigger alone that show the shirt of the primaries. Half of the way from 1 to 1 to 4 to 1 "
        "decides; the two steps are shown beside it.",
    )


def run_units(folder: Path, characters: Sequence[Character], measure: Measure, say: Callable[[str], None]) -> Units:
    """Measure what is not there yet, seed after seed; each result is stored when it is there."""
    units: dict[tuple[int, str], Result] = {}
    total = len(characters) * len(CONDITIONS)
    for who in characters:
        for condition in CONDITIONS:
            place = folder / f"seed-{who.seed}" / condition.name.replace(" ", "-")
            stored = place / "result.json"
            if stored.exists():
                units[who.seed, condition.name] = Result(**json.loads(stored.read_text(encoding="utf-8")))
                continue
            result = measure(who, condition, place)
            write_json(stored, asdict(result))
            units[who.seed, condition.name] = result
            say(f"{len(units)} of {total}: seed {who.seed}, {condition.name}, {result.seconds:.0f} s")
    return units


def describe(claims: Sequence[Claim], design: Design, characters: Sequence[Character]) -> dict[str, Any]:
    """Everything that was found, as plain JSON values; an interval without bounds has null for them."""
    return {
        "seeds": [who.seed for who in characters],
        "design": asdict(design),
        "claims": [_bounded(asdict(claim)) for claim in claims],
    }


def _bounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _bounded(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_bounded(item) for item in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


_METHOD = (
    "Shares pool the images of all seeds and stand with Wilson's 95 % interval, which knows nothing of seeds. The "
    "difference is taken within each seed and stands with Student's 95 % t interval over seeds, cut at 100 points; it "
    "alone decides. "
    "A row holds when that interval lies above 0 and, for the first two claims, the mean is at least "
    f"{100 * FAR_MORE:.0f} points; it does not hold when all of the interval lies below that; else it is not decided. "
    "Rows that say 'stays' are judged the other way round; verdicts in brackets don't count for the claim."
)


def write_report(claims: Sequence[Claim], design: Design, characters: Sequence[Character]) -> str:
    """The claims as a Markdown page."""
    lines = [
        "# The claims, tested",
        "",
        f"By `python -m loratui.demo.claims` on the drawn cast: {len(characters)} seeds, each another character and "
        f"training; {2 * design.pictures} pictures, {design.images} images with the trigger alone and "
        f"{design.hair_images} per hair colour asked for in each condition.",
        "",
        _METHOD,
    ]
    for number, claim in enumerate(claims, 1):
        lines += ["", f"## {number}. {claim.claim}", "", f"**{claim.verdict.capitalize()}.** {claim.remark}", ""]
        headers = [*_headers(claim), "by seed"]
        lines += ["| " + " | ".join(headers) + " |", "|---" * len(headers) + "|"]
        lines += ["| " + " | ".join([*_cells(row), _by_seed(row)]) + " |" for row in claim.rows]
    return "\n".join(lines) + "\n"


def _headers(claim: Claim) -> list[str]:
    return ["", *claim.columns, "difference", "verdict"]


def _cells(row: Row) -> list[str]:
    verdict = row.verdict if row.decides else f"({row.verdict})"
    return [row.what, _show_share(row.first), _show_share(row.second), _points(row.difference), verdict]


def _by_seed(row: Row) -> str:
    return " ".join(f"{100 * value:+.0f}" for value in row.difference.values)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _show_share(share: Share) -> str:
    return f"{_percent(share.value)} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def _show_pooled(counted: Sequence[Sequence[_Counted]]) -> str:
    return _percent(_count([pair for seed in counted for pair in seed]).value)


def _points(difference: Interval) -> str:
    if not math.isfinite(difference.low):
        return f"{100 * difference.mean:+.1f} points [too few seeds]"
    return f"{100 * difference.mean:+.1f} points [{100 * difference.low:+.1f}, {100 * difference.high:+.1f}]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is missing, print the tables, and write `claims.json` and `claims.md` into the home."""
    parser = argparse.ArgumentParser(
        prog="python -m loratui.demo.claims", description=(__doc__ or "").split("\n")[0].partition(":")[0]
    )
    parser.add_argument("--home", type=Path, help="where everything is kept; a library of its own lies in it")
    parser.add_argument("--seeds", type=int, default=5, help="characters to train, each with a seed of its own")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try the command out: nothing is learned")
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of tables")
    asked = parser.parse_args(arguments)
    try:
        _run(asked.home or find_home().data / "claims", asked.seeds, QUICK if asked.quick else Design(), asked.json)
    except LoratuiError as error:
        print(f"{error.message}\n{error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


def _run(home: Path, seeds: int, design: Design, as_json: bool) -> None:
    from loratui.demo.judge import Judge

    if seeds < 1:
        raise UsageError(f"{seeds} seeds can't be tested.", hint="Give a number from 1; from 2 there are intervals.")
    # The trainer and the sampler inherit it: more threads than free cores makes them several times slower.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Results of other sizes or another cast never mix.
    folder = home.expanduser().absolute() / fingerprint(design)
    library = find_home({"LORATUI_HOME": str(folder / "library")})
    library.create()
    characters = [invent_character(seed) for seed in range(1, seeds + 1)]
    judge = Judge()
    with open_catalog(library, actor="cli") as catalog, progress_line(Show(json=as_json)) as report:

        def measure(who: Character, condition: Condition, place: Path) -> Result:
            return measure_unit(catalog, place, who, condition, design, judge, report)

        units = run_units(folder, characters, measure, lambda text: print(text, file=sys.stderr, flush=True))
    claims = weigh_claims(units, characters)
    found, page = describe(claims, design, characters), write_report(claims, design, characters)
    write_json(home / "claims.json", found)
    (home / "claims.md").write_text(page, encoding="utf-8")
    if as_json:
        print_json(found)
        return
    for claim in claims:
        print_text(f"\n{claim.claim}\n{claim.verdict.upper()}. {claim.remark}\n")
        print_table(_headers(claim), [_cells(row) for row in claim.rows])
    print_text(f"\n{_METHOD}\n\n{home / 'claims.md'}")


if __name__ == "__main__":
    sys.exit(main())
