"""Whatever is done by keys, `u` takes back and ctrl+r does again: to the bit, in any order, on any screen."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from chat_server import ChatServer, completion
from hypothesis import Phase, given, note
from hypothesis import settings as budget
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from textual import events
from textual.screen import ModalScreen
from waiting import is_working

from loratui.captions.importing import import_with_captions
from loratui.captions.misplaced import check_subject
from loratui.catalog import crops, roles, sheets, tables
from loratui.catalog.bases import add_base
from loratui.catalog.query import select_memberships
from loratui.catalog.runs import create_run
from loratui.catalog.sheets import PlannedCell
from loratui.catalog.snapshots import save_snapshot
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.config import Home, find_home, load_settings
from loratui.tui.app import LoratuiApp
from loratui.tui.history import HistoryScreen
from loratui.tui.keymap import name_key
from loratui.tui.library import LibraryScreen
from loratui.tui.options import Options
from loratui.tui.registry import ACTIONS, BY_ID
from loratui.tui.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from textual.pilot import Pilot

    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog

Content = dict[str, list[tuple[Any, ...]]]

NOT_CONTENT = {
    "journal": "it is the list of what can be undone",
    "measure": "results of counting, kept so that the library screen need not count again",
    "seen_file": "what is known of files outside, so that a second import need not read them again",
}
"""Tables that undo leaves alone, and why."""

ROWS = {"picture": "SELECT * FROM picture WHERE id IN (SELECT picture_id FROM membership)"}
"""Instead of all rows: a picture that no subject has any more stays in the store, as undoing an import promises."""


@dataclass(frozen=True, slots=True)
class Script:
    """What to press for one action: `first` where the cursor must be, `then` what its dialog asks.

    What is not in NAMED is typed; {n} stands for a number, {letter} for a
    letter, {folder} for a folder with pictures.
    """

    then: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


SCRIPTS: dict[str, Script] = {
    "subject.add": Script(("Nova{n}", "enter", "novark{letter}", "enter", "enter", "teapot", "enter")),
    "subject.import": Script(("{folder}", "ctrl+s")),
    "subject.edit": Script(("end", " the {n}", "down", "end", "{letter}", "down", "down", "end", " pot", "ctrl+s")),
    "subject.consent": Script(("end", " Ada {n}", "ctrl+s")),
    "subject.remove": Script(),
    "subject.describe": Script(("ctrl+s",)),
    "picture.primary": Script(),
    "picture.supporting": Script(),
    "picture.reject": Script(),
    "picture.reject_because": Script(("b", "enter")),
    "picture.inbox": Script(first=("right",)),
    "picture.holdout": Script(),
    "picture.more_repeats": Script(),
    "picture.fewer_repeats": Script(first=("right",)),
    "picture.default_repeats": Script(first=("right",)),
    "picture.rate": Script(),
    "picture.caption": Script(("a caption, {n}", "enter")),
    "picture.tag": Script(("shiny {n}, -hat", "enter")),
    "picture.shows": Script(("{letter}",)),
    "picture.remove": Script(),
    "crop.apply": Script(first=("minus", "minus", "left")),
    "crop.clear": Script(first=("n",)),
    "group.resolve": Script(),
    "group.keep_this": Script(),
    "group.reject_this": Script(),
    "group.different": Script(),
    "group.alternates": Script(),
    "group.resolve_all": Script(),
    "tag.imbue": Script(),
    "tag.add": Script(("clean {n}", "enter")),
    "tag.remove": Script(("enter",)),
    "tag.replace": Script(("changed {n}", "enter")),
    "tag.prefix": Script((", {n}", "enter", "the end", "enter")),
    "proposal.accept": Script(),
    "tag.rules": Script(("right", "ctrl+s")),
    "tag.import_rules": Script(("{folder}/../undesired.txt", "ctrl+s")),
    "imbue.apply": Script(first=("space",)),
    "check.reject": Script(),
    "balance.apply": Script(),
    "balance.primary_more": Script(),
    "balance.primary_fewer": Script(),
    "balance.supporting_more": Script(),
    "balance.supporting_fewer": Script(),
    "cell.rate": Script(),
}
"""A new action whose undo is the journal needs a line here; test_every_action_has_a_script says so."""

NAMED = {"enter", "ctrl+s", "minus", "left", "right", "down", "space", "end"}

WAYS: dict[str, tuple[str, ...]] = {
    "library": (),
    "pictures": ("enter",),
    "view": ("enter", "enter"),
    "crop": ("enter", "c"),
    "duplicates": ("d",),
    "tags": ("t",),
    "imbue": ("t", "I"),
    "balance": ("b",),
    "proposals": ("enter", "r"),
    "checks": ("enter", "K"),
    "review": ("f5",),
    "cell": ("f5", "enter"),
}
"""From the library screen to each other one."""

JOURNALLED = [(action.id, scope) for action in ACTIONS if action.undo == "journal" for scope in action.scopes]


# The library


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A library to copy: two subjects with pictures, tags, duplicates, and one with a run and a sheet.

    Its journal is empty, so that every `u` takes back what a test did.
    """
    folder = tmp_path_factory.mktemp("pattern")
    home = find_home({"LORATUI_HOME": str(folder / "home")})
    with open_catalog(home) as catalog:
        base = add_base(catalog, "drawn", Path("/nowhere"), family="sd1", layout="folder", resolution=64)
        for number, name in enumerate(("Mira", "Tiko")):
            subject, _ = add_subject(catalog, name, f"{name}vok", kind="person" if name == "Mira" else "character")
            draw_pictures(folder / name, 10 * number)
            (folder / name / "broken.png").write_bytes(b"no picture")
            import_with_captions(catalog, name, [folder / name], load_settings(home))
            ids = [picture.id for picture in select_memberships(catalog, name)]
            roles.set_role(catalog, name, "primary", ids[1:3])
            roles.set_role(catalog, name, "supporting", ids[3:4])
            roles.set_repeats(catalog, name, 3, ids[1:2])
            crops.set_crop(catalog, name, ids[1:2], (8, 8, 64, 64))
            check_subject(catalog, name, ["tiny"])
            run = create_run(
                catalog,
                subject_id=subject.id,
                subject_name=name,
                snapshot_id=save_snapshot(catalog, subject.id, f"{number}" * 64, "{}", 1).id,
                base_id=base.id,
                recipe={},
                total_steps=3,
                steps_per_epoch=1,
                prepare=lambda run: None,
            )
            make_sheet(catalog, run)
        with catalog.write() as connection:
            # A run that is open keeps its subject from being removed.
            connection.execute(tables.run.update().values(state="done"))
            connection.execute(tables.journal.delete())
    draw_pictures(folder / "more", 20)
    (folder / "undesired.txt").write_text("smile, red_hat,nothing", encoding="utf-8")
    with ChatServer(lambda _: completion("It stands there.")).running() as server:
        home.config_file.write_text(f'[captioner]\nendpoint = "{server.endpoint}"\n', encoding="utf-8")
        yield folder


