"""Which tags belong to a subject and which to one picture: explicit lists, grouped, shipped as data.

No tag is judged by how its name ends: closed eyes, hair ribbons and armpit hair are no eye or hair colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, get_args

from loratui.captions.tags import fold_tag
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal["intrinsic", "borderline", "flexible", "meta", "guard"]
"""What lists are about: the subject itself, what may be part of it, one picture, the file, or what is refused.

A tag stands in one list at most, except that a guard list repeats tags of others.
"""

_KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class TraitGroup:
    """A list of tags that say the same sort of thing; `tags` are folded (see fold_tag), in the order of the list."""

    name: str
    title: str
    """How people call it: eye colour."""
    kind: Kind
    noun: str
    """What its tags end in when they are an adjective and a noun, such as eyes in "red eyes"; may be empty."""
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trait:
    """A tag, folded, and the group that lists it."""

    tag: str
    group: TraitGroup

    @property
    def value(self) -> str:
        """What the tag says of the group's noun: red for "red eyes"; empty when it isn't said that way."""
        noun = self.group.noun
        return self.tag.removesuffix(f" {noun}") if noun and self.tag.endswith(f" {noun}") else ""


@cache
def load_groups() -> tuple[TraitGroup, ...]:
    """Every list, those about the subject first, then by name."""
    folder = files("loratui.captions").joinpath("traits")
    groups = [
        read_group(path.name.removesuffix(".txt"), path.read_text(encoding="utf-8").splitlines())
        for path in folder.iterdir()
        if path.name.endswith(".txt")
    ]
    return tuple(sorted(groups, key=lambda group: (_KINDS.index(group.kind), group.name)))


def find_group(name: str) -> TraitGroup:
    """The list called `name`, however its words are joined; raises UsageError with near names."""
    groups = {fold_tag(group.name): group for group in load_groups()}
    groups |= {group.title: group for group in load_groups()}
    folded = fold_tag(name.replace("-", " "))
    if folded in groups:
        return groups[folded]
    near = [groups[found].name for found in get_close_matches(folded, groups, n=3)]
    known = near or [group.name for group in load_groups() if group.kind in ("intrinsic", "borderline")]
    raise UsageError(
        f"There is no group of tags called {name!r}.",
        hint=f"{'Did you mean' if near else 'Groups are'} {', '.join(dict.fromkeys(known))}{'?' if near else '.'}",
    )


@cache
def load_list(name: str) -> frozenset[str]:
    """The tags of one list, folded, for looking tags up; raises UsageError when there is no such list."""
    return frozenset(find_group(name).tags)


def trait_of(tag: str) -> Trait | None:
    """The group that lists a tag, however the tag is spelled; None for a tag that no list names."""
    return _traits().get(fold_tag(tag))


@cache
def known_tags() -> frozenset[str]:
    """Every tag that any list names, folded."""
    return frozenset(tag for group in load_groups() for tag in group.tags)


@cache
def _traits() -> dict[str, Trait]:
    return {tag: Trait(tag, group) for group in load_groups() if group.kind != "guard" for tag in group.tags}


def read_group(name: str, lines: Iterable[str]) -> TraitGroup:
    """Read a list: `key: value` lines (title, kind, noun), an empty line, then tags between commas; # is a remark.

    Raises ValueError for a list that is not written like this.
    """
    header: dict[str, str] = {}
    tags: list[str] = []
    in_header = True
    for line in (line.strip() for line in lines if not line.startswith("#")):
        if not line:
            in_header = in_header and not header
        elif in_header:
            key, _, value = line.partition(":")
            header[key.strip()] = value.strip()
        else:
            tags += [tag.strip() for tag in line.split(",") if tag.strip()]
    kind = header.get("kind", "")
    if kind not in _KINDS or not header.get("title"):
        raise ValueError(f"The list {name} needs a title and one of the kinds {', '.join(_KINDS)}.")
    return TraitGroup(name, header["title"], kind, header.get("noun", ""), tuple(tags))
