"""The balance screen, driven by keys: repeats in the library, the proposal, exact steps, and the coverage matrix."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, cast

import pytest
from textual.widgets import Static

from loratui.captions.needs import needs_of
from loratui.captions.samey import samey_of
from loratui.catalog import edits, roles, subjects
from loratui.catalog.bases import add_base
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.runs.steps import plan_subject
from loratui.tui.balance import BalanceScreen
from loratui.tui.coverage_view import CoverageView

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]

SIZE = (120, 40)


@pytest.fixture
def sorted_mira(mira: Home) -> Home:
    """Mira with four primary and seven supporting pictures, and a small base."""
    with open_catalog(mira) as catalog:
        ids = [picture.id for picture in select_memberships(catalog, "Mira")]
        roles.set_role(catalog, "Mira", "primary", ids[:4])
        roles.set_role(catalog, "Mira", "supporting", ids[4:11])
        subjects.edit_subject(catalog, "Mira", primary_repeats=2, supporting_repeats=1)
        add_base(catalog, "small", mira.data, family="cast", layout="folder", resolution=64)
    return mira


@pytest.fixture
def tagged_mira(sorted_mira: Home) -> Home:
    """The same with tags: three portraits from the front, two from the side, the others of the full body."""
    with open_catalog(sorted_mira) as catalog:
        ids = [picture.id for picture in select_memberships(catalog, "Mira")]
        edits.add_tags(catalog, "Mira", ids[:3], ["portrait", "facing viewer", "smile"])
        edits.add_tags(catalog, "Mira", ids[3:5], ["portrait", "from side", "white background"])
        edits.add_tags(catalog, "Mira", ids[5:11], ["full body", "grass", "expressionless"])
        # A scene of which one picture is enough.
        scene = ["from behind", "solo", "red shirt", "blue pants", "backpack", "tree", "day"]
        edits.add_tags(catalog, "Mira", ids[8:11], scene)
    return sorted_mira


def repeats_of(home: Home) -> tuple[int, int]:
    with open_catalog(home) as catalog:
        mira = subjects.get_subject(catalog, "Mira")
    return mira.primary_repeats, mira.supporting_repeats


async def open_screen(pilot: Pilot[None], settle: Settle) -> BalanceScreen:
    app = cast("LoratuiApp", pilot.app)
    app.show_screen("balance", subject="Mira")
    await settle(pilot)
    assert isinstance(app.screen, BalanceScreen)
    return app.screen


def text_of(screen: BalanceScreen, id_: str) -> str:
    return str(screen.query_one(id_, Static).render())


def matrix_of(screen: BalanceScreen) -> str:
    return str(screen.query_one(CoverageView).render())


async def test_training_pictures_without_a_tag_for_the_matrix_are_counted_as_what_they_are(
    sorted_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(sorted_mira) as catalog:
        ids = [picture.id for picture in select_memberships(catalog, "Mira")]
        edits.add_tags(catalog, "Mira", ids[:1], ["portrait", "facing viewer"])
        edits.add_tags(catalog, "Mira", ids[1:], ["freckles"])
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await open_screen(pilot, settle)
        assert "11 training pictures, 10 without tags for this; repeats count" in matrix_of(screen)


async def test_it_shows_what_each_role_weighs_the_ratio_and_what_would_bring_it_to_two(
    sorted_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        text = text_of(screen, "#influence")
        assert "primary              4       x2        8    53 %" in text
        assert "Ratio  1.14" in text
        assert "enter sets primary x7, supporting x2: ratio 2.00" in text
        assert "not in training: 1 inbox" in text


async def test_keys_change_the_repeats_in_the_library_and_undo_takes_each_back(
    sorted_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("p", "p", "s", "P")
        # What is shown is ahead of the library.
        assert screen.repeats == (3, 2)
        await settle(pilot)
        assert repeats_of(sorted_mira) == (3, 2)
        assert cast("LoratuiApp", pilot.app).last_command == ["subject", "edit", "Mira", "--primary-repeats", "3"]
        await pilot.press("u", "u")
        await settle(pilot)
        assert repeats_of(sorted_mira) == (4, 1)
        assert screen.repeats == (4, 1)
        assert "x4" in text_of(screen, "#influence")


async def test_repeats_stop_at_one_and_say_so(sorted_mira: Home, make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("S")
        await settle(pilot)
        assert screen.message_line.text == "Repeats go from 1."
    assert repeats_of(sorted_mira) == (2, 1)


async def test_enter_sets_the_proposed_repeats_once(sorted_mira: Home, make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        with open_catalog(sorted_mira) as catalog:
            proposed = roles.balance(catalog, "Mira")
        await pilot.press("enter")
        await settle(pilot)
        wanted = (proposed.proposed_primary_repeats, proposed.proposed_supporting_repeats)
        assert repeats_of(sorted_mira) == wanted
        assert "as near to the aim" in text_of(screen, "#influence")
        await pilot.press("enter")
        assert "as near to 2:1" in screen.message_line.text
        await pilot.press("u")
        await settle(pilot)
    assert repeats_of(sorted_mira) == (2, 1)


async def test_the_steps_are_those_of_the_plan_and_follow_the_repeats(
    sorted_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        for key in ("", "p"):
            if key:
                await pilot.press(key)
                await settle(pilot)
            with open_catalog(sorted_mira) as catalog:
                plan = plan_subject(catalog, "Mira").plan
            text = text_of(screen, "#steps")
            assert "small at 64 px" in text
            assert f"samples an epoch  {plan.samples_per_epoch}" in text
            assert f"{plan.epochs} epochs         {plan.total_steps} steps" in text
            assert all(f"{bucket.width}x{bucket.height}" in text for bucket in plan.buckets)


async def test_without_a_clear_base_the_steps_say_what_to_do(
    sorted_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(sorted_mira) as catalog:
        add_base(catalog, "other", sorted_mira.cache, family="cast", layout="folder", resolution=64)
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        assert "Which base?" in text_of(screen, "#steps")
        assert "default_base" in text_of(screen, "#steps")
        assert "primary" in text_of(screen, "#influence")


async def test_the_matrix_counts_repeats_and_names_what_is_missing(
    tagged_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        text = matrix_of(screen)
        portraits = next(line for line in text.splitlines() if line.startswith("portrait"))
        # Three primary pictures from the front, one primary and one supporting from the side.
        assert [part.rstrip("!▁▂▃▄▅▆▇█") for part in portraits.split()[1:4]] == ["6", "3", "·"]
        assert "✗ no picture  close up, of the upper body" in text
        assert "! lopsided" in text
        await pilot.press("p")
        await settle(pilot)
        assert matrix_of(screen) != text


async def test_a_cell_is_chosen_by_arrows_and_its_pictures_are_opened(
    tagged_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("c")
        assert "No cell is chosen" in screen.message_line.text
        await pilot.press("down", "down", "right")
        cell = screen.query_one(CoverageView).cell
        assert cell is not None
        assert (cell.row, cell.column, cell.pictures) == ("portrait", "side", 2)
        assert "portrait, side: 2 pictures" in matrix_of(screen)
        await pilot.press("right", "c")
        assert "No training picture is in this cell." in screen.message_line.text
        await pilot.press("left", "c")
        await settle(pilot)
        wall = cast("LoratuiApp", pilot.app).screen
        assert type(wall).__name__ == "PicturesScreen"
        with open_catalog(tagged_mira) as catalog:
            shown = [picture.id for picture in select_memberships(catalog, "Mira", wall.query_text)]  # type: ignore[attr-defined]
        assert tuple(shown) == cell.ids


async def test_the_cursor_goes_through_all_bands_and_out_at_the_top(
    tagged_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        screen = await open_screen(pilot, settle)
        view = screen.query_one(CoverageView)
        await pilot.press(*["down"] * 6)
        assert view.cell is not None
        assert (view.cell.facet, view.cell.row) == ("expression", "close-up")
        await pilot.press(*["down"] * 4, *["right"] * 30)
        assert (view.cell.row, view.cell.column) == ("full body", "eyes closed")
        await pilot.press(*["down"] * 60)
        assert view.cell is None and view.statement is view.statements[-1]
        await pilot.press(*["k"] * 60)
        assert view.cell is None
        # Any walk stays on cells that are there.
        rng = random.Random(3)
        for _ in range(80):
            await pilot.press(rng.choice(["up", "down", "left", "right"]))
            assert view.spot is None or (view.cell or view.statement) is not None


async def test_without_tags_the_next_key_is_named(sorted_mira: Home, make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        assert "None of the 11 training pictures has tags" in matrix_of(screen)
        assert "t opens tags and captions, where W has a model tag" in matrix_of(screen)
        await pilot.press("c")
        assert screen.message_line.text.startswith("There are no cells: no tag says")
        assert "W on the wall (F3)" in screen.message_line.text
        await pilot.press("f")
        assert screen.message_line.text == "f, what it shows, works on the wall: F3."


async def test_a_subject_without_training_pictures_says_how_to_get_some(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    async with make_app().run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot, settle)
        assert "no training pictures yet" in text_of(screen, "#influence")
        assert "p and s" in matrix_of(screen)
        await pilot.press("enter")
        assert "A ratio needs" in screen.message_line.text


async def test_below_the_matrix_each_sentence_has_its_pictures_one_key_away(
    tagged_mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(tagged_mira) as catalog:
        needs = needs_of(catalog, "Mira")
        clusters = samey_of(catalog, "Mira").clusters
    async with make_app().run_test(size=(100, 60)) as pilot:
        screen = await open_screen(pilot, settle)
        view = screen.query_one(CoverageView)
        text = " ".join(matrix_of(screen).split())
        assert all(need.words in text for need in needs[:8])
        assert all(cluster.words in text for cluster in clusters)
        assert "evenness" in text and "framing x angle" in text
        assert "lighting" in text
        wanted = next(need for need in needs[:8] if not need.ids)
        shown = next(cluster for cluster in clusters)
        for _ in range(60):
            await pilot.press("down")
            if view.statement is not None and wanted.words in view.statement.words:
                break
        await pilot.press("c")
        assert "No picture shows that." in screen.message_line.text
        for _ in range(20):
            await pilot.press("down")
            if view.statement is not None and shown.words in view.statement.words:
                break
        await pilot.press("c")
        await settle(pilot)
        wall = cast("LoratuiApp", pilot.app).screen
        with open_catalog(tagged_mira) as catalog:
            found = select_memberships(catalog, "Mira", wall.query_text)  # type: ignore[attr-defined]
        assert sorted(picture.id for picture in found) == sorted(shown.ids)
