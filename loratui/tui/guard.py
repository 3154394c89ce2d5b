"""A tiny process that repairs the terminal when the app could not: after kill -9, a crash of Python, a full memory.

It is a shell, in a session of its own, so that neither a signal to the app's process group nor `pkill -f loratui`
takes it along. It sleeps in a read on a pipe that only the app can write; when the pipe ends without a goodbye, it
writes the resets.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import termios
import time

# Once the terminal has left a string that was being written (CAN, ST): the kitty keyboard while still on the screen
# it was pushed on, synchronised output, mouse reports, focus, paste, resize reports; then line wrap, cursor, colours.
_MODES = (
    "\x1b[<u\x1b[?2026l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l"
    "\x1b[?1004l\x1b[?2004l\x1b[?2048l\x1b7\x1b[r\x1b8"
)
_LOOKS = "\x1b[?7h\x1b[?25h\x1b[0m"
RESETS = f"\x18\x1b\\{_MODES}\x1b[?1049l{_LOOKS}"
"""Takes back every mode that the app sets; harmless to write at any time, but for the jump of the cursor."""
LEFTOVERS = f"{_MODES.removeprefix(chr(27) + '[<u')}{_LOOKS}"
"""The same for an app that has left the alternate screen itself: the cursor stays, and no keyboard mode is popped."""

# Words come from the app: armed, idle (it has put the terminal in order itself), goodbye; before the first it may be
# asking the terminal, without echo. Later `stty` only undoes the state that the app made (isig off): a shell that has
# taken the terminal back meanwhile has set up what it needs.
_SCRIPT = r"""trap '' HUP INT QUIT TSTP TTOU TTIN TERM
state=asking
while read -r word; do state=$word; done
exec 0<&1
case $state in
asking) stty "$1" || stty sane;;
armed)
printf "$0"
case $(stty -a) in *-isig*) stty "$1" || stty sane;; esac
esac"""


class Guard:
    """The app's end of the pipe."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self._pipe = pipe
        self.armed = False
        """The terminal is in the app's modes now."""

    def arm(self) -> None:
        """The app has set modes that have to be taken back."""
        self._say("armed")

    def disarm(self) -> None:
        """The app has put the terminal in order itself, for now."""
        self._say("idle")

    def end(self) -> None:
        """Say goodbye and wait for the process, so that no zombie is left; may be called again."""
        if self._pipe < 0:
            return
        self._say("goodbye")
        os.close(self._pipe)
        self._pipe = -1
        # It answers within a millisecond; a stopped one is not worth a hanging exit.
        for _ in range(100):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(self.pid, os.WNOHANG)[0] == 0:
                    time.sleep(0.002)
                    continue
            return
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _say(self, word: str) -> None:
        self.armed = word == "armed"
        if self._pipe >= 0:
            # Nobody listens any more when the guard itself was killed.
            with contextlib.suppress(OSError):
                os.write(self._pipe, f"{word}\n".encode())

    def _forget(self) -> None:
        """In a forked child: its copy of the pipe would keep the guard waiting after the app has gone."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


def start_guard(terminal: int) -> Guard:
    """Start the guard of a terminal, given as a descriptor, in 1-2 ms; where there is no shell, nobody guards."""
    ears, mouth = os.pipe()
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            ["/bin/sh", "-c", _SCRIPT, _write_octal(RESETS), _save_modes(terminal)],
            {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, ears, 0),
                (os.POSIX_SPAWN_DUP2, terminal, 1),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE],
        )
    except OSError:
        os.close(mouth)
        return Guard(-1, -1)
    finally:
        os.close(ears)
    guard = Guard(pid, mouth)
    os.register_at_fork(after_in_child=guard._forget)
    return guard


def reset_terminal(terminal: int) -> None:
    """Take back every mode that a program may have left in a terminal, and let it edit lines again."""
    os.write(terminal, RESETS.encode())
    subprocess.run(["stty", "sane"], stdin=terminal, stderr=subprocess.DEVNULL, check=False)


def _write_octal(text: str) -> str:
    """The text as a format for the shell's printf."""
    return "".join(f"\\{ord(character):03o}" for character in text)


def _save_modes(terminal: int) -> str:
    """The terminal's settings in the form of `stty -g`; `sane` when they are no settings to come back to."""
    try:
        iflag, oflag, cflag, lflag, _, _, characters = termios.tcgetattr(terminal)
    except termios.error:
        return "sane"
    if not (lflag & termios.ICANON and lflag & termios.ECHO and lflag & termios.ISIG):
        return "sane"
    codes = [code if isinstance(code, int) else code[0] for code in characters]
    return ":".join(f"{value:x}" for value in (iflag, oflag, cflag, lflag, *codes))
