"""The dialog in which a caption is written by hand, with what the rules would say and what the text encoder reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Static, TextArea

from loratui.tui.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events
    from textual.app import ComposeResult

    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog
    from loratui.tui.app import LoratuiApp
    from loratui.tui.bridge import Delivered

_COMPUTED_SHOWN = 3


@dataclass(frozen=True, slots=True)
class CaptionDraft:
    """What a caption editor starts with: of one picture, or of many that will all get the same text."""

    subject: Subject
    names: tuple[str, ...]
    """Some of the pictures."""
    pictures: int
    written: str
    """What a person wrote for all of them; empty when the rules speak, or when they differ."""
    differ: int
    """How many of the pictures have a written caption that will be replaced by another."""
    computed: tuple[str, ...]
    """What the rules say, for the pictures that are named."""
    opened: Mapping[int, str] = field(default_factory=dict)
    """What each picture's written caption was, by membership id."""
    typed: str | None = None
    """What was typed before, where it could not be written."""


@dataclass(frozen=True, slots=True)
class _Judged:
    text: str
    tokens: int | None
    warnings: tuple[str, ...]


def draft_caption(catalog: Catalog, subject: str, ids: Sequence[int]) -> CaptionDraft:
    """Read what a caption editor for these pictures starts with; for a thread."""
    from dataclasses import replace

    from loratui.captions.service import captions_of
    from loratui.catalog.query import get_memberships
    from loratui.catalog.subjects import get_subject

    owner = get_subject(catalog, subject)
    chosen = get_memberships(catalog, ids)
    some = chosen[:_COMPUTED_SHOWN]
    opened = _written_of(chosen)
    texts = list(opened.values())
    alike = len(set(texts)) == 1
    computed = captions_of(catalog, owner, [replace(picture, caption=None) for picture in some])
    return CaptionDraft(
        subject=owner,
        names=tuple(picture.name for picture in some),
        pictures=len(chosen),
        written=texts[0] if alike else "",
        differ=0 if alike else sum(1 for text in texts if text),
        computed=tuple(computed[picture.id] for picture in some),
        opened=opened,
    )


def _written_of(pictures: Sequence[Membership]) -> dict[int, str]:
    return {picture.id: (picture.caption or "").strip() for picture in pictures}


class CaptionLine(TextArea):
    """A caption: it may wrap, but is one line, so enter is done."""

    class Submitted(Message):
        """Enter was pressed."""

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "enter":
            event.stop()
            event.prevent_default()
            self.post_message(self.Submitted())
            return
        await super()._on_key(event)


