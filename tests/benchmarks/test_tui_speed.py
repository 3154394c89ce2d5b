"""How the app feels, measured from outside on a real PTY: first frame, first data, key to paint, bytes, slow links."""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pyte
import pytest
from library import build_library, build_wall
from pty_terminal import PtyTerminal

from loratui.config import Home, find_home

pytestmark = pytest.mark.benchmark

SIZE = (120, 40)
SIZES = ((80, 24), SIZE, (200, 60))
MOVE_S = 1.0
"""What is written within this time of a key is counted as its move; what comes later is drawn for those who rest."""
LINK = 10_000_000 / 8
"""10 Mbit/s in bytes per second."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """1,000 subjects with 1,000,000 pictures in all, and one more with 100,000 that have thumbnails."""
    home = find_home({"LORATUI_HOME": str(tmp_path_factory.mktemp("large"))})
    build_library(home)
    build_wall(home, name="Aaa Wall")
    return home


def start(home: Home, *arguments: str, size: tuple[int, int] = SIZE) -> PtyTerminal:
    argv = [sys.executable, "-m", "loratui", "tui", *arguments]
    return PtyTerminal(argv, env=environment(home), size=size)


def environment(home: Home) -> dict[str, str]:
    # With modules compiled beforehand, as installed ones are.
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(home.data.parent / "compiled")}
    return {"LORATUI_HOME": str(home.data), "COLORTERM": "truecolor", **compiled}


def quit_app(terminal: PtyTerminal) -> None:
    terminal.press("q")
    terminal.wait(30)


def test_the_first_frame_and_the_first_data_of_a_large_library(large: Home) -> None:
    with start(large) as terminal:
        terminal.wait_for("1,001 subjects", 60)
        quit_app(terminal)
    frames, data = [], []
    for _ in range(7):
        with start(large) as terminal:
            terminal.wait_for(is_current, 30)
            data.append(time.monotonic() - terminal.started_at)
            assert terminal.first_paint_at is not None
            frames.append(terminal.first_paint_at - terminal.started_at)
            quit_app(terminal)
    for what, took, budget in (("first frame", frames, 350), ("first data", data, 800)):
        median = 1000 * statistics.median(took)
        print(
            f"\n{what}: {median:.0f} ms (best {1000 * min(took):.0f}), {median / budget:.2f} of its {budget} ms", end=""
        )
    print()


def is_current(text: str) -> bool:
    """Whether what shows was read from the library in this session."""
    return "1,001 subjects" in text and "reading" not in text


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_key_on_a_wall_of_100000_pictures(large: Home, size: tuple[int, int]) -> None:
    press_all_keys(large, "drawn pictures", size)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Home:
    """One subject with 600 pictures whose thumbnails are photos."""
    home = find_home({"LORATUI_HOME": str(tmp_path_factory.mktemp("photos"))})
    build_wall(home, 600, name="Aaa Wall", drawn=150, photos=sorted(shared.glob("data/photos/*/*.jpg")))
    return home


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_a_key_on_a_wall_of_photos(photos: Home, size: tuple[int, int]) -> None:
    press_all_keys(photos, "photos", size)


def press_all_keys(home: Home, what: str, size: tuple[int, int]) -> None:
    what = f"{size[0]}x{size[1]}, {what}"
    with start(home, "--subject", "Aaa Wall", size=size) as terminal:
        terminal.wait_for("IMG_", 60)
        terminal.wait_quiet(1.5, 60)
        within = press_each(terminal, ["right", "right", "left", "down", "up"] * 4)
        report_keys(f"{what}, move within a page", within)
        terminal.press("end")
        terminal.wait_quiet(1.5, 60)
        terminal.press("home")
        terminal.wait_quiet(1.5, 60)
        down, up = press_each(terminal, ["down"] * 16), press_each(terminal, ["up"] * 16)
        report_keys(f"{what}, down, which scrolls", down)
        report_keys(f"{what}, up, which scrolls", up)
        report_keys(f"{what}, all moves by one tile", [*within, *down, *up])
        pages = press_each(terminal, ["pagedown"] * 6 + ["pageup"] * 3)
        report_keys(f"{what}, a page down or up", pages)
        ends = press_each(terminal, ["end", "home"] * 3)
        report_keys(f"{what}, end and home", ends)
        every = [*within, *down, *up, *pages, *ends]
        print(f"\n{what}, the worst move: {max(press.moved for press in every) / 1024:.1f} of 20 KiB", end="")
        quit_app(terminal)


class Press(NamedTuple):
    """What one key brought: seconds to the first byte, bytes of the move with what refines it, and of rest after it."""

    seconds: float
    moved: int
    rested: int


def press_each(terminal: PtyTerminal, keys: list[str]) -> list[Press]:
    """Press keys, each after all that the one before brought: its move, and the drafts made better one by one."""
    presses = []
    for key in keys:
        before, pressed = terminal.bytes_read, time.monotonic()
        terminal.press(key)
        while terminal.bytes_read == before and time.monotonic() - pressed < 2:
            time.sleep(0.0005)
        seconds = time.monotonic() - pressed
        time.sleep(max(0.0, pressed + MOVE_S - time.monotonic()))
        moved = terminal.bytes_read
        terminal.wait_quiet(0.35, 30)
        presses.append(Press(seconds, moved - before, terminal.bytes_read - moved))
    return presses


def report_keys(what: str, presses: list[Press]) -> None:
    seconds = [press.seconds for press in presses]
    p95, median = 1000 * statistics.quantiles(seconds, n=20)[-1], 1000 * statistics.median(seconds)
    sizes = [
        f"{name} median {statistics.median(sizes) / 1024:.1f} KiB, most {max(sizes) / 1024:.1f} KiB"
        for name, sizes in (
            ("move, of 20 KiB", [press.moved for press in presses]),
            ("for those who rest longer", [press.rested for press in presses]),
        )
    ]
    print(
        f"\n{what}: key to paint p95 {p95:.1f} ms ({p95 / 30:.2f} of 30 ms), median {median:.1f} ms;"
        f" {'; '.join(sizes)}",
        end="",
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One subject with 60 pictures that have thumbnails."""
    home = find_home({"LORATUI_HOME": str(tmp_path_factory.mktemp("small"))})
    build_wall(home, 60, name="Aaa Wall", drawn=60)
    return home


