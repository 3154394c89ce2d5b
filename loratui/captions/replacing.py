"""Putting one tag in place of another, in tags and in the words of captions, as one step that undo takes back."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from loratui.captions.choosing import TagChooser
from loratui.captions.counts import read_book
from loratui.captions.rules import Captioner, parse_rules, thresholds_of
from loratui.captions.service import rules_of
from loratui.captions.tags import fold_tag, mentions, spell_tag
from loratui.catalog.edits import clean_tags
from loratui.catalog.query import select_ids
from loratui.catalog.subjects import get_subject
from loratui.catalog.tagged import Retagged, rewrite_tags
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from loratui.captions.counts import CaptionBook
    from loratui.catalog.edits import RulesEdit
    from loratui.catalog.query import Duplicates, Selection
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.catalog.tagged import TaggedPicture


@dataclass(frozen=True, slots=True)
class ReplacedTag:
    """What putting one tag in place of another changed: so many pictures, and these rules, by their names.

    `captions` of the whole subject read otherwise now: rules act on all of them. Where the new tag came to be imbued,
    `silenced` of them said it before. Where it was not, because `left_out` pictures that were not chosen have one of
    both tags, the old one is imbued and the new one is not.
    """

    old: str
    new: str
    """As the subject's pictures spell it."""
    pictures: int
    captions: int = 0
    rules: tuple[str, ...] = ()
    imbued: bool = False
    silenced: int = 0
    left_out: int = 0

    def tell_rules(self, subject: str) -> list[str]:
        """Sentences about what captions leave out now, or still say, with the verb for a subject that changes it."""
        verb, name = f"`loratui rules set {shlex.quote(subject)}", shlex.quote(self.new)
        if self.left_out:
            several = f"{self.left_out:,} pictures that were not chosen have"
            have = "1 picture that was not chosen has" if self.left_out == 1 else several
            return [
                f"The rules stay as they are, '{self.old}' imbued and '{self.new}' said: {have} one of both. "
                f"{verb} --imbue {name}` leaves it out of all captions."
            ]
        if not self.imbued:
            return []
        imbued = f"'{self.new}' is imbued now, as '{self.old}' was:"
        if not self.silenced:
            return [f"{imbued} captions leave it out."]
        lose = (
            "1 caption that said it leaves" if self.silenced == 1 else f"{self.silenced:,} captions that said it leave"
        )
        return [f"{imbued} {lose} it out. {verb} --keep {name}` says it again."]


def replace_tag(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    old: str,
    new: str,
    *,
    duplicates: Duplicates | None = None,
    scope: Collection[int] | None = None,
) -> ReplacedTag:
    """Put another tag in place of one, where it stood.

    A tag that a person added is replaced in its place. One that only a tagger gave is removed, and the new one is
    added as the person's. In captions written by hand the words are replaced wherever they stand as whole words,
    whatever their case. The new tag is spelled as other pictures have it, else with spaces where the rules want that.
    It is imbued where the old one was, unless a picture that was not chosen has either of them: rules are for all
    pictures. `scope` are the ids that count as chosen where the selection is only those of them that need the change.
    Raises UsageError for what is no tag.
    """
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    book = read_book(catalog, owner)
    new = spell_new(book, old, new)
    ids = select_ids(catalog, owner, selection, duplicates=duplicates) if isinstance(selection, str) else selection
    replaced: list[int] = []
    changed: list[str] = []
    left_out: set[int] = set()

    def imbue_too(stored: dict[str, Any]) -> dict[str, Any]:
        if not replaced:
            return stored
        chooser = TagChooser(parse_rules(stored, owner.kind))
        if not chooser.imbued_by(old) or chooser.imbued_by(new):
            return stored
        left_out.update(_find_holders(book, old, new).difference(ids if scope is None else scope))
        if left_out:
            return stored
        changed.append("imbued")
        return {**stored, "imbued": [*chooser.rules.imbued, new]}

    pictures = _replace(catalog, owner, ids, old, new, rules=imbue_too, replaced=replaced)
    done = ReplacedTag(old.strip(), new, pictures)
    return _compare(catalog, book, done, replaced, changed, len(left_out))


