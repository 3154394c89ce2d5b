"""Crops by keyboard: a box of the shape of a bucket over the picture, and what it will cut away in words."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from textual.content import Content
from textual.widgets import Static

from loratui.tui.base import LoratuiScreen
from loratui.tui.cropping import CropDraft, Shape, list_shapes, order_shapes, start_draft
from loratui.tui.naming import name_by_hashes
from loratui.tui.picture_view import PictureView
from loratui.tui.sources import MembershipSource
from loratui.tui.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.catalog.rows import Box, Membership
    from loratui.catalog.store import Catalog
    from loratui.config import Settings
    from loratui.dataset.buckets import BucketSettings
    from loratui.tui.theme import Glyphs

_MOVES = {
    **dict.fromkeys(("left", "h", "H", "shift+left"), (-1, 0)),
    **dict.fromkeys(("right", "l", "L", "shift+right"), (1, 0)),
    **dict.fromkeys(("up", "k", "K", "shift+up"), (0, -1)),
    **dict.fromkeys(("down", "j", "J", "shift+down"), (0, 1)),
}
_FAR = 5
# A held key comes this often at least; after so many presses in a row it goes faster.
_HELD_S, _PATIENCE = 0.12, 6
_SHAPE_CELLS = 11


@dataclass(frozen=True, slots=True)
class _Setting:
    """The buckets to crop for; `words` say of which recipe."""

    buckets: BucketSettings
    shapes: tuple[Shape, ...]
    words: str


class CropScreen(LoratuiScreen):
    """Crops one of several pictures after another; what was not kept is remembered until the screen is left."""

    scope = "crop"
    DEFAULT_CSS = """
    CropScreen PictureView { height: 1fr; margin: 0 1; }
    CropScreen #facts { height: 5; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, subject: str, ids: tuple[int, ...], place: int = 0) -> None:
        super().__init__()
        self.subject = subject
        self.ids = ids
        self.place = min(max(place, 0), max(0, len(ids) - 1))
        self.setting: _Setting | None = None
        self._catalog: Catalog | None = None
        self._rows: dict[int, Membership] = {}
        self._drafts: dict[int, CropDraft] = {}
        self._gone: set[int] = set()
        self._changes = 0
        self._held = ("", 0.0, 0)

    def compose_body(self) -> ComposeResult:
        yield PictureView(pool=self.lora.tiles, id="picture")
        yield Static("", id="facts")

    def screen_command(self) -> Sequence[str]:
        return ["crop", "list", self.subject]

    @property
    def id_shown(self) -> int:
        """Id of the membership that is shown; 0 when there is none."""
        return self.ids[self.place] if self.ids else 0

    @property
    def picture(self) -> Membership | None:
        """The picture that is shown, once it was read."""
        return self._rows.get(self.id_shown)

    @property
    def draft(self) -> CropDraft | None:
        """The box as it is being chosen; None while the kept crop, or none, is shown."""
        return self._drafts.get(self.id_shown)

    @property
    def box(self) -> Box | None:
        """The part of the picture that is bright: being chosen, or kept, or what the bucket would take."""
        picture, draft = self.picture, self.draft
        if picture is None or self.setting is None:
            return None
        if draft is not None:
            return draft.box
        return picture.crop or start_draft(picture, self.setting.shapes, self.setting.buckets).box

    # Reading

    def library_changed(self) -> None:
        self._read_rows(anew=True)
        settings, subject = self.lora.settings, self.subject

        def take(setting: _Setting) -> None:
            self.setting = setting
            self._show()

        self.read(lambda catalog: _choose_setting(catalog, subject, settings), take, "setting")

    def _read_rows(self, *, anew: bool = False) -> None:
        near = self.ids[max(0, self.place - 1) : self.place + 3]
        wanted = [id_ for id_ in near if anew or id_ not in self._rows]
        changes = self._changes
        if not wanted:
            return

        def work(catalog: Catalog) -> tuple[Catalog, list[Membership]]:
            from loratui.catalog.query import get_memberships

            return catalog, get_memberships(catalog, wanted)

        def take(answer: tuple[Catalog, list[Membership]]) -> None:
            self._catalog, rows = answer
            found = {row.id: row for row in rows}
            if changes != self._changes:
                # A key came in between: this is older than what is shown, and the library will tell of it again.
                self._rows = found | self._rows
            else:
                # Those out of sight may be old too, and are read again when somebody goes there.
                self._rows = found if anew else self._rows | found
                self._gone = set(wanted) - found.keys()
            self._show()

        self.read(work, take)

    # Showing

    def on_resize(self) -> None:
        self._show()

    def _show(self) -> None:
        picture = self.picture
        position = f"{self.place + 1:,} of {len(self.ids):,}" if self.ids else ""
        self.set_header(self.subject, "crop", plain(picture.name) if picture else "", status=position)
        facts, view = self.query_one("#facts", Static), self.query_one(PictureView)
        self.refresh_keys()
        if picture is None or self._catalog is None or self.setting is None:
            gone = not self.ids or self.id_shown in self._gone
            facts.update(
                Content("This picture is not in the subject any more; esc goes back." if gone else "Reading...")
            )
            view.set_source(None)
            return
        source = MembershipSource(self._catalog, picture)
        if view.source is None or view.source.key != source.key:
            view.set_source(source)
            near = self.ids[max(0, self.place - 1) : self.place + 2]
            rows = [self._rows[id_] for id_ in near if id_ in self._rows and id_ != picture.id]
            view.prepare(*(MembershipSource(self._catalog, row) for row in rows))
        view.set_box(self.box, (picture.width, picture.height))
        facts.update(self._describe(picture, self.setting))

    def _describe(self, picture: Membership, setting: _Setting) -> Content:
        from loratui.catalog.crops import describe_cut
        from loratui.dataset.inspection import place_picture

        glyphs, box = self.lora.glyphs, self.box or (0, 0, picture.width, picture.height)
        is_whole = self.draft is None and picture.crop is None
        used = (picture.width, picture.height) if is_whole else box[2:]
        placing = place_picture(*used, setting.buckets)
        # What training cuts by itself is told as everywhere: of the picture as it is resized.
        cut = placing.cut if is_whole and placing else describe_cut(picture.width, picture.height, box)
        lines = [self._describe_shapes(picture, setting)]
        if self._too_small(picture):
            state = ("too small to crop", "$foreground-muted")
        elif self.draft is not None:
            state = (f"{glyphs.arrow} not kept yet: enter keeps it", "bold $text-accent")
        elif picture.crop is not None:
            state = (f"{glyphs.yes} kept", "bold $text-success")
        else:
            state = ("not cropped: training would take this part by itself", "$foreground-muted")
        part = f"{box[2]}x{box[3]} of {picture.width}x{picture.height} at {box[0]},{box[1]}"
        lines.append(_line("part", part, state))
        share = f"{100 * cut.share:.0f} % of the picture" if cut.share >= 0.005 else ""
        lines.append(_line("cut", cut.sides or "nothing", (share, "$foreground-muted")))
        if placing is None:
            lines.append(_line("bucket", "none takes a picture this narrow", (glyphs.warn, "bold $text-warning")))
        else:
            bucket = f"{placing.bucket.width}x{placing.bucket.height}"
            besides = f", which cuts {placing.cut.sides} besides" if placing.cut.sides and not is_whole else ""
            lines.append(_line("bucket", f"{bucket} {setting.words}{besides}", ("", "")))
            lines.append(_describe_size(placing.scale, glyphs))
        return Content("\n").join(lines)

    def _describe_shapes(self, picture: Membership, setting: _Setting) -> Content:
        """The shapes around the chosen one, nearest to the picture's own first."""
        shapes = order_shapes(picture.width, picture.height, setting.shapes)
        place = shapes.index(self._shape(picture, setting))
        shown = max(3, (self.size.width - 24) // _SHAPE_CELLS)
        first = max(0, min(place - shown // 2, len(shapes) - shown))
        pieces: list[tuple[str, str] | str] = []
        for number, shape in enumerate(shapes[first : first + shown], first):
            words = f"{shape[0]}x{shape[1]}"
            pieces.append((f"[{words}]", "bold") if number == place else (f" {words} ", "$foreground-muted"))
        return _line("shape", Content.assemble(*pieces), (f" {place + 1} of {len(shapes)}", "$foreground-muted"))

    def _shape(self, picture: Membership, setting: _Setting) -> Shape:
        return (self.draft or start_draft(picture, setting.shapes, setting.buckets)).shape

    # Choosing

    def why_not(self, action: str) -> str:
        if not action.startswith("crop."):
            return ""
        picture = self.picture
        if picture is None or self.setting is None:
            return "The picture is still being read." if self.id_shown not in self._gone else "The picture is gone."
        if reason := self._too_small(picture):
            return reason
        if action == "crop.clear" and picture.crop is None and self.draft is None:
            return "The whole picture is used already."
        if action == "crop.apply" and self.draft is None and picture.crop is not None:
            return "This crop is kept already."
        return ""

    def _too_small(self, picture: Membership) -> str:
        from loratui.catalog.crops import MIN_SIDE

        small = min(picture.width, picture.height) < MIN_SIDE or max(picture.width, picture.height) == MIN_SIDE
        size = f"{picture.width}x{picture.height}"
        return f"{size} is too small to crop: a part has at least {MIN_SIDE} pixels a side." if small else ""

    def _edit(self, draft: CropDraft) -> None:
        picture = self.picture
        if picture is not None and picture.crop == draft.box:
            self._drafts.pop(self.id_shown, None)
        else:
            self._drafts[self.id_shown] = draft
        self._show()

    def _start(self) -> CropDraft | None:
        if self.picture is None or self.setting is None:
            return None
        return self.draft or start_draft(self.picture, self.setting.shapes, self.setting.buckets)

    def do_crop_shape(self) -> None:
        self._reshape(1)

    def do_crop_shape_back(self) -> None:
        self._reshape(-1)

    def _reshape(self, by: int) -> None:
        picture, setting, draft = self.picture, self.setting, self._start()
        if picture is None or setting is None or draft is None:
            return
        shapes = order_shapes(picture.width, picture.height, setting.shapes)
        self._edit(draft.reshape(shapes[(shapes.index(draft.shape) + by) % len(shapes)]))

    def do_crop_move(self, key: str) -> None:
        draft = self._start()
        if draft is None:
            return
        steps = self._pace(key) * (_FAR if key.startswith("shift+") or key.isupper() else 1)
        moved = draft.move(*_MOVES[key], steps)
        if moved.box != draft.box:
            self._edit(moved)
        elif draft.box[2:] == (draft.width, draft.height):
            self.tell("The box is the whole picture: - makes it smaller, tab changes its shape.")
        else:
            self.tell("The box is at the edge.")

    def do_crop_larger(self) -> None:
        self._grow(1)

    def do_crop_smaller(self) -> None:
        self._grow(-1)

    def _grow(self, by: int) -> None:
        draft = self._start()
        if draft is None:
            return
        grown = draft.grow(by * self._pace("+" if by > 0 else "-"))
        if grown.box == draft.box:
            self.tell("The box is as large as it can be." if by > 0 else "The box can't be smaller.")
        else:
            self._edit(grown)

    def _pace(self, key: str) -> int:
        """How many steps this press is worth: more while the key is held down."""
        held, at, presses = self._held
        presses = presses + 1 if key == held and time.monotonic() - at < _HELD_S else 0
        self._held = (key, time.monotonic(), presses)
        return 1 + min(4, presses // _PATIENCE)

    # Keeping

    def do_crop_apply(self) -> None:
        picture, box = self.picture, self.box
        if picture is None or box is None:
            return
        whole = box == (0, 0, picture.width, picture.height)
        if whole and picture.crop is None:
            self._drafts.pop(picture.id, None)
            self._show()
            self.tell("This box is the whole picture: there is nothing to cut.")
            return
        numbers = ",".join(str(number) for number in box)
        command = ["crop", "set", self.subject, name_by_hashes([picture.sha256]), "--box", numbers]
        self._write(picture, None if whole else box, f"{plain(picture.name)} is cropped to {box[2]}x{box[3]}.", command)

    def do_crop_clear(self) -> None:
        picture = self.picture
        if picture is None:
            return
        if picture.crop is None:
            self._drafts.pop(picture.id, None)
            self._show()
            return
        command = ["crop", "clear", self.subject, name_by_hashes([picture.sha256])]
        self._write(picture, None, f"All of {plain(picture.name)} is used again.", command)

    def _write(self, picture: Membership, box: Box | None, said: str, command: Sequence[str]) -> None:
        def work(catalog: Catalog) -> int:
            from loratui.catalog.crops import set_crop

            return set_crop(catalog, self.subject, [picture.id], box)

        self._changes += 1
        self._drafts.pop(picture.id, None)
        left, top, width, height = box or (None, None, None, None)
        self._rows[picture.id] = replace(picture, crop_left=left, crop_top=top, crop_width=width, crop_height=height)
        self._show()
        self.change(work, lambda _: said, command, failed=self._read_again)

    def _read_again(self) -> None:
        self._changes += 1
        self._read_rows(anew=True)

    # Going on

    def do_picture_next(self) -> None:
        self._go_to(self.place + 1)

    def do_picture_previous(self) -> None:
        self._go_to(self.place - 1)

    def _go_to(self, place: int) -> None:
        if not 0 <= place < len(self.ids):
            self.tell("This is the last picture." if place else "This is the first picture.")
            return
        self.place = place
        self._show()
        self._read_rows()

    def leave(self) -> None:
        if self._drafts:
            # On the screen that shows next.
            self.lora.call_later(self.lora.tell, f"{count(len(self._drafts), 'crop')} not kept: enter would have.")


def _choose_setting(catalog: Catalog, subject: str, settings: Settings) -> _Setting:
    """The buckets of what the subject would be trained on, or of a usual size; nothing is registered by looking."""
    from loratui.runs.sizes import foresee_purpose

    purpose = foresee_purpose(catalog, settings.default_base, subject)
    buckets = purpose.recipe.bucketing
    words = f"of {purpose.base}" if purpose.base else purpose.words
    return _Setting(buckets, list_shapes(buckets), plain(words))


def _describe_size(scale: float, glyphs: Glyphs) -> Content:
    if scale > 1.005:
        words = f"{glyphs.warn} smaller than its bucket: enlarged {scale:.2f} times"
        return _line("size", "", (words, "bold $text-warning"))
    if scale > 0.995:
        return _line("size", "fits its bucket exactly", ("", ""))
    return _line("size", f"shrunk to {100 * scale:.0f} %", ("", ""))


def _line(label: str, words: str | Content, more: tuple[str, str]) -> Content:
    return Content.assemble((f"{label:<8}", "$foreground-muted"), words, "  " if words and more[0] else "", more)
