"""What Textual sends to the terminal, in the fewest bytes.

Textual 8.2 sends a partial update from the left edge of the widget on, whatever was to be painted: moving a cursor in
the rightmost column of a picture wall would resend every picture left of it (78 KB for one key, measured; 1.4 KB
here). And it resets the colours after every segment, which for half cells is a tenth of the bytes.
This is the one place that leans on those private parts; without it everything is right, only slower.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.app import App

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from textual.screen import Screen
    from textual.strip import Strip

_RESET = "\x1b[0m"


Seen = dict[int, dict[int, tuple[int, str]]]
"""What the terminal shows: by line and first column, the column after the last one and what was written there."""


class CompactOutput(App[None]):
    """An app whose updates are written cropped to what changed, with only the colour changes between segments."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Seen = {}

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, (ChopsUpdate, LayoutUpdate)):
            super()._display(screen, cast("RenderableType", CompactUpdate(renderable, self._seen)))
        else:
            super()._display(screen, renderable)

    def forget_screen(self) -> None:
        """The terminal may show something else than was written to it: the next full update sends everything."""
        self._seen.clear()

    def on_mount(self) -> None:
        self.app_resume_signal.subscribe(self, lambda _: self.forget_screen())

    def on_resize(self) -> None:
        # Also when the size is the same again: what was cut off in between is gone.
        self.forget_screen()

    def send(self, data: str) -> bool:
        """Write to the terminal past Textual, from any thread; False when there is none or it is lent to a program."""
        driver = self._driver
        if driver is None or driver.is_headless or getattr(driver, "_writer_thread", None) is None:
            return False
        driver.write(data)
        return True


class CompactUpdate(CompositorUpdate):
    """An update of the compositor, written in fewer bytes; what is `seen` already is left out.

    Textual repaints the whole screen more often than anything on it changes: when a dialog closes, up to three times.
    """

    def __init__(self, update: ChopsUpdate | LayoutUpdate, seen: Seen | None = None) -> None:
        self._update = update
        self._seen: Seen = {} if seen is None else seen

    def render_segments(self, console: Console) -> str:
        colours = console._color_system or ColorSystem.TRUECOLOR
        update = self._update
        parts: list[str] = []
        if isinstance(update, LayoutUpdate):
            for y, line in enumerate(update.strips, update.region.y):
                x = update.region.x
                for strip in line:
                    end = x + strip.cell_length
                    self._write_piece(parts, y, x, end, write_strip(strip, colours))
                    x = end
            return "".join(parts)
        for y, left, right in update.spans:
            for end, (x, piece) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if piece is None or x >= right or end <= left:
                    continue
                if x >= left and end <= right:
                    self._write_piece(parts, y, x, end, write_strip(piece, colours))
                    continue
                start, stop = max(x, left), min(end, right)
                self._forget_piece(y, start, stop)
                text = write_strip(piece.crop(start - x, stop - x), colours)
                parts.append(f"\x1b[{y + 1};{start + 1}H{text}")
        return "".join(parts)

    def _write_piece(self, parts: list[str], y: int, x: int, end: int, text: str) -> None:
        line = self._seen.setdefault(y, {})
        if line.get(x) != (end, text):
            self._forget_piece(y, x, end)
            line[x] = (end, text)
            parts.append(f"\x1b[{y + 1};{x + 1}H{text}")

    def _forget_piece(self, y: int, x: int, end: int) -> None:
        line = self._seen.get(y)
        if line:
            for start in [start for start, (stop, _) in line.items() if start < end and stop > x]:
                del line[start]


class _Codes(NamedTuple):
    """The parts of a style's SGR codes, each with its semicolons; empty for the terminal's default."""

    attributes: str
    colour: str
    background: str
    shows_on_blanks: bool
    """Whether a blank in this style looks different without the foreground: underlined, reversed, struck."""


_PLAIN = _Codes("", "", "", False)


def write_strip(strip: Strip, colours: ColorSystem) -> str:
    """The strip for a terminal, beginning and ending with default colours; kept on the strip."""
    if strip._render_cache is not None:
        return strip._render_cache
    parts: list[str] = []
    append = parts.append
    attributes = colour = background = ""
    for text, style, control in strip._segments:
        if control or not text:
            continue
        if style is None:
            codes = _PLAIN
        elif style._link:
            # A link has its own frame around it, and begins with plain colours.
            if attributes or colour or background:
                append(_RESET)
                attributes = colour = background = ""
            append(style.render(text, color_system=colours))
            continue
        else:
            codes = _split_codes(style._ansi if style._ansi is not None else style._make_ansi_codes(colours))
        if codes.attributes != attributes:
            # Attributes can be added, but only a reset takes them away.
            if attributes:
                colour = background = ""
                change = f"0;{codes.attributes}" if codes.attributes else "0"
            else:
                change = codes.attributes
            attributes = codes.attributes
        else:
            change = ""
        if codes.background != background:
            background = codes.background
            change += f";{background or '49'}"
        if codes.colour != colour and (codes.shows_on_blanks or not text.isspace()):
            colour = codes.colour
            change += f";{colour or '39'}"
        if change:
            append(f"\x1b[{change.lstrip(';')}m{text}")
        else:
            append(text)
    if attributes or colour or background:
        append(_RESET)
    strip._render_cache = "".join(parts)
    return strip._render_cache


@lru_cache(maxsize=32_768)
def _split_codes(codes: str) -> _Codes:
    """Take `1;38;2;10;20;30;48;5;17` apart into what it says of attributes, colour and background."""
    attributes: list[str] = []
    colour = background = ""
    rest = codes.split(";") if codes else []
    while rest:
        code = rest.pop(0)
        value = int(code)
        if value in (38, 48):
            count = 4 if rest[0] == "2" else 2
            full = ";".join((code, *rest[:count]))
            del rest[:count]
            if value == 38:
                colour = full
            else:
                background = full
        elif 30 <= value <= 39 or 90 <= value <= 97:
            colour = "" if value == 39 else code
        elif 40 <= value <= 49 or 100 <= value <= 107:
            background = "" if value == 49 else code
        else:
            attributes.append(code)
    shows = any(attribute in ("4", "5", "6", "7", "9", "21", "51", "52", "53") for attribute in attributes)
    return _Codes(";".join(attributes), colour, background, shows)
