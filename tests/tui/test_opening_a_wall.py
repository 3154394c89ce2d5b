"""What happens while a picture wall opens: nothing is done twice, and what takes long waits for the pictures."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

from textual.app import App
from waiting import until

from loratui.tui.labels import WallLabel
from loratui.tui.painting import WallPainter
from loratui.tui.pictures import PicturesScreen
from loratui.tui.wall import ImageWall, WallNeeds

if TYPE_CHECKING:
    import pytest
    from PIL import Image
    from textual.app import ComposeResult
    from textual.strip import Strip

    from loratui.catalog.store import Catalog
    from loratui.config import Home

    from .conftest import MakeApp, Settle


class BlankSource:
    """A picture of one colour."""

    key = "blank"

    def load(self, side: int) -> Image.Image:
        from PIL import Image

        return Image.new("RGB", (64, 64), "green")


class WallApp(App[None]):
    """A wall, and how often it said that it is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = 0

    def compose(self) -> ComposeResult:
        yield ImageWall()

    def on_wall_needs(self, message: WallNeeds) -> None:
        message.wall.put_labels({id_: WallLabel(f"{id_}.png", BlankSource(), "inbox") for id_ in message.ids})

    def on_image_wall_drawn(self) -> None:
        self.drawn += 1


async def test_more_of_the_same_pictures_leave_what_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    painted: list[int] = []
    paint_row = WallPainter._paint_row

    def watch(self: WallPainter, row: int) -> list[Strip]:
        painted.append(row)
        return paint_row(self, row)

    monkeypatch.setattr(WallPainter, "_paint_row", watch)
    app = WallApp()
    async with app.run_test(size=(120, 46)) as pilot:
        wall = app.query_one(ImageWall)
        first = wall.grid.columns * wall.grid.page_rows + 1
        wall.set_ids(range(first))
        await until(pilot, lambda: wall.is_drawn and wall.pool.idle)
        await pilot.pause()
        # The row that is cut off goes on.
        wall.end()
        await until(pilot, lambda: wall.pool.idle)
        await pilot.pause()
        wall.home()
        await pilot.pause(0.1)
        painted.clear()
        wall.set_ids(range(10_000), reload=False)
        await pilot.pause(0.1)
        assert wall.virtual_size.height == -(-10_000 // wall.grid.columns) * wall.grid.row_height
        assert set(painted) <= {wall.grid.page_rows}
        wall.move_to(first)
        await until(pilot, lambda: wall.pool.idle)
        await pilot.pause()
        assert any(f"{first}.png" in strip.text for strip in app.screen._compositor.render_strips())


async def test_a_wall_says_once_that_all_in_sight_is_drawn() -> None:
    app = WallApp()
    async with app.run_test(size=(120, 46)) as pilot:
        wall = app.query_one(ImageWall)
        assert not wall.is_drawn
        wall.set_ids(range(100))
        await until(pilot, lambda: app.drawn)
        assert all(wall.painter.find_tile(place) for place in wall.in_sight())
        wall.page(2)
        await until(pilot, lambda: wall.pool.idle)
        await pilot.pause()
        assert (app.drawn, wall.is_drawn) == (1, True)
        wall.set_ids(range(50, 90))
        assert not wall.is_drawn
        await until(pilot, lambda: app.drawn == 2)


async def test_what_looks_alike_is_looked_for_once_the_wall_is_drawn(
    make_app: MakeApp, mira: Home, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_drawn: list[bool] = []
    app = make_app()

    def look(catalog: Catalog, subject: str) -> set[int]:
        assert isinstance(app.screen, PicturesScreen)
        was_drawn.append(app.screen.wall.is_drawn)
        return set()

    monkeypatch.setattr("loratui.catalog.dedupe.duplicates_of_subject", look)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await until(pilot, lambda: was_drawn)
        assert was_drawn == [True]
        await pilot.press("R")
        await settle(pilot)
        assert was_drawn == [True, True]


async def test_a_screen_has_the_class_of_its_width_before_it_is_laid_out(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    for width, wanted in ((80, "-narrow"), (120, "-normal"), (200, "-wide")):
        app = make_app()
        async with app.run_test(size=(width, 40)) as pilot:
            await settle(pilot)
            app.show_screen("pictures", subject="Mira")
            screen = app.screen_stack[-1]
            assert [name for name in ("-narrow", "-normal", "-wide") if screen.has_class(name)] == [wanted]
            await asyncio.sleep(0)
            await settle(pilot)
            assert [name for name in ("-narrow", "-normal", "-wide") if screen.has_class(name)] == [wanted]


def test_what_a_wall_needs_is_loaded_before_it_is_opened() -> None:
    code = """
import sys, threading
from loratui.tui.screens import load_screen
from loratui.tui.tiles import TilePool
TilePool().warm_up()
for thread in threading.enumerate():
    if thread.name == "tiles-warm-up":
        thread.join()
known = set(sys.modules)
load_screen("pictures")
import loratui.catalog.blobs, loratui.catalog.pictures
print(sorted(name for name in set(sys.modules) - known if name.startswith("loratui.")))
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
