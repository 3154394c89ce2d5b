"""What caption rules may be changed to: no slips, and no words that may never be in captions; see catalog.ratings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.captions.rule_values import check_circles, check_placeholders
from loratui.captions.rules import fill_in
from loratui.captions.tags import mentions
from loratui.catalog.rating_words import find_rating_words
from loratui.catalog.ratings import refuse_words
from loratui.catalog.youth_words import find_youth_words

if TYPE_CHECKING:
    from loratui.captions.counts import CaptionBook
    from loratui.captions.rules import CaptionRules
    from loratui.catalog.rows import Subject


def check_change(subject: Subject, before: CaptionRules, after: CaptionRules) -> None:
    """Raise for what no one may change rules to; rules that stood there before are let be.

    UsageError for slips: a placeholder that lacks a brace, implications in a circle. RefusedError for words that no
    caption of the subject may say: sexual ones and signs of youth. What rules leave out or replace may be any word.
    """
    for name, old, new in (("prefix", before.prefix, after.prefix), ("suffix", before.suffix, after.suffix)):
        if new != old:
            check_placeholders(name, new)
    if after.implications != before.implications:
        check_circles(after.implications)
    always = ", ".join(
        (fill_in(after.prefix, subject), fill_in(after.suffix, subject), subject.trigger, subject.class_word)
    )
    known = _list_said(before)
    for rule, texts in _list_said(after).items():
        for text in texts:
            filled = fill_in(text, subject)
            if text not in known[rule] and (find_rating_words(filled) or find_youth_words(filled)):
                refuse_words(subject.name, subject.kind, f"{filled}, {always}", f"caption rule {rule}")


def warn_of_lost_trigger(book: CaptionBook) -> list[str]:
    """That rules leave the trigger out of captions, in a sentence; empty when they say it, or every picture does."""
    subject, rules = book.subject, book.rules
    if any(mentions(fill_in(text, subject), subject.trigger) for text in (rules.prefix, rules.suffix)):
        return []
    lacking = sum(not mentions(text, subject.trigger) for text in book.captions())
    if not lacking and book.pictures:
        return []
    lack = f"{lacking:,} of {len(book.pictures):,} captions lack it. " if lacking else ""
    return [
        f"neither prefix nor suffix says the trigger {subject.trigger}: {lack}"
        "Write {trigger} where it is to stand, as in --prefix '{trigger},'."
    ]


def _list_said(rules: CaptionRules) -> dict[str, tuple[str, ...]]:
    """The texts of each rule that captions may come to say."""
    return {
        "prefix": (rules.prefix,),
        "suffix": (rules.suffix,),
        "renames": tuple(rules.renames.values()),
        "aliases": tuple(rules.aliases),
        "implications": (*rules.implications, *(tag for tags in rules.implications.values() for tag in tags)),
        "always_first": rules.always_first,
    }
