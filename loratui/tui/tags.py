"""Tags and captions of a subject: how often each tag is said, what is imbued, and what a change would do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from loratui.tui.completion import complete_words
from loratui.tui.filter import FilterBar, FilteredScreen, accept_anything
from loratui.tui.model_forms import of_wall
from loratui.tui.table import RowTable
from loratui.tui.tag_bulk import BulkTagging
from loratui.tui.tag_lines import (
    ALL,
    ORDERS,
    Question,
    TagView,
    columns,
    filter_tags,
    read_view,
    sort_tags,
    to_row,
)
from loratui.tui.tag_rules import RuleChanging
from loratui.tui.tag_table import TagTableScreen
from loratui.tui.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.captions.counts import LongestCaption, TagCount
    from loratui.catalog.store import Catalog
    from loratui.catalog.tagged import TaggedPicture
    from loratui.tui.completion import Completion

_NO_TAGS = """\
No picture of {subject} has a tag or a caption yet.

Importing reads the captions that lie beside pictures: .txt, .caption and kohya's JSON.
W has a model tag pictures, M has one describe them in sentences.
By hand, a adds a tag to pictures: all of them, or those filtered or marked among the pictures (F3).
In a shell: `loratui caption tag {subject} QUERY --add TAG`.

Until then every caption is: {caption}"""
_NOTHING_SURE = """\
Pictures of {subject} were tagged, but no tag of theirs is used.

A tag counts from a score of {least} on: R changes the rules, general_threshold among them.
W has another model tag the pictures; by hand, a adds a tag.

Until then every caption is: {caption}"""
_NO_PICTURES = """\
{subject} has no pictures yet.

