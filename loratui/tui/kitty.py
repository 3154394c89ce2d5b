"""Sharp tiles: pictures uploaded with the Kitty graphics protocol, shown through Unicode placeholders.

The picture is sent once, with a virtual placement; from then on it is text, so that scrolling, dialogs and tmux need
nothing special. Protocol: https://sw.kovidgoyal.net/kitty/graphics-protocol/#unicode-placeholders
"""

from __future__ import annotations

import base64
import io
import os
import threading
import time
from typing import TYPE_CHECKING

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from loratui.errors import LoratuiError
from loratui.tui.grid import Box, fit_box
from loratui.tui.tiles import Tile, TilePool, TilesReady

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PIL import Image

    from loratui.tui.tiles import TileJob, TileSpec

CHUNK = 4096
"""Bytes of base64 in one escape sequence, as the protocol demands."""
SLOTS = 256
"""Pictures kept in the terminal."""
SSH_RATE = 900_000
"""Bytes per second over SSH: keys and repaints need the rest of a 10 Mbit/s link."""
LOCAL_RATE = 20_000_000
PLACEHOLDER = "\U0010eeee"

_BATCH_SECONDS = 0.1
_THUMBNAIL = 256
_LARGEST = 1024
# Wider than any tile of a wall: a preview, which deserves the picture itself.
_PREVIEW_COLS = 64
# kitty's rowcolumn-diacritics.txt: Unicode 6.0 marks of combining class 230 without a decomposition.
_DIACRITICS = """
0305 030D-030E 0310 0312 033D-033F 0346 034A-034C 0350-0352 0357 035B 0363-036F 0483-0487 0592-0595 0597-0599 059C-05A1
05A8-05A9 05AB-05AC 05AF 05C4 0610-0617 0657-065B 065D-065E 06D6-06DC 06DF-06E2 06E4 06E7-06E8 06EB-06EC 0730 0732-0733
0735-0736 073A 073D 073F-0741 0743 0745 0747 0749-074A 07EB-07F1 07F3 0816-0819 081B-0823 0825-0827 0829-082D 0951
0953-0954 0F82-0F83 0F86-0F87 135D-135F 17DD 193A 1A17 1A75-1A7C 1B6B 1B6D-1B73 1CD0-1CD2 1CDA-1CDB 1CE0 1DC0-1DC1
1DC3-1DC9 1DCB-1DCC 1DD1-1DE6 1DFE 20D0-20D1 20D4-20D7 20DB-20DC 20E1 20E7 20E9 20F0 2CEF-2CF1 2DE0-2DFF A66F A67C-A67D
A6F0-A6F1 A8E0-A8F1 AAB0 AAB2-AAB3 AAB7-AAB8 AABE-AABF AAC1 FE20-FE26 10A0F 10A38 1D185-1D189 1D1AA-1D1AD 1D242-1D244
"""


def _read_ranges(text: str) -> Iterator[str]:
    for part in text.split():
        first, _, last = part.partition("-")
        yield from map(chr, range(int(first, 16), int(last or first, 16) + 1))


DIACRITICS = tuple(_read_ranges(_DIACRITICS))
"""The mark for each number, of a row, a column or the highest byte of an id."""


