"""The app itself on a real PTY: what is pasted, how it leaves and comes back, and what it says when all is not well."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from pty_terminal import PtyTerminal

from loratui.captions.service import captions_of
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog

if TYPE_CHECKING:
    from loratui.config import Home

StartApp = Callable[..., PtyTerminal]


def test_a_paste_full_of_escapes_is_a_caption_without_them(start_app: StartApp, mira: Home) -> None:
    app = start_app()
    app.wait_for("1 subject")
    app.press("enter")
    app.wait_for("inbox 12")
    app.press("e")
    app.wait_for("tokens")
    app.press("ctrl+u")
    app.send("\x1b[200~" + "a \x1b[31mred\x1b hat, \x1b]11;?\x07" + "\x1b" * 1500 + " at dusk\x1b[201~")
    app.press("ctrl+s")
    app.wait_for("u undoes")
    with open_catalog(mira) as catalog:
        first = select_memberships(catalog, "Mira")[0]
        assert captions_of(catalog, "Mira")[first.id] == "a [31mred hat, ]11;? at dusk"
    app.press("escape", "q")
    assert app.wait() == 0


def test_a_locale_without_utf8_gets_no_other_signs_than_ascii(start_app: StartApp, mira: Home) -> None:
    app = start_app(LANG="C")
    app.wait_for("1 subject")
    app.press("enter")
    app.wait_for("inbox 12")
    assert app.screen_text().isascii()
    app.press("q")
    assert app.wait() == 0


def test_ctrl_z_leaves_the_terminal_to_the_shell_and_fg_comes_back(mira: Home) -> None:
    env = {"LORATUI_HOME": str(mira.data), "PS1": "shell> ", "HISTFILE": "", "OMP_NUM_THREADS": "1"}
    with PtyTerminal(["bash", "--norc", "--noprofile", "-i"], env, size=(120, 40)) as shell:
        shell.wait_for("shell>")
        shell.send(f"{sys.executable} -m loratui\r")
        shell.wait_for("1 subject")
        shell.press("ctrl+z")
        shell.wait_for("Stopped")
        # 2004 is set by the shell itself.
        assert not shell.modes & {1000, 1004, 1049} and {7, 25} <= shell.modes and shell.keyboard_depth == 0
        shell.send("echo here I am\r")
        shell.wait_for("\nhere I am")
        shell.send("fg\r")
        shell.wait_for("1 subject")
        shell.press("enter")
        shell.wait_for("inbox 12")
        shell.press("q")
        shell.wait_for(lambda text: text.rstrip().endswith("shell>"))
        shell.send("exit\r")
        assert shell.wait() == 0


def test_ctrl_z_without_a_shell_says_that_nobody_could_bring_it_back(start_app: StartApp, mira: Home) -> None:
    app = start_app()
    app.wait_for("1 subject")
    app.press("ctrl+z")
    app.wait_for("No shell has started loratui")
    app.press("q")
    assert app.wait() == 0


@pytest.mark.parametrize("damage", [b"", b"this is no database " * 500], ids=["emptied", "overwritten"])
def test_a_damaged_library_is_told_on_the_screen_and_goes_on_being_told(
    start_app: StartApp, mira: Home, damage: bytes
) -> None:
    # The app has run before, and has kept what it showed then.
    before = start_app()
    before.wait_for("1 subject")
    before.press("q")
    assert before.wait() == 0
    for suffix in ("-wal", "-shm"):
        mira.database.with_name(mira.database.name + suffix).unlink(missing_ok=True)
    mira.database.write_bytes(damage)

    app = start_app()
    app.wait_for("The library can't be read.")
    for key in ("j", "n", "escape", "f4", "f2"):
        app.press(key)
    app.wait_quiet(0.3)
    # A long path may break the sentence anywhere.
    text = " ".join(app.screen_text().split())
    assert "The library can't be read." in text and "Mira" not in text and "No subjects yet" not in text
    assert ("is empty, but it had a library" if not damage else "is damaged: file is not a database") in text
    assert "Leave with q" in text
    app.press("q")
    assert app.wait() == 0
    assert mira.database.read_bytes() == damage
