"""The plan's arithmetic, and that an epoch is exactly as long as the plan says."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.dataset.buckets import BucketSettings, select_bucket
from loratui.dataset.epochs import group_samples, plan_epoch
from loratui.dataset.plan import BucketPlan, make_plan
from loratui.errors import UsageError

PHOTOS = [(1920, 1080, 5), (1920, 1080, 5), (1000, 1500, 2), (512, 512, 2), (300, 300, 2)]


def test_samples_batches_and_steps_follow_the_buckets() -> None:
    plan = make_plan(PHOTOS, batch_size=4, epochs=10)
    assert plan.pictures == 5
    assert plan.buckets == (BucketPlan(384, 640, 2, 1), BucketPlan(512, 512, 4, 2), BucketPlan(640, 384, 10, 2))
    assert plan.samples_per_epoch == 16
    assert plan.batches_per_epoch == 1 + 1 + 3
    assert (plan.steps_per_epoch, plan.total_steps, plan.epochs_for_1500_steps) == (5, 50, 300)


def test_accumulation_rounds_up_once_an_epoch_and_not_once_a_bucket() -> None:
    assert make_plan(PHOTOS, batch_size=4, accumulation=2).steps_per_epoch == 3


def test_several_processes_divide_the_steps_of_sd_scripts_and_not_ours() -> None:
    theirs = make_plan(PHOTOS, batch_size=1, accumulation=2, processes=3, trainer="sd-scripts")
    ours = make_plan(PHOTOS, batch_size=1, accumulation=2, processes=3)
    assert (theirs.batches_per_epoch, theirs.steps_per_epoch) == (16, 3)
    assert (ours.batches_per_epoch, ours.steps_per_epoch) == (16, 8)
    assert any("one process" in note for note in ours.notes)


@pytest.mark.parametrize("trainer", ["loratui", "sd-scripts"])
def test_flipping_changes_no_count_and_the_plan_says_so(trainer: str) -> None:
    plain = make_plan(PHOTOS, trainer=trainer)  # type: ignore[arg-type]
    flipped = make_plan(PHOTOS, trainer=trainer, flip=True)  # type: ignore[arg-type]
    assert flipped.total_steps == plain.total_steps
    assert any("mirrored" in note for note in flipped.notes)
    assert not any("mirrored" in note for note in plain.notes)


def test_the_notes_name_enlarged_pictures_and_empty_places() -> None:
    notes = make_plan(PHOTOS, batch_size=4).notes
    assert any("1 picture is smaller than the training size" in note and "1.7 times" in note for note in notes)
    assert any("4 places of 20" in note for note in notes)


def test_a_step_that_sd_scripts_refuses_is_told() -> None:
    plan = make_plan([(64, 64, 1)], resolution=64, bucket_step=16, min_bucket=32, max_bucket=128, trainer="sd-scripts")
    assert any("multiple of 64" in note for note in plan.notes)


def test_a_subject_without_training_pictures_plans_zero_steps() -> None:
    plan = make_plan([])
    assert (plan.pictures, plan.samples_per_epoch, plan.total_steps, plan.epochs_for_1500_steps) == (0, 0, 0, 0)
    assert "no training pictures" in plan.notes[0]


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"accumulation": 0}, {"processes": 0}, {"epochs": 0}])
def test_counts_below_one_are_a_usage_error(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        make_plan(PHOTOS, **wrong)  # type: ignore[arg-type]


def test_an_epoch_repeats_exactly_and_the_next_one_differs() -> None:
    buckets = [list(range(20)), list(range(20, 33))]
    first = plan_epoch(buckets, batch_size=4, seed=7, epoch=1)
    assert first == plan_epoch(buckets, batch_size=4, seed=7, epoch=1)
    assert first != plan_epoch(buckets, batch_size=4, seed=7, epoch=2)
    assert first != plan_epoch(buckets, batch_size=4, seed=8, epoch=1)


def test_the_order_of_an_epoch_never_changes_between_versions() -> None:
    batches = plan_epoch([[0, 1, 2, 3, 4], [5, 6]], batch_size=2, seed=42, epoch=3)
    assert [(batch.bucket, batch.samples) for batch in batches] == [(0, (1, 0)), (0, (4, 3)), (0, (2,)), (1, (6, 5))]


@given(
    st.lists(st.tuples(st.integers(64, 4000), st.integers(64, 4000), st.integers(1, 9)), max_size=30),
    st.integers(1, 8),
    st.integers(1, 4),
    st.integers(0, 2**32),
)
def test_an_epoch_has_the_planned_batches_and_every_sample_once(
    pictures: list[tuple[int, int, int]], batch_size: int, accumulation: int, seed: int
) -> None:
    plan = make_plan(pictures, batch_size=batch_size, accumulation=accumulation)
    chosen = [select_bucket(width, height, BucketSettings()) for width, height, _ in pictures]
    grouped = group_samples([(bucket.width, bucket.height) for bucket in chosen], [times for _, _, times in pictures])
    assert [(*size, len(samples)) for size, samples in grouped.items()] == [
        (bucket.width, bucket.height, bucket.samples) for bucket in plan.buckets
    ]

    batches = plan_epoch(list(grouped.values()), batch_size=batch_size, seed=seed, epoch=1)
    assert len(batches) == plan.batches_per_epoch
    assert len(range(0, len(batches), accumulation)) == plan.steps_per_epoch
    assert all(1 <= len(batch.samples) <= batch_size for batch in batches)
    sizes = list(grouped)
    for batch in batches:
        assert {(chosen[picture].width, chosen[picture].height) for picture in batch.samples} == {sizes[batch.bucket]}
    uses = Counter(picture for batch in batches for picture in batch.samples)
    assert [uses[number] for number in range(len(pictures))] == [times for _, _, times in pictures]
