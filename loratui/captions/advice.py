"""What to do about each tag of a subject: learn it with the trigger, keep it in captions, or look again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Literal, NamedTuple

from loratui.captions.tags import fold_tag
from loratui.captions.traits import TraitGroup, load_list, trait_of
from loratui.catalog.vocabulary import TRAINED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from loratui.captions.counts import CaptionBook, TagCount
    from loratui.captions.presets import Preset
    from loratui.catalog.tagged import TaggedPicture

STEADY = 0.60
"""From this share of pictures on, a trait of the subject is steady enough to be learned with the trigger."""
UNSTEADY = 0.40
"""Below this share a trait of the subject is doubtful: it is wrong, or hidden most of the time."""
FUSED = 0.85
"""From this share on, a tag is learned with the trigger whatever the captions say."""

Verdict = Literal["imbue", "leave_out", "ask", "fused", "inconsistent", "keep"]
"""What to do about a tag.

imbue: it belongs to the subject and is steady; leave_out: no picture shows it; ask: steady, and only the person knows;
fused: it doesn't belong to the subject, but is nearly always there; inconsistent: it should be steady and is not;
keep: it stays in the captions.
"""


class Behind(NamedTuple):
    """A picture behind a statement: its membership id and name."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class TagAdvice:
    """What to do about one tag and why.

    Shares are 0 to 1: of the pictures, of the primary ones, and of all that training sees (pictures x repeats).
    `group` and `kind` are empty for a tag that no list names. `behind` are the fewer pictures: those with a doubtful
    tag, those without one that is nearly always there.
    """

    tag: str
    verdict: Verdict
    group: str
    kind: str
    pictures: int
    share: float
    share_primary: float
    weight: float
    imbued_by: str
    reason: str
    remedy: str = ""
    behind: tuple[Behind, ...] = ()


LEAVES_OUT = ("imbue", "leave_out")
"""Verdicts that put a tag on the imbued list."""


def judge_tags(
    book: CaptionBook, preset: Preset, counts: Sequence[TagCount], names: Collection[str] = ()
) -> tuple[TagAdvice, ...]:
    """A verdict on each counted tag of a book, in order; `names` are folded tags that are names of others."""
    groups: dict[str, list[TagCount]] = defaultdict(list)
    for count in counts:
        if trait := trait_of(count.tag):
            groups[trait.group.name].append(count)
    judge = _Judge(book, preset, frozenset(names), book.find_holders(), groups)
    return tuple(judge.judge(count) for count in counts)


