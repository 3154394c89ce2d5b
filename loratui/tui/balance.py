"""How the roles weigh, what a training would take, and what the training pictures show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Container, VerticalScroll
from textual.widgets import Static

from loratui.catalog.naming import tell_apart
from loratui.tui.base import LoratuiScreen
from loratui.tui.coverage_view import CoverageView
from loratui.tui.filtered_wall import show_pictures
from loratui.tui.moves import CellMoves
from loratui.tui.naming import name_by_hashes
from loratui.tui.statements import Samey
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult

    from loratui.captions.coverage import Coverage
    from loratui.captions.needs import Need
    from loratui.catalog.roles import Balance, RoleCounts
    from loratui.catalog.store import Catalog
    from loratui.runs.steps import SubjectPlan

_ROLES = ("primary", "supporting")
_TWO_COLUMNS = 118


class _Page(VerticalScroll, can_focus=False):
    """Scrolls by the screen's own keys: it must not take the arrows."""


class BalanceScreen(CellMoves, LoratuiScreen):
    """Repeats up and down, at once in bars, ratio and steps; below, the coverage matrix."""

    scope = "balance"
    DEFAULT_CSS = """
    BalanceScreen _Page { padding: 1 1; }
    BalanceScreen #all { height: auto; layout: vertical; }
    BalanceScreen #upper { height: auto; layout: vertical; }
    BalanceScreen Static { height: auto; margin: 0 0 1 0; }
    BalanceScreen #influence, BalanceScreen #steps { width: 100%; }
    BalanceScreen.-two #upper { layout: horizontal; }
    BalanceScreen.-two #influence { width: 67; margin: 0 3 1 0; }
    BalanceScreen.-two.-wide #influence { width: 72; }
    BalanceScreen.-two #steps { width: 1fr; }
    """

    def __init__(self, subject: str) -> None:
        super().__init__()
        self.subject = subject
        self.counts: RoleCounts | None = None
        self.repeats: tuple[int, int] = (1, 1)
        """Default repeats (primary, supporting) as shown: keys are ahead of the library."""
        self.plan: SubjectPlan | None = None
        self._keys_pressed = 0
        self._comparing = False
        self._compare_again = False

    def compose_body(self) -> ComposeResult:
        with _Page(), Container(id="all"):
            with Container(id="upper"):
                yield Static(id="influence")
                yield Static(id="steps")
            yield CoverageView(id="coverage")

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= _TWO_COLUMNS, "-two")

    def screen_command(self) -> Sequence[str]:
        return ["balance", self.subject]

    @property
    def balance(self) -> Balance | None:
        """The balance with the repeats that are shown."""
        if self.counts is None:
            return None
        from loratui.catalog.roles import weigh_roles

        return weigh_roles(self.counts, self.repeats)

    # Reading

    def library_changed(self) -> None:
        self.lora.subject = self.subject
        self.set_header(self.subject, "balance")
        pressed, default_base = self._keys_pressed, self.lora.settings.default_base

        def count_them(catalog: Catalog) -> RoleCounts:
            from loratui.catalog.roles import count_roles

            return count_roles(catalog, self.subject)

        def plan(catalog: Catalog) -> tuple[SubjectPlan | None, tuple[str, ...]]:
            from loratui.errors import LoratuiError
            from loratui.runs.steps import plan_subject

            try:
                return plan_subject(catalog, self.subject, default_base), ()
            except LoratuiError as error:
                return None, (error.message, error.hint)

        def cover(catalog: Catalog) -> tuple[Coverage, list[Need]]:
            from loratui.captions.coverage import coverage_of
            from loratui.captions.needs import needs_of

            return coverage_of(catalog, self.subject), needs_of(catalog, self.subject)

        def take(counts: RoleCounts) -> None:
            self.counts = counts
            if pressed == self._keys_pressed:
                self.repeats = counts.repeats
            self._show_influence()

        def take_plan(answer: tuple[SubjectPlan | None, tuple[str, ...]]) -> None:
            from loratui.tui.balance_text import draw_steps

            self.plan = answer[0]
            self.query_one("#steps", Static).update(draw_steps(*answer, self.lora.glyphs))

        self.read(count_them, take, "counts")
        self.read(plan, take_plan, "plan")
        self.read(cover, lambda found: self.query_one(CoverageView).show(*found), "coverage")
        self._look_for_samey()

    def _look_for_samey(self) -> None:
        """Compare the training pictures, one time after the other: with thousands of them it takes seconds."""
        if self._comparing:
            self._compare_again = True
            return
        self._comparing, self._compare_again = True, False

        def work(catalog: Catalog) -> Samey:
            from loratui.captions.samey import samey_of
            from loratui.catalog.query import get_memberships

            try:
                clusters = samey_of(catalog, self.subject).clusters
                ids = [id_ for cluster in clusters for id_ in cluster.ids]
                return Samey(clusters, tell_apart(get_memberships(catalog, ids)))
            finally:
                self._comparing = False

        def take(samey: Samey) -> None:
            if not self.is_open:
                return
            self.query_one(CoverageView).show_samey(samey)
            if self._compare_again:
                self._look_for_samey()

        # Not by `read`: no key waits for this.
        self.bridge.read(work, take, owner=self, group="samey")

    def _show_influence(self) -> None:
        found = self.balance
        if found is None or self.counts is None:
            return
        from loratui.catalog.roles import AIM
        from loratui.tui.balance_text import draw_influence

        self.query_one("#influence", Static).update(draw_influence(found, self.counts, self.lora.glyphs, AIM, self.key))
        ratio = "-" if found.ratio is None else f"{found.ratio:.2f}"
        status = f"ratio {ratio}   x{found.primary_repeats} / x{found.supporting_repeats}"
        self.set_header(self.subject, "balance", status=status)
        self.refresh_keys()

    # Repeats

    def why_not(self, action: str) -> str:
        if action == "balance.cell":
            view = self.query_one(CoverageView) if self.is_mounted else None
            if view is not None and view.statement is not None:
                return "" if view.statement.ids else "No picture shows that."
            if view is not None and view.coverage is not None and not view.coverage.tagged:
                if not view.coverage.untagged:
                    return (
                        f"There are no cells: no picture is in training yet, {self.key('subject.pictures')} shows them."
                    )
                wall = f"{self.key('subject.tag')} on the wall ({self.key('subject.pictures')})"
                return f"There are no cells: no tag says what training pictures show. {wall} tags them."
            if view is None or view.cell is None:
                return "No cell is chosen: the arrows go to one."
            return "" if view.cell.pictures else "No training picture is in this cell."
        if not action.startswith("balance."):
            return ""
        found = self.balance
        if found is None:
            return "The roles are still being counted."
        if action == "balance.apply":
            if found.ratio is None:
                return "A ratio needs primary and supporting pictures."
            return "" if found.changes else "These repeats are as near to 2:1 as it gets."
        if action.endswith("_fewer") and self.repeats[_ROLES.index(action.split(".")[1].split("_")[0])] <= 1:
            return "Repeats go from 1."
        return ""

    def do_balance_primary_more(self) -> None:
        self._shift("primary", 1)

    def do_balance_primary_fewer(self) -> None:
        self._shift("primary", -1)

    def do_balance_supporting_more(self) -> None:
        self._shift("supporting", 1)

    def do_balance_supporting_fewer(self) -> None:
        self._shift("supporting", -1)

    def _shift(self, role: str, by: int) -> None:
        place = _ROLES.index(role)
        wanted = self.repeats[place] + by
        repeats = (wanted, self.repeats[1]) if place == 0 else (self.repeats[0], wanted)

        def work(catalog: Catalog) -> int:
            from loratui.catalog.subjects import edit_subject

            if role == "primary":
                edit_subject(catalog, self.subject, primary_repeats=wanted)
            else:
                edit_subject(catalog, self.subject, supporting_repeats=wanted)
            return wanted

        self._foresee(repeats)
        self.change(
            work,
            lambda number: f"{role.capitalize()} pictures of {plain(self.subject)} are repeated x{number} now.",
            ["subject", "edit", self.subject, f"--{role}-repeats", str(wanted)],
            failed=self._read_again,
            about=f"repeats of {role} x{wanted}",
        )

    def do_balance_apply(self) -> None:
        found = self.balance
        if found is None:
            return

        def work(catalog: Catalog) -> Balance:
            from loratui.catalog.roles import apply_balance

            return apply_balance(catalog, self.subject)

        def said(after: Balance) -> str:
            ratio = "-" if after.ratio is None else f"{after.ratio:.2f}"
            return f"Repeats are x{after.primary_repeats} and x{after.supporting_repeats} now: ratio {ratio}."

        self._foresee((found.proposed_primary_repeats, found.proposed_supporting_repeats))
        self.change(
            work, said, ["balance", self.subject, "--apply"], failed=self._read_again, about="the proposed repeats"
        )

    def _foresee(self, repeats: tuple[int, int]) -> None:
        self._keys_pressed += 1
        self.repeats = repeats
        self._show_influence()

    def _read_again(self) -> None:
        self._keys_pressed += 1
        self.library_changed()

    # Coverage

    def move(self, columns: int, rows: int) -> None:
        view, page = self.query_one(CoverageView), self.query_one(_Page)
        if view.spot is None and rows < 0:
            page.scroll_relative(y=-1, animate=False)
            return
        if view.move(columns, rows):
            line = int(view.virtual_region.y) + view.cursor_line
            top, height = page.scroll_offset.y, page.size.height
            if not top <= line < top + height - 2:
                page.scroll_to(y=max(0, line - height // 2), animate=False)
        elif view.coverage is not None and view.coverage.tagged:
            page.scroll_home(animate=False)
        else:
            page.scroll_relative(y=rows, animate=False)
        self.refresh_keys()

    def do_move_page_down(self) -> None:
        self.query_one(_Page).scroll_page_down(animate=False)

    def do_move_page_up(self) -> None:
        self.query_one(_Page).scroll_page_up(animate=False)

    def do_move_first(self) -> None:
        self.query_one(CoverageView).leave()
        self.query_one(_Page).scroll_home(animate=False)
        self.refresh_keys()

    def do_move_last(self) -> None:
        self.query_one(_Page).scroll_end(animate=False)

    def do_balance_cell(self) -> None:
        view = self.query_one(CoverageView)
        about = view.statement or view.cell
        if about is None:
            return
        ids = about.ids

        def work(catalog: Catalog) -> str:
            from loratui.catalog.query import get_memberships

            return name_by_hashes(picture.sha256 for picture in get_memberships(catalog, ids))

        self.read(work, lambda query: show_pictures(self.lora, self.subject, query), "cell", opens=True)
