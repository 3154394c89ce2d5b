"""Leaving the terminal to the shell for a while, as ctrl+z does in any program."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from textual.driver import Driver

    from loratui.tui.app import LoratuiApp


def suspend(app: LoratuiApp) -> None:
    """Stop this program and all of its job; `fg` in the shell brings it back. Says so where nobody could."""
    if reason := why_not_suspend(app._driver):
        app.tell(reason)
        return
    app.app_suspend_signal.publish(app)
    # The whole job, as the terminal itself would: a program that has started this one waits otherwise for what sleeps.
    # Textual's driver hears it, puts the terminal in order and then stops.
    os.kill(0, signal.SIGTSTP)


def why_not_suspend(driver: Driver | None) -> str:
    """Why nobody could wake a program that stops here; empty when a shell can."""
    if driver is None or not driver.can_suspend:
        return "There is no shell to go back to from here. q quits."
    if not _is_job_of_shell():
        return "No shell has started loratui that could bring it back with fg. q quits."
    return ""


def _is_job_of_shell() -> bool:
    """Whether the job's first process was started by one of the same session, which is told when the job stops."""
    group, session = os.getpgrp(), os.getsid(0)
    try:
        parents = (parent.pid for parent in psutil.Process().parents())
        starter = next((pid for pid in parents if os.getpgid(pid) != group), 0)
        return starter > 0 and os.getsid(starter) == session
    except (psutil.Error, OSError):
        # It has gone meanwhile, or is none of ours.
        return False
