"""Pictures come into a subject: what the form asks, and what is told of an import."""

from __future__ import annotations

import shutil
import threading
from typing import TYPE_CHECKING, Any

from library_driving import cell, fill, said
from PIL import Image
from textual.widgets import Input, Static
from waiting import until

from loratui.captions import importing
from loratui.catalog.importer import list_refused
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.errors import LoratuiError
from loratui.tui.dialogs import Form
from loratui.tui.refused import RefusedScreen

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from loratui.config import Home

    from .conftest import MakeApp, Settle


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


async def test_captions_that_say_it_otherwise_than_their_files_are_told_after_an_import(
    make_app: MakeApp, mira: Home, tmp_path: Path, settle: Settle
) -> None:
    folder = tmp_path / "tagged"
    folder.mkdir()
    Image.linear_gradient("L").save(folder / "picture_12.png")
    (folder / "picture_12.txt").write_text("smile,  hat, smile", encoding="utf-8")
    async with make_app().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await fill(pilot, settle, str(folder), "")
        assert pilot.app.screen is pilot.app.top, "nothing opens that was not asked for"
        assert "Captions say it otherwise than their files: w, then enter on the job, shows how." in said(pilot)
        await pilot.press("w", "enter")
        await settle(pilot)
        report = pilot.app.screen
        assert isinstance(report, RefusedScreen)
        assert any("'smile,  hat, smile' became" in str(part.content) for part in report.query(Static))


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
        await until(pilot, lambda: "photos" in line.value)
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
