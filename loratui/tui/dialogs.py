"""Questions to the person: yes or no, a line of text, one of a few."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.text import Text
from textual import work
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from loratui.bugs import report_bug
from loratui.errors import LoratuiError
from loratui.tui.one_line import OneLine
from loratui.tui.table import Column, Row, RowTable
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual import events
    from textual.app import ComposeResult

T = TypeVar("T")

SETTLE_S = 0.3
"""Keys in the first moment are ignored: they were meant for the screen below."""


class Confirm(ModalScreen[bool]):
    """A question whose answer is no, unless `y` is pressed. For what can't be undone or costs GPU time."""

    DEFAULT_CSS = """
    Confirm { align: center middle; }
    Confirm > Static {
        width: 72; max-width: 95%; height: auto; padding: 1 2; border: round $warning; background: $surface;
    }
    """

    def __init__(self, question: str, details: str = "") -> None:
        super().__init__()
        self._question = question
        self._details = details
        self._opened = time.monotonic()

    def compose(self) -> ComposeResult:
        text = Text(plain(self._question), style="bold")
        if self._details:
            text.append("\n\n")
            text.append("\n".join(plain(line) for line in self._details.splitlines()), style="not bold")
        text.append("\n\ny yes   any other key no", style="dim not bold")
        yield Static(text)

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if time.monotonic() - self._opened >= SETTLE_S:
            self.dismiss(event.key == "y")


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a form. `check` returns what is wrong with a value, or nothing."""

    name: str
    label: str
    value: str = ""
    hint: str = ""
    choices: tuple[str, ...] = ()
    """When given, left and right (or a letter that a word in it begins with) go through these instead of typing."""
    joint: str = " "
    """What stands between lines that are pasted."""
    check: Callable[[str], str] = field(default=lambda value: "")
    complete: Callable[[str], tuple[str, tuple[str, ...]]] | None = None
    """Called in a thread on tab: the text completed as far as it is sure, and the names it could go on with."""
    judge: Callable[[str], str] | None = None
    """Called in a thread at first and as one types: what is to be said of the value, which changes nothing."""
    suggest: Callable[[Mapping[str, str]], Sequence[tuple[str, str]]] | None = None
    """Called in a thread on ctrl+t with all that stands in the form: (value, words) to choose from."""


class Form(ModalScreen[dict[str, str] | None]):
    """A few lines to fill in; enter in the last line (or ctrl+s anywhere) is done, esc leaves without a change.

    What stands in a line that gets the keys is selected: typing takes its place, the arrows go into it. In a line that
    is at fault the cursor is at the end instead, to mend it.
    """

    DEFAULT_CSS = """
    Form { align: center middle; }
    Form > Vertical {
        width: 76; max-width: 95%; height: auto; max-height: 90%; padding: 1 2;
        border: round $primary; background: $surface; overflow-y: auto;
    }
    Form Input { border: none; height: 1; padding: 0 1; background: $panel; margin: 0 0 1 0; }
    Form Input:focus { border: none; background: $primary-muted; }
    Form #wrong { color: $text-error; height: auto; }
    Form .hint { color: $text-muted; height: auto; }
    Form .judged { margin: 0 0 1 0; }
    Form.-short .judged { max-height: 3; margin: 0; }
    Form.-short > Vertical { padding: 0 2; max-height: 100%; }
    Form.-short Input { margin: 0; }
    Form.-short .gap { display: none; }
    """
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
    BINDINGS: ClassVar = [
        ("escape", "cancel", "leave"),
        ("ctrl+s", "finish", "done"),
        ("up", "previous", "previous"),
        ("down", "next", "next"),
        ("ctrl+t", "suggest", "suggest"),
    ]

    def __init__(self, title: str, fields: Sequence[Field], *, note: str = "", wrong: str = "", at: str = "") -> None:
        """`wrong` says why an earlier answer was not taken; `at` is the field to begin with, if not the first."""
        super().__init__()
        self._at = at
        self._wrong = wrong
        self._wrong_of: dict[str, str] = {}
        self._title = title
        self._fields = tuple(fields)
        self._note = note

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(Text(plain(self._title), style="bold"))
            if self._note:
                yield Static(Text(self._note), classes="hint")
            yield Static("", classes="gap")
            for item in self._fields:
                yield Static(Text.assemble(item.label, (f"   {item.hint}" if item.hint else "", "dim")))
                yield FormLine(item)
                if item.complete is not None:
                    yield Static("", classes="hint offers")
                if item.judge is not None:
                    yield Static("", classes="hint judged", id=f"judged_{item.name}")
            yield Static(Text(plain(self._wrong)), id="wrong")
            yield Static(Text(self._keys(), style="dim"))

    def _keys(self) -> str:
        tab = "tab complete   " if any(item.complete for item in self._fields) else ""
        ideas = "ctrl+t suggest   " if any(item.suggest for item in self._fields) else ""
        return f"enter next / done   {tab}{ideas}ctrl+s done   esc leave"

    def on_mount(self) -> None:
        lines = list(self.query(FormLine))
        next((line for line in lines if line.item.name == self._at), lines[0]).focus()
        for line in lines:
            line.judge_in_thread(line.value)
        if self._wrong:
            self.tell_wrong(self._wrong)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_focused)

    def _show_focused(self) -> None:
        """Lines were laid out anew for this size: the one with the keys is in sight again, the first with its label."""
        line = self.focused
        if line is not None and line is next(iter(self.query(FormLine)), None):
            self.query_one(Vertical).scroll_home(animate=False)
        elif line is not None:
            line.scroll_visible(animate=False)

    def tell_wrong(self, sentence: str, at: FormLine | None = None) -> None:
        """Say what is wrong until something is changed, and go to the line that is at fault.

        Without `at` that is the one whose text or label the sentence names, if any.
        """
        self._wrong_of = self.values
        self.query_one("#wrong", Static).update(Text(plain(sentence)))
        if (at := at or self._find_fault(sentence)) is not None and not at.has_focus:
            at.mend()

    def _find_fault(self, sentence: str) -> FormLine | None:
        lines = [line for line in self.query(FormLine) if not line.item.choices]
        # What happened stands before what to do about it, where other values may be named.
        for names in zip(*map(_words_of, lines), strict=True):
            places = zip(lines, (_find_words(sentence, words) for words in names), strict=True)
            named = [(at, line) for line, at in places if at >= 0]
            if named:
                return min(named, key=lambda one: (one[0], -len(one[1].value)))[1]
        return None

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._wrong_of and self.values != self._wrong_of:
            self._wrong_of = {}
            self.query_one("#wrong", Static).update("")
        if isinstance(event.input, FormLine) and event.input.item.judge is not None:
            event.input.judge_in_thread(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        lines = list(self.query(FormLine))
        place = lines.index(event.input)  # type: ignore[arg-type]
        if place + 1 < len(lines):
            lines[place + 1].focus()
        else:
            self.action_finish()

    def action_previous(self) -> None:
        self.focus_previous(FormLine)

    def action_next(self) -> None:
        self.focus_next(FormLine)

    def action_cancel(self) -> None:
        self.dismiss(None)

    def action_suggest(self) -> None:
        for line in self.query(FormLine):
            if line.item.suggest is not None:
                line.suggest_in_thread(self.values)

    @property
    def values(self) -> dict[str, str]:
        """What stands in the form now."""
        return {line.item.name: line.value for line in self.query(FormLine)}

    def action_finish(self) -> None:
        for line in self.query(FormLine):
            if wrong := line.item.check(line.value):
                self.tell_wrong(f"{line.item.label}: {wrong}", line)
                return
        self.finish(self.values)

    def finish(self, values: dict[str, str]) -> None:
        """All lines are filled in rightly, as far as the form can tell."""
        self.dismiss(values)


class FormLine(OneLine):
    """One line of a form; with choices, left and right go through them."""

    def __init__(self, item: Field) -> None:
        super().__init__(
            value=item.value or (item.choices[0] if item.choices else ""),
            restrict="|".join(map(re.escape, item.choices)) or None,
        )
        self.item = item
        self.joint = item.joint
        self._is_to_mend = False

    def mend(self) -> None:
        """Get the keys, with the cursor at the end."""
        self._is_to_mend = True
        self.cursor_position = len(self.value)
        self.focus()

    def _on_focus(self, event: events.Focus) -> None:
        # Called before the one of the line that this is made from.
        self.select_on_focus = not (self.item.choices or self._is_to_mend)
        self._is_to_mend = False

    def restricted(self) -> None:
        """What was typed or pasted is no choice: say how one chooses, and what."""
        self.app.bell()
        self._tell_wrong(f"{self.item.label}: left and right go through {', '.join(self.item.choices)}.")

    @work(thread=True, exclusive=True, exit_on_error=False)
    def complete_in_thread(self) -> None:
        """Complete what is typed; the disk that is asked may be a slow one."""
        typed, complete = self.value, self.item.complete
        if complete is not None:
            self._answer(lambda: complete(typed), lambda found: self._put_completion(typed, *found))

    def _put_completion(self, typed: str, completed: str, names: tuple[str, ...]) -> None:
        if self.value != typed or not self.is_attached:
            return
        self.value = completed
        self.cursor_position = len(completed)
        offers = self.screen.query(".offers").first(Static)
        offers.update(Text(plain("  ".join(names)), no_wrap=True, overflow="ellipsis"))

    @work(thread=True, exclusive=True, group="judge", exit_on_error=False)
    def judge_in_thread(self, value: str) -> None:
        """Say what is to be said of what is typed; a word typed since makes it old."""
        judge = self.item.judge
        if judge is not None:
            self._answer(lambda: judge(value), lambda said: self._put_judgement(value, said))

    def _put_judgement(self, value: str, said: str) -> None:
        if self.value == value and self.is_attached:
            lines = "\n".join(plain(line) for line in said.splitlines())
            line = self.screen.query_one(f"#judged_{self.item.name}", Static)
            line.update(Text(lines))
            # Of most choices there is nothing to say; what one types would make the lines below jump.
            line.display = bool(said or not self.item.choices)

    @work(thread=True, exclusive=True, group="suggest", exit_on_error=False)
    def suggest_in_thread(self, values: Mapping[str, str]) -> None:
        """Offer values; the one that is chosen is put in the line."""
        suggest = self.item.suggest
        if suggest is not None:
            self._answer(lambda: suggest(values), self._offer)

    def _answer(self, ask: Callable[[], T], then: Callable[[T], None]) -> None:
        """In a thread: have `then` take the answer on the event loop; what goes wrong is told in the form."""
        try:
            answer = ask()
        except LoratuiError as error:
            self.app.call_from_thread(self._tell_wrong, f"{error.message} {error.hint}")
        except Exception as error:
            told = report_bug(error, "loratui tui")
            self.app.call_from_thread(self._tell_wrong, f"{told.message} {told.hint}")
        else:
            self.app.call_from_thread(then, answer)

    def _tell_wrong(self, sentence: str) -> None:
        if self.is_attached:
            self._form.tell_wrong(sentence, self)

    @property
    def _form(self) -> Form:
        form = self.screen
        assert isinstance(form, Form)
        return form

    def _offer(self, ideas: Sequence[tuple[str, str]]) -> None:
        def chosen(value: str | None) -> None:
            if value and self.is_attached:
                self.value = value
                self.cursor_position = len(value)
                self.focus()

        if ideas and self.is_attached and self.app.screen is self.screen:
            self.app.push_screen(Pick(self.item.label, ideas), chosen)

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "tab" and self.item.complete is not None and self.cursor_position == len(self.value) > 0:
            event.stop()
            event.prevent_default()
            self.complete_in_thread()
            return
        if event.key in ("up", "down"):
            # A line longer than its room would scroll instead of letting the form go on.
            event.stop()
            event.prevent_default()
            await self.screen.run_action("previous" if event.key == "up" else "next")
            return
        if not self.item.choices or (event.key not in ("left", "right", "space") and not event.is_printable):
            await super()._on_key(event)
            return
        event.stop()
        event.prevent_default()
        choices = self.item.choices
        place = choices.index(self.value) if self.value in choices else 0
        if event.key in ("left", "right", "space"):
            self.value = choices[(place + (-1 if event.key == "left" else 1)) % len(choices)]
            return
        onwards = [choices[(place + step) % len(choices)] for step in range(1, len(choices) + 1)]
        letter = (event.character or "").casefold()
        for begins in (str.startswith, _has_word):
            if found := next((choice for choice in onwards if begins(choice.casefold(), letter)), None):
                self.value = found
                return
        self.restricted()


def _words_of(line: FormLine) -> tuple[str, ...]:
    """What a sentence can name a line by, the surest first; of an address the machine alone too."""
    host = line.value.partition("://")[2].partition("/")[0]
    return line.value, f"line {line.item.label}", host, line.item.label


def _find_words(text: str, words: str) -> int:
    """Where these words stand in a text, however they are spaced and written; -1 when they don't."""
    parts = re.findall(r"\w+|[^\w\s]", words)
    spaced = r"\s*".join(map(re.escape, parts))
    found = re.search(rf"(?<!\w){spaced}(?!\w)", text, re.IGNORECASE) if parts else None
    return found.start() if found else -1


