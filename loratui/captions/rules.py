"""How a caption is computed from a tagger's scores, a person's edits and the subject's rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from loratui.captions.tags import fold_tag, match_tag, mentions, spell_tag
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from loratui.catalog.rows import Membership, Subject, TagEdit, TagScore

_PLACEHOLDER = re.compile(r"\{(\w*)\}")
_PLACEHOLDERS = ("trigger", "class_word")


@dataclass(frozen=True, slots=True)
class CaptionRules:
    """How captions of one subject are computed; nothing computed is stored, so changing a rule rewrites nothing."""

    prefix: str = "photo of {trigger},"
    """Starts every computed caption; {trigger} and {class_word} are filled in."""
    suffix: str = ""
    imbued: tuple[str, ...] = ()
    """Tags left out so that the trait lands in the trigger word; `*` stands for any text."""
    renames: Mapping[str, str] = field(default_factory=dict)
    always_first: tuple[str, ...] = ()
    """Tags that come first, in this order, where a picture has them."""
    general_threshold: float = 0.35
    """Score from which a general tag is used, 0 to 1."""
    character_threshold: float = 0.85
    underscores_to_spaces: bool = True
    """Applies to a tagger's tags; a person's tags stay as written."""
    keep_tokens: int = 1
    """Comma-separated parts at the start that a trainer's shuffling must not move."""

    def to_dict(self) -> dict[str, Any]:
        """The rules as plain JSON values."""
        plain = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def default_rules(kind: str) -> CaptionRules:
    """The rules of a new subject: a style is named alone, anything else is a photo of its trigger."""
    return CaptionRules(prefix="{trigger},") if kind == "style" else CaptionRules()


def parse_rules(raw: Mapping[str, Any], kind: str) -> CaptionRules:
    """Read stored or typed rules over the defaults of the kind; UsageError names the rule that is wrong."""
    values = default_rules(kind).to_dict()
    if unknown := sorted(set(raw) - set(values)):
        raise UsageError(
            f"There is no caption rule called {unknown[0]!r}.", hint=f"The rules are {', '.join(sorted(values))}."
        )
    values.update(raw)
    for rule in fields(CaptionRules):
        values[rule.name] = _check_rule(rule.name, values[rule.name])
    return CaptionRules(**values)


def fill_in(template: str, subject: Subject) -> str:
    """A prefix or suffix with trigger and class word filled in."""
    return _fill_in(template, subject.trigger, subject.class_word)


@lru_cache(maxsize=256)
def _fill_in(template: str, trigger: str, class_word: str) -> str:
    words = {"trigger": trigger, "class_word": class_word}
    filled = _PLACEHOLDER.sub(lambda match: words[match[1]], template)
    # An empty class word leaves a gap: "photo of mira ,".
    return re.sub(r"\s+,", ",", " ".join(filled.split()))


