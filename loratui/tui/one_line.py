"""A line to type into that loses nothing of what is pasted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widgets import Input

if TYPE_CHECKING:
    from textual import events


class OneLine(Input):
    """A line of text; of several lines that are pasted it makes one, with `joint` between them."""

    joint = " "

    def _on_paste(self, event: events.Paste) -> None:
        parts = [part for line in event.text.splitlines() if (part := line.strip())]
        # A part that ends in a comma needs no other.
        text = "".join(part + (" " if part.endswith(self.joint.strip() or " ") else self.joint) for part in parts[:-1])
        if parts:
            text += parts[-1] if len(parts) > 1 else event.text.strip("\r\n")
            start, end = self.selection
            self.replace(text, *sorted((start, end)))
        event.stop()
        event.prevent_default()


class TagLine(OneLine):
    """A line of tags."""

    joint = ", "
