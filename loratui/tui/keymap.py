"""Which key does what on which screen, with a person's own keys in place."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from difflib import get_close_matches

from textual.binding import Binding
from textual.keys import KEY_NAME_REPLACEMENTS, Keys

from loratui.errors import UsageError
from loratui.tui.actions import EVERYWHERE, Action
from loratui.tui.registry import ACTIONS, BY_ID

_WALL = "pictures"

Keymap = Mapping[str, tuple[str, ...]]
"""A person's own keys by action id."""


def actions_of(scope: str) -> list[Action]:
    """What can be done on a screen: its own actions first, then those that work everywhere."""
    own = [action for action in ACTIONS if scope in action.scopes]
    return own + [action for action in ACTIONS if EVERYWHERE in action.scopes and scope not in action.scopes]


def keys_of(action: Action, keymap: Keymap) -> tuple[str, ...]:
    """The keys of an action: a person's own, else the ones it comes with that were not given to another."""
    if own := keymap.get(action.id):
        return tuple(map(name_key, own))
    given = {name_key(key) for id_, keys in keymap.items() if _meet(action, BY_ID.get(id_)) for key in keys}
    return tuple(key for key in action.keys.split(",") if key not in given)


def say_key(action: str, keymap: Keymap) -> str:
    """The key of an action as a sentence names it."""
    keys = keys_of(BY_ID[action], keymap)
    if not keys:
        return f"{BY_ID[action].label}, in the palette,"
    return keys[0] if keys[0].startswith("ctrl+") else show_key(keys[0])


def ask_for_subject(keymap: Keymap) -> str:
    """What is said where a subject is needed and none was chosen yet."""
    library, add = say_key("app.library", keymap), say_key("subject.add", keymap)
    return f"Choose a subject first: {library} is the library, {add} adds one."


def _meet(action: Action, other: Action | None) -> bool:
    """Whether two actions are for the same screen; one that works everywhere gives way to any."""
    if other is None:
        return False
    return EVERYWHERE in action.scopes or EVERYWHERE in other.scopes or bool({*action.scopes} & {*other.scopes})


def name_key(key: str) -> str:
    """Textual's name for a key as a person writes it: `?` is question_mark, `^p` ctrl+p, `F8` f8, `esc` escape."""
    if len(key) == 2 and key[0] == "^":
        return f"ctrl+{key[1].lower()}"
    if len(key) > 1:
        return _NAMED.get(key.lower(), key.lower())
    if key.isalnum() or key in _NAMED:
        return _NAMED.get(key, key)
    name = unicodedata.name(key, "").lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


def bindings_of(scope: str, keymap: Keymap) -> list[Binding]:
    """Textual's bindings for a screen.

    A person's own key wins over a key that an action comes with, a screen's own action over one that works everywhere.
    """
    taken: set[str] = set()
    found: list[Binding] = []
    for action in sorted(actions_of(scope), key=lambda action: action.id not in keymap):
        for key in keys_of(action, keymap):
            if key in taken:
                continue
            taken.add(key)
            call = f"do('{action.id}', '{key}')" if action.per_key else f"do('{action.id}')"
            found.append(Binding(key, call, action.label, show=False, id=action.id))
    return found


def check_keymap(keymap: Keymap) -> None:
    """Raise UsageError for an unknown action or key, or for one key given two meanings on one screen."""
    for id_ in keymap:
        if id_ not in BY_ID:
            near = get_close_matches(id_, BY_ID, n=1)
            hint = f"Did you mean '{near[0]}'?" if near else "`?` in the app lists the actions."
            raise UsageError(f"[keys]: there is no action '{id_}'.", hint=hint)
        for key in keymap[id_]:
            _refuse_unknown_key(id_, key)
    for scope in sorted({scope for action in ACTIONS for scope in action.scopes}):
        _refuse_clash(scope, keymap)


def _refuse_unknown_key(id_: str, key: str) -> None:
    name = name_key(key)
    known = {str(item.value) for item in Keys}
    if name and len(key) > 1 and name.removeprefix("shift+") not in known:
        near = get_close_matches(name, known, n=1)
        guess = f"Did you mean '{near[0]}'? " if near else ""
        raise UsageError(f"[keys]: '{key}' of {id_} is no key.", hint=f"{guess}Keys: x, X, ?, ctrl+x, f8, space.")
    if not name:
        raise UsageError(f"[keys]: {id_} has no key.", hint="Leave the line out to have the usual one.")


def _refuse_clash(scope: str, keymap: Keymap) -> None:
    own = (action for action in ACTIONS if scope in action.scopes and action.id in keymap)
    owner: dict[str, Action] = {}
    for action in own:
        for key in keys_of(action, keymap):
            if key in owner:
                raise UsageError(
                    f"[keys]: '{key}' would mean both {owner[key].id} and {action.id} on the {scope} screen.",
                    hint="Give one of them another key.",
                )
            owner.setdefault(key, action)


_SHOWN = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "space": "space",
    "escape": "esc",
    "enter": "enter",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "asterisk": "*",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "up": "up",
    "down": "down",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "delete": "del",
}

_NAMED = {shown: key for key, shown in _SHOWN.items()}


def find_on_wall(key: str, scope: str, keymap: Keymap) -> str:
    """What a key that does nothing on this screen does on the wall, in a sentence; empty where it does nothing."""
    here = {key for action in actions_of(scope) for key in keys_of(action, keymap)}
    if scope == _WALL or key in here:
        return ""
    action = next((one for one in ACTIONS if _WALL in one.scopes and key in keys_of(one, keymap)), None)
    if action is None or action.id.startswith("move."):
        return ""
    way = [show_key(wall) for wall in keys_of(BY_ID["subject.pictures"], keymap)[:1]]
    return f"{show_key(key)}, {action.label}, works on the wall: {', '.join(way)}." if way else ""


def show_key(key: str) -> str:
    """A key as it is printed on a keyboard: `?` for question_mark, `^p` for ctrl+p."""
    if key.startswith("ctrl+"):
        return f"^{key.removeprefix('ctrl+')}"
    if key.startswith("f") and key[1:].isdecimal():
        return key.upper()
    return _SHOWN.get(key, key)
