"""What `loratui doctor` tells about the terminal: colours, pictures, and the lines that tmux needs."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

from loratui.tui.entry import Wishes, choose_options
from loratui.tui.terminal import ask_tmux, probe_terminal, shows_utf8

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loratui.config import Settings
    from loratui.tui.terminal import Terminal


class Found(NamedTuple):
    """One thing that was looked at: state is ok or warning."""

    check: str
    state: str
    detail: str
    hint: str = ""


def check_terminal(environ: Mapping[str, str], settings: Settings) -> list[Found]:
    """Ask the terminal as the app does, and tell what follows; raises UsageError for a wrong setting."""
    options = choose_options(Wishes(), settings, environ)
    terminal = probe_terminal(environ, settings.ui, images=options.images)
    found = [
        Found("terminal", "ok", _describe(terminal, environ)),
        Found("colours", "ok" if terminal.truecolor else "warning", *_judge_colours(terminal)),
        Found(
            "images", "ok", f"{_draws(terminal, options.images)}: {terminal.images_reason}", _graphics_hint(terminal)
        ),
    ]
    if not shows_utf8(environ):
        hint = "If the terminal shows UTF-8, as nearly all do: export LC_ALL=C.UTF-8"
        found.append(Found("signs", "warning", "plain ASCII: the locale is not one of UTF-8", hint))
    if terminal.tmux and "TMUX" in environ:
        found.append(_check_tmux(environ, settings.ui.tmux_passthrough))
    return found


def _describe(terminal: Terminal, environ: Mapping[str, str]) -> str:
    name = f"{terminal.brand or 'unknown brand'} {terminal.version}".strip()
    parts = [name, f"TERM={environ.get('TERM', '')}"]
    if terminal.cell_size:
        parts.append("cells of {}x{} pixels".format(*terminal.cell_size))
    parts += [word for word, true in (("tmux", terminal.tmux), ("over SSH", terminal.over_ssh)) if true]
    parts.append(f"answered in {terminal.seconds * 1000:.0f} ms" if terminal.answered else "did not answer")
    return ", ".join(parts)


def _judge_colours(terminal: Terminal) -> tuple[str, str]:
    if terminal.truecolor:
        return f"24-bit: {terminal.colour_reason}", ""
    hint = "If the terminal has 24-bit colour, set COLORTERM=truecolor."
    if terminal.tmux:
        hint = "If the terminal outside has 24-bit colour, tell tmux: set -as terminal-features ',*:RGB'"
    return f"256 colours: {terminal.colour_reason}", hint


def _draws(terminal: Terminal, mode: str) -> str:
    if mode == "off":
        return "none"
    return "Kitty graphics" if terminal.kitty_placeholders else "half cells"


def _graphics_hint(terminal: Terminal) -> str:
    if terminal.kitty_placeholders or not terminal.tmux:
        return ""
    return (
        "If the terminal outside is kitty, Ghostty or rio: set tmux_passthrough = true under [ui] in config.toml, "
        "and allow-passthrough in tmux."
    )


def _check_tmux(environ: Mapping[str, str], passthrough: bool) -> Found:
    lines = []
    if passthrough and _read_option(environ, "-gwv", "allow-passthrough") not in ("on", "all"):
        lines.append("set -g allow-passthrough on")
    if "RGB" not in ask_tmux(environ).split(","):
        lines.append("set -as terminal-features ',*:RGB'")
    if _read_option(environ, "-sv", "set-clipboard") != "on":
        lines.append("set -g set-clipboard on")
    delay = _read_option(environ, "-sv", "escape-time")
    if delay.isdigit() and int(delay) > 50:
        lines.append("set -sg escape-time 10")
    if _read_option(environ, "-sv", "focus-events") != "on":
        lines.append("set -g focus-events on")
    if not lines:
        return Found("tmux", "ok", "its options suit the app")
    hint = "\n".join(("add to ~/.tmux.conf, then run `tmux source ~/.tmux.conf`:", *lines))
    return Found("tmux", "warning", f"{len(lines)} option{'s' if len(lines) > 1 else ''} should be set", hint)


def _read_option(environ: Mapping[str, str], scope: str, name: str) -> str:
    """The value of an option of tmux; empty when this tmux does not know it."""
    command = ["tmux", "show-options", scope, name]
    try:
        done = subprocess.run(command, env=dict(environ), capture_output=True, text=True, timeout=1, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
