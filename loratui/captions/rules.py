"""How a caption is computed from a tagger's scores, a person's edits and the subject's rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from loratui.captions.choosing import TagChooser, TagState
from loratui.captions.rule_values import PLACEHOLDER, check_rule, resolve_names
from loratui.captions.tags import fold_tag, mentions
from loratui.captions.tokens import TagCounter, open_tag_counter
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from loratui.captions.rule_values import Order, Overlaps, Say
    from loratui.catalog.rows import Subject, TagEdit, TagScore


@dataclass(frozen=True, slots=True)
class CaptionRules:
    """How captions of one subject are computed; nothing computed is stored, so changing a rule rewrites nothing."""

    prefix: str = "photo of {trigger},"
    """Starts every computed caption; {trigger} and {class_word} are filled in."""
    suffix: str = ""
    say: Say = "tags"
    """Tags, or a captioner's sentence where a picture has one, or the sentence and then the tags."""
    imbued: tuple[str, ...] = ()
    """Tags left out so that the trait lands in the trigger word; `*` stands for any text."""
    renames: Mapping[str, str] = field(default_factory=dict)
    """What is said in place of a tag."""
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A tag and other spellings of it: they are that tag wherever a rule or a person names one."""
    implications: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A tag and those that say it too, beside the ones that are known anyway (see overlaps.py)."""
    drop_overlaps: Overlaps = "scored"
    """Whose tags go where a more specific one says them too: a tagger's, all, or no one's."""
    always_first: tuple[str, ...] = ()
    """Tags that come first, in this order, where a picture has them."""
    order: Order = "score"
    """A person's tags as they wrote them and then a tagger's, the surest first; or all in alphabetic order."""
    max_tokens: int = 75
    """CLIP's tokens beyond which a tagger's least sure tags are left out; 0 for no limit."""
    categories: tuple[str, ...] = ("general",)
    """Whose of a tagger's tags are used: names of characters and artists would take from the trigger word."""
    meta_tags: bool = False
    """Whether a tagger's words about rating, quality and the file are said."""
    general_threshold: float = 0.35
    """Score from which a tag is used, 0 to 1."""
    character_threshold: float = 0.85
    underscores_to_spaces: bool = True
    """Applies to a tagger's tags; a person's tags stay as written."""
    keep_tokens: int = 1
    """Comma-separated parts at the start that a trainer's shuffling must not move."""

    def to_dict(self) -> dict[str, Any]:
        """The rules as plain JSON values."""
        return {rule.name: _to_plain(getattr(self, rule.name)) for rule in fields(self)}


def _to_plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return {key: _to_plain(each) for key, each in value.items()} if isinstance(value, Mapping) else value


def default_rules(kind: str) -> CaptionRules:
    """The rules of a new subject: a style is named alone, anything else is a photo of its trigger."""
    return CaptionRules(prefix="{trigger},") if kind == "style" else CaptionRules()


def parse_rules(raw: Mapping[str, Any], kind: str) -> CaptionRules:
    """Read stored or typed rules over the defaults of the kind; UsageError names the rule that is wrong."""
    check_names(raw)
    values = {**default_rules(kind).to_dict(), **raw}
    for rule in fields(CaptionRules):
        values[rule.name] = check_rule(rule.name, values[rule.name])
    resolve_names(values["aliases"], values["renames"])
    return CaptionRules(**values)


def check_names(names: Iterable[str]) -> None:
    """Raise UsageError for a name that no rule has."""
    known = sorted(rule.name for rule in fields(CaptionRules))
    if unknown := sorted(set(names).difference(known)):
        raise UsageError(f"There is no caption rule called {unknown[0]!r}.", hint=f"The rules are {', '.join(known)}.")


def fill_in(template: str, subject: Subject) -> str:
    """A prefix or suffix with trigger and class word filled in."""
    return _fill_in(template, subject.trigger, subject.class_word)


