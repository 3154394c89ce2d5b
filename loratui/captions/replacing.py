"""Putting one tag in place of another, in tags and in the words of captions, as one step that undo takes back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loratui.captions.choosing import TagChooser
from loratui.captions.rules import Captioner, parse_rules, thresholds_of
from loratui.captions.service import rules_of
from loratui.captions.tags import fold_tag, spell_tag
from loratui.catalog.edits import clean_tags
from loratui.catalog.subjects import get_subject
from loratui.catalog.tagged import Retagged, rewrite_tags

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.captions.rules import CaptionRules
    from loratui.catalog.edits import RulesEdit
    from loratui.catalog.query import Duplicates, Selection
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.catalog.tagged import TaggedPicture


def replace_tag(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    old: str,
    new: str,
    *,
    duplicates: Duplicates | None = None,
) -> int:
    """Put another tag in place of one, where it stood; returns how many pictures changed.

    A tag that a person added is replaced in its place. One that only a tagger gave is removed, and the new one is
    added as the person's. In captions written by hand the words are replaced wherever they stand as whole words,
    whatever their case. The new tag is spelled with spaces where the rules want that, and imbued where the old one
    was. Raises UsageError for what is no tag.
    """
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    present = rules_of(catalog, owner)
    (new,) = clean_tags([spell_new(present, new)], new=True)

    replaced: list[int] = []

    def imbue_too(stored: dict[str, Any]) -> dict[str, Any]:
        if not replaced:
            return stored
        chooser = TagChooser(parse_rules(stored, owner.kind))
        if not chooser.imbued_by(old) or chooser.imbued_by(new):
            return stored
        return {**stored, "imbued": [*chooser.rules.imbued, new]}

    return _replace(catalog, owner, selection, old, new, duplicates=duplicates, rules=imbue_too, replaced=replaced)


def spell_new(rules: CaptionRules, tag: str) -> str:
    """A tag that a person typed to stand for another one, as captions by these rules spell a tagger's."""
    return spell_tag(tag) if rules.underscores_to_spaces else tag


@dataclass(frozen=True, slots=True)
class RenamedTag:
    """What renaming a tag changed: so many pictures, and these rules, by their names."""

    pictures: int
    rules: tuple[str, ...]


def rename_tag(catalog: Catalog, subject: Subject | str, old: str, new: str) -> RenamedTag:
    """Put another tag in place of one in all pictures of a subject, and wherever its rules say the tag.

    Spellings that aliases and renames lead to the old tag lead to the new one; a spelling that is led to another tag
    stays as it is. One step that undo takes back. Raises UsageError when names would lead in a circle.
    """
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    (before,), (after,) = clean_tags([old]), clean_tags([new], new=True)
    changed: list[str] = []

    def rename(stored: dict[str, Any]) -> dict[str, Any]:
        rules = {name: rename_in_rule(name, value, before, after) for name, value in stored.items()}
        changed[:] = [name for name in rules if rules[name] != stored[name]]
        parse_rules(rules, owner.kind)
        return rules

    pictures = _replace(catalog, owner, "", before, after, rules=rename)
    return RenamedTag(pictures, tuple(changed))


def rename_in_rule(name: str, value: Any, old: str, new: str) -> Any:
    """The value of a rule, as plain JSON, once one tag stands for another in it."""
    key, new_key = fold_tag(old), fold_tag(new)

    def say(tag: str) -> str:
        return new if fold_tag(tag) == key else tag

    match name:
        case "imbued" | "always_first":
            return list(dict.fromkeys(map(say, value)))
        case "renames":
            renamed = {spelling: say(tag) for spelling, tag in value.items()}
            # What is said now needs no other name.
            return {one: tag for one, tag in renamed.items() if value[one] == tag or fold_tag(one) != new_key}
        case "aliases" | "implications":
            found: dict[str, list[str]] = {}
            for tag, others in value.items():
                listed = found.setdefault(say(tag), [])
                listed += [*others] if name == "aliases" else [*map(say, others)]
            return {tag: [*dict.fromkeys(one for one in others if one != tag)] for tag, others in found.items()}
        case _:
            return value


def _replace(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    old: str,
    new: str,
    *,
    rules: RulesEdit | None = None,
    replaced: list[int] | None = None,
    duplicates: Duplicates | None = None,
) -> int:
    """Replace the tag; `replaced` gets the ids of the pictures where it stood, before `rules` is called."""
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    present = rules_of(catalog, owner)
    (before,), (after,) = clean_tags([old]), clean_tags([new], new=True)
    if before == after:
        # Nothing is to be said otherwise; it would only make a tagger's word a person's.
        return 0
    captioner = Captioner(owner, present)

    def rewrite(picture: TaggedPicture) -> Retagged | None:
        new = replace_in(picture, before, after, captioner)
        if new is not None and replaced is not None:
            replaced.append(picture.id)
        return new

    return rewrite_tags(
        catalog,
        owner,
        selection,
        rewrite,
        thresholds=thresholds_of(present),
        action="tags.replace",
        label=f"{owner.name}: {after} for {before} in {{pictures}}",
        duplicates=duplicates,
        rules=rules,
    )


def replace_in(picture: TaggedPicture, old: str, new: str, captioner: Captioner) -> Retagged | None:
    """What a person says about a picture once one tag stands for another; None when that changes nothing."""
    caption = replace_words(picture.caption, old, new) if picture.caption else ""
    old_key, new_key = fold_tag(old), fold_tag(new)
    if old_key not in captioner.keys(picture.added, picture.removed, picture.scored):
        if caption == picture.caption:
            return None
        return Retagged(_say(picture.added, picture.removed), caption)
    added: list[str] = []
    for tag in picture.added:
        key = next(iter(captioner.choose([tag], (), (), pruned=False)), "")
        if key in (old_key, new_key):
            tag = new
        if tag not in added:
            added.append(tag)
    if new not in added:
        added.append(new)
    removed = [tag for tag in picture.removed if fold_tag(tag) != new_key]
    if old_key != new_key and old_key in captioner.keys((), (), picture.scored):
        removed.append(old)
    return Retagged(_say(added, removed), caption)


def replace_words(text: str, old: str, new: str) -> str:
    """Replace words in a text where they are not part of longer ones, whatever their case and underscores."""
    words = r"[\s_]+".join(re.escape(word) for word in re.split(r"[\s_]+", old.strip()) if word)
    return re.sub(rf"(?<!\w){words}(?!\w)", lambda match: new, text, flags=re.IGNORECASE)


def _say(added: Sequence[str], removed: Sequence[str]) -> list[tuple[str, bool]]:
    return [*((tag, True) for tag in added), *((tag, False) for tag in removed)]
