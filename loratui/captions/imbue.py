"""Which tags to leave out of captions, so that they are learned with the trigger word, and which fuse by accident."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from loratui.captions.advice import FUSED, LEAVES_OUT, STEADY, TagAdvice, Verdict, judge_tags
from loratui.captions.counts import CaptionBook, TagCount, read_book
from loratui.captions.facets import CHOICES, fold_known, read_facets
from loratui.captions.matching import match_entries, tell_unmatched
from loratui.captions.outlook import Outlook, decide, foresee
from loratui.captions.presets import Preset, find_preset
from loratui.captions.service import change_rules
from loratui.captions.tags import fold_tag, match_tag
from loratui.captions.traits import find_groups, trait_of
from loratui.captions.untagged import explain_untagged
from loratui.catalog.edits import clean_tags, tag_scores_of
from loratui.catalog.subjects import get_subject
from loratui.catalog.vocabulary import TRAINED
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from loratui.captions.counts import RulesPreview
    from loratui.captions.rules import CaptionRules
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.catalog.tagged import TaggedPicture

_NAMES = frozenset({"character", "copyright", "artist"})
# Tags of the group "angle" that say it, so that it is not told twice.
_NAMES_OF_FRONT = frozenset({"straight-on", "from the front", "front view"})
_MAY_TRAIN = "-role:rejected -role:holdout"
# Of fewer pictures than these, shares say nothing.
_FEW = 8
# What is seen of these is known of pictures only that have tags about the subject.
_SEEN = ("angle", "framing")


@dataclass(frozen=True, slots=True)
class ImbueAdvice:
    """What to imbue into the trigger of a subject: tag by tag, what will come of it, and captions before and after."""

    subject: str
    preset: Preset
    pictures: int
    tags: tuple[TagAdvice, ...]
    outlook: tuple[Outlook, ...]
    preview: RulesPreview
    notes: tuple[str, ...] = ()
    unsaid: tuple[TagAdvice, ...] = ()
    """What pictures show though no tag of theirs says it: the front. Like a tag, but not one to be imbued."""
    few: tuple[str, ...] = ()
    """Groups of which too few pictures say anything to tell what a prompt will change."""

    def find(self, verdict: Verdict) -> list[TagAdvice]:
        """The tags with one verdict, the most frequent first."""
        return [tag for tag in self.tags if tag.verdict == verdict]

    @property
    def proposed(self) -> tuple[str, ...]:
        """The tags that applying the advice puts on the imbued list."""
        return tuple(tag.tag for tag in self.tags if tag.verdict in LEAVES_OUT and not tag.imbued_by)


@dataclass(frozen=True, slots=True)
class ImbueStudy:
    """Advice, and the book it was made of."""

    advice: ImbueAdvice
    book: CaptionBook

    def preview(self, tags: Iterable[str]) -> RulesPreview:
        """What putting these tags on the imbued list would do to captions; the examples are pictures with them."""
        return self.book.preview({"imbued": _extend(self.book, tags)})

    def foresee(self, tags: Iterable[str]) -> tuple[Outlook, ...]:
        """What a prompt will and won't change when these tags are put on the list, and none else."""
        return foresee(_rank(decide(self.advice.tags, frozenset(tags)), self.advice.unsaid), self.advice.few)


@dataclass(frozen=True, slots=True)
class ImbuedTag:
    """A tag for the imbued list, how many pictures have it, and the entry that left it out before, if any."""

    tag: str
    pictures: int
    imbued_by: str = ""


@dataclass(frozen=True, slots=True)
class ImbueResult:
    """What applying did: tags put on the imbued list, those that an entry left out already, the captions changed.

    `kept` are entries of the list that the advice would leave to the prompt: they are the person's, so they stay.
    """

    added: tuple[ImbuedTag, ...]
    already: tuple[ImbuedTag, ...]
    kept: tuple[str, ...]
    imbued: tuple[str, ...]
    preview: RulesPreview
    notes: tuple[str, ...] = ()
    """A sentence for each tag of which no picture of the subject has any, with what may have been meant."""


def suggest_imbue(
    catalog: Catalog, subject: Subject | str, preset: str | None = None, but: Iterable[str] = ()
) -> ImbueAdvice:
    """What to imbue, after a preset or that of the subject's kind; groups in `but` are left to the prompt.

    Counts the pictures that training sees, or while there are none all that aren't rejected or held out. Raises
    UsageError for a preset or a group that there is not.
    """
    return study_imbue(catalog, subject, preset, but).advice


def study_imbue(
    catalog: Catalog, subject: Subject | str, preset: str | None = None, but: Iterable[str] = ()
) -> ImbueStudy:
    """Like suggest_imbue, with what it was made of: choices can be tried on it without asking the library again."""
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    chosen = find_preset(preset or owner.kind).without(but)
    book = read_training_book(catalog, owner)
    explain = partial(explain_untagged, catalog, book, _MAY_TRAIN)
    return ImbueStudy(advise(book, chosen, _find_names(catalog, book), explain), book)


