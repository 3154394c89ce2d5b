"""`python -m loratui.demo.screens`: pictures of every screen of the app, from the library of the demo."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.captions import service as captions
from loratui.catalog import importer, roles, sheets, subjects
from loratui.catalog.store import open_catalog
from loratui.config import Home, find_home, load_settings
from loratui.demo import world
from loratui.demo.walk import walk
from loratui.events import ignore_progress
from loratui.review.matrix import load_matrix
from loratui.tui.app import LoratuiApp
from loratui.tui.options import Options
from loratui.tui.svg import draw_svg
from loratui.tui.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.pilot import Pilot

SIZE = (140, 40)


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture to take: the keys that lead there from the library, and the size of the terminal."""

    name: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = SIZE


OTHERS = (("Marenka", "marenkq", 44, True), ("Old Bruno", "brunvak", 30, False), ("Tillo", "tillozu", 12, True))
"""Name, trigger, pictures and whether they are sorted."""

SHOTS: tuple[Shot, ...] = (
    Shot("library"),
    Shot("pictures", ("enter", *["right"] * 4)),
    Shot("duplicates", ("enter", "d")),
    Shot("crop", ("enter", *["right"] * 3, "c", "minus", "up")),
    Shot("tags", ("enter", "t", *["down"] * 6)),
    Shot("imbue", ("enter", "t", "I")),
    Shot("proposals", ("enter", "r", "a", "down", "down")),
    Shot("balance", ("enter", "b")),
    Shot("train", ("enter", "T")),
    Shot("run", ("f4", "enter")),
    Shot("review", ("f5", "right", "right", "m", "right", "right")),
    Shot("help", ("enter", "question_mark")),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Take all pictures, or the named ones; the demo is run first where its library is not there yet."""
    parser = argparse.ArgumentParser(prog="python -m loratui.demo.screens", description=__doc__)
    parser.add_argument("out", type=Path, nargs="?", default=Path("assets/screens"), help="folder for the SVG files")
    parser.add_argument("--demo", type=Path, help="home of a finished demo (loratui demo --home DIR)")
    parser.add_argument("--only", nargs="*", default=[shot.name for shot in SHOTS], help="names of screens")
    asked = parser.parse_args(arguments)
    # A fixed place, because the detail pane shows where a picture came from.
    scratch = Path(tempfile.gettempdir()) / "loratui-screens"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        demo = asked.demo
        if demo is None:
            demo = scratch / "demo"
            walk(demo, seed=1, say=lambda step, what: print(f"{step:<10}  {what}"), report=ignore_progress)
        home = scratch / "home"
        shutil.copytree(demo, home, symlinks=True)
        prepare(find_home({"LORATUI_HOME": str(home)}), scratch / "pictures")
        asked.out.mkdir(parents=True, exist_ok=True)
        for shot in SHOTS:
            if shot.name in asked.only:
                drawn = asyncio.run(take(shot, home))
                (asked.out / f"{shot.name}.svg").write_text(drawn, encoding="utf-8")
                print(f"{shot.name}: {len(drawn) / 1024:.0f} KiB")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 0


def prepare(home: Home, scratch: Path) -> None:
    """More subjects at other stages, and some ratings, so that the screens have something to show."""
    with open_catalog(home) as catalog:
        for seed, (name, trigger, pictures, is_sorted) in enumerate(OTHERS):
            subjects.add_subject(catalog, name, trigger, class_word="character")
            draw_character(scratch / trigger, seed + 21, pictures)
            result = importer.import_pictures(catalog, name, [scratch / trigger])
            captions.import_sidecars(catalog, name, result.sidecars)
            if is_sorted:
                roles.set_role(catalog, name, "primary", "name:a*")
                roles.set_role(catalog, name, "supporting", "role:inbox")
        matrix = load_matrix(catalog)
        for (column, prompt, _), cell in matrix.cells.items():
            epoch = matrix.columns[column].epoch
            if epoch is not None and prompt == 0:
                sheets.rate_cells(catalog, [cell.id], min(5, 1 + epoch) if epoch < 6 else 3)


def draw_character(folder: Path, seed: int, count: int) -> None:
    """Pictures of one random character with captions beside them; names begin with a (a third) or b."""
    folder.mkdir(parents=True)
    rng = random.Random(seed)
    look = world.random_look(rng)
    for number in range(count):
        scene = world.random_scene(rng)
        file = folder / f"{'b' if number % 3 else 'a'}{number:03}.png"
        world.draw(look, scene, rng.getrandbits(32), 256).save(file)
        file.with_suffix(".txt").write_text(", ".join((look.hair_colour, *world.scene_tags(scene))), encoding="utf-8")


async def take(shot: Shot, home: Path) -> str:
    """Press the keys in a fresh app and draw what shows."""
    found = find_home({"LORATUI_HOME": str(home)})
    app = LoratuiApp(found, load_settings(found), Terminal(truecolor=True), Options())
    async with app.run_test(size=shot.size) as pilot:
        await rest(pilot, app)
        await pilot.press("home")
        for key in shot.keys:
            await pilot.press(key)
            await rest(pilot, app)
        drawn = draw_svg(app, f"loratui: {shot.name}")
    app.shut_down()
    return drawn


async def rest(pilot: Pilot[None], app: LoratuiApp) -> None:
    """Wait until everything that was asked for is on the screen."""
    quiet = 0
    while quiet < 8:
        await pilot.pause()
        busy = app.bridge.busy or bool(app.bridge.running_tasks()) or not app.tiles.idle
        quiet = 0 if busy else quiet + 1
        await asyncio.sleep(0.01 if busy else 0.02)


if __name__ == "__main__":
    sys.exit(main())
