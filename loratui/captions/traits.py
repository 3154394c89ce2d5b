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
    single: bool
    """Whether a subject has one of them at a time: different ones in different pictures are a change."""
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


def find_groups(name: str) -> tuple[TraitGroup, ...]:
    """The lists meant by a name (eye_colour, "eye color") or its first word (hair); UsageError with near names."""
    folded = fold_tag(name.replace("-", " ")).replace("color", "colour")
    words = {group.name: group.name.replace("_", " ") for group in load_groups()}
    if exact := [group for group in load_groups() if folded in (words[group.name], group.title)]:
        return tuple(exact)
    stem = folded.removesuffix("s")
    if found := [group for group in load_groups() if stem and stem == words[group.name].split()[0].removesuffix("s")]:
        return tuple(found)
    known = {words[group.name]: group.name for group in load_groups()}
    known |= {name.split()[0]: name.split()[0] for name in words.values() if name.split()[0] not in known}
    near = [known[word] for word in get_close_matches(folded, known, n=3)]
    told = f"Did you mean {', '.join(near)}?" if near else f"Groups are {', '.join(sorted(words))}."
    raise UsageError(f"There is no group of tags called {name!r}.", hint=told)


@cache
def load_list(name: str) -> frozenset[str]:
    """The tags of a list, or of all whose names start with that word, folded; UsageError when there is none."""
    return frozenset(tag for group in find_groups(name) for tag in group.tags)


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
    """Read a list: lines with title, kind, noun and single, an empty line, then tags between commas; # is a remark.

    A line of tags that starts with `also:` holds words that people write and no WD tagger gives. Raises ValueError
    for a list that is not written like this.
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
            tags += [tag.strip() for tag in line.removeprefix("also:").split(",") if tag.strip()]
    kind = header.get("kind", "")
    if kind not in _KINDS or not header.get("title"):
        raise ValueError(f"The list {name} needs a title and one of the kinds {', '.join(_KINDS)}.")
    single = header.get("single") == "yes"
    return TraitGroup(name, header["title"], kind, header.get("noun", ""), single, tuple(tags))
