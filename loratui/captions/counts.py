"""How often each tag is said of a subject's pictures, and what a change of the rules would do to its captions."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from loratui.captions.rules import Captioner, CaptionRules, parse_rules, thresholds_of
from loratui.captions.service import check_caption, rules_of
from loratui.captions.tags import fold_tag, match_tag
from loratui.captions.tokens import count_clip_tokens
from loratui.catalog.subjects import get_subject
from loratui.catalog.tagged import list_tagged

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from loratui.catalog.query import Duplicates, Selection
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.catalog.tagged import TaggedPicture

Band = Literal["critical", "warning", "info", ""]

_BANDS: tuple[tuple[float, Band], ...] = ((0.85, "critical"), (0.60, "warning"), (0.35, "info"))

CLIP_TOKENS = 75
"""What a text encoder of Stable Diffusion reads of a caption, beside start and end."""

_TRAINED = ("primary", "supporting")


@dataclass(frozen=True, slots=True)
class TagCount:
    """How often a tag is said; shares are 0 to 1.

    `share` is of all pictures counted, `share_primary` of the primary ones, and `weight` of all that training sees:
    pictures times repeats. `edited` pictures have the tag from a person, the others from a tagger. `written`
    pictures have it, but a caption written by hand says what it says. `imbued_by` is the rule that leaves it out.
    """

    tag: str
    pictures: int
    share: float
    share_primary: float
    weight: float
    imbued_by: str
    edited: int
    written: int
    named: bool = False
    """Whether the prefix says it already."""

    @property
    def imbued(self) -> bool:
        """Whether captions leave the tag out, so that it sinks into the trigger word."""
        return bool(self.imbued_by)

    @property
    def band(self) -> Band:
        """How surely a tag this frequent is learned with the trigger, whatever the captions say."""
        return next((band for least, band in _BANDS if self.share >= least), "")


@dataclass(frozen=True, slots=True)
class CaptionChange:
    """The caption of one picture under the rules as they are and as they would be."""

    id: int
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class RulesPreview:
    """What a change of the rules would do: how many captions change, and some of them."""

    changed: int
    pictures: int
    examples: tuple[CaptionChange, ...]


@dataclass(frozen=True, slots=True)
class LongestCaption:
    """The caption with the most CLIP tokens; `too_long` counts those that an encoder would cut."""

    name: str
    tokens: int
    too_long: int


@dataclass(frozen=True, slots=True)
class CaptionBook:
    """All that the captions of a subject are made of, as it was at one moment; for screens that try things out."""

    subject: Subject
    rules: CaptionRules
    pictures: tuple[TaggedPicture, ...]

    @property
    def written(self) -> int:
        """How many captions a person wrote whole."""
        return sum(bool(picture.caption) for picture in self.pictures)

    def with_rules(self, changes: Mapping[str, Any]) -> CaptionBook:
        """The same pictures under other rules; raises UsageError for a rule or value that makes no sense."""
        return replace(self, rules=parse_rules({**self.rules.to_dict(), **changes}, self.subject.kind))

    def captions(self, pictures: Iterable[TaggedPicture] | None = None) -> list[str]:
        """The captions of these pictures, or of all, in order."""
        captioner = Captioner(self.subject, self.rules)
        chosen = self.pictures if pictures is None else pictures
        return [captioner.caption(one.caption, one.added, one.removed, one.scored) for one in chosen]

    def count_tags(self) -> list[TagCount]:
        """The tags that captions are computed from, imbued ones included, the most frequent first."""
        captioner = Captioner(self.subject, self.rules)
        everyone: list[set[str]] = []
        added: list[set[str]] = []
        by_hand: list[set[str]] = []
        primaries: list[set[str]] = []
        trained: dict[int, list[set[str]]] = defaultdict(list)
        for one in self.pictures:
            tags = captioner.keys(one.added, one.removed, ())
            if tags:
                added.append(tags)
            if one.scored:
                tags = tags | captioner.keys((), one.removed, one.scored)
            everyone.append(tags)
            if one.caption:
                by_hand.append(tags)
            if one.role == "primary":
                primaries.append(tags)
            if one.role in _TRAINED:
                trained[one.repeats].append(tags)
        # Counting chained keys runs in C.
        pictures, edited, written, primary = (
            Counter(chain.from_iterable(sets)) for sets in (everyone, added, by_hand, primaries)
        )
        samples: Counter[str] = Counter()
        for repeats, sets in trained.items():
            for key, count in Counter(chain.from_iterable(sets)).items():
                samples[key] += repeats * count
        total = sum(repeats * len(sets) for repeats, sets in trained.items())
        spelled = captioner.spellings()
        return [
            TagCount(
                tag=spelled[key],
                pictures=count,
                share=count / len(self.pictures),
                share_primary=primary[key] / len(primaries) if primaries else 0.0,
                weight=samples[key] / total if total else 0.0,
                imbued_by=captioner.imbued_by(spelled[key]),
                edited=edited[key],
                written=written[key],
                named=captioner.is_named(spelled[key]),
            )
            for key, count in sorted(pictures.items(), key=lambda item: (-item[1], item[0]))
        ]

    def preview(self, changes: Mapping[str, Any], limit: int = 5) -> RulesPreview:
        """What a change of the rules would do to the captions; examples are the first that change."""
        changed = 0
        examples: list[CaptionChange] = []
        after = self.with_rules(changes)
        for one, old, new in zip(self.pictures, self.captions(), after.captions(), strict=True):
            if old != new:
                changed += 1
                if len(examples) < limit:
                    examples.append(CaptionChange(one.id, one.name, old, new))
        return RulesPreview(changed, len(self.pictures), tuple(examples))

    def find_holders(self) -> dict[str, list[TaggedPicture]]:
        """The pictures whose captions are computed from each tag, said or imbued, by the tag's folded form."""
        captioner = Captioner(self.subject, self.rules)
        found: dict[str, list[TaggedPicture]] = defaultdict(list)
        for one in self.pictures:
            for key in captioner.keys(one.added, one.removed, one.scored):
                found[key].append(one)
        return dict(found)

    def narrow(self, ids: Collection[int]) -> CaptionBook:
        """The same rules for some of the pictures."""
        wanted = set(ids)
        return replace(self, pictures=tuple(one for one in self.pictures if one.id in wanted))

    def find_longest(self) -> LongestCaption | None:
        """The caption with the most CLIP tokens; None without pictures or where the tokenizer is not installed."""
        captions = self.captions()
        counts = count_clip_tokens(captions)
        if not captions or counts is None:
            return None
        place = max(range(len(counts)), key=counts.__getitem__)
        return LongestCaption(self.pictures[place].name, counts[place], sum(n > CLIP_TOKENS for n in counts))

    def check(self, tags: Sequence[TagCount] | None = None) -> list[str]:
        """What is doubtful about the captions as a whole, in sentences; `tags` as they were counted before."""
        wrong = Counter(warning for text in self.captions() for warning in check_caption(text, self.subject))
        found = [f"{_captions(count)}: {warning}." for warning, count in wrong.most_common()]
        used = {count.imbued_by for count in (self.count_tags() if tags is None else tags)}
        found += [f"'{entry}' is imbued, but no picture has it." for entry in self.rules.imbued if entry not in used]
        return found


