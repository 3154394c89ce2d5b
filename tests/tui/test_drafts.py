"""What a move of the cursor costs in bytes, whatever the size of the terminal, and what rest brings."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from textual._compositor import ChopsUpdate, LayoutUpdate

from loratui.catalog import edits, importer, subjects
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.config import load_settings
from loratui.tui import app as tui
from loratui.tui import drafts
from loratui.tui.allowance import MOVE_BYTES, Allowance
from loratui.tui.app import LoratuiApp
from loratui.tui.drafts import fit_levels
from loratui.tui.options import Options
from loratui.tui.output import CompactUpdate
from loratui.tui.pictures import PicturesScreen
from loratui.tui.shown import ShownScreen
from loratui.tui.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.wall import ImageWall

    Settle = Callable[[Pilot[None]], Awaitable[None]]

SIZES = ((80, 24), (120, 40), (200, 60))
MOVES = (
    *("right", "down", "down", "down", "down", "left", "up", "up", "up"),
    *("pagedown", "pagedown", "pageup", "end", "up", "pageup", "home"),
)


class WatchedApp(LoratuiApp):
    """Writes as it would to a terminal, and keeps the size of each update."""

    # Textual looks for it beside the module of the class.
    CSS_PATH = Path(tui.__file__).with_name("style.tcss")
    updates: list[int]

    def _display(self, screen: Any, renderable: Any) -> None:
        if isinstance(renderable, (ChopsUpdate, LayoutUpdate)):
            before = self._shown.bytes_written
            CompactUpdate(renderable, self._shown).render_segments(self.console)
            self.updates.append(self._shown.bytes_written - before)
        super()._display(screen, renderable)

    @property
    def wall(self) -> ImageWall:
        assert isinstance(self.top, PicturesScreen)
        return self.top.wall


@pytest.fixture
def app(home: Home, tmp_path: Path) -> WatchedApp:
    """An app on a wall of 90 pictures with colours of their own in nearly every cell."""
    dice = np.random.default_rng(7)
    for number in range(90):
        blobs = Image.fromarray(dice.integers(0, 256, (5, 5, 3), np.uint8)).resize((144, 144), Image.Resampling.BICUBIC)
        grain = Image.fromarray(dice.integers(0, 256, (40, 40, 3), np.uint8)).resize((144, 144))
        width, height = ((144, 108), (108, 144), (144, 144))[number % 3]
        Image.blend(blobs, grain, 0.4).crop((0, 0, width, height)).save(tmp_path / f"{number:03}.png")
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok")
        importer.import_pictures(catalog, "Mira", [tmp_path])
        for number, one in enumerate(select_memberships(catalog, "Mira")):
            edits.set_caption(catalog, "Mira", [one.id], f"photo of Mirvok, {number} " + "and much that is seen " * 20)
    found = WatchedApp(home, load_settings(home), Terminal(truecolor=True), Options(subject="Mira", images="halfcells"))
    found.updates = []
    return found


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_no_move_costs_more_than_it_may_with_all_that_comes_of_it(
    app: WatchedApp, settle: Settle, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(drafts, "REST_S", 0.05)
    monkeypatch.setattr(drafts, "MOVE_S", 1e6)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        costs = []
        for key in MOVES:
            app.updates.clear()
            await pilot.press(key)
            await settle(pilot)
            await asyncio.sleep(0.2)
            await settle(pilot)
            costs.append((sum(app.updates), key))
        assert app.wall.cursor == 0
        print(f"\n{size[0]}x{size[1]}: the worst move takes {max(costs)}")
        assert max(costs)[0] <= MOVE_BYTES
        if size == SIZES[-1]:
            # They were hard: what a page needs is more than it may cost.
            assert app.wall.drafts.places


@pytest.mark.parametrize("size", SIZES[1:], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_whoever_rests_sees_every_picture_drawn_well_after_small_lumps(
    app: WatchedApp, settle: Settle, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(drafts, "MOVE_S", 1e6)
    monkeypatch.setattr(drafts, "LUMP_S", 0.02)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("end")
        await settle(pilot)
        assert app.wall.drafts.places
        app.updates.clear()
        monkeypatch.setattr(drafts, "MOVE_S", 0.0)
        app.wall.drafts.put_off()
        end = time.monotonic() + 20
        while app.wall.drafts.places:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)
        await settle(pilot)
        assert max(app.updates) < 2.5 * drafts.LUMP_BYTES
        text = [[*strip] for strip in app.top._compositor.render_strips()]
        app.wall.drafts.forget()
        app.wall.painter.forget()
        app.wall.refresh()
        await settle(pilot)
        assert [[*strip] for strip in app.top._compositor.render_strips()] == text


async def test_a_wall_that_opens_is_drawn_well_at_once(app: WatchedApp, settle: Settle) -> None:
    async with app.run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        assert not app.wall.drafts.places and sum(app.updates) > MOVE_BYTES


SIZES_OF_DRAWINGS = st.integers(1, 6).flatmap(
    lambda depth: st.lists(
        st.lists(st.integers(1, 3000), min_size=depth, max_size=depth).map(lambda sizes: sorted(sizes, reverse=True)),
        max_size=12,
    )
)


@given(SIZES_OF_DRAWINGS, st.integers(-100, 20_000))
def test_drawings_are_as_good_as_the_bytes_allow_and_about_equally_good(sizes: list[list[int]], left: int) -> None:
    levels = fit_levels(sizes, left)
    total = sum(each[level] for each, level in zip(sizes, levels, strict=True))
    assert total <= left or levels == [len(each) - 1 for each in sizes]
    assert max(levels, default=0) - min(levels, default=0) <= 1


def test_what_was_written_and_what_is_promised_count_until_the_next_move() -> None:
    shown = ShownScreen()
    allowance = Allowance(shown, 100)
    assert not allowance.is_limited and allowance.left == 100
    shown.bytes_written += 60
    allowance.begin()
    assert allowance.is_limited and allowance.left == 100
    allowance.promise(30)
    allowance.promise(10)
    assert allowance.left == 60
    shown.bytes_written += 35
    assert allowance.left == 65
    shown.bytes_written += 80
    assert allowance.left == 0
    allowance.begin()
    assert allowance.left == 100
    allowance.lift()
    assert not allowance.is_limited