@lru_cache(maxsize=256)
def _fill_in(template: str, trigger: str, class_word: str) -> str:
    words = {"trigger": trigger, "class_word": class_word}
    filled = PLACEHOLDER.sub(lambda match: words[match[1]], template)
    # An empty class word leaves a gap: "photo of mira ,".
    return re.sub(r"\s+,", ",", " ".join(filled.split()))


_STOPS = ",.:;!?"
"""What needs no comma behind it."""


class Captioner(TagChooser):
    """Computes the captions of one subject under one set of rules."""

    def __init__(self, subject: Subject, rules: CaptionRules) -> None:
        super().__init__(rules)
        self.subject = subject
        self.prefix = fill_in(rules.prefix, subject)
        self.suffix = fill_in(rules.suffix, subject)
        # What the prefix says already is not said twice, whether it came from a sidecar or a tagger.
        self._named = {fold_tag(part) for part in self.prefix.split(",")}
        if mentions(self.prefix, subject.trigger):
            self._named.add(fold_tag(subject.trigger))
        self._named.discard("")
        self._limit = rules.max_tokens
        self._takes = open_tag_counter() if rules.max_tokens else None
        if self._takes is not None:
            self._around = self._count_around(self._takes)

    def caption(
        self,
        written: str,
        added: Iterable[str],
        removed: Iterable[str],
        scored: Iterable[str],
        sentence: str = "",
    ) -> str:
        """The caption of a picture, on one line.

        One written by a person is used as it is: no rule may lose their words. Else it is the prefix, a captioner's
        sentence or the tags or both, and the suffix. A sentence that says the trigger needs no prefix.
        """
        if written.strip():
            return " ".join(line.strip() for line in written.splitlines() if line.strip())
        if sentence and self.rules.say == "sentence":
            return _join(self._lead(sentence), self.suffix).rstrip(", ")
        if sentence and self.rules.say == "both":
            return self._with(self._lead(sentence)).caption("", added, removed, scored)
        return self.write_around(self.say_tags(added, removed, scored), added, scored)

    def say_tags(self, added: Iterable[str], removed: Iterable[str], scored: Iterable[str]) -> tuple[str, ...]:
        """The tags of a computed caption in order, however many they are."""
        tags = self.choose(added, removed, scored)
        if self._named.isdisjoint(tags):
            return tuple(tags.values())
        return tuple(tag for key, tag in tags.items() if key not in self._named)

    def write_around(self, tags: Sequence[str], added: Iterable[str], scored: Iterable[str]) -> str:
        """A computed caption from its tags as `say_tags` gives them, cut where it is too long."""
        return self._write(self.cut(tags, added, scored))

    def cut(self, tags: Sequence[str], added: Iterable[str], scored: Iterable[str]) -> Sequence[str]:
        """Leave out the least sure of a tagger's tags; what a person says, in tags or in rules, stays."""
        if self._takes is None or (excess := self._count(tags, self._takes) - self._limit) <= 0:
            return tags
        stays = {self.own[tag].text for tag in added}
        if self._first:
            stays.update(tag for tag in tags if fold_tag(tag) in self._first)
        weakest = reversed(tags) if self.rules.order == "score" else self._list_weakest(scored, tags)
        gone: set[str] = set()
        left = tags
        for tag in weakest:
            if tag not in stays:
                gone.add(tag)
                excess -= self._takes[tag]
                # The last tag may do without a comma.
                if excess <= 1:
                    left = [tag for tag in tags if tag not in gone]
                    if self._count(left, self._takes) <= self._limit:
                        return left
        return [tag for tag in tags if tag not in gone]

    def _list_weakest(self, scored: Iterable[str], tags: Sequence[str]) -> Iterable[str]:
        said = set(tags)
        return (text for tag in reversed(tuple(scored)) if (text := self.scored[tag].text) in said)

    def explain(
        self, added: Sequence[str], removed: Sequence[str], scored: Sequence[str], sentence: str = ""
    ) -> dict[str, tuple[str, TagState]]:
        """Every tag of a picture by its folded form, how it is written, and what becomes of it in the caption."""
        lead = self._with(self._lead(sentence)) if sentence and self.rules.say == "both" else self
        said = {fold_tag(tag) for tag in lead.cut(lead.say_tags(added, removed, scored), added, scored)}
        chosen = self.choose(added, removed, scored)
        return {
            key: (
                tag,
                "said"
                if key in said or key in self._named
                else "imbued"
                if self.imbued_by(tag)
                else "cut"
                if key in chosen
                else "implied",
            )
            for key, tag in self.choose(added, removed, scored, pruned=False).items()
        }

    def _lead(self, sentence: str) -> str:
        """A sentence with the prefix before it, unless the trigger would be said twice."""
        return sentence if mentions(sentence, self.subject.trigger) else _join(self.prefix, sentence)

    def _with(self, prefix: str) -> Captioner:
        """The same captioner with other words before the tags, which say no tag by themselves."""
        other = copy(self)
        other.prefix = prefix
        if self._takes is not None:
            other._around = other._count_around(self._takes)
        return other

    def _write(self, tags: Iterable[str]) -> str:
        return _join(_join(self.prefix, ", ".join(tags)), self.suffix).rstrip(", ")

    def _count_around(self, takes: TagCounter) -> int:
        """The tokens of prefix and suffix, with the comma that the prefix gets."""
        lead = f"{self.prefix}," if self.prefix and self.prefix[-1] not in _STOPS else self.prefix
        return takes.count(lead) + takes.count(self.suffix)

    def _count(self, tags: Sequence[str], takes: TagCounter) -> int:
        """The tokens of a caption, added up from its tags: none reaches over a space."""
        if not tags:
            return takes.count(self._write(tags))
        last, ends = tags[-1], self.suffix and tags[-1][-1] not in _STOPS
        around = self._around + (0 if ends else takes.count(last) - takes[last])
        return around + sum(map(takes.__getitem__, tags))

    def says_alike(self, other: Captioner) -> bool:
        """Tell whether two say the same tags of a picture as long as they judge them alike."""
        return self._choosing() == other._choosing()

    def ends_alike(self, other: Captioner) -> bool:
        """Tell whether two write the same around tags, and cut captions at the same length."""
        mine, its = ((one.prefix, one.suffix, one.rules.max_tokens, one.rules.say) for one in (self, other))
        return mine == its

    def _choosing(self) -> tuple[Any, ...]:
        named = self._named if self._known is None else self._named & self._known
        return (named, self._first, self._same, self.rules.order, self.rules.drop_overlaps)

    def is_named(self, tag: str) -> bool:
        """Tell whether the prefix says a tag already."""
        return fold_tag(tag) in self._named