@dataclass(frozen=True, slots=True)
class _Judge:
    """What a verdict rests on."""

    book: CaptionBook
    preset: Preset
    names: frozenset[str]
    holders: Mapping[str, Sequence[TaggedPicture]]
    groups: Mapping[str, Sequence[TagCount]]
    """The counted tags of each group, the most frequent first."""

    def judge(self, count: TagCount) -> TagAdvice:
        """The verdict on one tag."""
        key = fold_tag(count.tag)
        trait = trait_of(count.tag)
        group = trait.group if trait else None
        name = group.name if group else ""
        if key in load_list("youth"):
            return self._say(count, group, "keep", "It says something about age, so it stays readable.")
        if count.named:
            return self._say(count, group, "keep", "The prefix says it already.")
        if key in self.names:
            reason = f"It is a name: in the captions it would compete with {self.book.subject.trigger}."
            return self._say(count, group, "leave_out", reason)
        if name in self.preset.leave_out:
            return self._say(count, group, "leave_out", "No picture shows it: it is about the file.")
        if group and name in self.preset.imbue:
            return self._judge_own(count, group)
        if group and name in self.preset.ask and count.share >= STEADY:
            reason = f"{group.title.capitalize()}, in {count.share:.0%} of the pictures: is it part of the subject?"
            remedy = self._remedy(count) if self._most(count) >= FUSED else "keep it: then the prompt decides."
            remedy = f"Imbue it if it belongs to {self.book.subject.name}. Else {remedy}"
            return self._say(count, group, "ask", reason, remedy)
        return self._judge_other(count, group)

    def _judge_own(self, count: TagCount, group: TraitGroup) -> TagAdvice:
        """A tag of the subject itself: steady, doubtful, or one of several that change."""
        trigger, leader = self.book.subject.trigger, self.groups[group.name][0]
        if count.share >= STEADY:
            reason = f"In {count.share:.0%} of the pictures: left out of captions it is learned with {trigger}."
            return self._say(count, group, "imbue", reason)
        rest = f"{count.share:.0%} of the pictures"
        if group.single and leader.share < STEADY:
            reason = f"The {group.title} changes, {len(self.groups[group.name])} are seen: this in {rest}."
            return self._say(count, group, "keep", reason)
        if count.share < UNSTEADY and group.kind == "intrinsic":
            other = f", while {leader.share:.0%} say {leader.tag}" if group.single and leader is not count else ""
            reason = f"Only in {rest}{other}: the tagger is unsure, it is hidden, or these are wrong pictures."
            remedy = "Look at the pictures and remove the tag where it is wrong."
            if count.imbued:
                remedy += " It is on the imbued list: a trait this rare is neither learned nor can it be asked for."
            behind = self._name(self.holders.get(fold_tag(count.tag), ()))
            return self._say(count, group, "inconsistent", reason, remedy, behind)
        return self._say(count, group, "keep", f"In {rest}: too unsteady to imbue into {trigger}.")

    def _judge_other(self, count: TagCount, group: TraitGroup | None) -> TagAdvice:
        """A tag that the prompt should decide about."""
        if group and group.kind == "meta":
            return self._say(count, group, "keep", "Said in the captions, so that it is not learned with the trigger.")
        if self._most(count) < FUSED:
            return self._say(count, group, "keep", "Said in the captions, so that the prompt decides.")
        what = f"it is to follow the prompt ({group.title})" if group else "no list knows it"
        seen = f"In {self._most(count):.0%} of what training sees"
        reason = f"{seen}, but {what}: it will come with the trigger, unasked."
        having = {one.id for one in self.holders.get(fold_tag(count.tag), ())}
        without = self._name(one for one in self.book.pictures if one.id not in having)
        return self._say(count, group, "fused", reason, _start(self._remedy(count, without)), without)

    def _remedy(self, count: TagCount, without: Sequence[Behind] = ()) -> str:
        pictures = len(self.book.pictures)
        samples = sum(one.repeats for one in self.book.pictures if one.role in TRAINED)
        # So many new supporting pictures that the tag is in less than 85 % of the pictures and of what is seen.
        unseen = (count.weight * samples / FUSED - samples) / self.book.subject.supporting_repeats
        missing = max(count.pictures / FUSED - pictures, unseen)
        more = max(1, floor(missing) + 1)
        repeats = f", give the {len(without):,} without it more repeats" if without else ""
        contrast = f"add {more:,} supporting contrast picture{'s' * (more != 1)} without it{repeats}"
        return f"{contrast}, or keep the tag and live with it."

    @staticmethod
    def _most(count: TagCount) -> float:
        return max(count.share, count.weight)

    @staticmethod
    def _name(pictures: Iterable[TaggedPicture]) -> tuple[Behind, ...]:
        return tuple(Behind(one.id, one.name) for one in pictures)

    @staticmethod
    def _say(
        count: TagCount,
        group: TraitGroup | None,
        verdict: Verdict,
        reason: str,
        remedy: str = "",
        behind: tuple[Behind, ...] = (),
    ) -> TagAdvice:
        if count.imbued and verdict not in LEAVES_OUT:
            reason += f" Now '{count.imbued_by}' on the imbued list leaves it out."
        return TagAdvice(
            count.tag,
            verdict,
            group.name if group else "",
            group.kind if group else "",
            count.pictures,
            count.share,
            count.share_primary,
            count.weight,
            count.imbued_by,
            reason,
            remedy,
            behind,
        )


def _start(words: str) -> str:
    return words[:1].upper() + words[1:]
