"""The lines, corners and dots that Textual and our tables draw, as plain characters for --ascii."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.filter import LineFilter

if TYPE_CHECKING:
    from textual.color import Color

# Text that was cut off must not look whole.
# Parts of a block are the ends of scroll bars: without them the ends are where a cell ends.
_PLAIN = str.maketrans("›…─━│╭╮╰╯▁▂▃▄▅▆▇", ">~--|++++       ")


class PlainLines(LineFilter):
    """Last of the filters: what a widget drew with other characters becomes plain, cell for cell."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.text.isascii()
            else Segment(segment.text.translate(_PLAIN), segment.style, segment.control)
            for segment in segments
        ]
