"""The app: which screen is shown, what happened, undo, and the way out."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding
from textual.widget import Widget

from loratui.errors import NotFoundError
from loratui.tui.base import LoratuiScreen, run_of, subject_of, write_command
from loratui.tui.bridge import Bridge, Delivered, Failed, TasksChanged
from loratui.tui.chrome import HeaderLine, MessageLine
from loratui.tui.keyboard import OrderedKeys
from loratui.tui.keymap import ask_for_subject, check_keymap, say_key
from loratui.tui.output import CompactOutput
from loratui.tui.plain_lines import PlainLines
from loratui.tui.registry import BY_ID
from loratui.tui.reports import Told
from loratui.tui.screens import load_screen
from loratui.tui.stopped import show_stopped
from loratui.tui.text import count
from loratui.tui.theme import ASCII, ORDER, OWN, Glyphs, choose_theme
from loratui.tui.wording import name_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.await_complete import AwaitComplete
    from textual.filter import LineFilter

    from loratui.captions.misplaced import SkippedCheck
    from loratui.catalog.rows import JournalEntry
    from loratui.catalog.store import Catalog
    from loratui.config import Home, Settings
    from loratui.tui.options import Options
    from loratui.tui.terminal import Terminal
    from loratui.tui.tiles import TilePool


class LoratuiApp(OrderedKeys, CompactOutput):
    """loratui in a terminal. `library` names the screens, which are imported when they are first shown."""

    TITLE = "loratui"
    CSS_PATH = "style.tcss"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-normal"), (160, "-wide")]
    PAUSE_GC_ON_SCROLL = True
    BINDINGS: ClassVar[list[Any]] = [Binding("ctrl+q", "do('app.quit')", "quit", show=False, priority=True)]

    def __init__(self, home: Home, settings: Settings, terminal: Terminal, options: Options) -> None:
        self.keymap_of_person: Mapping[str, tuple[str, ...]] = settings.keys
        check_keymap(settings.keys)
        super().__init__()
        self.home = home
        self.settings = settings
        self.terminal = terminal
        self.options = options
        self.glyphs = ASCII if options.ascii or settings.ui.ascii else Glyphs()
        self._plain_lines = [PlainLines()] if self.glyphs.ascii else []
        self.bridge = Bridge(home, self)
        self.messages: deque[Told] = deque(maxlen=200)
        self.last_command: Sequence[str] = ()
        self._tiles: TilePool | None = None
        self._all_written: bool | None = None
        # Keys typed before the first screen is there wait for it.
        self._holds = 1
        self._is_starting = True
        self._gone = ""
        self.subject = ""
        """Name of the subject worked on last."""
        self.run_name = ""
        """Name of the training looked at last."""
        self.wall_query = ""
        """What the picture wall was filtered by last; bulk edits of tags can act on it."""
        self.wall_marks: tuple[int, ...] = ()
        """Memberships marked on the picture wall."""
        self.typed: dict[str, dict[str, str]] = {}
        """What was typed last into forms whose work takes its time, by form."""
        self.refusals: dict[str, str] = {}
        """Why what these forms asked for came to nothing; told when they are opened again."""
        self.stopped: dict[tuple[str, str], datetime] = {}
        """When what does all of a subject again was begun, by job and subject, where it was stopped before its end."""
        self.train_values: dict[tuple[str, str], dict[str, str]] = {}
        """What was changed in the form of a training, by subject and the weights it goes on from."""
        self.checked: dict[str, tuple[SkippedCheck, ...]] = {}
        """The subjects whose pictures were checked from here, with the checks that could not be made."""
        self.tile_cols = 0
        """How wide the thumbnails of a wall were made last; 0 for the usual width."""
        for theme in OWN:
            self.register_theme(theme)
        self.theme = choose_theme(options.theme, settings.ui.theme, self.available_themes, home.config_file)

    @property
    def tiles(self) -> TilePool:
        """The decode threads and the drawn pictures that all screens share."""
        if self._tiles is None:
            from loratui.tui.tiles import build_pool

            plain = self.glyphs.ascii or self.no_color
            self._tiles = build_pool(self.terminal, self.send, images=self.options.images, plain=plain)
        return self._tiles

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._plain_lines]

    def get_default_screen(self) -> LoratuiScreen:
        from loratui.tui.library import LibraryScreen

        return LibraryScreen()

    def on_mount(self) -> None:
        self.bridge.start()
        self.app_resume_signal.subscribe(self, lambda _: self.do_app_repaint())
        if self.options.subject:
            self.subject = self.options.subject
            self.show_screen("pictures", subject=self.subject)

    # Screens

    def show_screen(self, name: str, **about: Any) -> None:
        """Show a screen by its name; one that is open already, about the same things, comes back as it was left."""
        kind = load_screen(name)
        for place, screen in enumerate(self.screen_stack):
            if isinstance(screen, LoratuiScreen) and type(screen) is kind and screen.about == about:
                for _ in range(len(self.screen_stack) - 1 - place):
                    self.pop_screen()
                return
        screen = kind(**about)
        screen.about = about
        self.push_screen(screen)

    def pop_screen(self) -> AwaitComplete:
        if isinstance(self.screen, LoratuiScreen):
            self.screen.leave()
        return super().pop_screen()

    @property
    def subject_here(self) -> str:
        """What keys about a subject mean: the subject of the screen that shows, else the one worked on last."""
        return subject_of(self.top) or self.subject

    def _show_of_subject(self, name: str) -> None:
        if subject := self.subject_here:
            self.show_screen(name, subject=subject)
        else:
            self.tell(ask_for_subject(self.keymap_of_person))

    def screen_shown(self, screen: LoratuiScreen) -> None:
        """A screen came to the top: what it shows may be old."""
        self._show_activity()
        screen.library_changed()
        if self._is_starting:
            self._is_starting = False
            self.release_keys()

    @property
    def top(self) -> LoratuiScreen | None:
        """The uppermost full screen, dialogs aside; none while the app ends, when screens lose their widgets first."""
        for screen in reversed(self.screen_stack if self.is_running else ()):
            if isinstance(screen, LoratuiScreen):
                return screen
        return None

    # Actions

    def action_do(self, action: str, key: str = "") -> None:
        """Run an action that works everywhere, from a dialog or before a screen is there."""
        if self.top is not None:
            self.top.action_do(action, key)

    def dispatch(self, screen: LoratuiScreen, action: str, key: str) -> None:
        """Call the method that does an action: the screen's own, else the app's."""
        found = BY_ID[action]
        handler: Callable[..., None] = getattr(screen, found.handler, None) or getattr(self, found.handler)
        if found.per_key:
            handler(key)
        else:
            handler()

    def ran(self, command: Sequence[str]) -> None:
        """Remember the command line that does what was just done."""
        self.last_command = command

    def do_app_undo(self) -> None:
        self._step_journal("undo")

    def do_app_redo(self) -> None:
        self._step_journal("redo")

    def _step_journal(self, verb: str) -> None:
        shown = {name for name in (self.subject, *map(subject_of, self.screen_stack)) if name}

        def work(catalog: Any) -> tuple[JournalEntry, set[str]]:
            from loratui.catalog import journal, subjects

            entry = journal.undo(catalog) if verb == "undo" else journal.redo(catalog)
            return entry, subjects.find_missing(catalog, shown)

        def done(result: tuple[JournalEntry, set[str]]) -> None:
            entry, missing = result
            self._leave_subjects(missing)
            self.ran([verb])
            if verb == "undo" and self.top is not None:
                self.top.undone(entry.id)
            key = say_key("app.redo" if verb == "undo" else "app.undo", self.keymap_of_person)
            other = f"{key} {'does it again' if verb == 'undo' else 'undoes'}."
            self.tell(f"{'Undid' if verb == 'undo' else 'Did again'}: {entry.label}. {other}")

        self.bridge.write(work, done, owner=self)

    def _leave_subjects(self, names: set[str]) -> None:
        """Leave screens of subjects that there are no more, or that have another name now."""
        if self.subject in names:
            self.subject = ""
        while len(self.screen_stack) > 1 and subject_of(self.screen) in names:
            self.pop_screen()

    def do_app_back(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()
        else:
            self.tell(f"This is the library. {say_key('app.quit', self.keymap_of_person)} quits.")

    def do_app_library(self) -> None:
        while len(self.screen_stack) > 1:
            self.pop_screen()

    def do_app_runs(self) -> None:
        self.show_screen("runs")

    def do_app_review(self) -> None:
        self.show_screen("review")

    def do_app_history(self) -> None:
        self.show_screen("history")

    def do_subject_pictures(self) -> None:
        self._show_of_subject("pictures")

    def do_subject_duplicates(self) -> None:
        self._show_of_subject("duplicates")

    def do_subject_tags(self) -> None:
        self._show_of_subject("tags")

    def do_subject_proposals(self) -> None:
        self._show_of_subject("proposals")

    def do_subject_checks(self) -> None:
        self._show_of_subject("checks")

    def do_subject_balance(self) -> None:
        self._show_of_subject("balance")

    def do_subject_train(self) -> None:
        self._show_of_subject("train")

    def do_subject_import(self) -> None:
        from loratui.tui.subject_forms import ask_import

        ask_import(self, self.subject_here)

    def do_subject_export(self) -> None:
        from loratui.tui.subject_forms import ask_export

        ask_export(self, self.subject_here)

    def do_subject_tag(self) -> None:
        from loratui.tui.model_forms import ask_tagging

        ask_tagging(self, self.subject_here)

    def do_subject_describe(self) -> None:
        from loratui.tui.model_forms import ask_sentences

        ask_sentences(self, self.subject_here)

    def do_app_help(self) -> None:
        self._push("help", "HelpScreen")

    def do_app_palette(self) -> None:
        self._push("palette", "PaletteScreen")

    def do_app_tasks(self) -> None:
        self._push("tasks", "TasksScreen")

    def do_app_jump(self) -> None:
        self._push("jump", "JumpScreen")

    def _push(self, module: str, name: str) -> None:
        from importlib import import_module

        self.push_screen(getattr(import_module(f"loratui.tui.{module}"), name)(self.top))

    def do_app_copy_command(self) -> None:
        from loratui.tui.clipboard import copy_text

        command = self.last_command or (self.top.screen_command() if self.top else ())
        if not command:
            self.tell("Nothing was done yet that has a command line.")
            return
        text = write_command(command)
        copy_text(self, text)
        self.tell(f"Copied: {text}")

    def on_app_focus(self) -> None:
        if self.terminal.tmux:
            self._resend_pictures()

    on_resize = on_app_focus

    def _resend_pictures(self) -> None:
        """After attaching anew, switching windows or resuming, the terminal may have lost them."""
        if self._tiles is not None:
            self._tiles.forget_uploads()

    def do_app_repaint(self) -> None:
        self._resend_pictures()
        self.forget_screen()
        self.refresh(layout=True)
        for screen in self.screen_stack:
            screen.refresh(layout=True)

    def do_app_theme(self) -> None:
        place = ORDER.index(self.theme) if self.theme in ORDER else -1
        self.theme = ORDER[(place + 1) % len(ORDER)]
        self.tell(f'Theme {self.theme}. To keep it: [ui] theme = "{self.theme}" in {self.home.config_file}')

    def do_app_suspend(self) -> None:
        from loratui.tui.suspension import suspend

        suspend(self)

    def action_help_quit(self) -> None:
        """On ctrl+c: it copies where text is chosen, and ends programs elsewhere; here it says what does."""
        self.tell("ctrl+c does not quit: q does, and ctrl+q also while one types.")

    def do_app_quit(self) -> None:
        if running := self.bridge.running_tasks():
            from loratui.tui.dialogs import Confirm

            names = ", ".join(task.label for task in running)
            self.push_screen(Confirm(f"Stop {names} and quit?", "What is done so far is kept."), self._quit_if)
            return
        self._quit_when_written()

    def _quit_if(self, sure: bool | None) -> None:
        if sure:
            self._quit_when_written()

    def _quit_when_written(self) -> None:
        """Quit as soon as every change is in the library: after a burst of keys that takes a moment."""
        if self.bridge.unwritten:
            self.tell(f"Saving {count(self.bridge.unwritten, 'change')} before it quits.")
            self.set_timer(0.1, self._quit_when_written)
        else:
            self.exit()

    # Messages

    def tell(self, text: str, *, error: bool = False, warning: bool = False) -> None:
        """Say what happened on the message line of the screen that is shown; what failed or warns stays there."""
        text = name_keys(text, self.keymap_of_person)
        self.messages.append(Told(datetime.now(), text, error))
        if self.top is not None and self.top.is_mounted:
            self.top.query_one("#message", MessageLine).tell(text, error=error, warning=warning)

    def on_delivered(self, message: Delivered) -> None:
        message.stop()
        message.deliver()
        if self.top is not None:
            self.top.refresh_keys()

    def on_failed(self, message: Failed) -> None:
        owner, error = message.owner, message.error
        if error is self.bridge.stopped:
            show_stopped(self, error)
            return
        if isinstance(owner, Widget) and not any(node in self.screen_stack for node in owner.ancestors_with_self):
            # Asked for a screen that was left meanwhile.
            return
        self.tell(f"{error.message} {error.hint}".strip(), error=True)
        if isinstance(owner, LoratuiScreen):
            owner.read_failed(error)
        if isinstance(error, NotFoundError):
            self._leave_what_is_gone(error)

    def _leave_what_is_gone(self, error: NotFoundError) -> None:
        """Leave screens of a subject or a training that someone else has removed or renamed meanwhile."""
        subjects_shown = {name for name in map(subject_of, self.screen_stack) if name}
        runs_shown = {name for name in map(run_of, self.screen_stack) if name}

        def work(catalog: Catalog) -> tuple[set[str], set[str]]:
            from loratui.catalog import runs, subjects

            present = {run.name for run in runs.list_runs(catalog)} if runs_shown else set()
            return subjects.find_missing(catalog, subjects_shown), runs_shown - present

        def leave(gone: tuple[set[str], set[str]]) -> None:
            known = any(subject_of(one) in gone[0] and getattr(one, "has_read", 0) for one in self.screen_stack)
            self._leave_subjects(gone[0])
            while len(self.screen_stack) > 1 and run_of(self.screen) in gone[1]:
                self.pop_screen()
            if names := sorted(gone[0] | gone[1]):
                never_there = f"{error.message} {error.hint}" if gone[0] and not known else ""
                self._gone = never_there or f"{', '.join(names)}: not in the library any more."
                self.tell(self._gone, error=True)
                self.drop_late_keys()

        if subjects_shown or runs_shown:
            self.bridge.read(work, leave, owner=self, group="gone")

    def key_dropped(self) -> None:
        if self._gone:
            self.tell(f"{self._gone} Keys typed for it were dropped.", error=True)
            self._gone = ""

    def on_library_changed(self) -> None:
        if self.top is not None and self.top.is_mounted:
            self.top.library_changed()

    def on_tasks_changed(self, message: TasksChanged) -> None:
        self._show_activity()
        from loratui.tui.tasks import TasksScreen

        if isinstance(self.screen, TasksScreen):
            self.screen.tasks_changed()
        if self.top is not None and self.top.is_mounted:
            self.top.tasks_changed()

    def _show_activity(self) -> None:
        """The long job that runs, with its time left, at the end of the header."""
        if self.top is not None and self.top.is_mounted:
            self.top.query_one("#header", HeaderLine).activity = self.bridge.activity

    async def on_unmount(self) -> None:
        await asyncio.to_thread(self.shut_down)

    def shut_down(self) -> bool:
        """Finish every write and close the library; False when some changes could not be written in time."""
        if self._all_written is None:
            self._all_written = self.bridge.close()
        if self._tiles is not None:
            self._tiles.close()
        return self._all_written
