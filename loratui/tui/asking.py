"""Forms that stay open until what they ask for is done, has begun, or is refused: none ever opens by itself.

A form that came back by itself would take keys that were meant for the screen below. So what is refused at once is
told in the form, which has not gone away; what fails later is told on the message line, with the key that asks
again, and then the form comes as it was typed, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from rich.text import Text
from textual.widgets import Static

from loratui.errors import Cancelled, LoratuiError
from loratui.tui.bridge import Failed
from loratui.tui.dialogs import Form
from loratui.tui.keyboard import HOLD_S
from loratui.tui.keymap import say_key
from loratui.tui.reports import Asked
from loratui.tui.wording import name_keys

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from loratui.catalog.store import Catalog
    from loratui.events import Progress, Report
    from loratui.tui.app import LoratuiApp
    from loratui.tui.bridge import Task
    from loratui.tui.dialogs import Field, FormLine

T = TypeVar("T")

Values = dict[str, str]

SAY_AFTER_S = 0.2
"""An answer that takes longer than this is announced."""


class AskingForm(Form):
    """A form whose answer is looked at while it is still there; keys wait meanwhile.

    `ask` gets the form and what stands in it, and has it closed or refused in the end.
    """

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        ask: Callable[[AskingForm, Values], None],
        *,
        note: str = "",
        wrong: str = "",
        at: str = "",
    ) -> None:
        super().__init__(title, fields, note=note, wrong=wrong, at=at)
        self._ask = ask
        self._is_asking = False
        self._is_answered = False

    @property
    def lora(self) -> LoratuiApp:
        """The app, with its type."""
        return self.app  # type: ignore[return-value]

    def finish(self, values: Values) -> None:
        if not self._is_asking:
            self._is_asking = True
            self.query_one("#wrong", Static).update("")
            self.set_timer(SAY_AFTER_S, self._say_it_takes_time)
            self.lora.hold_keys()
            self._ask(self, values)

    def _say_it_takes_time(self) -> None:
        if self._is_asking:
            self.query_one("#wrong", Static).update(Text("One moment ...", style="dim"))

    def _stop_asking(self) -> bool:
        """Whether it was asking and is still there."""
        was_asking, self._is_asking = self._is_asking, False
        if was_asking:
            self.lora.release_keys()
        return was_asking and self.is_attached

    def close(self) -> None:
        """What was asked for is done, or has begun: the keys that wait are for what is below."""
        if self._stop_asking():
            self._is_answered = True
            if self.is_current:
                self.dismiss(None)

    def refuse(self, sentence: str) -> bool:
        """Say in the form why nothing came of it; False when the person has left it."""
        if not self._is_asking or not self.is_attached:
            return False
        self.lora.drop_waiting_keys()
        self._stop_asking()
        self.tell_wrong(sentence)
        return True

    def tell_wrong(self, sentence: str, at: FormLine | None = None) -> None:
        super().tell_wrong(name_keys(sentence, self.lora.keymap_of_person), at)

    def action_suggest(self) -> None:
        if not self._is_asking:
            super().action_suggest()

    def on_screen_resume(self) -> None:
        # Something that opened above it was in the way of closing it.
        if self._is_answered:
            self.dismiss(None)

    def on_unmount(self) -> None:
        self._stop_asking()


def ask_library(
    app: LoratuiApp,
    title: str,
    fields: Sequence[Field],
    work: Callable[[Catalog, Values], T],
    done: Callable[[Values, T], None],
    *,
    writes: bool = True,
    name: str = "",
    note: str = "",
) -> None:
    """Ask for something that the library does at once, in a thread; `done` gets the result when the form is gone.

    With a `name` the form is kept: it comes as it was typed until `app.typed` forgets it.
    """

    def ask(form: AskingForm, values: Values) -> None:
        if name:
            app.typed[name] = values

        def attempt(catalog: Catalog) -> T | LoratuiError:
            try:
                return work(catalog, values)
            except LoratuiError as error:
                return error

        def arrived(result: T | LoratuiError) -> None:
            if not isinstance(result, LoratuiError):
                form.close()
                done(values, result)
            elif not form.refuse(sentence := f"{result.message} {result.hint}".strip()):
                app.tell(sentence, error=True)

        def broke() -> None:
            form.refuse("Something went wrong: the message line says what.")

        if writes:
            app.bridge.write(attempt, arrived, owner=app, failed=broke)
        else:
            app.bridge.read(attempt, arrived, owner=app, finished=broke)

    app.push_screen(AskingForm(title, fields, ask, note=note, wrong=app.refusals.pop(name, "")))


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """A long job: its label, the work, and what takes the result and says what came of it."""

    label: str
    work: Callable[[Catalog, Report, threading.Event], T]
    done: Callable[[T, Task, Asked], str]
    told: str = ""
    """What is said when it has begun."""


def ask_for_job(
    app: LoratuiApp,
    name: str,
    action: str,
    title: str,
    fields: Sequence[Field],
    prepare: Callable[[Values], Job[T]],
    *,
    note: str = "",
    at: str = "",
) -> None:
    """Ask for a job that runs beside everything else. The form is there until it reports progress, or for a moment.

    By `name` its values are kept in `app.typed`; `action` is the one whose key asks again.
    """

    def ask(form: AskingForm, values: Values) -> None:
        app.typed[name] = values
        job = prepare(values)
        form.set_timer(HOLD_S, form.close)
        start_job(app, name, action, job, form)
        if job.told:
            app.tell(job.told)

    app.push_screen(AskingForm(title, fields, ask, note=note, wrong=app.refusals.pop(name, ""), at=at))


def start_job(app: LoratuiApp, name: str, action: str, job: Job[T], form: AskingForm | None = None) -> None:
    """Run a job beside everything else; when it fails that is told in the `form` that asked, if it is there still.

    It is closed at the first progress. What comes too late for it is told on the message line, with the key that asks
    again, and when it is opened again.
    """
    begun: list[Progress] = []

    def close() -> None:
        if form is not None:
            form.close()

    def work(catalog: Catalog, report: Report, cancel: threading.Event) -> T:
        def heard(progress: Progress) -> None:
            if not begun:
                begun.append(progress)
                app.bridge.deliver(close)
            report(progress)

        try:
            return job.work(catalog, heard, cancel)
        except Cancelled:
            app.bridge.deliver(close)
            raise

    def done(result: T) -> str:
        close()
        return job.done(result, task, asked)

    def failed(error: LoratuiError) -> None:
        why = f"{error.message} {error.hint}".strip()
        if form is None or not form.refuse(why):
            app.refusals[name] = why
            error.hint = f"{error.hint} {name_key(app, action)} asks again, as it was typed.".strip()
            app.post_message(Failed(error))

    # The one below the form is there again when there is something to read.
    asked = Asked(app, app.screen if form is None else app.screen_stack[-2])
    task = app.bridge.start_task(job.label, work, done, owner=app, failed=failed)


def name_key(app: LoratuiApp, action: str) -> str:
    """The key of an action as a sentence names it."""
    return say_key(action, app.keymap_of_person)
