"""The questions to the terminal, on real PTYs: what is found out, what it costs, and that no reply becomes a key."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pty_terminal import GHOSTTY, KITTY, SILENT, TMUX, WEZTERM, XTERM, PtyTerminal, inside_tmux

from loratui.config import UiSettings
from loratui.tui.terminal import Terminal, prepare_environment, probe_terminal

if TYPE_CHECKING:
    from pathlib import Path

    from pty_terminal import Replies

PROBE = """
import json, os, sys, termios
from loratui.config import UiSettings
from loratui.tui import terminal
terminal.PATIENCE = float(sys.argv[2])
before = termios.tcgetattr(0)
found = terminal.probe_terminal(dict(os.environ), UiSettings(**json.loads(sys.argv[1])))
found = found._asdict() | {"restored": termios.tcgetattr(0) == before}
# On a line of its own: at the end of one the terminal could break it in two.
print("FOUND" + json.dumps(found) + "\\nEND")
"""


def _probe(
    replies: Replies,
    settings: dict[str, object] | None = None,
    env: dict[str, str] | None = None,
    patience: float = 2.0,
    **arrival: float,
) -> dict[str, object]:
    argv = [sys.executable, "-c", PROBE, json.dumps(settings or {}), str(patience)]
    with PtyTerminal(argv, env or {}, replies=replies, **arrival) as terminal:  # type: ignore[arg-type]
        terminal.wait_for("END")
        text = bytes(terminal.raw).decode()
    found: dict[str, object] = json.loads(text.split("FOUND")[1].split("END")[0])
    assert found["restored"]
    return found


@pytest.mark.parametrize("delay", [0.02, 0.15, 0.3, 0.8])
def test_late_replies_are_all_waited_for(delay: float) -> None:
    found = _probe(KITTY, reply_delay=delay)
    assert (found["brand"], found["version"], found["kitty_placeholders"]) == ("kitty", "0.32.2", True)
    assert delay <= float(str(found["seconds"])) < 2.0


def test_replies_that_come_byte_by_byte_are_put_together() -> None:
    found = _probe(GHOSTTY, reply_pieces=1)
    assert (found["brand"], found["version"], found["kitty_placeholders"]) == ("ghostty", "1.1.3", True)
    assert found["cell_size"] == [10, 20]
    assert found["typed"] == ""


@pytest.mark.parametrize(
    ("replies", "brand", "truecolor", "reason"),
    [
        (XTERM, "", False, "does not draw Unicode placeholders"),
        (WEZTERM, "wezterm", True, "wezterm 20240203-110809-5046fc22 does not draw Unicode placeholders"),
        ({**KITTY, "version": b"\x1bP>|kitty(0.26.5)\x1b\\"}, "kitty", True, "is older than kitty 0.28"),
        ({**KITTY, "graphics": b"\x1b_Gi=31;EINVAL:no\x1b\\"}, "kitty", True, "says no to graphics"),
        ({**KITTY, "graphics": b""}, "kitty", True, "says no to graphics"),
    ],
)
def test_pictures_are_for_terminals_that_truly_draw_them(
    replies: Replies, brand: str, truecolor: bool, reason: str
) -> None:
    found = _probe(replies)
    assert (found["brand"], found["truecolor"], found["kitty_placeholders"]) == (brand, truecolor, False)
    assert reason in str(found["images_reason"])


def test_a_silent_terminal_costs_the_patience_and_no_more() -> None:
    found = _probe(SILENT, patience=0.3)
    assert not found["answered"] and not found["kitty_placeholders"]
    assert 0.3 <= float(str(found["seconds"])) < 2.0
    assert found["images_reason"] == "the terminal does not answer"


def test_keys_typed_meanwhile_are_kept_for_the_app() -> None:
    argv = [sys.executable, "-c", PROBE, "{}", "2"]
    with PtyTerminal(argv, replies=KITTY, reply_delay=0.3) as terminal:
        terminal.wait_for(lambda _: b"\x1b[c" in terminal.raw)
        terminal.send("jj\x1b[B\r")
        terminal.wait_for("END")
        assert '"typed": "jj\\u001b[B\\r"' in bytes(terminal.raw).decode()


def test_ctrl_c_ends_the_waiting() -> None:
    argv = [sys.executable, "-c", PROBE, "{}", "30"]
    with PtyTerminal(argv, replies=SILENT) as terminal:
        terminal.wait_for(lambda _: b"\x1b[c" in terminal.raw)
        terminal.press("ctrl+c")
        assert terminal.wait() == -2
        assert terminal.is_cooked()


@pytest.mark.parametrize(
    ("env", "settings", "reason"),
    [
        ({"TERM": "linux"}, {}, "TERM is 'linux'"),
        ({"TERM": "dumb"}, {}, "TERM is 'dumb'"),
        ({"TERM": "screen.xterm-256color", "STY": "1.pts"}, {}, "inside screen, which lets no graphics through"),
        ({"TEXTUAL_DRIVER": "x:Y"}, {}, "shown in a browser"),
        ({}, {"images": "halfcells"}, "images is set to halfcells"),
        ({}, {"images": "off"}, "images is set to off"),
    ],
)
def test_nothing_is_asked_where_nothing_can_come_of_it(
    env: dict[str, str], settings: dict[str, object], reason: str
) -> None:
    found = _probe(KITTY, settings, env)
    assert found["images_reason"] == reason
    assert not found["answered"] and found["seconds"] == 0


def test_a_pipe_is_asked_nothing() -> None:
    ears, mouth = os.pipe()
    found = probe_terminal({"TERM": "xterm-kitty"}, UiSettings(), fileno=ears, output=mouth)
    assert (found.images_reason, found.brand, found.truecolor) == ("not a terminal", "kitty", True)
    os.close(mouth)
    assert os.read(ears, 10) == b""
    os.close(ears)


def _fake_tmux(folder: Path, features: str) -> dict[str, str]:
    """A tmux that knows these features of the terminal outside."""
    program = folder / "tmux"
    program.write_text(f"#!/bin/sh\necho '{features}'\n", encoding="utf-8")
    program.chmod(0o755)
    return {"TMUX": "/tmp/x,1,0", "TERM": "tmux-256color", "PATH": f"{folder}:{os.environ['PATH']}"}


def test_tmux_is_not_passed_through_unless_it_is_wished(tmp_path: Path) -> None:
    found = _probe(inside_tmux(KITTY), env=_fake_tmux(tmp_path, "256,RGB,title"))
    assert found["tmux"] and found["truecolor"] and not found["kitty_placeholders"]
    assert found["images_reason"] == "inside tmux, and ui.tmux_passthrough is off"
    assert found["brand"] == ""


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_the_terminal_outside_tmux_answers_wrapped_questions(delay: float, tmp_path: Path) -> None:
    env = _fake_tmux(tmp_path, "256,RGB,title")
    found = _probe(inside_tmux(KITTY), {"tmux_passthrough": True}, env, reply_delay=delay)
    assert (found["brand"], found["tmux"], found["kitty_placeholders"]) == ("kitty", True, True)


def test_placeholders_need_24_bit_colours_through_tmux(tmp_path: Path) -> None:
    found = _probe(inside_tmux(KITTY), {"tmux_passthrough": True}, _fake_tmux(tmp_path, "256,title"))
    assert not found["truecolor"] and not found["kitty_placeholders"]
    assert "no 24-bit colour" in str(found["images_reason"])


def test_a_tmux_that_lets_nothing_through_is_told_how_to(tmp_path: Path) -> None:
    found = _probe(TMUX, {"tmux_passthrough": True}, _fake_tmux(tmp_path, "RGB"), patience=0.3)
    assert not found["kitty_placeholders"]
    assert found["images_reason"] == "tmux lets nothing through: set -g allow-passthrough on"


def test_tmux_on_the_near_side_of_ssh_is_known_by_its_answer() -> None:
    found = _probe(TMUX, env={"TERM": "screen-256color", "SSH_CONNECTION": "1 2 3 4"})
    assert found["tmux"] and found["over_ssh"] and not found["kitty_placeholders"]


@pytest.mark.parametrize(
    ("environ", "system"),
    [
        ({"TERM": "xterm-kitty"}, "truecolor"),
        ({"TERM": "alacritty"}, "truecolor"),
        ({"TERM": "xterm-direct"}, "truecolor"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "truecolor"),
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm"}, None),
        ({"TERM": "xterm-kitty", "TEXTUAL_COLOR_SYSTEM": "256"}, "256"),
    ],
)
def test_colours_follow_the_terminal_and_not_what_ssh_drops(environ: dict[str, str], system: str | None) -> None:
    ears, mouth = os.pipe()
    os.close(mouth)
    terminal = probe_terminal(environ, UiSettings(), fileno=ears, output=ears)
    os.close(ears)
    prepare_environment(terminal, environ)
    assert environ.get("TEXTUAL_COLOR_SYSTEM") == system
    assert terminal.truecolor == (system == "truecolor")


def test_the_app_is_calm_and_more_so_over_ssh() -> None:
    environ: dict[str, str] = {}
    prepare_environment(Terminal(over_ssh=True), environ)
    assert environ["TEXTUAL_FPS"] == "20"
    assert (environ["TEXTUAL_ANIMATIONS"], environ["TEXTUAL_SMOOTH_SCROLL"], environ["ESCDELAY"]) == ("none", "0", "25")
    environ = {"TEXTUAL_FPS": "60", "ESCDELAY": "100"}
    prepare_environment(Terminal(), environ)
    assert (environ["TEXTUAL_FPS"], environ["ESCDELAY"]) == ("60", "100")


# The net for replies that come later than anybody waits


REPLIES = (
    "\x1bP>|kitty(0.32.2)\x1b\\",
    "\x1b_Gi=31;OK\x1b\\",
    "\x1b[6;20;10t",
    "\x1b[?62;4c",
    "\x1b[>0;276;0c",
    "\x1b]11;rgb:0000/0000/0000\x07",
    "\x1b]10;rgb:ffff/ffff/ffff\x1b\\",
    "\x1b[?1u",
    "\x1bP1$r0m\x1b\\",
)
KEYS = (
    "j",
    "\r",
    "\x1b[A",
    "\x1bOP",
    "\x1b[6~",
    "\x1b[5;5~",
    "\x1b[1;5C",
    "é",
    "\x1b[<0;3;4M",
    "\x1b[106;1:1u",
    "\x1b[I",
)
PASSED = ("\x1b[?2026;2$y", "\x1b[48;24;80;480;800t", "\x1b[200~a\tb\rc\x1b[201~")
"""What Textual itself understands."""


@given(
    parts=st.lists(st.sampled_from([*REPLIES, *KEYS, *PASSED]), max_size=12),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=40),
)
def test_replies_are_taken_out_of_keys_however_they_are_cut(parts: list[str], cuts: list[int]) -> None:
    from loratui.tui.driver import InputFilter

    replies = InputFilter()
    text, seen, place, now = "".join(parts), "", 0, 0.0
    for cut in [*cuts, len(text)]:
        seen += replies.feed(text[place : place + cut], now)
        place, now = place + cut, now + 0.001
    seen += replies.decide(now + 10)
    assert seen == "".join(part for part in parts if part not in REPLIES)


def test_escape_passes_after_a_moment_and_a_key_behind_it_is_a_key() -> None:
    from loratui.tui.driver import ESCAPE_KEY, ESCAPE_PATIENCE, InputFilter

    for keys in ("\x1b", "\x1bP", "\x1b_", "\x1b]", "\x1b["):
        replies = InputFilter()
        assert replies.feed(keys, 1.0) == ""
        assert replies.wait(1.0) == pytest.approx(ESCAPE_PATIENCE)
        assert replies.decide(1.0) == ""
        assert replies.decide(1.0 + ESCAPE_PATIENCE) == ESCAPE_KEY + keys[1:]
        assert replies.wait(2.0) is None
    replies = InputFilter()
    assert replies.feed("\x1b\r\x1bq\x1b", 1.0) + replies.feed("\x1b[A", 1.001) == (
        f"{ESCAPE_KEY}\r{ESCAPE_KEY}q\x1b\x1b[A"
    )


def test_a_key_in_pieces_is_that_key() -> None:
    from loratui.tui.driver import ESCAPE_PATIENCE, InputFilter

    replies = InputFilter()
    assert replies.feed("\x1b[20", 1.0) == ""
    assert replies.decide(1.0 + ESCAPE_PATIENCE) + replies.feed("~", 2.0) == "\x1b[20~"


@given(
    pasted=st.text(alphabet=st.sampled_from("a\x1b[]_P201~\x9b\r\t;?c"), max_size=60),
    cuts=st.lists(st.integers(1, 9), min_size=1, max_size=40),
)
def test_a_paste_passes_without_control_characters_however_it_is_cut(pasted: str, cuts: list[int]) -> None:
    from loratui.tui.driver import InputFilter

    while "\x1b[201~" in pasted:
        pasted = pasted.replace("\x1b[201~", "")
    replies = InputFilter()
    text, seen, place, now = f"j\x1b[200~{pasted}\x1b[201~k", "", 0, 0.0
    for cut in [*cuts, len(text)]:
        seen += replies.feed(text[place : place + cut], now)
        place, now = place + cut, now + 0.001
    kept = pasted.replace("\x1b", "").replace("\x9b", "")
    assert seen == f"j\x1b[200~{kept}\x1b[201~k"
    assert replies.wait(now) is None


def test_a_reply_without_an_end_does_not_hold_keys_back_for_ever() -> None:
    from loratui.tui.driver import REPLY_PATIENCE, InputFilter

    replies = InputFilter()
    assert replies.feed("\x1b_Gi=31;O", 1.0) == ""
    assert replies.feed("", 1.0 + REPLY_PATIENCE / 2) == ""
    assert replies.feed("j", 1.01 + REPLY_PATIENCE) == "j"
