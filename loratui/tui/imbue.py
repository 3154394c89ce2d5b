"""The imbue assistant: what to learn with the trigger, what fuses by accident, and what captions become of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from loratui.tui.dialogs import Pick
from loratui.tui.imbue_lines import WARNS, columns, draw_advice, draw_captions, draw_outlook, sort_advice, to_row
from loratui.tui.table import RowTable
from loratui.tui.tag_table import TagTableScreen
from loratui.tui.text import count, plain
from loratui.tui.wording import name_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.captions.advice import TagAdvice
    from loratui.captions.counts import RulesPreview
    from loratui.captions.imbue import ImbueResult, ImbueStudy
    from loratui.captions.outlook import Outlook
    from loratui.catalog.store import Catalog

_NO_TAGS = """\
No picture of {subject} has a tag yet, so nothing can be said about what to imbue.

{tag} has a model tag all pictures. By hand: {back} goes back to the tags, where {add} adds one."""
_NO_PICTURES = """\
{subject} has no pictures to train on yet.

{pictures}, then {bring}, imports some."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What some tags on the imbued list would do: to captions, and to what a prompt can change."""

    captions: RulesPreview
    outlook: tuple[Outlook, ...]


class ImbueScreen(TagTableScreen["TagAdvice"]):
    """The tags of a subject by what to do about them; keys choose which ones are imbued, and one applies it."""

    scope = "imbue"
    crumb = "what to imbue"
    DEFAULT_CSS = """
    ImbueScreen #preset { height: 1; padding: 0 1; color: $text-muted; }
    ImbueScreen #beside Static { height: auto; margin: 0 0 1 0; }
    """

    def __init__(self, subject: str) -> None:
        super().__init__()
        self.subject = subject
        self._study: ImbueStudy | None = None
        self._stamp = ""
        self._by_tag: dict[str, TagAdvice] = {}
        self._tried: Tried | None = None
        self._preset = ""
        """Name of the preset that was picked; empty for that of the subject's kind."""
        self._but: tuple[str, ...] = ()
        self._turned: dict[str, bool] = {}
        """Tags that the person took in or out, whatever is proposed."""
        self._is_alone = False
        self._example = 0

    def compose_body(self) -> ComposeResult:
        yield Static("", id="preset")
        with Container(id="both"):
            yield RowTable(columns(), id="table")
            with VerticalScroll(id="beside", can_focus=False):
                yield Static("", id="reason")
                yield Static("", id="captions")
                yield Static("", id="outlook")
        yield Static("", classes="empty", id="empty")

    @property
    def chosen(self) -> tuple[str, ...]:
        """The tags that applying puts on the imbued list: what is proposed, as the person changed it."""
        proposed = frozenset(self._study.advice.proposed if self._study is not None else ())
        tags = (tag for tag in self._by_tag.values() if not tag.imbued_by)
        return tuple(tag.tag for tag in tags if self._turned.get(tag.tag, tag.tag in proposed))

    def screen_command(self) -> Sequence[str]:
        options = ["--preset", self._preset] if self._preset else []
        return ["imbue", "suggest", self.subject, *options, *(f"--but={group}" for group in self._but)]

    # What is shown

    def library_changed(self) -> None:
        preset, but, known = self._preset, self._but, self._stamp

        def work(catalog: Catalog) -> tuple[str, ImbueStudy | None]:
            from loratui.captions.imbue import study_imbue
            from loratui.catalog.measures import stamp_everything

            stamp = stamp_everything(catalog)
            if stamp == known:
                return stamp, None
            return stamp, study_imbue(catalog, self.subject, preset or None, but)

        self.read(work, self._take, "advice")

    def _take(self, answer: tuple[str, ImbueStudy | None]) -> None:
        stamp, study = answer
        if study is not None:
            self._stamp, self._study = stamp, study
            self._by_tag = {tag.tag: tag for tag in sort_advice(study.advice.tags)}
            self._show()

    def _read_anew(self) -> None:
        """Ask again for another preset or other groups."""
        self._stamp = ""
        self.library_changed()

    def _show(self) -> None:
        if self._study is None:
            return
        nothing = (_NO_TAGS if self._study.book.pictures else _NO_PICTURES).format(
            subject=self.subject,
            tag=self.key("subject.tag"),
            back=self.key("app.back"),
            add=self.key("tag.add"),
            pictures=self.key("subject.pictures"),
            bring=self.key("subject.import"),
        )
        if self._study.book.looked_at and self._study.advice.notes:
            # A tagger was asked already: what it lacked is said first.
            nothing = name_keys(self._study.advice.notes[0], self.lora.keymap_of_person)
        self.show_empty("" if self._by_tag else nothing)
        self.query_one("#preset").display = bool(self._by_tag)
        chosen = frozenset(self.chosen)
        self.table.set_rows([to_row(tag, chosen, self.lora.glyphs) for tag in self._by_tag.values()])
        self._show_header()
        self._show_reason()
        self._try()
        self.refresh_keys()

    def _show_header(self) -> None:
        tags = self._by_tag.values()
        imbued = sum(bool(tag.imbued_by) for tag in tags)
        warnings = sum(tag.verdict in WARNS for tag in tags)
        doubts = f"   {self.lora.glyphs.warn} {count(warnings, 'warning')}" if warnings else ""
        status = f"{len(self.chosen)} chosen   {imbued} imbued{doubts}"
        self.set_header(self.subject, self.crumb, status=status)
        if self._study is not None:
            preset = self._study.advice.preset
            but = f"   but not {', '.join(_spell(name) for name in self._but)}" if self._but else ""
            name = (_spell(preset.name) + plain(but), "bold $foreground")
            self.query_one("#preset", Static).update(Content.assemble("Preset  ", name, f"   {plain(preset.says)}"))

    def _show_reason(self) -> None:
        if self._study is None or self.tag is None:
            return
        trigger = self._study.book.subject.trigger
        drawn = draw_advice(self.tag, self._study.advice, trigger, frozenset(self.chosen), self.lora.glyphs, self.key)
        self.query_one("#reason", Static).update(drawn)

    def _try(self) -> None:
        """Work out what the choice would do, and show it."""
        study, chosen, alone = self._study, self.chosen, self._alone()
        if study is None or not self._by_tag:
            return

        def work(catalog: Catalog) -> Tried:
            return Tried(study.preview([alone] if alone else chosen), study.foresee(chosen))

        def take(tried: Tried) -> None:
            self._tried = tried
            self._show_captions()
            notes = study.advice.notes
            self.query_one("#outlook", Static).update(
                draw_outlook(tried.outlook, notes, self.lora.glyphs, self.lora.keymap_of_person)
            )

        self.read(work, take, "tried")

    def _alone(self) -> str:
        """The tag whose captions are shown by itself; empty when those of all that are chosen are."""
        return self.tag.tag if self._is_alone and self.tag is not None and not self.tag.imbued_by else ""

    def _show_captions(self) -> None:
        if self._tried is None:
            return
        chosen, alone = self.chosen, self._alone()
        what = f"With {alone} imbued" if alone else f"With {_name_all(chosen)} imbued" if chosen else ""
        self.query_one("#captions", Static).update(draw_captions(self._tried.captions, self._example, what, self.key))

    def on_row_table_cursor_moved(self, event: RowTable.CursorMoved) -> None:
        event.stop()
        self._show_reason()
        self.query_one("#beside").scroll_home(animate=False)
        if self._is_alone:
            self._example = 0
            self._try()
        self.refresh_keys()

    def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
        event.stop()
        self.action_do("imbue.choose")

    # Actions

    def why_not(self, action: str) -> str:
        if not action.startswith(("imbue.", "tag.")):
            return ""
        if self._study is None:
            return "The tags are still being read."
        if action in ("imbue.preset", "imbue.except"):
            return ""
        if self.tag is None:
            return f"There are no tags yet: {self.key('subject.tag')} has a model tag the pictures."
        if action == "imbue.choose" and self.tag.imbued_by:
            entry, tag = plain(self.tag.imbued_by), plain(self.tag.tag)
            which = f"{tag} is" if entry == tag else f"'{entry}' on the list has {tag}"
            way = f"{self.key('app.back')} leads to the tags, {self.key('tag.imbue')} there on {tag}"
            return f"{which} imbued already; to take it off the list: {way}."
        if action == "imbue.apply" and not self.chosen:
            return f"Nothing is chosen: {self.key('imbue.choose')} takes a tag in."
        if action == "tag.next_example" and (self._tried is None or len(self._tried.captions.examples) < 2):
            return "No other caption changes."
        return ""

    def do_imbue_choose(self) -> None:
        if self.tag is None:
            return
        self._turned[self.tag.tag] = self.tag.tag not in self.chosen
        self._example = 0
        self._show()

    def do_imbue_apply(self) -> None:
        tags = self.chosen

        def work(catalog: Catalog) -> ImbueResult:
            from loratui.captions.imbue import apply_imbue

            return apply_imbue(catalog, self.subject, tags)

        def said(result: ImbueResult) -> str:
            return f"{_name_all(tags)} imbued: {count(result.preview.changed, 'caption')} changed."

        self.change(work, said, ["imbue", "apply", self.subject, *tags], then=self._applied)

    def _applied(self, result: ImbueResult) -> None:
        for tag in result.added:
            self._turned.pop(tag.tag, None)

    def do_imbue_preset(self) -> None:
        from loratui.captions.presets import load_presets

        if self._study is None:
            return
        now, kind = self._study.advice.preset.name, self._study.book.subject.kind
        presets = sorted(load_presets(), key=lambda one: kind not in one.kinds)
        rows = [(one.name, _spell(one.name) + "   now" * (one.name == now)) for one in presets]

        def picked(name: str | None) -> None:
            if name is not None and name != now:
                self._preset = name
                self._turned.clear()
                self._read_anew()
                self.tell(f"Advice is given after the preset {_spell(name)}; nothing is changed yet.")

        says = {one.name: one.says for one in presets}
        self.app.push_screen(Pick("What is learned with the trigger", rows, says=says, at=now), picked)

    def do_imbue_except(self, at: str = "") -> None:
        """Each choice turns a group, until esc is pressed."""
        from loratui.captions.presets import find_preset

        if self._study is None:
            return
        preset = find_preset(self._study.advice.preset.name)
        groups = [*preset.imbue, *preset.ask]
        stems = Counter(name.split("_")[0] for name in groups)
        families = [stem for stem, times in stems.items() if times > 1]
        glyphs = self.lora.glyphs

        def write(name: str) -> str:
            parts = [_spell(one.removeprefix(f"{name}_")) for one in groups if one.split("_")[0] == name]
            whole = f": {', '.join(parts)}" * (name in families)
            left = name in self._but
            return f"{glyphs.said if left else glyphs.imbued} {_spell(name)}{whole}{'   left to the prompt' * left}"

        def picked(name: str | None) -> None:
            if name is not None:
                others = tuple(one for one in self._but if one != name)
                self._but = others if name in self._but else (*others, name)
                self._read_anew()
                self.do_imbue_except(name)

        rows = [(name, write(name)) for name in (*families, *groups)]
        self.app.push_screen(Pick("Left to the prompt: enter turns, esc is done", rows, at=at), picked)

    def do_imbue_alone(self) -> None:
        self._is_alone = not self._is_alone
        self._example = 0
        self._try()
        whose = "the tag under the cursor alone" if self._is_alone else "all that is chosen"
        self.tell(f"Captions before and after show {whose}.")

    def do_tag_next_example(self) -> None:
        self._example += 1
        self._show_captions()


def _spell(name: str) -> str:
    """The name of a preset or a group as people read it."""
    return name.replace("_", " ")


def _name_all(tags: Sequence[str]) -> str:
    return ", ".join(tags) if len(tags) <= 3 else f"{', '.join(tags[:2])} and {len(tags) - 2} more tags"
