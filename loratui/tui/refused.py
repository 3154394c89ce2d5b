"""Files that an import turned away, each with the reason and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from loratui.tui.keymap import keys_of, show_key
from loratui.tui.registry import BY_ID
from loratui.tui.text import plain
from loratui.tui.wording import name_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.tui.app import LoratuiApp

_UNDO = BY_ID["app.undo"]
_MOST_ROWS, _SHARE, _FRAME = 24, 0.8, 4
"""Of the list; what the box takes of the screen at most, and its border and padding."""


class RefusedScreen(ModalScreen[None]):
    """A list to read: path and reason. Any way of leaving leaves."""

    DEFAULT_CSS = """
    RefusedScreen { align: center middle; }
    RefusedScreen > Vertical {
        width: 100; max-width: 95%; height: auto; max-height: 80%; padding: 1 2;
        border: round $warning; background: $surface;
    }
    RefusedScreen VerticalScroll { height: auto; max-height: 24; background: $surface; }
    RefusedScreen .keys { color: $text-muted; padding: 1 0 0 0; }
    """
    BINDINGS: ClassVar = [
        ("escape,q,enter", "dismiss(None)", "leave"),
        ("j", "scroll(1)", "down"),
        ("k", "scroll(-1)", "up"),
    ]

    def __init__(
        self,
        title: str,
        files: Sequence[tuple[str, str]],
        warnings: Sequence[str] = (),
        *,
        is_import: bool = True,
        can_undo: bool = False,
    ) -> None:
        """What an import refused is kept, and listed again in the library; with `can_undo`, `u` takes it back here."""
        super().__init__()
        self._is_import = is_import
        self._can_undo = can_undo
        self._title = title
        self._files = tuple(files)
        self._warnings = tuple(warnings)

    def compose(self) -> ComposeResult:
        app: LoratuiApp = self.app  # type: ignore[assignment]
        text, keymap = Text(), app.keymap_of_person
        for warning in self._warnings:
            text.append(f"{plain(name_keys(warning, keymap))}\n")
        for path, reason in self._files:
            text.append(f"{plain(path)}\n", style="bold")
            text.append(f"  {plain(name_keys(reason, keymap))}\n", style="dim")
        with Vertical():
            yield Static(Text(plain(self._title), style="bold"))
            yield Static("")
            with VerticalScroll():
                yield Static(text)
            keys = ["arrows or jk scroll", "esc leaves"]
            keys += [f"{show_key(key)} undoes" for key in self._undo_keys[:1]]
            keys += ["R in the library lists them again"] * (self._is_import and bool(self._files))
            yield Static(Text("   ".join(keys)), classes="keys")

    @property
    def _undo_keys(self) -> tuple[str, ...]:
        app: LoratuiApp = self.app  # type: ignore[assignment]
        return keys_of(_UNDO, app.keymap_of_person) if self._can_undo else ()

    def on_mount(self) -> None:
        for key in self._undo_keys:
            self._bindings.bind(key, "undo", "undo")
        self.query_one(VerticalScroll).focus()

    def on_resize(self) -> None:
        self.call_after_refresh(self._fit)

    def _fit(self) -> None:
        """Leave the list the rows that title and keys leave: more would lie below the border, out of reach."""
        listed = self.query_one(VerticalScroll)
        box = listed.parent
        assert isinstance(box, Vertical)
        others = sum(child.outer_size.height for child in box.children if child is not listed)
        listed.styles.max_height = max(1, min(_MOST_ROWS, int(self.size.height * _SHARE) - _FRAME - others))

    def action_scroll(self, rows: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=rows, animate=False)

    def action_undo(self) -> None:
        app: LoratuiApp = self.app  # type: ignore[assignment]
        self.dismiss(None)
        app.action_do(_UNDO.id)
