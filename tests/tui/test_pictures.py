"""The picture wall: keys judge pictures, and what they did is in the library."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from textual import events
from waiting import until

from loratui.catalog import edits, importer, journal, roles, subjects, tables
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.cli.root import run
from loratui.tui.caption_editor import CaptionEditor
from loratui.tui.chrome import HeaderLine, MessageLine
from loratui.tui.pictures import PicturesScreen
from loratui.tui.reasons import ReasonForm
from loratui.tui.table import RowTable
from loratui.tui.wall import ImageWall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from textual.pilot import Pilot

    from loratui.catalog.rows import Membership
    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    Settle = Callable[[Pilot[None]], Awaitable[None]]
    MakeApp = Callable[..., LoratuiApp]

ROLES = {"p": "primary", "s": "supporting", "x": "rejected", "o": "holdout", "i": "inbox"}


def rows_of(home: Home, query: str = "") -> list[Membership]:
    with open_catalog(home) as catalog:
        return select_memberships(catalog, "Mira", query)


def roles_of(home: Home) -> str:
    """The roles of all pictures, a letter each."""
    letters = {role: key for key, role in ROLES.items()}
    return "".join(letters[row.role] for row in rows_of(home))


def content_of(home: Home) -> list[Any]:
    """All that a person can say about the pictures."""
    with open_catalog(home) as catalog:
        said = edits.tag_edits_of(catalog, "Mira")
    return [
        (row.name, row.role, row.reject_reason, row.own_repeats, row.rating, row.caption, said.get(row.id))
        for row in rows_of(home)
    ]


def screen_of(app: LoratuiApp) -> PicturesScreen:
    screen = app.top
    assert isinstance(screen, PicturesScreen)
    return screen


def wall_of(app: LoratuiApp) -> ImageWall:
    return screen_of(app).wall


def shown_roles(app: LoratuiApp) -> list[str]:
    wall = wall_of(app)
    labels = [wall.get_label(id_) for id_ in wall.ids]
    return ["" if label is None else label.role for label in labels]


def status_of(app: LoratuiApp) -> str:
    assert app.top is not None
    return app.top.query_one(HeaderLine).status


def message_of(app: LoratuiApp) -> str:
    assert app.top is not None
    return app.top.query_one(MessageLine).text


def type_at_once(app: LoratuiApp, keys: str) -> None:
    """Keys as they come out of a terminal in one read, without a pause between them."""
    for key in keys:
        app.post_message(events.Key(key, key))


async def test_one_key_gives_each_of_twelve_pictures_its_role(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    keys = "ppppssssxxoi"
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press(*keys)
        await settle(pilot)
        assert wall_of(app).cursor == 11
        assert shown_roles(app) == [ROLES[key] for key in keys]
        assert "primary 4" in status_of(app) and "rejected 2" in status_of(app)
        assert message_of(app) == "picture_11.png: nothing to change."
    assert roles_of(mira) == keys


async def test_with_filter_and_marks_the_header_still_says_where_one_is_and_the_order(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press(*"ppppssssxxoi", "/", *"-role:rejected -role:holdout", "enter")
        await settle(pilot)
        await pilot.press("space", "space")
        await settle(pilot)
        header = str(app.screen.query_one(HeaderLine).render())
        assert "loratui › Mira › pictures › / -role:rejected -role:holdout" in header
        assert "2 marked" in header and header.rstrip().endswith("as added"), header


async def test_stars_move_on_and_repeats_stay_on_the_picture(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("5", "3", "p", "h", "plus", "plus", "plus", "minus", "l", "s", "h", "equals_sign")
        await settle(pilot)
        await pilot.press("h", "h", "plus")
        await settle(pilot)
        label = wall_of(app).get_label(wall_of(app).ids[2])
        assert label is not None and label.repeats == 7
    rows = rows_of(mira)
    assert [row.rating for row in rows[:3]] == [5, 3, 0]
    assert (rows[2].role, rows[2].repeats, rows[2].own_repeats) == ("primary", 7, 7)
    assert rows[1].own_repeats == 2
    assert (rows[3].role, rows[3].own_repeats) == ("supporting", None)


async def test_marks_and_ranges_are_acted_on_together(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("space", "l", "v", "l", "l")
        await settle(pilot)
        assert "marking a range" in status_of(app)
        await pilot.press("v", "p")
        await settle(pilot)
        assert wall_of(app).marked == set(wall_of(app).ids[i] for i in (0, 2, 3, 4))
        assert "4 marked" in status_of(app)
        assert wall_of(app).cursor == 4
        assert message_of(app) == "4 pictures: primary. u undoes."
        assert roles_of(mira) == "pipppiiiiiii"
        await pilot.press("asterisk", "x")
        await settle(pilot)
        assert roles_of(mira) == "pxpppxxxxxxx"
        await pilot.press("ctrl+a", "4", "ctrl+a")
        await settle(pilot)
        assert not wall_of(app).marked
    assert {row.rating for row in rows_of(mira)} == {4}


async def test_an_action_ends_the_range_it_was_done_to(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("v", "l", "l", "s", "l", "p")
        await settle(pilot)
        assert "marking a range" not in status_of(app)
        assert wall_of(app).marked == set(wall_of(app).ids[:3])
        assert roles_of(mira) == "ppp" + "i" * 9


async def test_undo_and_redo_show_what_they_bring_back(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("p", "s", "ctrl+a", "x")
        await settle(pilot)
        assert set(shown_roles(app)) == {"rejected"}
        await pilot.press("u")
        await until(pilot, lambda: shown_roles(app)[:3] == ["primary", "supporting", "inbox"])
        await pilot.press("u", "u")
        await until(pilot, lambda: set(shown_roles(app)) == {"inbox"})
        assert roles_of(mira) == "i" * 12
        await pilot.press("ctrl+r")
        await until(pilot, lambda: shown_roles(app)[:2] == ["primary", "inbox"])
        await until(pilot, lambda: "primary 1" in status_of(app))
        assert len(wall_of(app).marked) == 12
    assert roles_of(mira) == "p" + "i" * 11


async def test_undo_puts_the_cursor_on_the_picture_it_was_about(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("p", "x")
        await settle(pilot)
        assert wall_of(app).cursor == 2
        await pilot.press("u")
        await settle(pilot)
        assert wall_of(app).cursor == 1
        await pilot.press("u")
        await settle(pilot)
        await pilot.press("s")
        await settle(pilot)
    assert roles_of(mira) == "s" + "i" * 11


async def test_only_pictures_that_changed_are_counted(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("p", "ctrl+a", "p")
        await settle(pilot)
        assert message_of(app) == "11 of 12 pictures: primary. u undoes."
        await pilot.press("u")
        await settle(pilot)
        assert "11 pictures" in message_of(app)


async def test_a_message_goes_with_the_next_key_and_after_a_while_but_an_error_stays(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("loratui.tui.chrome.MESSAGE_S", 0.2)
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.tell("Done.")
        await pilot.press("l")
        assert message_of(app) == ""
        app.tell("It broke.", error=True)
        await pilot.press("l")
        await pilot.pause(0.3)
        assert message_of(app) == "It broke."
        app.tell("Done again.")
        await until(pilot, lambda: message_of(app) == "")
        app.tell("It broke.", error=True)
        await pilot.press("space", "escape")
        assert message_of(app) == ""


async def test_a_burst_of_keys_is_written_whole_and_in_order(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    keys = "psxohl12345h" * 30
    place, wanted, ratings, changes = 0, list("i" * 12), [0] * 12, 0
    for key in keys:
        if key in "hl":
            place = max(0, place - 1) if key == "h" else min(11, place + 1)
            continue
        before = (wanted[place], ratings[place])
        if key.isdecimal():
            ratings[place] = int(key)
        else:
            wanted[place] = key
        changes += before != (wanted[place], ratings[place])
        place = min(11, place + 1)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        type_at_once(app, keys)
        await pilot.pause()
        await settle(pilot)
        assert wall_of(app).cursor == place
        assert shown_roles(app) == [ROLES[letter] for letter in wanted]
    assert roles_of(mira) == "".join(wanted)
    assert [row.rating for row in rows_of(mira)] == ratings
    with open_catalog(mira) as catalog:
        done = [entry for entry in journal.history(catalog, 1_000) if entry.actor == "tui"]
    assert len(done) == changes


async def test_a_picture_that_leaves_the_filter_stays_until_the_list_is_read_anew(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("p", "slash", *"role:inbox", "enter")
        await settle(pilot)
        wall = wall_of(app)
        assert len(wall.ids) == 11 and "11 of 12 shown" in status_of(app)
        assert app.focused is wall
        first = wall.ids[wall.cursor]
        await pilot.press("s")
        await settle(pilot)

        def is_away() -> bool:
            label = wall.get_label(first)
            return label is not None and label.away and label.role == "supporting"

        await until(pilot, is_away)
        assert len(wall.ids) == 11 and wall.cursor_id == wall.ids[1]
        await pilot.press("R")
        await settle(pilot)
        assert first not in wall.ids and len(wall.ids) == 10
        await pilot.press("ctrl+a", "o")
        await settle(pilot)
        await pilot.press("escape")
        assert not wall.marked
        await pilot.press("escape")
        await settle(pilot)
        assert len(wall.ids) == 12 and screen_of(app).query_text == ""
        await pilot.press("escape")
        await settle(pilot)
        assert app.top is not None and app.top.scope == "library"
    assert roles_of(mira) == "ps" + "o" * 10


async def test_a_filter_that_matches_nothing_says_how_to_leave_it(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"rating:5", "enter")
        await settle(pilot)
        empty = screen_of(app).query_one("#empty")
        assert empty.display and "esc shows all" in str(empty.render())
        await pilot.press("p")
        assert message_of(app) == "No picture matches the filter."
        await pilot.press("escape")
        await settle(pilot)
        assert not empty.display and len(wall_of(app).ids) == 12


async def test_a_subject_without_pictures_names_the_key_that_imports(
    home: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(home) as catalog:
        subjects.add_subject(catalog, "Mira", "Mirvok")
    app = make_app(subject="Mira")
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "a imports" in str(screen_of(app).query_one("#empty").render())
        assert screen_of(app).why_not("picture.primary")
        assert not screen_of(app).why_not("subject.import")


async def test_what_the_command_line_does_meanwhile_appears(
    mira: Home, make_app: MakeApp, settle: Settle, more_pictures: Path
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("end", "space")
        await settle(pilot)
        wall, kept = wall_of(app), wall_of(app).cursor_id
        with open_catalog(mira) as catalog:
            roles.set_role(catalog, "Mira", "primary", list(wall.ids)[:5])
            importer.import_pictures(catalog, "Mira", [more_pictures])
            roles.remove_pictures(catalog, "Mira", [wall.ids[0]])
        await until(pilot, lambda: len(wall.ids) == 14)
        await until(pilot, lambda: shown_roles(app)[:5] == ["primary"] * 4 + ["inbox"])
        assert wall.cursor_id == kept and wall.marked == {kept}
        assert "primary 4" in status_of(app)


@pytest.fixture
def more_pictures(tmp_path: Path) -> Path:
    """A folder with three pictures that Mira does not have."""
    folder = tmp_path / "more"
    folder.mkdir()
    for number in range(3):
        Image.linear_gradient("L").rotate(90 * number).convert("RGB").save(folder / f"more_{number}.png")
    return folder


async def test_pictures_are_sorted_by_the_next_order_and_not_by_themselves(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        roles.set_rating(catalog, "Mira", 5, "name:picture_07*")
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        added = list(wall_of(app).ids)
        await pilot.press("S", "S", "S")
        await settle(pilot)
        assert screen_of(app).order == "rating" and "best rated first" in status_of(app)
        assert wall_of(app).ids[0] == added[7]
        await pilot.press("end", "4")
        await settle(pilot)
        await asyncio.sleep(0.3)
        await settle(pilot)
        assert wall_of(app).ids[-1] == added[-1]
        await pilot.press("R")
        await settle(pilot)
        assert wall_of(app).ids[1] == added[-1] and wall_of(app).cursor == 1


async def test_removed_pictures_go_at_once_and_undo_brings_them_back(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        second = wall_of(app).ids[1]
        await pilot.press("D")
        assert len(wall_of(app).ids) == 11 and wall_of(app).cursor_id == second
        await settle(pilot)
        assert len(rows_of(mira)) == 11
        await pilot.press("u")
        await until(pilot, lambda: len(wall_of(app).ids) == 12)
        assert wall_of(app).cursor_id == second and wall_of(app).cursor == 1


async def test_a_reason_is_picked_or_typed(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for keys in (["t"], [*"odd  hat"], ["down", "down"], [*"text", "down"]):
            await pilot.press("X", *keys, "enter")
            await settle(pilot)
        assert wall_of(app).cursor == 4
        await pilot.press("X", *"bl")
        assert isinstance(app.screen, ReasonForm)
        assert [row.key for row in app.screen.query_one(RowTable).rows] == ["blurry", "bl"]
        await pilot.press("escape")
        await settle(pilot)
    reasons = [(row.role, row.reject_reason) for row in rows_of(mira)[:5]]
    assert reasons == [
        ("rejected", "text or watermark"),
        ("rejected", "odd hat"),
        ("rejected", "wrong subject"),
        ("rejected", "text"),
        ("inbox", ""),
    ]


async def test_a_reason_typed_at_once_is_no_command_on_the_wall(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        before = rows_of(mira)
        type_at_once(app, "Xblurry")
        app.post_message(events.Key("enter", "\r"))
        await settle(pilot)
        assert isinstance(app.screen, PicturesScreen)
        assert wall_of(app).cursor == 1
        assert (rows_of(mira)[0].role, rows_of(mira)[0].reject_reason) == ("rejected", "blurry")
        assert rows_of(mira)[1:] == before[1:]


async def test_what_could_not_be_written_is_taken_back(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    from loratui.errors import LoratuiError

    def refuse(*_: Any, **__: Any) -> int:
        raise LoratuiError("The disk is full.", hint="Make room.")

    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("s")
        await settle(pilot)
        monkeypatch.setattr(roles, "set_role", refuse)
        await pilot.press("p")
        await settle(pilot)
        await until(pilot, lambda: shown_roles(app)[:2] == ["supporting", "inbox"])
        assert message_of(app) == "Not done: picture_01.png, primary. The disk is full. Make room."
    assert roles_of(mira) == "s" + "i" * 11


async def test_pictures_that_look_alike_bear_a_sign(
    mira: Home, make_app: MakeApp, settle: Settle, tmp_path: Path
) -> None:
    with Image.open(tmp_path / "mira" / "picture_04.png") as picture:
        picture.save(tmp_path / "again.bmp")
    with open_catalog(mira) as catalog:
        importer.import_pictures(catalog, "Mira", [tmp_path / "again.bmp"])
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        wall = wall_of(app)

        def twins() -> list[str]:
            labels = [wall.get_label(id_) for id_ in wall.ids]
            return [label.name for label in labels if label is not None and label.twin]

        await until(pilot, lambda: twins() == ["picture_04.png", "again.bmp"])


async def test_a_missing_file_is_marked_and_the_wall_goes_on(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    from loratui.catalog.blobs import picture_path, thumbnail_path

    with open_catalog(mira) as catalog:
        row = select_memberships(catalog, "Mira")[0]
        picture_path(catalog, row).unlink()
        thumbnail_path(mira, row.sha256).unlink(missing_ok=True)
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await until(pilot, lambda: app.tiles.idle)
        await pilot.pause()
        lines = [strip.text for strip in app.screen._compositor.render_strips()]
        assert any("missing" in line for line in lines)
        await pilot.press("x")
        await settle(pilot)
    assert roles_of(mira)[0] == "x"


async def test_only_labels_around_the_view_are_read(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_catalog(mira) as catalog:
        _multiply(catalog, 20_000)
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        wall = wall_of(app)
        assert len(wall.ids) == 20_012
        await pilot.press("G", "home", "ctrl+f", "ctrl+f", "p")
        await settle(pilot)
        loaded = [id_ for id_ in wall.ids if wall.get_label(id_) is not None]
        assert 10 < len(loaded) < 400
        await pilot.press("ctrl+a", "2")
        await settle(pilot)
        await until(pilot, lambda: not app.bridge.busy)
    with open_catalog(mira) as catalog:
        assert len(select_memberships(catalog, "Mira", "rating:2", 30_000)) == 20_012


def _multiply(catalog: Any, count: int) -> None:
    """As many more pictures, rows alone: their files are missing."""
    with catalog.write() as connection:
        picture = dict(connection.execute(tables.picture.select()).mappings().first())
        member = dict(connection.execute(tables.membership.select()).mappings().first())
        first = 1_000
        hashes = [f"{number:064x}" for number in range(first, first + count)]
        connection.execute(
            tables.picture.insert(),
            [{**picture, "id": first + n, "sha256": sha, "pixel_sha256": sha} for n, sha in enumerate(hashes)],
        )
        connection.execute(
            tables.membership.insert(),
            [{**member, "id": first + n, "picture_id": first + n, "name": f"{n}.png"} for n in range(count)],
        )


@pytest.mark.parametrize(
    "keys",
    [
        ["l", "p"],
        ["space", "space", "l", "space", "s"],
        ["ctrl+a", "x"],
        ["space", "asterisk", "o"],
        ["4"],
        ["space", "space", "plus"],
        ["minus"],
        ["ctrl+a", "equals_sign"],
        ["l", "l", "D"],
        ["X", "s", "enter"],
        ["space", "space", "m", *"red hat, -smile", "enter"],
        ["l", "e", *"a, caption: -- 'so'", "enter"],
        ["slash", *"name:*_0*", "enter", "ctrl+a", "p"],
        ["slash", *"-name:*_0* or name:*_03*", "enter", "space", "asterisk", "s"],
    ],
    ids=" ".join,
)
async def test_the_copied_command_does_the_same_to_a_copy(
    mira: Home,
    make_app: MakeApp,
    settle: Settle,
    keys: Sequence[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_catalog(mira) as catalog:
        edits.add_tags(catalog, "Mira", "", ["smile"])
        roles.set_role(catalog, "Mira", "primary", "name:*_00*")
        roles.set_repeats(catalog, "Mira", 3, "name:*_05*")
    before = content_of(mira)
    shutil.copytree(mira.data, tmp_path / "copy")
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key in keys:
            await pilot.press(key)
            if key in ("enter", "m", "e", "X", "slash"):
                await settle(pilot)
        await settle(pilot)
        command = list(app.last_command)
    assert content_of(mira) != before
    monkeypatch.setenv("LORATUI_HOME", str(tmp_path / "copy"))
    assert run(command) == 0, capsys.readouterr().err
    from loratui.config import find_home

    assert content_of(find_home()) == content_of(mira)


async def test_brackets_change_the_size_of_the_tiles_and_say_when_they_can_not(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        columns = wall_of(app).grid.columns
        await pilot.press("left_square_bracket")
        await settle(pilot)
        assert wall_of(app).grid.columns > columns
        await pilot.press(*["right_square_bracket"] * 6)
        await settle(pilot)
        assert wall_of(app).grid.columns < columns
        assert "as large as they get" in message_of(app)


async def test_another_screen_can_send_people_to_a_filtered_wall(mira: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        screen_of(app).filter_by("name:*_03*")
        await settle(pilot)
        assert len(wall_of(app).ids) == 1 and "1 of 12 shown" in status_of(app)
        assert screen_of(app).screen_command() == ["picture", "list", "Mira", "name:*_03*"]
        assert app.wall_query == "name:*_03*"


async def test_keys_act_on_the_subject_that_is_shown_whichever_the_library_would_point_at(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        subjects.add_subject(catalog, "Abba", "abbax")
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        for key in ("d", "t", "b", "T"):
            await pilot.press(key)
            await settle(pilot)
            assert app.screen.about["subject"] == "Mira"  # type: ignore[attr-defined]
            await pilot.press("escape")
            await settle(pilot)
        app.subject = "Abba"
        await pilot.press("d")
        await settle(pilot)
        assert app.screen.about["subject"] == "Mira"  # type: ignore[attr-defined]


async def test_a_caption_that_could_not_be_written_is_offered_again(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        await pilot.press(*"pixie")
        with open_catalog(mira) as catalog:
            first = select_memberships(catalog, "Mira")[0]
            roles.remove_pictures(catalog, "Mira", [first.id])
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, CaptionEditor)
        assert app.screen.text == "pixie"


async def test_the_size_of_thumbnails_is_kept_when_the_wall_is_opened_again(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        wall = app.screen.query_one(ImageWall)
        columns = wall.grid.columns
        await pilot.press("left_square_bracket", "left_square_bracket")
        await settle(pilot)
        smaller = wall.grid.columns
        assert smaller > columns
        for key in ("f3", "enter"):
            await pilot.press("f2", key)
            await settle(pilot)
            again = app.screen.query_one(ImageWall)
            assert again is not wall and again.grid.columns == smaller