def read_book(
    catalog: Catalog, subject: Subject | str, selection: Selection = "", *, duplicates: Duplicates | None = None
) -> CaptionBook:
    """Read all that the captions of the selected pictures are made of."""
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    rules = rules_of(catalog, owner)
    pictures = list_tagged(catalog, owner, selection, thresholds=thresholds_of(rules), duplicates=duplicates)
    return CaptionBook(owner, rules, tuple(pictures))


def count_tags(catalog: Catalog, subject: Subject | str, query: str = "") -> list[TagCount]:
    """How often each tag is said of the pictures that a query chooses, the most frequent first."""
    return read_book(catalog, subject, query).count_tags()


def preview_rules(catalog: Catalog, subject: Subject | str, changes: Mapping[str, Any], limit: int = 5) -> RulesPreview:
    """What a change of the caption rules would do, before it is made."""
    return read_book(catalog, subject).preview(changes, limit)


def imbue_tag(rules: CaptionRules, tag: str) -> list[str]:
    """The imbued list with a tag on it."""
    return [*(entry for entry in rules.imbued if fold_tag(entry) != fold_tag(tag)), tag]


def keep_tag(rules: CaptionRules, tag: str, others: Iterable[str] = ()) -> list[str]:
    """The imbued list without the entries that leave a tag out.

    `others` are tags that entries with a `*` left out as well: they go on being left out, by name.
    """
    kept = [entry for entry in rules.imbued if not match_tag(entry, tag)]
    still = [other for other in others if fold_tag(other) != fold_tag(tag)]
    return [*kept, *(other for other in still if not any(match_tag(entry, other) for entry in kept))]


def _captions(count: int) -> str:
    return f"{count:,} caption{'s' * (count != 1)}"
