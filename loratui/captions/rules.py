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
    from collections.abc import Iterable, Sequence

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
    """The caption a trainer sees, on one line.

    A caption written by a person is used as it is: no rule may lose their words. Else it is the prefix, the
    person's tags in their order, then the tagger's by score; minus what the person removed and what is imbued.
    """
    if membership.caption and membership.caption.strip():
        return " ".join(line.strip() for line in membership.caption.splitlines() if line.strip())
    prefix = fill_in(rules.prefix, subject)
    tags = choose_tags(edits, scores, rules)
    # What the prefix says already is not said twice, whether it came from a sidecar or a tagger.
    named = {fold_tag(part) for part in prefix.split(",")}
    if mentions(prefix, subject.trigger):
        named.add(fold_tag(subject.trigger))
    text = _join(prefix, ", ".join(tag for tag in tags if fold_tag(tag) not in named))
    return _join(text, fill_in(rules.suffix, subject)).rstrip(", ")


def choose_tags(edits: Sequence[TagEdit], scores: Sequence[TagScore], rules: CaptionRules) -> list[str]:
    """The tags of a caption in order, each once however it is spelled."""
    removed = {fold_tag(edit.tag) for edit in edits if not edit.present}
    written = [edit.tag for edit in sorted(edits, key=lambda edit: edit.position) if edit.present]
    renames = {fold_tag(old): new for old, new in rules.renames.items()}
    chosen: dict[str, str] = {}
    for tag in (*written, *_tags_above_thresholds(scores, rules)):
        if fold_tag(tag) in removed:
            continue
        renamed = renames.get(fold_tag(tag), tag)
        key = fold_tag(renamed)
        if key and key not in removed and not is_imbued(renamed, rules):
            chosen.setdefault(key, renamed)
    first = [chosen.pop(fold_tag(tag)) for tag in rules.always_first if fold_tag(tag) in chosen]
    return [*first, *chosen.values()]


def is_imbued(tag: str, rules: CaptionRules) -> bool:
    """Tell whether the rules leave a tag out of the captions."""
    return any(match_tag(pattern, tag) for pattern in rules.imbued)


def _tags_above_thresholds(scores: Iterable[TagScore], rules: CaptionRules) -> list[str]:
    thresholds = {"general": rules.general_threshold, "character": rules.character_threshold}
    # A category without a threshold, such as rating, says nothing about what is seen.
    passing = [score for score in scores if score.score >= thresholds.get(score.category, 2.0)]
    passing.sort(key=lambda score: (-score.score, score.tag))
    return [spell_tag(score.tag) if rules.underscores_to_spaces else score.tag for score in passing]


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
