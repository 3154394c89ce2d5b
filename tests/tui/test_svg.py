"""Screens as SVG files: small, with every word as text and pictures as one image."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

from PIL import Image
from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.strip import Strip
from textual.widget import Widget

from loratui.tui.svg import draw_svg

SVG = "{http://www.w3.org/2000/svg}"


class Picture(Widget):
    """A red over blue half cell, a word with signs that XML would misread, and a bar."""

    DEFAULT_CSS = "Picture { width: 100%; height: 100%; }"

    def render_line(self, y: int) -> Strip:
        if y:
            return Strip.blank(self.size.width)
        return Strip(
            [
                Segment("▀", Style(color="#ff0000", bgcolor="#0000ff")),
                Segment(" a<b & 'c' ", Style(color="#00ff00", bgcolor="#202020", bold=True)),
                Segment("▌", Style(color="#ffff00", bgcolor="#202020")),
            ]
        ).adjust_cell_length(self.size.width)


class Bench(App[None]):
    def compose(self) -> ComposeResult:
        yield Picture()


async def test_a_screen_becomes_text_over_one_image_of_two_pixels_a_cell() -> None:
    app = Bench()
    async with app.run_test(size=(20, 4)) as pilot:
        await pilot.pause()
        drawn = draw_svg(app, "a <title>")
    tree = ElementTree.fromstring(drawn)
    assert tree.findtext(f"{SVG}title") == "a <title>"
    (image,) = tree.iter(f"{SVG}image")
    data = re.sub(r"^data:image/png;base64,", "", image.attrib["href"])
    pixels = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    assert pixels.size == (20, 8)
    assert (pixels.getpixel((0, 0)), pixels.getpixel((0, 1))) == ((255, 0, 0), (0, 0, 255))
    assert pixels.getpixel((1, 0)) == pixels.getpixel((1, 1)) == (0x20, 0x20, 0x20)
    (text,) = tree.iter(f"{SVG}text")
    assert text.text == "a<b & 'c'"
    assert (text.attrib["x"], text.attrib["fill"], text.attrib["font-weight"]) == ("16", "#00ff00", "bold")
    assert [bar.attrib["fill"] for bar in tree.iter(f"{SVG}rect")][1:] == ["#ffff00"]
