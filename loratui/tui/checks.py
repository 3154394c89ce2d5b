"""Misplaced pictures: what checks found, check by check, with the picture, and one key that rejects it for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from loratui.catalog.naming import tell_apart
from loratui.tui.curation import CurationScreen
from loratui.tui.filtered_wall import show_pictures
from loratui.tui.moves import TableMoves
from loratui.tui.preview import Preview
from loratui.tui.table import Column, Row, RowTable
from loratui.tui.text import count, plain
from loratui.tui.wording import name_keys

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.captions.misplaced import CheckResult, SkippedCheck, Suspect
    from loratui.catalog.store import Catalog
    from loratui.events import Report

_UNFIT = "unfit"
_NOT_RUN = """\
No check was run on the pictures of {subject} yet, or none found anything.

r runs them: {looks_for} It rejects nothing."""
_NOTHING = """\
The checks found nothing among the pictures of {subject}.

r runs them again: {looks_for} It rejects nothing."""
_LOOKS_FOR = "they look for pictures that may not be used, show several faces, text, blur, or another subject."
_MEASURES = {"luminance": "its brightness", "sharpness": "its sharpness", "size": "its size"}
"""What stands before the slash in place of a model where a check measures the picture itself."""


class ChecksScreen(TableMoves, CurationScreen):
    """What was found by now is shown at once; the checks themselves run beside everything else."""

    scope = "checks"
    DEFAULT_CSS = """
    ChecksScreen #lead { height: auto; max-height: 6; padding: 0 1 1 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ChecksScreen #suspects { width: 1fr; }
    ChecksScreen.-narrow Preview { width: 34; }
    ChecksScreen #nothing { display: none; }
    ChecksScreen.-nothing #nothing { display: block; }
    ChecksScreen.-nothing #both { display: none; }
    """

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.suspects: tuple[Suspect, ...] = ()
        self._catalog: Catalog | None = None
        self._names: dict[int, str] = {}

    def compose_body(self) -> ComposeResult:
        yield Static(id="lead")
        with Horizontal(id="both"):
            columns = [
                Column("check", 7),
                Column("picture", 18),
                Column("x limit", 7, "right"),
                Column("why", least=58),
            ]
            yield RowTable(columns, id="suspects")
            yield Preview(self.lora.tiles)
        yield Static("", classes="empty", id="nothing", markup=False)

    def on_mount(self) -> None:
        self.table.focus()

    @property
    def table(self) -> RowTable:
        return self.query_one(RowTable)

    @property
    def skipped(self) -> tuple[SkippedCheck, ...]:
        """Checks that the last run from here could not make, and why."""
        return self.lora.checked.get(self.subject, ())

    def screen_command(self) -> Sequence[str]:
        return ["check", self.subject]

    # Reading

    def library_changed(self) -> None:
        self.lora.subject = self.subject

        def work(catalog: Catalog) -> tuple[Catalog, list[Suspect]]:
            from loratui.captions.misplaced import list_suspects

            return catalog, list_suspects(catalog, self.subject)

        self.read(work, self._take, "suspects")

    def _take(self, answer: tuple[Catalog, list[Suspect]]) -> None:
        self._catalog, self.suspects = answer[0], tuple(answer[1])
        self._names = tell_apart({one.membership.id: one.membership for one in self.suspects}.values())
        self._show()

    def tasks_changed(self) -> None:
        self.refresh_keys()

    # Showing

    def _show(self) -> None:
        self.set_class(not self.suspects, "-nothing")
        nothing = _NOTHING if self.subject in self.lora.checked else _NOT_RUN
        said = nothing.format(subject=plain(self.subject), looks_for=_LOOKS_FOR)
        self.query_one("#nothing", Static).update(Content(said))
        self.table.set_rows([self._to_row(one) for one in self.suspects])
        self.query_one("#lead", Static).update(self._draw_lead())
        pictures = len({one.membership.id for one in self.suspects})
        status = f"{count(len(self.suspects), 'finding')} in {count(pictures, 'picture')}" if pictures else ""
        self.set_header(self.subject, "checks", status=status)
        self._show_picture()
        self.refresh_keys()

    def _to_row(self, one: Suspect) -> Row:
        unfit = one.kind == _UNFIT
        cells = (one.kind, self._names[one.membership.id], "never" if unfit else f"{one.value:.1f}", one.why)
        mark = self.lora.glyphs.warn if unfit else " "
        return Row(f"{one.kind} {one.membership.id}", cells, tone="warning" if unfit else "", mark=mark)

    def _draw_lead(self) -> Content:
        lines = []
        if unfit := sum(one.kind == _UNFIT for one in self.suspects):
            words = f"{count(unfit, 'picture')} may not be used, and {'is' if unfit == 1 else 'are'} never trained or"
            lines.append(Content.styled(f"{self.lora.glyphs.warn} {words} exported: x rejects.", "bold $text-warning"))
        lines += [
            Content.styled(plain(f"not checked: {each.kind}: {self._say_why(each)}"), "$foreground-muted")
            for each in self.skipped
        ]
        return Content("\n").join(lines)

    def _say_why(self, each: SkippedCheck) -> str:
        """Why a check was not made, with what a person of the app can do about it."""
        if each.kind == "faces" and self.lora.settings.face_model is None and "face_model" in each.why:
            where = self.lora.home.config_file
            return f'it needs YuNet, a face detector: face_model = "FOLDER" in {where}, then start the app anew'
        return name_keys(each.why)

    def on_row_table_cursor_moved(self, event: RowTable.CursorMoved) -> None:
        event.stop()
        self._show_picture()
        self.refresh_keys()

    @property
    def _here(self) -> Suspect | None:
        """The finding under the cursor."""
        place = self.table.cursor
        return self.suspects[place] if place < len(self.suspects) else None

    def _show_picture(self) -> None:
        one = self._here
        preview = self.query_one(Preview)
        if one is None:
            preview.show(None, None)
            return
        muted = "$foreground-muted"
        words = [(self._names[one.membership.id], "bold"), (f"{one.kind}: {one.why}", ""), (_say_who(one.model), muted)]
        others = [each.kind for each in self.suspects if each.membership.id == one.membership.id and each is not one]
        words += [(f"also {', '.join(others)}", muted)] * bool(others)
        preview.show(self._catalog, one.membership, words)

    # Actions

    def why_not(self, action: str) -> str:
        if action == "check.run" and self._is_running:
            return "The checks are running: w shows how far they are."
        if action.startswith("check.") and action != "check.run" and not self.suspects:
            return "Nothing was found. r looks for misplaced pictures."
        return ""

    @property
    def _label(self) -> str:
        return f"check {self.subject}"

    @property
    def _is_running(self) -> bool:
        return any(task.label == self._label for task in self.bridge.running_tasks())

    def do_check_run(self) -> None:
        settings = self.lora.settings

        def work(catalog: Catalog, report: Report, cancel: threading.Event) -> CheckResult:
            from loratui.captions.misplaced import check_subject
            from loratui.runs.sizes import foresee_size

            return check_subject(
                catalog,
                self.subject,
                faces=settings.face_model,
                training=foresee_size(catalog, settings.default_base, subject=self.subject),
                workers=settings.import_workers,
                report=report,
                cancel=cancel,
            )

        def done(found: CheckResult) -> str:
            self.lora.ran(self.screen_command())
            pictures = len({one.membership.id for one in found.suspects})
            sentence = f"{count(found.checked, 'picture')} checked, {pictures:,} worth a look. Nothing was rejected."
            self.tell(sentence)
            self.lora.checked[self.subject] = found.skipped
            # The screen may have been left and opened again meanwhile.
            for screen in self.lora.screen_stack:
                if isinstance(screen, ChecksScreen) and screen.subject == self.subject:
                    screen.library_changed()
            return sentence

        self.bridge.start_task(self._label, work, done, owner=self.lora)

    def targets(self) -> Sequence[int]:
        one = self._here
        return () if one is None else (one.membership.id,)

    def name_of(self, id: int) -> str:
        return plain(self._names.get(id, ""))

    def do_check_reject(self) -> None:
        one = self._here
        if one is not None:
            self.reject(one.membership.id, f"{one.kind}: {one.why}")

    def reject(self, id: int, reason: str) -> None:
        """Reject a picture; all that was found in it goes from the list at once."""
        self._set_role("rejected", reason=reason, ids=(id,))
        self.suspects = tuple(one for one in self.suspects if one.membership.id != id)
        self._show()

    def do_check_open(self) -> None:
        one = self._here
        ids = tuple(dict.fromkeys(each.membership.id for each in self.suspects))
        if one is not None:
            self.lora.show_screen("view", subject=self.subject, ids=ids, place=ids.index(one.membership.id))

    def do_check_pictures(self) -> None:
        if (one := self._here) is not None:
            show_pictures(self.lora, self.subject, f"flag:{one.kind}")


def _say_who(model: str) -> str:
    """Who says so: a model by its name, or what was measured."""
    name, _, about = model.partition("/")
    if name not in _MEASURES:
        return f"says {model}"
    return f"measured by {_MEASURES[name]}" + (f", for training at {about} px" if name == "size" else "")
