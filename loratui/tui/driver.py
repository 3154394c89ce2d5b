"""Textual's driver, made to survive what happens to terminals: hang-ups, late replies, links that stall.

Textual replays replies it does not know as key presses, spins on a closed terminal, and blocks for ever once the
thread that writes has died. Here replies are taken out of the input, and a closed terminal ends the app.
"""

from __future__ import annotations

import os
import re
import select
import signal
import time
from asyncio import get_running_loop
from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, Any

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

if TYPE_CHECKING:
    from collections.abc import Callable

    from loratui.tui.guard import Guard
    from loratui.tui.streams import Streams

_WHOLE = re.compile(
    "\x1bP(?:>\\||[01][$+]r)[^\x1b]*\x1b\\\\"  # XTVERSION, DECRQSS, XTGETTCAP
    "|\x1b_G[^\x1b]*\x1b\\\\"  # Kitty graphics
    "|\x1b\\]\\d+;[^\x1b\x07]*(?:\x1b\\\\|\x07)"  # colours, clipboard
    "|\x1b\\[[?>=][\\d;]*[cnu]"  # device attributes, status, keyboard
    "|\x1b\\[[4568];\\d+;\\d+t"  # sizes
)
_BEGUN = re.compile(
    "\x1b(?:P(?:>(?:\\|[^\x1b]*\x1b?)?|[01](?:[$+](?:r[^\x1b]*\x1b?)?)?)|_G[^\x1b]*\x1b?"
    "|\\]\\d+;?[^\x1b\x07]*\x1b?|\\[[?>=][\\d;]*|\\[[4568](?:;[\\d;]*)?)\\Z"
)
"""A reply that has begun and can't be a key; `\\x1b[?` may also begin a mode report, which passes once it is whole."""
_PERHAPS = re.compile("\x1b(?:[P_\\]]|\\[(?:20{0,2})?)?\\Z")
"""Escape, or alt and a key, or the first bytes of a reply or of a paste."""
_ESCAPE_AND_KEY = re.compile("\x1b(?=[^\x1b\x7f\\[\\\\OP_\\]])")
"""Escape and a key typed right behind it; where a link is slow they come as one, as alt and the key would."""
REPLY_PATIENCE = 2.0
"""Seconds after which the rest of a reply is not waited for any more."""
ESCAPE_PATIENCE = 0.035
"""Seconds to wait for what follows an escape: the bytes of a reply come together."""
ESCAPE_KEY = "\x1b" if constants.DISABLE_KITTY_KEY else "\x1b[27u"
"""The escape key in words that Textual takes for nothing else, whatever follows."""
_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"
_NEVER_PASTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters, tab and line ends aside: no text has them, and escapes would be taken for keys."""


class InputFilter:
    """Takes terminal replies out of what comes in, also when they come late or in pieces, and tells keys apart.

    Escape is the escape key whatever key follows it: nothing here is on alt, but people type ahead. Pasted text
    passes without control characters. Times are in seconds.
    """

    def __init__(self) -> None:
        self._held = ""
        self._since = 0.0
        self._pasting = False

    def feed(self, text: str, now: float) -> str:
        """What of the text is for the app; the rest is a reply, or is held until more comes."""
        text = self.decide(now) + self._held + text
        was_held = bool(self._held) and not self._pasting
        self._held = ""
        passed = []
        while text:
            if self._pasting:
                pasted, end, text = text.partition(_PASTE_ENDS)
                if end:
                    self._pasting = False
                else:
                    pasted, self._held = _split_begun(pasted, _PASTE_ENDS)
                passed += [_NEVER_PASTED.sub("", pasted), end]
                continue
            typed, begin, text = text.partition(_PASTE_BEGINS)
            typed = _WHOLE.sub("", typed)
            if begin:
                self._pasting = True
            elif begun := _BEGUN.search(typed) or _PERHAPS.search(typed):
                typed, self._held = typed[: begun.start()], typed[begun.start() :]
                if not was_held:
                    self._since = now
            passed += [_ESCAPE_AND_KEY.sub(ESCAPE_KEY, typed), begin]
        return "".join(passed)

    def wait(self, now: float) -> float | None:
        """How long until what is held is decided without more text; None when nothing is held, or a paste goes on."""
        if not self._held or self._pasting:
            return None
        patience = ESCAPE_PATIENCE if _PERHAPS.match(self._held) else REPLY_PATIENCE
        return max(0.0, self._since + patience - now)

    def decide(self, now: float) -> str:
        """What was held for long enough: keys, after all, or nothing when it was the beginning of a reply."""
        if self.wait(now) != 0.0:
            return ""
        held, self._held = self._held, ""
        if not _PERHAPS.match(held):
            return ""
        # Two bytes are escape and a key; more of them begin a key like F9, whose rest may be under way.
        return ESCAPE_KEY + held[1:] if len(held) < 3 else held


def _split_begun(text: str, wanted: str) -> tuple[str, str]:
    """The text before its end that may be the beginning of what is wanted, and that end."""
    for length in range(min(len(wanted) - 1, len(text)), 0, -1):
        if wanted.startswith(text[-length:]):
            return text[:-length], text[-length:]
    return text, ""


class LoratuiDriver(LinuxDriver):
    """The driver of the app on a terminal; its attributes are set before the app runs."""

    streams: Streams
    guard: Guard
    typed = ""
    """Keys that were pressed before the app was ready."""

    take_over: Callable[[], object] = staticmethod(lambda: None)
    """Called before the terminal's modes are set."""

    def __init__(self, app: Any, **settings: Any) -> None:
        super().__init__(app, **settings)
        self._file = self.streams.file  # type: ignore[assignment]
        self._woken, self._wake = os.pipe()

    def start_application_mode(self) -> None:
        self.take_over()
        self.streams.leave_terminal()
        self.guard.arm()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # Textual's handler posts to the loop from wherever Python stands when the signal comes, within the loop's own
        # work as well: resizes were lost that way, and an error in it would end the app. The loop's own handlers run
        # between its callbacks, and wake it when the signal went to another thread.
        get_running_loop().add_signal_handler(signal.SIGWINCH, self._tell_size)

    def _get_terminal_size(self) -> tuple[int, int]:
        # Textual believes COLUMNS and LINES first, which stay what they were when the window changes.
        try:
            return os.get_terminal_size(self.streams.terminal)
        except OSError:
            # The terminal has gone; the input thread will hear of it.
            return 80, 24

    def _tell_size(self) -> None:
        if not self._in_band_window_resize:
            size = Size(*self._get_terminal_size())
            self._app.post_message(events.Resize(size, size))

    def stop_application_mode(self) -> None:
        super().stop_application_mode()
        if self._mouse_pixels:
            self.write("\x1b[?1016l")

    def disable_input(self) -> None:
        # The thread waits for keys; without a sign it would see the end of the app a tenth of a second late.
        os.write(self._wake, b"!")
        super().disable_input()
        os.read(self._woken, 1)

    def close(self) -> None:
        super().close()
        self.guard.disarm()
        # An editor that is started now draws on standard error, too.
        self.streams.enter_terminal()

    def run_input_thread(self) -> None:
        """Read keys until the app ends or the terminal has gone."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        incoming = InputFilter()
        text, LoratuiDriver.typed = incoming.feed(self.typed, time.monotonic()), ""
        while not self.exit_event.is_set():
            if text:
                for message in parser.feed(text):
                    self.process_message(message)
            for message in parser.tick():
                self.process_message(message)
            waits = [
                incoming.wait(time.monotonic()),
                None if parser._timeout_time is None else constants.ESCAPE_DELAY / 4,
            ]
            patience = min((wait for wait in waits if wait is not None), default=None)
            ready = select.select([self.fileno, self._woken], [], [], patience)[0]
            if self.fileno not in ready:
                text = incoming.decide(time.monotonic())
                continue
            try:
                data = os.read(self.fileno, 65_536)
            except OSError:
                data = b""
            if not data:
                # Textual would read the end of the file again and again.
                self.streams.lose()
                return
            text = incoming.feed(decode(data), time.monotonic())