class CaptionEditor(ModalScreen[str | None]):
    """Gives the caption as written, an empty text for "compute it again", None when the person left.

    When someone else has written one since this was opened, it says so, and asks once more.
    """

    DEFAULT_CSS = """
    CaptionEditor { align: center middle; }
    CaptionEditor > Vertical {
        width: 90; max-width: 96%; height: auto; max-height: 96%; padding: 1 2;
        border: round $primary; background: $surface;
    }
    CaptionEditor Static { height: auto; }
    CaptionEditor .muted { color: $text-muted; }
    CaptionEditor #computed { color: $text-muted; margin: 0 0 1 0; max-height: 8; }
    CaptionEditor CaptionLine {
        height: 5; border: none; padding: 0 1; background: $panel; margin: 0 0 1 0;
    }
    CaptionEditor CaptionLine:focus { border: none; }
    CaptionEditor #judged { margin: 0 0 1 0; }
    CaptionEditor #theirs { color: $text-warning; display: none; max-height: 8; margin: 0 0 1 0; }
    CaptionEditor #judged.-doubtful { color: $text-warning; }
    """
    BINDINGS: ClassVar = [
        ("escape", "dismiss(None)", "leave"),
        ("ctrl+s", "finish", "done"),
        ("ctrl+t", "take_computed", "start from the computed one"),
    ]

    def __init__(self, draft: CaptionDraft) -> None:
        super().__init__()
        self.draft = draft
        self._opened = draft.opened
        self._is_looking = False

    def compose(self) -> ComposeResult:
        draft = self.draft
        if draft.pictures == 1:
            title = f"Caption of {draft.names[0]}"
        else:
            title = f"One caption for {count(draft.pictures, 'picture')}"
        with Vertical():
            yield Static(Text(plain(title), style="bold"))
            yield Static(self._tell_computed(), id="computed")
            yield CaptionLine(
                draft.written if draft.typed is None else draft.typed,
                soft_wrap=True,
                show_line_numbers=False,
                compact=True,
            )
            yield Static("", id="judged")
            yield Static("", id="theirs")
            yield Static(Text("enter done   ^t the computed one   empty: compute it again   esc leave", style="dim"))

    def _tell_computed(self) -> Text:
        draft = self.draft
        text = Text()
        for name, computed in zip(draft.names, draft.computed, strict=True):
            before = "Computed: " if draft.pictures == 1 else f"{plain(name)}: "
            text.append("\n" if text else "").append(before, style="dim").append(plain(computed) or "(empty)")
        if draft.pictures > len(draft.names):
            text.append(f"\nand {draft.pictures - len(draft.names):,} more", style="dim")
        if draft.differ:
            text.append(f"\n{count(draft.differ, 'caption')} written by hand will be replaced.", style="bold")
        return text

    def on_mount(self) -> None:
        line = self.query_one(CaptionLine)
        line.focus()
        line.move_cursor(line.document.end)
        self._judge()

    @property
    def text(self) -> str:
        """The caption as it is typed now, on one line."""
        return " ".join(self.query_one(CaptionLine).text.split())

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self._judge()

    def on_caption_line_submitted(self, event: CaptionLine.Submitted) -> None:
        event.stop()
        self.action_finish()

    def action_finish(self) -> None:
        """Give the caption, unless it is another by now than the one this was opened with."""
        if self._is_looking:
            return
        if self.text == self.draft.written and not self.draft.differ:
            # Nothing is to be written.
            self.dismiss(None)
            return
        self._is_looking = True
        ids = tuple(self._opened)

        def work(catalog: Catalog) -> dict[int, str]:
            from loratui.catalog.query import get_memberships

            return _written_of(get_memberships(catalog, ids))

        app: LoratuiApp = self.app  # type: ignore[assignment]
        app.hold_keys()
        app.bridge.read(work, self._finish, owner=self, finished=self._looked)

    def _finish(self, written: Mapping[int, str]) -> None:
        changed = {id_: text for id_, text in written.items() if text != self._opened.get(id_, text)}
        # Whoever wrote the same is of one mind with this person.
        if all(text == self.text for text in changed.values()):
            self.dismiss(self.text)
            return
        self._opened = {**self._opened, **changed}
        texts = list(dict.fromkeys(changed.values()))
        what = "The caption was" if self.draft.pictures == 1 else f"{count(len(changed), 'caption')} were"
        told = Text(f"{what} changed since this was opened, and {'is' if len(changed) == 1 else 'are'} now:")
        for text in texts[:_COMPUTED_SHOWN]:
            told.append("\n").append(plain(text) or "(empty: the rules compute it)")
        told.append("\nenter writes yours in its place, esc leaves it.")
        theirs = self.query_one("#theirs", Static)
        theirs.update(told)
        theirs.display = True

    def _looked(self) -> None:
        self._is_looking = False
        app: LoratuiApp = self.app  # type: ignore[assignment]
        app.release_keys()

    def action_take_computed(self) -> None:
        line = self.query_one(CaptionLine)
        line.load_text(self.draft.computed[0] if self.draft.computed else "")
        line.move_cursor(line.document.end)

    def _judge(self) -> None:
        """Count what the text encoder reads; a thread does it, because the first time its vocabulary is loaded."""
        text, owner = self.text, self.draft.subject
        computed = self.draft.computed[0] if self.draft.computed and self.draft.pictures == 1 else ""

        def work(catalog: Catalog) -> _Judged:
            from loratui.captions.service import check_caption
            from loratui.captions.tokens import find_clip_tokenizer
            from loratui.catalog.ratings import warn_of_words

            split = find_clip_tokenizer()
            judged = text or computed
            tokens = len(split(judged)) if split is not None else None
            warnings = (*warn_of_words(owner, judged), *check_caption(judged, owner)) if judged else ()
            return _Judged(text, tokens, warnings)

        app: LoratuiApp = self.app  # type: ignore[assignment]
        app.bridge.read(work, self._show_judged, owner=self, group="judge")

    def _show_judged(self, judged: _Judged) -> None:
        from loratui.captions.tokens import CLIP_TOKENS

        line = Text()
        if not judged.text:
            line.append("Empty: the rules compute it.   ")
        if judged.tokens is not None:
            line.append(f"{judged.tokens}/{CLIP_TOKENS} tokens")
        over = (judged.tokens or 0) - CLIP_TOKENS
        if over > 0:
            line.append(f", {over} more than the text encoder reads at once")
        for warning in judged.warnings:
            line.append("   ! ").append(plain(warning))
        shown = self.query_one("#judged", Static)
        shown.set_class(over > 0 or bool(judged.warnings), "-doubtful")
        shown.update(line)

    def on_delivered(self, message: Delivered) -> None:
        message.stop()
        message.deliver()
