"""Adding and removing tags of many pictures, and what came of it: who got a tag, who lost it, who never had it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.captions.counts import read_book
from loratui.captions.matching import find_near, match_entries, tell_near
from loratui.captions.ratings import warn_of_tags
from loratui.captions.tags import fold_tag
from loratui.catalog import edits
from loratui.catalog.query import tag_key
from loratui.catalog.subjects import get_subject
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.captions.counts import CaptionBook
    from loratui.catalog.query import Duplicates, Selection
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class EditedTag:
    """What became of one tag that was added or removed.

    `changed` pictures got it, or lost it; `had` is how many showed it before. `noted` are all pictures for which the
    person's word on it is new: one that shows the tag by a tagger's word shows it by the person's now, and where a tag
    was removed that was not there, it won't count when a tagger finds it. `near` are spelled like one that none has.
    """

    tag: str
    present: bool
    changed: int
    had: int
    noted: int
    near: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TagEdits:
    """So many pictures were chosen, so many of them show other tags now; and this became of each tag.

    For `noted` of them the person's word on any of the tags is new: without any, nothing was written. `notes` are
    warnings: of tags that keep pictures from being used, in a sentence each.
    """

    pictures: int
    changed: int
    tags: tuple[EditedTag, ...]
    noted: int = 0
    notes: tuple[str, ...] = ()

    def tell_lacking(self) -> list[str]:
        """A sentence for each tag that was to be removed from pictures of which none had it, with what was meant."""
        return [_tell_lacking(one.tag, one.near) for one in self.tags if not one.present and not one.had]


def edit_tags(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    duplicates: Duplicates | None = None,
    known: Sequence[str] | None = None,
) -> TagEdits:
    """Say that pictures show tags and don't show others, in one step that undo takes back, and tell what it changed.

    What is added is spelled as the subject's pictures have it, where any does: one tag has one spelling.
    `known` are the subject's tags where they were counted already: counting them takes seconds for 10,000 pictures.
    Raises UsageError for what is no tag, for one that is in both, and without any.
    """
    if not add and not remove:
        raise UsageError("No tag was named.", hint='Tags stand with commas between: "red hair, smile".')
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    if both := {tag_key(tag) for tag in add} & {tag_key(tag) for tag in remove}:
        raise UsageError(f"{', '.join(sorted(both))} can't be added and removed at once.", hint="Say one of both.")
    before = read_book(catalog, owner, selection, duplicates=duplicates)
    add = _spell_alike(catalog, before if selection == "" else None, owner, add, known)
    ids = [one.id for one in before.pictures]
    wanted = [(tag, present) for tags, present in ((add, True), (remove, False)) for tag in edits.clean_tags(tags)]
    edits.write_tag_edits(catalog, owner, ids, add=add, remove=remove)
    after = read_book(catalog, owner, ids)
    shown, now = _list_shown(before), _list_shown(after)
    differ = {id_ for key in {*shown, *now} for id_ in shown.get(key, set()) ^ now.get(key, set())}
    lacking = [tag for tag, present in wanted if not present and not _hold(before, shown, tag)]
    near = _find_near(catalog, owner, before, lacking, known) if ids else {}
    tags = []
    told: set[int] = set()
    for tag, present in wanted:
        had, has = _hold(before, shown, tag), _hold(after, now, tag)
        noted = _list_said(after, tag, present) - _list_said(before, tag, present)
        told |= noted
        tags.append(EditedTag(tag, present, len(had ^ has), len(had), len(noted), near.get(tag, ())))
    notes = warn_of_tags(catalog, owner, ids, [tag for tag, present in wanted if present]) if ids else []
    return TagEdits(len(ids), len(differ), tuple(tags), len(told), tuple(notes))


def tell_lacking(catalog: Catalog, subject: str, selection: Selection, tags: Sequence[str]) -> list[str]:
    """A sentence for each of the tags that none of the chosen pictures has, with what was meant; nothing is changed."""
    chosen = read_book(catalog, subject, selection)
    shown = _list_shown(chosen)
    lacking = [tag for tag in edits.clean_tags(tags) if not _hold(chosen, shown, tag)]
    near = _find_near(catalog, chosen.subject, chosen, lacking)
    return [_tell_lacking(tag, near.get(tag, ())) for tag in lacking]


def _tell_lacking(tag: str, near: Sequence[str]) -> str:
    return f"No picture here has '{tag}'{tell_near(near)}"


def _spell_alike(
    catalog: Catalog, whole: CaptionBook | None, owner: Subject, tags: Sequence[str], known: Sequence[str] | None
) -> list[str]:
    """Tags in the spellings in which the subject has them; `whole` are all its captions where they were read."""
    if not tags:
        return []
    if known is not None and whole is None:
        spelled = {fold_tag(tag): tag for tag in known}
        return [spelled.get(fold_tag(tag), tag) for tag in tags]
    book = whole or read_book(catalog, owner)
    return [book.spell(tag) for tag in tags]


def _list_shown(book: CaptionBook) -> dict[str, set[int]]:
    return {key: {one.id for one in pictures} for key, pictures in book.find_holders().items()}


def _hold(book: CaptionBook, shown: dict[str, set[int]], tag: str) -> set[int]:
    """The pictures that show a tag, under whatever name the rules say it."""
    keys = book.find_tags(tag) if "*" not in tag else [fold_tag(tag)]
    return {id_ for key in keys for id_ in shown.get(key, ())}


def _list_said(book: CaptionBook, tag: str, present: bool) -> set[int]:
    key = tag_key(tag)
    return {one.id for one in book.pictures if key in map(tag_key, one.added if present else one.removed)}


def _find_near(
    catalog: Catalog, owner: Subject, chosen: CaptionBook, tags: Sequence[str], known: Sequence[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """What was meant by tags that no chosen picture has: one of theirs, or else one of the subject's others."""
    found = {match.entry: match.near for match in match_entries(chosen, tags)}
    unknown = [tag for tag in tags if not found.get(tag)]
    if known is not None:
        return found | {tag: find_near(tag, known) for tag in unknown}
    if unknown:
        found |= {match.entry: match.near for match in match_entries(read_book(catalog, owner), unknown)}
    return found
