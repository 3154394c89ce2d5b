"""Captions of a subject's pictures: computing, showing, and taking in what lies beside the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loratui.captions.rule_values import check_printable
from loratui.captions.rule_words import check_change
from loratui.captions.rules import (
    Captioner,
    CaptionRules,
    check_names,
    fill_in,
    parse_rules,
    thresholds_of,
)
from loratui.captions.sidecar_notes import ReadTags, tell_changes, tell_whole
from loratui.captions.sidecars import SidecarFile, read_sidecar, strip_prefix
from loratui.captions.tags import mentions
from loratui.captions.tokens import check_length
from loratui.catalog.caption_import import store_captions
from loratui.catalog.edits import get_rules, set_rules
from loratui.catalog.query import get_memberships, select_memberships
from loratui.catalog.subjects import get_subject
from loratui.catalog.tagged import list_tagged
from loratui.catalog.walking import show_path
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog

RuleChanges = Mapping[str, Any] | Callable[[CaptionRules], Mapping[str, Any]]
"""Rules by name, or what makes them of the rules in force."""

# Up to this many pictures are asked about one by one, not with all of their subject.
_FEW = 1_000

# What the caption of a picture that has left the subject meanwhile is made of.
_NOTHING: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], str] = ((), (), (), "")


@dataclass(frozen=True, slots=True)
class ShownCaption:
    """The caption of one picture, whether a person wrote it whole, and what is doubtful about it."""

    membership: Membership
    text: str
    written: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SidecarImport:
    """What came of reading sidecars: `imported` pictures got captions or tags, `unchanged` had them before."""

    imported: int
    unchanged: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What captions say otherwise than the files that they were read from."""


def rules_of(catalog: Catalog, subject: Subject | str) -> CaptionRules:
    """The caption rules of a subject: what was stored, over the defaults of its kind."""
    owner = _find(catalog, subject)
    return parse_rules(get_rules(catalog, owner), owner.kind)


def change_rules(
    catalog: Catalog,
    subject: Subject | str,
    changes: RuleChanges,
    *,
    unset: Collection[str] = (),
    label: str = "",
) -> CaptionRules:
    """Change some rules and keep the others; those in `unset` go back to what the kind of subject has.

    Rules that follow from others are given as a function of those in force, which no one changes meanwhile. History
    says `label`, else which rules are others now and which tags are imbued or said again. Raises UsageError for a
    rule or value that makes no sense, RefusedError for words that no caption of the subject may say.
    """
    owner = _find(catalog, subject)
    check_names(unset)
    told = label

    def edit(stored: dict[str, Any]) -> dict[str, Any]:
        nonlocal told
        before = parse_rules(stored, owner.kind)
        wanted = changes(before) if callable(changes) else changes
        for name, value in wanted.items():
            check_printable(name, value)
        values = {name: value for name, value in {**stored, **wanted}.items() if name not in unset}
        after = parse_rules(values, owner.kind)
        check_change(owner, before, after)
        told = label or tell_rule_changes(before, after)
        plain = after.to_dict()
        return {name: plain[name] for name in values}

    return parse_rules(set_rules(catalog, owner, edit, label=lambda: told), owner.kind)


def tell_rule_changes(before: CaptionRules, after: CaptionRules) -> str:
    """What was done to rules in a few words: `imbue hat; change prefix`."""
    imbued = [entry for entry in after.imbued if entry not in before.imbued]
    said = [entry for entry in before.imbued if entry not in after.imbued]
    then = after.to_dict()
    others = [name for name, value in before.to_dict().items() if name != "imbued" and then[name] != value]
    parts = [f"imbue {', '.join(imbued)}"] * bool(imbued)
    parts += [f"say {', '.join(said)} again"] * bool(said)
    parts += [f"change {', '.join(name.replace('_', ' ') for name in others)}"] * bool(others)
    return "; ".join(parts) or "caption rules"


def captions_of(
    catalog: Catalog, subject: Subject | str, memberships: Sequence[Membership] | None = None
) -> dict[int, str]:
    """The captions that a trainer sees, by membership id: of these memberships, or of all."""
    owner = _find(catalog, subject)
    rules = rules_of(catalog, owner)
    chosen = select_memberships(catalog, owner) if memberships is None else memberships
    whole = memberships is None or len(chosen) > _FEW
    tagged = list_tagged(
        catalog, owner, "" if whole else [picture.id for picture in chosen], thresholds=thresholds_of(rules)
    )
    made_of = {one.id: one for one in tagged}
    captioner = Captioner(owner, rules)
    found = {}
    for picture in chosen:
        one = made_of.get(picture.id)
        added, removed, scored, sentence = (one.added, one.removed, one.scored, one.sentence) if one else _NOTHING
        found[picture.id] = captioner.caption(picture.caption or "", added, removed, scored, sentence)
    return found


def show_captions(catalog: Catalog, subject: Subject | str, query: str = "") -> list[ShownCaption]:
    """Captions of the pictures that a query chooses, with what is doubtful: no trigger word, too many tokens."""
    owner = _find(catalog, subject)
    chosen = select_memberships(catalog, owner, query)
    captions = captions_of(catalog, owner, chosen)
    return [
        ShownCaption(
            membership=picture,
            text=captions[picture.id],
            written=bool(picture.caption and picture.caption.strip()),
            warnings=(*check_caption(captions[picture.id], owner), *check_length(captions[picture.id])),
        )
        for picture in chosen
    ]


