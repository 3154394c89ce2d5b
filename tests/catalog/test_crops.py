"""Crops: where they lie, what they refuse, and that the picture stays whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.catalog.crops import MIN_SIDE, crop_to_shape, describe_cut, fit_crop, list_crops, set_crop
from loratui.catalog.journal import history, redo, undo
from loratui.catalog.query import select_ids, select_memberships
from loratui.errors import UsageError

if TYPE_CHECKING:
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

Fill = Callable[..., list[int]]
Content = Callable[[], dict[str, list[tuple[Any, ...]]]]

_sides = st.integers(1, 5000)
_shares = st.floats(0, 1)


@given(width=_sides, height=_sides, shape=st.tuples(_sides, _sides), centre=st.tuples(_shares, _shares))
def test_the_largest_box_of_a_shape_lies_inside_and_touches_two_sides(
    width: int, height: int, shape: tuple[int, int], centre: tuple[float, float]
) -> None:
    left, top, box_width, box_height = fit_crop(width, height, shape, centre=centre)
    assert left >= 0 and top >= 0 and left + box_width <= width and top + box_height <= height
    assert box_width == width or box_height == height
    if min(width, height) >= MIN_SIDE:
        assert min(box_width, box_height) >= MIN_SIDE
    # Off by half a pixel at most, where the shortest side leaves a choice.
    if min(box_width, box_height) > MIN_SIDE:
        across, down = shape
        assert abs(box_width - box_height * across / down) <= 0.5 or abs(box_height - box_width * down / across) <= 0.5


@given(
    width=st.integers(64, 5000),
    height=st.integers(64, 5000),
    shape=st.sampled_from([(1, 1), (512, 768), (3, 2)]),
    scales=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)).map(sorted),
)
def test_a_smaller_scale_never_gives_a_larger_box(
    width: int, height: int, shape: tuple[int, int], scales: list[float]
) -> None:
    small, large = (fit_crop(width, height, shape, scale=scale) for scale in scales)
    assert MIN_SIDE <= small[2] <= large[2] and MIN_SIDE <= small[3] <= large[3]


@pytest.mark.parametrize(
    ("centre", "box"),
    [
        ((0.5, 0.5), (100, 0, 200, 200)),
        ((0.0, 0.5), (0, 0, 200, 200)),
        ((1.0, 0.0), (200, 0, 200, 200)),
        ((0.4, 0.9), (60, 0, 200, 200)),
    ],
)
def test_the_centre_moves_the_box_as_far_as_the_picture_goes(
    centre: tuple[float, float], box: tuple[int, int, int, int]
) -> None:
    assert fit_crop(400, 200, (512, 512), centre=centre) == box


@pytest.mark.parametrize(
    "wrong", [{"scale": 0.0}, {"scale": 1.5}, {"centre": (0.5, 1.1)}, {"centre": (float("nan"), 0.5)}]
)
def test_a_scale_or_a_centre_outside_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        fit_crop(400, 200, (1, 1), **wrong)


def test_a_cut_tells_the_share_and_the_sides() -> None:
    cut = describe_cut(400, 200, (100, 0, 200, 199))
    assert (cut.left, cut.top, cut.right, cut.bottom) == (100, 0, 100, 1)
    assert cut.share == pytest.approx(1 - 200 * 199 / 80_000)
    assert cut.sides == "left 25 %, right 25 %, bottom under 1 %"
    assert describe_cut(400, 200, None).share == 0.0 and describe_cut(400, 200, None).sides == ""


def test_a_crop_is_kept_per_membership_and_undone(
    catalog: Catalog, mira: Subject, fill: Fill, content: Content
) -> None:
    ids = fill(mira, {}, {})
    before = content()
    assert set_crop(catalog, mira, [ids[0]], (10, 20, 300, 400)) == 1
    first, second = select_memberships(catalog, mira)
    assert first.crop == (10, 20, 300, 400) and (first.used_width, first.used_height) == (300, 400)
    assert (first.width, first.height) == (512, 768), "the picture itself stays as it is"
    assert second.crop is None and (second.used_width, second.used_height) == (512, 768)
    assert history(catalog)[0].label == "Mira: crop 1 picture"
    after = content()
    undo(catalog)
    assert content() == before
    redo(catalog)
    assert content() == after
    assert set_crop(catalog, mira, "", None) == 1
    assert content() == before


def test_the_whole_picture_is_no_crop(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    (id_,) = fill(mira, {})
    assert set_crop(catalog, mira, [id_], (0, 0, 512, 768)) == 0
    assert list_crops(catalog, mira) == []


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0, 0, 15, 400), "too small"),
        ((0, 0, 513, 400), "does not lie inside the 512x768"),
        ((-1, 0, 400, 400), "does not lie inside"),
        ((200, 400, 300, 369), "does not lie inside"),
    ],
)
def test_a_crop_that_does_not_fit_one_picture_changes_none(
    catalog: Catalog, mira: Subject, fill: Fill, box: tuple[int, int, int, int], words: str
) -> None:
    fill(mira, {"width": 4000, "height": 4000}, {"name": "small.png"})
    with pytest.raises(UsageError, match=words) as caught:
        set_crop(catalog, mira, "name:small.png OR all", box)
    assert caught.value.hint
    assert list_crops(catalog, mira) == []


def test_a_shape_crops_each_picture_to_its_own_box_in_one_step(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    fill(mira, {}, {"width": 800, "height": 400}, {"width": 300, "height": 300})
    assert crop_to_shape(catalog, mira, "", (1, 1), centre=(0.5, 0.0)) == 2
    assert [row.crop for row in select_memberships(catalog, mira)] == [(0, 0, 512, 512), (200, 0, 400, 400), None]
    assert [row.name for row in list_crops(catalog, mira, "width:800")] == ["002.png"]
    undo(catalog)
    assert list_crops(catalog, mira) == []


def test_queries_find_what_is_cropped(catalog: Catalog, mira: Subject, fill: Fill) -> None:
    ids = fill(mira, {}, {})
    set_crop(catalog, mira, [ids[1]], (0, 0, 100, 100))
    assert list(select_ids(catalog, mira, "crop:yes")) == [ids[1]]
    assert list(select_ids(catalog, mira, "crop:no")) == [ids[0]]
