"""Pictures that look alike, group by group: see them side by side, say which to keep, go on to the next."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text
from textual.widgets import Static

from loratui.tui.base import LoratuiScreen
from loratui.tui.group_view import GroupView
from loratui.tui.naming import name_by_hashes
from loratui.tui.sources import MembershipSource
from loratui.tui.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from loratui.catalog.dedupe import DuplicateGroup, Verdict
    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog
    from loratui.tui.sources import Source

TIER_WORDS = {
    "same_pixels": "the same pixels in other files",
    "duplicate": "copies of one picture",
    "near": "perhaps copies, look closely",
}
_REMEMBERED = 200
"""How many states of the groups are kept, so that undo shows an earlier one at once."""

_NEED_A_GROUP = (
    *("group.resolve", "group.keep_this", "group.reject_this", "group.different", "group.alternates"),
    *("picture.zoom", "move.left", "move.right"),
)

Groups = tuple["DuplicateGroup", ...]


class DuplicatesScreen(LoratuiScreen):
    """Goes through the groups of a subject; each verdict is written at once and shows the next group."""

    scope = "duplicates"
    DEFAULT_CSS = """
    DuplicatesScreen #lead { height: auto; padding: 1 1; }
    DuplicatesScreen #nothing { display: none; }
    """

    def __init__(self, subject: str) -> None:
        super().__init__()
        self.subject = subject
        self.groups: Groups = ()
        self.place = 0
        self.cursor = 0
        self._looked = False
        self._version: int | None = None
        self._known: OrderedDict[int, Groups] = OrderedDict()
        self._comparing = False
        self._again = False
        self._verdicts = 0
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
        first = not self._looked
        self.groups, self._looked = groups, True
        self.place = min(self.place, max(0, len(groups) - 1))
        places = {_ids(group): place for place, group in enumerate(groups)}
        back = next((place for ids, place in places.items() if ids not in before), None)
        if back is not None and not first:
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
            lead.update(self._describe(group))
            sources = [self._source_of(picture) for picture in group.pictures]
            view.show(group.pictures, sources, group.best.id, self.cursor, self._captions)
        self.refresh_keys()

    def _say_nothing(self) -> str:
        if not self._looked:
            return "Comparing the pictures..."
        return "No duplicates left.\n\nb shows how the roles weigh, F3 the pictures, esc goes back; u undoes a verdict."

    def _describe(self, group: DuplicateGroup) -> Text:
        text = Text(no_wrap=False)
        text.append(f"Group {self.place + 1} of {len(self.groups)}  ", style="bold")
        text.append(f"{count(len(group.pictures), 'picture')}: {TIER_WORDS[group.tier]}")
        if group.mirrored:
            text.append("; one is mirrored")
        text.append("\n")
        text.append(f"{self.lora.glyphs.yes} keep {plain(group.best.name)}", style="bold")
        text.append(f"  {', '.join(group.reasons)}")
        return text

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

    def do_picture_zoom(self) -> None:
        if self.group is not None:
            ids = tuple(picture.id for picture in self.group.pictures)
            self.lora.show_screen("view", subject=self.subject, ids=ids, place=self.cursor)

    # Verdicts

    def do_group_resolve(self) -> None:
        if group := self.group:
            self._reject_others(group, ["dupes", "resolve", self.subject, name_by_hashes([group.best.sha256])])

    def do_group_keep_this(self) -> None:
        group, kept = self.group, self.picture
        if group is None or kept is None:
            return
        others = name_by_hashes(picture.sha256 for picture in group.pictures if picture.id != kept.id)
        reason = f"duplicate of {kept.name}"
        self._reject_others(
            replace(group, best=kept), ["role", "set", self.subject, "rejected", others, "--reason", reason]
        )

    def _reject_others(self, group: DuplicateGroup, command: Sequence[str]) -> None:
        def work(catalog: Catalog) -> int:
            from loratui.catalog.dedupe import resolve_groups

            return resolve_groups(catalog, self.subject, [group])

        said = f"Kept {plain(group.best.name)}, rejected {{}}."
        self._settle(work, lambda number: said.format(count(number, "duplicate")), command, {_ids(group)})

    def do_group_reject_this(self) -> None:
        group, picture = self.group, self.picture
        if group is None or picture is None:
            return
        from loratui.catalog.dedupe import leave_out

        left = leave_out(group, {picture.id})
        better = left.best if left else next(one for one in group.pictures if one.id != picture.id)
        reason = f"duplicate of {better.name}"

        def work(catalog: Catalog) -> int:
            from loratui.catalog.roles import set_role

            return set_role(catalog, self.subject, "rejected", [picture.id], reason=reason)

        command = ["role", "set", self.subject, "rejected", name_by_hashes([picture.sha256]), "--reason", reason]
        self._settle(work, lambda _: f"Rejected {plain(picture.name)}.", command, {_ids(group)}, left)

    def do_group_different(self) -> None:
        self._tell_apart("not_duplicates")

    def do_group_alternates(self) -> None:
        self._tell_apart("alternates")

    def _tell_apart(self, verdict: Verdict) -> None:
        group = self.group
        if group is None:
            return

        def work(catalog: Catalog) -> int:
            from itertools import combinations

            from loratui.catalog.dedupe import record_verdict

            return record_verdict(catalog, combinations([one.picture_id for one in group.pictures], 2), verdict)

        names = name_by_hashes(picture.sha256 for picture in group.pictures)
        command = ["dupes", "keep", self.subject, names, *(["--alternates"] if verdict == "alternates" else [])]
        word = "wanted variants" if verdict == "alternates" else "not duplicates"
        said = f"{count(len(group.pictures), 'picture')} are {word} from now on."
        self._settle(work, lambda _: said, command, {_ids(group)})

    def do_group_resolve_all(self) -> None:
        sure = self._sure

        def work(catalog: Catalog) -> int:
            from loratui.catalog.dedupe import resolve_groups

            return resolve_groups(catalog, self.subject, sure)

        def said(number: int) -> str:
            return f"Kept the best of {count(len(sure), 'group')}, rejected {count(number, 'duplicate')}."

        self._settle(work, said, ["dupes", "resolve", self.subject], {_ids(group) for group in sure})

    def _settle(
        self,
        work: Callable[[Catalog], int],
        said: Callable[[int], str],
        command: Sequence[str],
        gone: set[tuple[int, ...]],
        instead: DuplicateGroup | None = None,
    ) -> None:
        """Show the next group at once and write the verdict behind it; `instead` is what is left of the group."""
        groups = tuple(group for group in self.groups if _ids(group) not in gone)
        if instead is not None:
            groups = (*self.groups[: self.place], instead, *self.groups[self.place + 1 :])
        # What is left of a group may hang together no more: then the pictures are compared again, in their time.
        certain = instead is None

        def write(catalog: Catalog) -> tuple[int, int]:
            from loratui.catalog.dedupe import read_version

            return work(catalog), read_version(catalog, self.subject)

        def written(result: tuple[int, int]) -> None:
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