def choose_tags(edits: Iterable[TagEdit], scores: Iterable[TagScore], rules: CaptionRules) -> list[str]:
    """The tags of one picture's caption in order; for many pictures, keep a TagChooser."""
    chosen = TagChooser(rules).choose(*split_edits(edits), list_tags_above_thresholds(scores, rules))
    return list(chosen.values())


def split_edits(edits: Iterable[TagEdit]) -> tuple[list[str], list[str]]:
    """The tags that a person added, in order, and those that they removed."""
    ordered = sorted(edits, key=lambda edit: edit.position)
    return [edit.tag for edit in ordered if edit.present], [edit.tag for edit in ordered if not edit.present]


def thresholds_of(rules: CaptionRules) -> dict[str, float]:
    """Scores from which tags are used, by category; one without a threshold, such as rating, says nothing seen."""
    own = {"character": rules.character_threshold}
    return {name: own.get(name, rules.general_threshold) for name in rules.categories}


def list_tags_above_thresholds(scores: Iterable[TagScore], rules: CaptionRules) -> list[str]:
    """A tagger's tags as it spells them, the highest score first."""
    thresholds = thresholds_of(rules)
    passing = [score for score in scores if score.score >= thresholds.get(score.category, 2.0)]
    return [score.tag for score in sorted(passing, key=lambda score: (-score.score, score.tag))]


def _join(left: str, right: str) -> str:
    if not left or not right:
        return left or right
    return f"{left} {right}" if left[-1] in _STOPS else f"{left}, {right}"
