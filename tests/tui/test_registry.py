"""The registry of actions: complete, without clashes, the same as the command line, and open to a person's own keys."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

import pytest
from textual.keys import Keys

import loratui.tui
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.cli.root import VERBS
from loratui.errors import UsageError
from loratui.tui.actions import EVERYWHERE, VIEW
from loratui.tui.app import LoratuiApp
from loratui.tui.base import LoratuiScreen
from loratui.tui.keymap import actions_of, bindings_of, check_keymap, keys_of, name_key, show_key
from loratui.tui.registry import ACTIONS, BY_ID
from loratui.tui.screens import SCREENS, load_screen

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.pilot import Pilot

    from loratui.config import Home

    MakeApp = Callable[..., LoratuiApp]
    Settle = Callable[[Pilot[None]], Awaitable[None]]

VERB_PATHS = {path for path, _, _ in VERBS}
SCOPES = sorted({scope for action in ACTIONS for scope in action.scopes} - {EVERYWHERE})

KEPT_EVERYWHERE = {"u", "ctrl+r", "question_mark", "colon", "w", "Y", "q", "escape", "f1", "f2", "f3", "f4", "f5"}


@cache
def screens() -> dict[str, type[LoratuiScreen]]:
    """Every screen there is, by its scope."""
    for module in iter_modules(loratui.tui.__path__):
        import_module(f"loratui.tui.{module.name}")
    waiting: list[type[LoratuiScreen]] = [LoratuiScreen]
    found = {}
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if kind.scope:
            found[kind.scope] = kind
    return found


def test_ids_are_unique() -> None:
    assert len(BY_ID) == len(ACTIONS)


@pytest.mark.parametrize("name", SCREENS)
def test_every_screen_can_be_loaded_and_has_a_scope(name: str) -> None:
    kind = load_screen(name)
    assert issubclass(kind, LoratuiScreen)
    assert kind.scope


@pytest.mark.parametrize("name", ["help", "palette", "tasks", "jump"])
def test_every_modal_can_be_loaded(name: str) -> None:
    assert getattr(import_module(f"loratui.tui.{name}"), f"{name.capitalize()}Screen")


def test_every_scope_has_a_screen() -> None:
    assert set(SCOPES) == set(screens())


@pytest.mark.parametrize("scope", SCOPES)
def test_every_action_is_done_by_its_screen_or_by_the_app(scope: str) -> None:
    kind = screens()[scope]
    missing = [
        action.id
        for action in ACTIONS
        if scope in action.scopes and not hasattr(kind, action.handler) and not hasattr(LoratuiApp, action.handler)
    ]
    assert missing == []


def test_every_action_that_works_everywhere_is_done_by_the_app() -> None:
    missing = [a.id for a in ACTIONS if EVERYWHERE in a.scopes and not hasattr(LoratuiApp, a.handler)]
    assert missing == []


@pytest.mark.parametrize("scope", SCOPES)
def test_no_screen_has_a_handler_that_no_key_reaches(scope: str) -> None:
    reachable = {action.handler for action in actions_of(scope)}
    kind = screens()[scope]
    own = {name for name in vars(kind) if name.startswith("do_")}
    assert own <= reachable


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_has_a_verb_that_exists_or_says_why_not(action: object) -> None:
    found = BY_ID[action.id]  # type: ignore[attr-defined]
    assert bool(found.verb) != bool(found.no_verb)
    if found.verb:
        assert found.verb in VERB_PATHS
    else:
        assert found.no_verb == VIEW
        assert found.undo == "view"


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_says_what_it_is(action: object) -> None:
    found = BY_ID[action.id]  # type: ignore[attr-defined]
    assert found.label and found.label == found.label.strip()
    assert found.help.endswith(".") or "." in found.help
    assert found.scopes


@pytest.mark.parametrize("scope", SCOPES)
def test_no_key_has_two_meanings_on_a_screen(scope: str) -> None:
    own = [key for action in ACTIONS if scope in action.scopes for key in keys_of(action, {})]
    assert len(own) == len(set(own)), sorted(key for key in own if own.count(key) > 1)
    assert not KEPT_EVERYWHERE & set(own)


def test_no_key_has_two_meanings_everywhere() -> None:
    keys = [key for action in ACTIONS if EVERYWHERE in action.scopes for key in keys_of(action, {})]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("scope", SCOPES)
def test_every_binding_has_the_id_of_its_action(scope: str) -> None:
    bindings = bindings_of(scope, {})
    assert {binding.id for binding in bindings} >= {action.id for action in ACTIONS if scope in action.scopes}
    assert all(binding.id in BY_ID for binding in bindings)


def test_keys_are_ones_that_every_terminal_can_send() -> None:
    known = {key.value for key in Keys} | {"space"}
    symbols = {"question_mark", "colon", "slash", "plus", "minus", "equals_sign", "asterisk"}
    symbols |= {"left_square_bracket", "right_square_bracket"}
    for action in ACTIONS:
        for key in keys_of(action, {}):
            plain = len(key) == 1 and key.isascii() and key.isalnum()
            assert plain or key in known or key in symbols, (action.id, key)
    assert "alt" not in " ".join(action.keys for action in ACTIONS)


def test_an_unknown_action_in_the_keymap_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        check_keymap({"picture.primry": ("P",)})
    assert "no action 'picture.primry'" in caught.value.message
    assert "Did you mean 'picture.primary'?" in caught.value.hint


def test_a_key_given_two_meanings_in_the_keymap_is_refused() -> None:
    with pytest.raises(UsageError, match=r"would mean both picture\.primary and picture\.supporting"):
        check_keymap({"picture.primary": ("y",), "picture.supporting": ("y",)})


@pytest.mark.parametrize("key", ["crtl+x", "f99", "spce"])
def test_a_key_that_no_keyboard_has_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="is no key"):
        check_keymap({"app.help": (key,)})


def test_keys_are_read_as_they_are_shown() -> None:
    for action in ACTIONS:
        for key in keys_of(action, {}):
            assert name_key(show_key(key)) == key
    assert [name_key(key) for key in ("?", "!", ",", "é", "X", "ESC")] == [
        *("question_mark", "exclamation_mark", "comma", "é", "X", "escape")
    ]


async def test_keys_of_config_toml_work_and_the_old_ones_do_not(home: Home, make_app: MakeApp, settle: Settle) -> None:
    home.create()
    home.config_file.write_text('[keys]\n"app.history" = ["?", "f8"]\n"app.help" = "H"\n', encoding="utf-8")
    async with make_app().run_test() as pilot:
        await settle(pilot)
        library = pilot.app.screen
        await pilot.press("U")
        assert pilot.app.screen is library
        await pilot.press("f8")
        assert type(pilot.app.screen).__name__ == "HistoryScreen"
        await pilot.press("escape", "question_mark")
        assert type(pilot.app.screen).__name__ == "HistoryScreen"
        await pilot.press("escape", "H")
        assert type(pilot.app.screen).__name__ == "HelpScreen"


async def test_a_key_of_ones_own_takes_it_from_the_action_that_came_with_it(
    mira: Home, make_app: MakeApp, settle: Settle
) -> None:
    mira.config_file.write_text('[keys]\n"picture.primary" = "1"\n"picture.remove" = "u"\n')
    app = make_app()
    async with app.run_test(size=(120, 30)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("1", "2")
        await settle(pilot)
        with open_catalog(mira) as catalog:
            first, second = select_memberships(catalog, "Mira")[:2]
        assert (first.role, first.rating, second.rating) == ("primary", 0, 2)
        await pilot.press("u")
        await settle(pilot)
        with open_catalog(mira) as catalog:
            assert len(select_memberships(catalog, "Mira")) == 11, "u removes here, as was asked"
        await pilot.press("question_mark")
        await settle(pilot)
