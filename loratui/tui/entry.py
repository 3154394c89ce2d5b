"""`loratui` without a verb and `loratui tui`: asks the terminal, runs the app, and leaves everything in order."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from loratui.bugs import report_bug
from loratui.config import check_images, find_home, load_settings
from loratui.errors import LoratuiError, MissingFeatureError, UsageError
from loratui.tui.guard import LEFTOVERS, RESETS, start_guard
from loratui.tui.options import Options
from loratui.tui.streams import Streams
from loratui.tui.terminal import Terminal, mute, prepare_environment, probe_terminal, shows_utf8
from loratui.tui.text import plain

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping, Sequence

    from loratui.config import Home, Settings
    from loratui.tui.app import LoratuiApp
    from loratui.tui.guard import Guard

PATIENCE = {signal.SIGHUP: 1.7, signal.SIGTERM: 8.0, signal.SIGINT: 8.0}
"""Seconds for a clean end after a signal; then the process ends as it is, and the guard repairs the terminal."""

_NEEDED = (
    *("asyncio", "difflib", "fractions", "shutil", "tempfile", "uuid", "platformdirs", "typing_extensions"),
    *("rich.console", "rich.highlighter", "rich.markup", "rich.protocol", "rich.table", "rich.text", "rich.tree"),
)


GC_REST_S = 2.0
"""Seconds after which garbage is collected again: the first data is shown by then."""


SWITCH_S = 0.002
"""Seconds that a decoding or reading thread may keep the event loop waiting; Python's own 5 ms, ten times in the way
of a key, would be felt."""


class Wishes(NamedTuple):
    """The flags of one start; what is None was not asked for."""

    mouse: bool | None = None
    ascii: bool | None = None
    theme: str | None = None
    images: str | None = None
    subject: str | None = None


def run_app(arguments: Sequence[str]) -> int:
    """Open the app with these flags and return the exit code; errors are told on stderr."""
    try:
        return open_app(read_flags(arguments))
    except LoratuiError as error:
        tell_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        told = report_bug(error, " ".join(("loratui", *arguments)))
        tell_error(told)
        return told.exit_code


def read_flags(arguments: Sequence[str]) -> Wishes:
    """Read `tui --no-mouse --ascii --theme NAME --images MODE --subject NAME`; raises UsageError."""
    wishes = Wishes()
    words = list(arguments[1:] if arguments[:1] == ["tui"] else arguments)
    while words:
        flag, assigned, value = words.pop(0).partition("=")
        if flag in ("--no-mouse", "--ascii") and not assigned:
            wishes = wishes._replace(mouse=False) if flag == "--no-mouse" else wishes._replace(ascii=True)
        elif flag in ("--theme", "--images", "--subject"):
            if not assigned and (not words or words[0].startswith("--")):
                raise UsageError(f"{flag} needs a value.", hint="See `loratui tui --help`.")
            named: dict[str, Any] = {flag[2:]: value if assigned else words.pop(0)}
            wishes = wishes._replace(**named)
        else:
            raise UsageError(f"The terminal app has no flag '{plain(flag)}'.", hint="See `loratui tui --help`.")
    return wishes


def choose_options(wishes: Wishes, settings: Settings, environ: Mapping[str, str]) -> Options:
    """What holds for this session: a flag, else LORATUI_IMAGES, else config.toml."""
    ui = settings.ui
    if wishes.images is not None:
        check_images(wishes.images, "--images")
    elif environ.get("LORATUI_IMAGES"):
        check_images(environ["LORATUI_IMAGES"], "LORATUI_IMAGES")
    return Options(
        mouse=ui.mouse if wishes.mouse is None else wishes.mouse,
        ascii=bool(wishes.ascii or ui.ascii or not shows_utf8(environ)),
        theme=ui.theme if wishes.theme is None else wishes.theme,
        images=wishes.images or environ.get("LORATUI_IMAGES") or ui.images,
        subject=wishes.subject or "",
    )


def open_app(wishes: Wishes) -> int:
    """Open the app and return the exit code of the session; raises LoratuiError."""
    home = find_home()
    settings = load_settings(home)
    options = choose_options(wishes, settings, os.environ)
    in_browser = bool(os.environ.get("TEXTUAL_DRIVER"))
    if not in_browser:
        _check_terminal()
    try:
        streams = Streams(home.data / "tui.log")
    except OSError as error:
        raise LoratuiError(
            f"{home.data} can't be written: {error.strerror}.", hint="Set LORATUI_HOME to a folder of your own."
        ) from error
    return Session(home, settings, options, streams, in_browser).run()


def tell_error(error: LoratuiError) -> None:
    """Say on stderr what went wrong and what to do about it."""
    with contextlib.suppress(OSError):
        for label, text in (("loratui", error.message), ("  hint", error.hint)):
            if text:
                print(f"{label}: " + "\n  ".join(plain(line) for line in text.split("\n")), file=sys.stderr)


class Session:
    """One run of the app, from the first question to the terminal until the terminal is as it was."""

    def __init__(self, home: Home, settings: Settings, options: Options, streams: Streams, in_browser: bool) -> None:
        self.home = home
        self.settings = settings
        self.options = options
        self.streams = streams
        self.in_browser = in_browser
        self.guard: Guard | None = None
        self._mute = contextlib.ExitStack()
        self.signal = 0
        self._app: LoratuiApp | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self) -> int:
        """The exit code: 0, that of an error, or 128 and the number of the signal that ended the app."""
        # The loop gives the interpreter away at every read and write; a busy thread then keeps it for this long.
        sys.setswitchinterval(SWITCH_S)
        self.guard = start_guard(self.streams.terminal) if not self.in_browser else None
        atexit.register(self._restore)
        told: LoratuiError | None = None
        error: Exception | None = None
        code = 0
        try:
            app = self._app = self._make_app()
            self._catch_signals()
            import asyncio

            try:
                asyncio.run(self._drive(app))
            finally:
                written = app.shut_down()
            error = app._exception
            code = app.return_code or 0
            if not written:
                told = LoratuiError("Some changes could not be written in time.", hint="See `loratui history`.")
        except Exception as unexpected:
            error = unexpected
        finally:
            self._restore()
        if error is not None:
            told = error if isinstance(error, LoratuiError) else report_bug(error, "loratui tui")
        if told is not None:
            tell_error(told)
            code = told.exit_code
        if self.signal:
            # Threads that still read pictures must not keep a session that nobody sees.
            os._exit(128 + self.signal)
        if told is None and not self.in_browser:
            self._tell_trainings()
        return code

    def _make_app(self) -> LoratuiApp:
        if self.in_browser:
            terminal = Terminal(truecolor=True, colour_reason="shown in a browser", images_reason="shown in a browser")
        else:
            # Until the app takes over, nothing that comes late is shown; the app's driver tells it from keys.
            self._mute.enter_context(mute(0))
            terminal = probe_terminal(
                os.environ,
                self.settings.ui,
                images=self.options.images,
                output=self.streams.terminal,
                meanwhile=_load_what_textual_needs,
                drain=0.0,
            )
        prepare_environment(terminal, os.environ)
        from loratui.tui.app import LoratuiApp

        app = LoratuiApp(self.home, self.settings, terminal, self.options)
        if self.guard is not None:
            from loratui.tui.driver import LoratuiDriver

            LoratuiDriver.streams, LoratuiDriver.guard, LoratuiDriver.typed = self.streams, self.guard, terminal.typed
            LoratuiDriver.take_over = self._mute.close
            app.driver_class = LoratuiDriver
        else:
            self.streams.leave_terminal()
        return app

    async def _drive(self, app: LoratuiApp) -> None:
        from asyncio import get_running_loop

        loop = self._loop = get_running_loop()
        loop.call_later(GC_REST_S, _collect_again)
        if not self.signal:
            await app.run_async(mouse=self.options.mouse)

    def _catch_signals(self) -> None:
        self.streams.on_loss = lambda: self._leave(signal.SIGHUP)
        for number in PATIENCE:
            signal.signal(number, lambda number, _: self._leave(number))

    def _leave(self, number: int) -> None:
        """End the app because of a signal or a lost terminal; called in any thread, at any time."""
        if self.signal:
            return
        self.signal = number
        # A thread in C: it works when Python's main thread waits for a terminal that reads no more.
        faulthandler.dump_traceback_later(PATIENCE[signal.Signals(number)], exit=True, file=self.streams.log)
        if self._loop is not None and self._app is not None:
            # The loop may have been closed a moment ago.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._app.exit, None, 128 + number)

    def _restore(self) -> None:
        """Put the terminal in order; may be called again."""
        self._mute.close()
        if self.guard is not None and not self.streams.lost:
            resets = RESETS if self.guard.armed else LEFTOVERS
            with contextlib.suppress(OSError):
                os.write(self.streams.terminal, resets.encode())
        if self.guard is not None:
            self.guard.end()
            self.guard = None
        self.streams.close()

    def _tell_trainings(self) -> None:
        if not self.home.database.exists():
            return
        from loratui.catalog.runs import count_runs
        from loratui.catalog.store import open_catalog

        try:
            with open_catalog(self.home, actor="tui") as catalog:
                count = count_runs(catalog)
        except LoratuiError:
            # The session has ended well; whoever asks for the list will be told.
            return
        if count:
            print(f"{count} training{'s go' if count > 1 else ' goes'} on in the background: loratui run list")


def _check_terminal() -> None:
    if not (os.isatty(0) and os.isatty(1)):
        raise MissingFeatureError(
            "The terminal app needs a terminal for its input and its output.",
            hint="Start it from a shell, over SSH with `ssh -t`. Every action has a verb, too: `loratui --help`.",
        )
    if os.environ.get("TERM", "") == "dumb":
        raise MissingFeatureError(
            "This terminal can't move its cursor (TERM is dumb).",
            hint="Use another one, or the verbs: `loratui --help`.",
        )


def _load_what_textual_needs() -> None:
    """Import what Textual will ask for and what reads no setting, while the terminal's replies travel."""
    for name in _NEEDED:
        import_module(name)


def _collect_again() -> None:
    """Collect garbage from now on, but not among what was made until now, and seldom.

    By default Python looks through everything again after some tens of keys, which takes 60 to 90 ms among the cells of
    a wall: one key in sixteen was painted that much later. What the app drops is mostly freed without it.
    """
    gc.freeze()
    gc.set_threshold(100_000, 50, 1_000)
    gc.enable()