def tell_other_name(
    catalog: Catalog, subject: str, selection: Selection, done: ReplacedTag, *, duplicates: Duplicates | None = None
) -> str:
    """A sentence where pictures have the old tag under another name that the rules give it, so that it was not met.

    Empty where the rules leave the old tag its name, or lead both tags to the same one.
    """
    owner = get_subject(catalog, subject)
    rules = rules_of(catalog, owner)
    chooser = TagChooser(rules)
    said, key = chooser.name(done.old), fold_tag(done.old)
    if fold_tag(said) in (key, fold_tag(chooser.name(done.new))):
        return ""
    book = read_book(catalog, owner, selection, duplicates=duplicates)
    holders = book.find_holders().get(fold_tag(said), ())
    count = sum(key in map(fold_tag, (*one.added, *one.scored)) for one in holders)
    if not count:
        return ""
    rule = "renames" if key in map(fold_tag, rules.renames) else "aliases"
    name, pair = shlex.quote(owner.name), shlex.quote(f"{done.old}={done.new}")
    return (
        f"{'1 picture has' if count == 1 else f'{count:,} pictures have'} '{done.old}', which the rule {rule} makes "
        f"'{said}'. `loratui rules set {name} --rename {pair}` makes it '{done.new}' in all pictures."
    )


def spell_new(book: CaptionBook, old: str, new: str) -> str:
    """A tag that a person typed to stand for another one, as the book of the whole subject spells it.

    One that no picture has is spelled as captions by these rules spell a tagger's, and so is the old one in another
    spelling.
    """
    spelled = spell_tag(new) if book.rules.underscores_to_spaces else new
    return _spell_known(book, old, spelled)


def _spell_known(book: CaptionBook, old: str, new: str) -> str:
    """The new tag as pictures have it already; raises UsageError for one that could not be told from a pattern."""
    (clean,) = clean_tags([new], new=True)
    if "*" in clean:
        raise UsageError(
            f"{clean!r} can't take the place of a tag: rules and queries read * as any text.",
            hint="Name one tag; for some of the pictures: `loratui caption replace SUBJECT OLD NEW QUERY`.",
        )
    return clean if fold_tag(clean) == fold_tag(old) else book.spell(clean)


def _find_holders(book: CaptionBook, *tags: str) -> set[int]:
    holders = book.find_holders()
    keys = {key for tag in tags for key in (fold_tag(tag), *(book.find_tags(tag) if "*" not in tag else ()))}
    return {one.id for key in keys for one in holders.get(key, ())}


def rename_tag(catalog: Catalog, subject: Subject | str, old: str, new: str) -> ReplacedTag:
    """Put another tag in place of one in all pictures of a subject, and wherever its rules say the tag.

    Spellings that aliases and renames lead to the old tag lead to the new one; a spelling that is led to another tag
    stays as it is. A new tag that pictures have already is spelled as they have it. One step that undo takes back.
    Raises UsageError for what is no tag, and when names would lead in a circle.
    """
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    book = read_book(catalog, owner)
    (before,), after = clean_tags([old]), _spell_known(book, old, new)
    changed: list[str] = []
    replaced: list[int] = []

    def rename(stored: dict[str, Any]) -> dict[str, Any]:
        rules = {name: rename_in_rule(name, value, before, after) for name, value in stored.items()}
        changed[:] = [name for name in rules if rules[name] != stored[name]]
        parse_rules(rules, owner.kind)
        return rules

    pictures = _replace(catalog, owner, "", before, after, rules=rename, replaced=replaced)
    return _compare(catalog, book, ReplacedTag(before, after, pictures), replaced, changed)


def _compare(
    catalog: Catalog,
    before: CaptionBook,
    done: ReplacedTag,
    touched: Sequence[int],
    rules: Sequence[str],
    left_out: int = 0,
) -> ReplacedTag:
    """What was done with what came of it: of all captions where rules changed, else of the pictures touched."""
    if not done.pictures and not rules:
        return done
    after = read_book(catalog, before.subject, "" if rules else touched)
    known = {one.id for one in after.pictures}
    was = before.narrow(known)
    now = after.narrow([one.id for one in was.pictures])
    pairs = [*zip(was.captions(), now.captions(), strict=True)]
    imbued = bool(TagChooser(after.rules).imbued_by(done.new)) and not TagChooser(before.rules).imbued_by(done.new)
    silenced = sum(mentions(old, done.new) and not mentions(new, done.new) for old, new in pairs) if imbued else 0
    return replace(
        done,
        captions=sum(old != new for old, new in pairs),
        rules=tuple(rules),
        imbued=imbued,
        silenced=silenced,
        left_out=left_out,
    )


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
    rules: RulesEdit,
    replaced: list[int],
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
        if new is not None:
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