def read_training_book(catalog: Catalog, subject: Subject) -> CaptionBook:
    """What the captions of the training pictures are made of; of all that may become some while there are none."""
    book = read_book(catalog, subject, _MAY_TRAIN)
    trained = [one.id for one in book.pictures if one.role in TRAINED]
    return book.narrow(trained) if trained else book


def advise(
    whole: CaptionBook, preset: Preset, names: Collection[str] = (), explain: Callable[[], str] = lambda: ""
) -> ImbueAdvice:
    """What to do about each tag of a book; `names` are folded tags that name a character other than the subject.

    `explain` tells why no picture has a tag, where none has.

    Shares are of the pictures that a tagger read or a person tagged: the others say nothing about a trait.
    """
    book = whole.narrow([one.id for one in whole.looked_at])
    counts = book.count_tags()
    tags = judge_tags(book, preset, counts, names)
    unsaid = tuple(_see_front(book))
    few = _SEEN if sum(map(_is_told_about, book.pictures)) < _FEW else ()
    proposed = [tag.tag for tag in tags if tag.verdict in LEAVES_OUT and not tag.imbued_by]
    return ImbueAdvice(
        subject=book.subject.name,
        preset=preset,
        pictures=len(book.pictures),
        tags=tags,
        outlook=foresee(_rank(tags, unsaid), few),
        preview=book.preview({"imbued": _extend(book, proposed)}),
        notes=tuple(_remark(book, counts, len(whole.pictures) - len(book.pictures), explain)),
        unsaid=unsaid,
        few=few,
    )


def apply_imbue(
    catalog: Catalog,
    subject: Subject | str,
    tags: Sequence[str] = (),
    *,
    preset: str | None = None,
    but: Iterable[str] = (),
    dry_run: bool = False,
) -> ImbueResult:
    """Put tags on the imbued list, in one step that undo takes back: the given ones, or those that are advised.

    With tags and a preset both are put on it. No entry is ever taken off the list. Raises UsageError for a tag that
    no caption can hold, a preset or a group that there is not.
    """
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    if tags and but and not preset:
        raise UsageError("Groups to leave out were given without a preset.", hint="Give a preset, or no tags.")
    chosen = find_preset(preset or owner.kind).without(but)
    book = read_training_book(catalog, owner)
    advice = advise(book, chosen, _find_names(catalog, book))
    wanted = clean_tags(tags) if tags else []
    by_preset = bool(preset) or not tags
    if by_preset:
        wanted = clean_tags([*wanted, *advice.proposed]) if advice.proposed else wanted
    known = {fold_tag(tag.tag): tag for tag in advice.tags}
    listed = {fold_tag(entry) for entry in book.rules.imbued}
    added: list[ImbuedTag] = []
    already: list[ImbuedTag] = []
    for tag in wanted:
        count = known.get(fold_tag(tag))
        if fold_tag(tag) in listed:
            already.append(ImbuedTag(tag, count.pictures if count else 0, tag))
        elif count and count.imbued_by:
            already.append(ImbuedTag(tag, count.pictures, count.imbued_by))
        else:
            added.append(ImbuedTag(tag, count.pictures if count else _count_matches(book, tag)))
    imbued = _extend(book, [tag.tag for tag in added])
    preview = book.preview({"imbued": imbued})
    if added and not dry_run:
        said = ", ".join(tag.tag for tag in added)
        change_rules(
            catalog, owner, lambda rules: {"imbued": [*rules.imbued, *_list_new(rules, added)]}, label=f"imbue {said}"
        )
    own = dict.fromkeys(tag.imbued_by for tag in advice.tags if tag.imbued_by and tag.verdict not in LEAVES_OUT)
    kept = tuple(own) if by_preset else ()
    unfound = [tag.tag for tag in added if not tag.pictures]
    notes = tuple(tell_unmatched(match_entries(read_book(catalog, owner), unfound))) if unfound else ()
    return ImbueResult(tuple(added), tuple(already), kept, tuple(imbued), preview, notes)


def tell_why_nothing(advice: ImbueAdvice) -> str:
    """A sentence about what was looked at, where nothing new is proposed; empty where something is."""
    if advice.proposed or not advice.tags:
        return ""
    seen = f"{len(advice.tags):,} tag{'s' * (len(advice.tags) != 1)} of {_count(advice.pictures)}"
    if done := [tag.tag for tag in advice.tags if tag.verdict in LEAVES_OUT]:
        return f"Nothing new to imbue among {seen}: the list leaves out {_both(done)} already."
    own = [tag for tag in advice.tags if tag.group in advice.preset.imbue]
    if not own:
        groups = ", ".join(advice.preset.imbue).replace("_", " ")
        return f"Nothing to imbue among {seen}: none says anything about {groups}."
    nearest = max(own, key=lambda tag: tag.share)
    return (
        f"Nothing to imbue among {seen}: of what belongs to the subject, '{nearest.tag}' is the most frequent, in "
        f"{nearest.share:.0%}; from {STEADY:.0%} on it would be steady enough."
    )