class TimedTerminal(PtyTerminal):
    """Remembers when each byte came."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        self.came: list[tuple[float, int]] = []
        super().__init__(*arguments, **settings)

    def _take(self, data: bytes) -> None:
        super()._take(data)
        self.came.append((time.monotonic(), len(self.raw)))

    def find_last_change(self, columns: int) -> float:
        """When these leftmost columns of the screen, but for lines of words, came to show what they show now."""
        labels = {y for y, line in enumerate(self.screen.display) if re.search(r"\w", line[:columns])}
        screen = pyte.Screen(self.columns, self.rows)
        stream = pyte.ByteStream(screen)
        fed = self.raw.rindex(b"\x1b[?1049h")
        shown: list[Any] = []
        changed = 0.0
        for at, count in self.came:
            data = bytes(self.raw[fed:count])
            # A sequence that is cut in two comes with the next bytes.
            data = data[: data.rfind(b"\x1b")] if b"\x1b" in data[-40:] else data
            fed += len(data)
            stream.feed(data)
            lines = (y for y in range(1, self.rows - 2) if y not in labels)
            now = [[screen.buffer[y][x] for x in range(columns)] for y in lines]
            if now != shown:
                shown, changed = now, at
        return changed


def test_a_wall_of_thumbnails_over_a_slow_link(small: Home, large: Home, tmp_path: Path) -> None:
    out = tmp_path / "stalls.json"
    argv = [sys.executable, str(Path(__file__).parent / "stalls.py"), str(out), "--images", "halfcells"]
    for name, home in (("60", small), ("100,000", large)):
        opened, drawn, sizes, worst = [], [], [], []
        with start(home) as terminal:
            # What is read and compiled once only.
            terminal.wait_for("Aaa Wall", 60)
            terminal.press("enter")
            terminal.wait_for("IMG_", 60)
            quit_app(terminal)
        for _ in range(5):
            with TimedTerminal(argv, env=environment(home), size=(108, 43), throttle=LINK) as terminal:
                terminal.wait_for("Aaa Wall", 60)
                terminal.wait_quiet(2.0, 60)
                before, pressed = terminal.bytes_read, time.monotonic()
                terminal.press("enter")
                terminal.wait_for("IMG_", 60)
                terminal.wait_quiet(1.0, 60)
                drawn.append(terminal.find_last_change(columns=60) - pressed)
                opened.append(terminal.last_byte_at - pressed)
                sizes.append(terminal.bytes_read - before)
                quit_app(terminal)
            worst.append(max(gap for at, gap in json.loads(out.read_text()) if at >= pressed))
        whole, thumbnails = (1000 * statistics.median(times) for times in (opened, drawn))
        stall = 1000 * statistics.median(worst)
        print(
            f"\nwall of {name} pictures over 10 Mbit/s: thumbnails after {thumbnails:.0f} ms,"
            f" whole after {whole:.0f} ms ({whole / 1000:.2f} of 1 s), {statistics.median(sizes) / 1024:.0f} KiB;"
            f" longest stall of the event loop {stall:.0f} ms ({stall / 100:.2f} of 100 ms)"
        )
