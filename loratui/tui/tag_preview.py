"""What is said about the tag under the cursor: what it is, and what a key would do to the captions."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from textual.content import Content

from loratui.tui.tag_lines import show_share
from loratui.tui.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.captions.counts import CaptionBook, LongestCaption, TagCount
    from loratui.catalog.tagged import TaggedPicture
    from loratui.tui.theme import Glyphs

Piece = tuple[str, str] | str

MUTED, REMOVED, ADDED, WARNED = "dim", "$text-warning strike", "$text-success bold underline", "$text-warning"


def draw_tag(
    book: CaptionBook,
    tag: TagCount,
    holders: Sequence[TaggedPicture],
    place: int,
    glyphs: Glyphs,
    *,
    scope: str = "",
    shares_of: str = "",
    examples: int = 1,
    is_tight: bool = False,
) -> Content:
    """The tag in words, and some of its pictures with their captions as they are and as `i` would make them.

    `scope` says which part of the pictures was counted, `shares_of` what the share is of where that is fewer; rules and
    examples are about all of them.
    """
    shares = [f"{show_share(tag.share)} of {shares_of or (f'the {scope}' if scope else 'all')}"]
    if tag.share_primary:
        shares.append(f"{show_share(tag.share_primary)} of the primary")
    if tag.weight:
        shares.append(f"{show_share(tag.weight)} of training")
    gap: Piece = "\n" if is_tight else "\n\n"
    pieces: list[Piece] = [
        (plain(tag.tag), "bold"),
        ("  " if is_tight else "\n", ""),
        (f"{count(tag.pictures, 'picture')}: {', '.join(shares)}", MUTED),
        gap,
        *_tell_state(book, tag, glyphs, is_tight),
        gap,
        *_tell_key(tag, holders, scope),
    ]
    for step in range(min(examples, len(holders))):
        number = (place + step) % len(holders)
        one = holders[number]
        pieces += [
            gap,
            (f"{number + 1:,} of {len(holders):,}  ", MUTED),
            plain(one.name),
            ("   by hand: rules don't change it" if one.caption else "", MUTED),
            "\n",
            *draw_change(*foresee(book, tag, one)),
        ]
    return Content.assemble(*pieces)


def _tell_key(tag: TagCount, holders: Sequence[TaggedPicture], scope: str) -> list[Piece]:
    changing = 0 if tag.named else sum(1 for one in holders if not one.caption)
    does = "asks how to say it again" if "*" in tag.imbued_by else "says it again" if tag.imbued else "imbues it"
    captions = count(changing, "caption") + (" of the whole subject" if scope else "")
    return [("i ", "bold"), f"{does}: {captions} change{'s' * (changing == 1)}"]


def _tell_state(book: CaptionBook, tag: TagCount, glyphs: Glyphs, is_tight: bool) -> list[Piece]:
    trigger = plain(book.subject.trigger)
    if tag.imbued:
        by = f" by '{plain(tag.imbued_by)}'" if "*" in tag.imbued_by else ""
        return [(f"{glyphs.imbued} imbued{by}", "bold"), f": left out of captions, so it sinks into {trigger}"]
    if tag.named:
        return [(f"{glyphs.said} in the prefix", "bold"), ": every caption says it there"]
    found: list[Piece] = [(f"{glyphs.said} said", "bold"), ": a prompt can have it or not"]
    if tag.band in ("critical", "warning"):
        surely = "is learned" if tag.band == "critical" else "may be learned"
        found.append((f"\n{glyphs.warn} Seen this often it {surely} with {trigger} whatever captions say.", WARNED))
        if not is_tight:
            found.append((f" If it belongs to {trigger}, imbue it; else add pictures without it.", WARNED))
    return found


def order_examples(holders: Sequence[TaggedPicture]) -> list[TaggedPicture]:
    """Pictures to show as examples: those whose captions are computed come first."""
    return sorted(holders, key=lambda one: bool(one.caption))


def foresee(book: CaptionBook, tag: TagCount, picture: TaggedPicture) -> tuple[str, str]:
    """The caption of a picture as it is, and as it is when the tag is imbued or said again."""
    from loratui.captions.counts import imbue_tag, keep_tag

    changed = keep_tag(book.rules, tag.tag) if tag.imbued else imbue_tag(book.rules, tag.tag)
    (before,), (after,) = book.captions([picture]), book.with_rules({"imbued": changed}).captions([picture])
    return before, after


def draw_change(before: str, after: str) -> list[Piece]:
    """Two captions, with what goes and what comes marked by signs as well as by colour."""
    if before == after:
        return [("now   ", MUTED), plain(before) or "(empty)"]
    old, new = before.split(", "), after.split(", ")
    now: list[Piece] = []
    then: list[Piece] = []
    for kind, start, end, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for part in old[start:end]:
            now += [*_between(now), *([plain(part)] if kind == "equal" else _sign("[-", part, "-]", REMOVED))]
        for part in new[first:last]:
            then += [*_between(then), *([plain(part)] if kind == "equal" else _sign("[+", part, "+]", ADDED))]
    return [("now   ", MUTED), *now, "\n", ("then  ", MUTED), *then]


def _sign(left: str, part: str, right: str, style: str) -> list[Piece]:
    return [(left, MUTED), (plain(part), style), (right, MUTED)]


def _between(pieces: Sequence[Piece]) -> list[Piece]:
    return [", "] if pieces else []


def draw_rules(book: CaptionBook, longest: LongestCaption | None, doubts: Sequence[str], glyphs: Glyphs) -> Content:
    """The rules of all captions, the longest caption, and what is doubtful."""
    from loratui.captions.tokens import CLIP_TOKENS

    pieces: list[Piece] = [("prefix   ", MUTED), plain(book.rules.prefix) or ("none", MUTED)]
    if book.rules.suffix:
        pieces += [("\nsuffix   ", MUTED), plain(book.rules.suffix)]
    if book.written:
        pieces += [("\nby hand  ", MUTED), f"{count(book.written, 'caption')}, which tags and rules don't change"]
    if longest is not None:
        pieces += [("\nlongest  ", MUTED), f"{longest.tokens} of {CLIP_TOKENS} tokens  ", (plain(longest.name), MUTED)]
        if longest.too_long:
            is_cut = "caption is" if longest.too_long == 1 else "captions are"
            sentence = f"{longest.too_long:,} {is_cut} longer than {CLIP_TOKENS} tokens, and the rest is not read."
            pieces.append((f"\n{glyphs.warn} {sentence}", WARNED))
    for doubt in doubts:
        pieces.append((f"\n{glyphs.warn} {plain(doubt)}", WARNED))
    return Content.assemble(*pieces)
