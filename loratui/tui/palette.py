"""Anything by name: actions, screens, subjects, themes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.tui.chooser import Choice, Chooser
from loratui.tui.help import describe_verb
from loratui.tui.keymap import actions_of, keys_of, show_key
from loratui.tui.table import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.tui.actions import Action
    from loratui.tui.base import LoratuiScreen


class PaletteScreen(Chooser):
    """Whatever can be done or gone to from the screen below, found by a few letters."""

    def __init__(self, top: LoratuiScreen) -> None:
        columns = [Column("", 26), Column("keys", 10), Column(""), Column("command line", 22, least=96)]
        super().__init__(top, columns, "what do you want to do?")
        self._all: list[Choice] = []

    def choices(self) -> Sequence[Choice]:
        if not self._all:
            actions = [self._describe(action) for action in actions_of(self.top.scope)]
            self._all = [*actions, *self._subjects(), *self._themes()]
        return self._all

    def _describe(self, action: Action) -> Choice:
        keys = [show_key(key) for key in keys_of(action, self.lora.keymap_of_person)]
        reason = self.top.why_not(action.id)
        help_ = f"not now: {reason}" if reason else action.help
        verb = f"loratui {action.verb}" if action.verb else ""
        words = f"{action.label} {action.id} {action.help} {action.verb}"
        cells = (action.label, " ".join(keys[:3]), help_, verb)
        return Choice(f"action {action.id}", cells, words, about=f"{reason or action.help}\n{describe_verb(action)}")

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
        elif kind == "subject":
            self.lora.subject = name
            self.lora.show_screen("pictures", subject=name)
        else:
            self.app.theme = name
            self.lora.tell(f'Theme {name}. To keep it: [ui] theme = "{name}" in {self.lora.home.config_file}')
