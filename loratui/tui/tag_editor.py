"""The line in which tags are added and removed: `smile, -hat`, completed from the tags of the subject."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from loratui.tui.completion import Completion, Suggestions, complete_words
from loratui.tui.one_line import TagLine
from loratui.tui.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult

    from loratui.catalog.store import Catalog


NO_TAG = "There is no tag here: type one, or esc leaves."


@dataclass(frozen=True, slots=True)
class TagEdits:
    """Tags to add and tags to remove, each as typed."""

    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TagDraft:
    """What a tag editor starts with."""

    pictures: int
    present: tuple[str, ...]
    """Tags that all of the pictures have."""
    known: tuple[str, ...]
    """Tags of the subject, the most frequent first."""


def parse_edits(text: str) -> TagEdits:
    """Read `smile, -hat`: what has a minus before it is removed."""
    parts = [" ".join(part.split()) for part in text.split(",")]
    add = tuple(part for part in parts if part and not part.startswith("-"))
    remove = tuple(tag for part in parts if part.startswith("-") and (tag := part[1:].strip()))
    return TagEdits(add, remove)


def check_edits(edits: TagEdits) -> str:
    """What is wrong with tags that were typed, in a sentence; empty when nothing is."""
    from loratui.catalog.edits import clean_tags
    from loratui.errors import UsageError

    try:
        clean_tags(edits.add, new=True)
        clean_tags(edits.remove)
    except UsageError as error:
        return f"{error.message} {error.hint}"
    both = [tag for tag in edits.add if tag in edits.remove]
    return f"{both[0]} can't be added and removed at once." if both else ""


def complete_tag(text: str, cursor: int, known: Sequence[str]) -> Completion:
    """Complete the tag that is being typed, past its minus."""
    start = text.rfind(",", 0, cursor) + 1
    while start < cursor and text[start] in " -":
        start += 1
    # Words are completed from a space on; a tag may hold some, so they are hidden.
    found = complete_words(text[start:cursor].replace(" ", "_"), cursor - start, lambda: known)
    return Completion(start, tuple(word for word in found.words if word != text[start:cursor]))


def draft_tags(catalog: Catalog, subject: str, ids: Sequence[int]) -> TagDraft:
    """Read what a tag editor for these pictures starts with; for a thread."""
    from loratui.captions.counts import count_tags
    from loratui.captions.rules import choose_tags
    from loratui.captions.service import rules_of
    from loratui.catalog.edits import tag_edits_of, tag_scores_of
    from loratui.catalog.query import get_memberships

    rules = rules_of(catalog, subject)
    chosen = get_memberships(catalog, ids)
    edits = tag_edits_of(catalog, subject, ids=ids)
    scores = tag_scores_of(catalog, subject, picture_ids=[picture.picture_id for picture in chosen])
    tags = [choose_tags(edits.get(one.id, ()), scores.get(one.picture_id, ()), rules) for one in chosen]
    common = set(tags[0]).intersection(*tags[1:]) if tags else set()
    known = tuple(found.tag for found in count_tags(catalog, subject))
    return TagDraft(len(chosen), tuple(tag for tag in (tags[0] if tags else ()) if tag in common), known)


class TagEditor(ModalScreen[TagEdits | None]):
    """Gives the tags to add and to remove, None when the person left."""

    DEFAULT_CSS = """
    TagEditor { align: center middle; }
    TagEditor > Vertical {
        width: 80; max-width: 96%; height: auto; padding: 1 2; border: round $primary; background: $surface;
    }
    TagEditor Static { height: auto; }
    TagEditor #present { color: $text-muted; max-height: 5; margin: 0 0 1 0; }
    TagEditor Input { border: none; height: 1; padding: 0 1; background: $panel; }
    TagEditor Input:focus { border: none; }
    TagEditor #next { color: $text-muted; height: 2; margin: 0 0 1 0; padding: 0 1; }
    """
    BINDINGS: ClassVar = [
        ("escape", "dismiss(None)", "leave"),
        ("ctrl+s", "finish", "done"),
        ("tab", "accept", "take the suggestion"),
    ]

    def __init__(self, draft: TagDraft) -> None:
        super().__init__()
        self.draft = draft
        self._suggestions = Suggestions(lambda text, cursor: complete_tag(text, cursor, draft.known))

    def compose(self) -> ComposeResult:
        several = self.draft.pictures != 1
        present = ", ".join(plain(tag) for tag in self.draft.present) or "none"
        with Vertical():
            yield Static(Text(f"Tags of {count(self.draft.pictures, 'picture')}", style="bold"))
            yield Static(Text(f"{'All have' if several else 'Now'}: {present}"), id="present")
            yield TagLine(placeholder="smile, -hat", select_on_focus=False)
            yield Static("", id="next")
            yield Static(Text("-tag removes   tab completes   enter, ctrl+s done   esc leave", style="dim"))

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show_next()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_finish()

    def action_finish(self) -> None:
        """Give the edits, unless something speaks against them; without any, say what is waited for."""
        edits = parse_edits(self.query_one(Input).value)
        wrong = check_edits(edits) if edits.add or edits.remove else NO_TAG
        if wrong:
            self.query_one("#next", Static).update(Text(plain(wrong)))
            return
        self.dismiss(edits)

    def action_accept(self) -> None:
        """Put the first suggestion in; again, the next one in its place."""
        self._suggestions.take(self.query_one(Input))
        self._show_next()

    def _show_next(self) -> None:
        self.query_one("#next", Static).update(self._suggestions.draw(self.query_one(Input)))
