"""What every screen has: keys from the registry, disabled actions that say why, and the way to the library."""

from __future__ import annotations

import shlex
from abc import abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.containers import Container
from textual.screen import Screen

from loratui.tui.chrome import HeaderLine, KeyBar, MessageLine
from loratui.tui.keymap import bindings_of, find_on_wall, say_key
from loratui.tui.undoing import watch_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual import events
    from textual.app import ComposeResult

    from loratui.catalog.store import Catalog
    from loratui.errors import LoratuiError
    from loratui.tui.app import LoratuiApp
    from loratui.tui.bridge import Bridge, Delivered
    from loratui.tui.undoing import Done

T = TypeVar("T")


class LoratuiScreen(Screen[None]):
    """A full screen of the app.

    A subclass names its `scope` (see registry), yields its widgets in `compose_body`, and has one method
    `do_<id with underscores>` per action of its scope. `library_changed` is called when it is first shown, and
    again whenever anyone has changed the library.
    """

    scope: ClassVar[str] = ""
    waits_for_data: bool = True
    """Whether keys wait until the screen has read what it shows; not where it shows what it knew last time."""

    DEFAULT_CSS = """
    LoratuiScreen { layout: vertical; }
    LoratuiScreen > #body { height: 1fr; }
    """
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]

    def __init__(self) -> None:
        width = self.app.size.width
        # Textual adds the class of its width once the screen was laid out, which then is done all over again.
        super().__init__(classes=max(step for step in self.HORIZONTAL_BREAKPOINTS if step[0] <= width)[1])
        self._is_opening = False
        self._was_shown = False
        self.has_read = False
        """Whether the library has answered it anything yet."""
        self._awaited: Counter[str] = Counter()
        self.about: dict[str, object] = {}
        """What the screen was opened with, such as the name of a subject."""
        for binding in bindings_of(self.scope, self.lora.keymap_of_person):
            self._bindings.key_to_bindings[binding.key] = [binding]

    @property
    def lora(self) -> LoratuiApp:
        """The app, with its type."""
        return self.app  # type: ignore[return-value]

    def key(self, action: str) -> str:
        """The key of an action as a sentence names it: a person may have given it another."""
        return say_key(action, self.lora.keymap_of_person)

    @property
    def bridge(self) -> Bridge:
        return self.lora.bridge

    def compose(self) -> ComposeResult:
        yield HeaderLine(id="header")
        with Container(id="body"):
            yield from self.compose_body()
        yield MessageLine(id="message")
        yield KeyBar(id="keys")

    @abstractmethod
    def compose_body(self) -> ComposeResult:
        """The widgets between header and message line."""

    def library_changed(self) -> None:
        """Read anew what is shown; called on the event loop, reads go through `read`."""

    def read_failed(self, error: LoratuiError) -> None:
        """Something this screen asked of the library could not be read; the message line has said so."""

    def undone(self, entry: int) -> None:
        """An action, by the id of its journal entry, was taken back from here: go to what it was about."""

    def leave(self) -> None:
        """The screen is being left for good, by whatever key; the one below shows next."""

    def tasks_changed(self) -> None:
        """A long job started, moved on or ended; called often, so it looks before it draws."""

    def why_not(self, action: str) -> str:
        """Why an action can't be used now, in a sentence; empty when it can."""
        return ""

    def screen_command(self) -> Sequence[str]:
        """The command line that shows what this screen shows, without `loratui`; copied when nothing was done yet."""
        return ()

    @property
    def is_open(self) -> bool:
        """Whether it was not left for good: then its widgets are there, also while another screen is on top."""
        return self.lora.is_running and self in self.lora.screen_stack

    def if_open(self, call: Callable[[], None]) -> Callable[[], None]:
        """The same call for an answer that comes later: nothing is done once the screen was left."""

        def call_if_open() -> None:
            if self.is_open:
                call()

        return call_if_open

    @property
    def message_line(self) -> MessageLine:
        """The line that says what happened last."""
        return self.query_one("#message", MessageLine)

    def set_header(self, *crumbs: str, status: str = "") -> None:
        """Say where one is and how many there are."""
        header = self.query_one("#header", HeaderLine)
        header.crumbs = crumbs
        header.status = status

    def refresh_keys(self) -> None:
        """Draw the key bar anew if what can be used has changed; after keys and answers it is looked at anyway."""
        if self.is_open and self.is_mounted:
            self.query_one("#keys", KeyBar).look_again()

    def tell(self, text: str, *, error: bool = False) -> None:
        """Say what happened, on the message line and in the list of messages."""
        self.lora.tell(text, error=error)

    def read(
        self, work: Callable[[Catalog], T], then: Callable[[T], None], group: str = "", *, opens: bool = False
    ) -> None:
        """Ask the library in a thread; see Bridge.read.

        With `opens` the answer opens a dialog or a screen: keys typed meanwhile are meant for that, and wait. So
        do keys typed while a screen reads what it shows for the first time.
        """

        def take(answer: T) -> None:
            self.has_read = True
            # While a screen is taken down it still gets its messages, but has no widgets to draw on.
            if self.is_open:
                then(answer)

        # A newer question that overtakes one keys wait for is the one they wait for now.
        if not (opens or self._is_opening or self._awaited[group]):
            self.bridge.read(work, take, owner=self, group=group)
            return

        def finished() -> None:
            self._awaited[group] -= 1
            self.lora.release_keys()

        self._awaited[group] += 1
        self.lora.hold_keys()
        self.bridge.read(work, take, owner=self, group=group, finished=finished)

    def change(
        self,
        work: Callable[[Catalog], T],
        said: Callable[[T], str],
        command: Sequence[str],
        *,
        then: Callable[[T], None] | None = None,
        failed: Callable[[], None] | None = None,
        about: str = "",
    ) -> None:
        """Do an undoable action in a thread, say what came of it, and remember the command line that does the same.

        A failure is told with what the action is `about`. `then` and `failed` are about what the screen shows: they are
        not called once it was left.
        """

        def done(answer: Done[T]) -> None:
            self.lora.ran(command)
            if text := said(answer.result):
                self.tell(answer.say(text, self.key("app.undo")))
            if then is not None and self.is_open:
                then(answer.result)

        self.bridge.write(
            watch_journal(work), done, owner=self.lora, failed=failed and self.if_open(failed), about=about
        )

    def action_do(self, action: str, key: str = "") -> None:
        """Run an action of the registry: this screen's own, else the app's."""
        if reason := self.why_not(action):
            self.tell(reason)
            return
        line = self.message_line
        line.note_key()
        told, unwritten = line.told, self.bridge.unwritten
        self.lora.dispatch(self, action, key)
        self.refresh_keys()
        # A change says what came of it in a moment, in the place of what is there.
        if line.told == told and self.bridge.unwritten <= unwritten:
            line.let_go(also_error=action == "app.back")
            line.leave()

    def on_key(self, event: events.Key) -> None:
        """A key that means nothing here may be known from the wall: say so instead of nothing."""
        if told := find_on_wall(event.key, self.scope, self.lora.keymap_of_person):
            self.tell(told)

    def on_delivered(self, message: Delivered) -> None:
        message.stop()
        message.deliver()
        self.refresh_keys()

    def on_screen_resume(self) -> None:
        self._is_opening = self.waits_for_data and not self._was_shown
        self._was_shown = True
        self.lora.screen_shown(self)
        self._is_opening = False

    def on_screen_suspend(self) -> None:
        # A screen that is closed for good loses its widgets meanwhile.
        for line in self.query(MessageLine):
            line.leave()


def write_command(command: Sequence[str]) -> str:
    """A command line as one would type it."""
    return shlex.join(["loratui", *command])


def subject_of(screen: object) -> str:
    """Name of the subject that a screen was opened for; empty when it is for none."""
    return str(screen.about.get("subject", "")) if isinstance(screen, LoratuiScreen) else ""


def run_of(screen: object) -> str:
    """Name of the training that a screen was opened for; empty when it is for none."""
    return str(screen.about.get("run", "")) if isinstance(screen, LoratuiScreen) else ""
