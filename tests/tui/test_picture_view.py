"""One picture large: what is shown while it is decoded, flipping, and the dark around a crop."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image
from waiting import until

from loratui.tui.output import CompactOutput
from loratui.tui.picture_view import PictureView
from loratui.tui.tiles import TilePool

if TYPE_CHECKING:
    from rich.segment import Segment
    from textual.app import ComposeResult
    from textual.pilot import Pilot


@dataclass(frozen=True)
class DrawnSource:
    """A picture of one colour; the full one may be held back while its thumbnail is there."""

    key: str
    size: tuple[int, int] = (400, 400)
    gate: threading.Event | None = None

    def load(self, side: int) -> Image.Image:
        if self.gate is not None and side > 256:
            assert self.gate.wait(10)
        return Image.new("RGB", self.size if side > 256 else (64, 64), self.key)


class ViewApp(CompactOutput):
    def __init__(self) -> None:
        super().__init__()
        self.view = PictureView(pool=TilePool())

    def compose(self) -> ComposeResult:
        yield self.view

    def on_unmount(self) -> None:
        self.view.pool.close()

    def colours(self, y: int) -> list[str]:
        """The background of each cell of a line, as #rrggbb or nothing."""
        strip = self.view.render_line(y)
        return [_colour(segment) for segment in strip for _ in range(segment.cell_length)]


def _colour(segment: Segment) -> str:
    assert segment.style is not None and segment.style.bgcolor is not None
    return segment.style.bgcolor.get_truecolor().hex


async def rest(pilot: Pilot[Any]) -> None:
    app = pilot.app
    assert isinstance(app, ViewApp)
    await until(pilot, lambda: app.view.ready and app.view.pool.idle)


async def test_a_picture_fills_the_view_and_comes_back_at_once() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 24)) as pilot:
        view = app.view
        view.set_source(DrawnSource("red"))
        await rest(pilot)
        assert app.colours(0).count("#ff0000") == 48, "square: 24 lines are as high as 48 cells are wide"
        view.set_source(DrawnSource("blue"))
        assert not view.ready and "#ff0000" in app.colours(0), "the one before stays until then"
        await rest(pilot)
        assert "#0000ff" in app.colours(0)
        for key, colour in (("red", "#ff0000"), ("blue", "#0000ff"), ("red", "#ff0000")):
            view.set_source(DrawnSource(key))
            assert view.ready and colour in app.colours(12)
        view.set_source(None)
        assert set(app.colours(0)) == {app.colours(0)[0]} and view.ready


async def test_who_leafs_through_decodes_only_where_they_stop() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 24)) as pilot:
        for green in range(100):
            app.view.set_source(DrawnSource(f"#00{green:02x}00"))
        await rest(pilot)
        assert len(app.view.pool._tiles) == 1


async def test_neighbours_are_prepared() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.set_source(DrawnSource("red"))
        app.view.prepare(DrawnSource("blue"))
        await rest(pilot)
        app.view.set_source(DrawnSource("blue"))
        assert app.view.ready


async def test_the_thumbnail_stands_in_for_a_large_picture() -> None:
    app, gate = ViewApp(), threading.Event()
    async with app.run_test(size=(300, 90)) as pilot:
        view = app.view
        view.set_source(DrawnSource("red", (900, 900), gate))
        await until(pilot, lambda: view.tile is not None)
        assert view.tile is not None and view.tile.spec.draft and not view.ready
        gate.set()
        await rest(pilot)
        assert not view.tile.spec.draft


async def test_what_a_crop_cuts_away_is_dark() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 24)) as pilot:
        view = app.view
        view.set_source(DrawnSource("red"))
        view.set_box((100, 100, 200, 200), (400, 400))
        await rest(pilot)
        await pilot.pause()
        assert "#ff0000" not in app.colours(0) and "#ff0000" not in app.colours(23)
        middle = app.colours(12)
        assert middle.count("#ff0000") == 24
        assert middle.index("#ff0000") == (80 - 48) // 2 + 12
        assert [y for y in range(24) if "#ff0000" in app.colours(y)] == list(range(6, 18))
        text = "".join(view.render_line(6).text)
        assert "┌" in text and "┐" in text, "seen without colours too"
        view.set_box((0, 0, 400, 400), (400, 400))
        assert app.colours(12).count("#ff0000") == 48
        view.set_box(None)
        assert "┌" not in view.render_line(0).text


async def test_a_crop_alone_can_be_shown() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.view.set_source(DrawnSource("red"), crop=(0, 100, 400, 100), picture_size=(400, 400))
        await rest(pilot)
        assert app.view.tile is not None and app.view.tile.box == (0, 7, 80, 10)
