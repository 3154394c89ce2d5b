"""Verbs about how captions are computed: showing, changing, and sharing rules between subjects."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from loratui.cli.output import (
    PLAIN,
    Show,
    number_of,
    print_fields,
    print_json,
    print_table,
    print_text,
    remark,
    shorten,
)
from loratui.cli.session import open_library

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from loratui.captions.counts import CaptionBook, RulesPreview
    from loratui.captions.matching import EntryMatch
    from loratui.captions.rules import CaptionRules

_ROWS_OF_NOTHING = 50

Words = Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=True)]


def show_rules(subject: str, *, show: Show = PLAIN) -> None:
    """Show how captions are computed, and in how many pictures each imbued entry finds a tag."""
    from loratui.captions.counts import read_book
    from loratui.captions.matching import match_entries

    with open_library() as catalog:
        book = read_book(catalog, subject)
    matches = match_entries(book, book.rules.imbued)
    if show.json:
        print_json({**book.rules.to_dict(), "imbued_pictures": {match.entry: match.pictures for match in matches}})
        return
    print_fields({name: _say(value) for name, value in book.rules.to_dict().items() if name != "imbued"})
    _print_entries(matches, show, empty="No tag is imbued: all are said.")


def set_rules(
    subject: str,
    *,
    prefix: Annotated[
        str | None, Parameter(help="Starts each caption; {trigger} and {class_word} are filled in.")
    ] = None,
    suffix: Annotated[str | None, Parameter(help="Ends each caption.")] = None,
    say: Annotated[
        Literal["tags", "sentence", "both"] | None,
        Parameter(help="Tags; sentences of `loratui describe` where there are some; or sentence and then tags."),
    ] = None,
    imbue: Annotated[Words, Parameter(help="A tag to leave out from now on; * stands for any text.")] = None,
    keep: Annotated[Words, Parameter(help="A tag to say again from now on.")] = None,
    rename: Annotated[Words, Parameter(help="OLD=NEW: say another tag in its place; OLD= takes it back.")] = None,
    alias: Annotated[Words, Parameter(help="TAG=SPELLING: another spelling of a tag.")] = None,
    imply: Annotated[Words, Parameter(help="TAG=GENERAL: TAG says GENERAL too, as `boater=hat`.")] = None,
    first: Annotated[Words, Parameter(help="A tag that comes first where a picture has it; in this order.")] = None,
    order: Annotated[
        Literal["score", "alphabetical"] | None, Parameter(help="Tags as written, then the surest first; or by name.")
    ] = None,
    drop_overlaps: Annotated[
        Literal["scored", "all", "no"] | None,
        Parameter(help="Whose tags go where a more specific one says them: a tagger's, all, no one's."),
    ] = None,
    max_tokens: Annotated[
        int | None, Parameter(help="CLIP tokens beyond which a tagger's tags go; 0: no limit.")
    ] = None,
    category: Annotated[Words, Parameter(help="A category of a tagger's tags to use: general, character...")] = None,
    meta: Annotated[bool | None, Parameter(help="Say a tagger's words about rating and quality.")] = None,
    underscores: Annotated[bool | None, Parameter(help="Keep the underscores of a tagger's tags.")] = None,
    general_threshold: Annotated[float | None, Parameter(help="Score from which tags are used, 0 to 1.")] = None,
    character_threshold: Annotated[float | None, Parameter(help="The same, for names of characters.")] = None,
    keep_tokens: Annotated[int | None, Parameter(help="Parts at the start that shuffling must not move.")] = None,
    unset: Annotated[Words, Parameter(help="A rule to put back, by its name in `rules show`.")] = None,
    dry_run: Annotated[bool, Parameter(negative="", help="Only show what captions would change.")] = False,
    show: Show = PLAIN,
) -> None:
    """Change how captions are computed. A trait left out of the captions sinks into the trigger word.

    Example: `loratui rules set Mira --imbue freckles --imbue "* eyes" --rename "1girl=woman"`
    """
    from loratui.captions.counts import foresee_book, read_book
    from loratui.captions.matching import match_entries, tell_unmatched
    from loratui.captions.rule_words import check_change, warn_of_lost_trigger
    from loratui.captions.rules import default_rules
    from loratui.captions.service import change_rules
    from loratui.errors import UsageError

    single = {
        "prefix": prefix,
        "suffix": suffix,
        "say": say,
        "always_first": first,
        "order": order,
        "drop_overlaps": drop_overlaps,
        "max_tokens": max_tokens,
        "categories": category,
        "meta_tags": meta,
        "underscores_to_spaces": None if underscores is None else not underscores,
        "general_threshold": general_threshold,
        "character_threshold": character_threshold,
        "keep_tokens": keep_tokens,
    }
    imbue, keep = _split_tags(imbue), _split_tags(keep)
    given: dict[str, Any] = {name: value for name, value in single.items() if value is not None}
    with open_library() as catalog:
        book = read_book(catalog, subject)

        def change(rules: CaptionRules) -> dict[str, Any]:
            changes = dict(given)
            if imbue or keep:
                changes["imbued"] = _change_imbued(rules, imbue, keep, book)
            if rename:
                changes["renames"] = _change_renames(rules.renames, _split(rename, "--rename OLD=NEW"))
            if alias:
                changes["aliases"] = _collect(rules.aliases, _split(alias, "--alias TAG=SPELLING"))
            if imply:
                told = _split(imply, "--imply TAG=GENERAL")
                pairs_of = [(general, tag) for tag, generals in told for general in _split_tags([generals])]
                changes["implications"] = _collect(rules.implications, pairs_of)
            return changes

        changes = change(book.rules)
        if not changes and not unset:
            raise UsageError("no rule was named.", hint="Use --prefix, --imbue, --keep or another; see --help.")
        if dry_run:
            usual = default_rules(book.subject.kind).to_dict()
            back = {name: usual.get(name) for name in unset or ()}
            after = foresee_book(catalog, book, {**changes, **back})
            check_change(book.subject, book.rules, after.rules)
        else:
            change_rules(catalog, book.subject, change, unset=unset or ())
            after = read_book(catalog, book.subject)
    preview, matches = book.compare(after), match_entries(after, after.rules.imbued)
    warnings = warn_of_lost_trigger(after)
    if show.json:
        found = {match.entry: match.pictures for match in matches}
        rules = {**after.rules.to_dict(), "imbued_pictures": found}
        described = {**_describe(preview), "written": book.written}
        print_json({**rules, **described, "warnings": warnings, "dry_run": dry_run})
        return
    print_text(f"{'Would change' if dry_run else 'Changed'}: {', '.join([*changes, *(unset or ())])}.")
    print_preview(preview, dry_run=dry_run)
    if book.written:
        captions = "1 caption is" if book.written == 1 else f"{book.written:,} captions are"
        remark(f"{captions} written by hand: {_give_back(subject, book.written)}", show)
    for sentence in (*warnings, *tell_unmatched(matches)):
        remark(f"warning: {sentence}", show)


def export_rules(
    subject: str,
    file: Annotated[Path | None, Parameter(help="Where to write; the terminal when left out.")] = None,
    *,
    format: Annotated[
        Literal["json", "kohya"], Parameter(help="All rules as JSON, or the imbued tags as kohya's undesired list.")
    ] = "json",
    underscores: Annotated[
        bool, Parameter(negative="", help="For a kohya tagger that runs without --remove_underscore.")
    ] = False,
    overwrite: Annotated[bool, Parameter(negative="", help="Write over a file that is there.")] = False,
    show: Show = PLAIN,
) -> None:
    """Write the caption rules of a subject to a file, for other subjects or for kohya's tagger.

    Example: `loratui rules export Mira undesired.txt --format kohya`
    """
    from loratui.captions import sharing

    with open_library() as catalog:
        text, remarks = sharing.export_rules(catalog, subject, format, remove_underscore=not underscores)
    if file is not None:
        sharing.write_rules_file(file, text, overwrite=overwrite)
    if show.json:
        print_json({"file": file, "format": format, "text": text, "remarks": remarks})
        return
    print_text(text.rstrip("\n") if file is None else f"Rules of {subject} written to {file}.")
    for each in remarks:
        remark(f"note: {each}", show)


def import_rules(
    subject: str,
    file: Annotated[Path | None, Parameter(help="Rules as JSON, or a list of undesired tags.")] = None,
    *,
    other: Annotated[str | None, Parameter(name="--from", help="Take the rules of another subject.")] = None,
    replace: Annotated[
        bool, Parameter(negative="--add", help="Put them in place of the rules there are, or add them.")
    ] = False,
    anyway: Annotated[
        bool, Parameter(negative="", help="Take in a list of which no entry is a tag of the subject, too.")
    ] = False,
    dry_run: Annotated[bool, Parameter(negative="", help="Only show what captions would change.")] = False,
    show: Show = PLAIN,
) -> None:
    """Take caption rules in from a file or another subject, as one step that undo takes back.

    A list of undesired tags may be written in any way, with spaces after its commas too: each entry tells how many
    pictures it found. One that finds no tag at all, where there are some, is taken for something else and refused.
    Example: `loratui rules import Mira undesired.txt`
    """
    from loratui.captions import sharing
    from loratui.captions.matching import tell_unmatched
    from loratui.errors import UsageError

    if (file is None) == (other is None):
        verb = f"loratui rules import {shlex.quote(subject)}"
        raise UsageError("say either a file or --from SUBJECT.", hint=f"{verb} undesired.txt")
    with open_library() as catalog:
        given = sharing.rules_of_other(catalog, other or "") if file is None else sharing.read_rules_file(file)
        result = sharing.import_rules(
            catalog,
            subject,
            given,
            mode="replace" if replace else "add",
            dry_run=dry_run,
            must_match=file is not None and not anyway,
        )
    if show.json:
        print_json(
            {
                "format": given.format,
                "set": sorted(given.values),
                "rules": result.rules.to_dict(),
                "entries": [
                    {"entry": match.entry, "pictures": match.pictures, "tags": match.tags, "near": match.near}
                    for match in result.matches
                ],
                **_describe(result.preview),
                "written": result.written,
                "remarks": result.remarks,
                "dry_run": dry_run,
            }
        )
        return
    told = tell_unmatched(result.matches)
    # Hundreds of rows that say 0 hide those that don't: then they are told in a sentence alone.
    many = sum(not match.pictures for match in result.matches) > _ROWS_OF_NOTHING
    _print_entries([match for match in result.matches if match.pictures or not many], show)
    print_preview(result.preview, dry_run=dry_run)
    for each in (*result.remarks, *told):
        remark(f"note: {each}", show)
    if result.written:
        remark(_give_back(subject, result.written), show)


def _give_back(subject: str, written: int) -> str:
    verb = f"loratui caption set {shlex.quote(subject)} QUERY --computed"
    return f"`{verb}` gives {'it' if written == 1 else 'them'} back to the rules."


def print_preview(preview: RulesPreview, *, dry_run: bool) -> None:
    """How many captions change, and some of them."""
    print_text(
        f"{preview.changed:,} of {number_of(preview.pictures, 'caption')} {'would change' if dry_run else 'changed'}."
    )
    print_examples(preview)


def print_examples(preview: RulesPreview, limit: int | None = None) -> None:
    """Some of the captions that change, before and after."""
    for change in preview.examples[:limit]:
        print_text(f"  {change.name}\n    - {change.before}\n    + {change.after}")


def plain_examples(preview: RulesPreview) -> list[dict[str, str]]:
    """Some of the captions that change, as JSON values."""
    return [{"name": one.name, "before": one.before, "after": one.after} for one in preview.examples]


def _describe(preview: RulesPreview) -> dict[str, Any]:
    return {
        "captions_changed": preview.changed,
        "pictures": preview.pictures,
        "examples": plain_examples(preview),
    }


def _print_entries(matches: Iterable[EntryMatch], show: Show, *, empty: str = "") -> None:
    print_table(
        ["imbued", "pictures", "tags"],
        [
            [shorten(match.entry), match.pictures, ", ".join(match.tags) if match.tags != (match.entry,) else ""]
            for match in matches
        ],
        empty=empty,
    )


def _say(value: Any) -> object:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, dict):
        return "; ".join(f"{key} = {_say(each)}" for key, each in value.items())
    return value


def _split_tags(texts: Iterable[str] | None) -> list[str]:
    """Tags that are given one by one or with commas between, as other verbs take them."""
    return [tag.strip() for text in texts or () for tag in text.split(",") if tag.strip()]


def _change_imbued(rules: CaptionRules, imbue: Iterable[str], keep: Iterable[str], book: CaptionBook) -> list[str]:
    """The imbued list without what is kept, and then with what is imbued.

    Of an entry with a * that leaves out a kept tag, the other tags go on being left out by name, unless the entry
    itself was named.
    """
    from loratui.captions.counts import imbue_tag, keep_tag
    from loratui.captions.tags import fold_tag, match_tag
    from loratui.errors import UsageError

    for tag in (tag.strip() for tag in keep):
        entries = [entry for entry in rules.imbued if match_tag(entry, tag)]
        if not entries:
            raise UsageError(
                f"No entry of the imbued list leaves out {tag!r}.",
                hint=f"It has {', '.join(rules.imbued)}." if rules.imbued else "The list is empty: all tags are said.",
            )
        others: list[str] = []
        if fold_tag(tag) not in map(fold_tag, entries):
            others = [one.tag for one in book.count_tags() if any(match_tag(entry, one.tag) for entry in entries)]
        rules = replace(rules, imbued=tuple(keep_tag(rules, tag, others)))
    for tag in (tag.strip() for tag in imbue):
        if tag and fold_tag(tag) not in map(fold_tag, rules.imbued):
            rules = replace(rules, imbued=tuple(imbue_tag(rules, tag)))
    return list(rules.imbued)


def _change_renames(renames: Mapping[str, str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    from loratui.captions.tags import fold_tag
    from loratui.errors import UsageError

    found = dict(renames)
    for old, new in pairs:
        known = [one for one in found if fold_tag(one) == fold_tag(old)]
        if not known and not new:
            raise UsageError(
                f"{old!r} has no other name to take back.",
                hint=f"Renamed are {', '.join(found)}." if found else "No tag is renamed.",
            )
        for one in known:
            del found[one]
        if new:
            found[old] = new
    return found


def _split(pairs: Iterable[str], form: str) -> list[tuple[str, str]]:
    from loratui.errors import UsageError

    found = []
    for pair in pairs:
        # A face like =_= may stand on the left.
        left, sign, right = pair.rpartition("=") if pair.startswith("=") else pair.partition("=")
        if not sign or not left.strip() or "," in left:
            raise UsageError(
                f"{pair!r} is no pair of tags.", hint=f"Write {form}, each pair with an option of its own."
            )
        found.append((left.strip(), right.strip()))
    return found


def _collect(known: Mapping[str, Iterable[str]], pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found = {tag: list(others) for tag, others in known.items()}
    for tag, others in pairs:
        for other in _split_tags([others]):
            if other not in found.setdefault(tag, []):
                found[tag].append(other)
    return found
