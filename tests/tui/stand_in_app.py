"""Runs the entry of the terminal app with a small app in place of the real one: it shows every key it gets.

python stand_in_app.py [flags of loratui tui]. STAND_IN says how it behaves: `fail` raises on the key x, `stuck` never
leaves its loop after x, `slow` takes a second to write its changes, `noisy` prints where libraries print.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import types
from typing import Any


def make_app() -> Any:
    """The class of the app; Textual is imported only now, as for the real one."""
    import time

    from textual.app import App, ComposeResult
    from textual.widgets import Static

    manner = os.environ.get("STAND_IN", "")

    class StandInApp(App[None]):
        def __init__(self, home: Any, settings: Any, terminal: Any, options: Any) -> None:
            super().__init__()
            self.about = f"brand={terminal.brand} images={options.images} mouse={options.mouse} as={options.subject}"
            self.keys: list[str] = []
            self.home = home

        def compose(self) -> ComposeResult:
            yield Static(f"READY {self.about}", markup=False)
            yield Static("keys:", id="keys", markup=False)
            yield Static("", id="size", markup=False)

        def on_mount(self) -> None:
            if manner == "noisy":
                import ctypes
                import logging
                import warnings

                os.write(2, b"a C library warns\n")
                ctypes.CDLL(None).perror(b"perror")
                logging.getLogger("somebody").warning("a logger warns")
                warnings.warn("python warns", stacklevel=1)

        def on_resize(self, event: Any) -> None:
            self.query_one("#size", Static).update(f"size {event.size.width}x{event.size.height}.")

        def on_key(self, event: Any) -> None:
            self.keys.append(event.key)
            self.query_one("#keys", Static).update(f"{len(self.keys)} keys: {' '.join(self.keys[-20:])}.")
            if event.key == "q":
                self.exit()
            if event.key == "e":
                with self.suspend():
                    os.system("echo SUSPENDED >&2; stty -a | grep -o '.icanon'; read line")
            if event.key == "x" and manner == "fail":
                raise RuntimeError("the stand-in broke [red]on purpose[/]")
            if event.key == "x" and manner == "stuck":
                while True:
                    time.sleep(0.1)

        def shut_down(self) -> bool:
            if manner == "slow":
                time.sleep(0.5)
            with (self.home.data / "written").open("w") as file:
                file.write("all")
            return manner != "unwritten"

    return StandInApp


class _Lazy(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name == "LoratuiApp":
            return make_app()
        raise AttributeError(name)


if __name__ == "__main__":
    module = _Lazy("loratui.tui.app")
    module.__spec__ = importlib.machinery.ModuleSpec("loratui.tui.app", None)
    sys.modules["loratui.tui.app"] = module
    from loratui.tui.entry import run_app

    sys.exit(run_app(sys.argv[1:]))
