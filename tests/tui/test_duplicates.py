"""The duplicates screen, driven by keys: what each verdict leaves in the library, and that undo brings groups back."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from PIL import Image, ImageOps
from textual.widgets import Static
from waiting import until

from loratui.catalog import dedupe, importer, subjects
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_rating, set_repeats, set_role
from loratui.catalog.store import open_catalog
from loratui.tui.comparing import compare_pictures
from loratui.tui.duplicates import DuplicatesScreen
from loratui.tui.group_view import GroupView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

SIZE = (120, 40)


def draw(seed: int, side: int = 256) -> Image.Image:
    """A picture with structure and colour at every scale, unlike that of any other seed."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((side, side, 3))
    for cells in (3, 6, 12, 24, 48, 96):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        canvas += np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float64) / cells**0.7
    canvas = (canvas - canvas.min()) / (canvas.max() - canvas.min()) * 255
    return Image.fromarray(canvas.astype(np.uint8))


@pytest.fixture
def twins(home: Home, tmp_path: Path) -> Home:
    """Mira with three groups: b.png twice with the same pixels, a.png and a small copy, c.png and its mirror image."""
    folder = tmp_path / "twins"
    folder.mkdir()
    for seed, name in enumerate("abcd"):
        draw(seed).save(folder / f"{name}.png")
    draw(0).resize((200, 200)).save(folder / "a_small.jpg", quality=92)
    draw(1).save(folder / "b_again.bmp")
    ImageOps.mirror(draw(2)).resize((220, 220)).save(folder / "c_mirrored.png")
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok")
        importer.import_pictures(catalog, "Mira", [folder])
        found = dedupe.find_groups(catalog, "Mira")
        assert [sorted(one.name for one in group.pictures) for group in found] == [
            ["b.png", "b_again.bmp"],
            ["a.png", "a_small.jpg"],
            ["c.png", "c_mirrored.png"],
        ]
    return home


def names(home: Home, query: str) -> list[str]:
    with open_catalog(home) as catalog:
        return sorted(picture.name for picture in select_memberships(catalog, "Mira", query))


def groups_left(home: Home) -> int:
    with open_catalog(home) as catalog:
        return len(dedupe.find_groups(catalog, "Mira"))


async def open_screen(pilot: Pilot[None], settle: Callable[..., Awaitable[None]]) -> DuplicatesScreen:
    app = cast("LoratuiApp", pilot.app)
    app.show_screen("duplicates", subject="Mira")
    await settle(pilot)
    assert isinstance(app.screen, DuplicatesScreen)
    return app.screen


def drawn(screen: DuplicatesScreen) -> str:
    view = screen.query_one(GroupView)
    return "\n".join(view.render_line(y).text for y in range(view.size.height))


