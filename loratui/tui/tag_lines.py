"""The tag table as data: its columns and their order, and what bulk edits act on."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from loratui.tui.table import GAP, Column, Row
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from loratui.captions.counts import CaptionBook, TagCount
    from loratui.catalog.store import Catalog
    from loratui.catalog.tagged import TaggedPicture
    from loratui.tui.theme import Glyphs

BAR = 12
# Names of tags up to this width have their room before further columns do.
_NAME = 28
ALL, FILTERED, MARKED = "all", "filtered", "marked"

_ORDERS: tuple[tuple[str, str, Callable[[TagCount], Any]], ...] = (
    ("pictures", "most pictures first", lambda count: -count.pictures),
    ("tag", "by name", lambda count: 0),
    ("primary", "most primary pictures first", lambda count: -count.share_primary),
    ("trained", "what training sees most first", lambda count: -count.weight),
    ("captions", "imbued first", lambda count: (not count.imbued, -count.pictures)),
)
ORDERS = tuple(words for _, words, _ in _ORDERS)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is counted and what bulk edits act on; `query` chooses exactly the pictures of `ids`, or is None."""

    kind: str
    words: str
    ids: tuple[int, ...]
    query: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What the screen asks: tags of a subject within a scope, and what is filtered and marked on its wall."""

    subject: str
    kind: str
    wall_query: str
    wall_marks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TagView:
    """All that the screen shows, as the library had it at one moment."""

    book: CaptionBook
    """The whole subject: rules act on all of it."""
    scopes: tuple[Scope, ...]
    scope: Scope
    tags: tuple[TagCount, ...]
    """Counted within the scope."""
    tagged: int
    """Of how many pictures of the scope the shares are: those that anyone looked at."""
    holders: dict[str, list[TaggedPicture]]
    """Pictures of the whole subject by the folded form of their tags."""
    question: Question
    stamp: str
    """Of the library: while it stays, nothing that is shown here has changed."""

    @property
    def shares_of(self) -> str:
        """What shares are of where some pictures of the scope say nothing about any tag; else empty."""
        return f"the {self.tagged:,} tagged" if self.tags and self.tagged < len(self.scope.ids) else ""


def read_view(catalog: Catalog, question: Question, before: TagView | None) -> TagView:
    """Read the tags of a subject and count them within a scope; `before` again if it still holds. For a thread.

    A training commits every second, and has nothing to do with tags.
    """
    from loratui.captions.counts import read_book
    from loratui.catalog.dedupe import duplicates_of_subject
    from loratui.catalog.measures import stamp_everything
    from loratui.catalog.query import select_ids
    from loratui.errors import UsageError

    subject, wall_query = question.subject, question.wall_query.strip()
    stamp = stamp_everything(catalog)
    if before is not None and (before.stamp, before.question) == (stamp, question):
        return before
    book = read_book(catalog, subject)
    everything = tuple(one.id for one in book.pictures)
    scopes = [Scope(ALL, "all", everything, "")]
    if wall_query:
        # The wall itself says what is wrong with its filter; here it is no scope to choose then.
        with suppress(UsageError):
            found = select_ids(catalog, subject, wall_query, duplicates=lambda: duplicates_of_subject(catalog, subject))
            scopes.append(Scope(FILTERED, f"filtered {wall_query}", tuple(found), wall_query))
    if marked := tuple(sorted(set(question.wall_marks).intersection(everything))):
        scopes.append(Scope(MARKED, "marked", marked))
    scope = next((one for one in scopes if one.kind == question.kind), scopes[0])
    counted = book if scope.kind == ALL else book.narrow(scope.ids)
    tags, tagged = tuple(counted.count_tags()), len(counted.looked_at)
    return TagView(book, tuple(scopes), scope, tags, tagged, book.find_holders(), question, stamp)


def sort_tags(tags: Sequence[TagCount], order: int) -> list[TagCount]:
    """The tags in an order, equal ones by name."""
    by = _ORDERS[order][2]
    return sorted(tags, key=lambda count: (by(count), count.tag.casefold()))


def filter_tags(tags: Sequence[TagCount], text: str) -> list[TagCount]:
    """The tags that have a text inside; underscores are spaces, and a minus before it turns it around."""
    wanted = _fold(text)
    if wanted.startswith("-") and len(wanted) > 1:
        return [count for count in tags if wanted[1:] not in _fold(count.tag)]
    return [count for count in tags if wanted in _fold(count.tag)]


def columns(order: int, glyphs: Glyphs, tags: Sequence[TagCount] = ()) -> list[Column]:
    """The columns, the one in order with an arrow behind its title; what is least told goes where names need room."""
    names = min(max((cell_len(plain(one.tag)) for one in tags), default=0), _NAME)
    # With all columns that are always there, then with each further one in the order of what they tell.
    needed = 2 + names + GAP + sum(width + GAP for width in (10, 5, 10))
    least: dict[str, int] = {}
    extra = (("", BAR), ("primary", 9), ("trained", 9))
    band = (("band", 8),)
    for title, width in (*band, *extra) if any(one.band for one in tags) else (*extra, *band):
        needed += width + GAP
        least[title] = needed
    shown = [
        Column("tag"),
        Column("pictures", 10, "right"),
        Column("share", 5, "right"),
        Column("", BAR, least=max(66, least[""])),
        Column("primary", 9, "right", least=max(88, least["primary"])),
        Column("trained", 9, "right", least=max(100, least["trained"])),
        Column("band", 8, least=max(58, least["band"])),
        Column("captions", 10),
    ]
    title = _ORDERS[order][0]
    arrow = glyphs.up if title == "tag" else glyphs.down
    return [one._replace(title=f"{one.title} {arrow}") if one.title == title else one for one in shown]


def to_row(count: TagCount, glyphs: Glyphs) -> Row:
    """The tag as the table draws it."""
    filled = max(1, round(BAR * count.share)) if count.share else 0
    return Row(
        key=count.tag,
        cells=(
            count.tag,
            f"{count.pictures:,}",
            show_share(count.share),
            glyphs.line * filled,
            show_share(count.share_primary),
            show_share(count.weight),
            count.band,
            say_state(count),
        ),
        tone="warning" if count.band == "critical" and not count.imbued and not count.named else "",
        mark=glyphs.imbued if count.imbued else glyphs.said,
    )


def say_state(count: TagCount) -> str:
    """What captions do with a tag, in a word or two."""
    if count.imbued:
        return "imbued *" if "*" in count.imbued_by else "imbued"
    return "in prefix" if count.named else "said"


def show_share(share: float) -> str:
    """A share as a percentage that says 0 and 100 only where they are exact."""
    percent = share * 100
    if 0 < percent < 1:
        return "<1%"
    return f"{99 if 99 <= percent < 100 else round(percent)}%"


def _fold(text: str) -> str:
    return text.casefold().replace("_", " ").strip()