def check_caption(text: str, subject: Subject) -> list[str]:
    """What is doubtful about a caption, in words."""
    if not text:
        return ["the caption is empty"]
    if not mentions(text, subject.trigger):
        return [f"the trigger {subject.trigger} is missing"]
    return []


def import_sidecars(
    catalog: Catalog, subject: Subject | str, sidecars: Iterable[tuple[int, Path]], *, whole: bool = False
) -> SidecarImport:
    """Take captions from files into the catalog as a person's edits, in one step that undo takes back.

    Sentences become written captions, used as they are; of tags captions are computed by the rules, and `notes` tell
    how those differ from the files. With `whole` every file's text becomes the written caption, word for word, and
    its tags are kept beside it for counts and coverage.

    Each pair is a membership id and a file that may speak of it; kohya metadata may come with many ids. A file
    that can't be read becomes a warning. Words a person wrote before are kept. Doing it again changes nothing.
    """
    owner = _find(catalog, subject)
    prefix = fill_in(rules_of(catalog, owner).prefix, owner)
    pairs = list(sidecars)
    names = {picture.id: picture.name for picture in get_memberships(catalog, [id_ for id_, _ in pairs])}
    files: dict[Path, SidecarFile] = {}
    warnings: list[str] = []
    texts: dict[int, str] = {}
    tags: dict[int, tuple[str, ...]] = {}
    read: dict[int, ReadTags] = {}
    cleaned: dict[int, tuple[str, ...]] = {}
    several: set[int] = set()
    blank: set[int] = set()
    used: dict[tuple[int, str], Path] = {}
    passed_over: dict[int, tuple[Path, Path]] = {}
    for id_, path in pairs:
        if path not in files:
            try:
                files[path] = read_sidecar(path)
            except RefusedError as error:
                files[path] = SidecarFile(warnings=(error.message,))
            warnings += files[path].warnings
        found = files[path].find(names[id_]) if id_ in names else None
        if found is None:
            continue
        (several if found.lines > 1 else blank if not found.lines else set()).add(id_)
        # A .txt with tags beside a .caption with a sentence is common: of each kind the first counts.
        text = found.written if whole else found.text
        if text and texts.setdefault(id_, text) != text:
            passed_over.setdefault(id_, (used[id_, "text"], path))
        own = strip_prefix(found.tags, prefix, owner.trigger)
        if found.tags and tags.setdefault(id_, own) != own:
            passed_over.setdefault(id_, (used[id_, "tags"], path))
        if found.tags:
            read.setdefault(id_, ReadTags(found.written, found.tags, own))
            used.setdefault((id_, "tags"), path)
        if text:
            used.setdefault((id_, "text"), path)
            cleaned.setdefault(id_, found.cleaned)
    warnings += _tell_rivals(passed_over, used)
    stored = store_captions(catalog, owner, texts=texts, tags=tags)
    if stored.kept:
        warnings.append(f"{_pictures(len(stored.kept))} already had other captions, which were kept.")
    if without := [id_ for id_, text in texts.items() if not mentions(text, owner.trigger)]:
        used_so = (
            "caption is used as written and lacks" if len(without) == 1 else "captions are used as written and lack"
        )
        warnings.append(f"{len(without)} {used_so} the trigger {owner.trigger}.")
    spoken_of = len(texts.keys() | tags.keys())
    changes = Counter(words for id_ in texts for words in cleaned.get(id_, ()))
    notes = tell_whole(len(several), len(blank - texts.keys()), changes) if whole else []
    if computed := [id_ for id_ in read if id_ in stored.changed and id_ not in texts]:
        captions = captions_of(catalog, owner, get_memberships(catalog, computed))
        notes += tell_changes(owner, {id_: read[id_] for id_ in computed}, captions)
    return SidecarImport(len(stored.changed), spoken_of - len(stored.changed), tuple(warnings), tuple(notes))


def _tell_rivals(passed_over: Mapping[int, tuple[Path, Path]], used: Mapping[tuple[int, str], Path]) -> list[str]:
    """Say where several files speak of one picture and only one of them is heard."""
    told = []
    if passed_over:
        read, other = next(iter(passed_over.values()))
        told.append(
            f"For {_pictures(len(passed_over))} several caption files say different things and the first was read, "
            f"such as {show_path(read)} and not {show_path(other)}."
        )
    both = [id_ for id_, kind in used if kind == "text" and used.get((id_, "tags"), used[id_, kind]) != used[id_, kind]]
    if both:
        text, tags = used[both[0], "text"], used[both[0], "tags"]
        told.append(
            f"For {_pictures(len(both))} one file has a sentence and another has tags, such as {show_path(text)} and "
            f"{show_path(tags)}: the sentence is the caption, and the tags are kept but not said."
        )
    return told


def _pictures(count: int) -> str:
    return f"{count} picture{'s' * (count != 1)}"


def _find(catalog: Catalog, subject: Subject | str) -> Subject:
    return get_subject(catalog, subject) if isinstance(subject, str) else subject