async def test_the_surest_group_comes_first_and_says_what_differs(
    twins: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        assert screen.group is not None
        assert screen.group.tier == "same_pixels"
        await pilot.press("j")
        text = drawn(screen)
        assert "200x200" in text
        assert "▲ 256x256" in text
        assert "▲ PNG" in text
        assert "✓ suggested best" in text
        lead = str(screen.query_one("#lead", Static).render())
        assert "Group 2 of 3" in lead
        assert "keep a.png  largest (256x256)" in lead
        await pilot.press("down")
        assert "one is mirrored" in str(screen.query_one("#lead", Static).render())


async def test_enter_keeps_the_best_rejects_the_others_with_the_reason_and_goes_on(
    twins: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("j", "enter")
        assert len(screen.groups) == 2
        assert screen.picture is not None
        assert screen.picture.name == "c.png"
        await settle(pilot)
        with open_catalog(twins) as catalog:
            (rejected,) = select_memberships(catalog, "Mira", "role:rejected")
        assert (rejected.name, rejected.reject_reason) == ("a_small.jpg", "duplicate of a.png")
        assert "u undoes" in screen.message_line.text


@pytest.fixture
def sorted_twins(twins: Home) -> Home:
    """The mirrored picture is primary with 5 stars and repeats of its own, its twin supports."""
    with open_catalog(twins) as catalog:
        set_role(catalog, "Mira", "primary", "name:c_mirrored.png")
        set_rating(catalog, "Mira", 5, "name:c_mirrored.png")
        set_repeats(catalog, "Mira", 6, "name:c_mirrored.png")
        set_role(catalog, "Mira", "supporting", "name:c.png")
    return twins


@pytest.mark.parametrize("keys", [("end", "enter"), ("A",)])
async def test_acting_on_groups_keeps_what_was_made_primary_and_says_why(
    keys: tuple[str, ...],
    sorted_twins: Home,
    make_app: Callable[..., LoratuiApp],
    settle: Callable[..., Awaitable[None]],
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("end")
        assert "keep c_mirrored.png  primary, 5 stars" in str(screen.query_one("#lead", Static).render())
        await pilot.press(*keys)
        await settle(pilot)
    assert "c.png" in names(sorted_twins, "role:rejected")
    assert names(sorted_twins, "role:primary repeats:6 rating:5") == ["c_mirrored.png"]


async def test_keeping_the_lesser_one_hands_over_what_was_said_of_the_other_and_tells(
    sorted_twins: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("end")
        assert screen.group is not None
        other = next(place for place, one in enumerate(screen.group.pictures) if one.name == "c.png")
        await pilot.press("left" if other == 0 else "right", "b")
        await settle(pilot)
        told = "Kept c.png, rejected 1 duplicate: c.png is primary, 5 stars, x6 now. u undoes."
        assert screen.message_line.text == told
        assert names(sorted_twins, "role:primary repeats:6 rating:5") == ["c.png"]
        command = cast("LoratuiApp", pilot.app).last_command
        assert command[:4] == ["dupes", "resolve", "Mira", "--keep"]
        await pilot.press("u")
        await settle(pilot)
        assert names(sorted_twins, "role:primary") == ["c_mirrored.png"]
        assert names(sorted_twins, "role:supporting rating:0") == ["c.png"]
        assert screen.group is not None
        assert screen.group.best.name == "c_mirrored.png"


async def test_rejecting_the_weightier_one_says_what_the_other_stays(
    sorted_twins: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("end", "x")
        await settle(pilot)
        told = "Rejected c_mirrored.png: c.png stays supporting, without stars, x2. u undoes."
        assert screen.message_line.text == told


async def test_b_keeps_the_picture_under_the_cursor_instead(
    twins: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("j")
        assert screen.picture is not None
        assert screen.picture.name == "a.png"
        await pilot.press("right" if screen.cursor == 0 else "left", "b")
        await settle(pilot)
    assert names(twins, "role:rejected") == ["a.png"]


async def test_x_rejects_one_and_a_group_of_two_is_done(
    twins: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("j", "x")
        await settle(pilot)
        assert len(screen.groups) == 2
    with open_catalog(twins) as catalog:
        (rejected,) = select_memberships(catalog, "Mira", "role:rejected")
    assert (rejected.name, rejected.reject_reason) == ("a.png", "duplicate of a_small.jpg")


@pytest.mark.parametrize(("key", "verdict"), [("n", "not_duplicates"), ("a", "alternates")])
async def test_a_verdict_is_remembered_and_rejects_nothing(
    key: str,
    verdict: str,
    twins: Home,
    make_app: Callable[..., LoratuiApp],
    settle: Callable[..., Awaitable[None]],
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        await open_screen(pilot, settle)
        await pilot.press(key)
        await settle(pilot)
        command = cast("LoratuiApp", pilot.app).last_command
        assert command[:3] == ["dupes", "keep", "Mira"]
        assert ("--alternates" in command) is (verdict == "alternates")
    assert names(twins, "role:rejected") == []
    assert groups_left(twins) == 2


async def test_all_groups_can_be_settled_and_the_end_says_so(
    twins: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("enter", "n", "a")
        await settle(pilot)
        assert screen.groups == ()
        assert "No duplicates left." in str(screen.query_one("#nothing", Static).render())
        await pilot.press("enter")
        assert screen.message_line.text == "No duplicates left."
    assert groups_left(twins) == 0
    assert len(names(twins, "role:rejected")) == 1


async def test_capital_a_resolves_every_sure_group_in_one_step(
    twins: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        sure = sum(group.tier != "near" for group in screen.groups)
        await pilot.press("A")
        await settle(pilot)
        assert len(names(twins, "role:rejected")) == sure
        await pilot.press("u")
        await settle(pilot)
        assert names(twins, "role:rejected") == []
        assert len(screen.groups) == 3


async def test_undo_brings_the_group_back_and_puts_it_on_screen(
    twins: Home,
    make_app: Callable[..., LoratuiApp],
    settle: Callable[..., Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        before = list(screen.groups)
        # From here on nothing may be compared anew: on a large subject that takes seconds.
        monkeypatch.setattr(dedupe, "find_groups", None)
        await pilot.press("j", "enter", "n")
        await settle(pilot)
        assert len(screen.groups) == 1
        await pilot.press("u")
        await settle(pilot)
        assert screen.group == before[2]
        await pilot.press("u")
        await settle(pilot)
        assert list(screen.groups) == before
        assert screen.group == before[1]
        assert names(twins, "role:rejected") == []
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert len(screen.groups) == 2
        assert names(twins, "role:rejected") == ["a_small.jpg"]


async def test_a_verdict_given_elsewhere_shows_by_itself(
    twins: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        with open_catalog(twins) as catalog:
            dedupe.resolve(catalog, "Mira", "name:a.png")
        await until(pilot, lambda: len(screen.groups) == 2)
        assert {group.best.name for group in screen.groups} == {"b_again.bmp", "c.png"}


async def test_a_group_of_more_than_fit_follows_the_cursor_and_shrinks_with_each_reject(
    home: Home, tmp_path: Path, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(6):
        draw(1).resize((256 - 8 * number,) * 2).save(folder / f"copy_{number}.png")
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok")
        importer.import_pictures(catalog, "Mira", [folder])
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await open_screen(pilot, settle)
        assert "copy_5" not in drawn(screen)
        await pilot.press("l", "l", "l", "l", "l")
        assert "copy_5" in drawn(screen)
        assert "more <" in drawn(screen)
        await pilot.press("x")
        await settle(pilot)
        assert screen.group is not None
        assert len(screen.group.pictures) == 5
        await pilot.press("enter")
        await settle(pilot)
        assert screen.groups == ()
    assert len(names(home, "role:rejected")) == 5


@pytest.fixture
def copies(home: Home, tmp_path: Path) -> Home:
    """Mira with one group of four sizes of one picture, copy_0.png the largest, and a pair of another picture."""
    folder = tmp_path / "copies"
    folder.mkdir()
    for number in range(4):
        draw(1).resize((256 - 16 * number,) * 2).save(folder / f"copy_{number}.png")
    for number in range(2):
        draw(2).resize((256 - 64 * number,) * 2).save(folder / f"other_{number}.png")
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok")
        importer.import_pictures(catalog, "Mira", [folder])
    return home


async def test_marked_pictures_are_kept_or_rejected_together(
    copies: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        assert screen.group is not None
        assert len(screen.group.pictures) == 4
        await pilot.press("home", "h", "h", "h", "space", "space")
        assert "● copy_0.png" in drawn(screen)
        await pilot.press("b")
        await settle(pilot)
        assert names(copies, "role:rejected") == ["copy_2.png", "copy_3.png"]
        # The two that were kept are still alike, and nothing was said about them.
        assert screen.group is not None
        assert sorted(picture.name for picture in screen.group.pictures) == ["copy_0.png", "copy_1.png"]
        await pilot.press("u")
        await settle(pilot)
        await pilot.press("h", "h", "h", "space", "space", "x")
        await settle(pilot)
        assert names(copies, "role:rejected") == ["copy_0.png", "copy_1.png"]


async def test_a_single_marked_picture_is_told_apart_from_all_others_of_its_group(
    copies: Home, make_app: Callable[..., LoratuiApp], settle: Callable[..., Awaitable[None]]
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("h", "h", "h", "space", "n")
        await settle(pilot)
        assert screen.group is not None
        assert sorted(picture.name for picture in screen.group.pictures) == ["copy_1.png", "copy_2.png", "copy_3.png"]
        # One verdict after another that left a group unsure: what is shown in the end is what the library says.
        await pilot.press("x", "j", "enter")
        await settle(pilot)
        with open_catalog(copies) as catalog:
            found = dedupe.find_groups(catalog, "Mira")
        assert [[one.id for one in group.pictures] for group in found] == [
            [one.id for one in group.pictures] for group in screen.groups
        ]
    assert len(names(copies, "role:rejected")) == 2


def test_only_what_differs_is_compared_and_tags_of_one_alone_are_named(twins: Home) -> None:
    with open_catalog(twins) as catalog:
        set_role(catalog, "Mira", "primary", "name:a.png")
        pictures = select_memberships(catalog, "Mira", "name:a*")
    captions = {pictures[0].id: "photo of Mirvok, smile", pictures[1].id: "photo of Mirvok, smile, hat"}
    found = compare_pictures(pictures, captions)
    lines = {line.label: line for line in found.differing}
    assert lines["only here"].values == ("-", "hat")
    assert lines["role"].best == {[picture.name for picture in pictures].index("a.png")}
    assert "rating" in found.same
    assert "size" in lines
