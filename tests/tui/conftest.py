"""What the tests of the terminal app share: a library with drawn pictures, and an app to drive."""

from __future__ import annotations

import asyncio
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image, ImageDraw
from pty_terminal import PtyTerminal
from waiting import Settle, settle

from loratui.catalog import importer, subjects
from loratui.catalog.edits import add_tags
from loratui.catalog.store import Catalog, open_catalog
from loratui.config import Home, load_settings
from loratui.tui.app import LoratuiApp
from loratui.tui.options import Options
from loratui.tui.terminal import Terminal

STAND_IN_TRAINER = Path(__file__).parent.parent / "runs" / "stand_in_trainer.py"

MakeApp = Callable[..., LoratuiApp]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests, each in an event loop of its own; a plugin would be one more dependency for this."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.fixture(autouse=True)
def patient_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    """A form waits for its answer as long as that takes: on a busy machine it would be gone before it can refuse."""
    monkeypatch.setattr("loratui.tui.asking.HOLD_S", 60.0)
    monkeypatch.setattr("loratui.tui.keyboard.HOLD_S", 30.0)
    monkeypatch.setattr("loratui.tui.keyboard.MOST_S", 60.0)


@pytest.fixture
def make_app(home: Home) -> MakeApp:
    """Makes an app on this test's library, as a person on a terminal without pictures gets it."""

    def make(**options: object) -> LoratuiApp:
        return LoratuiApp(home, load_settings(home), Terminal(), Options(**options))  # type: ignore[arg-type]

    return make


@pytest.fixture
def mira(home: Home, tmp_path: Path) -> Home:
    """A library with the subject Mira (trigger Mirvok) and twelve different pictures in the inbox."""
    folder = tmp_path / "mira"
    draw_pictures(folder, 12)
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok", class_word="woman")
        importer.import_pictures(catalog, "Mira", [folder])
    return home


@pytest.fixture
def catalog(mira: Home) -> Iterator[Catalog]:
    """Mira with freckles on all twelve pictures, red and blue eyes, and a hat on three."""
    with open_catalog(mira) as opened:
        add_tags(opened, "Mira", "", ["freckles"])
        add_tags(opened, "Mira", "name:picture_0*", ["red eyes"])
        add_tags(opened, "Mira", "name:picture_1*", ["blue eyes"])
        add_tags(opened, "Mira", "name:picture_00 OR name:picture_01 OR name:picture_02", ["hat"])
        yield opened


@pytest.fixture
def stand_in_trainer(mira: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Mira, a trainer that learns nothing, and confirmations that hear at once; what still trains is ended."""
    monkeypatch.setattr("loratui.tui.dialogs.SETTLE_S", 0.0)
    mira.config_file.write_text(f"trainer = ['{sys.executable}', '{STAND_IN_TRAINER}']\n")
    yield mira
    for process in psutil.process_iter():
        try:
            if any(str(tmp_path) in word for word in process.cmdline()) and process.pid != os.getpid():
                process.kill()
                process.wait(5)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue


StartApp = Callable[..., PtyTerminal]


@pytest.fixture
def start_app(home: Home) -> Iterator[StartApp]:
    """Starts the app itself on a real PTY, on this test's library; flags and environment as given."""
    started: list[PtyTerminal] = []

    def start(*flags: str, **env: str) -> PtyTerminal:
        environment = {"LORATUI_HOME": str(home.data), "OMP_NUM_THREADS": "1", **env}
        started.append(PtyTerminal([sys.executable, "-m", "loratui", *flags], environment, size=(120, 40)))
        return started[-1]

    yield start
    for terminal in started:
        terminal.__exit__()


def draw_pictures(folder: Path, count: int) -> None:
    """Pictures that nobody would call alike: blocks in places and colours of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        picture = Image.new("RGB", (96 + 8 * (number % 4), 128), (20 * number % 255, 90, 255 - 20 * number % 255))
        pen = ImageDraw.Draw(picture)
        for block in range(6):
            left, top = (37 * (number + 1) * (block + 3)) % 80, (53 * (number + 2) * (block + 1)) % 110
            pen.rectangle((left, top, left + 20, top + 16), fill=(255 - 30 * block, (40 * number) % 255, 40 * block))
        picture.save(folder / f"picture_{number:02d}.png")


@pytest.fixture(name="settle")
def give_settle() -> Settle:
    """Waits until nothing is asked, written or running any more: `await settle(pilot)`."""
    return settle
