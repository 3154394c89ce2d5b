"""How the app feels, measured from outside on a real PTY: first frame, first data, key to paint, bytes, slow links."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from library import build_library, build_wall
from pty_terminal import PtyTerminal

from loratui.config import Home, find_home

pytestmark = pytest.mark.benchmark

SIZE = (120, 40)
LINK = 10_000_000 / 8
"""10 Mbit/s in bytes per second."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """1,000 subjects with 1,000,000 pictures in all, and one more with 100,000 that have thumbnails."""
    home = find_home({"LORATUI_HOME": str(tmp_path_factory.mktemp("large"))})
    build_library(home)
    build_wall(home, name="Aaa Wall")
    return home


def start(home: Home, *arguments: str, throttle: float | None = None) -> PtyTerminal:
    argv = [sys.executable, "-m", "loratui", "tui", *arguments]
    return PtyTerminal(argv, env=environment(home), size=SIZE, throttle=throttle)


def environment(home: Home) -> dict[str, str]:
    return {"LORATUI_HOME": str(home.data), "COLORTERM": "truecolor"}


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


def test_a_key_on_a_wall_of_100000_pictures(large: Home) -> None:
    press_all_keys(large, "drawn pictures")


def test_a_key_on_a_wall_of_photos(tmp_path: Path, shared: Path) -> None:
    home = find_home({"LORATUI_HOME": str(tmp_path)})
    build_wall(home, 600, name="Aaa Wall", drawn=150, photos=sorted(shared.glob("data/photos/*/*.jpg")))
    press_all_keys(home, "photos")


def press_all_keys(home: Home, what: str) -> None:
    with start(home, "--subject", "Aaa Wall") as terminal:
        terminal.wait_for("IMG_", 60)
        terminal.wait_quiet(1.5, 60)
        within = press_each(terminal, ["right", "right", "left", "down", "up"] * 6)
        report_keys(f"{what}, move within a page", within)
        terminal.press("end")
        terminal.wait_quiet(1.5, 60)
        terminal.press("home")
        terminal.wait_quiet(1.5, 60)
        down, up = press_each(terminal, ["down"] * 30), press_each(terminal, ["up"] * 30)
        report_keys(f"{what}, down, which scrolls", down)
        report_keys(f"{what}, up, which scrolls", up)
        report_keys(f"{what}, all moves by one tile", [*within, *down, *up])
        report_keys(f"{what}, a page down", press_each(terminal, ["pagedown"] * 10))
        report_keys(f"{what}, end and home", press_each(terminal, ["end", "home"] * 5))
        quit_app(terminal)


class Press(NamedTuple):
    """What one key brought: seconds to the first byte, bytes of the move itself, and bytes that came later at rest."""

    seconds: float
    moved: int
    refined: int


def press_each(terminal: PtyTerminal, keys: list[str], quiet: float = 0.1) -> list[Press]:
    """Press keys, each after all that the one before brought.

    The detail pane follows the cursor within 0.1 s and belongs to the move, which ends with `quiet` seconds without a
    byte; drafts are drawn better a quarter of a second after the cursor came to rest.
    """
    presses = []
    for key in keys:
        before, pressed = terminal.bytes_read, time.monotonic()
        terminal.press(key)
        while terminal.bytes_read == before and time.monotonic() - pressed < 2:
            time.sleep(0.0005)
        seconds = time.monotonic() - pressed
        terminal.wait_quiet(quiet)
        moved = terminal.bytes_read
        terminal.wait_quiet(0.6)
        presses.append(Press(seconds, moved - before, terminal.bytes_read - moved))
    return presses


def report_keys(what: str, presses: list[Press]) -> None:
    seconds = [press.seconds for press in presses]
    p95, median = 1000 * statistics.quantiles(seconds, n=20)[-1], 1000 * statistics.median(seconds)
    sizes = [
        f"{name} median {statistics.median(sizes) / 1024:.1f} KiB, most {max(sizes) / 1024:.1f} KiB"
        for name, sizes in (
            ("move", [press.moved for press in presses]),
            ("refinement", [press.refined for press in presses]),
            ("both", [press.moved + press.refined for press in presses]),
        )
    ]
    print(
        f"\n{what}: key to paint p95 {p95:.1f} ms ({p95 / 30:.2f} of 30 ms), median {median:.1f} ms; bytes, of 20 KiB:"
        f" {'; '.join(sizes)}",
        end="",
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """One subject with 60 pictures that have thumbnails."""
    home = find_home({"LORATUI_HOME": str(tmp_path_factory.mktemp("small"))})
    build_wall(home, 60, name="Aaa Wall", drawn=60)
    return home


def test_a_wall_of_thumbnails_over_a_slow_link(small: Home, large: Home, tmp_path: Path) -> None:
    out = tmp_path / "stalls.json"
    argv = [sys.executable, str(Path(__file__).parent / "stalls.py"), str(out), "--images", "halfcells"]
    for name, home in (("60", small), ("100,000", large)):
        opened, sizes, worst = [], [], []
        for _ in range(3):
            with PtyTerminal(argv, env=environment(home), size=(108, 43), throttle=LINK) as terminal:
                terminal.wait_for("Aaa Wall", 60)
                terminal.wait_quiet(2.0, 60)
                before, pressed = terminal.bytes_read, time.monotonic()
                terminal.press("enter")
                terminal.wait_for("IMG_", 60)
                terminal.wait_quiet(1.0, 60)
                opened.append(terminal.last_byte_at - pressed)
                sizes.append(terminal.bytes_read - before)
                quit_app(terminal)
            worst.append(max(gap for at, gap in json.loads(out.read_text()) if at >= pressed))
        median = statistics.median(opened)
        print(
            f"\nwall of {name} pictures over 10 Mbit/s: whole after {1000 * median:.0f} ms ({median:.2f} of 1 s),"
            f" {statistics.median(sizes) / 1024:.0f} KiB; longest stall of the event loop"
            f" {1000 * statistics.median(worst):.0f} ms ({10 * statistics.median(worst):.2f} of 100 ms)"
        )
