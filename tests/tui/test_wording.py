"""Sentences of the services as the app says them: keys in place of command lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from library_driving import fill, said
from textual.widgets import Static

from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.tui.registry import BY_ID
from loratui.tui.wording import _KEY, _WORDS, name_keys

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.config import Home

    from .conftest import MakeApp, Settle


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        (
            "Record who agreed: `loratui subject consent 'Ada L' --by WHO --scope SCOPE`.",
            "Record who agreed: C on Ada L in the library (F2).",
        ),
        (
            "`loratui run log m-1` has its last words; `loratui run resume m-1` goes on.",
            "Its log (F4, then enter) has its last words; R on m-1 in the list of trainings (F4) goes on.",
        ),
        ("Mend it, then `loratui run resume`.", "Mend it, then R in the list of trainings (F4)."),
        (
            "Reject them: `loratui role set Ada rejected 'sha:12 OR sha:34'`.",
            "Reject them: x on the wall (F3), where / finds sha:12 OR sha:34.",
        ),
        ("Reject: `loratui role set Ada rejected sha:...`.", "Reject: x on the wall (F3)."),
        (
            "`loratui caption set Ada sha:12 TEXT` changes what it says.",
            "e on the wall (F3), where / finds sha:12, changes what it says.",
        ),
        ("`loratui caption set Ada QUERY TEXT` writes one.", "e on the wall (F3) writes one."),
        ("`loratui undo` takes it back.", "u takes it back."),
    ],
)
def test_a_command_line_becomes_the_key_that_does_the_same(sentence: str, told: str) -> None:
    assert name_keys(sentence) == told


@pytest.mark.parametrize(
    "sentence",
    [
        "`loratui undo --consent` undoes that.",
        "`loratui role set Mira primary all`",
        "`loratui doctor`",
        "`loratui 'x`",
    ],
)
def test_a_command_line_without_a_key_stays(sentence: str) -> None:
    assert name_keys(sentence) == sentence


def test_the_keys_are_those_of_the_person() -> None:
    assert name_keys("`loratui run resume m-1`", {"run.resume": ("^t",)}).startswith("ctrl+t on m-1")


def test_every_key_that_is_named_is_that_of_an_action() -> None:
    named = {action for words in _WORDS.values() for action in _KEY.findall(words)}
    assert named <= set(BY_ID)


async def test_a_refused_export_of_a_person_names_the_key_that_records_consent(
    mira: Home, make_app: MakeApp, settle: Settle, tmp_path: Path
) -> None:
    with open_catalog(mira) as catalog:
        set_role(catalog, "Mira", "primary", "all")
        with catalog.write() as connection:
            connection.exec_driver_sql("UPDATE subject SET kind = 'person'")
    async with make_app().run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("E")
        await fill(pilot, settle, str(tmp_path / "out"))
        wrong = str(pilot.app.screen.query_one("#wrong", Static).render())
        assert "Record who agreed to what: C on Mira in the library (F2)." in wrong
        await pilot.press("escape")
        pilot.app.tell("See `loratui run list`.")  # type: ignore[attr-defined]
        assert said(pilot) == "See the list of trainings (F4)."
