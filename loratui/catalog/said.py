"""What people and captioners wrote about pictures, who says what in it, and how to change it.

A picture may be in several subjects, and what is said of it in one counts in all: ratings belong to the picture.
"""

from __future__ import annotations

import shlex
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import literal, select, union_all

from loratui.catalog import tables
from loratui.catalog.query import as_values

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from sqlalchemy import Connection

Where = Literal["caption", "tags", "sentence"]

_MOST_NAMED = 5
"""So many pictures are named in a query of a hint."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text about a picture: a caption written whole, a tag, or what a captioner wrote."""

    subject: str
    where: Where
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where words about a picture stand: in which subject, and of tags in which ones."""

    subject: str
    where: Where
    words: tuple[str, ...]
    tags: tuple[str, ...] = ()


def find_written(connection: Connection, picture_ids: Sequence[int]) -> dict[int, list[Written]]:
    """The texts about pictures by their ids, in any subject."""
    member, edit, sentence, subject = tables.membership, tables.tag_edit, tables.sentence, tables.subject.c
    texts: dict[int, list[Written]] = defaultdict(list)
    if not picture_ids:
        return texts
    chosen = member.c.picture_id.in_(as_values(picture_ids))
    owned = member.join(tables.subject, subject.id == member.c.subject_id)
    columns = (member.c.picture_id, subject.name)
    captions = select(*columns, literal("caption"), member.c.caption).select_from(owned)
    tags = select(*columns, literal("tags"), edit.c.tag).select_from(
        owned.join(edit, edit.c.membership_id == member.c.id)
    )
    sentences = select(*columns, literal("sentence"), sentence.c.text).select_from(
        owned.join(sentence, sentence.c.membership_id == member.c.id)
    )
    for picture_id, name, where, text in connection.execute(
        union_all(
            captions.where(chosen, member.c.caption.is_not(None)),
            tags.where(chosen, edit.c.present),
            sentences.where(chosen),
        )
    ):
        texts[picture_id].append(Written(name, where, text))
    return texts


def find_sources(
    written: Iterable[Written], find: Callable[[str], Iterable[str]], *, but: Collection[str] = ()
) -> list[Source]:
    """Who says words of some sort, which `find` finds in a text, `but` some: one source for each subject and place."""
    words: dict[tuple[str, Where], dict[str, None]] = defaultdict(dict)
    tags: dict[tuple[str, Where], dict[str, None]] = defaultdict(dict)
    for one in written:
        if found := dict.fromkeys(word for word in find(one.text) if word not in but):
            words[one.subject, one.where] |= found
            if one.where == "tags":
                tags[one.subject, one.where][one.text] = None
    return [
        Source(subject, where, tuple(said), tuple(tags[subject, where])) for (subject, where), said in words.items()
    ]


def tell_sources(sources: Sequence[Source], owner: str) -> str:
    """Who says what of a picture of a subject, in one line; what a caption says is not told of its tags again."""
    in_captions: dict[str, set[str]] = defaultdict(set)
    for source in sources:
        if source.where == "caption":
            in_captions[source.subject].update(source.words)
    told = [
        _tell_source(source, owner)
        for source in sources
        if source.where == "caption" or not in_captions[source.subject].issuperset(source.words)
    ]
    return "; ".join(told[:_MOST_NAMED])


def tell_change(sources: Mapping[str, Sequence[Source]], owner: str) -> list[str]:
    """How to change what is said of pictures, by their sha256, but for captions and tags of the subject itself."""
    by_place: dict[tuple[str, Where], dict[str, Source]] = defaultdict(dict)
    for sha256, found in sources.items():
        for source in found:
            if source.subject != owner or source.where == "sentence":
                by_place[source.subject, source.where][sha256] = source
    told = []
    for (subject, where), pictures in by_place.items():
        name = shlex.quote(subject)
        few = " OR ".join(f"sha:{sha256[:12]}" for sha256 in pictures) if len(pictures) <= _MOST_NAMED else "QUERY"
        query = shlex.quote(few)
        if where == "sentence":
            told.append(f"`loratui describe {name} {query} --again` has sentences of {subject} written anew.")
        elif where == "caption":
            told.append(f"`loratui caption set {name} {query} TEXT` changes what the captions of {subject} say.")
        else:
            tags = dict.fromkeys(tag for source in pictures.values() for tag in source.tags)
            named = shlex.quote(", ".join(tags)) if len(tags) <= _MOST_NAMED else "TAG"
            told.append(f"`loratui tags remove {name} {named} {query}` takes a tag out of {subject}.")
    return told


def _tell_source(source: Source, owner: str) -> str:
    words = ", ".join(source.words)
    if source.subject == owner:
        subject = {"caption": "its caption says", "tags": "its tags say", "sentence": "the sentence kept for it says"}
        return f"{subject[source.where]} {words}"
    place = {"caption": "the caption says", "tags": "the tags say", "sentence": "the sentence kept for it says"}
    return f"{place[source.where]} {words} in {source.subject}"
