"""The library screen: what it lists, what its forms change, and what a person sees before the library is read."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from PIL import Image
from textual.widgets import Input, Static
from waiting import until

from loratui.captions import importing
from loratui.catalog import journal, subjects
from loratui.catalog.importer import list_refused
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.errors import LoratuiError
from loratui.tui.dialogs import Form
from loratui.tui.library import LibraryScreen
from loratui.tui.refused import RefusedScreen
from loratui.tui.subject_lines import (
    LastView,
    SubjectLine,
    SubjectOrder,
    filter_lines,
    read_last_view,
    write_last_view,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import pytest
    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]


def library(pilot: Pilot[None]) -> LibraryScreen:
    screen = pilot.app.screen_stack[0]
    assert isinstance(screen, LibraryScreen)
    return screen


def shown(pilot: Pilot[None]) -> list[str]:
    return [row.cells[0] for row in library(pilot).table.rows]


def cell(pilot: Pilot[None], title: str, row: int = 0) -> str:
    table = library(pilot).table
    place = next(place for place, column in enumerate(table.columns) if column.title.rstrip("▲▼") == title)
    return table.rows[row].cells[place]


def status(pilot: Pilot[None]) -> str:
    return str(library(pilot).query_one("#header").status)


def said(pilot: Pilot[None]) -> str:
    return pilot.app.messages[-1].text


async def fill(pilot: Pilot[None], settle: Settle, *values: str) -> None:
    """Type each value into its line of the form that is shown, and send it; an empty one leaves the line as it is."""
    assert isinstance(pilot.app.screen, Form)
    for value in values:
        if value:
            line = pilot.app.focused
            assert isinstance(line, Input)
            line.value = value
        await pilot.press("enter")
    await settle(pilot)


def add(home: Home, *names: str) -> None:
    with open_catalog(home) as catalog:
        for name in names:
            subjects.add_subject(catalog, name, f"{name}ok")


# The list


async def test_a_new_library_names_the_next_key_and_the_demo(make_app: MakeApp, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        empty = pilot.app.screen.query_one("#empty", Static)
        assert empty.display
        assert "n   adds the first one" in str(empty.content)
        assert "loratui demo" in str(empty.content)
        await pilot.press("enter")
        assert said(pilot) == "There is no subject yet: n adds one."


async def test_subjects_are_listed_with_their_roles_and_what_waits(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        first, *rest = select_memberships(catalog, "Mira")
        set_role(catalog, "Mira", "primary", [first.id])
        set_role(catalog, "Mira", "supporting", [picture.id for picture in rest[:4]])
    async with make_app().run_test(size=(200, 30)) as pilot:
        await settle(pilot)
        assert cell(pilot, "subject") == "Mira"
        assert cell(pilot, "pictures") == "12"
        assert (cell(pilot, "primary"), cell(pilot, "support"), cell(pilot, "inbox")) == ("1", "4", "7")
        with open_catalog(mira) as catalog:
            assert cell(pilot, "ratio") == f"{subjects.summarize_subject(catalog, 'Mira').ratio:.2f}"
        assert status(pilot) == "1 subject"
        # Measured in the background, after the first data.
        for _ in range(100):
            if cell(pilot, "alike"):
                break
            await asyncio.sleep(0.02)
        assert cell(pilot, "alike") == "0"


async def test_the_subject_beside_the_list_follows_the_cursor(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    add(mira, "Borun")
    async with make_app().run_test(size=(200, 40)) as pilot:
        await settle(pilot)
        await pilot.press("j")
        for _ in range(100):
            await settle(pilot)
            detail = str(pilot.app.screen.query_one("#detail", Static).content)
            if "Mirvok" in detail:
                break
        assert "photo of Mirvok" in detail
        assert pilot.app.subject == "Mira"


async def test_a_thousand_subjects_move_sort_and_filter(make_app: MakeApp, home: Home, settle: Settle) -> None:
    with open_catalog(home) as catalog:
        words = [f"{a}{b}{c}u" for a in "bdfgklmnpr" for b in "aeiouyvzst" for c in "kmnprstvwz"]
        from loratui.catalog import tables
        from loratui.catalog.store import now
        from loratui.catalog.triggers import fold_trigger

        rows = [
            {"name": word, "trigger": word, "trigger_key": fold_trigger(word), "kind": "style", "created_at": now()}
            for word in words
        ]
        with catalog.write() as connection:
            connection.execute(tables.subject.insert(), rows)
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert status(pilot) == "1,000 subjects"
        await pilot.press("G")
        assert pilot.app.subject == max(words)
        await pilot.press("O")
        assert shown(pilot)[0] == max(words)
        await pilot.press("slash", *"bak", "enter")
        await settle(pilot)
        assert shown(pilot) == ["baku"]
        assert status(pilot) == "/bak  1 of 1,000 subjects"
        await pilot.press("escape")
        assert len(shown(pilot)) == 1000


async def test_the_order_goes_through_the_columns_in_sight(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    add(mira, "Aron", "Borun")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert shown(pilot) == ["Aron", "Borun", "Mira"]
        assert library(pilot).table.columns[0].title == "subject▲"
        await pilot.press("o")
        assert shown(pilot) == ["Mira", "Aron", "Borun"]
        assert "pictures▼" in [column.title for column in library(pilot).table.columns]
        await pilot.press("O")
        assert shown(pilot) == ["Aron", "Borun", "Mira"]
        # 80 columns have no room for trigger, kind and ratio, so the order never gets there.
        titles = set()
        for _ in range(12):
            await pilot.press("o")
            titles |= {column.title[:-1] for column in library(pilot).table.columns if column.title[-1] in "▲▼"}
        assert titles == {"subject", "pictures", "inbox", "primary", "support", "alike", "last run"}


async def test_back_from_another_subject_keys_are_about_the_one_under_the_cursor(
    make_app: MakeApp, home: Home, settle: Settle
) -> None:
    add(home, "Ada", "Mira")
    async with make_app().run_test(size=(110, 30)) as pilot:
        app = cast("LoratuiApp", pilot.app)
        await settle(pilot)
        app.subject = "Mira"
        app.show_screen("pictures", subject="Mira")
        await settle(pilot)
        await pilot.press("escape", "enter")
        await settle(pilot)
        assert (app.top.about if app.top else None) == {"subject": "Ada"}


async def test_a_filter_that_matches_nothing_says_so(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"xyz", "enter")
        await settle(pilot)
        empty = pilot.app.screen.query_one("#empty", Static)
        assert empty.display and "No subject has 'xyz'" in str(empty.content)
        await pilot.press("e")
        assert said(pilot) == "Nothing is chosen: esc shows all."


async def test_what_the_command_line_changes_appears_within_a_second(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        add(mira, "Borun")
        changed = time.monotonic()
        while "Borun" not in shown(pilot):
            assert time.monotonic() - changed < 5
            await asyncio.sleep(0.02)
        # The clock of a busy machine is not to be trusted: twice the promise.
        assert time.monotonic() - changed < 2


# Forms


async def test_a_subject_is_added_undone_and_done_again(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await fill(pilot, settle, "Borun", "Zantavo", "object", "teapot")
        assert said(pilot) == "Added Borun. a imports its pictures, u undoes."
        assert pilot.app.subject == "Borun"
        with open_catalog(mira) as catalog:
            assert subjects.get_subject(catalog, "Borun").class_word == "teapot"
            assert subjects.get_subject(catalog, "Borun").kind == "object"
            await pilot.press("u")
            await settle(pilot)
            assert "add subject Borun" in said(pilot)
            assert shown(pilot) == ["Mira"]
            await pilot.press("ctrl+r")
            await settle(pilot)
            assert [item.subject.name for item in subjects.list_subjects(catalog)] == ["Borun", "Mira"]
        assert shown(pilot) == ["Borun", "Mira"]


async def test_a_doubtful_trigger_is_told(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await fill(pilot, settle, "Nearly", "Mirvak", "", "")
        assert "'Mirvak' is nearly 'Mirvok' (subject 'Mira')" in said(pilot)
        assert shown(pilot) == ["Mira", "Nearly"]


async def test_a_taken_trigger_is_told_in_the_form_which_stays(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await fill(pilot, settle, "Other", "mirVOK", "", "")
        form = pilot.app.screen
        assert isinstance(form, Form)
        assert "belongs to the subject 'Mira' already" in str(form.query_one("#wrong", Static).content)
        assert [line.value for line in form.query(Input)][:2] == ["Other", "mirVOK"]
        assert pilot.app.focused is form.query(Input)[1], "at the line that is at fault"
        await pilot.press("ctrl+u", *"Zantavo", "ctrl+s")
        await settle(pilot)
        assert shown(pilot) == ["Mira", "Other"]


async def test_a_refusal_that_comes_after_its_form_was_left_is_told_and_opens_nothing(
    make_app: MakeApp, mira: Home, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_refuse = threading.Event()

    def refuse(*_: object, **about: object) -> None:
        may_refuse.wait(10)
        raise LoratuiError("The trigger is taken.", hint="Choose another.")

    monkeypatch.setattr("loratui.tui.keyboard.HOLD_S", 0.05)
    monkeypatch.setattr("loratui.catalog.subjects.add_subject", refuse)
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("n", *"Other", "tab", *"other", "ctrl+s", "escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Form))
        await pilot.press("j")
        may_refuse.set()
        await settle(pilot)
        assert not isinstance(pilot.app.screen, Form)
        assert said(pilot) == "The trigger is taken. Choose another."


async def test_editing_changes_only_what_differs(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        await fill(pilot, settle, "Mara", "", "", "", "7", "", "from the film")
        assert said(pilot) == "Changed Mara: name, primary repeats, notes. u undoes."
        assert list(pilot.app.last_command) == [
            *("subject", "edit", "Mira", "--rename", "Mara"),
            *("--primary-repeats", "7", "--notes", "from the film"),
        ]
        with open_catalog(mira) as catalog:
            subject = subjects.get_subject(catalog, "Mara")
        assert (subject.trigger, subject.primary_repeats, subject.notes) == ("Mirvok", 7, "from the film")
        assert pilot.app.subject == "Mara"


async def test_repeats_that_are_no_number_are_refused_in_the_form(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        await fill(pilot, settle, "", "", "", "", "many", "", "")
        form = pilot.app.screen
        assert isinstance(form, Form)
        assert "a whole number from 1 on" in str(form.query_one("#wrong", Static).content)
        await pilot.press("escape")
        assert pilot.app.screen is library(pilot)


async def test_consent_is_for_persons(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    with open_catalog(mira) as catalog:
        subjects.add_subject(catalog, "Ada", "Adavok", kind="person")
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("j", "C")
        assert said(pilot) == "Consent is for persons, and Mira is of kind character. e changes the kind."
        await pilot.press("k", "C")
        await settle(pilot)
        await fill(pilot, settle, "Ada Lovelace", "", "by letter")
        assert said(pilot) == "Ada Lovelace agreed to training and publishing for Ada. u undoes."
        with open_catalog(mira) as catalog:
            consent = subjects.get_subject(catalog, "Ada").consent
        assert consent is not None and (consent["who"], consent["note"]) == ("Ada Lovelace", "by letter")

        await pilot.press("C")
        await settle(pilot)
        await fill(pilot, settle, "", "", "by phone", "take it back")
        assert said(pilot) == "Ada Lovelace took the consent for Ada back. C records a new one."
        assert list(pilot.app.last_command) == ["subject", "consent", "Ada", "--withdraw", "--note", "by phone"]  # type: ignore[attr-defined]
        with open_catalog(mira) as catalog:
            assert not subjects.has_consent(subjects.get_subject(catalog, "Ada"))
            await pilot.press("u")
            await settle(pilot)
            assert "`loratui undo --consent` undoes that" in said(pilot)
            assert not subjects.has_consent(subjects.get_subject(catalog, "Ada"))
            journal.undo(catalog, consent=True)
            assert subjects.has_consent(subjects.get_subject(catalog, "Ada"))


async def test_removing_asks_nothing_and_is_undone(make_app: MakeApp, mira: Home, settle: Settle) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("X")
        assert shown(pilot) == []
        await settle(pilot)
        assert said(pilot) == "Removed Mira; its 12 pictures stay in the store. u undoes."
        with open_catalog(mira) as catalog:
            assert subjects.list_subjects(catalog) == []
            await pilot.press("u")
            await settle(pilot)
            assert len(select_memberships(catalog, "Mira")) == 12
        assert shown(pilot) == ["Mira"]


# In and out


async def test_importing_reads_captions_and_lists_what_was_refused(
    make_app: MakeApp, mira: Home, tmp_path: Path, settle: Settle
) -> None:
    folder = tmp_path / "more pictures"
    shutil.copytree(tmp_path / "mira", folder)
    for number in (12, 13):
        Image.linear_gradient("L").rotate(90 * number).save(folder / f"picture_{number}.png")
    (folder / "picture_13.txt").write_text("a lake at dawn, with Mirvok", encoding="utf-8")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    async with make_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await fill(pilot, settle, str(folder), "")
        screen = pilot.app.screen
        assert isinstance(screen, RefusedScreen)
        assert said(pilot).startswith("2 pictures imported into Mira, 12 duplicates, 1 caption read, 1 refused.")
        assert any("broken.png" in str(part.content) for part in screen.query(Static))
        await pilot.press("escape")
        assert list(pilot.app.last_command) == ["import", "Mira", str(folder)]
        assert [task.state for task in pilot.app.bridge.tasks] == ["done"]
        with open_catalog(mira) as catalog:
            assert len(select_memberships(catalog, "Mira")) == 14
            assert len(list_refused(catalog, "Mira")) == 1
        assert cell(pilot, "pictures") == "14"
        await pilot.press("R")
        await settle(pilot)
        assert isinstance(pilot.app.screen, RefusedScreen)


async def test_a_finished_import_opens_nothing_over_what_is_done_meanwhile(
    make_app: MakeApp, mira: Home, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, real = threading.Event(), importing.import_with_captions

    def import_slowly(*args: Any, **options: Any) -> Any:
        go_on.wait(10)
        return real(*args, **options)

    monkeypatch.setattr(importing, "import_with_captions", import_slowly)
    folder = tmp_path / "more pictures"
    folder.mkdir()
    Image.linear_gradient("L").save(folder / "picture_12.png")
    (folder / "LICENSE.txt").write_text("all rights", encoding="utf-8")
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await pilot.pause()
        pilot.app.screen.query(Input).first().value = str(folder)
        await pilot.press("ctrl+s", "f3", "p")
        go_on.set()
        await settle(pilot)
        assert not isinstance(pilot.app.screen, RefusedScreen)
        assert pilot.app.top is not None and pilot.app.top.scope == "pictures"
        with open_catalog(mira) as catalog:
            assert len(select_memberships(catalog, "Mira", "role:primary")) == 1
        finished = next(told.text for told in pilot.app.messages if "imported into Mira" in told.text)
        assert finished.endswith("w, then enter on the job, shows the report.")
        await pilot.press("w", "enter")
        shown = pilot.app.screen
        assert isinstance(shown, RefusedScreen)
        assert any("LICENSE.txt" in str(part.content) for part in shown.query(Static))
        await pilot.press("escape", "escape")
        assert pilot.app.screen is pilot.app.top


async def test_undo_works_in_the_report_that_promises_it(
    make_app: MakeApp, mira: Home, tmp_path: Path, settle: Settle
) -> None:
    folder = tmp_path / "more pictures"
    folder.mkdir()
    Image.linear_gradient("L").save(folder / "picture_12.png")
    (folder / "LICENSE.txt").write_text("all rights", encoding="utf-8")
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await fill(pilot, settle, str(folder), "")
        report = pilot.app.screen
        assert isinstance(report, RefusedScreen)
        assert any("u undoes" in str(part.content) for part in report.query(Static))
        await pilot.press("u")
        await settle(pilot)
        assert pilot.app.screen is pilot.app.top
        assert said(pilot).startswith("Undid: ")
        with open_catalog(mira) as catalog:
            assert len(select_memberships(catalog, "Mira")) == 12


async def test_a_doubtful_trigger_warns_and_is_not_told_as_a_failure(
    make_app: MakeApp, mira: Home, settle: Settle
) -> None:
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("n")
        await fill(pilot, settle, "Foo", "sks", "", "")
        told = pilot.app.messages[-1]
        assert told.text.startswith("Added Foo.") and "Mind: " in told.text
        assert not told.error
        await pilot.press("w")
        assert "failed" not in str(pilot.app.screen.query_one("#messages", Static).content)


async def test_tab_completes_the_path_to_import(make_app: MakeApp, mira: Home, tmp_path: Path, settle: Settle) -> None:
    (tmp_path / "photos of mira").mkdir()
    async with make_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        line = pilot.app.focused
        assert isinstance(line, Input)
        line.value = f"{tmp_path}/pho"
        await pilot.pause()
        line.cursor_position = len(line.value)
        await pilot.press("tab")
        for _ in range(100):
            if "photos" in line.value:
                break
            await asyncio.sleep(0.01)
        assert line.value == f"'{tmp_path}/photos of mira/'"


async def test_a_folder_that_is_not_there_is_told_in_the_form_which_keeps_what_was_typed(
    make_app: MakeApp, mira: Home, tmp_path: Path, settle: Settle
) -> None:
    async with make_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        wrong = str(tmp_path / "mirra")
        await pilot.press(*wrong, "enter", "right", "enter")
        await settle(pilot)
        form = pilot.app.screen
        assert isinstance(form, Form)
        assert f"{wrong} does not exist." in str(form.query_one("#wrong", Static).render())
        assert [line.value for line in form.query(Input)] == [wrong, "refer to the files where they are"]
        assert pilot.app.bridge.tasks == []
        await pilot.press("backspace", "backspace", "a", "ctrl+s")
        await settle(pilot)
        assert list(pilot.app.last_command) == ["import", "Mira", str(tmp_path / "mira"), "--in-place"]


async def test_an_import_that_fails_is_asked_again_when_the_person_wants_to(
    make_app: MakeApp, mira: Home, tmp_path: Path, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **about: object) -> None:
        raise LoratuiError("The disk is full.", hint="Free some space.")

    monkeypatch.setattr("loratui.captions.importing.import_with_captions", fail)
    async with make_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await fill(pilot, settle, str(tmp_path / "mira"), "refer to the files where they are")
        assert not isinstance(pilot.app.screen, Form)
        assert said(pilot).startswith("The disk is full. Free some space. a asks again, as it was typed.")
        await pilot.press("a")
        await settle(pilot)
        form = pilot.app.screen
        assert isinstance(form, Form)
        assert [line.value for line in form.query(Input)] == [
            str(tmp_path / "mira"),
            "refer to the files where they are",
        ]
        assert "The disk is full." in str(form.query_one("#wrong", Static).render())
        monkeypatch.undo()
        await pilot.press("ctrl+s")
        await settle(pilot)
        assert said(pilot).startswith("0 pictures imported into Mira, 12 duplicates.")
        await pilot.press("a")
        await settle(pilot)
        assert pilot.app.screen.query(Input).first().value == "", "the next import is of something else"


async def test_the_dataset_is_exported(make_app: MakeApp, mira: Home, tmp_path: Path, settle: Settle) -> None:
    with open_catalog(mira) as catalog:
        set_role(catalog, "Mira", "primary", "")
    async with make_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("E")
        await fill(pilot, settle, str(tmp_path / "out"))
        assert said(pilot).startswith(f"Exported 12 pictures of Mira to {tmp_path / 'out'}.")
        assert (tmp_path / "out" / "dataset.toml").exists()
        await pilot.press("E")
        assert [line.value for line in pilot.app.screen.query(Input)] == [str(tmp_path / "out")]


async def test_a_refused_export_is_told_in_the_form_which_stays(
    make_app: MakeApp, mira: Home, tmp_path: Path, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        set_role(catalog, "Mira", "primary", "")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("not an export")
    async with make_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("E")
        await fill(pilot, settle, str(tmp_path / "mine"))
        form = pilot.app.screen
        assert isinstance(form, Form)
        assert form.query_one(Input).value == str(tmp_path / "mine")
        assert "mine" in str(form.query_one("#wrong").render())
        await pilot.press("end", *"new", "ctrl+s")
        await settle(pilot)
        assert (tmp_path / "minenew" / "dataset.toml").exists()
    assert (tmp_path / "mine" / "letter.txt").read_text() == "not an export"


# What was shown last


async def test_the_first_frame_shows_what_was_shown_last(
    make_app: MakeApp, mira: Home, monkeypatch: pytest.MonkeyPatch, settle: Settle
) -> None:
    async with make_app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
    monkeypatch.setattr("loratui.tui.library.LibraryScreen.library_changed", lambda screen: None)
    async with make_app().run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert shown(pilot) == ["Mira"]
        assert cell(pilot, "pictures") == "12"
        assert status(pilot) == "1 subject, reading…"
        assert pilot.app.subject == "Mira"


def test_a_damaged_copy_of_the_last_view_is_no_view(tmp_path: Path) -> None:
    file = tmp_path / "ui.json"
    view = LastView((SubjectLine(1, "Mira", pictures=60),), 1, SubjectOrder("pictures", True), "Mira")
    write_last_view(file, view)
    assert read_last_view(file) == view
    text = file.read_text(encoding="utf-8")
    for damaged in ("", "[]", "{}", text[:-20], text.replace('"Mira"', "5"), text.replace("60", '"sixty"')):
        file.write_text(damaged, encoding="utf-8")
        assert read_last_view(file) == LastView()
    assert read_last_view(tmp_path / "none.json") == LastView()
    assert [other.name for other in tmp_path.iterdir()] == ["ui.json"]


def test_the_last_view_keeps_no_more_than_a_screen_can_show(tmp_path: Path) -> None:
    lines = tuple(SubjectLine(number, f"subject {number}") for number in range(1000))
    write_last_view(tmp_path / "ui.json", LastView(lines, 1000))
    assert len(json.loads((tmp_path / "ui.json").read_text())["library"]["lines"]) == 200
    assert read_last_view(tmp_path / "ui.json").total == 1000


def test_lines_without_a_value_come_last_in_both_directions() -> None:
    lines = [SubjectLine(1, "b", ratio=None), SubjectLine(2, "a", ratio=1.0), SubjectLine(3, "c", ratio=2.0)]
    assert [line.name for line in SubjectOrder("ratio").sort(lines)] == ["c", "a", "b"]
    assert [line.name for line in SubjectOrder("ratio", reverse=True).sort(lines)] == ["a", "c", "b"]


def test_every_word_of_a_filter_counts_and_a_minus_takes_away() -> None:
    lines = [SubjectLine(1, "Mira", "person", "Mirvok"), SubjectLine(2, "Teapot", "object", "Zantavo")]
    assert [line.id for line in filter_lines(lines, "MIR per")] == [1]
    assert [line.id for line in filter_lines(lines, "-object")] == [1]
    assert [line.id for line in filter_lines(lines, " - ")] == [1, 2]


async def test_screens_of_a_subject_that_someone_else_removes_are_left(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("enter", "t")
        await settle(pilot)
        with open_catalog(mira) as catalog:
            subjects.remove_subject(catalog, "Mira")
        for _ in range(100):
            await pilot.pause(0.05)
            if isinstance(app.screen, LibraryScreen):
                break
        await settle(pilot)
        assert isinstance(app.screen, LibraryScreen)
        assert "not in the library any more" in app.messages[-1].text
        assert app.subject == ""


async def test_keys_for_a_wall_that_went_away_do_nothing_to_another_subject(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        subjects.add_subject(catalog, "Anna", "Annavok")
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        app.show_screen("pictures", subject="Mira")
        await settle(pilot)
        with open_catalog(mira) as catalog:
            subjects.remove_subject(catalog, "Mira")
        for _ in range(100):
            await pilot.pause(0.02)
            if isinstance(app.screen, LibraryScreen):
                break
        await pilot.press("e", "X")
        await settle(pilot)
        assert isinstance(app.screen, LibraryScreen)
        assert app.messages[-1].text == "Mira: not in the library any more. Keys typed for it were dropped."
        with open_catalog(mira) as catalog:
            assert [found.subject.name for found in subjects.list_subjects(catalog)] == ["Anna"]
        app._deaf_until = 0.0
        await pilot.press("e")
        await settle(pilot)
        assert isinstance(app.screen, Form)


async def test_an_error_that_was_read_goes_with_the_next_key_and_the_next_screen(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        library = app.top
        assert library is not None
        app.tell("It went wrong.", error=True)
        await pilot.press("j")
        await settle(pilot)
        assert library.message_line.text == "It went wrong."
        monkeypatch.setattr("loratui.tui.chrome.READ_S", 0.0)
        await pilot.press("j")
        await settle(pilot)
        assert library.message_line.text == ""
        app.tell("It went wrong.", error=True)
        app.show_screen("runs")
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert library.message_line.text == ""


async def test_a_form_is_finished_from_a_line_of_choices_too(home: Home, make_app: MakeApp, settle: Settle) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("n", *"Mira", "tab", *"Mirvok", "tab", "right", "ctrl+s")
        await settle(pilot)
        with open_catalog(home) as catalog:
            assert subjects.get_subject(catalog, "Mira").kind == "style"
