"""What stands over every screen once the library can't be used by this version any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.screen import ModalScreen
from textual.widgets import Static

from loratui.tui.text import plain

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from loratui.errors import LoratuiError
    from loratui.tui.app import LoratuiApp


class StoppedScreen(ModalScreen[None]):
    """The reason, and the one key that is left: what is below could only show what is not so any more."""

    DEFAULT_CSS = """
    StoppedScreen { align: center middle; }
    StoppedScreen > Static {
        width: 76; max-width: 95%; height: auto; padding: 1 2; border: round $error; background: $surface;
    }
    """
    BINDINGS: ClassVar = [("q", "quit", "quit")]

    def __init__(self, error: LoratuiError) -> None:
        super().__init__()
        self._error = error

    def compose(self) -> ComposeResult:
        text = Text(plain(self._error.message), style="bold")
        text.append(f"\n\n{plain(self._error.hint)}", style="not bold")
        text.append("\n\nq quits", style="dim not bold")
        yield Static(text)

    def action_quit(self) -> None:
        self.app.exit()


def show_stopped(app: LoratuiApp, error: LoratuiError) -> None:
    """Say so over all screens; once, however many questions it answers."""
    if not any(isinstance(screen, StoppedScreen) for screen in app.screen_stack):
        app.drop_waiting_keys()
        app.push_screen(StoppedScreen(error))
