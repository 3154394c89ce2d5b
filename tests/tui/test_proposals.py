"""Proposed roles: looked at, changed in number, thinned out, and accepted as one action."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, cast

from textual.widgets import Static
from waiting import until

from loratui.captions.proposals import propose_roles
from loratui.catalog import edits, roles
from loratui.catalog.bases import add_base
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.cli.root import run
from loratui.runs.sizes import foresee_size
from loratui.tui.balance import BalanceScreen
from loratui.tui.chrome import HeaderLine
from loratui.tui.picture_view import PictureView
from loratui.tui.proposals import ProposalsScreen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest
    from textual.pilot import Pilot

    from loratui.config import Home
    from loratui.tui.app import LoratuiApp

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]

WIDE, NARROW = (120, 40), (80, 24)


def roles_of(home: Home) -> dict[str, str]:
    with open_catalog(home) as catalog:
        return {picture.name: picture.role for picture in select_memberships(catalog, "Mira")}


def tag_all(home: Home) -> None:
    with open_catalog(home) as catalog:
        ids = [picture.id for picture in select_memberships(catalog, "Mira")]
        for number, id_ in enumerate(ids):
            framing = ("portrait", "full body", "upper body")[number % 3]
            edits.add_tags(catalog, "Mira", [id_], [framing, ("facing viewer", "from side")[number % 2], "solo"])


async def open_screen(pilot: Pilot[None], settle: Settle, primary: int = 3, supporting: int = 4) -> ProposalsScreen:
    app = cast("LoratuiApp", pilot.app)
    await settle(pilot)
    await pilot.press("r")
    await settle(pilot)
    screen = app.screen
    assert isinstance(screen, ProposalsScreen)
    await pilot.press("n", "backspace", "backspace", *str(primary), "down", "backspace", "backspace", *str(supporting))
    await pilot.press("enter")
    await settle(pilot)
    return screen


def shown(screen: ProposalsScreen) -> list[tuple[str, str]]:
    return [(row.cells[0], row.cells[1]) for row in screen.table.rows]


def words_of(screen: ProposalsScreen) -> str:
    return str(screen.query_one("Preview Static", Static).render())


async def test_a_proposal_says_why_and_changes_nothing_until_enter_accepts_all_as_one_action(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(mira.data))
    tag_all(mira)
    with open_catalog(mira) as catalog:
        add_base(catalog, "sd", mira.data / "sd", family="sd1", layout="folder", resolution=512)
        wanted = propose_roles(catalog, "Mira", 3, 4, training=foresee_size(catalog))
    app = make_app(subject="Mira")
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_screen(pilot, settle)
        picks = [(pick.role, pick.name) for pick in (*wanted.primary, *wanted.supporting)]
        skips = [("-", skip.name) for skip in wanted.skipped]
        assert shown(screen) == picks + skips
        assert all(reason in words_of(screen) for reason in wanted.primary[0].reasons)
        await settle(pilot)
        source = screen.query_one(PictureView).source
        with open_catalog(mira) as catalog:
            by_id = {picture.id: picture.sha256 for picture in select_memberships(catalog, "Mira")}
        assert source is not None and source.key == by_id[wanted.primary[0].id]
        assert set(roles_of(mira).values()) == {"inbox"}
        await pilot.press("enter")
        await settle(pilot)
        assert roles_of(mira) == dict.fromkeys(roles_of(mira), "inbox") | {name: role for role, name in picks}
        assert app.messages[-1].text == "7 pictures changed roles. u undoes."
        command = [*app.last_command]
        assert "nothing to change" in str(screen.query_one("#lead", Static).render())
        await pilot.press("enter")
        assert "nothing to change" in screen.message_line.text
        await pilot.press("u")
        await settle(pilot)
        assert set(roles_of(mira).values()) == {"inbox"}
    assert run(command) == 0, shlex.join(command)
    assert roles_of(mira) == dict.fromkeys(roles_of(mira), "inbox") | {name: role for role, name in picks}


async def test_the_header_counts_what_is_proposed_and_says_what_was_asked_for_where_that_is_more(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_screen(pilot, settle, 3, 40)
        assert screen.proposal is not None
        there = len(screen.proposal.supporting)
        assert there < 40
        header = screen.query_one(HeaderLine)
        assert header.status == f"primary 3   supporting {there} of 40"
        await pilot.press("space")
        assert header.status == f"primary 2 of 3   supporting {there} of 40   1 taken out"


async def test_what_comes_after_an_accepted_proposal_is_the_balance_and_its_key_is_there(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_screen(pilot, settle, 1, 5)
        await pilot.press("enter")
        await settle(pilot)
        assert app.messages[-1].text == "6 pictures changed roles. Their ratio is 0.50, not 2: b balances. u undoes."
        lead = str(screen.query_one("#lead", Static).render())
        assert "Primary to supporting is 0.50, not 2: b, then enter, makes it 2.00." in lead
        await pilot.press("b")
        await settle(pilot)
        assert isinstance(app.screen, BalanceScreen)


async def test_space_takes_a_pick_out_and_the_command_leaves_it_out_too(
    mira: Home, make_app: MakeApp, settle: Settle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LORATUI_HOME", str(mira.data))
    app = make_app(subject="Mira")
    async with app.run_test(size=NARROW) as pilot:
        screen = await open_screen(pilot, settle)
        first, second, third, *_ = shown(screen)
        await pilot.press("space", "space", "up", "space", "up", "up")
        await settle(pilot)
        # The second one was taken out and put back again.
        assert [role for role, _ in shown(screen)[:3]] == ["as it is", "primary", "primary"]
        assert "space puts it back" in words_of(screen)
        await pilot.press("A")
        await settle(pilot)
        after = roles_of(mira)
        assert (after[first[1]], after[second[1]], after[third[1]]) == ("inbox", "primary", "primary")
        command = [*app.last_command]
        await pilot.press("u")
        await settle(pilot)
    assert run(command) == 0, shlex.join(command)
    assert roles_of(mira) == after


async def test_keys_change_the_numbers_and_what_was_chosen_before_stays_unless_told(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    with open_catalog(mira) as catalog:
        ids = [picture.id for picture in select_memberships(catalog, "Mira")]
        roles.set_role(catalog, "Mira", "primary", ids[:2])
    app = make_app(subject="Mira")
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_screen(pilot, settle, 2, 2)
        await pilot.press("p", "p", "P", "s", "S", "S")
        await settle(pilot)
        assert screen.screen_command() == ["propose", "Mira", "--primary", "3", "--supporting", "1"]
        assert screen.proposal is not None
        assert (len(screen.proposal.primary), len(screen.proposal.supporting)) == (3, 1)
        assert sum(pick.kept for pick in screen.proposal.primary) == 2
        await pilot.press("a")
        await settle(pilot)
        assert screen.proposal is not None and not any(pick.kept for pick in screen.proposal.primary)
        await pilot.press("S", "S")
        await settle(pilot)
        assert screen.message_line.text == "There can't be fewer than none."


async def test_roles_changed_by_someone_else_are_seen_before_anything_is_accepted(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    app = make_app(subject="Mira")
    async with app.run_test(size=WIDE) as pilot:
        screen = await open_screen(pilot, settle)
        name = shown(screen)[0][1]
        with open_catalog(mira) as catalog:
            roles.set_role(catalog, "Mira", "holdout", f"name:{name}")
        await until(pilot, lambda: all(shown_name != name for _, shown_name in shown(screen)))
        await pilot.press("enter")
        await settle(pilot)
    assert roles_of(mira)[name] == "holdout"
    assert sorted(roles_of(mira).values()).count("primary") == 3


async def test_a_subject_without_pictures_says_where_to_get_some(home: Home, make_app: MakeApp, settle: Settle) -> None:
    from loratui.catalog.subjects import add_subject

    with open_catalog(home) as catalog:
        add_subject(catalog, "Empty", "emptvok")
    app = make_app()
    async with app.run_test(size=NARROW) as pilot:
        app.show_screen("proposals", subject="Empty")
        await settle(pilot)
        assert isinstance(app.screen, ProposalsScreen)
        assert "F3, then a" in str(app.screen.query_one("#lead", Static).render())
        await pilot.press("enter", "space")
        assert "no pictures to choose from" in app.screen.message_line.text
