"""The pictures of a subject as a wall: looked through, judged by one key each, marked and filtered.

A picture that an action takes out of the filter stays in its place, drawn grey, until the person filters or sorts
anew (R does the same again): whoever culls by one key sees what became of each picture, and the ones under the
cursor never jump. For the same reason nothing is sorted anew by itself.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.text import Text
from textual.containers import Horizontal
from textual.widgets import Static

from loratui.tui.completion import complete_query
from loratui.tui.curation import CurationScreen
from loratui.tui.detail import DetailPane
from loratui.tui.filter import FilterBar
from loratui.tui.foresight import Foresight
from loratui.tui.labels import say_status
from loratui.tui.listing import ORDERS, Listing, Question, label_picture, list_first, list_pictures, list_tags
from loratui.tui.text import plain
from loratui.tui.twins import Twins
from loratui.tui.wall import ImageWall
from loratui.tui.wall_keys import WallKeys

if TYPE_CHECKING:
    from array import array
    from collections.abc import Collection, Mapping, Sequence

    from textual.app import ComposeResult
    from textual.timer import Timer

    from loratui.catalog.query import Order
    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.catalog.subjects import SubjectSummary
    from loratui.tui.completion import Completion
    from loratui.tui.wall_messages import CursorMoved, Drawn, MarksChanged, Opened, WallNeeds

QUIET_S = 0.25
"""After a key that changes something, or puts all in order anew, the list is not read again for so long."""

_KNOWN = 4_000
# What can be done without any picture.
_WITHOUT_PICTURES = ("wall.detail", "wall.order", "wall.refresh", "wall.larger", "wall.smaller", "filter.open")


class PicturesScreen(CurationScreen, WallKeys):
    """The picture wall of one subject, with details of the picture under the cursor beside it."""

    scope = "pictures"
    DEFAULT_CSS = """
    PicturesScreen DetailPane { width: 38%; min-width: 36; max-width: 60; }
    PicturesScreen.-narrow DetailPane { width: 40; display: none; }
    PicturesScreen.-detail DetailPane { display: block; }
    PicturesScreen.-no-detail DetailPane { display: none; }
    PicturesScreen #empty { display: none; }
    PicturesScreen.-empty #empty { display: block; }
    PicturesScreen.-empty #pair { display: none; }
    """

    def __init__(self, subject: str, query: str = "") -> None:
        super().__init__(subject)
        self.wall = ImageWall(pool=self.lora.tiles, id="wall")
        self.detail = DetailPane(subject)
        self.order: Order = "added"
        self.query_text = self._came_for = query
        self._before = (self.lora.wall_query, self.lora.wall_marks)
        self._catalog: Catalog | None = None
        self._summary: SubjectSummary | None = None
        self._counts: dict[str, int] = {}
        self._foresight = Foresight()
        self._held: set[int] = set()
        self._away: frozenset[int] = frozenset()
        self._acted_at = float("-inf")
        self._wants_fresh = True
        self._glanced = False
        self._twins = Twins(self, subject, self._relabel)
        self._again: Timer | None = None
        self._tags: tuple[str, ...] = ()
        self._is_empty: bool | None = None

    def compose_body(self) -> ComposeResult:
        with Horizontal(id="pair"):
            yield self.wall
            yield self.detail
        yield Static("", classes="empty", id="empty")
        yield FilterBar(complete=self._complete)

    def on_mount(self) -> None:
        self.wall.drafts.include(self.detail.preview)
        self.lora.subject = self.subject
        self.wall.focus()
        self._show_status()

    def screen_command(self) -> Sequence[str]:
        return ["picture", "list", self.subject, *([self.query_text] if self.query_text else [])]

    # What is shown

    def library_changed(self) -> None:
        if not self.query(ImageWall):
            # Being taken down.
            return
        self._tell_others()
        if self._is_calm():
            self._read_list()
        else:
            self._read_later()

    def _is_calm(self) -> bool:
        return self._wants_fresh or (not self.bridge.unwritten and time.monotonic() - self._acted_at >= QUIET_S)

    def _read_later(self) -> None:
        if self._again is None:
            self._again = self.set_timer(QUIET_S, self._read_again)

    def _read_again(self) -> None:
        self._again = None
        self.library_changed()

    def _read_list(self) -> None:
        question = Question(
            subject=self.subject,
            query=self.query_text,
            order=self.order,
            shown=self.wall.ids,
            held=frozenset(self._held),
            known=list(self._foresight.rows),
            fresh=self._wants_fresh,
        )
        if not self._glanced:
            self._glance(question)
            return
        ticket = self._foresight.ask(unwritten=self.bridge.unwritten)
        self.read(
            lambda catalog: list_pictures(catalog, question),
            lambda found: self._take_list(found, question, ticket),
            "list",
        )

    def _glance(self, question: Question) -> None:
        """Show the first pictures at once: to list a hundred thousand takes as long as to show a screenful."""
        ticket = self._foresight.ask(unwritten=self.bridge.unwritten)

        def work(catalog: Catalog) -> tuple[Catalog, array[int], list[Membership]]:
            return catalog, *list_first(catalog, question)

        def take(found: tuple[Catalog, array[int], list[Membership]]) -> None:
            self._glanced = True
            if not self.wall.ids:
                self._catalog = found[0]
                self.wall.set_ids(found[1], reload=False)
                self._take_rows(found[2], ticket)
            # Keys wait until this is there too: to mark all must mark all.
            self._read_list()

        self.read(work, take, "list")

    def _take_list(self, found: Listing, question: Question, ticket: int) -> None:
        current = self._foresight.is_current(ticket)
        if not current and not question.fresh:
            # A key came in between: what was read is older than what is shown.
            self._read_later()
            return
        self._catalog, self._summary = found.catalog, found.summary
        if question.fresh:
            self._wants_fresh = False
            self._held.clear()
            # Its pictures are drawn now; what anybody changed meanwhile can wait for that.
            self._acted_at = time.monotonic()
        changed = self._away ^ found.away
        self._away = found.away
        if current:
            self._counts = dict(found.summary.counts)
        self._take_rows(found.members, ticket, also=changed)
        if found.ids is not self.wall.ids:
            self.wall.set_ids(found.ids, reload=False)
        if question.fresh:
            self._look_for_twins()
        self._show_empty()
        self._show_status()
        self.detail.reload()

    def on_wall_needs(self, message: WallNeeds) -> None:
        message.stop()
        ids, ticket = message.ids, self._foresight.ask(unwritten=self.bridge.unwritten)

        def work(catalog: Catalog) -> tuple[Catalog, list[Membership]]:
            from loratui.catalog.query import get_memberships

            return catalog, get_memberships(catalog, ids)

        def take(found: tuple[Catalog, list[Membership]]) -> None:
            self._catalog = found[0]
            self._take_rows(found[1], ticket)

        self.read(work, take)

    def _take_rows(self, found: Sequence[Membership], ticket: int, *, also: Collection[int] = ()) -> None:
        """Show rows that were read, but for those that a key has changed since."""
        if len(self._foresight.rows) > _KNOWN:
            self._foresight.keep(lambda id_: self.wall.get_label(id_) is not None)
        self._relabel({*self._foresight.take(found, ticket), *also})
        self.detail.point_at(self._under_cursor())

    def _relabel(self, ids: Collection[int]) -> None:
        if self._catalog is not None:
            catalog, rows = self._catalog, self._foresight.rows
            self.wall.put_labels(
                {
                    id_: label_picture(catalog, rows[id_], away=id_ in self._away, twin=id_ in self._twins.ids)
                    for id_ in ids
                    if id_ in rows
                }
            )

    def on_screen_resume(self) -> None:
        # Textual calls the base class's own as well.
        self.wall.set_tile_size(self.lora.tile_cols or self.wall.tile_cols)
        if not self._wants_fresh:
            self._look_for_twins()

    def _look_for_twins(self) -> None:
        if self._summary is not None:
            self._twins.want(self._summary.pictures)
            if self.wall.is_drawn:
                self._twins.look()

    def on_image_wall_drawn(self, message: Drawn) -> None:
        message.stop()
        self._twins.look()

    def _show_empty(self) -> None:
        pictures = self._summary.pictures if self._summary is not None else 0
        nothing = not self.wall.ids
        if nothing is not self._is_empty:
            self._is_empty = nothing
            self.set_class(nothing, "-empty")
            self.refresh_keys()
        if not nothing:
            if self.focused is None:
                self.wall.focus()
            return
        text = (
            f"{plain(self.subject)} has no pictures yet.\n\n{self.key('subject.import')} imports pictures and folders."
        )
        if pictures:
            matches = f"None of the {pictures:,} pictures matches {self.query_text}"
            if pictures == 1:
                matches = f"The one picture does not match {self.query_text}"
            came = self._came_for
            leads = "goes back" if self.query_text == came else "takes it away" if came else "shows all"
            keys = f"{self.key('filter.open')} changes the filter, {self.key('app.back')} {leads}."
            text = f"{plain(matches)}\n\n{keys}"
        self.query_one("#empty", Static).update(Text(text))

    def _show_status(self) -> None:
        filtered = [f"/ {self.query_text}"] if self.query_text else []
        crumbs = ["loratui", self.subject, "pictures", *filtered]
        words = [f"{len(self.wall.marked):,} marked"] * bool(self.wall.marked)
        words += ["marking a range"] * self.wall.ranging
        words.append(ORDERS[self.order][0])
        room = self.size.width - sum(cell_len(plain(crumb)) + 3 for crumb in crumbs)
        shown = None if not filtered and len(self.wall.ids) == sum(self._counts.values()) else len(self.wall.ids)
        status = say_status(self._counts, shown, words, room)
        self.set_header(*crumbs[1:], status=status)

    def _tell_others(self) -> None:
        """Other screens can act on what is filtered or marked here."""
        self.lora.wall_query = self.query_text
        self.lora.wall_marks = tuple(self.wall.marked)

    def on_resize(self) -> None:
        self._show_status()

    def range_turned(self) -> None:
        self._show_status()

    def _under_cursor(self) -> Membership | None:
        id_ = self.wall.cursor_id
        return None if id_ is None else self._foresight.rows.get(id_)

    def on_image_wall_cursor_moved(self, message: CursorMoved) -> None:
        message.stop()
        self.detail.point_at(self._under_cursor())
        if self.wall.ranging:
            self._show_status()

    def on_image_wall_marks_changed(self, message: MarksChanged) -> None:
        message.stop()
        self._tell_others()
        self._show_status()

    def on_image_wall_opened(self, message: Opened) -> None:
        message.stop()
        self.do_picture_open()

    # What actions are about

    def why_not(self, action: str) -> str:
        if self.wall.ids or action in _WITHOUT_PICTURES:
            return ""
        if action.startswith(("picture.", "mark.", "wall.")):
            imports = f"No picture is shown. {self.key('subject.import')} imports some."
            return imports if not self.query_text else "No picture matches the filter."
        return ""

    def targets(self) -> Sequence[int]:
        return self.wall.targets()

    def shown_by(self) -> tuple[str | None, int]:
        return self.query_text, len(self.wall.ids)

    def name_of(self, id: int) -> str:
        picture = self._foresight.rows.get(id)
        return "" if picture is None else plain(picture.name)

    def foresee(self, ids: Sequence[int], changes: Mapping[str, Any]) -> None:
        self._acted_at = time.monotonic()
        self._held.update(ids)
        if self.wall.ranging:
            # What the cursor goes over next is not meant any more.
            self.wall.end_range()
            self._show_status()
        owner = None if self._summary is None else self._summary.subject
        changed = self._foresight.foresee(ids, changes, owner)
        for before, after in changed:
            self._counts[before.role] -= 1
            self._counts[after.role] += 1
        if changed:
            self._relabel([after.id for _, after in changed])
            self._show_status()
            self.detail.point_at(self._under_cursor())

    def forget(self, ids: Sequence[int]) -> None:
        gone = set(ids)
        for id_ in gone:
            if (picture := self._foresight.rows.pop(id_, None)) is not None:
                self._counts[picture.role] -= 1
        self._held -= gone
        self.wall.set_ids([id_ for id_ in self.wall.ids if id_ not in gone], reload=False)
        self._show_empty()
        self._show_status()

    def advance(self, id: int) -> None:
        if self.wall.cursor_id == id and not self.wall.marked:
            self.wall.move(1, 0)

    def return_to(self, id: int) -> None:
        if not self.wall.ranging:
            self.wall.move_to_id(id)

    def reread(self) -> None:
        self._foresight.distrust()
        self._read_later()

    def came_back(self, id: int, acted: Collection[int]) -> None:
        """A screen on top was left at this picture; what it acted on stays here as if it was done here."""
        self._held.update(acted)
        self.wall.move_to_id(id)

    # The wall itself

    def do_wall_detail(self) -> None:
        wanted = not self.detail.display
        self.set_class(wanted, "-detail")
        self.set_class(not wanted, "-no-detail")
        self.detail.point_at(self._under_cursor())

    def do_wall_order(self) -> None:
        orders = list(ORDERS)
        self.order = orders[(orders.index(self.order) + 1) % len(orders)]
        self._read_fresh()

    def do_wall_refresh(self) -> None:
        self._read_fresh()

    def do_filter_open(self) -> None:
        self.query_one(FilterBar).open(self.query_text)
        self.read(list_tags(self.subject), self._take_tags, "tags")

    def on_filter_bar_changed(self, message: FilterBar.Changed) -> None:
        message.stop()
        self._filter(message.text)

    def on_filter_bar_closed(self, message: FilterBar.Closed) -> None:
        message.stop()
        self._filter(message.text)

    def _filter(self, text: str) -> None:
        if text.strip() != self.query_text:
            self.query_text = text.strip()
            self._read_fresh()

    def filter_by(self, text: str) -> None:
        """Show what a query chooses; other screens send people here with one."""
        self.query_text = text.strip()
        if self.is_mounted:
            self._read_fresh()

    def _read_fresh(self) -> None:
        self._wants_fresh = True
        self._tell_others()
        self._show_status()
        self._read_list()

    def _take_tags(self, tags: tuple[str, ...]) -> None:
        self._tags = tags

    def _complete(self, text: str, cursor: int) -> Completion:
        return complete_query(text, cursor, lambda: self._tags)

    # Other screens

    def do_picture_open(self) -> None:
        self.lora.show_screen("view", subject=self.subject, ids=tuple(self.wall.ids), place=self.wall.cursor)

    def do_picture_crop(self) -> None:
        marked = self.wall.marked_in_order()
        ids, place = (marked, 0) if marked else (self.wall.ids, self.wall.cursor)
        self.lora.show_screen("crop", subject=self.subject, ids=tuple(ids), place=place)

    def do_app_back(self) -> None:
        if self.wall.ranging:
            self.wall.end_range()
            self._show_status()
        elif self.wall.marked:
            self.wall.clear_marks()
        elif self.query_text != self._came_for:
            self._filter(self._came_for)
        else:
            self.lora.do_app_back()

    def leave(self) -> None:
        if self._came_for:
            self.lora.wall_query, self.lora.wall_marks = self._before

    def zoomed(self) -> None:
        self.lora.tile_cols = self.wall.tile_cols
