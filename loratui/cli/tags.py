"""Verbs about the tags of a whole subject: how often each is said, and replacing one by another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, number_of, print_json, print_table, print_text, remark, shorten
from loratui.cli.session import Query, find_duplicates, open_library, read_mixture, tell_no_pictures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.captions.counts import TagCount
    from loratui.captions.replacing import ReplacedTag
    from loratui.captions.tag_edits import EditedTag, TagEdits
    from loratui.catalog.store import Catalog


def list_tags(subject: str, *query: Query, show: Show = PLAIN) -> None:
    """Count the tags that captions are computed from, the most frequent first.

    A tag said of 85 % of the pictures (critical) is learned with the trigger word whatever the captions say; from
    60 % on (warning) it may be. What belongs to the subject is better imbued, what does not needs pictures without
    it. `share` is of the pictures chosen that a tagger read or a person tagged, `weight` of what training sees of them:
    pictures times repeats; it and `primary` are unknown before pictures have roles. `band` is critical from 85 %,
    warning from 60 % and info from 35 % on.

    Example: `loratui tags list Mira -role:rejected`
    """
    from loratui.captions.counts import read_book
    from loratui.captions.untagged import explain_untagged
    from loratui.catalog.vocabulary import TRAINED

    text = " ".join(query)
    with open_library() as catalog:
        book = read_book(catalog, subject, text, duplicates=find_duplicates(catalog, subject))
        tags = book.count_tags()
        roles = {one.role for one in book.looked_at}
        is_trained = bool(roles.intersection(TRAINED))
        empty = "" if tags or show.json else explain_untagged(catalog, book, text)
        mixture = read_mixture(catalog, subject, show)
    if show.json:
        print_json(
            [
                {
                    "tag": item.tag,
                    "pictures": item.pictures,
                    "share": round(item.share, 4),
                    "share_primary": round(item.share_primary, 4) if "primary" in roles else None,
                    "weight": round(item.weight, 4) if is_trained else None,
                    "band": item.band,
                    "imbued": item.imbued,
                    "imbued_by": item.imbued_by,
                    "edited": item.edited,
                    "written": item.written,
                    "implied": item.implied,
                }
                for item in tags
            ]
        )
        return
    print_table(
        ["tag", "pictures", "share", "primary", "weight", "band", "captions"],
        [
            [
                shorten(item.tag),
                item.pictures,
                f"{item.share:.0%}",
                f"{item.share_primary:.0%}" if "primary" in roles else "-",
                f"{item.weight:.0%}" if is_trained else "-",
                item.band,
                _tell_state(item),
            ]
            for item in tags
        ],
        empty=empty,
    )
    if any(item.band for item in tags):
        remark(
            "band: from 85 % a tag is learned whatever captions say (critical), from 60 % it may be (warning).", show
        )
    unread = len(book.pictures) - len(book.looked_at)
    if tags and unread:
        remark(f"{number_of(unread, 'picture')} without tags and not read by a tagger didn't count.", show)
    if book.written:
        captions = number_of(len(book.pictures), "caption")
        remark(f"{book.written:,} of {captions} are written by hand; tags don't change them.", show)
    if mixture:
        remark(mixture, show)


def _tell_state(tag: TagCount) -> str:
    if tag.imbued:
        return f"imbued by {shorten(tag.imbued_by)}"
    if tag.named:
        return "in the prefix"
    return f"said in {tag.pictures - tag.implied}: others say it" if tag.implied else "said"


def add_tags(
    subject: str,
    tags: Annotated[str, Parameter(help="Tags with commas between.")],
    *query: Query,
    show: Show = PLAIN,
) -> None:
    """Say that the pictures which a query chooses show these tags, whatever a tagger found.

    Example: `loratui tags add Mira "red hair, smile" "name:portrait*"`
    """
    change_tags(subject, query, show, add=_split(tags))


def remove_tags(
    subject: str,
    tags: Annotated[str, Parameter(help="Tags with commas between.")],
    *query: Query,
    show: Show = PLAIN,
) -> None:
    """Say that the pictures which a query chooses don't show these tags, whatever a tagger found.

    To leave a tag out of the captions although pictures show it, imbue it: `loratui rules set Mira --imbue TAG`.
    Example: `loratui tags remove Mira hat "name:portrait*"`
    """
    change_tags(subject, query, show, remove=_split(tags))


def change_tags(
    subject: str, query: Sequence[str], show: Show, *, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> None:
    """Add and remove tags, and print what became of each."""
    from loratui.captions.tag_edits import edit_tags

    text = " ".join(query)
    with open_library() as catalog:
        duplicates = find_duplicates(catalog, subject)
        done = edit_tags(catalog, subject, text, add=add, remove=remove, duplicates=duplicates)
        nothing = "" if done.pictures else tell_unchanged(catalog, subject, text)
    print_tag_edits(done, nothing, show)


def print_tag_edits(done: TagEdits, nothing: str, show: Show) -> None:
    """Print what became of tags that were added or removed; `nothing` says why no picture was chosen."""
    if show.json:
        print_json(done)
        return
    for tag in done.tags if done.pictures else ():
        print_text(f"{tag.tag}: {_tell_edit(tag, done.pictures)}")
    print_text(nothing or f"{number_of(done.changed, 'picture')} changed.")
    for note in done.notes:
        remark(f"warning: {note}", show)
    if done.noted:
        remark("`loratui undo` takes it back.", show)


def _tell_edit(tag: EditedTag, pictures: int) -> str:
    from loratui.captions.matching import tell_near

    had = f"{tag.had:,} of {number_of(pictures, 'picture')} had it"
    if tag.present and not tag.had:
        return f"{number_of(tag.changed, 'picture')} got it."
    if tag.present:
        return f"{had}, {tag.changed:,} got it." if tag.changed else f"{had} already."
    if tag.had:
        return f"{had}, {tag.changed:,} lost it."
    later = "; it won't count there should a tagger find it" if tag.noted else ""
    return f"none of {number_of(pictures, 'picture')} has it{later}{tell_near(tag.near)}"


def tell_unchanged(catalog: Catalog, subject: str, query: str, otherwise: str = "") -> str:
    """Why a verb changed nothing: no picture was chosen, or what is said otherwise, `{pictures}` filled in."""
    from loratui.catalog.query import select_ids

    ids = select_ids(catalog, subject, query, duplicates=find_duplicates(catalog, subject))
    if not ids:
        return tell_no_pictures(subject, [query])
    return otherwise.replace("{pictures}", number_of(len(ids), "picture"))


def _split(tags: str) -> list[str]:
    return [tag.strip() for tag in tags.split(",") if tag.strip()]


def rename_tag(subject: str, old: str, new: str, *, show: Show = PLAIN) -> None:
    """Put one tag in place of another in all pictures of a subject, as one step that undo takes back.

    Rules that say the tag go along: imbued, always first, renames, aliases, implications. A tag that the subject has
    already keeps its spelling. `caption replace` does it for some of the pictures.

    Example: `loratui tags rename Mira smiling smile`
    """
    from loratui.captions import replacing

    with open_library() as catalog:
        renamed = replacing.rename_tag(catalog, subject, old, new)
        other = replacing.tell_other_name(catalog, subject, "", renamed)
        nothing = "" if renamed.pictures or renamed.rules else other or _tell_not_found(catalog, subject, "", old)
    _print_replaced(subject, renamed, nothing, other, show)


def replace_tag(subject: str, old: str, new: str, *query: Query, show: Show = PLAIN) -> None:
    """Put one tag in place of another in the pictures that a query chooses, as one step that undo takes back.

    In captions written by hand the words are replaced where they stand as whole words. Where the old tag is imbued the
    new one is as well, unless pictures that were not chosen have one of both: rules are for all pictures. A tag that
    the subject has already keeps its spelling.

    Example: `loratui caption replace Mira hat "straw hat" "name:beach*"`
    """
    from loratui.captions import replacing

    with open_library() as catalog:
        text = " ".join(query)
        duplicates = find_duplicates(catalog, subject)
        replaced = replacing.replace_tag(catalog, subject, text, old, new, duplicates=duplicates)
        other = replacing.tell_other_name(catalog, subject, text, replaced, duplicates=duplicates)
        nothing = "" if replaced.pictures or replaced.rules else other or _tell_not_found(catalog, subject, text, old)
    _print_replaced(subject, replaced, nothing, other, show)


def _print_replaced(subject: str, done: ReplacedTag, nothing: str, other: str, show: Show) -> None:
    """Print what putting one tag in place of another changed.

    `nothing` says why it changed nothing, `other` which rule gives the old tag another name.
    """
    notes = [*done.tell_rules(subject), *([other] if other else [])]
    if show.json:
        print_json({"changed": done.pictures, "captions_changed": done.captions, "rules": done.rules, "notes": notes})
        return
    if nothing:
        print_text(nothing)
        return
    rules = f" Rules changed: {', '.join(done.rules).replace('_', ' ')}." if done.rules else ""
    read = f"{number_of(done.captions, 'caption')} {'reads' if done.captions == 1 else 'read'} otherwise"
    print_text(f"{number_of(done.pictures, 'picture')} changed; {read}.{rules}")
    for note in notes:
        remark(f"note: {note}", show)


def _tell_not_found(catalog: Catalog, subject: str, query: str, tag: str) -> str:
    """Why putting another tag in place of one changed nothing, and which tag may have been meant."""
    from loratui.captions.counts import read_book
    from loratui.captions.matching import match_entries, tell_near

    book = read_book(catalog, subject, query, duplicates=find_duplicates(catalog, subject))
    (match,) = match_entries(book, [tag])
    return tell_unchanged(
        catalog,
        subject,
        query,
        f"{number_of(match.pictures, 'picture')} said it so already."
        if match.pictures
        else f"None of {{pictures}} has '{match.entry}'{tell_near(match.near)}",
    )