class KittyPool(TilePool):
    """Uploads pictures one after the other, paced, and hands out tiles of placeholders.

    `send` writes to the terminal and may be called from any thread; it returns False when there is none any more.
    """

    def __init__(
        self,
        send: Callable[[str], bool],
        *,
        cell_size: tuple[int, int] = (10, 20),
        tmux: bool = False,
        rate: float = LOCAL_RATE,
        session: int | None = None,
    ) -> None:
        super().__init__(workers=1, cell_aspect=cell_size[1] / cell_size[0], budget=SLOTS)
        self._batch_seconds = _BATCH_SECONDS
        self._send = send
        self._cell_size = cell_size
        self._tmux = tmux
        self._rate = rate
        # Programs in other panes share the terminal's ids: theirs are unlikely to have the same middle bytes.
        self._session = (os.getpid() if session is None else session) & 0xFFFF
        self._free = list(range(SLOTS - 1, -1, -1))
        self._slots: dict[TileSpec, int] = {}
        self._closing = threading.Event()
        self._forgotten = 0

    def forget_uploads(self) -> None:
        """The terminal may have lost its pictures (resumed, attached anew, resized): send those in sight again."""
        with self._lock:
            self._forgotten += 1
            for spec in list(self._tiles):
                self._drop(spec)
            owners = list(self._last_post)
        for owner in owners:
            owner.post_message(TilesReady())

    def close(self) -> None:
        self._closing.set()
        with self._lock:
            used = list(self._slots.values())
            self._slots.clear()
        super().close()
        for slot in used:
            self._command(f"a=d,d=I,i={self._id_of(slot)}")

    def _make(self, job: TileJob) -> tuple[Tile, tuple[int, int, int] | None]:
        spec = job.spec
        box = Box(0, 0, spec.cols, spec.rows)
        try:
            box, png = encode_picture(job, self._cell_size)
        except (LoratuiError, OSError, SyntaxError, ValueError) as error:
            # The half-cell tile tells the person; this one keeps it from being tried again and again.
            return Tile(spec, box, [], str(error) or "broken", sharp=True), None
        with self._lock:
            if spec not in self._slots:
                self._slots[spec] = self._free.pop() if self._free else self._evict()
            number = self._id_of(self._slots[spec])
        begun = -1
        while begun != self._forgotten:
            begun = self._forgotten
            if not self._upload(number, png) or not self._command(f"a=p,U=1,i={number},c={box.cols},r={box.rows}"):
                return Tile(spec, box, [], "the terminal is gone", sharp=True), None
        return Tile(spec, box, draw_placeholders(number, box), sharp=True), None

    def _cost(self, spec: TileSpec) -> int:
        return 1

    def _drop(self, spec: TileSpec) -> None:
        super()._drop(spec)
        slot = self._slots.pop(spec, None)
        if slot is not None:
            self._free.append(slot)
            self._command(f"a=d,d=I,i={self._id_of(slot)}")

    def _evict(self) -> int:
        self._drop(next(spec for spec in self._tiles if spec in self._slots))
        return self._free.pop()

    def _id_of(self, slot: int) -> int:
        return 1 << 24 | self._session << 8 | slot

    def _upload(self, number: int, png: bytes) -> bool:
        for sequence in write_upload(number, png):
            started = time.monotonic()
            if self._closing.is_set() or not self._send(self._wrap(sequence)):
                return False
            self._closing.wait(max(0.0, len(sequence) / self._rate - (time.monotonic() - started)))
        return True

    def _command(self, keys: str) -> bool:
        return self._send(self._wrap(f"\x1b_G{keys},q=2\x1b\\"))

    def _wrap(self, sequence: str) -> str:
        if not self._tmux:
            return sequence
        return "\x1bPtmux;" + sequence.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def write_upload(number: int, png: bytes) -> Iterator[str]:
    """The escape sequences that send a PNG under an id; quiet, because replies would be taken for keys."""
    data = base64.standard_b64encode(png).decode()
    for start in range(0, len(data), CHUNK):
        more = int(start + CHUNK < len(data))
        keys = f"a=t,f=100,t=d,i={number},q=2,m={more}" if start == 0 else f"q=2,m={more}"
        yield f"\x1b_G{keys};{data[start : start + CHUNK]}\x1b\\"


def draw_placeholders(number: int, box: Box) -> list[list[Segment]]:
    """Lines that stand for an uploaded picture: the id is the colour and a mark, row and column are marks.

    Every cell says where it belongs, so that a dialog over part of a line does not shift the rest.
    """
    style = Style.from_color(Color.from_rgb(number >> 16 & 255, number >> 8 & 255, number & 255))
    high = DIACRITICS[number >> 24]
    lines = []
    for row in range(min(box.rows, len(DIACRITICS))):
        start = PLACEHOLDER + DIACRITICS[row]
        lines.append([Segment("".join(start + column + high for column in DIACRITICS[: box.cols]), style)])
    return lines


def encode_picture(job: TileJob, cell_size: tuple[int, int]) -> tuple[Box, bytes]:
    """Where a picture goes in its tile, and a PNG with a palette of it: a quarter of the bytes of 24-bit colour."""
    spec = job.spec
    wanted = max(spec.cols * cell_size[0], spec.rows * cell_size[1])
    image = job.source.load(min(wanted, _LARGEST) if spec.cols >= _PREVIEW_COLS else _THUMBNAIL)
    if spec.crop is not None:
        left, top, right, bottom = spec.crop
        whole = image.size
        image = image.crop(
            (round(left * whole[0]), round(top * whole[1]), round(right * whole[0]), round(bottom * whole[1]))
        )
    box = fit_box(image.size, spec.cols, spec.rows, cell_size[1] / cell_size[0])
    image.thumbnail((box.cols * cell_size[0], box.rows * cell_size[1]))
    return box, encode_png(darken(image) if spec.dimmed else image)


def encode_png(image: Image.Image) -> bytes:
    """A PNG with at most 256 colours."""
    from PIL import Image

    encoded = io.BytesIO()
    image.quantize(256, method=Image.Quantize.FASTOCTREE).save(encoded, "PNG", compress_level=6)
    return encoded.getvalue()


def darken(image: Image.Image) -> Image.Image:
    """Grey and dark, as the half cells of a rejected picture are."""
    return image.convert("L").point(lambda value: value * 0.35 + 16).convert("RGB")
