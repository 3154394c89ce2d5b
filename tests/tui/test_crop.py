"""The crop screen, driven by keys: what is kept in the library, undo, and what it says will be cut."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from textual.widgets import Static
from waiting import until

from loratui.catalog import crops, importer, subjects
from loratui.catalog.bases import add_base
from loratui.catalog.crops import MIN_SIDE
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import remove_pictures
from loratui.catalog.store import open_catalog
from loratui.dataset.buckets import BucketSettings, select_bucket
from loratui.dataset.inspection import place_picture
from loratui.tui.crop import CropScreen
from loratui.tui.cropping import CropDraft, list_shapes, order_shapes, start_draft
from loratui.tui.facts import tell_placing
from loratui.tui.picture_view import PictureView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from textual.pilot import Pilot

    from loratui.catalog.rows import Membership
    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]

SIZE = (100, 36)
SMALL = BucketSettings(64, 16, 32, 128)


@pytest.fixture
def framed(home: Home, tmp_path: Path) -> Home:
    """Mira with wide.png (320x160) and tall.png (150x300), and a base of 64 px, so that buckets are small."""
    folder = tmp_path / "framed"
    folder.mkdir()
    for name, size in (("wide", (320, 160)), ("tall", (150, 300))):
        picture = Image.new("RGB", size, (40, 90, 150) if name == "wide" else (150, 90, 40))
        ImageDraw.Draw(picture).ellipse((20, 20, 120, 120), fill=(230, 200, 60))
        picture.save(folder / f"{name}.png")
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok")
        importer.import_pictures(catalog, "Mira", [folder / "wide.png", folder / "tall.png"])
        add_base(catalog, "small", tmp_path, family="cast", layout="folder", resolution=64)
    return home


def picture(home: Home, name: str) -> Membership:
    with open_catalog(home) as catalog:
        (found,) = select_memberships(catalog, "Mira", f"name:{name}.png")
    return found


async def open_screen(pilot: Pilot[None], settle: Settle, home: Home, *names: str) -> CropScreen:
    app = cast("LoratuiApp", pilot.app)
    ids = tuple(picture(home, name).id for name in names or ("wide", "tall"))
    app.show_screen("crop", subject="Mira", ids=ids, place=0)
    await settle(pilot)
    assert isinstance(app.screen, CropScreen)
    return app.screen


def facts(screen: CropScreen) -> str:
    return str(screen.query_one("#facts", Static).render())


async def test_it_starts_with_what_training_would_take_in_the_nearest_bucket_shape(
    framed: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, framed)
        # Of the buckets of 64 px, 80x48 (1.67) is nearest to 2:1.
        assert screen.box == (27, 0, 267, 160)
        text = facts(screen)
        assert "[80x48]" in text
        assert "not cropped" in text
        assert "left 8 %, right 8 %" in text
        assert "80x48 of small" in text
        assert "shrunk to 30 %" in text
        assert screen.query_one(PictureView).source is not None
    assert picture(framed, "wide").crop is None


async def test_what_training_cuts_by_itself_is_what_the_wall_says_and_what_is_kept_where_nothing_is_moved(
    framed: Home, make_app: MakeApp, settle: Settle, tmp_path: Path
) -> None:
    Image.new("RGB", (144, 256), (90, 20, 60)).save(tmp_path / "phone.png")
    with open_catalog(framed) as catalog:
        importer.import_pictures(catalog, "Mira", [tmp_path / "phone.png"])
    placing = place_picture(144, 256, SMALL)
    assert placing is not None
    bucket = placing.bucket
    # The 5 rows too many of 85 are cut 2 and 3, as training does.
    assert (bucket.width, bucket.height, bucket.resized_height, bucket.crop_top) == (48, 80, 85, 2)
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, framed, "phone")
        assert tell_placing(placing, "of small") == "48x80 of small, cuts top 2 %, bottom 4 %"
        text = facts(screen)
        assert "top 2 %, bottom 4 %" in text
        assert "besides" not in text
        assert screen.box == (0, 6, 144, 240)
        await pilot.press("enter")
        await settle(pilot)
        assert "top 2 %, bottom 4 %" in facts(screen)
    assert picture(framed, "phone").crop == (0, 6, 144, 240)


@given(width=st.integers(16, 4000), height=st.integers(16, 4000))
def test_the_box_to_start_with_is_the_part_that_training_takes(width: int, height: int) -> None:
    member = cast("Membership", SimpleNamespace(width=width, height=height, crop=None))
    shapes = list_shapes(SMALL)
    left, top, box_width, box_height = start_draft(member, shapes, SMALL).box
    bucket = select_bucket(width, height, SMALL)
    across, down = width / bucket.resized_width, height / bucket.resized_height
    # No further off than resizing to whole pixels is, and than a side that must not get too short.
    slack = 1 + MIN_SIDE * (min(box_width, box_height) <= MIN_SIDE)
    assert left == pytest.approx(bucket.crop_left * across, abs=slack + across)
    assert top == pytest.approx(bucket.crop_top * down, abs=slack + down)
    assert box_width == pytest.approx(bucket.width * across, abs=slack + across)
    assert box_height == pytest.approx(bucket.height * down, abs=slack + down)


async def test_enter_keeps_the_box_and_undo_and_redo_show_it(framed: Home, make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, framed)
        await pilot.press("tab", "minus", "minus", "left")
        assert "not kept yet" in facts(screen)
        box = screen.box
        await pilot.press("enter")
        assert screen.box == box
        await settle(pilot)
        assert picture(framed, "wide").crop == box
        assert "kept" in facts(screen)
        assert "is cropped to" in screen.message_line.text
        command = cast("LoratuiApp", pilot.app).last_command
        assert box is not None
        assert command[-2:] == ["--box", ",".join(map(str, box))]
        await pilot.press("u")
        await settle(pilot)
        assert picture(framed, "wide").crop is None
        assert "not cropped" in facts(screen)
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert picture(framed, "wide").crop == box == screen.box


async def test_r_uses_the_whole_picture_again(framed: Home, make_app: MakeApp, settle: Settle) -> None:
    with open_catalog(framed) as catalog:
        crops.set_crop(catalog, "Mira", "name:wide.png", (10, 20, 100, 60))
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, framed)
        assert screen.box == (10, 20, 100, 60)
        assert "kept" in facts(screen)
        await pilot.press("enter")
        assert screen.message_line.text == "This crop is kept already."
        await pilot.press("r")
        await settle(pilot)
        assert picture(framed, "wide").crop is None
        await pilot.press("r")
        assert screen.message_line.text == "The whole picture is used already."


async def test_tab_goes_through_the_shapes_from_near_to_far_and_back(
    framed: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, framed, "tall")
        order = order_shapes(150, 300, list_shapes(SMALL))
        for key, shape in (("tab", order[1]), ("tab", order[2]), ("tab", order[3]), ("shift+tab", order[2])):
            await pilot.press(key)
            assert screen.draft is not None
            assert screen.draft.shape == shape
            width, height = screen.draft.box[2:]
            assert width / height == pytest.approx(shape[0] / shape[1], rel=0.03)


async def test_the_box_stops_at_the_edges_and_moves_further_with_shift(
    framed: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, framed)
        start = screen.box
        assert start is not None
        await pilot.press("l")
        assert screen.box == (start[0] + 3, *start[1:])
        await pilot.press("H")
        assert screen.box == (start[0] + 3 - 15, *start[1:])
        await pilot.press(*["left"] * 30)
        assert screen.box == (0, *start[1:])
        assert screen.message_line.text == "The box is at the edge."
        await pilot.press("plus")
        assert screen.message_line.text == "The box is as large as it can be."


async def test_a_box_below_its_bucket_is_warned_of(framed: Home, make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, framed)
        await pilot.press(*["minus"] * 60)
        assert "! smaller than its bucket: enlarged" in facts(screen)
        assert screen.box is not None
        assert min(screen.box[2:]) >= MIN_SIDE
        await pilot.press("enter")
        await settle(pilot)
        assert picture(framed, "wide").crop == screen.box


async def test_drafts_wait_for_their_picture_and_leaving_says_what_was_not_kept(
    framed: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, framed)
        await pilot.press("minus", "minus")
        box = screen.box
        await pilot.press("n")
        await settle(pilot)
        assert screen.picture is not None
        assert screen.picture.name == "tall.png"
        await pilot.press("n")
        assert screen.message_line.text == "This is the last picture."
        await pilot.press("N")
        assert screen.box == box
        app = cast("LoratuiApp", pilot.app)
        await pilot.press("f2")
        await settle(pilot)
        assert app.messages[-1].text == "1 crop not kept: enter would have."
    assert picture(framed, "wide").crop is None


async def test_a_crop_made_elsewhere_shows_by_itself(framed: Home, make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, framed)
        with open_catalog(framed) as catalog:
            crops.set_crop(catalog, "Mira", "name:wide.png", (0, 0, 80, 48))
        await until(pilot, lambda: screen.box == (0, 0, 80, 48))
        with open_catalog(framed) as catalog:
            remove_pictures(catalog, "Mira", "name:wide.png")
        await until(pilot, lambda: screen.picture is None)
        assert "not in the subject any more" in facts(screen)
        await pilot.press("enter")
        assert screen.message_line.text == "The picture is gone."


SIDES = st.integers(MIN_SIDE, 3000)


@given(SIDES, SIDES, st.sampled_from(list_shapes(SMALL)), st.lists(st.sampled_from("hjklHJKL+-t"), max_size=25))
def test_a_box_always_lies_inside_the_picture(width: int, height: int, shape: tuple[int, int], keys: list[str]) -> None:
    draft = CropDraft(width, height, shape)
    shapes = list_shapes(SMALL)
    for key in keys:
        before = draft.box
        if key in "+-":
            draft = draft.grow(1 if key == "+" else -1)
            assert (draft.box[2:] >= before[2:]) if key == "+" else (draft.box[2:] <= before[2:])
        elif key == "t":
            draft = draft.reshape(shapes[(shapes.index(draft.shape) + 1) % len(shapes)])
        else:
            across, down = {"h": (-1, 0), "l": (1, 0), "k": (0, -1), "j": (0, 1)}[key.lower()]
            draft = draft.move(across, down, 5 if key.isupper() else 1)
            assert draft.box[2:] == before[2:]
        crops.check_crop(width, height, draft.box)


def test_a_kept_crop_is_taken_up_where_it_was(framed: Home) -> None:
    shapes = list_shapes(SMALL)
    draft = CropDraft(320, 160, (64, 64)).grow(-6).move(1, 0, 9).move(0, 1, 3)
    with open_catalog(framed) as catalog:
        crops.set_crop(catalog, "Mira", "name:wide.png", draft.box)
    again = start_draft(picture(framed, "wide"), shapes, SMALL)
    assert again.shape == (64, 64)
    assert all(abs(one - other) <= 1 for one, other in zip(again.box, draft.box, strict=True))


@pytest.mark.parametrize("size", [(9, 16), (16, 9), (16, 16)])
async def test_a_picture_too_small_to_crop_says_so_once(
    home: Home, tmp_path: Path, make_app: MakeApp, settle: Settle, size: tuple[int, int]
) -> None:
    Image.new("RGB", size, (40, 90, 150)).save(tmp_path / "tiny.png")
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok")
        importer.import_pictures(catalog, "Mira", [tmp_path / "tiny.png"])
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, home, "tiny")
        assert "too small to crop" in str(screen.query_one("#facts", Static).content)
        for key in ("tab", "minus", "plus", "left", "enter", "r"):
            await pilot.press(key)
            assert "too small to crop" in screen.message_line.text, key
        assert screen.draft is None
    assert picture(home, "tiny").crop is None


async def test_a_remark_of_the_crop_goes_away_with_the_next_key(
    framed: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle, framed)
        await pilot.press("plus")
        assert "as large as it can be" in screen.message_line.text
        await pilot.press("minus")
        assert screen.message_line.text == ""
