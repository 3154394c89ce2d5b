"""A terminal for tests: a program on a real PTY, its screen, its modes, and what the terminal answers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import pyte

Replies = Mapping[str, bytes]
"""What the terminal answers: query name -> bytes; a query that is not named gets silence."""

DA1 = b"\x1b[?62;4c"
SILENT: Replies = {}
XTERM: Replies = {"da1": DA1, "da2": b"\x1b[>1;4000;32c", "cell": b"\x1b[6;20;10t", "sync": b"\x1b[?2026;2$y"}
KITTY: Replies = {**XTERM, "version": b"\x1bP>|kitty(0.32.2)\x1b\\", "graphics": b"\x1b_Gi=31;OK\x1b\\"}
GHOSTTY: Replies = {**KITTY, "version": b"\x1bP>|ghostty 1.1.3\x1b\\"}
WEZTERM: Replies = {**KITTY, "version": b"\x1bP>|WezTerm 20240203-110809-5046fc22\x1b\\"}
TMUX: Replies = {"da1": b"\x1b[?1;2;4c", "version": b"\x1bP>|tmux 3.5a\x1b\\"}


def inside_tmux(outer: Replies) -> Replies:
    """tmux with allow-passthrough on: wrapped queries reach the outer terminal."""
    return {**TMUX, **{f"outer {name}": reply for name, reply in outer.items()}}


_QUERIES = {
    "version": rb"\x1b\[>0?q",
    "graphics": rb"\x1b_G[^\x1b]*a=q[^\x1b]*\x1b\\",
    "cell": rb"\x1b\[16t",
    "da1": rb"\x1b\[0?c",
    "da2": rb"\x1b\[>0?c",
    "sync": rb"\x1b\[\?2026\$p",
}
_WRAPPED = re.compile(rb"\x1bPtmux;((?:\x1b\x1b|[^\x1b])*)\x1b\\")
_PLAIN = {name: re.compile(pattern) for name, pattern in _QUERIES.items()}

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "esc": "\x1b",
    "space": " ",
    "tab": "\t",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "delete": "\x1b[3~",
    "shift+tab": "\x1b[Z",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
}

# What pyte does not know and would draw as text: strings, the kitty keyboard, mode queries.
_UNKNOWN_TO_PYTE = re.compile(
    rb"\x1b[P_^\]X](?:[^\x1b\x07]|\x1b[^\\])*?(?:\x1b\\|\x07)|\x1b\[[<>=][0-?]*[ -/]*[@-~]|\x1b\[\?[0-9;]*\$p"
)
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[P_^\]X](?:[^\x1b\x07]|\x1b[^\\])*\x1b?)?\Z")
_MODES = re.compile(rb"\x1b\[\?([0-9;]+)([hl])|\x1b\[([<>])[0-9;]*u")


def plain_environment() -> dict[str, str]:
    """The environment without what tells of the terminal that the tests themselves run in."""
    told = (
        *("TERM", "COLORTERM", "TMUX", "SSH_", "KITTY_", "GHOSTTY_", "WEZTERM_", "TEXTUAL_", "LORATUI_", "NO_COLOR"),
        *("LC_", "LANG"),
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(told)}
    return {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8"}


class PtyTerminal:
    """Runs a program on a PTY; a thread reads what it writes and answers its queries.

    The screen is emulated only when it is looked at, so that reading keeps up with any program.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        size: tuple[int, int] = (80, 24),
        throttle: float | None = None,
        replies: Replies = XTERM,
        *,
        reply_delay: float = 0.0,
        reply_pieces: int = 0,
        cwd: str | os.PathLike[str] | None = None,
    ) -> None:
        """Start `argv` on a terminal of `size` (columns, rows); `env` goes on top of a plain terminal's environment.

        `throttle` is the link in bytes per second, `reply_delay` the answers' way back in seconds, and
        `reply_pieces` the number of bytes that arrive at once (0 means all).
        """
        self.columns, self.rows = size
        self.bytes_read = 0
        self.first_byte_at: float | None = None
        self.first_paint_at: float | None = None
        """When the first visible character came after the program had entered the alternate screen."""
        self.last_byte_at = 0.0
        self.modes: set[int] = set()
        """DEC private modes that are set now; 25 is there while the cursor is visible, 7 while lines wrap."""
        self.modes.update({7, 25})
        self.keyboard_depth = 0
        """How many kitty keyboard modes are pushed and not popped."""
        self.raw = bytearray()
        self._replies = replies
        self._reply_delay = reply_delay
        self._reply_pieces = reply_pieces
        self._throttle = throttle
        self._answered = 0
        self._modes_seen = 0
        self._fed = 0
        self._pending: deque[tuple[float, bytes]] = deque()
        self._news = threading.Condition()
        self._closing = False
        self._screens = {False: pyte.Screen(*size), True: pyte.Screen(*size)}
        self._streams = {alternate: pyte.ByteStream(screen) for alternate, screen in self._screens.items()}
        self._alternate = False
        self._master, self._slave = pty.openpty()
        self._set_size()
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            argv,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**plain_environment(), **(env or {})},
            cwd=cwd,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.hang_up()

    # What a person does

    def send(self, keys: str | bytes) -> None:
        """Type raw characters."""
        data = keys.encode() if isinstance(keys, str) else keys
        while data:
            written = os.write(self._master, data)
            data = data[written:]

    def press(self, *names: str) -> None:
        """Press keys by name: j, enter, ctrl+p, up."""
        for name in names:
            if name.startswith("ctrl+") and len(name) == 6:
                self.send(bytes([ord(name[-1]) & 0x1F]))
            else:
                self.send(KEYS.get(name, name))

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the window; the kernel tells the program."""
        self._feed()
        self.columns, self.rows = columns, rows
        for screen in self._screens.values():
            screen.resize(rows, columns)
        self._set_size()

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to the program."""
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal's end, as a lost connection does."""
        if not self._closing:
            self._closing = True
            self._reader.join()
            os.close(self._slave)
            os.close(self._master)

    def wait(self, timeout: float = 60.0) -> int:
        """The exit code, negative for a signal; what was written last has been read then."""
        code = self.process.wait(timeout)
        if not self._closing:
            self.wait_quiet(0.05)
        return code

    # What a person sees

    @property
    def screen(self) -> pyte.Screen:
        """The screen that shows now, with its colours."""
        self._feed()
        return self._screens[self._alternate]

    def screen_text(self) -> str:
        """The rows of the screen, without trailing blanks."""
        return "\n".join(row.rstrip() for row in self.screen.display)

    def wait_for(self, wanted: str | Callable[[str], Any], timeout: float = 60.0) -> float:
        """Wait until a text shows, or until a predicate of the screen's text holds; returns the seconds it took."""
        started = time.monotonic()
        deadline = started + timeout
        while True:
            with self._news:
                seen = len(self.raw)
            text = self.screen_text()
            if wanted in text if isinstance(wanted, str) else wanted(text):
                return time.monotonic() - started
            with self._news:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{wanted!r} did not show within {timeout} s; the screen:\n{text}")
                if len(self.raw) == seen:
                    self._news.wait(min(left, 0.25))

    def wait_quiet(self, seconds: float = 0.1, timeout: float = 60.0) -> None:
        """Wait until the program has written nothing for so long."""
        deadline = time.monotonic() + timeout
        with self._news:
            while time.monotonic() < deadline:
                seen = len(self.raw)
                self._news.wait(seconds)
                if len(self.raw) == seen:
                    return
        raise AssertionError(f"the program still writes after {timeout} s")

    def is_cooked(self) -> bool:
        """Whether the terminal edits lines, echoes and turns ctrl+c into a signal, as a shell expects."""
        flags = termios.tcgetattr(self._slave)[3]
        wanted = termios.ICANON | termios.ECHO | termios.ISIG
        return bool(flags & wanted == wanted)

    # How it works

    def _set_size(self) -> None:
        pixels = (10 * self.columns, 20 * self.rows)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, *pixels))

    def _read(self) -> None:
        while not self._closing:
            until = self._pending[0][0] - time.monotonic() if self._pending else 0.02
            if select.select([self._master], [], [], min(0.02, max(0.0, until)))[0]:
                try:
                    data = os.read(self._master, 65536 if self._throttle is None else 2048)
                except OSError:
                    return
                self._take(data)
                if self._throttle is not None:
                    time.sleep(len(data) / self._throttle)
            while self._pending and self._pending[0][0] <= time.monotonic():
                with contextlib.suppress(OSError):
                    os.write(self._master, self._pending.popleft()[1])

    def _take(self, data: bytes) -> None:
        now = time.monotonic()
        with self._news:
            self.raw += data
            self.bytes_read += len(data)
            self.first_byte_at = self.first_byte_at or now
            self.last_byte_at = now
            self._follow_modes()
            if self.first_paint_at is None and 1049 in self.modes:
                text = re.sub(rb"\x1b\[[0-?]*[ -/]*[@-~]", b"", _UNKNOWN_TO_PYTE.sub(b"", data))
                if re.search(rb"[!-~\x80-\xff]", text):
                    self.first_paint_at = now
            self._answer(now)
            self._news.notify_all()

    def _follow_modes(self) -> None:
        for match in _MODES.finditer(self.raw, self._modes_seen):
            self._modes_seen = match.end()
            if match[3]:
                self.keyboard_depth = max(0, self.keyboard_depth + (1 if match[3] == b">" else -1))
            else:
                modes = {int(number) for number in match[1].split(b";") if number}
                self.modes = self.modes | modes if match[2] == b"h" else self.modes - modes
        self._modes_seen = max(self._modes_seen, len(self.raw) - 32)

    def _answer(self, now: float) -> None:
        new = bytes(self.raw[self._answered :])
        found = [(match.start(), match.end(), name) for name, query in _PLAIN.items() for match in query.finditer(new)]
        for wrapped in _WRAPPED.finditer(new):
            inner = wrapped[1].replace(b"\x1b\x1b", b"\x1b")
            found = [item for item in found if not wrapped.start() <= item[0] < wrapped.end()]
            found += [
                (wrapped.start(), wrapped.end(), f"outer {name}")
                for name, query in _PLAIN.items()
                if query.search(inner)
            ]
        start = len(self.raw) - len(new)
        for _, end, name in sorted(found):
            self._answered = start + end
            reply = self._replies.get(name, b"")
            step = self._reply_pieces or max(1, len(reply))
            for offset in range(0, len(reply), step):
                due = now + self._reply_delay
                if self._pending and self._reply_pieces:
                    # Pieces come 5 ms apart: each is a read of its own for the program.
                    due = max(due, self._pending[-1][0] + 0.005)
                self._pending.append((due, reply[offset : offset + step]))
        # Queries are short; a longer tail would be searched again at every read.
        self._answered = max(self._answered, len(self.raw) - 512)

    def _feed(self) -> None:
        with self._news:
            data = bytes(self.raw[self._fed :])
            if unfinished := _UNFINISHED.search(data):
                data = data[: unfinished.start()]
            self._fed += len(data)
        for part in re.split(rb"(\x1b\[\?1049[hl])", _UNKNOWN_TO_PYTE.sub(b"", data)):
            if part.startswith(b"\x1b[?1049"):
                self._alternate = part.endswith(b"h")
                if self._alternate:
                    self._screens[True].reset()
            elif part:
                self._streams[self._alternate].feed(part)
