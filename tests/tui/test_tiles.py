"""The decode pool: order, bounds, broken pictures and what is told to whom."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from loratui.catalog import importer, subjects
from loratui.catalog.blobs import picture_path, thumbnail_path
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.tui.sources import FileSource, MembershipSource
from loratui.tui.terminal import Terminal
from loratui.tui.tiles import TileJob, TilePool, TileSpec, TilesReady, build_pool, find_cell_aspect, make_tile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from loratui.config import Home


class Owner:
    """Counts what it is told, as a widget would be."""

    def __init__(self) -> None:
        self.told = 0

    def post_message(self, message: TilesReady) -> bool:
        assert isinstance(message, TilesReady)
        self.told += 1
        return True


@dataclass
class DrawnSource:
    """A picture of one colour that can be held back."""

    key: str
    gate: threading.Event | None = None
    loaded: list[str] = field(default_factory=list)

    def load(self, side: int) -> Image.Image:
        if self.gate is not None:
            assert self.gate.wait(10)
        self.loaded.append(self.key)
        return Image.new("RGB", (32, 32), "teal")


def job(source: Any, cols: int = 8, rows: int = 4) -> TileJob:
    return TileJob(TileSpec(source.key, cols, rows), source)


def wait_until(done: Callable[[], bool]) -> None:
    for _ in range(2000):
        if done():
            return
        time.sleep(0.005)
    raise AssertionError("nothing happened for ten seconds")


@pytest.fixture
def pool() -> Iterator[TilePool]:
    pool = TilePool(workers=1)
    yield pool
    pool.close()


def test_what_is_wanted_is_made_in_order_and_told(pool: TilePool) -> None:
    owner, loaded = Owner(), list[str]()
    jobs = [job(DrawnSource(str(number), None, loaded)) for number in range(20)]
    pool.want(owner, jobs)  # type: ignore[arg-type]
    wait_until(lambda: pool.idle)
    assert loaded == [str(number) for number in range(20)]
    assert all(pool.get(each.spec) is not None for each in jobs)
    assert 1 <= owner.told < 20, "told in batches"


def test_what_was_scrolled_past_is_never_decoded(pool: TilePool) -> None:
    owner, gate, loaded = Owner(), threading.Event(), list[str]()
    first = DrawnSource("first", gate, loaded)
    old = [job(DrawnSource(f"old {number}", None, loaded)) for number in range(500)]
    pool.want(owner, [job(first), *old])  # type: ignore[arg-type]
    wait_until(lambda: bool(pool._making))
    pool.want(owner, [job(DrawnSource("new", None, loaded))])  # type: ignore[arg-type]
    gate.set()
    wait_until(lambda: pool.idle)
    assert loaded == ["first", "new"]


def test_the_owner_that_asked_last_comes_first(pool: TilePool) -> None:
    wall, preview, gate, loaded = Owner(), Owner(), threading.Event(), list[str]()
    pool.want(wall, [job(DrawnSource(name, gate, loaded)) for name in "abc"])  # type: ignore[arg-type]
    wait_until(lambda: bool(pool._making))
    pool.want(preview, [job(DrawnSource("preview", gate, loaded))])  # type: ignore[arg-type]
    gate.set()
    wait_until(lambda: pool.idle)
    assert loaded == ["a", "preview", "b", "c"]


def test_two_owners_of_one_tile_are_both_told(pool: TilePool) -> None:
    one, other, gate = Owner(), Owner(), threading.Event()
    shared = job(DrawnSource("shared", gate))
    pool._workers = 2
    pool.want(one, [shared])  # type: ignore[arg-type]
    wait_until(lambda: bool(pool._making))
    pool.want(other, [shared])  # type: ignore[arg-type]
    wait_until(lambda: not pool._wanted)
    gate.set()
    wait_until(lambda: pool.idle)
    wait_until(lambda: one.told == 1 and other.told == 1)


def test_an_owner_that_left_is_told_nothing(pool: TilePool) -> None:
    owner, gate = Owner(), threading.Event()
    pool.want(owner, [job(DrawnSource("a", gate)), job(DrawnSource("b", gate))])  # type: ignore[arg-type]
    wait_until(lambda: bool(pool._making))
    pool.leave(owner)  # type: ignore[arg-type]
    gate.set()
    wait_until(lambda: pool.idle)
    assert owner.told == 0 and pool.get(TileSpec("b", 8, 4)) is None


def test_memory_is_bounded_and_the_least_recently_shown_goes_first() -> None:
    pool = TilePool(workers=1, budget=10 * TilePool()._cost(TileSpec("", 8, 4)))
    owner = Owner()
    pool.want(owner, [job(DrawnSource(str(number))) for number in range(10)])  # type: ignore[arg-type]
    wait_until(lambda: pool.idle)
    assert pool.get(TileSpec("0", 8, 4)) is not None
    pool.want(owner, [job(DrawnSource("new"))])  # type: ignore[arg-type]
    wait_until(lambda: pool.idle)
    assert pool.get(TileSpec("0", 8, 4)) is not None, "shown just now"
    assert pool.get(TileSpec("1", 8, 4)) is None
    assert len(pool._tiles) == 10
    pool.close()


def test_broken_and_missing_files_say_so_in_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    tile, average = make_tile(job(FileSource(broken)), "truecolor")
    assert tile.error.startswith("can't be read") and average is None
    tile, _ = make_tile(job(FileSource(tmp_path / "gone.png")), "truecolor")
    assert tile.error == "missing"


def test_errors_can_be_forgotten_so_that_a_picture_put_back_is_shown(pool: TilePool, tmp_path: Path) -> None:
    owner, source = Owner(), FileSource(tmp_path / "a.png")
    pool.want(owner, [job(source)])  # type: ignore[arg-type]
    wait_until(lambda: pool.idle)
    Image.new("RGB", (8, 8), "red").save(source.path)
    pool.forget(errors_only=True)
    pool.want(owner, [job(source)])  # type: ignore[arg-type]
    wait_until(lambda: pool.idle)
    tile = pool.get(job(source).spec)
    assert tile is not None and not tile.error and pool.average(source.key) == (255, 0, 0)


def test_a_tile_is_as_large_as_its_box_says(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGB", (400, 100), "navy").save(path)
    tile, average = make_tile(job(FileSource(path), 20, 10), "truecolor")
    assert tile.box == (0, 3, 20, 3) or tile.box == (0, 4, 20, 2)
    assert len(tile.lines) == tile.box.rows
    assert average == (0, 0, 128)


def test_the_library_gives_thumbnails_and_makes_lost_ones_again(home: Home, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (640, 320), "olive").save(picture)
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok")
        importer.import_pictures(catalog, "Mira", [picture])
        (membership,) = select_memberships(catalog, "Mira")
        source = MembershipSource(catalog, membership)
        assert source.load(100).size == (256, 128)
        assert source.load(300).size == (640, 320)
        thumbnail = thumbnail_path(home, membership.sha256)
        thumbnail.write_bytes(thumbnail.read_bytes()[:200])
        assert source.load(100).size == (256, 128), "cut short, so made again"
        thumbnail.unlink()
        picture_path(catalog, membership).unlink()
        tile, _ = make_tile(job(source), "truecolor")
        assert tile.error == "missing"


def test_the_pool_fits_the_terminal() -> None:
    plain = build_pool(Terminal(), lambda data: True, plain=True)
    assert plain.depth == "ascii" and plain.sharper is None
    assert build_pool(Terminal(), lambda data: True, plain=False).depth == "256"
    assert build_pool(Terminal(), lambda data: True, images="off", plain=False).depth == "off"
    kitty = Terminal(truecolor=True, kitty_placeholders=True, cell_size=(9, 20), over_ssh=True)
    assert build_pool(kitty, lambda data: True, images="halfcells", plain=False).sharper is None
    pool = build_pool(kitty, lambda data: True, plain=False)
    assert pool.depth == "truecolor" and pool.sharper is not None
    assert find_cell_aspect((9, 20)) == 20 / 9 and find_cell_aspect(None) == find_cell_aspect((0, 0)) == 2
    assert find_cell_aspect((1, 40)) == 3
