"""The decode pool: turns pictures into tiles in threads, what is looked at first, and keeps a bounded number.

Each owner (a wall, a preview) says with `want` what it wishes to show now; that replaces what it wished before, so
nothing that was scrolled past is ever decoded. Finished tiles are announced by one message at a time.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from textual.message import Message

from loratui.errors import LoratuiError
from loratui.tui.grid import Box, fit_box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.segment import Segment
    from textual.message_pump import MessagePump

    from loratui.tui.halfcells import Drawing
    from loratui.tui.pixels import Depth
    from loratui.tui.sources import Source
    from loratui.tui.terminal import Terminal

BUDGET_BYTES = 64 * 2**20
# Measured with 30,000 distinct styles alive, with all drafts; what is shared with other tiles left out.
_CELL_BYTES = 800
_AVERAGES = 20_000
# Tiles that finish within this time of each other are painted together.
_BATCH_SECONDS = 0.04
# Fewer than a terminal keeps, so that what is in sight never pushes itself out.
_SHARP_AT_ONCE = 200


class TileSpec(NamedTuple):
    """What a tile shows and how large: the key of the cache."""

    key: str
    cols: int
    rows: int
    dimmed: bool = False
    crop: tuple[float, float, float, float] | None = None
    """Left, top, right and bottom as shares of the picture's sides."""
    draft: bool = False
    """Made of the thumbnail even where that is not sharp enough: what is shown until the real one is there."""


class TileJob(NamedTuple):
    """A tile to make and where its pixels are."""

    spec: TileSpec
    source: Source
    drafts: bool = False
    """Draw it in fewer bytes as well."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A drawn picture: lines of segments that fill `box` in the tile, or in words why there are none."""

    spec: TileSpec
    box: Box
    lines: list[list[Segment]]
    error: str = ""
    sharp: bool = False
    """Drawn by the terminal itself, in pixels."""
    drawings: tuple[Drawing, ...] = ()
    """`lines` and the same in ever fewer bytes and less well, for what moves; nothing where there is no choice."""


