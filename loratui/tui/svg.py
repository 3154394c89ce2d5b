"""The screen as a small SVG: backgrounds and pictures as one image of two pixels a cell, text as text over it."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from rich.cells import cell_len

if TYPE_CHECKING:
    from rich.color import Color
    from rich.segment import Segment
    from rich.style import Style
    from textual.app import App
    from textual.strip import Strip

CELL = (8, 16)
"""Width and height of a cell in pixels of the SVG."""
FRAME = 10
"""Pixels around the terminal."""

_FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
_BLOCKS = " ▀▄█"
_RGB = tuple[int, int, int]


def draw_svg(app: App[None], title: str = "") -> str:
    """What the app shows now. Rich's own export writes an element per cell of a picture: 40 times the size."""
    strips = app.screen._compositor.render_strips()
    back = app.screen.background_colors[1].rgb
    fore: _RGB = (214, 217, 221)
    width, height = app.size
    picture = bytearray(3 * width * 2 * height)
    texts: list[str] = []
    for row, strip in enumerate(strips):
        column = 0
        for text, style, *_ in _segments(strip):
            size = cell_len(text)
            fg, bg = _colours(style, fore, back)
            drawn = text if not text.strip(_BLOCKS) else " " * size
            for half, blocks in ((0, "▀█"), (1, "▄█")):
                start = 3 * ((2 * row + half) * width + column)
                colours = [bytes(fg if character in blocks else bg) for character in drawn]
                picture[start : start + 3 * size] = b"".join(colours)
            if text.strip(_BLOCKS):
                texts.append(_draw_text(text, style, fg, column, row))
            column += size
    image = base64.b64encode(_write_png(bytes(picture), (width, 2 * height))).decode()
    inner = (width * CELL[0], height * CELL[1])
    outer = (inner[0] + 2 * FRAME, inner[1] + 2 * FRAME)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {outer[0]} {outer[1]}" role="img">',
            f"<title>{escape(title or app.title)}</title>",
            f"<style>text{{font-size:13px;font-family:{_FONT};white-space:pre}}image{{image-rendering:pixelated}}</style>",
            f'<rect width="{outer[0]}" height="{outer[1]}" rx="8" fill="{_hex(back)}"/>',
            f'<g transform="translate({FRAME},{FRAME})">',
            f'<image width="{inner[0]}" height="{inner[1]}" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{image}"/>',
            *texts,
            "</g>",
            "</svg>",
            "",
        ]
    )


def _segments(strip: Strip) -> list[Segment]:
    return [segment for segment in strip if segment.text and not segment.control]


def _draw_text(text: str, style: Style | None, colour: _RGB, column: int, row: int) -> str:
    """One run of text, stretched to its cells so that every font lines up."""
    lead = len(text) - len(text.lstrip(" "))
    shown = text.strip(" ")
    x = (column + lead) * CELL[0]
    if not shown.strip("▌"):
        # A bar drawn as a letter would show gaps between lines.
        return f'<rect x="{x}" y="{row * CELL[1]}" width="{CELL[0] // 2}" height="{CELL[1]}" fill="{_hex(colour)}"/>'
    looks = ""
    if style is not None:
        looks += ' font-weight="bold"' if style.bold else ""
        looks += ' font-style="italic"' if style.italic else ""
        lines = [name for name, on in (("underline", style.underline), ("line-through", style.strike)) if on]
        looks += f' text-decoration="{" ".join(lines)}"' if lines else ""
    length = cell_len(shown) * CELL[0]
    return (
        f'<text x="{x}" y="{row * CELL[1] + 12}" textLength="{length}" lengthAdjust="spacingAndGlyphs" '
        f'fill="{_hex(colour)}"{looks}>{escape(shown)}</text>'
    )


def _colours(style: Style | None, fore: _RGB, back: _RGB) -> tuple[_RGB, _RGB]:
    if style is None:
        return fore, back
    fg, bg = _rgb(style.color, fore), _rgb(style.bgcolor, back)
    if style.reverse:
        fg, bg = bg, fg
    if style.dim:
        fg = (fg[0] + bg[0]) // 2, (fg[1] + bg[1]) // 2, (fg[2] + bg[2]) // 2
    return fg, bg


def _rgb(color: Color | None, default: _RGB) -> _RGB:
    if color is None or color.is_default:
        return default
    red, green, blue = color.get_truecolor()
    return red, green, blue


def _hex(colour: _RGB) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def _write_png(pixels: bytes, size: tuple[int, int]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.frombytes("RGB", size, pixels).save(file, "PNG", optimize=True)
    return file.getvalue()
