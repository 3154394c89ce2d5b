"""The picture wall in an app of its own: cursor, marks, sizes, and what each key costs."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len
from rich.style import Style
from textual import events
from textual.geometry import Size

from loratui.tui.grid import TILE_COLS, lay_out
from loratui.tui.labels import WallLabel, draw_label, shorten
from loratui.tui.output import CompactOutput
from loratui.tui.painting import PARTS
from loratui.tui.sources import FileSource
from loratui.tui.theme import ASCII, Glyphs
from loratui.tui.tiles import TileJob, TilePool, TilesReady, make_tile
from loratui.tui.wall import ImageWall, WallNeeds

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.pilot import Pilot


@dataclass(frozen=True)
class DrawnSource:
    key: str

    def load(self, side: int) -> Image.Image:
        number = sum(self.key.encode())
        picture = Image.radial_gradient("L").resize((64, 48 + number % 33))
        return Image.merge("RGB", (picture, picture.rotate(90), picture.point(lambda value: (value + number) % 256)))


@dataclass(frozen=True)
class GatedSource:
    key: str
    gate: threading.Event

    def load(self, side: int) -> Image.Image:
        assert self.gate.wait(10)
        return DrawnSource(self.key).load(side)


class WallApp(CompactOutput):
    """A wall and an owner that answers at once."""

    def __init__(self, count: int, *, depth: Any = "truecolor") -> None:
        super().__init__()
        self.count = count
        self.needed: list[list[int]] = []
        self.moves: list[tuple[int | None, int]] = []
        self.marks: list[int] = []
        self.opened: list[int] = []
        self.roles: dict[int, str] = {}
        self.written: list[str] = []
        self.wall = ImageWall(pool=TilePool(depth=depth), id="wall")

    def compose(self) -> ComposeResult:
        yield self.wall

    def on_mount(self) -> None:
        self.wall.focus()
        self.wall.set_ids(range(1, self.count + 1))

    def on_unmount(self) -> None:
        self.wall.pool.close()

    def label(self, number: int) -> WallLabel:
        return WallLabel(f"picture {number}.png", DrawnSource(str(number % 40)), self.roles.get(number, "inbox"))

    def on_wall_needs(self, message: WallNeeds) -> None:
        self.needed.append(message.ids)
        message.wall.put_labels({number: self.label(number) for number in message.ids})

    def on_image_wall_cursor_moved(self, message: ImageWall.CursorMoved) -> None:
        self.moves.append((message.id, message.index))

    def on_image_wall_marks_changed(self, message: ImageWall.MarksChanged) -> None:
        self.marks.append(message.count)

    def on_image_wall_opened(self, message: ImageWall.Opened) -> None:
        self.opened.append(message.id)

    def _display(self, screen: Any, renderable: Any) -> None:
        # What would be written, were this a terminal.
        from textual._compositor import ChopsUpdate, LayoutUpdate

        from loratui.tui.output import CompactUpdate

        if isinstance(renderable, (ChopsUpdate, LayoutUpdate)):
            self.written.append(CompactUpdate(renderable, self._shown).render_segments(self.console))
        super()._display(screen, renderable)

    def take_written(self) -> int:
        count = sum(len(text.encode()) for text in self.written)
        self.written.clear()
        return count

    def terminal_text(self) -> str:
        """What a terminal shows after everything that was written."""
        screen = pyte.Screen(*self.size)
        stream = pyte.Stream(screen)
        for each in self.written:
            stream.feed(each)
        return "\n".join(screen.display)

    def text(self) -> str:
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips())


async def rest(pilot: Pilot[Any]) -> None:
    """Until all tiles are made and painted."""
    app = pilot.app
    assert isinstance(app, WallApp)
    quiet = 0
    while quiet < 3:
        await pilot.pause()
        quiet = quiet + 1 if app.wall.pool.idle else 0
        if not quiet:
            await asyncio.sleep(0.005)


async def test_a_wall_shows_pictures_with_their_labels() -> None:
    app = WallApp(7)
    async with app.run_test(size=(120, 46)) as pilot:
        await rest(pilot)
        text = app.text()
        assert all(f"picture {number}.png" in text for number in range(1, 8))
        assert text.count("▀") > 500
        assert app.wall.cursor_id == 1 and app.moves == [(1, 0)]


async def test_a_picture_that_is_ready_between_a_key_and_its_paint_is_shown() -> None:
    gate = threading.Event()
    app = WallApp(1)
    app.label = lambda number: WallLabel("one.png", GatedSource("1", gate))  # type: ignore[method-assign]
    async with app.run_test(size=(80, 24)) as pilot:
        wall = app.wall
        for _ in range(20):
            await pilot.pause()
        # The cursor's cells are to be painted, then the picture comes, then they are, and only then it is told.
        wall._refresh_tile(0, picture=False)
        label = wall.get_label(1)
        assert label is not None
        tile, _ = make_tile(TileJob(wall.painter.spec_of(label), DrawnSource("1")), "truecolor")
        wall.pool._keep(tile, None)
        await pilot.pause()
        assert "▀" not in app.terminal_text()
        wall.post_message(TilesReady())
        await pilot.pause()
        await pilot.pause()
        assert app.terminal_text() == app.text()
        assert sum(map(app.terminal_text().count, "▀▄█")) > 50
        gate.set()


async def test_the_terminal_shows_what_the_wall_means_to_show() -> None:
    app = WallApp(300)
    async with app.run_test(size=(100, 40)) as pilot:
        wall, dice = app.wall, random.Random(7)
        for _ in range(60):
            wall.move(dice.choice((-1, 0, 1)), dice.choice((-1, 0, 1, 1)))
            number = dice.randrange(1, 60)
            app.roles[number] = dice.choice(("primary", "rejected", "inbox"))
            wall.put_labels({number: app.label(number)})
            if dice.random() < 0.2:
                wall.toggle_mark()
            if dice.random() < 0.1:
                wall.page(dice.choice((-1, 1)))
            await pilot.pause()
        await rest(pilot)
        assert app.terminal_text() == app.text()


async def test_the_cursor_moves_by_tiles_and_stops_at_the_ends() -> None:
    app = WallApp(10)
    async with app.run_test(size=(120, 46)) as pilot:
        wall = app.wall
        await rest(pilot)
        assert wall.grid.columns == 4
        for step, expected in (
            ((-1, 0), 0),
            ((0, -1), 0),
            ((1, 0), 1),
            ((0, 1), 5),
            ((0, 1), 9),
            ((0, 1), 9),
            ((1, 0), 9),
            ((0, -1), 5),
            ((-2, 0), 3),
        ):
            wall.move(*step)
            assert wall.cursor == expected
        wall.move_to(7)
        wall.move(0, 1)
        assert wall.cursor == 9, "the last row is shorter"
        wall.home()
        assert wall.cursor == 0
        wall.end()
        assert wall.cursor == 9
        assert wall.move_to_id(4) and wall.cursor == 3
        assert not wall.move_to_id(99) and wall.cursor == 3


async def test_an_empty_wall_shows_nothing_and_obeys_every_key() -> None:
    app = WallApp(0)
    async with app.run_test(size=(80, 24)) as pilot:
        wall = app.wall
        wall.move(1, 1)
        wall.page(1)
        wall.home()
        wall.end()
        wall.toggle_mark()
        wall.start_range()
        wall.mark_all()
        wall.invert_marks()
        await rest(pilot)
        assert wall.cursor_id is None and wall.marked == set() and wall.targets() == []
        assert not app.text().strip() and app.needed == []


async def test_marks_ranges_and_what_an_action_is_about() -> None:
    app = WallApp(30)
    async with app.run_test(size=(120, 46)) as pilot:
        wall = app.wall
        await rest(pilot)
        assert wall.targets() == [1]
        wall.toggle_mark()
        wall.move(2, 0)
        wall.toggle_mark()
        assert wall.marked_in_order() == [1, 3] == wall.targets()
        wall.move_to(9)
        wall.start_range()
        wall.move(4, 0)
        wall.move(-2, 0)
        assert wall.marked == {1, 3, 10, 11, 12}, "a range shrinks with the cursor"
        wall.move(-4, 0)
        assert wall.marked == {1, 3, 8, 9, 10}
        wall.end_range()
        wall.move(10, 0)
        assert wall.marked == {1, 3, 8, 9, 10} and not wall.ranging
        wall.invert_marks()
        assert len(wall.marked) == 25 and wall.is_marked(2) and not wall.is_marked(1)
        wall.mark_all()
        assert len(wall.marked) == 30
        wall.clear_marks()
        assert wall.marked == set()
        wall.extend(1, 0)
        wall.extend(1, 0)
        assert len(wall.marked) == 3
        await rest(pilot)
        assert app.marks[-1] == 3


async def test_a_mark_and_the_cursor_show_as_signs_not_only_in_colour() -> None:
    app = WallApp(3)
    async with app.run_test(size=(80, 24)) as pilot:
        await rest(pilot)
        glyphs = Glyphs()
        assert glyphs.mark not in app.text() and glyphs.cursor in app.text()
        app.wall.toggle_mark()
        await rest(pilot)
        assert glyphs.mark in app.text()


async def test_new_ids_keep_the_cursor_on_its_picture_else_at_its_place() -> None:
    app = WallApp(20)
    async with app.run_test(size=(120, 46)) as pilot:
        wall = app.wall
        wall.move_to(9)
        wall.mark([3, 10, 15])
        wall.set_ids([5, 10, 15, 20])
        assert wall.cursor_id == 10 and wall.marked == {10, 15}
        wall.set_ids([5, 15, 20])
        assert (wall.cursor_id, wall.cursor) == (15, 1)
        wall.set_ids([7])
        assert wall.cursor_id == 7
        wall.set_ids([1, 2, 7], keep_cursor=False)
        assert wall.cursor_id == 1
        wall.set_ids([])
        await rest(pilot)
        assert app.moves[-1] == (None, 0)


async def test_labels_are_asked_for_what_is_in_sight_and_a_page_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loratui.tui.wall._LABELS_KEPT", 100)
    app = WallApp(100_000)
    async with app.run_test(size=(120, 46)) as pilot:
        await rest(pilot)
        assert len(app.needed) == 1 and app.needed[0][0] == 1 and len(app.needed[0]) <= 40
        app.wall.end()
        await rest(pilot)
        assert sum(map(len, app.needed)) < 100
        assert "picture 100000.png" in app.text()
        for _ in range(15):
            app.wall.page(-1)
            await pilot.pause()
        await rest(pilot)
        assert len(app.wall._labels) <= 140, "labels far away are dropped"


async def test_a_changed_label_is_painted_where_it_is_and_nowhere_else() -> None:
    app = WallApp(60)
    async with app.run_test(size=(120, 46)) as pilot:
        await rest(pilot)
        app.take_written()
        app.roles[6] = "primary"
        app.wall.put_labels({6: app.label(6), 7: app.label(7), 59: app.label(59)})
        await rest(pilot)
        assert "P picture 6.png" in app.text()
        # One tile of 27x14 half cells, not twelve.
        assert 0 < app.take_written() < 500


async def test_a_rejected_picture_is_dimmed() -> None:
    app = WallApp(1)
    app.roles[1] = "rejected"
    async with app.run_test(size=(80, 24)) as pilot:
        await rest(pilot)
        label = app.wall.get_label(1)
        assert label is not None
        tile = app.wall.pool.get(app.wall.painter.spec_of(label))
        assert tile is not None and tile.spec.dimmed


async def test_moving_the_cursor_writes_less_than_two_kibibytes() -> None:
    app = WallApp(100_000)
    async with app.run_test(size=(120, 46)) as pilot:
        await rest(pilot)
        for step in ((1, 0), (1, 0), (1, 0), (-2, 0), (0, 1), (0, 1), (0, -1)):
            app.take_written()
            app.wall.move(*step)
            await rest(pilot)
            assert 100 < app.take_written() < 2048


async def test_scrolling_keeps_whole_rows_and_the_cursor_in_sight() -> None:
    app = WallApp(1000)
    async with app.run_test(size=(120, 46)) as pilot:
        wall = app.wall
        await rest(pilot)
        for _ in range(20):
            wall.move(0, 1)
            await rest(pilot)
            assert wall.scroll_y % wall.grid.row_height == 0
            assert wall.cursor in wall.in_sight()
        wall.page(1)
        wall.page(0.5)
        wall.page(-1)
        await rest(pilot)
        assert wall.cursor in wall.in_sight()
        wall.home()
        await rest(pilot)
        assert wall.scroll_y == 0


async def test_ten_thousand_keys_in_a_burst_are_all_obeyed_with_few_repaints() -> None:
    app = WallApp(100_000)
    async with app.run_test(size=(120, 46)) as pilot:
        wall = app.wall
        await rest(pilot)
        app.moves.clear()
        app.needed.clear()
        app.written.clear()
        wall.start_range()
        for _ in range(10_000):
            wall.move(1, 0)
        await rest(pilot)
        assert wall.cursor == 10_000 and app.moves == [(10_001, 10_000)]
        assert len(wall.marked) == 10_001
        assert len(app.needed) == 1 and len(app.written) < 30


@pytest.mark.parametrize("depth", ["256", "ascii", "off"])
async def test_a_wall_works_with_few_colours_without_any_and_without_pictures(depth: str) -> None:
    app = WallApp(5, depth=depth)
    async with app.run_test(size=(80, 24)) as pilot:
        await rest(pilot)
        text = app.text()
        assert "picture 5.png" in text
        assert ("▀" in text) == (depth == "256")
        assert ("#" in text) == (depth == "ascii")


async def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = WallApp(5, depth="ascii")
    async with app.run_test(size=(80, 24)) as pilot:
        await rest(pilot)
        assert "picture 5.png" in app.text()
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                for colour in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    assert colour is None or len(set(colour.get_truecolor())) == 1, "grey"


async def test_a_resize_storm_keeps_the_cursor_in_sight() -> None:
    app = WallApp(500)
    async with app.run_test(size=(120, 46)) as pilot:
        wall = app.wall
        wall.move_to(250)
        for width, height in ((80, 24), (200, 60), (40, 10), (20, 5), (300, 90), (61, 17), (120, 46)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            assert wall.cursor == 250 and 250 in wall.in_sight()
            top = wall.grid.place_of(250)[1] - wall.scroll_y
            assert 0 <= top < wall.grid.height
        await rest(pilot)
        assert "picture 251.png" in app.text()


async def test_zooming_goes_through_the_steps_and_skips_those_that_change_nothing() -> None:
    app = WallApp(50)
    async with app.run_test(size=(120, 46)) as pilot:
        wall = app.wall
        await rest(pilot)
        seen = [wall.grid.columns]
        while wall.zoom(1):
            seen.append(wall.grid.columns)
        assert seen == sorted(set(seen), reverse=True)
        while wall.zoom(-1):
            pass
        assert wall.grid.columns > seen[0] and not wall.zoom(-1)
        wall.set_tile_size(26)
        assert wall.tile_cols == 26
        await rest(pilot)
        assert "picture 1.png" in app.text()


async def test_the_mouse_moves_opens_and_scrolls() -> None:
    app = WallApp(100)
    async with app.run_test(size=(120, 46)) as pilot:
        wall = app.wall
        await rest(pilot)
        x, y = wall.grid.place_of(6)
        await pilot.click(wall, offset=(x + 3, y + 2))
        await rest(pilot)
        assert wall.cursor == 6 and app.opened == []
        await pilot.click(wall, offset=(x + 3, y + 2), times=2)
        await rest(pilot)
        assert app.opened == [7]
        wall.post_message(events.MouseScrollDown(wall, 5, 5, 0, 1, 0, False, False, False))
        await rest(pilot)
        assert wall.scroll_y == wall.grid.row_height and wall.cursor == 6
        wall.post_message(events.MouseScrollUp(wall, 5, 5, 0, -1, 0, False, False, False))
        await rest(pilot)
        assert wall.scroll_y == 0


async def test_missing_and_broken_pictures_say_so_on_their_tile(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    app = WallApp(2)
    app.label = lambda number: WallLabel(  # type: ignore[method-assign]
        "x.png", FileSource(tmp_path / ("broken.png" if number == 1 else "gone.png"))
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await rest(pilot)
        assert "can't be read" in app.text() and "missing" in app.text()


@given(
    st.text(max_size=40),
    st.integers(2, 60),
    st.sampled_from(["", "primary", "rejected"]),
    st.integers(0, 99),
    st.integers(0, 5),
    st.booleans(),
)
def test_a_label_is_exactly_as_wide_as_its_tile(
    name: str, width: int, role: str, repeats: int, rating: int, twin: bool
) -> None:
    label = WallLabel(name, DrawnSource(""), role, repeats, rating, twin, twin, twin)
    for glyphs in (Glyphs(), ASCII):
        parts = dict.fromkeys(PARTS, Style())
        line = draw_label(label, width, glyphs, Style(), parts, marked=twin)
        assert sum(segment.cell_length for segment in line) == width
        assert not any(ord(char) < 32 for segment in line for char in segment.text)


@given(st.text(max_size=60), st.integers(0, 40))
def test_a_shortened_name_has_the_asked_width(name: str, width: int) -> None:
    assert cell_len(shorten(name, width)) == width


def test_a_shortened_name_keeps_its_ending() -> None:
    assert shorten("a_long_name_of_a_picture_0012.png", 18) == "a_long_name…12.png"


@given(st.integers(1, 400), st.integers(1, 120), st.sampled_from(TILE_COLS), st.floats(1.5, 3))
def test_tiles_never_leave_the_wall(width: int, height: int, cols: int, cell_aspect: float) -> None:
    grid = lay_out(width, height, cols, cell_aspect)
    assert grid.columns >= 1 and grid.cols >= 1 and grid.rows >= 1
    if width >= 3:
        assert grid.left + grid.columns * grid.pitch <= width
    if height >= 2:
        assert grid.row_height <= height
    x, y = grid.place_of(grid.columns)
    assert Size(*grid.place_of(grid.columns)) == (grid.left, grid.row_height)
    assert grid.index_at(x, y, grid.columns + 1) == grid.columns
    assert grid.index_at(x, y, grid.columns) is None


def test_a_wall_is_there_before_numpy_and_pillow_are() -> None:
    asked = (
        "import sys, loratui.tui.wall, loratui.tui.picture_view; print('numpy' in sys.modules, 'PIL' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["False", "False"]


async def test_one_more_row_costs_little_more_than_its_pictures() -> None:
    app = WallApp(60)
    async with app.run_test(size=(76, 37)) as pilot:
        await rest(pilot)
        whole = app.take_written()
        app.wall.move_to(app.wall.grid.page_rows * app.wall.grid.columns - 1)
        await rest(pilot)
        app.take_written()
        app.wall.move(0, 1)
        await rest(pilot)
        assert app.wall.scroll_y > 0 and not app.wall.drafts.places
        assert 0 < app.take_written() < 0.5 * whole
