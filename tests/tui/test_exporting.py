"""The dataset is exported from the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from library_driving import fill, said
from textual.widgets import Input

from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.tui.dialogs import Form

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.config import Home

    from .conftest import MakeApp, Settle


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
