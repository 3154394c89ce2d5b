"""Caption rules as files: written for other subjects and for kohya's tagger, and taken in from either."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from loratui.captions.counts import CaptionBook, RulesPreview, foresee_book, read_book
from loratui.captions.kohya_list import format_undesired, parse_undesired
from loratui.captions.matching import EntryMatch, match_entries, spell_out, tell_unmatched
from loratui.captions.rule_values import check_printable
from loratui.captions.rule_words import check_change, warn_of_lost_trigger
from loratui.captions.rules import CaptionRules, check_names, default_rules, parse_rules
from loratui.captions.service import change_rules, rules_of
from loratui.captions.sidecars import read_text
from loratui.captions.tags import fold_tag
from loratui.catalog.edits import get_rules
from loratui.catalog.subjects import get_subject
from loratui.catalog.vocabulary import KINDS
from loratui.catalog.walking import show_path
from loratui.errors import ConflictError, NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

Format = Literal["json", "kohya"]
Mode = Literal["add", "replace"]

MAX_RULES_BYTES = 4 * 1024 * 1024

# What programs write as JSON where there was nothing to write.
_NO_LIST = re.compile(r"null|true|false|-?\d+(?:\.\d+)?")

_SEVERAL = re.compile(r"\w\s*;\s*\w")

_FORMAT = "loratui caption rules"
_VERSION = 1
# Of a list with nothing but slips, so many are told with what was meant.
_TOLD = 5


@dataclass(frozen=True, slots=True)
class GivenRules:
    """Rules from elsewhere: only those that were set, and what was forgiven in reading them."""

    values: Mapping[str, Any]
    format: Format
    source: str
    """Where they are from, in a word or two."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RulesImport:
    """What came, or would come, of taking rules in: the rules then, captions that change, and what entries find."""

    rules: CaptionRules
    preview: RulesPreview
    matches: tuple[EntryMatch, ...]
    """Of the imbued list."""
    remarks: tuple[str, ...]
    written: int = 0
    """Captions written by hand, which follow no rules."""


def read_rules_file(path: Path) -> GivenRules:
    """Read rules as `format_rules` writes them, or a list of undesired tags as people and kohya's tools write it.

    Raises NotFoundError without such a file, RefusedError for one that can't be read, UsageError for rules that make
    no sense.
    """
    if not path.exists():
        raise NotFoundError(f"There is no file {show_path(path)}.", hint="Check the path.")
    text, warnings = read_text(path, MAX_RULES_BYTES, "rules")
    given = parse_rules_text(text, show_path(path))
    return GivenRules(given.values, given.format, given.source, (*warnings, *given.remarks))


def parse_rules_text(text: str, source: str) -> GivenRules:
    """Like `read_rules_file`, for text that was read already or pasted; `source` names it in messages."""
    bare = text.strip("\ufeff \t\r\n")
    if _NO_LIST.fullmatch(bare):
        raise RefusedError(
            f"{source} holds {bare[:40]}, which is no rules.",
            hint="Give rules as `loratui rules export` writes them, or a plain list.",
        )
    if bare[:1] not in ("{", "["):
        undesired = parse_undesired(text)
        if not undesired.tags:
            raise UsageError(f"{source} names no tag.", hint="Give tags with commas between: blue eyes,freckles")
        return GivenRules({"imbued": list(undesired.tags)}, "kohya", source, undesired.remarks)
    try:
        raw = json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise RefusedError(
            f"{source} is not JSON: {error}.", hint="Give rules as `loratui rules export` writes them, or a plain list."
        ) from error
    return GivenRules(_read_document(raw, source), "json", source)


def rules_of_other(catalog: Catalog, subject: Subject | str) -> GivenRules:
    """The rules that were set for another subject, to be taken over; what was never set follows each one's kind."""
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    return GivenRules(get_rules(catalog, owner), "json", owner.name)


