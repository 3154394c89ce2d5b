"""The bucket rule against vectors computed by sd-scripts' own rule, and what must hold for every picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loratui.dataset.buckets import BucketSettings, make_buckets, select_bucket
from loratui.errors import RefusedError, UsageError

AT_512 = BucketSettings(512, 64, 256, 1024)
AT_1024 = BucketSettings(1024, 64, 256, 2048)


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        (AT_512, 17),
        (BucketSettings(768, 64, 256, 1024), 19),
        (AT_1024, 41),
        (BucketSettings(1024, 64, 512, 2048), 33),
        (BucketSettings(1024, 64, 256, 1024), 25),
    ],
)
def test_the_candidate_list_has_kohyas_length(settings: BucketSettings, count: int) -> None:
    assert len(make_buckets(settings)) == count


@pytest.mark.parametrize(
    ("picture", "settings", "bucket", "resized"),
    [
        ((1920, 1080), AT_512, (640, 384), (683, 384)),
        ((1920, 1080), AT_1024, (1344, 768), (1365, 768)),
        ((3000, 4000), AT_512, (448, 576), (448, 597)),
        ((3000, 4000), AT_1024, (896, 1152), (896, 1195)),
        ((640, 480), AT_1024, (1152, 896), (1195, 896)),
        ((1000, 1500), AT_512, (384, 640), (427, 640)),
        ((1000, 1500), AT_1024, (832, 1216), (832, 1248)),
        ((333, 777), AT_512, (320, 768), (329, 768)),
        ((700, 300), AT_512, (768, 320), (768, 329)),
    ],
)
def test_pictures_get_kohyas_bucket_when_enlarging_is_allowed(
    picture: tuple[int, int], settings: BucketSettings, bucket: tuple[int, int], resized: tuple[int, int]
) -> None:
    chosen = select_bucket(*picture, settings)
    assert (chosen.width, chosen.height) == bucket
    assert (chosen.resized_width, chosen.resized_height) == resized


@pytest.mark.parametrize(
    ("picture", "resolution", "bucket", "resized"),
    [
        ((1920, 1080), 512, (640, 384), (683, 384)),
        ((1920, 1080), 1024, (1344, 768), (1365, 768)),
        ((3000, 4000), 512, (384, 512), None),
        ((3000, 4000), 1024, (832, 1088), (832, 1109)),
        ((640, 480), 1024, (640, 448), (640, 480)),
        ((1000, 1500), 512, (384, 576), None),
        ((1000, 1500), 1024, (832, 1216), (832, 1248)),
        ((333, 777), 512, (320, 768), (333, 777)),
        ((700, 300), 512, (640, 256), None),
    ],
)
def test_pictures_get_kohyas_bucket_when_they_are_never_enlarged(
    picture: tuple[int, int], resolution: int, bucket: tuple[int, int], resized: tuple[int, int] | None
) -> None:
    chosen = select_bucket(*picture, BucketSettings(resolution, 64, 256, 2048, upscale=False))
    assert (chosen.width, chosen.height) == bucket
    assert resized is None or (chosen.resized_width, chosen.resized_height) == resized


def test_the_crop_is_centred_and_odd_pixels_fall_off_the_far_side() -> None:
    chosen = select_bucket(1920, 1080, AT_512)
    assert (chosen.crop_left, chosen.crop_top) == (21, 0)


def test_a_picture_of_a_bucket_size_is_not_resized() -> None:
    chosen = select_bucket(448, 576, AT_512)
    assert (chosen.width, chosen.height, chosen.resized_width, chosen.resized_height) == (448, 576, 448, 576)


@pytest.mark.parametrize("settings", [BucketSettings(2048, 64, 256, 1024), BucketSettings(128, 64, 256, 1024)])
def test_a_resolution_outside_the_limits_is_a_usage_error(settings: BucketSettings) -> None:
    with pytest.raises(UsageError) as caught:
        make_buckets(settings)
    assert caught.value.hint


@pytest.mark.parametrize("picture", [(6000, 12), (63, 63), (60000, 60)])
def test_a_picture_narrower_than_a_step_is_refused_when_it_may_not_be_enlarged(picture: tuple[int, int]) -> None:
    with pytest.raises(RefusedError) as caught:
        select_bucket(*picture, BucketSettings(512, 64, 256, 1024, upscale=False))
    assert "too narrow" in caught.value.message


@st.composite
def settings_that_fit(draw: st.DrawFn, upscale: bool) -> BucketSettings:
    step = draw(st.sampled_from([8, 16, 32, 64]))
    resolution = draw(st.integers(step, 1200))
    lowest = draw(st.integers(step, resolution))
    highest = draw(st.integers(resolution, 2400))
    return BucketSettings(resolution, step, lowest, highest, upscale)


sides = st.integers(1, 9000)


@given(settings_that_fit(upscale=True), sides, sides)
def test_a_predefined_bucket_keeps_to_step_area_and_limits_and_the_picture_covers_it(
    settings: BucketSettings, width: int, height: int
) -> None:
    chosen = select_bucket(width, height, settings)
    assert (chosen.width, chosen.height) in make_buckets(settings)
    assert chosen.width % settings.step == chosen.height % settings.step == 0
    assert chosen.width * chosen.height <= settings.resolution**2
    assert min(chosen.width, chosen.height) >= settings.min_side - settings.min_side % settings.step
    assert max(chosen.width, chosen.height) < settings.max_side + settings.step
    assert chosen.resized_width >= chosen.width and chosen.resized_height >= chosen.height
    assert chosen.resized_width == chosen.width or chosen.resized_height == chosen.height


@given(settings_that_fit(upscale=False), sides, sides)
def test_a_picture_that_may_not_be_enlarged_never_is(settings: BucketSettings, width: int, height: int) -> None:
    try:
        chosen = select_bucket(width, height, settings)
    except RefusedError:
        # Either a side is under one step, or it becomes so when the area is cut down to the resolution's.
        shrink = min(1.0, (settings.resolution**2 / (width * height)) ** 0.5)
        assert min(width, height) * shrink < 2 * settings.step
        return
    assert chosen.width % settings.step == chosen.height % settings.step == 0
    assert chosen.width <= chosen.resized_width <= width and chosen.height <= chosen.resized_height <= height


@given(settings_that_fit(upscale=True))
def test_every_candidate_is_its_own_best_bucket(settings: BucketSettings) -> None:
    for width, height in make_buckets(settings):
        chosen = select_bucket(width, height, settings)
        assert (chosen.width, chosen.height) == (width, height)
