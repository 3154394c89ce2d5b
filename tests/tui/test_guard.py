"""However the app ends, the terminal is in order afterwards and nothing is left running. Real processes, real PTYs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pty_terminal import KITTY, SILENT, PtyTerminal

from loratui.tui.guard import LEFTOVERS, RESETS, start_guard

STAND_IN = str(Path(__file__).parent / "stand_in_app.py")
BROKEN = {1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1049, 2004, 2026, 2048}
Start = Callable[..., PtyTerminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the stand-in app on a terminal and waits until it is there."""
    started: list[PtyTerminal] = []

    def start(manner: str = "", *flags: str) -> PtyTerminal:
        env = {"LORATUI_HOME": str(tmp_path / "home"), "STAND_IN": manner}
        terminal = PtyTerminal([sys.executable, STAND_IN, *flags], env, replies=KITTY)
        started.append(terminal)
        terminal.wait_for("READY")
        terminal.wait_for(lambda _: 2004 in terminal.modes)
        return terminal

    yield start
    for terminal in started:
        terminal.__exit__()


def _guards(terminal: PtyTerminal) -> list[psutil.Process]:
    return [child for child in psutil.Process(terminal.process.pid).children() if child.name() == "sh"]


def _wait_for(holds: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def _is_in_order(terminal: PtyTerminal) -> bool:
    return not terminal.modes & BROKEN and {7, 25} <= terminal.modes and terminal.keyboard_depth == 0


def _gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_the_app_puts_the_terminal_in_order_when_it_quits(start: Start) -> None:
    terminal = start()
    assert terminal.modes & {1000, 1003, 1049, 2004} and not terminal.is_cooked()
    (guard,) = _guards(terminal)
    terminal.press("q")
    assert terminal.wait() == 0
    assert _is_in_order(terminal) and terminal.is_cooked()
    assert not guard.is_running()


def test_a_killed_app_leaves_no_broken_modes_behind(start: Start) -> None:
    terminal = start()
    (guard,) = _guards(terminal)
    terminal.kill(signal.SIGKILL)
    assert terminal.wait() == -signal.SIGKILL
    _wait_for(lambda: _is_in_order(terminal) and terminal.is_cooked())
    _wait_for(lambda: _gone(guard))


def test_killing_all_that_is_called_loratui_spares_the_guard(start: Start) -> None:
    terminal = start()
    (guard,) = _guards(terminal)
    # What `pkill -f loratui` compares.
    assert not any("loratui" in word for word in guard.cmdline())
    os.killpg(os.getpgid(terminal.process.pid), signal.SIGKILL)
    terminal.wait()
    _wait_for(lambda: _is_in_order(terminal) and terminal.is_cooked())


def test_the_guard_leaves_alone_a_shell_that_has_set_up_the_terminal_again(start: Start) -> None:
    import termios

    terminal = start()
    (guard,) = _guards(terminal)
    guard.suspend()
    terminal.kill()
    terminal.wait()
    # As readline does it: character by character, without echo, but with signals.
    modes = termios.tcgetattr(terminal._slave)
    modes[3] = (modes[3] | termios.ISIG) & ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(terminal._slave, termios.TCSANOW, modes)
    guard.resume()
    _wait_for(lambda: _is_in_order(terminal) and _gone(guard))
    assert termios.tcgetattr(terminal._slave)[3] & (termios.ICANON | termios.ECHO) == 0


def test_the_terminals_own_settings_come_back_and_not_some_others(start: Start) -> None:
    # Asked of the guard alone: an erase key of one's own, no flow control.
    code = "import os, tty, time; from loratui.tui.guard import start_guard; start_guard(1).arm(); tty.setraw(0)\n"
    code += "print('RAW', flush=True); time.sleep(60)"
    argv = ["/bin/sh", "-c", 'stty erase ^H -ixon; exec "$0" -c "$1"', sys.executable, code]
    with PtyTerminal(argv) as terminal:
        terminal.wait_for("RAW")
        terminal.kill()
        terminal.wait()
        _wait_for(terminal.is_cooked)
        settings = subprocess.run(["stty", "-a"], stdin=terminal._slave, capture_output=True, text=True).stdout
        assert "erase = ^H" in settings and "-ixon" in settings


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_app_cleanly_and_its_changes_are_written(
    start: Start, number: signal.Signals, tmp_path: Path
) -> None:
    terminal = start("slow")
    (guard,) = _guards(terminal)
    terminal.kill(number)
    assert terminal.wait() == 128 + number
    assert (tmp_path / "home" / "written").read_text() == "all"
    assert _is_in_order(terminal) and terminal.is_cooked()
    assert not guard.is_running()


def test_a_closed_terminal_ends_the_app_which_writes_all_it_was_told(start: Start, tmp_path: Path) -> None:
    terminal = start()
    app = psutil.Process(terminal.process.pid)
    children = app.children(recursive=True)
    terminal.hang_up()
    assert terminal.process.wait(30) == 128 + signal.SIGHUP
    assert (tmp_path / "home" / "written").read_text() == "all"
    _wait_for(lambda: all(_gone(child) for child in children))


def test_a_closed_terminal_that_sends_no_signal_ends_the_app_too(tmp_path: Path) -> None:
    # As under nohup or in a session without a controlling terminal: only reads and writes tell.
    env = {"LORATUI_HOME": str(tmp_path / "home")}
    terminal = PtyTerminal(["setsid", "--wait", sys.executable, STAND_IN], env, replies=KITTY)
    terminal.wait_for("READY")
    (app,) = [one for one in psutil.Process(terminal.process.pid).children(recursive=True) if "python" in one.name()]
    terminal.hang_up()
    _wait_for(lambda: _gone(app))
    terminal.__exit__()
    assert (tmp_path / "home" / "written").read_text() == "all"


def test_an_app_that_is_stuck_is_ended_and_the_terminal_put_in_order(start: Start) -> None:
    terminal = start("stuck")
    terminal.press("x")
    terminal.wait_quiet(0.2)
    terminal.kill(signal.SIGHUP)
    assert terminal.wait() == 1
    _wait_for(lambda: _is_in_order(terminal) and terminal.is_cooked())


def test_a_terminal_that_is_killed_while_it_is_asked_echoes_again() -> None:
    code = "import os, time\nfrom loratui.config import UiSettings\nfrom loratui.tui import guard, terminal\n"
    code += "held = guard.start_guard(1); terminal.PATIENCE = 60; terminal.probe_terminal(os.environ, UiSettings())"
    with PtyTerminal([sys.executable, "-c", code], replies=SILENT) as terminal:
        terminal.wait_for(lambda _: b"\x1b[c" in terminal.raw)
        assert not terminal.is_cooked()
        terminal.kill()
        _wait_for(terminal.is_cooked)
        assert 1049 not in terminal.modes and b"1049" not in terminal.raw


def test_a_suspended_app_leaves_the_terminal_to_others(start: Start) -> None:
    terminal = start()
    terminal.press("e")
    terminal.wait_for("SUSPENDED")
    assert _is_in_order(terminal)
    terminal.wait_for(lambda text: " icanon" in text or "icanon" in text)
    terminal.press("enter")
    terminal.wait_for("READY")
    terminal.press("j")
    terminal.wait_for("e j.")
    terminal.kill()
    _wait_for(lambda: _is_in_order(terminal) and terminal.is_cooked())


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(start: Start) -> None:
    terminal = start()
    app = psutil.Process(terminal.process.pid)
    terminal.kill(signal.SIGTSTP)
    _wait_for(lambda: app.status() == psutil.STATUS_STOPPED)
    terminal.wait_quiet(0.1)
    assert _is_in_order(terminal) and terminal.is_cooked()
    terminal.kill(signal.SIGCONT)
    _wait_for(lambda: 1049 in terminal.modes and not terminal.is_cooked())
    terminal.press("j")
    terminal.wait_for("1 keys: j.")
    terminal.press("q")
    assert terminal.wait() == 0
    assert _is_in_order(terminal) and terminal.is_cooked()


def test_ctrl_c_while_the_terminal_is_asked_leaves_nothing_behind(tmp_path: Path) -> None:
    with PtyTerminal([sys.executable, STAND_IN], {"LORATUI_HOME": str(tmp_path)}, replies=SILENT) as terminal:
        terminal.wait_for(lambda _: b"\x1b[c" in terminal.raw)
        (guard,) = _guards(terminal)
        terminal.press("ctrl+c")
        assert terminal.wait() == 130
        assert terminal.is_cooked() and not guard.is_running()


def test_the_guard_starts_at_once_and_leaves_no_zombie() -> None:
    ears, mouth = os.pipe()
    guard = start_guard(mouth)
    child = psutil.Process(guard.pid)
    guard.arm()
    guard.disarm()
    guard.end()
    guard.end()
    assert not child.is_running()
    os.close(mouth)
    assert os.read(ears, 100) == b""
    os.close(ears)


def test_a_forked_child_does_not_keep_the_guard_waiting() -> None:
    ears, mouth = os.pipe()
    code = (
        "import os, sys, time\nfrom loratui.tui.guard import start_guard\nstart_guard(int(sys.argv[1])).arm()\n"
        "if os.fork() == 0:\n    os.close(1); time.sleep(30)\nos.kill(os.getpid(), 9)"
    )
    try:
        subprocess.run([sys.executable, "-c", code, str(mouth)], pass_fds=[mouth], check=False)
        assert RESETS.encode() == os.read(ears, 4096)
    finally:
        os.close(mouth)
        os.close(ears)
        for process in psutil.process_iter(["cmdline"]):
            if process.info["cmdline"] and str(code) in process.info["cmdline"]:
                process.kill()


def test_resets_after_a_clean_end_move_no_cursor_and_pop_no_keyboard() -> None:
    assert "1049" not in LEFTOVERS and "<u" not in LEFTOVERS and LEFTOVERS.endswith("\x1b[0m")
