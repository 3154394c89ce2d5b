"""Pictures that look alike, group by group: see them side by side, say which to keep, go on to the next."""

from __future__ import annotations

from collections import OrderedDict
from itertools import combinations
from typing import TYPE_CHECKING, TypeVar

from rich.text import Text
from textual.widgets import Static

from loratui.tui.base import LoratuiScreen
from loratui.tui.duplicates_text import describe_group, name_in, say_left, say_resolved
from loratui.tui.group_view import GroupView
from loratui.tui.naming import name_by_hashes
from loratui.tui.sources import MembershipSource
from loratui.tui.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from loratui.catalog.dedupe import DuplicateGroup, Verdict
    from loratui.catalog.handover import Resolved
    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.tui.sources import Source

_REMEMBERED = 200
"""How many states of the groups are kept, so that undo shows an earlier one at once."""

_NEED_A_GROUP = (
    *("group.resolve", "group.keep_this", "group.reject_this", "group.different", "group.alternates"),
    *("picture.zoom", "move.left", "move.right", "mark.toggle"),
)

Groups = tuple["DuplicateGroup", ...]
_Done = TypeVar("_Done")


class DuplicatesScreen(LoratuiScreen):
    """Goes through the groups of a subject; each verdict is written at once and shows the next group."""

    scope = "duplicates"
    waits_for_data = False
    DEFAULT_CSS = """
    DuplicatesScreen #lead { height: auto; padding: 1 1; }
    DuplicatesScreen.-narrow #lead { padding: 0 1 1 1; }
    DuplicatesScreen #nothing { display: none; }
    """

    def __init__(self, subject: str) -> None:
        super().__init__()
        self.subject = subject
        self.groups: Groups = ()
        self.place = 0
        self.cursor = 0
        self.marked: set[int] = set()
        """Memberships marked in the group that is shown."""
        self._looked = False
        self._version: int | None = None
        self._known: OrderedDict[int, Groups] = OrderedDict()
        self._comparing = False
        self._again = False
        self._verdicts = 0
        self._settled: set[tuple[int, ...]] = set()
        self._guessed = False
        self._captions: dict[int, str] = {}
        self._catalog: Catalog | None = None

    def compose_body(self) -> ComposeResult:
        yield Static(id="lead")
        yield GroupView(id="group")
        yield Static(id="nothing", classes="empty")

    def on_mount(self) -> None:
        self._show()

    def screen_command(self) -> Sequence[str]:
        return ["dupes", "list", self.subject]

    @property
    def group(self) -> DuplicateGroup | None:
        """The group that is shown."""
        return self.groups[self.place] if self.groups else None

    @property
    def picture(self) -> Membership | None:
        """The picture under the cursor."""
        return None if self.group is None else self.group.pictures[min(self.cursor, len(self.group.pictures) - 1)]

    @property
    def _targets(self) -> list[Membership]:
        """The marked pictures of the group, else the one under the cursor."""
        if self.group is None or self.picture is None:
            return []
        return [picture for picture in self.group.pictures if picture.id in self.marked] or [self.picture]

    # Reading

    def library_changed(self) -> None:
        self.lora.subject = self.subject
        if self._comparing:
            self._again = True
            return
        self._comparing = True
        known, present, verdicts = frozenset(self._known), self._version, self._verdicts

        def work(catalog: Catalog) -> tuple[Catalog, int, Groups | None]:
            from loratui.catalog.dedupe import find_groups, read_version

            try:
                version = read_version(catalog, self.subject)
                if version == present or version in known:
                    return catalog, version, None
                return catalog, version, tuple(find_groups(catalog, self.subject))
            finally:
                self._comparing = False

        self.read(work, lambda answer: self._receive(*answer, outdated=verdicts != self._verdicts))

    def _receive(self, catalog: Catalog, version: int, found: Groups | None, *, outdated: bool) -> None:
        self._catalog = catalog
        if outdated:
            # A verdict was given meanwhile, whose group must not show again; its writing leads here once more.
            return
        if found is None:
            found = self.groups if version == self._version else self._known.get(version)
        if found is not None:
            self._guessed = False
            self._remember(version, found)
            self._replace(found)
        if found is None or self._again:
            self._again = False
            self.library_changed()
            return
        self._read_captions()

    def _remember(self, version: int, groups: Groups) -> None:
        self._version = version
        self._known[version] = groups
        self._known.move_to_end(version)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def _replace(self, groups: Groups) -> None:
        """Show other groups: the one that came back when there is one, else the one that was shown."""
        before = {_ids(group) for group in self.groups}
        shown = None if self.group is None else _ids(self.group)
        self.groups, self._looked = groups, True
        self.place = min(self.place, max(0, len(groups) - 1))
        places = {_ids(group): place for place, group in enumerate(groups)}
        back = next((place for ids, place in places.items() if ids in self._settled - before), None)
        if back is not None:
            self.place = back
        elif shown in places:
            self.place = places[shown]
        self._set_cursor_to_best(keep=self.group is not None and _ids(self.group) == shown)
        self._show()

    def _read_captions(self) -> None:
        group = self.group
        if group is None:
            return

        def work(catalog: Catalog) -> dict[int, str]:
            from loratui.captions.service import captions_of

            return captions_of(catalog, self.subject, group.pictures)

        def then(captions: dict[int, str]) -> None:
            self._captions = captions
            self._show()

        self.read(work, then, "captions")

    # Showing

    def _show(self) -> None:
        group = self.group
        lead, nothing = self.query_one("#lead", Static), self.query_one("#nothing", Static)
        view = self.query_one(GroupView)
        lead.display = view.display = group is not None
        nothing.display = group is None
        total = len(self.groups)
        status = f"{self.place + 1:,} of {count(total, 'group')}" if group else ""
        self.set_header(self.subject, "duplicates", status=status)
        if group is None:
            nothing.update(Text(self._say_nothing()))
        else:
            lead.update(describe_group(group, self.place, total, self.lora.glyphs))
            sources = [self._source_of(picture) for picture in group.pictures]
            view.show(group.pictures, sources, group.best.id, self.cursor, self._captions, self.marked)
        self.refresh_keys()

    def _say_nothing(self) -> str:
        if not self._looked:
            return "Comparing the pictures..."
        pictures, back, undo = map(self.key, ("subject.pictures", "app.back", "app.undo"))
        return f"No duplicates left.\n\n{pictures} shows the pictures, {back} goes back; {undo} undoes a verdict."

    def _source_of(self, picture: Membership) -> Source:
        assert self._catalog is not None
        return MembershipSource(self._catalog, picture)

    # Moving

    def why_not(self, action: str) -> str:
        if self.group is None and action in (*_NEED_A_GROUP, "group.resolve_all"):
            return "No duplicates left." if self._looked else "The pictures are still being compared."
        if action == "group.resolve_all" and not self._sure:
            return "No sure groups are left: these need eyes, one by one."
        return ""

    @property
    def _sure(self) -> list[DuplicateGroup]:
        return [group for group in self.groups if group.tier != "near"]

    def _go(self, place: int) -> None:
        if not self.groups:
            return
        self.place = min(max(place, 0), len(self.groups) - 1)
        self._set_cursor_to_best()
        self._show()
        self._read_captions()

    def _set_cursor_to_best(self, *, keep: bool = False) -> None:
        group = self.group
        if group is None or keep:
            return
        self.marked = set()
        self.cursor = group.pictures.index(group.best)

    def do_move_down(self) -> None:
        self._go(self.place + 1)

    def do_move_up(self) -> None:
        self._go(self.place - 1)

    def do_move_first(self) -> None:
        self._go(0)

    def do_move_last(self) -> None:
        self._go(len(self.groups) - 1)

    def do_move_page_down(self) -> None:
        self._go(self.place + 10)

    def do_move_page_up(self) -> None:
        self._go(self.place - 10)

    def do_move_half_down(self) -> None:
        self._go(self.place + 5)

    def do_move_half_up(self) -> None:
        self._go(self.place - 5)

    def do_move_left(self) -> None:
        self._pick(self.cursor - 1)

    def do_move_right(self) -> None:
        self._pick(self.cursor + 1)

    def _pick(self, cursor: int) -> None:
        if self.group is not None:
            self.cursor = min(max(cursor, 0), len(self.group.pictures) - 1)
            self.query_one(GroupView).move_to(self.cursor)

    def do_mark_toggle(self) -> None:
        if self.picture is not None:
            self.marked ^= {self.picture.id}
            self._show()
            self._pick(self.cursor + 1)

    def do_picture_zoom(self) -> None:
        if self.group is not None:
            ids = tuple(picture.id for picture in self.group.pictures)
            self.lora.show_screen("view", subject=self.subject, ids=ids, place=self.cursor)

    # Verdicts

    def do_group_resolve(self) -> None:
        if (group := self.group) is not None:
            command = ["dupes", "resolve", self.subject, name_by_hashes([group.best.sha256])]
            self._resolve(group, name_in(group, group.best), command, None)

    def _resolve(self, group: DuplicateGroup, kept: str, command: Sequence[str], left: DuplicateGroup | None) -> None:
        """Reject all but the best of a group, or of a part of the one that is shown, of which some is left."""
        shown = self.group

        def work(catalog: Catalog) -> Resolved:
            from loratui.catalog.dedupe import resolve_groups

            return resolve_groups(catalog, self.subject, [group])

        if shown is not None:
            self._settle(work, lambda done: say_resolved(kept, done), command, {_ids(shown)}, left)

    def do_group_keep_this(self) -> None:
        """Keep the marked pictures, or the one under the cursor, and reject the others."""
        if group := self.group:
            from loratui.catalog.dedupe import keep_of, leave_out

            kept = self._targets
            chosen = keep_of(group, {picture.id for picture in kept})
            if chosen is None:
                self.tell("All pictures of the group are marked: there is none to reject.")
                return
            others = {picture.id for picture in group.pictures if picture not in kept}
            said = name_in(group, chosen.best) if len(kept) == 1 else count(len(kept), "picture")
            names = name_by_hashes(picture.sha256 for picture in kept)
            command = ["dupes", "resolve", self.subject, "--keep", names]
            self._resolve(chosen, said, command, leave_out(group, others))

    def do_group_reject_this(self) -> None:
        """Reject the marked pictures, or the one under the cursor."""
        from loratui.catalog.dedupe import leave_out

        if group := self.group:
            rejected = self._targets
            left = leave_out(group, {picture.id for picture in rejected})
            others = [picture for picture in group.pictures if picture not in rejected]
            better = left.best if left is not None else others[0] if others else None
            reason = f"duplicate of {better.name}" if better else "rejected with its duplicates"
            said = name_in(group, rejected[0]) if len(rejected) == 1 else count(len(rejected), "picture")
            lost = say_left(group, rejected, better) if better else ""
            self._reject(rejected, reason, f"Rejected {said}{lost}.")

    def _reject(self, pictures: Sequence[Membership], reason: str, said: str) -> None:
        from loratui.catalog.dedupe import leave_out

        group = self.group
        if group is None:
            return
        ids = [picture.id for picture in pictures]

        def work(catalog: Catalog) -> int:
            from loratui.catalog.roles import set_role

            return set_role(catalog, self.subject, "rejected", ids, reason=reason)

        names = name_by_hashes(picture.sha256 for picture in pictures)
        command = ["role", "set", self.subject, "rejected", names, "--reason", reason]
        self._settle(work, lambda _: said, command, {_ids(group)}, leave_out(group, set(ids)))

    def do_group_different(self) -> None:
        self._tell_apart("not_duplicates")

    def do_group_alternates(self) -> None:
        self._tell_apart("alternates")

    def _tell_apart(self, verdict: Verdict) -> None:
        """Of all pictures of the group; of the marked ones among each other; of a single marked one from the others."""
        from loratui.catalog.dedupe import leave_out

        group = self.group
        if group is None:
            return
        chosen = self._targets if self.marked else list(group.pictures)
        others = [picture for picture in group.pictures if picture not in chosen]
        pairs = list(combinations([one.picture_id for one in chosen], 2))
        if len(chosen) == 1:
            pairs = [(chosen[0].picture_id, other.picture_id) for other in others]

        def work(catalog: Catalog) -> int:
            from loratui.catalog.dedupe import record_verdict

            return record_verdict(catalog, pairs, verdict)

        names = name_by_hashes(picture.sha256 for picture in chosen)
        command = ["dupes", "keep", self.subject, names, *(["--alternates"] if verdict == "alternates" else [])]
        word = "wanted variants" if verdict == "alternates" else "not duplicates"
        said = f"{count(len(chosen), 'picture')} are {word} from now on."
        if len(chosen) == 1:
            said = f"{name_in(group, chosen[0])} and the others of its group are {word} from now on."
        left = leave_out(group, {chosen[0].id}) if len(chosen) == 1 else group if others else None
        self._settle(work, lambda _: said, command, {_ids(group)}, left)

    def do_group_resolve_all(self) -> None:
        sure = self._sure

        def work(catalog: Catalog) -> Resolved:
            from loratui.catalog.dedupe import resolve_groups

            return resolve_groups(catalog, self.subject, sure)

        kept = f"the best of {count(len(sure), 'group')}"
        command = ["dupes", "resolve", self.subject]
        self._settle(work, lambda done: say_resolved(kept, done), command, {_ids(group) for group in sure})

    def _settle(
        self,
        work: Callable[[Catalog], _Done],
        said: Callable[[_Done], str],
        command: Sequence[str],
        gone: set[tuple[int, ...]],
        instead: DuplicateGroup | None = None,
    ) -> None:
        """Show the next group at once and write the verdict behind it; `instead` is what is left of the group."""
        groups = tuple(group for group in self.groups if _ids(group) not in gone)
        if instead is not None:
            groups = (*self.groups[: self.place], instead, *self.groups[self.place + 1 :])
        # What is left of a group may hang together no more: then the pictures are compared again, in their time.
        self._guessed |= instead is not None
        certain = not self._guessed
        self._settled |= gone

        def write(catalog: Catalog) -> tuple[_Done, int]:
            from loratui.catalog.dedupe import read_version

            return work(catalog), read_version(catalog, self.subject)

        def written(result: tuple[_Done, int]) -> None:
            if certain:
                self._remember(result[1], groups)

        self._verdicts += 1
        self.groups = groups
        self.place = min(self.place, max(0, len(groups) - 1))
        self._set_cursor_to_best()
        self._show()
        self._read_captions()
        self.change(write, lambda result: said(result[0]), command, then=written, failed=self._start_over)

    def _start_over(self) -> None:
        self._version = None
        self._known.clear()
        self.library_changed()


def _ids(group: DuplicateGroup) -> tuple[int, ...]:
    return tuple(picture.id for picture in group.pictures)
