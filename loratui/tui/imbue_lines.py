"""The imbue assistant as text: its table, and what is said beside it about a tag and about what will be learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from loratui.tui.table import Column, Row
from loratui.tui.tag_lines import show_share
from loratui.tui.tag_preview import MUTED, WARNED, draw_change
from loratui.tui.text import count, plain
from loratui.tui.wording import name_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from loratui.captions.advice import TagAdvice
    from loratui.captions.counts import RulesPreview
    from loratui.captions.imbue import ImbueAdvice
    from loratui.captions.outlook import Outlook
    from loratui.tui.keymap import Keymap
    from loratui.tui.tag_preview import Piece
    from loratui.tui.theme import Glyphs

VERDICTS = {
    "imbue": ("imbue", "belongs to {subject} and is steady"),
    "leave_out": ("leave out", "no picture shows it"),
    "ask": ("you decide", "steady, and perhaps part of {subject}"),
    "fused": ("fuses", "learned with {trigger} whatever the captions say"),
    "inconsistent": ("look again", "should be steady and is not"),
    "keep": ("keep", "stays in the captions"),
}
"""Verdicts in the order of the table, in a word or two and in more."""

WARNS = ("fused", "inconsistent")
_BEHIND = 6


def sort_advice(tags: Sequence[TagAdvice]) -> list[TagAdvice]:
    """By verdict, the most frequent first."""
    order = list(VERDICTS)
    return sorted(tags, key=lambda tag: (order.index(tag.verdict), -tag.share, tag.tag.casefold()))


def columns() -> list[Column]:
    """The columns of the assistant's table."""
    return [
        Column("tag"),
        Column("advice", 10),
        Column("share", 5, "right"),
        Column("primary", 7, "right", least=58),
        Column("trained", 7, "right", least=58),
        Column("captions", 10),
        Column("why", least=130),
    ]


def to_row(tag: TagAdvice, chosen: Collection[str], glyphs: Glyphs) -> Row:
    """A tag with its advice as the table draws it."""
    goes = tag.tag in chosen
    state = "imbued" if tag.imbued_by else f"{glyphs.arrow} imbued" if goes else "said"
    return Row(
        key=tag.tag,
        cells=(
            tag.tag,
            VERDICTS[tag.verdict][0],
            show_share(tag.share),
            show_share(tag.share_primary),
            show_share(tag.weight),
            state,
            tag.reason,
        ),
        tone="warning" if tag.verdict in WARNS and not tag.imbued_by else "",
        mark=glyphs.imbued if tag.imbued_by else glyphs.mark if goes else " ",
    )


def draw_advice(
    tag: TagAdvice,
    advice: ImbueAdvice,
    trigger: str,
    chosen: Collection[str],
    glyphs: Glyphs,
    key: Callable[[str], str],
) -> Content:
    """What the advice says about one tag, and what a key would do."""
    word, means = VERDICTS[tag.verdict]
    shares = [f"{show_share(tag.share)} of {count(advice.pictures, 'picture')}"]
    shares += [f"{show_share(tag.share_primary)} of the primary"] * bool(tag.share_primary)
    shares += [f"{show_share(tag.weight)} of training"] * bool(tag.weight)
    pieces: list[Piece] = [
        (plain(tag.tag), "bold"),
        (f"  {', '.join(shares)}\n", MUTED),
        (f"{word[:1].upper()}{word[1:]}", WARNED if tag.verdict in WARNS else "bold"),
        f": {means.format(subject=plain(advice.subject), trigger=plain(trigger))}.\n",
        plain(tag.reason),
    ]
    if tag.remedy:
        pieces.append((f"\n{glyphs.warn} {plain(tag.remedy)}", WARNED))
    if tag.behind:
        named = ", ".join(plain(one.name) for one in tag.behind[:_BEHIND])
        more = f" and {len(tag.behind) - _BEHIND} more" if len(tag.behind) > _BEHIND else ""
        label = "without it  " if tag.verdict == "fused" else "with it  "
        pieces += [("\n" + label, MUTED), named + more]
    if tag.imbued_by:
        pieces.append((f"\n{glyphs.imbued} '{plain(tag.imbued_by)}' on the imbued list leaves it out.", MUTED))
    else:
        does = "takes it out again" if tag.tag in chosen else "takes it in"
        pieces += [(f"\n{key('imbue.choose')} ", "bold"), does]
    return Content.assemble(*pieces)


def draw_captions(preview: RulesPreview, place: int, what: str, key: Callable[[str], str]) -> Content:
    """How many captions `what` changes, and one of them before and after."""
    if not what:
        words = f"Nothing is chosen: {key('imbue.choose')} takes a tag in, and captions stay as they are."
        return Content.assemble((words, MUTED))
    changes = f"{preview.changed:,} of {count(preview.pictures, 'caption')} change{'s' * (preview.changed == 1)}"
    pieces: list[Piece] = [(plain(what), "bold"), f": {changes}"]
    if preview.examples:
        one = preview.examples[place % len(preview.examples)]
        pieces += [("\n" + plain(one.name) + "\n", MUTED), *draw_change(one.before, one.after)]
    return Content.assemble(*pieces)


def draw_outlook(outlook: Sequence[Outlook], notes: Sequence[str], glyphs: Glyphs, keymap: Keymap) -> Content:
    """What the LoRA will and won't let a prompt change, and what is doubtful about the count."""
    pieces: list[Piece] = [("What the LoRA will and won't let you change", "bold")]
    for one in outlook:
        pieces += [("\n" + (glyphs.imbued if one.always else glyphs.said) + " ", MUTED), plain(one.sentence)]
    if not outlook:
        pieces.append(("\nNothing can be said of so few tags.", MUTED))
    for note in notes:
        pieces.append((f"\n{glyphs.warn} {plain(name_keys(note, keymap))}", WARNED))
    return Content.assemble(*pieces)
