"""What the screens look like, on a library that is the same everywhere: its times, paths and machine are made up.

LORATUI_ACCEPT_LOOKS=1 pytest tests/tui/test_looks.py stores what they look like now. Look at the files then.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw, ImageOps
from snapshots import ACCEPT, check_look, compare, read_look
from textual.widgets import Input

from loratui.captions.service import import_sidecars
from loratui.catalog import importer, roles, sheets, subjects
from loratui.catalog.attempts import claim_run
from loratui.catalog.run_events import ingest_events
from loratui.catalog.runs import create_run, list_checkpoints
from loratui.catalog.snapshots import save_snapshot
from loratui.catalog.store import Catalog, open_catalog
from loratui.config import Home, find_home, load_settings
from loratui.demo.screens import rest
from loratui.events import RunEvent
from loratui.runs.bases import ensure_shipped_base
from loratui.runs.forecast import Machine
from loratui.tui.app import LoratuiApp
from loratui.tui.options import Options
from loratui.tui.svg import draw_svg
from loratui.tui.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.pilot import Pilot

Settle = Callable[["Pilot[None]"], Awaitable[None]]

LOOKS = Path(__file__).parent / "looks"
DAY = "2025-03-14"
GIB = 1024**3

EPOCHS, STEPS_PER_EPOCH = 6, 40
PROMPTS = ("photo of Mirvok, smile", "photo of Mirvok, red hat, forest", "woman in a city at night")


@dataclass(frozen=True, slots=True)
class Shot:
    """A screen, and the keys that lead there from the library: the app comes to rest after each group of them."""

    name: str
    keys: tuple[str, ...] = ()
    size: tuple[int, int] = (120, 40)
    options: Options = field(default_factory=Options)


SHOTS = (
    Shot("library"),
    Shot("pictures", ("enter", "right right space right")),
    Shot("pictures-80x24", ("enter", "right right space right"), (80, 24)),
    Shot("duplicates", ("enter", "d")),
    Shot("crop", ("enter", "right right", "c", "minus up")),
    Shot("tags", ("enter", "t", "down down")),
    Shot("imbue", ("enter", "t", "I")),
    Shot("balance", ("b",)),
    Shot("train", ("T",)),
    Shot("run", ("f4", "enter")),
    Shot("review", ("f5", "right right m", "right right")),
    Shot("help", ("enter", "question_mark")),
)


@pytest.mark.parametrize("shot", SHOTS, ids=lambda shot: shot.name)
async def test_a_screen_looks_as_it_was_accepted(shot: Shot, library: Home, settle: Settle, tmp_path: Path) -> None:
    drawn = await take(shot, library, settle)
    assert str(library.data.parent) not in drawn
    check_look(drawn, LOOKS / f"{shot.name}.svg", tmp_path)


def test_a_difference_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LORATUI_ACCEPT_LOOKS", raising=False)
    stored = LOOKS / "help.svg"
    before = stored.read_text(encoding="utf-8")
    check_look(before, stored, tmp_path)
    now = before.replace("One more repeat.", "One more repetition.")
    assert now != before
    with pytest.raises(pytest.fail.Exception) as failed:
        check_look(now, stored, tmp_path)
    told = str(failed.value)
    assert "1 of 40 rows of text differ" in told
    assert "+" in told and "One more repetition." in told
    assert ACCEPT in told
    assert (tmp_path / "help.svg").read_text(encoding="utf-8") == now


def test_other_colours_and_pictures_are_told_and_rounding_is_not() -> None:
    look = read_look((LOOKS / "pictures.svg").read_text(encoding="utf-8"))
    one = look.runs[0]
    recoloured = replace(look, runs=(replace(one, color="#ff0000"), *look.runs[1:]))
    assert any("is #ff0000" in line for line in compare(look, recoloured))
    rounded = replace(look, picture=look.picture.point(lambda value: min(255, value + 5)))
    assert compare(look, rounded) == []
    blot = look.picture.copy()
    blot.paste((255, 0, 255), (10, 10, 40, 40))
    (told,) = compare(look, replace(look, picture=blot))
    assert told.startswith("900 of 9,600 pixels") or "columns 10 to 39, rows 5 to 19" in told


@pytest.mark.parametrize("how", ["no colour", "plain glyphs"])
async def test_every_way_to_draw_shows_the_same_words(
    how: str, library: Home, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "no colour":
        monkeypatch.setenv("NO_COLOR", "1")
    shot = Shot("pictures", ("enter", "question_mark"), options=Options(ascii=how == "plain glyphs"))
    look = read_look(await take(shot, library, settle))
    words = "\n".join(look.rows)
    assert "Clear and characteristic: more repeats." in words
    if how == "plain glyphs":
        assert words.isascii()
    else:
        assert all(run.color[1:3] == run.color[3:5] == run.color[5:7] for run in look.runs)
        assert all(red == green == blue for _, (red, green, blue) in look.picture.getcolors(99))


async def take(shot: Shot, home: Home, settle: Settle) -> str:
    """Press the keys in a fresh app and draw what shows."""
    app = LoratuiApp(home, load_settings(home), Terminal(truecolor=True), shot.options)
    async with app.run_test(size=shot.size) as pilot:
        await settle(pilot)
        for group in shot.keys:
            await pilot.press(*group.split())
            await settle(pilot)
        await rest(pilot, app)
        for field_ in app.screen.query(Input):
            field_.cursor_blink = False
        await pilot.pause()
        return draw_svg(app, f"loratui: {shot.name}")


# The library


@pytest.fixture(scope="module")
def drawn_library(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Three subjects at different stages, one of them with a training and a rated sheet."""
    folder = tmp_path_factory.mktemp("looks")
    home = find_home({"LORATUI_HOME": str(folder / "home")})
    with open_catalog(home) as catalog:
        # Anything that is there: only the doubts of the train screen ask for it.
        home.config_file.write_text(f"trainer = ['{Path(__file__).as_posix()}']\n", encoding="utf-8")
        base = ensure_shipped_base(catalog)
        mira, _ = subjects.add_subject(catalog, "Mira", "Mirvok", class_word="woman")
        fill(catalog, "Mira", folder / "mira", 26, hue=0)
        subjects.add_subject(catalog, "Old Bruno", "brunvak", kind="character", class_word="dog")
        fill(catalog, "Old Bruno", folder / "bruno", 7, hue=90)
        subjects.add_subject(catalog, "Watercolour", "aqwarel", kind="style")
        for role, query in (
            ("primary", "name:a*"),
            ("supporting", "name:b*"),
            ("holdout", "name:b10*"),
            ("rejected", "name:b25*"),
        ):
            roles.set_role(catalog, "Mira", role, query, reason="blurry" if role == "rejected" else "")
        roles.set_role(catalog, "Old Bruno", "primary", "name:a*")
        roles.set_rating(catalog, "Mira", 4, "name:a0*")
        roles.set_rating(catalog, "Mira", 2, "name:b1*")
        train(catalog, mira.id, base.id)
    date_all(home.database)
    return home


