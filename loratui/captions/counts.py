"""How often each tag is said of a subject's pictures, and what a change of the rules would do to its captions."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from loratui.captions.rule_values import check_printable
from loratui.captions.rules import Captioner, CaptionRules, parse_rules, thresholds_of
from loratui.captions.service import check_caption, rules_of
from loratui.captions.tags import fold_tag, match_tag
from loratui.captions.tokens import CLIP_TOKENS, count_clip_tokens, find_clip_tokenizer
from loratui.catalog.subjects import get_subject
from loratui.catalog.tagged import list_tagged
from loratui.catalog.vocabulary import TRAINED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from loratui.catalog.query import Duplicates, Selection
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog
    from loratui.catalog.tagged import TaggedPicture

Band = Literal["critical", "warning", "info", ""]

_BANDS: tuple[tuple[float, Band], ...] = ((0.85, "critical"), (0.60, "warning"), (0.35, "info"))

# Sets of rules whose captions are remembered: those in force, and some that are being tried.
_KEPT = 4


@dataclass(frozen=True, slots=True)
class TagCount:
    """How often a tag is said; shares are 0 to 1.

    `share` is of the pictures that anyone looked at, a tagger or a person, `share_primary` of the primary ones among
    them, and `weight` of what training sees of them: pictures times repeats. `edited` pictures have the tag from a
    person, the others from a tagger. `written` pictures have it, but a caption written by hand says what it says.
    `imbued_by` is the rule that leaves it out.
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
    implied: int = 0
    """Pictures whose captions leave it out because a more specific tag says it."""

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


@dataclass(slots=True)
class _Tally:
    """Pictures by tag, counted once for all rules that give tags the same names."""

    pictures: Counter[str]
    edited: Counter[str]
    written: Counter[str]
    primary: Counter[str]
    samples: Counter[str]
    implied: Counter[str]
    primaries: int
    seen: int
    """Samples of an epoch: training pictures times repeats."""


@dataclass(slots=True)
class _Trial:
    """Some rules that were tried: their captioner, and once they were asked for, the tags and all of every caption."""

    captioner: Captioner
    said: list[tuple[str, ...]] | None = None
    captions: list[str] | None = None


class _Memory:
    """What was computed for some pictures under rules tried before: a change of rules leaves most of it standing."""

    def __init__(self) -> None:
        self.trials: list[_Trial] = []
        self.tallies: list[tuple[Any, _Tally]] = []
        self.tags: tuple[list[str], list[str]] | None = None
        """Every tag that a person added, and every one of a tagger's."""