def draw_pictures(folder: Path, start: int) -> None:
    """Four pictures, with captions beside three, and copies of the first two: one to the bit, one smaller."""
    folder.mkdir()
    for number in range(4):
        picture = Image.new("RGB", (128 + 8 * number, 144), (25 * number + start, 90, 255 - 8 * (start + number)))
        pen = ImageDraw.Draw(picture)
        for block in range(7):
            left, top = (37 * (number + start + 1) * (block + 3)) % 100, (53 * (number + start + 2) * block) % 120
            pen.rectangle((left, top, left + 28, top + 20), fill=(255 - 30 * block, (40 * number) % 255, 40 * block))
        picture.save(folder / f"{number}.png")
        if number == 0:
            picture.save(folder / "4_again.bmp")
        if number == 1:
            picture.resize((96, 102)).save(folder / "5_small.jpg", quality=95)
        if number != 3:
            tags = ", ".join(("smile", "hat", "tree", "red hat")[number : number + 3])
            (folder / f"{number}.txt").write_text(tags, encoding="utf-8")


def make_sheet(catalog: Catalog, run: Run) -> None:
    cells = [
        PlannedCell(f"{run.name}-{epoch}-{seed}", None, epoch or None, float(epoch > 0), "a prompt", "", seed)
        for epoch in range(3)
        for seed in (7, 8)
    ]
    sheet = sheets.create_sheet(
        catalog, run_id=run.id, run_name=run.name, folder=run.name, settings={"seeds": [7, 8]}, cells=cells
    )
    paths = {cell.key: Path(sheet.folder) / f"{cell.key}.png" for cell in cells}
    for number, path in enumerate(paths.values()):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (40 * number, 255 - 40 * number, 90)).save(path)
    sheets.record_cells(catalog, sheet.id, paths)


