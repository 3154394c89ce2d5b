"""Loss curves: read on, smoothed, thinned."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.catalog.run_events import ingest_events, read_steps
from loratui.events import RunEvent
from loratui.runs.curves import Curve, smooth_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.rows import Run
    from tests.runs.conftest import Lab


def tell(lab: Lab, run: Run, losses: Sequence[tuple[int, object]], *, after: int = 0) -> None:
    """Ingest steps as a trainer would tell them: (step, loss)."""
    events = [
        RunEvent(seq=after + place, type="step", data={"step": step, "loss": loss, "lr": 1e-4, "epoch": 1})
        for place, (step, loss) in enumerate(losses, start=1)
    ]
    ingest_events(lab.catalog, run.id, events)


def test_a_curve_reads_on_from_where_it_was(lab: Lab) -> None:
    run = lab.queue()
    curve = Curve(run.id)
    assert curve.read_on(lab.catalog) == 0
    assert curve.thin(10) == []
    tell(lab, run, [(1, 1.0), (2, 0.5)])
    assert curve.read_on(lab.catalog) == 2
    tell(lab, run, [(3, 0.25)], after=2)
    assert curve.read_on(lab.catalog) == 1
    assert curve.read_on(lab.catalog) == 0
    assert [(bin.step, bin.loss, bin.learning_rate) for bin in curve.thin(10)] == [
        (1, 1.0, 1e-4),
        (2, 0.5, 1e-4),
        (3, 0.25, 1e-4),
    ]


def test_a_step_done_again_after_a_resume_counts_once(lab: Lab) -> None:
    run = lab.queue()
    tell(lab, run, [(1, 9.0), (2, 9.0), (3, 9.0), (2, 1.0), (3, 2.0), (4, 3.0)])
    curve = Curve(run.id)
    curve.read_on(lab.catalog)
    assert [(bin.step, bin.loss) for bin in curve.thin(10)] == [(1, 9.0), (2, 1.0), (3, 2.0), (4, 3.0)]


def test_what_is_no_number_is_left_out(lab: Lab) -> None:
    run = lab.queue()
    tell(lab, run, [(1, 1.0), (2, None), (3, "nan"), (4, 2.0)])
    assert [(step, loss) for _, step, loss, _ in read_steps(lab.catalog, run.id)] == [(1, 1.0), (4, 2.0)]


def test_thinning_keeps_the_extremes_and_the_last_step(lab: Lab) -> None:
    run = lab.queue()
    tell(lab, run, [(step, 50.0 if step == 137 else 1.0) for step in range(1, 1001)])
    curve = Curve(run.id)
    curve.read_on(lab.catalog)
    bins = curve.thin(7)
    assert len(bins) == 7
    assert bins[-1].step == 1000
    assert max(bin.highest for bin in bins) == 50.0
    assert all(bin.lowest <= bin.loss <= bin.highest for bin in bins)
    assert [bin.step for bin in bins] == sorted({bin.step for bin in bins})


@given(st.lists(st.floats(-1e6, 1e6), max_size=50), st.floats(0, 0.999))
def test_smoothing_stays_within_what_was(values: list[float], weight: float) -> None:
    smooth = smooth_values(values, weight)
    assert len(smooth) == len(values)
    for place, value in enumerate(smooth):
        seen = values[: place + 1]
        slack = 1e-6 * max(1.0, *map(abs, seen))
        assert min(seen) - slack <= value <= max(seen) + slack


def test_smoothing_starts_at_the_first_value() -> None:
    assert smooth_values([4.0, 4.0])[0] == pytest.approx(4.0)
    assert math.isclose(smooth_values([0.0, 1.0], 0.5)[1], 2 / 3)
