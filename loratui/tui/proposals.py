"""Proposed roles: which pictures should be primary and supporting and why, to be looked at and accepted as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from loratui.catalog.naming import tell_apart
from loratui.tui.base import LoratuiScreen
from loratui.tui.dialogs import Field, Form
from loratui.tui.moves import TableMoves
from loratui.tui.naming import name_by_hashes
from loratui.tui.preview import Preview
from loratui.tui.table import Column, Row, RowTable
from loratui.tui.text import count, plain
from loratui.tui.wording import name_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.captions.proposals import Pick, Proposal, Skip
    from loratui.catalog.roles import Balance
    from loratui.catalog.rows import Membership
    from loratui.catalog.store import Catalog

Numbers = tuple[int, int, bool]
"""How many primary and supporting pictures there should be, and whether those in training are chosen anew."""

_FEW = (25, 50, False)
_NEED_PICKS = ("proposal.take_out", "proposal.accept", "proposal.view")


class ProposalsScreen(TableMoves, LoratuiScreen):
    """A proposal, read anew whenever its numbers or the library change; nothing is changed until it is accepted."""

    scope = "proposals"
    DEFAULT_CSS = """
    ProposalsScreen #lead { height: auto; max-height: 5; padding: 0 1 1 1; }
    ProposalsScreen #picks { width: 1fr; }
    ProposalsScreen.-narrow Preview { width: 34; }
    """

    def __init__(self, subject: str) -> None:
        super().__init__()
        self.subject = subject
        self.numbers: Numbers = _FEW
        self.proposal: Proposal | None = None
        self.out: set[int] = set()
        """Pictures that were taken out of the proposal: they keep the role they have."""
        self._asking = False
        self._again = False
        self._catalog: Catalog | None = None
        self._pictures: dict[int, Membership] = {}
        self._next = ""
        self._names: dict[int, str] = {}

    def compose_body(self) -> ComposeResult:
        yield Static("Choosing pictures...", id="lead")
        with Horizontal():
            yield RowTable([Column("role", 10), Column("picture", 18), Column("why", least=56)], id="picks")
            yield Preview(self.lora.tiles)

    def on_mount(self) -> None:
        self.table.focus()

    @property
    def table(self) -> RowTable:
        return self.query_one(RowTable)

    def screen_command(self) -> Sequence[str]:
        primary, supporting, again = self.numbers
        numbers = ["--primary", str(primary), "--supporting", str(supporting)]
        return ["propose", self.subject, *numbers, *["--again"] * again]

    @property
    def accepted(self) -> Proposal | None:
        """What would be accepted now: the proposal but for what was taken out."""
        return None if self.proposal is None else self.proposal.without(self.out)

    # Reading

    def library_changed(self) -> None:
        self.lora.subject = self.subject
        self._show_status()
        self._ask()

    def _ask(self) -> None:
        """Ask for a proposal; while one is worked out only the last wish is kept, for it may take seconds."""
        if self._asking:
            self._again = True
            return
        self._asking = True
        primary, supporting, again = self.numbers
        default_base = self.lora.settings.default_base

        def work(catalog: Catalog) -> tuple[Catalog, Proposal, list[Membership], str]:
            from loratui.captions.proposals import propose_roles, tell_balance
            from loratui.catalog import roles
            from loratui.catalog.query import get_memberships
            from loratui.runs.sizes import foresee_size

            try:
                training = foresee_size(catalog, default_base, subject=self.subject)
                found = propose_roles(catalog, self.subject, primary, supporting, again=again, training=training)
                told = tell_balance(self.subject, roles.balance(catalog, self.subject))
                return catalog, found, get_memberships(catalog, [each.id for each in _list_all(found)]), told
            finally:
                self._asking = False

        self.read(work, self._take, "proposal")

    def _take(self, answer: tuple[Catalog, Proposal, list[Membership], str]) -> None:
        self._catalog, self.proposal, pictures, self._next = answer
        self._pictures = {picture.id: picture for picture in pictures}
        self._names = tell_apart(pictures)
        self.out &= set(self.proposal.changes)
        if self._again:
            self._again = False
            self._ask()
        self._show()

    # Showing

    def _show(self) -> None:
        found = self.proposal
        if found is None:
            return
        picks = (*found.primary, *found.supporting)
        rows = [self._to_row(pick) for pick in picks if not pick.kept]
        rows += [self._to_row(pick) for pick in picks if pick.kept]
        rows += [
            Row(str(skip.id), ("-", self._name_of(skip), skip.reason), mark=self._mark(skip.id))
            for skip in found.skipped
        ]
        self.table.set_rows(rows)
        self.query_one("#lead", Static).update(self._draw_lead(found))
        self._show_status()
        self._show_picture()
        self.refresh_keys()

    def _to_row(self, pick: Pick) -> Row:
        role = "as it is" if pick.id in self.out else pick.role
        cells = (role, self._name_of(pick), "; ".join(pick.reasons))
        return Row(str(pick.id), cells, mark=self._mark(pick.id))

    def _name_of(self, one: Pick | Skip) -> str:
        return self._names.get(one.id, one.name)

    def _mark(self, id_: int) -> str:
        """Changes are marked, also those back to the inbox; what was taken out by hand is crossed out."""
        if self.proposal is None or id_ not in self.proposal.changes:
            return " "
        return self.lora.glyphs.no if id_ in self.out else self.lora.glyphs.mark

    def _draw_lead(self, found: Proposal) -> Content:
        changes, keymap = len(found.changes) - len(self.out), self.lora.keymap_of_person
        if not (found.primary or found.supporting or found.skipped):
            way = f"{self.key('subject.pictures')}, then {self.key('subject.import')},"
            return Content(f"{plain(self.subject)} has no pictures to choose from. {way} imports some.")
        said = f"{len(found.primary)} primary, {len(found.supporting)} supporting, {len(found.skipped)} left out."
        if changes:
            theirs = f"{count(changes, 'picture')} {'its' if changes == 1 else 'their'} new role"
            said += f" {self.key('proposal.accept')} gives {theirs}, marked {self.lora.glyphs.mark}; "
            said += "until then nothing changes."
        else:
            said += f" There is nothing to change: all have these roles.\n{plain(name_keys(self._next, keymap))}"
        return Content("\n").join(
            [
                Content(said),
                *(Content.styled(plain(name_keys(words, keymap)), "$foreground-muted") for words in found.remarks),
            ]
        )

    def _show_status(self) -> None:
        again = self.numbers[2]
        parts = [f"primary {self._say_count(0)}   supporting {self._say_count(1)}", *["all anew"] * again]
        parts += [f"{len(self.out)} taken out"] * bool(self.out)
        self.set_header(self.subject, "proposed roles", status="   ".join(parts))

    def _say_count(self, place: int) -> str:
        """How many there would be of a role, and how many there should be where that is another number."""
        wanted, found = self.numbers[place], self.proposal
        if found is None or self._asking:
            return f"up to {wanted:,}"
        role, picks = (("primary", found.primary), ("supporting", found.supporting))[place]
        stay = [found.changes[id_] for id_ in self.out & found.changes.keys()]
        there = len(picks) + sum((before == role) - (after == role) for before, after in stay)
        return f"{there:,}" if there == wanted else f"{there:,} of {wanted:,}"

    def on_row_table_cursor_moved(self, event: RowTable.CursorMoved) -> None:
        event.stop()
        self._show_picture()

    def _show_picture(self) -> None:
        preview = self.query_one(Preview)
        here, found = self._here, self.proposal
        if here is None or found is None:
            preview.show(None, None)
            return
        from loratui.captions.proposals import Pick

        reasons = here.reasons if isinstance(here, Pick) else (here.reason,)
        words = [(self._name_of(here), "bold"), *((reason, "") for reason in reasons)]
        if here.id in found.changes:
            before, after = found.changes[here.id]
            if here.id in self.out:
                words.append((f"stays {before}; {self.key('proposal.take_out')} puts it back", "$text-warning"))
            else:
                words.append(
                    (f"{before} now, {after} then; {self.key('proposal.take_out')} takes it out", "$foreground-muted")
                )
        preview.show(self._catalog, self._pictures.get(here.id), words)

    @property
    def _here(self) -> Pick | Skip | None:
        """What the cursor is on."""
        found, key = self.proposal, self.table.cursor_key
        if found is None or not key:
            return None
        return next((each for each in _list_all(found) if each.id == int(key)), None)

    # Actions

    def why_not(self, action: str) -> str:
        if action == "proposal.primary_fewer" and not self.numbers[0]:
            return "There can't be fewer than none."
        if action == "proposal.supporting_fewer" and not self.numbers[1]:
            return "There can't be fewer than none."
        if action not in _NEED_PICKS:
            return ""
        if self.proposal is None:
            return "The pictures are still being chosen."
        here = self._here
        if here is None:
            return "There are no pictures to choose from."
        if action == "proposal.take_out" and here.id not in self.proposal.changes:
            return f"{plain(self._name_of(here))} keeps its role anyway."
        if action == "proposal.accept" and len(self.proposal.changes) == len(self.out):
            return "There is nothing to change: all have these roles."
        return ""

    def do_proposal_primary_more(self) -> None:
        self._ask_for(primary=1)

    def do_proposal_primary_fewer(self) -> None:
        self._ask_for(primary=-1)

    def do_proposal_supporting_more(self) -> None:
        self._ask_for(supporting=1)

    def do_proposal_supporting_fewer(self) -> None:
        self._ask_for(supporting=-1)

    def do_proposal_anew(self) -> None:
        primary, supporting, again = self.numbers
        self.numbers = (primary, supporting, not again)
        self.tell("Those in training are chosen anew too." if not again else "Those in training keep their roles.")
        self._ask_for()

    def do_proposal_numbers(self) -> None:
        fields = [
            Field("primary", "Primary pictures", str(self.numbers[0]), check=_check_number),
            Field("supporting", "Supporting pictures", str(self.numbers[1]), check=_check_number),
        ]

        def answered(values: dict[str, str] | None) -> None:
            if values is not None:
                self.numbers = (int(values["primary"]), int(values["supporting"]), self.numbers[2])
                self._ask_for()

        note = "Those that have the role already count."
        self.app.push_screen(Form("How many there should be", fields, note=note), answered)

    def _ask_for(self, primary: int = 0, supporting: int = 0) -> None:
        before = self.numbers
        self.numbers = (max(0, before[0] + primary), max(0, before[1] + supporting), before[2])
        self._ask()
        self._show_status()

    def do_proposal_take_out(self) -> None:
        here = self._here
        if here is not None:
            self.out ^= {here.id}
            self._show()
            self.table.move(1)

    def do_proposal_view(self) -> None:
        ids = tuple(int(row.key) for row in self.table.rows)
        self.lora.show_screen("view", subject=self.subject, ids=ids, place=self.table.cursor)

    def do_proposal_accept(self) -> None:
        wanted = self.accepted
        if wanted is None:
            return
        query = name_by_hashes(self._pictures[id_].sha256 for id_ in sorted(self.out) if id_ in self._pictures)
        command = [*self.screen_command(), *([f"--without={query}"] if query else []), "--accept"]

        def work(catalog: Catalog) -> tuple[int, Balance]:
            from loratui.captions.proposals import accept_proposal
            from loratui.catalog import roles

            return accept_proposal(catalog, wanted), roles.balance(catalog, self.subject)

        def done(_: tuple[int, Balance]) -> None:
            self.out.clear()

        def say(answer: tuple[int, Balance]) -> str:
            changed, found = answer
            # Short, for one line; the lead says it with numbers.
            lead_on = (
                f" Their ratio is {found.ratio:.2f}, not 2: {self.key('subject.balance')} balances."
                if found.is_off
                else ""
            )
            return f"{count(changed, 'picture')} changed roles.{lead_on}"

        self.change(work, say, command, then=done, failed=self._ask, about="the proposed roles")


def _list_all(found: Proposal) -> list[Pick | Skip]:
    return [*found.primary, *found.supporting, *found.skipped]


def _check_number(value: str) -> str:
    return "" if value.strip().isdecimal() else "a whole number from 0 on"