def copy_library(pattern: Path, folder: Path) -> Home:
    shutil.copytree(pattern / "home", folder)
    return find_home({"LORATUI_HOME": str(folder)})


def content_of(home: Home) -> Content:
    """All that undo is about, as SQLite holds it."""
    with closing(sqlite3.connect(home.database)) as connection:
        return {
            name: sorted(connection.execute(ROWS.get(name, f'SELECT * FROM "{name}"')), key=repr)
            for name in tables.METADATA.tables
            if name not in NOT_CONTENT
        }


def count_done(home: Home) -> int:
    """Actions that can be undone."""
    with closing(sqlite3.connect(home.database)) as connection:
        (found,) = connection.execute("SELECT count(*) FROM journal WHERE undone_at IS NULL").fetchone()
        return int(found)


# Driving the app


class Driver:
    """Presses keys in an app on a library of its own."""

    def __init__(self, pilot: Pilot[None], home: Home, pattern: Path) -> None:
        assert isinstance(pilot.app, LoratuiApp)
        self.pilot, self.app, self.home, self.pattern = pilot, pilot.app, home, pattern

    async def press(self, *keys: str) -> None:
        """Press keys in one bunch, and wait for all that they set off."""
        for key in keys:
            self.app.post_message(events.Key(name_key(key), key if len(key) == 1 else None))
        await self.rest()

    async def rest(self) -> None:
        """Wait until nothing is asked, written or to be handled any more.

        pilot.pause, which sleeps until the processor does, would make these tests four times as long.
        """
        quiet = 0
        for _ in range(10_000):
            await asyncio.sleep(0.002)
            quiet = 0 if self._is_busy() else quiet + 1
            if quiet == 5:
                return
        raise AssertionError("the app did not come to rest")

    def _is_busy(self) -> bool:
        if is_working(self.app) or self.app.message_queue_size:
            return True
        widgets = (widget for screen in self.app.screen_stack for widget in (screen, *screen.query("*")))
        return any(widget.message_queue_size for widget in widgets)

    async def type(self, words: Sequence[str], number: int) -> None:
        """Press the keys of a script."""
        keys: list[str] = []
        for word in words:
            keys += (
                [word]
                if word in NAMED
                else word.format(n=number, letter="abcdef"[number], folder=self.pattern / "more")
            )
        if keys:
            await self.press(*keys)

    async def close_dialogs(self) -> None:
        for _ in range(5):
            if not isinstance(self.app.screen, ModalScreen):
                return
            await self.press("escape")
        raise AssertionError(f"esc does not leave {self.app.screen}")

    async def go(self, scope: str, row: int = 0) -> None:
        """Show a screen about the subject in a row of the library."""
        await self.press("f2", "home", *["down"] * row)
        for key in WAYS[scope]:
            await self.press(key)

    async def do(self, action: str, number: int) -> None:
        """Do an action on the screen that is shown, and answer its dialog."""
        keys = BY_ID[action].keys.split(",")
        await self.press(keys[number % len(keys)])
        await self.type(SCRIPTS[action].then, number)
        await self.close_dialogs()

    async def undo(self, times: int) -> None:
        await self.press(*"u" * times)

    async def redo(self, times: int) -> None:
        await self.press(*["ctrl+r"] * times)

    def said(self) -> str:
        return self.app.messages[-1].text if self.app.messages else ""

    def errors(self) -> list[str]:
        return [told.text for told in self.app.messages if told.error]


def make_app(home: Home) -> LoratuiApp:
    return LoratuiApp(home, load_settings(home), Terminal(), Options())


# Tests


def test_every_action_has_a_script() -> None:
    assert set(SCRIPTS) == {action for action, _ in JOURNALLED}


def test_every_screen_with_actions_can_be_reached() -> None:
    assert set(WAYS) >= {scope for _, scope in JOURNALLED}


def test_every_table_is_content_or_has_a_reason() -> None:
    assert set(NOT_CONTENT) | set(ROWS) <= set(tables.METADATA.tables)


