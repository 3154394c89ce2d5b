"""Kitty graphics: the sequences are parsed here as a terminal would."""

from __future__ import annotations

import base64
import io
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.cells import cell_len

from loratui.tui.grid import Box
from loratui.tui.kitty import (
    CHUNK,
    DIACRITICS,
    PLACEHOLDER,
    SLOTS,
    KittyPool,
    draw_placeholders,
    encode_png,
    write_upload,
)
from loratui.tui.tiles import TileJob, TilePool, TileSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from loratui.tui.tiles import TilesReady

_COMMAND = re.compile(r"\x1b_G([^;\x1b]*)(?:;([^\x1b]*))?\x1b\\")
_TMUX = re.compile(r"\x1bPtmux;((?:\x1b\x1b|[^\x1b])*)\x1b\\")


@dataclass
class FakeTerminal:
    """Understands what is sent to it, and refuses what kitty would."""

    tmux: bool = False
    pictures: dict[int, bytes] = field(default_factory=dict)
    placements: dict[int, tuple[int, int]] = field(default_factory=dict)
    deleted: list[int] = field(default_factory=list)
    gone: bool = False
    sent: int = 0
    _loading: tuple[int, str] | None = None

    def send(self, data: str) -> bool:
        if self.gone:
            return False
        self.sent += len(data)
        if self.tmux:
            assert _TMUX.fullmatch(data), "wrapped as a whole"
            data = _TMUX.sub(lambda found: found[1].replace("\x1b\x1b", "\x1b"), data)
        assert _COMMAND.sub("", data) == "", "nothing but graphics commands"
        for keys, payload in _COMMAND.findall(data):
            self._obey(dict(key.split("=") for key in keys.split(",")), payload)
        return True

    def _obey(self, keys: dict[str, str], payload: str) -> None:
        assert keys["q"] == "2", "replies would become keys"
        assert len(payload) <= CHUNK
        if self._loading is not None:
            assert set(keys) == {"q", "m"}, "only more of the same picture"
            number, data = self._loading
            self._loading = (number, data + payload)
        elif keys["a"] == "t":
            assert keys["f"] == "100" and keys["t"] == "d"
            self._loading = (int(keys["i"]), payload)
        elif keys["a"] == "p":
            assert keys["U"] == "1" and int(keys["i"]) in self.pictures
            self.placements[int(keys["i"])] = (int(keys["c"]), int(keys["r"]))
            return
        else:
            assert keys["a"] == "d" and keys["d"] == "I"
            self.deleted.append(int(keys["i"]))
            self.pictures.pop(int(keys["i"]), None)
            self.placements.pop(int(keys["i"]), None)
            return
        if keys["m"] == "0":
            number, data = self._loading
            self.pictures[number] = base64.standard_b64decode(data)
            self._loading = None
        else:
            assert len(payload) % 4 == 0


class Owner:
    def __init__(self) -> None:
        self.told = 0

    def post_message(self, message: TilesReady) -> bool:
        self.told += 1
        return True


@dataclass(frozen=True)
class DrawnSource:
    key: str
    size: tuple[int, int] = (64, 64)

    def load(self, side: int) -> Image.Image:
        if self.key == "broken":
            raise OSError("broken")
        return Image.new("RGB", self.size, (len(self.key) * 9 % 256, 40, 90))


def job(key: str, cols: int = 8, rows: int = 4) -> TileJob:
    return TileJob(TileSpec(key, cols, rows), DrawnSource(key))


def wait_until(done: Callable[[], bool]) -> None:
    for _ in range(2000):
        if done():
            return
        time.sleep(0.005)
    raise AssertionError("nothing happened for ten seconds")


def want(pool: TilePool, owner: Owner, jobs: list[TileJob]) -> None:
    """Ask as a widget does: again whenever something was made."""
    for _ in range(3):
        pool.want(owner, jobs)  # type: ignore[arg-type]
        wait_until(lambda: pool.idle)


@pytest.fixture(params=[False, True], ids=["alone", "in tmux"])
def terminal(request: Any) -> FakeTerminal:
    return FakeTerminal(tmux=request.param)


@pytest.fixture
def pool(terminal: FakeTerminal) -> Iterator[TilePool]:
    sharper = KittyPool(terminal.send, tmux=terminal.tmux, session=0xAB12)
    pool = TilePool(workers=1, sharper=sharper)
    yield pool
    pool.close()


def test_there_is_a_mark_for_every_row_and_column() -> None:
    assert len(DIACRITICS) == len(set(DIACRITICS)) == 297
    assert DIACRITICS[:3] == ("\u0305", "\u030d", "\u030e") and DIACRITICS[-1] == "\U0001d244"


@given(st.binary(min_size=1, max_size=20_000), st.integers(1, 2**32 - 1))
def test_a_picture_arrives_whole_in_chunks(data: bytes, number: int) -> None:
    terminal = FakeTerminal()
    for sequence in write_upload(number, data):
        assert terminal.send(sequence)
    assert terminal.pictures == {number: data}