class TilesReady(Message, bubble=False):
    """Some of the tiles that the receiver wants are in the pool now."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, TilesReady)


class TilePool:
    """Threads that decode, and the tiles they made, least recently shown out first. All methods are thread-safe.

    With a `sharper` pool, what is drawn and in sight is made again by that one, and its tiles are preferred.
    """

    def __init__(
        self,
        *,
        workers: int = 2,
        depth: Depth = "truecolor",
        cell_aspect: float = 2.0,
        budget: int = BUDGET_BYTES,
        sharper: TilePool | None = None,
    ) -> None:
        self.depth: Depth = depth
        self.cell_aspect = cell_aspect
        self.sharper = sharper
        self._budget = budget
        self._batch_seconds = _BATCH_SECONDS
        self._size = 0
        self._lock = threading.Condition(threading.RLock())
        self._tiles: OrderedDict[TileSpec, Tile] = OrderedDict()
        self._averages: OrderedDict[str, tuple[int, int, int]] = OrderedDict()
        self._wanted: dict[MessagePump, deque[TileJob]] = {}
        self._making: dict[TileSpec, set[MessagePump]] = {}
        self._last_post: dict[MessagePump, float] = {}
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._closed = False

    def get(self, spec: TileSpec) -> Tile | None:
        """The best tile that is made, if any."""
        if self.sharper is not None:
            tile = self.sharper.get(spec)
            if tile is not None and not tile.error:
                return tile
        with self._lock:
            tile = self._tiles.get(spec)
            if tile is not None:
                self._tiles.move_to_end(spec)
            return tile

    def lacks(self, spec: TileSpec) -> bool:
        """Whether `want` would make something better than there is."""
        with self._lock:
            if spec not in self._tiles:
                return True
        return self.sharper is not None and self._can_be_sharper(spec)

    def average(self, key: str) -> tuple[int, int, int] | None:
        """The mean colour of a picture that was decoded before, at any size."""
        return self._averages.get(key)

    def want(self, owner: MessagePump, jobs: Sequence[TileJob], ahead: Sequence[TileJob] = ()) -> None:
        """Replace what `owner` waits for, most urgent first; it gets TilesReady as they are made.

        `ahead` is what may come into sight next: drawn when there is nothing else to do.
        """
        # Before the threads start: what they have drawn a moment later is shown first, then made sharper.
        drawn = [job for job in jobs if self._can_be_sharper(job.spec)]
        with self._lock:
            wanted = deque(job for job in (*jobs, *ahead) if job.spec not in self._tiles)
            self._wanted.pop(owner, None)
            if wanted:
                self._wanted[owner] = wanted
                self._start()
                self._lock.notify(min(len(wanted), self._workers))
        if self.sharper is not None:
            self.sharper.want(owner, drawn[:_SHARP_AT_ONCE])

    def warm_up(self) -> None:
        """Have a thread load what drawing needs, so that the first picture that is wanted need not wait for it."""
        threading.Thread(target=_load_what_drawing_needs, name="tiles-warm-up", daemon=True).start()

    def leave(self, owner: MessagePump) -> None:
        """Forget an owner that is going away."""
        with self._lock:
            self._wanted.pop(owner, None)
            for waiting in self._making.values():
                waiting.discard(owner)
            self._last_post.pop(owner, None)
        if self.sharper is not None:
            self.sharper.leave(owner)

    def forget(self, keys: set[str] | None = None, *, errors_only: bool = False) -> None:
        """Drop the tiles of these sources (or of all), so that they are made again."""
        with self._lock:
            for spec, tile in list(self._tiles.items()):
                if (keys is None or spec.key in keys) and (tile.error or not errors_only):
                    self._drop(spec)
        if self.sharper is not None:
            self.sharper.forget(keys, errors_only=errors_only)

    @property
    def idle(self) -> bool:
        """Whether nothing is being made or waited for."""
        with self._lock:
            if self._making or self._wanted:
                return False
        return self.sharper is None or self.sharper.idle

    def forget_uploads(self) -> None:
        """The terminal may have lost pictures that were sent to it: send those in sight again."""
        if self.sharper is not None:
            self.sharper.forget_uploads()

    def close(self) -> None:
        """Stop the threads after the tiles they are at."""
        with self._lock:
            self._closed = True
            self._wanted.clear()
            self._lock.notify_all()
        if self.sharper is not None:
            self.sharper.close()

    def _can_be_sharper(self, spec: TileSpec) -> bool:
        with self._lock:
            tile = self._tiles.get(spec)
        return (
            tile is not None
            and not tile.error
            and not spec.draft
            and self.sharper is not None
            and self.sharper.lacks(spec)
        )

    def _start(self) -> None:
        while len(self._threads) < self._workers and not self._closed:
            thread = threading.Thread(target=self._work, name=f"tiles-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._closed and not self._wanted:
                    self._lock.wait()
                if self._closed:
                    return
                job = self._take()
            if job is None:
                continue
            tile, average = self._make(job)
            with self._lock:
                self._keep(tile, average)
                told = [waiting for waiting in self._making.pop(job.spec) if self._due(waiting)]
            for waiting in told:
                waiting.post_message(TilesReady())

    def _make(self, job: TileJob) -> tuple[Tile, tuple[int, int, int] | None]:
        return make_tile(job, self.depth, self.cell_aspect)

    def _due(self, owner: MessagePump) -> bool:
        now = time.monotonic()
        if self._closed or (owner in self._wanted and now - self._last_post.get(owner, 0.0) < self._batch_seconds):
            return False
        self._last_post[owner] = now
        return True

    def _take(self) -> TileJob | None:
        # The owner that asked last is what the person looks at.
        owner, jobs = next(reversed(self._wanted.items()))
        job = jobs.popleft()
        if not jobs:
            del self._wanted[owner]
        if job.spec in self._making:
            self._making[job.spec].add(owner)
            return None
        self._making[job.spec] = {owner}
        return job

    def _keep(self, tile: Tile, average: tuple[int, int, int] | None) -> None:
        if tile.spec not in self._tiles:
            self._size += self._cost(tile.spec)
        self._tiles[tile.spec] = tile
        while self._size > self._budget and len(self._tiles) > 1:
            self._drop(next(iter(self._tiles)))
        if average is not None:
            self._averages[tile.spec.key] = average
            if len(self._averages) > _AVERAGES:
                self._averages.popitem(last=False)

    def _drop(self, spec: TileSpec) -> None:
        del self._tiles[spec]
        self._size -= self._cost(spec)

    def _cost(self, spec: TileSpec) -> int:
        return spec.cols * spec.rows * _CELL_BYTES + 2_000


def _load_what_drawing_needs() -> None:
    from PIL import Image, JpegImagePlugin  # noqa: F401 - thumbnails are JPEG files

    from loratui.tui.grid import Box
    from loratui.tui.pixels import paint_half_cells, shrink

    # Tables of colours are made at the first use.
    paint_half_cells(shrink(Image.new("RGB", (2, 2)), Box(0, 0, 2, 1)), drafts=True)
    # The screen of a wall, and what is told beside the pictures: loaded when they are wanted, it would hold them up.
    import loratui.catalog.pictures
    import loratui.dataset.inspection
    import loratui.runs.bases
    import loratui.training.recipe
    import loratui.tui.pictures  # noqa: F401


def make_tile(job: TileJob, depth: Depth, cell_aspect: float = 2.0) -> tuple[Tile, tuple[int, int, int] | None]:
    """Decode and draw one tile; a picture that can't be loaded becomes a tile that says why."""
    from loratui.tui.pixels import average_colour, dim, paint_half_cells, shrink

    spec = job.spec
    try:
        # Of a part, the whole picture is decoded as much larger.
        part = 1.0 if spec.crop is None else min(spec.crop[2] - spec.crop[0], spec.crop[3] - spec.crop[1])
        image = job.source.load(0 if spec.draft else round(max(spec.cols, spec.rows * 2) / max(part, 0.01)))
        if spec.crop is None:
            size, crop = image.size, None
        else:
            left, top, right, bottom = spec.crop
            crop = (left * image.width, top * image.height, right * image.width, bottom * image.height)
            size = (max(1, round(crop[2] - crop[0])), max(1, round(crop[3] - crop[1])))
        box = fit_box(size, spec.cols, spec.rows, cell_aspect)
        rgb = shrink(image, box, crop)
        average = average_colour(rgb)
        drawings = paint_half_cells(dim(rgb) if spec.dimmed else rgb, depth, drafts=job.drafts)
        return Tile(spec, box, drawings[0].lines, drawings=tuple(drawings) if job.drafts else ()), average
    except LoratuiError as error:
        words = "missing" if error.code == "not_found" else error.message
    except FileNotFoundError:
        words = "missing"
    except Exception as error:
        # Decoders raise all sorts of errors for broken files: each must show on its tile, none may end the thread.
        words = f"can't be read: {error}"
    return Tile(spec, Box(0, 0, spec.cols, spec.rows), [], words), None


