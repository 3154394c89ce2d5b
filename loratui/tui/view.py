"""One picture as large as the terminal allows; the keys that judge it work here too."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from textual.widgets import Static

from loratui.tui.curation import CurationScreen
from loratui.tui.facts import draw_line, read_inspection
from loratui.tui.foresight import Foresight
from loratui.tui.picture_view import PictureView
from loratui.tui.sources import MembershipSource
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual.app import ComposeResult
    from textual.timer import Timer

    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog
    from loratui.dataset.inspection import Inspection

PAUSE_S = 0.06
"""A picture must be shown this long before all about it is read."""

QUIET_S = 0.25
"""After a key that changes something the library is asked again this much later."""


class ViewScreen(CurationScreen):
    """Leafs through pictures; when it is left, the wall's cursor is on the one that was seen last."""

    scope = "view"
    DEFAULT_CSS = """
    ViewScreen #facts { height: 2; padding: 0 1; color: $text-muted; }
    """

    def __init__(self, subject: str, ids: tuple[int, ...], place: int = 0) -> None:
        super().__init__(subject)
        self.ids = ids
        self.place = min(max(place, 0), len(ids) - 1)
        self._foresight = Foresight()
        self._catalog: Catalog | None = None
        self._owner: Subject | None = None
        self._inspection: Inspection | None = None
        self._base = ""
        self._acted: set[int] = set()
        self._acted_at = float("-inf")
        self._pause: Timer | None = None
        self._again: Timer | None = None

    def compose_body(self) -> ComposeResult:
        yield PictureView(pool=self.lora.tiles, id="picture")
        yield Static("", id="facts")

    @property
    def id_shown(self) -> int:
        """Id of the membership that is shown."""
        return self.ids[self.place]

    def screen_command(self) -> Sequence[str]:
        picture = self._foresight.rows.get(self.id_shown)
        return () if picture is None else ["picture", "show", self.subject, f"sha:{picture.sha256[:12]}"]

    # What is shown

    def library_changed(self) -> None:
        if self.bridge.unwritten or time.monotonic() - self._acted_at < QUIET_S:
            if self._again is None:
                self._again = self.set_timer(QUIET_S, self._read_again)
        else:
            self._read_rows(anew=True)
            self._inspect_soon()
        self._show()

    def _read_again(self) -> None:
        self._again = None
        self.library_changed()

    def _read_rows(self, *, anew: bool = False) -> None:
        """Read the picture and its neighbours, which one will go to next."""
        near = self.ids[max(0, self.place - 1) : self.place + 3]
        wanted = [id_ for id_ in near if anew or id_ not in self._foresight.rows]
        if not wanted:
            return
        subject, ticket = self.subject, self._foresight.ask(unwritten=self.bridge.unwritten)

        def work(catalog: Catalog) -> tuple[Catalog, Subject, list[Membership]]:
            from loratui.catalog.query import get_memberships
            from loratui.catalog.subjects import get_subject

            return catalog, get_subject(catalog, subject), get_memberships(catalog, wanted)

        def take(found: tuple[Catalog, Subject, list[Membership]]) -> None:
            self._catalog, self._owner, rows = found
            self._foresight.take(rows, ticket)
            if self.id_shown in wanted and not any(row.id == self.id_shown for row in rows):
                self.tell(f"This picture is not in the subject any more. {self.key('app.back')} goes back.")
            self._show()

        self.read(work, take)

    def _show(self) -> None:
        """Draw what is known of the picture."""
        rows = self._foresight.rows
        picture = rows.get(self.id_shown)
        position = f"{self.place + 1:,} of {len(self.ids):,}"
        self.set_header(self.subject, "pictures", plain(picture.name) if picture else "", status=position)
        if picture is None or self._catalog is None:
            return
        source = MembershipSource(self._catalog, picture)
        view = self.query_one(PictureView)
        if view.source is None or view.source.key != source.key:
            view.set_source(source)
            near = [rows[id_] for id_ in self.ids[max(0, self.place - 1) : self.place + 3] if id_ in rows]
            view.prepare(*(MembershipSource(self._catalog, one) for one in near if one.id != picture.id))
        view.set_box(picture.crop, (picture.width, picture.height))
        found = self._inspection
        if found is not None and found.picture.id != picture.id:
            found = None
        facts = draw_line(picture, found, self._base, self.lora.glyphs)
        self.query_one("#facts", Static).update(facts)

    def _inspect_soon(self) -> None:
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE_S, self._inspect)

    def _inspect(self) -> None:
        self._pause = None
        subject, id_, settings = self.subject, self.id_shown, self.lora.settings

        def take(answer: tuple[Inspection, str] | None) -> None:
            if answer is not None:
                self._inspection, self._base = answer
                self._show()

        self.read(lambda catalog: read_inspection(catalog, subject, id_, settings), take, "inspection")

    def _go_to(self, place: int) -> None:
        place = min(max(place, 0), len(self.ids) - 1)
        if place == self.place:
            self.tell("This is the last picture." if place else "This is the first picture.")
            return
        self.place = place
        self._show()
        self._read_rows()
        self._inspect_soon()

    # What actions are about

    def targets(self) -> Sequence[int]:
        return (self.id_shown,)

    def name_of(self, id: int) -> str:
        picture = self._foresight.rows.get(id)
        return "" if picture is None else plain(picture.name)

    def foresee(self, ids: Sequence[int], changes: Mapping[str, Any]) -> None:
        self._acted.update(ids)
        self._acted_at = time.monotonic()
        self._foresight.foresee(ids, changes, self._owner)
        self._show()

    def advance(self, id: int) -> None:
        if id == self.id_shown and self.place + 1 < len(self.ids):
            self._go_to(self.place + 1)

    def return_to(self, id: int) -> None:
        if id != self.id_shown and id in self.ids:
            self._go_to(self.ids.index(id))

    def reread(self) -> None:
        self._foresight.distrust()
        self._read_rows(anew=True)

    # Moving

    def do_picture_next(self) -> None:
        self._go_to(self.place + 1)

    def do_picture_previous(self) -> None:
        self._go_to(self.place - 1)

    def do_move_right(self) -> None:
        self._go_to(self.place + 1)

    def do_move_down(self) -> None:
        self._go_to(self.place + 1)

    def do_move_left(self) -> None:
        self._go_to(self.place - 1)

    def do_move_up(self) -> None:
        self._go_to(self.place - 1)

    def do_picture_crop(self) -> None:
        self.lora.show_screen("crop", subject=self.subject, ids=self.ids, place=self.place)

    def leave(self) -> None:
        from loratui.tui.pictures import PicturesScreen

        for screen in self.app.screen_stack:
            if isinstance(screen, PicturesScreen) and screen.subject == self.subject:
                screen.came_back(self.id_shown, self._acted)