@pytest.mark.parametrize("scope", WAYS)
async def test_each_action_changes_the_library_and_can_be_undone_and_redone(
    pattern: Path, tmp_path: Path, scope: str
) -> None:
    home = copy_library(pattern, tmp_path / "home")
    before = content_of(home)
    app = make_app(home)
    async with app.run_test(size=(120, 40)) as pilot:
        driver = Driver(pilot, home, pattern)
        await driver.rest()
        for action in (action for action, where in JOURNALLED if where == scope):
            await driver.go(scope)
            assert getattr(app.screen, "scope", "") == scope
            await driver.type(SCRIPTS[action].first, 4)
            assert content_of(home) == before, action
            await driver.do(action, 4)
            after, done = content_of(home), count_done(home)
            assert after != before, f"{action}: {driver.said()}"
            assert done > 0, action
            await driver.undo(done)
            assert content_of(home) == before, f"{action}: {driver.said()}"
            await driver.redo(done)
            assert content_of(home) == after, f"{action}: {driver.said()}"
            await driver.undo(done)
            assert content_of(home) == before, f"{action}: {driver.said()}"
            assert driver.errors() == [], action


@pytest.mark.parametrize("scope", ["pictures", "view", "crop", "duplicates", "tags", "imbue", "balance"])
async def test_undoing_the_name_of_what_is_shown_leads_to_the_library(
    pattern: Path, tmp_path: Path, scope: str
) -> None:
    home = copy_library(pattern, tmp_path / "home")
    app = make_app(home)
    async with app.run_test(size=(120, 40)) as pilot:
        driver = Driver(pilot, home, pattern)
        await driver.rest()
        await driver.do("subject.edit", 1)
        await driver.go(scope)
        assert app.subject == "Mira the 1"
        await driver.undo(1)
        assert (type(app.screen), len(app.screen_stack)) == (LibraryScreen, 1)
        assert driver.said().startswith("Undid: ")
        assert app.subject == "Mira"


async def test_undoing_below_a_screen_of_no_subject_stays_on_it(pattern: Path, tmp_path: Path) -> None:
    home = copy_library(pattern, tmp_path / "home")
    app = make_app(home)
    async with app.run_test(size=(120, 40)) as pilot:
        driver = Driver(pilot, home, pattern)
        await driver.rest()
        await driver.do("subject.edit", 1)
        await driver.go("tags")
        await driver.press("U")
        await driver.undo(1)
        assert isinstance(app.screen, HistoryScreen)
        await driver.press("f3")
        assert driver.said().startswith("Choose a subject first")


LATELY = [("undo", ""), ("redo", "")]
MOVES: list[tuple[str, ...]] = [(), (), ("right",), ("down",), ("down", "right", "right"), ("space",), ("ctrl+a",)]

step = st.tuples(st.sampled_from([*JOURNALLED, *LATELY]), st.integers(0, 5), st.integers(0, 1), st.sampled_from(MOVES))


@budget(
    max_examples=6,
    derandomize=True,
    database=None,
    deadline=None,
    # A shorter sequence that fails as well would take minutes to find.
    phases=[Phase.explicit, Phase.generate],
)
@given(steps=st.lists(step, min_size=6, max_size=12))
def test_any_sequence_of_actions_can_be_undone_and_redone(
    pattern: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    home = copy_library(pattern, tmp_path_factory.mktemp("sequence") / "home")
    asyncio.run(do_and_undo(home, pattern, steps))


async def do_and_undo(home: Home, pattern: Path, steps: Sequence[Any]) -> None:
    before = content_of(home)
    app = make_app(home)
    async with app.run_test(size=(120, 40)) as pilot:
        driver = Driver(pilot, home, pattern)
        await driver.rest()
        for (action, scope), number, row, moves in steps:
            if action in ("undo", "redo"):
                await (driver.undo(1) if action == "undo" else driver.redo(1))
                continue
            await driver.go(scope, row)
            await driver.press(*moves)
            await driver.type(SCRIPTS[action].first, number)
            await driver.do(action, number)
            note(f"{action} on {scope}: {driver.said()}")
        after, done = content_of(home), count_done(home)
        await driver.undo(done)
        assert content_of(home) == before
        await driver.redo(done)
        assert content_of(home) == after
        await driver.undo(done)
        assert content_of(home) == before
        assert not [text for text in driver.errors() if "unexpected" in text]
