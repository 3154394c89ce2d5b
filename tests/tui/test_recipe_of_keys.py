"""From an empty library to a rated sheet by keyboard alone, on a real PTY: the recipe of keys that the README gives."""

from __future__ import annotations

import random
import sys
import time
from typing import TYPE_CHECKING

import pytest
from pty_terminal import PtyTerminal
from waiting import wait_until

from loratui.captions.service import captions_of
from loratui.catalog import dedupe, runs
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import summarize_subject
from loratui.demo import world
from loratui.review.matrix import load_matrix
from loratui.runs.service import wait_for_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from loratui.config import Home

pytest.importorskip("torch", reason="the [train] extra is not installed")


@pytest.fixture
def photos(tmp_path: Path, real_photos: Path | None, record_property: Callable[[str, object], None]) -> Path:
    """61 pictures, two of them alike: real photos where the machine has them, else one drawn character."""
    folder = real_photos or draw_photos(tmp_path / "photos")
    record_property("pictures", "real photos" if real_photos else "drawn")
    print(f"With {'real photos' if real_photos else 'drawn pictures'} of {folder}")
    return folder


def draw_photos(folder: Path) -> Path:
    """60 pictures of one drawn character, and a smaller copy of one of them."""
    folder.mkdir()
    rng = random.Random(5)
    look = world.random_look(rng)
    for number in range(60):
        picture = world.draw(look, world.random_scene(rng), rng.getrandbits(32), 128)
        picture.save(folder / f"{number:02}.png")
        if number == 7:
            picture.resize((96, 96)).save(folder / "copy.jpg", quality=85)
    return folder


def open_app(home: Home) -> PtyTerminal:
    environment = {"LORATUI_HOME": str(home.data), "COLORTERM": "truecolor", "OMP_NUM_THREADS": "2"}
    return PtyTerminal([sys.executable, "-m", "loratui"], env=environment, size=(120, 40))


def test_a_library_goes_from_import_to_a_rated_sheet_by_keyboard_alone(home: Home, photos: Path) -> None:
    with open_app(home) as app:
        app.wait_for("No subjects yet", 30)
        app.press("n")
        app.wait_for("A new subject")
        app.send("Mira\rMirvok\r\rcharacter\r")
        app.wait_for("Added Mira")
        app.press("a")
        app.wait_for("Import into Mira")
        app.send(str(photos))
        app.press("ctrl+s")
        app.wait_for("61 pictures imported", 60)
        app.press("escape")
        app.press("enter")
        app.wait_for("inbox 61")

        with open_catalog(home) as catalog:
            # The clear third are primaries, the others support them: one key each, the cursor goes on by itself.
            app.send("pss" * 20 + "s")
            app.wait_for(lambda text: "primary 20" in text and "supporting 41" in text)
            wait_until(lambda: summarize_subject(catalog, "Mira").counts["supporting"] == 41)

            app.press("d")
            app.wait_for("Group 1 of")
            app.press("A", "escape")
            wait_until(lambda: not [group for group in dedupe.find_groups(catalog, "Mira") if group.tier != "near"])
            app.wait_for("rejected 1")

            app.press("home", "e")
            app.wait_for("tokens")
            app.send("photo of Mirvok, smiling")
            app.press("ctrl+s")
            first = select_memberships(catalog, "Mira")[0]
            wait_until(lambda: captions_of(catalog, "Mira")[first.id] == "photo of Mirvok, smiling")

            app.press("T")
            app.wait_for("steps = ")
            app.press("down", "down", "enter")
            app.press("ctrl+u")
            app.send("2\r")
            app.wait_for("x 2 epochs")
            app.press("ctrl+s")
            app.wait_for("y yes")
            time.sleep(0.4)
            app.press("y")
            app.wait_for("mira-0001", 30)
            wait_until(lambda: runs.get_run(catalog, "mira-0001").state == "running")
            app.press("q")
            assert app.wait(30) == 0
            assert "goes on in the background" in app.screen_text()
            assert app.is_cooked()

            with open_app(home) as again:
                again.wait_for("Mira", 30)
                again.press("f4")
                again.wait_for("mira-0001")
                assert wait_for_run(catalog, "mira-0001").state == "done"
                again.wait_for("done")
                again.press("enter")
                again.wait_for("stars")
                again.press("n")
                again.wait_for("New sheet of mira-0001")
                again.send("photo of {trigger}\r\r")
                again.press("ctrl+u")
                again.send("1")
                again.press("ctrl+s")
                again.wait_for("Render 3 images")
                time.sleep(0.4)
                again.press("y")
                again.wait_for("3 images, 3 new", 120)
                again.press("v")
                again.wait_for("no LoRA")
                again.press("right", "right", "5")
                wait_until(lambda: load_matrix(catalog).columns[2].mean == 5.0)
                again.press("q")
                assert again.wait(30) == 0
