"""Copying text: what is written to the terminal, given to tmux, and kept."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from waiting import wait_until

from loratui.tui.clipboard import LONGEST_ESCAPE, copy

if TYPE_CHECKING:
    from pathlib import Path


def test_a_copy_goes_to_the_terminal_and_is_kept(tmp_path: Path) -> None:
    written: list[str] = []
    copy("loratui run list # ä\x1b", written.append, {}, tmp_path / "data" / "clipboard.txt")
    (escape,) = written
    assert escape.startswith("\x1b]52;c;") and escape.endswith("\x07")
    assert base64.b64decode(escape[7:-1]).decode() == "loratui run list # ä\x1b"
    assert (tmp_path / "data" / "clipboard.txt").read_text() == "loratui run list # ä\x1b"


def test_what_is_too_long_for_terminals_is_kept_in_the_file(tmp_path: Path) -> None:
    written: list[str] = []
    copy("x" * LONGEST_ESCAPE, written.append, {}, tmp_path / "clipboard.txt")
    assert written == []
    assert (tmp_path / "clipboard.txt").stat().st_size == LONGEST_ESCAPE


def test_a_copy_that_can_not_be_kept_still_reaches_the_terminal(tmp_path: Path) -> None:
    written: list[str] = []
    (tmp_path / "clipboard.txt").mkdir()
    copy("text", written.append, {}, tmp_path / "clipboard.txt")
    assert len(written) == 1


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_tmux_gets_the_text_into_its_buffer(tmp_path: Path) -> None:
    environ = {**os.environ, "TMUX_TMPDIR": str(tmp_path)}
    environ.pop("TMUX", None)
    tmux = ["tmux", "-f", "/dev/null"]
    subprocess.run([*tmux, "new-session", "-d", "sleep 60"], env=environ, check=True)
    try:
        socket = next((tmp_path / f"tmux-{os.getuid()}").iterdir())
        inside = {**environ, "TMUX": f"{socket},1,0"}
        copy("from the app", lambda _: None, inside, tmp_path / "clipboard.txt")

        def is_shown() -> bool:
            shown = subprocess.run([*tmux, "show-buffer"], env=environ, capture_output=True, text=True).stdout
            return shown == "from the app"

        wait_until(is_shown)
    finally:
        subprocess.run([*tmux, "kill-server"], env=environ, check=True)
