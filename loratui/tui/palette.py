"""Anything by name: actions, screens, subjects, themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.tui.chooser import Choice, Chooser
from loratui.tui.help import describe_verb
from loratui.tui.keymap import actions_of, ask_for_subject, keys_of, show_key
from loratui.tui.registry import ACTIONS, BY_ID
from loratui.tui.table import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.tui.actions import Action
    from loratui.tui.base import LoratuiScreen
    from loratui.tui.keymap import Keymap

_WALL = "subject.pictures"
_WAYS: dict[str, tuple[str, tuple[str, ...]]] = {
    "library": ("in the library", ("app.library",)),
    "pictures": ("on the wall", (_WALL,)),
    "view": ("on a picture", (_WALL, "picture.open")),
    "crop": ("while cropping", (_WALL, "picture.crop")),
    "duplicates": ("on the duplicates", (_WALL, "subject.duplicates")),
    "tags": ("on the tags", (_WALL, "subject.tags")),
    "imbue": ("on what to imbue", (_WALL, "subject.tags", "subject.imbue")),
    "proposals": ("on the proposed roles", (_WALL, "subject.proposals")),
    "checks": ("on the checks", (_WALL, "subject.checks")),
    "balance": ("on the balance", (_WALL, "subject.balance")),
    "train": ("in the form of a training", (_WALL, "subject.train")),
    "runs": ("on the trainings", ("app.runs",)),
    "run": ("on a training", ("app.runs", "run.open")),
    "review": ("on a sheet", ("app.review",)),
    "cell": ("on an image of a sheet", ("app.review", "cell.open")),
    "history": ("in the history", ("app.history",)),
}
"""Of each screen the words for it, and the actions that lead there."""


class PaletteScreen(Chooser):
    """Whatever can be done or gone to from the screen below, found by a few letters."""

    def __init__(self, top: LoratuiScreen) -> None:
        columns = [Column("", 26), Column("keys", 10), Column(""), Column("command line", 22, least=96)]
        super().__init__(top, columns, "what do you want to do?")
        self._all: list[Choice] = []

    def choices(self) -> Sequence[Choice]:
        if not self._all:
            actions = [self._describe(action) for action in actions_of(self.top.scope)]
            self._all = [*actions, *self._subjects(), *self._themes(), *self._elsewhere()]
        return self._all

    def _describe(self, action: Action) -> Choice:
        keys = [show_key(key) for key in keys_of(action, self.lora.keymap_of_person)]
        reason = self.top.why_not(action.id)
        help_ = f"not now: {reason}" if reason else action.help
        verb = f"loratui {action.verb}" if action.verb else ""
        words = f"{action.label} {action.id} {action.help} {action.verb}"
        cells = (action.label, " ".join(keys[:3]), help_, verb)
        return Choice(f"action {action.id}", cells, words, about=f"{reason or action.help}\n{describe_verb(action)}")

    def _elsewhere(self) -> list[Choice]:
        """What other screens do: done from here where no screen is needed for it, else with the way there."""
        here = {action.id for action in actions_of(self.top.scope)}
        return [
            self._describe_elsewhere(action)
            for action in ACTIONS
            if action.id not in here and not action.id.startswith("move.")
        ]

    def _describe_elsewhere(self, action: Action) -> Choice:
        if is_of_subject(action):
            reason = "" if self.lora.subject_here else "choose a subject first, in the library"
            shown = f"not now: {reason}" if reason else action.help
        else:
            reason = shown = tell_where(action, self.lora.keymap_of_person)
        verb = f"loratui {action.verb}" if action.verb else ""
        words = f"{action.label} {action.id} {action.help} {action.verb}"
        about = f"{action.help}{f' {reason}' * bool(reason)}\n{describe_verb(action)}"
        return Choice(f"elsewhere {action.id}", (action.label, "", shown, verb), words, about=about)

    def _subjects(self) -> list[Choice]:
        from loratui.tui.library import LibraryScreen

        library = self.lora.screen_stack[0]
        names = library.names if isinstance(library, LibraryScreen) else []
        return [
            Choice(f"subject {name}", (name, "", "Open the subject's pictures.", ""), f"{name} subject pictures")
            for name in names
        ]

    def _themes(self) -> list[Choice]:
        return [
            Choice(
                f"theme {name}",
                (f"theme {name}", "", "Use these colours.", ""),
                f"theme {name} colours",
                about=f'To keep it: [ui] theme = "{name}" in config.toml',
            )
            for name in sorted(self.app.available_themes)
        ]

    def chosen(self, key: str) -> None:
        kind, _, name = key.partition(" ")
        if kind == "action":
            self.run_action_of_top(name)
        elif kind == "elsewhere":
            self._run_elsewhere(BY_ID[name])
        elif kind == "subject":
            self.lora.subject = name
            self.lora.show_screen("pictures", subject=name)
        else:
            self.app.theme = name
            self.lora.tell(f'Theme {name}. To keep it: [ui] theme = "{name}" in {self.lora.home.config_file}')

    def _run_elsewhere(self, action: Action) -> None:
        if not is_of_subject(action):
            where = tell_where(action, self.lora.keymap_of_person)
            self.top.tell(f"{action.label.capitalize()} {where}.")
        elif self.lora.subject_here:
            self.lora.dispatch(self.top, action.id, "")
        else:
            self.top.tell(ask_for_subject(self.lora.keymap_of_person))


def is_of_subject(action: Action) -> bool:
    """Whether an action is about a whole subject, so that no screen has to be open for it."""
    from loratui.tui.app import LoratuiApp

    return action.id.startswith("subject.") and hasattr(LoratuiApp, action.handler)


def tell_where(action: Action, keymap: Keymap) -> str:
    """Where an action works, and the keys that lead there from anywhere."""
    words, way = _WAYS[action.scopes[0]]
    keys = [show_key(key) for step in way for key in keys_of(BY_ID[step], keymap)[:1]]
    return f"works {words}: {', then '.join(keys)}"