def build_pool(terminal: Terminal, send: Callable[[str], bool], *, images: str = "auto", plain: bool) -> TilePool:
    """The pool for a terminal: characters alone when `plain`, else as many colours and pixels as it can show.

    `images` is auto, kitty, halfcells or off, as a person set it.
    """
    cell_aspect = find_cell_aspect(terminal.cell_size)
    if images == "off" or plain:
        return TilePool(depth="off" if images == "off" else "ascii", cell_aspect=cell_aspect)
    if not terminal.kitty_placeholders or images == "halfcells":
        return TilePool(depth="truecolor" if terminal.truecolor else "256", cell_aspect=cell_aspect)
    from loratui.tui.kitty import LOCAL_RATE, SSH_RATE, KittyPool

    rate = SSH_RATE if terminal.over_ssh else LOCAL_RATE
    sharper = KittyPool(send, cell_size=terminal.cell_size or (10, 20), tmux=terminal.tmux, rate=rate)
    return TilePool(cell_aspect=cell_aspect, sharper=sharper)


def find_cell_aspect(cell_size: tuple[int, int] | None) -> float:
    """Height of a cell by its width; 2 where the terminal does not say, or says what no font looks like."""
    if cell_size is None or min(cell_size) <= 0:
        return 2.0
    return min(max(cell_size[1] / cell_size[0], 1.5), 3.0)