def _has_word(words: str, beginning: str) -> bool:
    """Whether one of the words begins so."""
    return any(word.startswith(beginning) for word in words.split())


class Pick(ModalScreen[str | None]):
    """One of a few: arrows and enter."""

    DEFAULT_CSS = """
    Pick { align: center middle; }
    Pick > Vertical {
        width: 64; max-width: 95%; height: auto; max-height: 80%; padding: 1 2;
        border: round $primary; background: $surface;
    }
    Pick RowTable { height: auto; max-height: 16; background: $surface; }
    Pick .hint { color: $text-muted; height: auto; min-height: 2; margin: 1 2 0 2; }
    """
    BINDINGS: ClassVar = [
        ("escape", "dismiss(None)", "leave"),
        ("enter,ctrl+s", "choose", "choose"),
        ("up,k", "move(-1)", "up"),
        ("down,j", "move(1)", "down"),
    ]

    def __init__(
        self, title: str, choices: Sequence[tuple[str, str]], *, says: Mapping[str, str] = {}, at: str = ""
    ) -> None:
        """`choices` are (value, words); `says` are sentences by value, shown below; the cursor starts on `at`."""
        super().__init__()
        self._title = title
        self._choices = tuple(choices)
        self._says = says
        self._at = at

    def compose(self) -> ComposeResult:
        with Vertical():
            yield RowTable([Column(self._title)])
            if self._says:
                yield Static("", classes="hint")

    def on_mount(self) -> None:
        table = self.query_one(RowTable)
        table.styles.height = min(16, len(self._choices) + 1)
        table.set_rows([Row(value, (words,)) for value, words in self._choices])
        table.move_to_key(self._at)
        table.focus()
        self._show_words()

    def on_row_table_cursor_moved(self, event: RowTable.CursorMoved) -> None:
        event.stop()
        self._show_words()

    def _show_words(self) -> None:
        if self._says:
            self.query_one(".hint", Static).update(Text(plain(self._says.get(self.query_one(RowTable).cursor_key, ""))))

    def action_move(self, rows: int) -> None:
        self.query_one(RowTable).move(rows)

    def action_choose(self) -> None:
        self.dismiss(self.query_one(RowTable).cursor_key or None)

    def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
        self.dismiss(event.key)
