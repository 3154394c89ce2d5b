"""Misplaced pictures in the app: found in the background, looked at, and rejected for what was found."""

from __future__ import annotations

import shlex
import threading
from typing import TYPE_CHECKING, Any, cast

import pytest
from textual.widgets import Static
from waiting import until

from loratui.captions.misplaced import CheckResult, check_subject
from loratui.catalog.bases import add_base
from loratui.catalog.edits import store_tag_scores
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import get_subject
from loratui.cli.root import run
from loratui.runs.sizes import foresee_size
from loratui.tui.checks import ChecksScreen
from loratui.tui.picture_view import PictureView
from loratui.tui.pictures import PicturesScreen
from loratui.tui.view import ViewScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.catalog.store import Catalog
    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]

SIZES = [(120, 40), (80, 24)]


@pytest.fixture(autouse=True)
def base(mira: Home) -> None:
    """A base that trains at 512 pixels, so that the pictures are small."""
    with open_catalog(mira) as catalog:
        add_base(catalog, "sd", mira.data / "sd", family="sd1", layout="folder", resolution=512)


def rejected(home: Home) -> list[tuple[str, str]]:
    with open_catalog(home) as catalog:
        return [(one.name, one.reject_reason) for one in select_memberships(catalog, "Mira", "role:rejected")]


async def open_screen(pilot: Pilot[None], settle: Settle) -> ChecksScreen:
    await settle(pilot)
    await pilot.press("K")
    await settle(pilot)
    screen = cast("LoratuiApp", pilot.app).screen
    assert isinstance(screen, ChecksScreen)
    return screen


def words_of(screen: ChecksScreen) -> str:
    return str(screen.query_one("Preview Static", Static).render())


@pytest.mark.parametrize("size", SIZES)
async def test_checks_run_as_a_task_and_reject_nothing_until_x_does_with_the_reason(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(mira.data))
    app = make_app(subject="Mira")
    async with app.run_test(size=size) as pilot:
        screen = await open_screen(pilot, settle)
        assert screen.query_one("#nothing").display
        nothing = str(screen.query_one("#nothing", Static).render())
        assert "No check was run on the pictures of Mira yet" in nothing and "r runs them" in nothing
        await pilot.press("x")
        assert "r looks for misplaced pictures" in screen.message_line.text
        await pilot.press("r")
        await settle(pilot)
        with open_catalog(mira) as catalog:
            wanted = check_subject(catalog, "Mira", ["tiny"], training=foresee_size(catalog)).suspects
        assert wanted and [task.state for task in app.bridge.tasks] == ["done"]
        assert [row.cells[:2] for row in screen.table.rows] == [(one.kind, one.membership.name) for one in wanted]
        assert rejected(mira) == []
        lead = str(screen.query_one("#lead", Static).render())
        assert "not checked: faces" in lead and 'face_model = "FOLDER" in' in lead and "--" not in lead
        first = wanted[0]
        assert "measured by its size, for training at 512 px" in words_of(screen)
        source = screen.query_one(PictureView).source
        assert source is not None and source.key == first.membership.sha256
        await pilot.press("x")
        await settle(pilot)
        assert rejected(mira) == [(first.membership.name, f"tiny: {first.why}")]
        assert first.membership.name not in [row.cells[1] for row in screen.table.rows]
        command = [*app.last_command]
        await pilot.press("u")
        await settle(pilot)
        assert rejected(mira) == []
        assert first.membership.name in [row.cells[1] for row in screen.table.rows]
    assert run(command) == 0, shlex.join(command)
    assert rejected(mira) == [(first.membership.name, f"tiny: {first.why}")]


async def test_what_could_not_be_checked_is_told_on_a_screen_that_was_opened_again(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def check_slowly(*about: Any, **options: Any) -> CheckResult:
        go_on.wait(20)
        return check_subject(*about, **options)

    monkeypatch.setattr("loratui.captions.misplaced.check_subject", check_slowly)
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        first = await open_screen(pilot, settle)
        await pilot.press("r", "escape", "K")
        await until(pilot, lambda: app.screen is not first and isinstance(app.screen, ChecksScreen))
        go_on.set()
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, ChecksScreen) and screen is not first
        assert screen.table.rows
        assert "not checked: faces" in str(screen.query_one("#lead", Static).render())


async def test_pictures_that_may_not_be_used_come_first_and_say_why(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        check_subject(catalog, "Mira", ["tiny"], training=foresee_size(catalog))
        unfit = select_memberships(catalog, "Mira")[7]
        scores = [("explicit", "rating", 0.9), ("child", "general", 0.9)]
        store_tag_scores(catalog, unfit.picture_id, "wd@1/p1", scores)
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_screen(pilot, settle)
        assert screen.table.rows[0].cells[:3] == ("unfit", unfit.name, "never")
        assert "1 picture may not be used" in str(screen.query_one("#lead", Static).render())
        assert "child" in words_of(screen) and "says wd@1/p1" in words_of(screen) and "also tiny" in words_of(screen)
        await pilot.press("x")
        await settle(pilot)
        assert [name for name, _ in rejected(mira)] == [unfit.name]
        assert str(screen.query_one("#lead", Static).render()) == ""


async def test_a_finding_is_opened_large_and_all_of_its_check_on_the_wall(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        check_subject(catalog, "Mira", ["tiny"], training=foresee_size(catalog))
        set_role(catalog, "Mira", "rejected", [select_memberships(catalog, "Mira")[0].id])
    app = make_app(subject="Mira")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_screen(pilot, settle)
        assert len(screen.suspects) == 11, "a rejected picture is nobody's worry"
        await pilot.press("down", "enter")
        await settle(pilot)
        assert isinstance(app.screen, ViewScreen)
        assert app.screen.id_shown == screen.suspects[1].membership.id
        await pilot.press("escape", "g")
        await settle(pilot)
        assert isinstance(app.screen, PicturesScreen)
        assert app.screen.query_text == "flag:tiny"
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen is screen


async def test_a_run_that_found_nothing_says_so(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find_nothing(catalog: Catalog, subject: str, **options: Any) -> CheckResult:
        return CheckResult(get_subject(catalog, subject), 12, ("blur",), ())

    monkeypatch.setattr("loratui.captions.misplaced.check_subject", find_nothing)
    app = make_app(subject="Mira")
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_screen(pilot, settle)
        await pilot.press("r")
        await settle(pilot)
        assert str(screen.query_one("#nothing", Static).render()).startswith("The checks found nothing")