def compute_caption(
    subject: Subject, membership: Membership, edits: Sequence[TagEdit], scores: Sequence[TagScore], rules: CaptionRules
) -> str:
    """The caption a trainer sees, on one line; for many pictures, keep a Captioner."""
    return Captioner(subject, rules).caption(
        membership.caption or "", *split_edits(edits), list_tags_above_thresholds(scores, rules)
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What rules make of a tag: keys are for comparing, `text` is how it is said."""

    key: str
    shown_key: str
    text: str
    imbued: bool


class _Verdicts(dict[str, _Judged]):
    """Tags and what rules make of them, judged when first asked for."""

    def __init__(self, judge: Callable[[str], _Judged]) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, tag: str) -> _Judged:
        found = self[tag] = self._judge(tag)
        return found


class TagChooser:
    """Chooses the tags that captions are made of; each is judged once, however many pictures show it."""

    def __init__(self, rules: CaptionRules) -> None:
        self.rules = rules
        self._renames = {fold_tag(old): new for old, new in rules.renames.items()}
        self._first = [fold_tag(tag) for tag in rules.always_first]
        self._plain = {fold_tag(pattern): pattern for pattern in reversed(rules.imbued) if "*" not in pattern}
        self._patterns = [pattern for pattern in rules.imbued if "*" in pattern]
        self._own = _Verdicts(self._judge)
        self._scored = _Verdicts(lambda tag: self._judge(spell_tag(tag) if rules.underscores_to_spaces else tag))

    def choose(
        self, added: Iterable[str], removed: Iterable[str], scored: Iterable[str], *, pruned: bool = True
    ) -> dict[str, str]:
        """The tags of a caption in order by their folded form, each once however it is spelled.

        A person's tags come first, in their order, then a tagger's; what the person removed is left out, and what is
        imbued as well unless `pruned` is false.
        """
        gone = {fold_tag(tag) for tag in removed}
        chosen: dict[str, str] = {}
        for tags, verdicts in ((added, self._own), (scored, self._scored)):
            for tag in tags:
                found = verdicts[tag]
                if found.imbued and pruned:
                    continue
                key = found.shown_key
                if key and key not in chosen and not (gone and (found.key in gone or key in gone)):
                    chosen[key] = found.text
        if not any(key in chosen for key in self._first):
            return chosen
        first = {key: chosen.pop(key) for key in self._first if key in chosen}
        return first | chosen

    def keys(self, added: Sequence[str], removed: Sequence[str], scored: Sequence[str]) -> set[str]:
        """The folded form of the tags that `choose` finds unpruned, without their order, many times faster."""
        if removed:
            return set(self.choose(added, removed, scored, pruned=False))
        found = {verdict.shown_key for verdict in map(self._own.__getitem__, added)}
        found.update([verdict.shown_key for verdict in map(self._scored.__getitem__, scored)])
        found.discard("")
        return found

    def spellings(self) -> dict[str, str]:
        """How the tags seen so far are written, by their folded form; a person's spelling wins."""
        seen = (*self._scored.values(), *reversed(self._own.values()))
        return {verdict.shown_key: verdict.text for verdict in seen}

    def imbued_by(self, tag: str) -> str:
        """The entry of the imbued list that leaves a tag out, empty when it is said."""
        key = fold_tag(tag)
        if key in self._plain:
            return self._plain[key]
        return next((pattern for pattern in self._patterns if match_tag(pattern, tag)), "")

    def _judge(self, tag: str) -> _Judged:
        key = fold_tag(tag)
        text = self._renames.get(key, tag)
        return _Judged(key, fold_tag(text), text, bool(self.imbued_by(text)))


class Captioner(TagChooser):
    """Computes the captions of one subject under one set of rules."""

    def __init__(self, subject: Subject, rules: CaptionRules) -> None:
        super().__init__(rules)
        self.prefix = fill_in(rules.prefix, subject)
        self.suffix = fill_in(rules.suffix, subject)
        # What the prefix says already is not said twice, whether it came from a sidecar or a tagger.
        self._named = {fold_tag(part) for part in self.prefix.split(",")}
        if mentions(self.prefix, subject.trigger):
            self._named.add(fold_tag(subject.trigger))

    def caption(self, written: str, added: Iterable[str], removed: Iterable[str], scored: Iterable[str]) -> str:
        """The caption of a picture, on one line.

        One written by a person is used as it is: no rule may lose their words. Else it is the prefix, the tags and
        the suffix.
        """
        if written.strip():
            return " ".join(line.strip() for line in written.splitlines() if line.strip())
        tags = self.choose(added, removed, scored)
        text = _join(self.prefix, ", ".join(tag for key, tag in tags.items() if key not in self._named))
        return _join(text, self.suffix).rstrip(", ")

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
    return {"general": rules.general_threshold, "character": rules.character_threshold}


def list_tags_above_thresholds(scores: Iterable[TagScore], rules: CaptionRules) -> list[str]:
    """A tagger's tags as it spells them, the highest score first."""
    thresholds = thresholds_of(rules)
    passing = [score for score in scores if score.score >= thresholds.get(score.category, 2.0)]
    return [score.tag for score in sorted(passing, key=lambda score: (-score.score, score.tag))]


def _join(left: str, right: str) -> str:
    if not left or not right:
        return left or right
    return f"{left} {right}" if left[-1] in ",.:;!?" else f"{left}, {right}"


def _check_rule(name: str, value: Any) -> Any:
    match name:
        case "prefix" | "suffix":
            if isinstance(value, str) and not any(word not in _PLACEHOLDERS for word in _PLACEHOLDER.findall(value)):
                return value
            raise _wrong(name, value, "Give text; {trigger} and {class_word} may stand in it.")
        case "imbued" | "always_first":
            if isinstance(value, list | tuple) and all(isinstance(tag, str) for tag in value):
                return tuple(tag.strip() for tag in value if tag.strip())
            raise _wrong(name, value, "Give a list of tags.")
        case "renames":
            if isinstance(value, Mapping) and all(isinstance(new, str) for new in value.values()):
                return dict(value)
            raise _wrong(name, value, "Give pairs of an old and a new tag.")
        case "general_threshold" | "character_threshold":
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
                return float(value)
            raise _wrong(name, value, "Give a score between 0 and 1.")
        case "keep_tokens":
            if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
                return value
            raise _wrong(name, value, "Give a whole number from 0 up.")
        case _:
            if isinstance(value, bool):
                return value
            raise _wrong(name, value, "Give true or false.")


def _wrong(name: str, value: Any, hint: str) -> UsageError:
    return UsageError(f"The caption rule {name} can't be {value!r}.", hint=hint)