def format_rules(rules: CaptionRules, kind: str) -> str:
    """All rules as a JSON document; the kind of their subject tells which of them are only its defaults."""
    document = {"format": _FORMAT, "version": _VERSION, "kind": kind, "rules": rules.to_dict()}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write_rules_file(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Write a file whole or not at all; raises RefusedError where that can't be done, NotFoundError without a folder.

    A file that is there is left alone, with ConflictError, unless `overwrite`: it may be a picture.
    """
    if not overwrite and path.exists():
        raise ConflictError(f"{show_path(path)} is there already.", hint="Name another file, or add --overwrite.")
    if not path.parent.exists():
        raise NotFoundError(f"There is no folder {show_path(path.parent)}.", hint="Check the path, or make the folder.")
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        if fresh.exists():
            fresh.unlink()
        raise RefusedError(
            f"{show_path(path)} can't be written: {error.strerror}.", hint="Check the folder and its rights."
        ) from error


def export_rules(
    catalog: Catalog, subject: Subject | str, format: Format, *, remove_underscore: bool = True
) -> tuple[str, list[str]]:
    """The rules of a subject as text, and remarks on what a kohya list can't say."""
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    rules = rules_of(catalog, owner)
    if format == "json":
        return format_rules(rules, owner.kind), []
    patterns = [entry for entry in rules.imbued if "*" in entry]
    entries: list[str] = list(rules.imbued)
    remarks = []
    if patterns:
        entries = spell_out(read_book(catalog, owner), rules.imbued)
        remarks.append(f"Kohya's tagger knows no *: {', '.join(patterns)} became the tags that {owner.name} has.")
    return format_undesired(entries, remove_underscore=remove_underscore) + "\n", remarks


def import_rules(
    catalog: Catalog,
    subject: Subject | str,
    given: GivenRules,
    *,
    mode: Mode = "add",
    dry_run: bool = False,
    must_match: bool = False,
) -> RulesImport:
    """Take rules in as one step that undo takes back; with `dry_run` only tell what would become of the captions.

    `add` puts lists and pairs to those that are there, and changes single values that were set; `replace` puts the
    rules in place of all there were, a kohya list in place of the imbued list. With
    `must_match` a list of which not one entry is a tag of the subject is refused, for it may be no list of tags; a
    subject without tags takes any. Raises UsageError for rules that make no sense here, RefusedError for words that
    no caption may say.
    """
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    usual = default_rules(owner.kind).to_dict()
    gone = usual.keys() - given.values.keys() if mode == "replace" and given.format == "json" else set[str]()

    def change(rules: CaptionRules) -> Mapping[str, Any]:
        return _add(rules, given.values) if mode == "add" else given.values

    before = read_book(catalog, owner)
    if must_match and given.values.keys() == {"imbued"}:
        _refuse_strange_list(before, given)
    if dry_run:
        rules = before.with_rules({**change(before.rules), **{name: usual[name] for name in gone}}).rules
        check_change(owner, before.rules, rules)
    else:
        rules = change_rules(catalog, owner, change, unset=gone, label=f"caption rules from {given.source}")
    after = foresee_book(catalog, before, rules.to_dict())
    matches = match_entries(after, rules.imbued)
    lost = warn_of_lost_trigger(after) if {"prefix", "suffix"} & given.values.keys() else ()
    by_hand = [_tell_written(before)] if before.written else []
    split = _tell_semicolons(after, given.values.get("imbued", ()))
    remarks = (*given.remarks, *split, *lost, *by_hand)
    return RulesImport(rules, before.compare(after), tuple(matches), remarks, before.written)


def _tell_written(book: CaptionBook) -> str:
    captions = f"{book.written:,} of {len(book.pictures):,} captions"
    return f"{captions} {'is' if book.written == 1 else 'are'} written by hand: rules don't change them."


def _refuse_strange_list(book: CaptionBook, given: GivenRules) -> None:
    """Refuse a list that names no tag of a subject which has some: prose splits at its commas too."""
    entries = given.values["imbued"]
    if not entries or not book.count_tags() or any(book.find_tags(entry) for entry in entries):
        return
    near = [match for match in match_entries(book, entries) if match.near]
    meant = "".join(f"{sentence} " for sentence in tell_unmatched(near, _TOLD))
    named = ", ".join(f"'{entry[:40]}'" for entry in entries[:3])
    are = f"Not one of the {len(entries):,} entries of {given.source} is a"
    only = f"The only entry of {given.source} is no"
    split = "".join(f"{sentence} " for sentence in _tell_semicolons(book, entries))
    raise RefusedError(
        f"{only if len(entries) == 1 else are} tag of {book.subject.name}: {named}{'...' if len(entries) > 3 else ''}.",
        hint=f"{meant}{split}See `loratui tags list {shlex.quote(book.subject.name)}`; to take the list in all the "
        "same, add --anyway.",
    )


def _tell_semicolons(book: CaptionBook, entries: Iterable[str]) -> list[str]:
    """A sentence where entries look like several with semicolons between, and are no tags; ;d is a face."""
    joined = [entry for entry in entries if _SEVERAL.search(entry) and not book.find_tags(entry)]
    if not joined:
        return []
    more = f" ({len(joined) - 1:,} more do)" if len(joined) > 1 else ""
    return [f"'{joined[0][:40]}' has a semicolon in it{more}: entries are separated by commas."]


def _add(rules: CaptionRules, values: Mapping[str, Any]) -> dict[str, Any]:
    present = rules.to_dict()
    return {name: _merge(present[name], value) for name, value in values.items()}


def _merge(old: Any, new: Any) -> Any:
    if isinstance(old, list):
        known = {fold_tag(tag) for tag in old}
        return [*old, *(tag for tag in new if fold_tag(tag) not in known)]
    if isinstance(old, Mapping):
        return {**old, **{tag: _merge(old[tag], value) if tag in old else value for tag, value in new.items()}}
    return new


def _read_document(raw: Any, source: str) -> dict[str, Any]:
    """The rules that a JSON document sets: a list of tags to imbue, rules alone, or with their kind around them."""
    if isinstance(raw, list):
        raw = {"imbued": raw}
    kind = raw.get("kind", "character")
    if raw.get("format") == _FORMAT:
        if raw.get("version") != _VERSION:
            raise RefusedError(f"{source} was written by a newer version.", hint="Update loratui to read it.")
        values = raw.get("rules")
        if not isinstance(values, dict) or kind not in KINDS:
            raise RefusedError(f"{source} has no rules.", hint="Export them anew: loratui rules export SUBJECT FILE")
    else:
        # As `rules show --json` prints them.
        values = {name: value for name, value in raw.items() if name != "imbued_pictures"}
    check_names(values)
    for name, value in values.items():
        try:
            check_printable(name, value)
        except UsageError as error:
            raise UsageError(f"{source}: {error.message}", hint=error.hint) from error
    usual, rules = default_rules(kind).to_dict(), parse_rules(values, kind).to_dict()
    # An export names every rule, chosen or not. A file that names some means each of them, usual or not.
    is_whole = values.keys() == usual.keys()
    return {name: rules[name] for name in values if not is_whole or rules[name] != usual[name]}