@given(st.integers(0, 0xFFFF), st.integers(0, SLOTS - 1), st.integers(1, 255), st.integers(1, 100))
def test_every_placeholder_says_its_picture_row_and_column(session: int, slot: int, cols: int, rows: int) -> None:
    number = 1 << 24 | session << 8 | slot
    lines = draw_placeholders(number, Box(0, 0, cols, rows))
    assert len(lines) == rows
    for row, (segment,) in enumerate(lines):
        assert cell_len(segment.text) == cols
        cells = segment.text.split(PLACEHOLDER)[1:]
        assert [tuple(DIACRITICS.index(mark) for mark in cell) for cell in cells] == [(row, c, 1) for c in range(cols)]
        assert segment.style is not None and segment.style.color is not None
        red, green, blue = segment.style.color.get_truecolor()
        assert 1 << 24 | red << 16 | green << 8 | blue == number


def test_half_cells_come_first_and_are_replaced_once_uploaded(pool: TilePool, terminal: FakeTerminal) -> None:
    owner, one = Owner(), job("one")
    pool.want(owner, [one])  # type: ignore[arg-type]
    wait_until(lambda: pool.idle)
    first = pool.get(one.spec)
    assert first is not None and not first.sharp and not terminal.sent
    assert pool.lacks(one.spec), "it could be sharper"
    pool.want(owner, [one])  # type: ignore[arg-type]
    wait_until(lambda: pool.idle)
    second = pool.get(one.spec)
    assert second is not None and second.sharp and not pool.lacks(one.spec)
    (number,) = terminal.pictures
    assert number >> 8 == 0x1AB12
    assert terminal.placements[number] == (second.box.cols, second.box.rows)
    picture = Image.open(io.BytesIO(terminal.pictures[number]))
    assert picture.format == "PNG" and picture.mode == "P"
    assert owner.told >= 2


def test_a_broken_picture_keeps_its_words_and_is_tried_once(pool: TilePool, terminal: FakeTerminal) -> None:
    owner, broken = Owner(), job("broken")
    want(pool, owner, [broken])
    tile = pool.get(broken.spec)
    assert tile is not None and "broken" in tile.error
    assert not pool.lacks(broken.spec) and not terminal.sent


def test_the_terminal_never_holds_more_than_its_slots(pool: TilePool, terminal: FakeTerminal) -> None:
    owner = Owner()
    jobs = [job(str(number)) for number in range(SLOTS + 40)]
    want(pool, owner, jobs[:150])
    want(pool, owner, jobs[150:])
    assert len(terminal.pictures) == SLOTS
    assert len(terminal.deleted) == 40
    assert pool.lacks(jobs[0].spec) and not pool.lacks(jobs[-1].spec)
    shown = {tile.lines[0][0].style for each in jobs if (tile := pool.get(each.spec)) is not None and tile.sharp}
    assert len(shown) == SLOTS, "each has an id of its own"


def test_after_forgetting_all_is_sent_again(pool: TilePool, terminal: FakeTerminal) -> None:
    owner, jobs = Owner(), [job("a"), job("bb")]
    want(pool, owner, jobs)
    terminal.pictures.clear()
    told = owner.told
    pool.forget_uploads()
    assert owner.told == told + 1, "so that it asks again"
    tile = pool.get(jobs[0].spec)
    assert tile is not None and not tile.sharp, "half cells meanwhile"
    want(pool, owner, jobs)
    assert len(terminal.pictures) == 2


def test_a_terminal_that_is_gone_leaves_half_cells(pool: TilePool, terminal: FakeTerminal) -> None:
    terminal.gone = True
    owner, one = Owner(), job("one")
    want(pool, owner, [one])
    tile = pool.get(one.spec)
    assert tile is not None and not tile.sharp and not tile.error


def test_closing_takes_the_pictures_out_of_the_terminal(pool: TilePool, terminal: FakeTerminal) -> None:
    want(pool, Owner(), [job("a"), job("bb")])
    assert len(terminal.pictures) == 2
    pool.close()
    assert not terminal.pictures


def test_uploads_are_paced() -> None:
    started, sent = time.monotonic(), []
    pool = KittyPool(lambda data: sent.append(data) is None, rate=100_000)
    assert pool._upload(1, bytes(range(256)) * 30)
    # 7,680 bytes are 10,240 in base64; how late a busy machine wakes up is not this test's business.
    assert sum(map(len, sent)) > 10_000 and time.monotonic() - started >= 0.1


def test_a_palette_takes_a_fraction_of_the_bytes() -> None:
    picture = Image.effect_noise((64, 64), 90).convert("RGB")
    whole = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise((64, 64), 90) for _ in range(3)]).save(whole, "PNG")
    assert len(encode_png(picture)) < 0.6 * len(whole.getvalue())