def _extend(book: CaptionBook, tags: Iterable[str]) -> list[str]:
    """The imbued list with some tags added; nothing that a person put there goes."""
    return [*book.rules.imbued, *tags]


def _see_front(book: CaptionBook) -> Iterator[TagAdvice]:
    """The front as coverage counts it: pictures with tags of which none says another angle, nor this one by name."""
    (angle,) = find_groups("angle")
    (front,) = (choice for choice in CHOICES["angle"] if choice.name == "front")
    if book.subject.kind == "style" or not book.pictures:
        return
    seen = []
    for one in book.pictures:
        own, scored = _read_known(one)
        if read_facets(own, scored).get("angle") == front.name and not (own | scored.keys()) & _NAMES_OF_FRONT:
            seen.append(one)
    if seen:
        share = len(seen) / len(book.pictures)
        trained = sum(one.repeats for one in book.pictures if one.role in TRAINED)
        weight = sum(one.repeats for one in seen if one.role in TRAINED) / trained if trained else 0.0
        primaries = sum(one.role == "primary" for one in book.pictures)
        shown = sum(one.role == "primary" for one in seen)
        yield TagAdvice(
            tag=front.words,
            verdict="fused" if max(share, weight) >= FUSED else "keep",
            group=angle.name,
            kind=angle.kind,
            pictures=len(seen),
            share=share,
            share_primary=shown / primaries if primaries else 0.0,
            weight=weight,
            imbued_by="",
            reason="No tag says another angle.",
        )


def _read_known(one: TaggedPicture) -> tuple[set[str], dict[str, float]]:
    """A person's and a tagger's tags that say something of what is seen, folded, the surest with the highest score."""
    gone = {fold_tag(tag) for tag in one.removed}
    own = {key for tag in one.added if (key := fold_known(tag))}
    scored = {1.0 / place: fold_known(tag) for place, tag in enumerate(one.scored, 1) if fold_tag(tag) not in gone}
    return own, {key: score for score, key in reversed(scored.items()) if key}


def _is_told_about(one: TaggedPicture) -> bool:
    """Whether any tag says something about the subject or the view of it."""
    gone = {fold_tag(tag) for tag in one.removed}
    said = {*map(fold_tag, (*one.added, *one.scored))} - gone
    return any(fold_known(tag) or trait_of(tag) for tag in said)


def _rank(tags: Sequence[TagAdvice], unsaid: Sequence[TagAdvice]) -> Sequence[TagAdvice]:
    return sorted((*tags, *unsaid), key=lambda tag: -tag.pictures) if unsaid else tags


def _list_new(rules: CaptionRules, added: Iterable[ImbuedTag]) -> list[str]:
    listed = {fold_tag(entry) for entry in rules.imbued}
    return [one.tag for one in added if fold_tag(one.tag) not in listed]


def _count_matches(book: CaptionBook, pattern: str) -> int:
    """Pictures that have a tag which an entry of the imbued list means."""
    holders = book.find_holders()
    return len({one.id for tag, pictures in holders.items() if match_tag(pattern, tag) for one in pictures})


def _find_names(catalog: Catalog, book: CaptionBook) -> set[str]:
    """The tags that a tagger gave as names of characters, artists or works, folded, where captions use such."""
    if not _NAMES.intersection(book.rules.categories):
        return set()
    unlisted = [count.tag.lower() for count in book.count_tags() if not count.edited and trait_of(count.tag) is None]
    scores = tag_scores_of(catalog, book.subject, tags=unlisted)
    return {fold_tag(one.tag) for scored in scores.values() for one in scored if one.category in _NAMES}


def _remark(book: CaptionBook, counts: Sequence[TagCount], untagged: int, explain: Callable[[], str]) -> Iterator[str]:
    noun = "training picture" if any(one.role in TRAINED for one in book.pictures) else "picture"
    if not counts:
        yield from filter(None, [explain()])
    elif untagged:
        have = "s have" if untagged != 1 else " has"
        yield f"{untagged:,} {noun}{have} no tags, were not read by a tagger either, and didn't count."
    if counts and len(book.pictures) < _FEW:
        yield f"Of {_count(len(book.pictures))} shares say little."
    if book.written:
        written = f"{book.written:,} of {len(book.pictures):,} captions are written by hand"
        yield f"{written}: the imbued list doesn't change them."
    if counts and not any(one.role in TRAINED for one in book.pictures):
        yield "No picture is primary or supporting yet: all that aren't rejected were counted."
    used = {count.imbued_by for count in counts}
    if unused := [entry for entry in book.rules.imbued if entry not in used]:
        yield f"On the imbued list, but no {noun} has {_either(unused)}."


def _count(pictures: int) -> str:
    return f"{pictures:,} picture{'s' * (pictures != 1)}"


def _both(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