@pytest.fixture
def library(drawn_library: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """The library on a machine, and at a place on earth, that are the same everywhere."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    machine = Machine("cuda", "Drawn GPU", 24 * GIB, 512 * GIB)
    monkeypatch.setattr("loratui.runs.forecast.inspect_machine", lambda catalog: machine)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield drawn_library
    monkeypatch.undo()
    time.tzset()


def fill(catalog: Catalog, subject: str, folder: Path, count: int, *, hue: int) -> None:
    """Draw pictures with captions beside them and import them; the third is there again, smaller."""
    folder.mkdir()
    for number in range(count):
        # BMP: the same bytes, and so the same hashes, from every version of every encoder.
        picture = draw_picture(number, hue)
        file = folder / f"{'b' if number % 3 else 'a'}{number:02}.bmp"
        picture.save(file)
        tags = ["red hair" if hue == 0 else "brown fur", ("smile", "serious", "smile", "laughing")[number % 4]]
        tags += [("forest", "city", "beach")[number % 3], *(["red hat"] if number % 5 == 0 else [])]
        tags += ["outdoors", *(["upper body"] if number % 2 else ["full body", "standing"])]
        file.with_suffix(".txt").write_text(", ".join(tags), encoding="utf-8")
        if number == 2:
            picture.resize((picture.width // 2, picture.height // 2)).save(folder / "small copy of b02.bmp")
    result = importer.import_pictures(catalog, subject, [folder], workers=1)
    import_sidecars(catalog, subject, result.sidecars)


def draw_picture(number: int, hue: int) -> Image.Image:
    """A face of blocks before a gradient; no two alike."""
    width, height = ((256, 256), (224, 320), (320, 208))[number * 7 % 5 % 3]
    turn = number * 67 + hue
    light, dark = (
        tuple(int(at + span * math.sin((turn + shift) * 0.05)) for shift in (0, 40, 80))
        for at, span in ((170, 60), (70, 50))
    )
    slope = Image.linear_gradient("L").rotate(90 * (number % 4)).resize((width, height))
    picture = ImageOps.colorize(slope, dark, light)
    pen = ImageDraw.Draw(picture)
    for block in range(4):
        left, top = (97 * number + 71 * block) % width, (53 * number + 89 * block) % height
        pen.rectangle((left - 30, top - 20, left + 30, top + 20), fill=tuple(light[::-1]) if block % 2 else dark)
    middle, chin, size = width // 2 + (number * 13 % 40) - 20, height * 3 // 5, 40 + number * 11 % 30
    pen.ellipse(
        (middle - size - 8, chin - size - 24, middle + size + 8, chin + size), fill=(150 - hue, 60 + hue // 2, 40)
    )
    pen.ellipse((middle - size + 8, chin - size, middle + size - 8, chin + size), fill=(232, 190, 160))
    for side in (-1, 1):
        eye = middle + side * size // 3
        pen.rectangle((eye - 5, chin - 10, eye + 5, chin), fill=(40, 60, 40))
    pen.rectangle((middle - size // 3, chin + size // 2, middle + size // 3, chin + size // 2 + 6), fill=(150, 50, 60))
    return picture


def train(catalog: Catalog, subject: int, base: int) -> None:
    """A training that ended well, by what its trainer would have told, and a sheet of it."""
    from loratui.training.recipe import preset_for

    total = EPOCHS * STEPS_PER_EPOCH
    run = create_run(
        catalog,
        subject_id=subject,
        subject_name="Mira",
        snapshot_id=save_snapshot(catalog, subject, "5" * 64, "{}", 1).id,
        base_id=base,
        recipe=preset_for("cast", 64).to_dict(),
        total_steps=total,
        steps_per_epoch=STEPS_PER_EPOCH,
        prepare=lambda run: Path(run.folder).mkdir(parents=True),
    )
    claim_run(catalog, nonce="1", host="here")
    events: list[RunEvent] = []

    def say(kind: str, minute: int, **data: Any) -> None:
        events.append(RunEvent(len(events) + 1, kind, data, at=f"{DAY}T10:{minute:02}:00+00:00"))

    say("start", 0, pid=1, total_steps=total, steps_per_epoch=STEPS_PER_EPOCH, device="Drawn GPU")
    for step in range(1, total + 1):
        epoch, minute = (step - 1) // STEPS_PER_EPOCH + 1, 1 + step // 10
        loss = 0.09 + 0.1 * math.exp(-step / 70) + 0.02 * math.sin(step * 1.7)
        rate = 1e-4 * min(1.0, step / 20) * (1 + math.cos(math.pi * step / total)) / 2
        say("step", minute, step=step, epoch=epoch, loss=loss, lr=rate, images_per_s=21.5, eta_s=1.0)
        if step % STEPS_PER_EPOCH == 0:
            path = f"checkpoints/mira-0001-{epoch:06}.safetensors"
            say(
                "checkpoint",
                minute,
                epoch=epoch,
                step=step,
                path=path,
                autov3=f"{epoch}a4f9c07b2" * 6,
                bytes=3 * 1024**2,
            )
            say("epoch", minute, epoch=epoch, step=step, loss=loss)
    say("end", 26, state="done", reason="", hint="", step=total)
    ingest_events(catalog, run.id, events)
    checkpoints = {each.epoch: each.id for each in list_checkpoints(catalog, run.id)}
    seeds = (7, 8)
    planned = [
        sheets.PlannedCell(
            f"{epoch}-{place}-{seed}", checkpoints.get(epoch), epoch or None, float(epoch > 0), text, "", seed
        )
        for epoch in range(EPOCHS + 1)
        for place, text in enumerate(PROMPTS)
        for seed in seeds
    ]
    settings = {"seeds": list(seeds)}
    sheet = sheets.create_sheet(
        catalog, run_id=run.id, run_name=run.name, folder="mira", settings=settings, cells=planned
    )
    Path(sheet.folder).mkdir(parents=True, exist_ok=True)
    paths = {}
    for cell in planned:
        epoch, place = cell.epoch or 0, PROMPTS.index(cell.prompt)
        # An epoch sees the picture clearer than the one before.
        clear, noise = draw_picture(3 + place * 5 + cell.seed, 0).resize((64, 64)), draw_picture(place * 3, 60)
        paths[cell.key] = Path(sheet.folder) / f"{cell.key}.png"
        Image.blend(noise.resize((64, 64)), clear, epoch / EPOCHS).save(paths[cell.key])
    sheets.record_cells(catalog, sheet.id, paths)
    for cell in sheets.list_cells(catalog, sheet.id):
        if cell.epoch is not None and cell.prompt == PROMPTS[0]:
            sheets.rate_cells(catalog, [cell.id], min(5, cell.epoch))


def date_all(database: Path) -> None:
    """Everything happened on one day, and the pictures came from a folder that every machine could have."""
    with sqlite3.connect(database) as connection:
        for table, column in connection.execute(
            "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
            " WHERE m.type = 'table' AND m.name != 'event' AND c.name GLOB '*_at' AND c.name != 'ended_at'"
        ).fetchall():
            connection.execute(
                f"UPDATE {table} SET {column} = ? WHERE {column} IS NOT NULL", (f"{DAY} 10:00:00.000000",)
            )
        for id_, path in connection.execute("SELECT id, source_path FROM membership").fetchall():
            moved = b"/pictures/" + Path(bytes(path).decode()).name.encode()
            connection.execute("UPDATE membership SET source_path = ? WHERE id = ?", (moved, id_))
