"""Holding Ctrl-C back while something must not be broken off half-way."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def hold_interrupts() -> Iterator[threading.Event]:
    """Set the event on SIGINT instead of raising KeyboardInterrupt, for as long as the context lasts.

    Off the main thread, where none is raised, and where a program has its own handler, nothing is held.
    """
    interrupted = threading.Event()
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual is not signal.default_int_handler:
        yield interrupted
        return
    signal.signal(signal.SIGINT, lambda _number, _frame: interrupted.set())
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, usual)