@dataclass(frozen=True, slots=True)
class CaptionBook:
    """All that the captions of a subject are made of, as it was at one moment; for screens that try things out."""

    subject: Subject
    rules: CaptionRules
    pictures: tuple[TaggedPicture, ...]
    _memory: _Memory = field(default_factory=_Memory, compare=False, repr=False)

    @property
    def looked_at(self) -> tuple[TaggedPicture, ...]:
        """The pictures that a tagger has read or a person has tagged: the others say nothing about any tag."""
        return tuple(one for one in self.pictures if one.counts)

    @property
    def written(self) -> int:
        """How many captions a person wrote whole."""
        return sum(bool(picture.caption) for picture in self.pictures)

    def with_rules(self, changes: Mapping[str, Any]) -> CaptionBook:
        """The same pictures under other rules; raises UsageError for a rule or value that makes no sense.

        Which of a tagger's tags were read stays as it was: categories and thresholds act when a book is read.
        """
        for name, value in changes.items():
            check_printable(name, value)
        return replace(self, rules=parse_rules({**self.rules.to_dict(), **changes}, self.subject.kind))

    def captions(self, pictures: Iterable[TaggedPicture] | None = None) -> list[str]:
        """The captions of these pictures, or of all, in order."""
        trial = self._try()
        if pictures is not None:
            return _write(trial.captioner, pictures)
        if trial.captions is None:
            trial.captions = self._write_all(trial)
        return trial.captions

    def count_tags(self) -> list[TagCount]:
        """The tags that captions are computed from, imbued ones included, the most frequent first."""
        captioner = self._try().captioner
        tally = self._tally(captioner)
        total = len(self.looked_at)
        spelled = captioner.spellings()
        return [
            TagCount(
                tag=spelled[key],
                pictures=count,
                share=count / total,
                share_primary=tally.primary[key] / tally.primaries if tally.primaries else 0.0,
                weight=tally.samples[key] / tally.seen if tally.seen else 0.0,
                imbued_by=captioner.imbued_by(spelled[key]),
                edited=tally.edited[key],
                written=tally.written[key],
                named=captioner.is_named(spelled[key]),
                implied=tally.implied[key],
            )
            for key, count in sorted(tally.pictures.items(), key=lambda item: (-item[1], item[0]))
        ]

    def preview(self, changes: Mapping[str, Any], limit: int = 5) -> RulesPreview:
        """What a change of the rules would do to the captions; examples are the first that change."""
        return self.compare(self.with_rules(changes), limit)

    def compare(self, after: CaptionBook, limit: int | None = 5) -> RulesPreview:
        """How the captions of the same pictures differ in another book."""
        pairs = zip(self.pictures, self.captions(), after.captions(), strict=True)
        changes = [CaptionChange(one.id, one.name, old, new) for one, old, new in pairs if old != new]
        return RulesPreview(len(changes), len(self.pictures), tuple(changes[:limit]))

    def _try(self) -> _Trial:
        trials = self._memory.trials
        if (found := next((trial for trial in trials if trial.captioner.rules == self.rules), None)) is None:
            found = _Trial(Captioner(self.subject, self.rules))
            found.captioner.expect(*self._list_tags())
        self._memory.trials = [found, *(trial for trial in trials if trial is not found)][:_KEPT]
        return found

    def _list_tags(self) -> tuple[list[str], list[str]]:
        if self._memory.tags is None:
            # In the order they are met: of several spellings the first is shown.
            added = dict.fromkeys(chain.from_iterable(one.added for one in self.pictures))
            self._memory.tags = [*added], [*dict.fromkeys(chain.from_iterable(one.scored for one in self.pictures))]
        return self._memory.tags

    def _write_all(self, trial: _Trial) -> list[str]:
        """Write every caption, but those that read as they did under rules tried before."""
        captioner = trial.captioner
        near = next((one for one in self._memory.trials if one.said and one.captioner.says_alike(captioner)), None)
        if near is None or near.said is None or near.captions is None:
            trial.said = [captioner.say_tags(one.added, one.removed, one.scored) for one in self.pictures]
            return [_finish(captioner, one, tags) for one, tags in zip(self.pictures, trial.said, strict=True)]
        changed = captioner.judges_otherwise(near.captioner)
        touched = [not (changed.isdisjoint(one.added) and changed.isdisjoint(one.scored)) for one in self.pictures]
        trial.said = [
            captioner.say_tags(one.added, one.removed, one.scored) if is_touched else tags
            for one, tags, is_touched in zip(self.pictures, near.said, touched, strict=True)
        ]
        ends_alike = captioner.ends_alike(near.captioner)
        return [
            text if ends_alike and not is_touched else _finish(captioner, one, tags)
            for one, tags, text, is_touched in zip(self.pictures, trial.said, near.captions, touched, strict=True)
        ]

    def _tally(self, captioner: Captioner) -> _Tally:
        for naming, tally in self._memory.tallies:
            if naming == captioner.naming:
                return tally
        groups: dict[tuple[str, int, bool], list[set[str]]] = defaultdict(list)
        implied: list[set[str]] = []
        for one in self.pictures:
            tags = captioner.keys(one.added, one.removed, one.scored)
            if tags:
                # Pictures apart that count differently: chained sets are counted in C.
                groups[one.role, one.repeats, bool(one.caption)].append(tags)
            if found := captioner.find_implied(tags, one.added, one.scored):
                implied.append(found)
        counted = {key: Counter(chain.from_iterable(sets)) for key, sets in groups.items()}
        sizes = Counter((one.role, one.repeats) for one in self.looked_at)
        tally = _Tally(Counter(), Counter(), Counter(), Counter(), Counter(), Counter(), 0, 0)
        for (role, repeats, is_written), counts in counted.items():
            tally.pictures.update(counts)
            if is_written:
                tally.written.update(counts)
            if role == "primary":
                tally.primary.update(counts)
            if role in TRAINED:
                tally.samples.update({key: repeats * count for key, count in counts.items()})
        tally.implied.update(chain.from_iterable(implied))
        tally.edited.update(chain.from_iterable(captioner.keys(one.added, one.removed, ()) for one in self.pictures))
        tally.primaries = sum(count for (role, _), count in sizes.items() if role == "primary")
        tally.seen = sum(repeats * count for (role, repeats), count in sizes.items() if role in TRAINED)
        self._memory.tallies[:] = [(captioner.naming, tally), *self._memory.tallies[: _KEPT - 1]]
        return tally

    def find_holders(self) -> dict[str, list[TaggedPicture]]:
        """The pictures whose captions are computed from each tag, said or imbued, by the tag's folded form."""
        captioner = self._try().captioner
        found: dict[str, list[TaggedPicture]] = defaultdict(list)
        for one in self.pictures:
            for key in captioner.keys(one.added, one.removed, one.scored):
                found[key].append(one)
        return dict(found)

    def find_tags(self, entry: str) -> list[str]:
        """The tags that an entry of a list means, folded; `*` stands for any text, and aliases are the same tag."""
        captioner = self._try().captioner
        tags = self._tally(captioner).pictures
        if "*" in entry:
            return sorted((key for key in tags if match_tag(entry, key)), key=lambda key: (-tags[key], key))
        return [key for key in (fold_tag(captioner.name(entry)),) if key in tags]

    def spell(self, tag: str) -> str:
        """A tag in the spelling in which any of the pictures has it; as it is where none has."""
        return self._try().captioner.spellings().get(fold_tag(tag), tag)

    def narrow(self, ids: Collection[int]) -> CaptionBook:
        """The same rules for some of the pictures."""
        wanted = set(ids)
        return CaptionBook(self.subject, self.rules, tuple(one for one in self.pictures if one.id in wanted))

    def find_longest(self) -> LongestCaption | None:
        """The caption with the most CLIP tokens; None without pictures or where the tokenizer is not installed."""
        captions = self.captions()
        counts = count_clip_tokens(captions)
        if not captions or counts is None:
            return None
        place = max(range(len(counts)), key=counts.__getitem__)
        return LongestCaption(self.pictures[place].name, counts[place], sum(n > CLIP_TOKENS for n in counts))

    def check(self) -> list[str]:
        """What is doubtful about the captions as a whole, in sentences."""
        wrong = Counter(warning for text in self.captions() for warning in check_caption(text, self.subject))
        found = [f"{_captions(count)}: {warning}." for warning, count in wrong.most_common()]
        unused = [entry for entry in self.rules.imbued if not self.find_tags(entry)]
        found += [f"'{entry}' is imbued, but no picture has it." for entry in unused]
        without = sum(not (one.sentence or one.caption) for one in self.pictures)
        if self.rules.say != "tags" and without:
            verb = "is" if without == 1 else "are"
            found.append(f"{_captions(without)} {verb} made of tags alone: no captioner has described the picture.")
        if self.rules.max_tokens and find_clip_tokenizer() is None:
            found.append(f"Captions aren't cut at {self.rules.max_tokens} tokens: CLIP's tokenizer is not installed.")
        return found


def _write(captioner: Captioner, pictures: Iterable[TaggedPicture]) -> list[str]:
    return [captioner.caption(one.caption, one.added, one.removed, one.scored, one.sentence) for one in pictures]


def _finish(captioner: Captioner, one: TaggedPicture, tags: Sequence[str]) -> str:
    if one.caption or one.sentence:
        return captioner.caption(one.caption, one.added, one.removed, one.scored, one.sentence)
    return captioner.write_around(tags, one.added, one.scored)


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
    before = read_book(catalog, subject)
    return before.compare(foresee_book(catalog, before, changes), limit)


def foresee_book(catalog: Catalog, before: CaptionBook, changes: Mapping[str, Any]) -> CaptionBook:
    """The same pictures under other rules; a tagger's tags are read anew where other ones of them count."""
    after = before.with_rules(changes)
    thresholds = thresholds_of(after.rules)
    if thresholds == thresholds_of(before.rules):
        return after
    ids = [one.id for one in before.pictures]
    return CaptionBook(
        after.subject, after.rules, tuple(list_tagged(catalog, after.subject, ids, thresholds=thresholds))
    )


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
