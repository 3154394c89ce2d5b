"""What doctor tells about the terminal, and the verb that repairs one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest
from pty_terminal import KITTY, XTERM, PtyTerminal

if TYPE_CHECKING:
    from pathlib import Path

LORATUI = [sys.executable, "-m", "loratui"]


def _doctor(home: Path, replies: dict[str, bytes], env: dict[str, str] | None = None) -> str:
    environment = {"LORATUI_HOME": str(home), **(env or {})}
    with PtyTerminal([*LORATUI, "doctor"], environment, (200, 60), replies=replies) as terminal:
        terminal.wait(30)
        assert terminal.is_cooked()
        return " ".join(terminal.screen_text().split())


def test_doctor_tells_what_a_good_terminal_can_do(tmp_path: Path) -> None:
    text = _doctor(tmp_path, dict(KITTY), {"SSH_CONNECTION": "1 2 3 4"})
    assert "terminal ok kitty 0.32.2, TERM=xterm-256color, cells of 10x20 pixels, over SSH, answered in" in text
    assert "colours ok 24-bit: kitty has it" in text
    assert "images ok Kitty graphics: kitty 0.32.2 draws Unicode placeholders" in text


def test_doctor_tells_what_a_plain_terminal_lacks(tmp_path: Path) -> None:
    text = _doctor(tmp_path, dict(XTERM))
    assert "colours warning 256 colours" in text and "set COLORTERM=truecolor" in text
    assert "images ok half cells: the terminal does not draw Unicode placeholders" in text


def test_doctor_names_a_wrong_setting_of_images(tmp_path: Path) -> None:
    text = _doctor(tmp_path, dict(XTERM), {"LORATUI_IMAGES": "sixel"})
    assert "terminal problem LORATUI_IMAGES can't be 'sixel'." in text


def test_doctor_in_a_script_asks_no_terminal(tmp_path: Path) -> None:
    done = subprocess.run(
        [*LORATUI, "doctor"],
        env={**os.environ, "LORATUI_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "images" not in done.stdout and "\x1b" not in done.stdout


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_doctor_inside_a_real_tmux_prints_the_lines_to_add(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text("[ui]\ntmux_passthrough = true\n")
    inside = f"env LORATUI_HOME={home} {sys.executable} -m loratui doctor; echo DONE; sleep 30"
    argv = ["tmux", "-f", "/dev/null", "new-session", inside]
    env = {"TMUX_TMPDIR": str(tmp_path)}
    with PtyTerminal(argv, env, (200, 60), replies=KITTY) as terminal:
        terminal.wait_for("DONE", 30)
        text = terminal.screen_text()
    subprocess.run(["tmux", "kill-server"], env={**os.environ, **env}, check=False, capture_output=True)
    assert "tmux lets nothing through: set -g allow-passthrough on" in " ".join(text.split())
    for line in ("set -g allow-passthrough on", "set -as terminal-features ',*:RGB'", "set -sg escape-time 10"):
        assert line in text


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_through_a_real_tmux_the_terminal_outside_answers(tmp_path: Path) -> None:
    (tmp_path / "tmux.conf").write_text("set -g allow-passthrough on\nset -as terminal-features ',*:RGB'\n")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text("[ui]\ntmux_passthrough = true\n")
    inside = f"env LORATUI_HOME={tmp_path / 'home'} {sys.executable} -m loratui doctor; echo DONE; sleep 30"
    env = {"TMUX_TMPDIR": str(tmp_path)}
    argv = ["tmux", "-f", str(tmp_path / "tmux.conf"), "new-session", inside]
    with PtyTerminal(argv, env, (200, 60), replies=KITTY, reply_delay=0.1) as terminal:
        terminal.wait_for("DONE", 30)
        text = " ".join(terminal.screen_text().split())
    subprocess.run(["tmux", "kill-server"], env={**os.environ, **env}, check=False, capture_output=True)
    assert "Kitty graphics: kitty 0.32.2 draws Unicode placeholders" in text
    assert "24-bit: tmux knows that the terminal outside has RGB" in text


def test_reset_terminal_takes_back_every_mode(tmp_path: Path) -> None:
    script = r"printf '\033[?1049h\033[?1003h\033[?1006h\033[?2004h\033[?25l\033[>25u'; stty raw -echo; "
    argv = ["/bin/sh", "-c", script + f"{sys.executable} -m loratui reset-terminal"]
    with PtyTerminal(argv, {"LORATUI_HOME": str(tmp_path)}) as terminal:
        assert terminal.wait() == 0
        assert terminal.modes == {7, 25} and terminal.keyboard_depth == 0
        assert terminal.is_cooked()
        assert termios.tcgetattr(terminal._slave)[0] & termios.ICRNL
        assert "The terminal is in order again." in terminal.screen_text()
