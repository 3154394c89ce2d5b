"""What is said about the tag under the cursor: what it is, and what a key would do to the captions."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from textual.content import Content

from loratui.captions.tags import fold_tag
from loratui.tui.tag_lines import show_share
from loratui.tui.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.captions.counts import CaptionBook, LongestCaption, TagCount
    from loratui.catalog.tagged import TaggedPicture
    from loratui.tui.tag_lines import TagView
    from loratui.tui.theme import Glyphs

Piece = tuple[str, str] | str

MUTED, REMOVED, ADDED, WARNED = "dim", "$text-warning strike", "$text-success bold underline", "$text-warning"


def draw_tag(view: TagView, tag: TagCount, place: int, glyphs: Glyphs) -> Content:
    """The tag in words, and one of its pictures with its caption as it is and as `i` would make it."""
    book = view.book
    holders = order_examples(view.holders.get(fold_tag(tag.tag), ()))
    primary = f", {show_share(tag.share_primary)} of the primary ones" if tag.share_primary else ""
    trained = f", {show_share(tag.weight)} of what training sees" if tag.weight else ""
    pieces: list[Piece] = [
        (plain(tag.tag), "bold"),
        (f"\nin {count(tag.pictures, 'picture')}, {show_share(tag.share)}{primary}{trained}\n\n", MUTED),
        *_tell_state(book, tag, glyphs),
    ]
    changing = sum(1 for one in holders if not one.caption) if not tag.named else 0
    does = "says it again" if tag.imbued else "imbues it"
    if "*" in tag.imbued_by:
        does = "asks how to say it again"
    pieces += [("\ni ", "bold"), f"{does}: {count(changing, 'caption')} {'changes' if changing == 1 else 'change'}.\n"]
    if holders:
        one = holders[place % len(holders)]
        pieces += [
            ("\n", ""),
            (f"Example {place % len(holders) + 1:,} of {len(holders):,}   ", MUTED),
            (plain(one.name), "bold"),
            ("\n", ""),
            *draw_change(*foresee(book, tag, one), glyphs),
        ]
        if one.caption:
            pieces.append(("written by hand: tags and rules don't change it\n", MUTED))
    return Content.assemble(*pieces)


def _tell_state(book: CaptionBook, tag: TagCount, glyphs: Glyphs) -> list[Piece]:
    trigger = plain(book.subject.trigger)
    if tag.imbued:
        by = f" by '{plain(tag.imbued_by)}'" if "*" in tag.imbued_by else ""
        return [(f"{glyphs.imbued} imbued{by}", "bold"), f": left out of captions, so it sinks into {trigger}.\n"]
    if tag.named:
        return [(f"{glyphs.said} in the prefix", "bold"), ": every caption says it there.\n"]
    found: list[Piece] = [(f"{glyphs.said} said", "bold"), ": a prompt can have it or not.\n"]
    if tag.band in ("critical", "warning"):
        surely = "is learned" if tag.band == "critical" else "may be learned"
        found.append(
            (
                f"{glyphs.warn} Seen this often it {surely} with {trigger} whatever captions say. If it belongs to "
                f"{trigger}, imbue it; else add pictures without it.\n",
                WARNED,
            )
        )
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


def draw_change(before: str, after: str, glyphs: Glyphs) -> list[Piece]:
    """Two captions, with what goes and what comes marked by signs as well as by colour."""
    if before == after:
        return [("now   ", MUTED), plain(before) or "(empty)", "\n"]
    old, new = before.split(", "), after.split(", ")
    now: list[Piece] = []
    then: list[Piece] = []
    for kind, start, end, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for part in old[start:end]:
            now += [*_between(now), plain(part) if kind == "equal" else (f"[-{plain(part)}-]", REMOVED)]
        for part in new[first:last]:
            then += [*_between(then), plain(part) if kind == "equal" else (f"[+{plain(part)}+]", ADDED)]
    return [("now   ", MUTED), *now, "\n", ("then  ", MUTED), *then, "\n"]


def _between(pieces: Sequence[Piece]) -> list[Piece]:
    return [", "] if pieces else []


def draw_rules(book: CaptionBook, longest: LongestCaption | None, doubts: Sequence[str], glyphs: Glyphs) -> Content:
    """The rules of all captions, the longest caption, and what is doubtful."""
    from loratui.captions.counts import CLIP_TOKENS

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
