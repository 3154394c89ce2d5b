"""A list to choose from by typing a few letters of what is wanted."""

from __future__ import annotations

import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from loratui.tui.one_line import OneLine
from loratui.tui.table import Row, RowTable
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.tui.app import LoratuiApp
    from loratui.tui.base import LoratuiScreen
    from loratui.tui.table import Column


@dataclass(frozen=True, slots=True)
class Choice:
    """One line: what is shown, and the words it is found by, the best ones first."""

    key: str
    cells: tuple[str, ...]
    words: str
    about: str = ""
    """Shown below the list while the cursor is on it, on up to two lines."""


_WITHIN, _SCATTERED, _SCATTERED_WITHIN = 1_000, 10_000, 20_000
"""What is added for letters within a word, for ones that only follow each other, and for both."""


def rank(typed: str, words: str) -> int:
    """How well words fit what was typed, 0 is best; -1 when they don't. Every typed word must be found.

    Best is where they begin so, then where a word in them does, then what stands within a word. Last are letters that
    only follow each other, and of these again what begins a word and stands close together.
    """
    folded = words.casefold()
    ranks = [_rank_part(part, folded) for part in typed.casefold().split()]
    return -1 if -1 in ranks else sum(ranks)


def _rank_part(part: str, folded: str) -> int:
    whole, scattered = re.escape(part), ".{0,3}?".join(map(re.escape, part))
    for pattern, begins, within in ((whole, 0, _WITHIN), (scattered, _SCATTERED, _SCATTERED_WITHIN)):
        found = re.finditer(f"(?=({pattern}))", folded)
        if places := [(match.start(), len(match[1]) - len(part)) for match in found]:
            return min(
                (begins if not place or not folded[place - 1].isalnum() else within) + 10 * gaps + place
                for place, gaps in places
            )
    return -1


class Chooser(ModalScreen[None]):
    """Typing narrows the list, arrows move, enter chooses, esc leaves. A subclass gives `choices` and does `chosen`."""

    DEFAULT_CSS = """
    Chooser { align: center top; }
    Chooser > Vertical {
        width: 120; max-width: 96%; height: auto; max-height: 90%; margin: 1 0 0 0; padding: 0 1;
        border: round $primary; background: $surface;
    }
    Chooser Input { border: none; height: 1; padding: 0 1; background: $panel; }
    Chooser Input:focus { border: none; }
    Chooser RowTable { background: $surface; height: 20; max-height: 100%; }
    Chooser RowTable > .rowtable--blurred { background: $primary-muted; text-style: bold; }
    Chooser #nothing { display: none; height: 3; padding: 1 2; }
    Chooser #about { color: $text-muted; height: 2; padding: 0 2; }
    """
    BINDINGS: ClassVar = [
        ("escape", "dismiss(None)", "leave"),
        ("enter", "choose", "choose"),
        ("up,ctrl+p", "move(-1)", "up"),
        ("down,ctrl+n", "move(1)", "down"),
        ("pageup", "page(-1)", "page up"),
        ("pagedown", "page(1)", "page down"),
    ]

    MOST_ROWS: ClassVar = 24
    """Lines of the list where the terminal is high enough."""

    def __init__(self, top: LoratuiScreen, columns: Sequence[Column], placeholder: str) -> None:
        super().__init__()
        self.top = top
        self._columns = columns
        self._placeholder = placeholder
        self._found: dict[str, Choice] = {}

    @property
    def lora(self) -> LoratuiApp:
        """The app, with its type."""
        return self.app  # type: ignore[return-value]

    @abstractmethod
    def choices(self) -> Sequence[Choice]:
        """All there is to choose from, in the order shown when nothing is typed."""

    @abstractmethod
    def chosen(self, key: str) -> None:
        """Do what was chosen; the list is closed by then."""

    def compose(self) -> ComposeResult:
        with Vertical():
            yield OneLine(placeholder=self._placeholder, select_on_focus=False)
            yield RowTable(self._columns)
            yield Static("", id="nothing")
            yield Static("", id="about")

    def on_mount(self) -> None:
        table = self.query_one(RowTable)
        table.can_focus = False
        # Columns are made for a width, and rows beyond the lower edge would never be seen.
        # A tenth stays free, as the height of the dialog says; then border, field and the lines below.
        table.styles.height = max(4, min(self.MOST_ROWS, self.size.height * 9 // 10 - 6))
        self.query_one(Input).focus()
        self._show("")

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(event.value)

    def _show(self, typed: str) -> None:
        ranked = [(rank(typed, choice.words), choice) for choice in self.choices()]
        fitting = [(score, choice) for score, choice in ranked if score >= 0]
        if typed.strip():
            fitting.sort(key=lambda item: item[0])
        self._found = {choice.key: choice for _, choice in fitting}
        table = self.query_one(RowTable)
        table.set_rows([Row(choice.key, choice.cells) for choice in self._found.values()])
        table.move_to(0)
        nothing = self.query_one("#nothing", Static)
        table.display, nothing.display = bool(self._found), not self._found
        nothing.update(Text(f"Nothing found for '{plain(typed.strip())}'.", overflow="ellipsis", no_wrap=True))
        self._tell_about()

    def _tell_about(self) -> None:
        choice = self._found.get(self.query_one(RowTable).cursor_key)
        about = choice.about if choice else "Nothing is called that. esc leaves."
        self.query_one("#about", Static).update(
            Text("\n".join(map(plain, about.splitlines())), overflow="ellipsis", no_wrap=True)
        )

    def on_row_table_cursor_moved(self, event: RowTable.CursorMoved) -> None:
        event.stop()
        self._tell_about()

    def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
        event.stop()
        self.action_choose()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_choose()

    def action_move(self, rows: int) -> None:
        self.query_one(RowTable).move(rows)

    def action_page(self, pages: int) -> None:
        table = self.query_one(RowTable)
        table.move(pages * table.page)

    def action_choose(self) -> None:
        if key := self.query_one(RowTable).cursor_key:
            self.dismiss(None)
            self.app.call_later(self.chosen, key)

    def run_action_of_top(self, id_: str) -> None:
        """Do an action on the screen below."""
        from loratui.tui.keymap import keys_of, show_key
        from loratui.tui.registry import BY_ID

        action = BY_ID[id_]
        if action.per_key:
            keys = " ".join(show_key(key) for key in keys_of(action, self.lora.keymap_of_person))
            self.top.tell(f"{action.label.capitalize()}: press one of {keys}")
            return
        self.top.action_do(id_)