F3, then a, imports some, together with the captions that lie beside them."""

_WORDS_ABOVE, _EXAMPLE_LINES = 18, 7
_RULES = ("tag.prefix", "tag.rules", "tag.import_rules", "tag.export_rules")
_WITHOUT_TAGS = ("tag.add", "tag.scope", "library.sort")


class TagsScreen(TagTableScreen["TagCount"], FilteredScreen, RuleChanging, BulkTagging):
    """The tags of one subject in a table, with what a key would do to the captions beside it."""

    scope = "tags"
    crumb = "tags"
    DEFAULT_CSS = """
    TagsScreen #scope { height: 1; padding: 0 1; color: $text-muted; }
    TagsScreen #preview { height: auto; }
    TagsScreen #rules { height: auto; padding: 1 0 0 0; }
    """

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self._view: TagView | None = None
        self._by_tag: dict[str, TagCount] = {}
        self._order = 0
        self._kind = ALL
        self._example = 0
        self._wanted = ""
        """A tag to go to as soon as it is there."""
        self._examples: list[TaggedPicture] = []
        """Pictures that have the tag under the cursor."""
        self._longest: LongestCaption | None = None
        self._doubts: tuple[str, ...] = ()

    def compose_body(self) -> ComposeResult:
        yield Static("", id="scope")
        with Container(id="both"):
            yield RowTable(columns(self._order, self.lora.glyphs), id="table")
            with VerticalScroll(id="beside", can_focus=False):
                yield Static("", id="preview")
                yield Static("", id="rules")
        yield Static("", classes="empty", id="empty")
        yield FilterBar(complete=self._complete, check=accept_anything, placeholder="part of a tag, or -part")

    @property
    def view(self) -> TagView:
        """What was read last."""
        if self._view is None:
            raise RuntimeError("nothing was read yet")
        return self._view

    def screen_command(self) -> Sequence[str]:
        query = self._view.scope.query if self._view is not None else ""
        return ["tags", "list", self.subject, *([query] if query else [])]

    @property
    def examples(self) -> Sequence[TaggedPicture]:
        return self._examples

    def show_view(self, view: TagView) -> None:
        self._view = view
        self._show()

    def go_to(self, tag: str) -> None:
        self._wanted = tag

    # What is shown

    def library_changed(self) -> None:
        question, before = Question(self.subject, self._kind, *of_wall(self.lora, self.subject)), self._view
        self.read(lambda catalog: read_view(catalog, question, before), self._take, "view")

    def reread(self) -> None:
        self._view = replace(self._view, stamp="") if self._view is not None else None
        self.library_changed()

    def _take(self, view: TagView) -> None:
        if view is self._view:
            return
        self._view = view
        self._kind = view.scope.kind
        self._show()

        def work(catalog: Catalog) -> tuple[LongestCaption | None, tuple[str, ...]]:
            from loratui.captions.mixture import tell_mixture

            mixture = tell_mixture(catalog, view.book.subject)
            return view.book.find_longest(), (*[mixture] * bool(mixture), *view.book.check())

        def take(found: tuple[LongestCaption | None, tuple[str, ...]]) -> None:
            self._longest, self._doubts = found
            self._show_header()
            self._show_rules()

        self.read(work, take, "doubts")

    def _show(self) -> None:
        view, glyphs = self.view, self.lora.glyphs
        self._by_tag = {one.tag: one for one in view.tags}
        shown = filter_tags(sort_tags(view.tags, self._order), self.filter_text)
        self.table.set_columns(columns(self._order, glyphs, shown))
        self.table.set_rows([to_row(one, glyphs) for one in shown])
        if self._wanted and self.table.move_to_key(self._wanted):
            self._wanted = ""
        self.query_one("#scope").display = bool(view.book.pictures)
        nothing = ""
        if not (view.tags or view.book.written):
            example = view.book.captions(view.book.pictures[:1])
            words = _NOTHING_SURE if view.book.looked_at else _NO_TAGS if example else _NO_PICTURES
            least = f"{view.book.rules.general_threshold:.2f}"
            nothing = words.format(subject=self.subject, caption="".join(example), least=least)
        self.show_empty(nothing)
        self._show_header()
        self._show_scope()
        self._show_preview()
        self._show_rules()
        self.refresh_keys()

    def _show_header(self) -> None:
        tags = (
            f"{len(self.table.rows):,} of {count(len(self.view.tags), 'tag')}"
            if self.filter_text
            else count(len(self.view.tags), "tag")
        )
        imbued = sum(one.imbued for one in self.view.tags)
        filtered = [f"/ {self.filter_text}"] if self.filter_text else []
        doubts = f"   {self.lora.glyphs.warn} {count(len(self._doubts), 'doubt')}" if self._doubts else ""
        self.set_header(self.subject, self.crumb, *filtered, status=f"{tags}   {imbued} imbued{doubts}")

    def _show_scope(self) -> None:
        pieces: list[Any] = []
        for one in self.view.scopes:
            words = plain(f"{one.words}: {count(len(one.ids), 'picture')}")
            if one == self.view.scope:
                words += f", shares of {self.view.shares_of}" if self.view.shares_of else ""
                pieces += [(f"[{words}]", "bold $foreground"), "  "]
            else:
                pieces += [f" {words} ", "  "]
        shown, lead = Content.assemble(*pieces[:-1]), "Counts and edits are about  "
        # What is counted goes before the words around it.
        fits = len(lead) + shown.cell_length <= self.size.width - 2
        self.query_one("#scope", Static).update(Content.assemble(lead if fits else "About  ", shown))

    def _show_preview(self) -> None:
        from loratui.captions.tags import fold_tag
        from loratui.tui.tag_preview import draw_tag, order_examples

        tag = self.tag
        self._examples = order_examples(self.view.holders.get(fold_tag(tag.tag), ())) if tag is not None else []
        shown = Content(f"No tag has '{plain(self.filter_text)}' in it. esc shows all." if self.filter_text else "")
        beside = self.query_one("#beside")
        if tag is not None:
            shown = draw_tag(
                self.view.book,
                tag,
                self._examples,
                self._example,
                self.lora.glyphs,
                scope="" if self.view.scope.kind == ALL else self.view.scope.kind,
                shares_of=self.view.shares_of,
                examples=max(1, (beside.size.height - _WORDS_ABOVE) // _EXAMPLE_LINES),
                is_tight=self.has_class("-narrow"),
            )
        self.query_one("#preview", Static).update(shown)
        beside.scroll_home(animate=False)

    def _show_rules(self) -> None:
        from loratui.tui.tag_preview import draw_rules

        drawn = draw_rules(self.view.book, self._longest, self._doubts, self.lora.glyphs)
        self.query_one("#rules", Static).update(drawn)

    def on_resize(self) -> None:
        if self._view is not None:
            self._show_scope()
            self._show_preview()

    def on_row_table_cursor_moved(self, event: RowTable.CursorMoved) -> None:
        event.stop()
        self._wanted = ""
        self._example = 0
        self._show_preview()
        self.refresh_keys()

    def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
        event.stop()
        self.action_do("tag.imbue")

    # Actions

    def why_not(self, action: str) -> str:
        by_model = action in ("subject.tag", "subject.describe")
        if not (by_model or action.startswith(("tag.", "picture.", "library.", "filter."))):
            return ""
        if self._view is None:
            return "The tags are still being read."
        if action == "tag.scope" and len(self._view.scopes) == 1:
            return "Nothing is filtered or marked among the pictures: F3 shows them, / filters, space marks."
        if action in _RULES:
            return ""
        if by_model or action in _WITHOUT_TAGS:
            return "" if self._view.book.pictures else "The subject has no pictures: F3 shows them, a imports some."
        if self.tag is None:
            return (
                "No tag is shown: esc shows all."
                if self._by_tag
                else "There are no tags yet: W has a model tag the pictures, a adds one by hand."
            )
        if action == "tag.imbue" and self.tag.named and not self.tag.imbued:
            return f"The prefix says {self.tag.tag} in every caption: P changes the prefix."
        if action in ("picture.caption", "picture.zoom") and not self.targets():
            return "No picture has the tag any more."
        return ""

    def targets(self) -> Sequence[int]:
        return [self._examples[self._example % len(self._examples)].id] if self._examples else []

    def shown_by(self) -> tuple[str | None, int]:
        return (self._view.scope.query, len(self._view.scope.ids)) if self._view is not None else (None, 0)

    def name_of(self, id: int) -> str:
        return next((one.name for one in self._examples if one.id == id), "")

    def do_library_sort(self) -> None:
        self._order = (self._order + 1) % len(ORDERS)
        self._show()
        self.tell(f"Order: {ORDERS[self._order]}.")

    def filter_changed(self) -> None:
        self._show()

    def _complete(self, text: str, cursor: int) -> Completion:
        words = {word for tag in self._by_tag for word in tag.split()}
        return complete_words(text, cursor, lambda: sorted(words, key=str.casefold))

    def do_tag_scope(self) -> None:
        kinds = [one.kind for one in self.view.scopes]
        self._kind = kinds[(kinds.index(self.view.scope.kind) + 1) % len(kinds)]
        self.library_changed()

    def do_tag_next_example(self) -> None:
        self._example += 1
        self._show_preview()

    def do_subject_imbue(self) -> None:
        self.lora.show_screen("imbue", subject=self.subject)

    def do_picture_zoom(self) -> None:
        ids = tuple(one.id for one in self._examples)
        self.lora.show_screen("view", subject=self.subject, ids=ids, place=self._example % len(ids))
