"""What the terminal can do, asked before Textual is imported: brand, colours, pictures, size of a cell.

All questions go out in one write, and the one that every terminal answers (DA1) goes last: when its reply is here,
so are all others, and none is left to be taken for keys later. Method as in yazi's probe (yazi-emulator/src/probe.rs).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, MutableMapping

    from loratui.config import UiSettings

PATIENCE = 2.0
"""Seconds to wait for the last reply; then the terminal counts as silent."""
DRAIN = 0.05
"""Seconds to go on reading after the last reply."""
MUTE_TERMS = ("", "dumb", "linux")

_COERCED_TO = ("C.UTF-8", "C.utf8", "UTF-8")

_VERSION = "\x1b[>q"
_GRAPHICS = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
_CELL = "\x1b[16t"
_DA1 = "\x1b[c"
# A terminal that prints what it does not know is left with a clean line.
_CLEAN = "\r\x1b[K"

_VERSION_REPLY = re.compile(rb"\x1bP>\|([^\x1b]*)\x1b\\")
_GRAPHICS_REPLY = re.compile(rb"\x1b_G[^;\x1b]*;([^\x1b]*)\x1b\\")
_CELL_REPLY = re.compile(rb"\x1b\[6;(\d+);(\d+)t")
_DA1_REPLY = re.compile(rb"\x1b\[\?[\d;]*c")
_ANY_REPLY = re.compile(
    rb"\x1b[P_\]](?:[^\x1b\x07]|\x1b[^\\])*?(?:\x1b\\|\x07)|\x1b\[[?>][\d;]*[$]?[a-z]|\x1b\[6;\d+;\d+t"
)
# Characters, enter, tab, backspace, arrows and the like: what people type before a program is ready.
_TYPED = re.compile(
    rb"(?:[\r\n\t\x7f\x20-\x7e\x80-\xff]|\x1b\[[A-DHF]|\x1bO[A-DHFP-S]|\x1b\[\d~)*(?:\x1b[P_\]\[][^\x07]*)?\Z"
)

_PLACEHOLDER_BRANDS = {"kitty": (0, 28), "ghostty": (0,), "rio": (0,)}
"""Terminals that draw Unicode placeholders, and since when; WezTerm and Konsole say OK to graphics but draw boxes."""
_TRUECOLOR_BRANDS = frozenset(
    (
        *_PLACEHOLDER_BRANDS,
        *("wezterm", "foot", "alacritty", "konsole", "iterm2", "contour"),
        *("warp", "vte", "vscode", "mintty", "windows-terminal"),
    )
)
_BRAND_OF_TERM = {
    "xterm-kitty": "kitty",
    "xterm-ghostty": "ghostty",
    "ghostty": "ghostty",
    "alacritty": "alacritty",
    "alacritty-direct": "alacritty",
    "foot": "foot",
    "foot-extra": "foot",
    "foot-direct": "foot",
    "wezterm": "wezterm",
    "rio": "rio",
    "xterm-rio": "rio",
    "contour": "contour",
    "mintty": "mintty",
}
_BRAND_OF_PROGRAM = {
    "ghostty": "ghostty",
    "WezTerm": "wezterm",
    "iTerm.app": "iterm2",
    "WarpTerminal": "warp",
    "vscode": "vscode",
    "rio": "rio",
    "mintty": "mintty",
    "Apple_Terminal": "apple-terminal",
}


class Terminal(NamedTuple):
    """What is known about the terminal; the defaults are those of one that said nothing."""

    brand: str = ""
    """kitty, ghostty, wezterm, xterm ... in small letters; empty when unknown. Inside tmux the outer one."""
    version: str = ""
    truecolor: bool = False
    colour_reason: str = "nothing tells of 24-bit colour"
    kitty_placeholders: bool = False
    """Kitty graphics with Unicode placeholders work, end to end."""
    images_reason: str = "the terminal was not asked"
    cell_size: tuple[int, int] | None = None
    """Width and height of a cell in pixels."""
    tmux: bool = False
    """Inside tmux: graphics have to be wrapped to reach the terminal outside."""
    over_ssh: bool = False
    answered: bool = False
    """The terminal answered the questions in time."""
    seconds: float = 0.0
    """What asking cost."""
    typed: str = ""
    """Keys pressed while the terminal was asked; the app gets them first."""


class Replies(NamedTuple):
    """What came back for one write of questions."""

    data: bytes = b""
    answered: bool = False

    @property
    def version(self) -> str:
        found = _VERSION_REPLY.search(self.data)
        return found[1].decode("utf-8", "replace") if found else ""

    @property
    def graphics(self) -> bool:
        found = _GRAPHICS_REPLY.search(self.data)
        return found is not None and found[1] == b"OK"

    @property
    def cell_size(self) -> tuple[int, int] | None:
        found = _CELL_REPLY.search(self.data)
        size = (int(found[2]), int(found[1])) if found else (0, 0)
        return size if min(size) > 0 else None

    @property
    def typed(self) -> str:
        """What is no reply; the beginning of one may be at its end."""
        rest = _ANY_REPLY.sub(b"", self.data)
        # Enter typed before the terminal was raw has become a line feed, which would be another key.
        return rest.decode("utf-8", "replace").replace("\n", "\r") if _TYPED.match(rest) else ""


def probe_terminal(
    environ: Mapping[str, str],
    config: UiSettings,
    *,
    images: str = "",
    fileno: int = 0,
    output: int = 1,
    meanwhile: Callable[[], object] = lambda: None,
    drain: float = DRAIN,
) -> Terminal:
    """Find out what the terminal can do; takes one round trip, at most PATIENCE seconds (twice inside tmux).

    `images` is the mode in force (a flag or LORATUI_IMAGES), else the one in config.toml. `fileno` and `output`
    are the terminal, open for reading and for writing. `meanwhile` runs while the replies travel. `drain` may be 0
    for a caller that keeps the terminal mute, and what still comes away from the app.
    """
    mode = images or config.images
    known = Terminal(
        brand=_guess_brand(environ),
        tmux="TMUX" in environ,
        over_ssh="SSH_CONNECTION" in environ or "SSH_TTY" in environ,
        cell_size=_ask_kernel(fileno),
    )
    features = ask_tmux(environ) if known.tmux else ""
    if why := _why_not_ask(environ, mode, fileno, output):
        meanwhile()
        return _conclude(known._replace(images_reason=why), environ, features, mode)
    started = time.monotonic()
    wrap = False
    with mute(fileno):
        # tmux takes the question about graphics for the title of its window.
        near = known.tmux or environ.get("TERM", "").startswith(("tmux", "screen"))
        replies = _ask(fileno, output, _VERSION + ("" if near else _GRAPHICS) + _CELL + _DA1, drain, meanwhile)
        typed = replies.typed
        if known.tmux or replies.version.startswith("tmux"):
            known = known._replace(tmux=True)
            if wrap := config.tmux_passthrough and replies.answered:
                # Unwrapped, the last question would be answered by tmux, long before the terminal outside answers.
                replies = _ask(fileno, output, _wrap(_VERSION + _GRAPHICS + _CELL + _DA1), drain)
                typed += replies.typed
    brand, version = _read_brand(replies.version)
    known = known._replace(
        brand=brand if brand and (wrap or not known.tmux) else known.brand,
        version=version if wrap or not known.tmux else "",
        cell_size=replies.cell_size or known.cell_size,
        answered=replies.answered,
        seconds=time.monotonic() - started,
        typed=typed,
    )
    if not replies.answered:
        reason = "tmux lets nothing through: set -g allow-passthrough on" if wrap else "the terminal does not answer"
        known = known._replace(images_reason=reason)
    elif known.tmux and not wrap:
        known = known._replace(images_reason="inside tmux, and ui.tmux_passthrough is off")
    else:
        known = _judge_placeholders(known, replies.graphics)
    return _conclude(known, environ, features, mode)


def prepare_environment(terminal: Terminal, environ: MutableMapping[str, str]) -> None:
    """Tell Textual what suits the terminal; it reads this while it is imported. What a person set stays."""
    if terminal.truecolor:
        environ.setdefault("TEXTUAL_COLOR_SYSTEM", "truecolor")
    elif terminal.tmux or "256" in environ.get("TERM", ""):
        # COLORTERM may be left from a client that has gone; half cells look alike, at half the bytes.
        environ.setdefault("TEXTUAL_COLOR_SYSTEM", "256")
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    environ.setdefault("TEXTUAL_FPS", "20" if terminal.over_ssh else "30")
    environ.setdefault("ESCDELAY", "25")


def shows_utf8(environ: Mapping[str, str]) -> bool:
    """Whether the locale is one of UTF-8, or says nothing; another one has no other signs than ASCII.

    Where LANG is C, Python itself sets LC_CTYPE to C.UTF-8 (PEP 538), which says nothing of the terminal.
    """
    if environ.get("TEXTUAL_DRIVER"):
        # A browser shows it, wherever the server stands.
        return True
    names = ["LC_ALL", "LC_CTYPE", "LANG"]
    if environ.get("LC_CTYPE") in _COERCED_TO and environ.get("LANG") in ("C", "POSIX"):
        names.remove("LC_CTYPE")
    chosen = next((environ[name] for name in names if environ.get(name)), "UTF-8")
    charset = chosen.partition("@")[0].rpartition(".")[2]
    return charset.lower().replace("-", "") == "utf8"


def _why_not_ask(environ: Mapping[str, str], mode: str, fileno: int, output: int) -> str:
    term = environ.get("TERM", "")
    if mode != "auto":
        return f"images is set to {mode}"
    if environ.get("TEXTUAL_DRIVER"):
        return "shown in a browser"
    if term in MUTE_TERMS:
        return f"TERM is '{term}'"
    if "STY" in environ and "TMUX" not in environ:
        return "inside screen, which lets no graphics through"
    if not (os.isatty(fileno) and os.isatty(output)):
        return "not a terminal"
    return ""


def _conclude(known: Terminal, environ: Mapping[str, str], features: str, mode: str) -> Terminal:
    """Colours, and placeholders only where the colours that carry their ids arrive whole."""
    truecolor, reason = _judge_colour(known, environ, features)
    known = known._replace(truecolor=truecolor, colour_reason=reason)
    if mode == "kitty":
        return known._replace(kitty_placeholders=True)
    if known.kitty_placeholders and not truecolor:
        return known._replace(kitty_placeholders=False, images_reason=f"no 24-bit colour: {reason}")
    return known


def _judge_placeholders(known: Terminal, graphics: bool) -> Terminal:
    since = _PLACEHOLDER_BRANDS.get(known.brand)
    name = f"{known.brand or 'the terminal'} {known.version}".strip()
    if since is None:
        return known._replace(images_reason=f"{name} does not draw Unicode placeholders")
    if known.brand == "kitty" and _parse_version(known.version) < since:
        return known._replace(images_reason=f"{name} is older than kitty 0.28")
    if not graphics:
        return known._replace(images_reason=f"{name} says no to graphics")
    return known._replace(kitty_placeholders=True, images_reason=f"{name} draws Unicode placeholders")


def _judge_colour(known: Terminal, environ: Mapping[str, str], features: str) -> tuple[bool, str]:
    term = environ.get("TERM", "")
    chosen = environ.get("TEXTUAL_COLOR_SYSTEM", "auto")
    if chosen != "auto":
        return chosen == "truecolor", f"TEXTUAL_COLOR_SYSTEM is {chosen}"
    if known.tmux and features:
        # Only tmux knows: COLORTERM may be left from another client.
        if "RGB" in features.split(","):
            return True, "tmux knows that the terminal outside has RGB"
        return False, "tmux does not know that the terminal outside has RGB"
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return True, f"COLORTERM is {environ['COLORTERM']}"
    if known.brand in _TRUECOLOR_BRANDS and not known.tmux:
        return True, f"{known.brand} has it"
    if term.endswith("-direct"):
        return True, f"TERM is {term}"
    return False, f"TERM is '{term}', and COLORTERM is not set"


def _guess_brand(environ: Mapping[str, str]) -> str:
    """The brand by the environment, which is silent over SSH and stale inside tmux."""
    if brand := _BRAND_OF_TERM.get(environ.get("TERM", "")):
        return brand
    if "TMUX" in environ:
        return ""
    if brand := _BRAND_OF_PROGRAM.get(environ.get("TERM_PROGRAM", "")):
        return brand
    if "WT_SESSION" in environ:
        return "windows-terminal"
    if "VTE_VERSION" in environ:
        return "vte"
    return ""


def _read_brand(answer: str) -> tuple[str, str]:
    """`kitty(0.32.2)` and `ghostty 1.1.3` as brand and version."""
    found = re.match(r"([A-Za-z][\w.]*?)[ (]+v?([\w.+-]*)", answer + " ")
    if found is None:
        return "", ""
    brand = found[1].lower()
    return {"windows": "windows-terminal", "xterm.js": "vscode"}.get(brand, brand), found[2]


def _parse_version(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])


def _ask(
    fileno: int, output: int, questions: str, drain: float, meanwhile: Callable[[], object] = lambda: None
) -> Replies:
    """Write the questions and read until the last one is answered, or patience ends."""
    os.write(output, (questions + _CLEAN).encode())
    deadline = time.monotonic() + PATIENCE
    meanwhile()
    data = b""
    answered = False
    # What has come is read even if there is no time left: importing may have taken it all.
    while (left := deadline - time.monotonic()) > 0 or not data:
        if not select.select([fileno], [], [], max(0.0, left))[0]:
            break
        new = os.read(fileno, 65536)
        if not new:
            break
        data += new
        if not answered and _DA1_REPLY.search(data):
            answered = True
            deadline = min(deadline, time.monotonic()) + drain
    return Replies(data, answered)


def _wrap(questions: str) -> str:
    """The questions for the terminal outside tmux."""
    return "\x1bPtmux;" + questions.replace("\x1b", "\x1b\x1b") + "\x1b\\"


@contextlib.contextmanager
def mute(fileno: int) -> Iterator[None]:
    """Read character by character, and show nothing of it; ctrl+c still interrupts."""
    before = termios.tcgetattr(fileno)
    changed = termios.tcgetattr(fileno)
    changed[0] &= ~termios.ICRNL
    changed[3] &= ~(termios.ICANON | termios.ECHO)
    changed[6][termios.VMIN], changed[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fileno, termios.TCSANOW, changed)
    try:
        yield
    finally:
        termios.tcsetattr(fileno, termios.TCSANOW, before)


def _ask_kernel(fileno: int) -> tuple[int, int] | None:
    """The size of a cell in pixels by the window's size, where the terminal told the kernel."""
    try:
        rows, columns, width, height = struct.unpack("HHHH", fcntl.ioctl(fileno, termios.TIOCGWINSZ, bytes(8)))
    except OSError:
        return None
    if not (rows and columns and width and height):
        return None
    return width // columns, height // rows


def ask_tmux(environ: Mapping[str, str]) -> str:
    """What tmux knows about the terminal outside, as in `256,RGB,title`; empty when it does not say."""
    command = ["tmux", "display-message", "-p", "#{client_termfeatures}"]
    try:
        done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=1, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
