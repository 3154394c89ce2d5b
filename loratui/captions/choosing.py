"""Which tags of a picture a caption says, and in what order."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from loratui.captions.overlaps import meta_words, open_implications
from loratui.captions.rule_values import resolve_names
from loratui.captions.tags import fold_tag, match_tag, spell_tag

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from loratui.captions.rules import CaptionRules


class Judged(NamedTuple):
    """What rules make of a tag: keys are for comparing, `text` is how it is said, empty when it is not.

    `implies` are tags that need not be said beside it, folded.
    """

    key: str
    shown_key: str
    text: str
    imbued: bool
    implies: frozenset[str]


TagState = Literal["said", "imbued", "implied", "cut", "removed"]
"""What becomes of a tag: it is said, or left out because it is imbued, because a more specific tag says it, because
the caption would be too long, or because a person took it away."""

_NOTHING: frozenset[str] = frozenset()


class Verdicts(dict[str, Judged]):
    """Tags and what rules make of them, judged when first asked for."""

    def __init__(self, judge: Callable[[str], Judged]) -> None:
        super().__init__()
        self._judge = judge

    def __missing__(self, tag: str) -> Judged:
        found = self[tag] = self._judge(tag)
        return found


class Keys(dict[str, str]):
    """The folded forms alone of judged tags, so that looking them up for many pictures runs in C."""

    def __init__(self, verdicts: Verdicts) -> None:
        super().__init__()
        self._verdicts = verdicts

    def __missing__(self, tag: str) -> str:
        found = self[tag] = self._verdicts[tag].shown_key
        return found


class TagChooser:
    """Chooses the tags that captions are made of; each is judged once, however many pictures show it."""

    def __init__(self, rules: CaptionRules) -> None:
        self.rules = rules
        self._names = resolve_names(rules.aliases, rules.renames)
        self._same = resolve_names(rules.aliases, {})
        self._first = [fold_tag(self.name(tag)) for tag in rules.always_first]
        self._plain = {fold_tag(self.name(entry)): entry for entry in reversed(rules.imbued) if "*" not in entry}
        self._patterns = [pattern for pattern in rules.imbued if "*" in pattern]
        self._implications = open_implications(rules.implications) if rules.drop_overlaps != "no" else None
        self._known: set[str] | None = None
        self._telling: set[str] = set()
        self.own = Verdicts(self._judge)
        self.scored = Verdicts(self._judge_scored)
        self._own_keys, self._scored_keys = Keys(self.own), Keys(self.scored)

    def choose(
        self, added: Iterable[str], removed: Iterable[str], scored: Iterable[str], *, pruned: bool = True
    ) -> dict[str, str]:
        """The tags of a caption in order by their folded form, each once however it is spelled.

        A person's tags come first, in their order, then a tagger's; what the person removed is left out, and unless
        `pruned` is false, what is imbued and what more specific tags say as well.
        """
        gone = self._fold_removed(removed)
        chosen: dict[str, str] = {}
        said: set[str] = set()
        by_hand: tuple[str, ...] = ()
        for tags, verdicts in ((added, self.own), (scored, self.scored)):
            for tag in tags:
                key, shown, text, imbued, implies = verdicts[tag]
                if gone and (key in gone or shown in gone):
                    continue
                # What is imbued is known of the picture, so it still stands for what it implies.
                if implies:
                    said |= implies
                if shown and shown not in chosen and not (imbued and pruned):
                    chosen[shown] = text
            if verdicts is self.own and self.rules.drop_overlaps == "scored":
                by_hand = tuple(chosen)
        if said and pruned:
            for key in said.intersection(chosen).difference(by_hand):
                del chosen[key]
        return self._put_in_order(chosen)

    def _put_in_order(self, chosen: dict[str, str]) -> dict[str, str]:
        if self.rules.order == "alphabetical":
            chosen = dict(sorted(chosen.items()))
        if not any(key in chosen for key in self._first):
            return chosen
        first = {key: chosen.pop(key) for key in self._first if key in chosen}
        return first | chosen

    def _fold_removed(self, removed: Iterable[str]) -> set[str]:
        gone = {fold_tag(tag) for tag in removed}
        return gone.union(fold_tag(self._same[key]) for key in gone if key in self._same) if gone else gone

    @property
    def naming(self) -> tuple[Any, ...]:
        """What decides which tags there are and say each other: the same for two is the same counts."""
        rules = self.rules
        spelled = (self._names, self._same, rules.underscores_to_spaces, rules.meta_tags)
        return (*spelled, rules.drop_overlaps, rules.implications)

    def name(self, tag: str) -> str:
        """A tag as aliases and renames have it."""
        return self._names.get(fold_tag(tag), tag)

    def expect(self, added: Collection[str], scored: Collection[str]) -> None:
        """Judge all tags there will be, those that people added and a tagger's: choosing among them is faster then."""
        spelled = {spell_tag(tag) for tag in scored} if self.rules.underscores_to_spaces else scored
        self._known = {fold_tag(self.name(tag)) for tag in chain(added, spelled)}
        for tags, verdicts in ((added, self.own), (scored, self.scored)):
            verdicts.clear()
            for tag in tags:
                verdicts[tag]
        verdicts_of_all = chain(self.own.items(), self.scored.items())
        self._telling = {tag for tag, verdict in verdicts_of_all if verdict.implies}

    def judges_otherwise(self, other: TagChooser) -> set[str]:
        """The tags of which this makes something else than another one that expected the same."""
        return {
            tag
            for mine, its in ((self.own, other.own), (self.scored, other.scored))
            for tag, verdict in mine.items()
            if its[tag] != verdict
        }

    def keys(self, added: Sequence[str], removed: Sequence[str], scored: Sequence[str]) -> set[str]:
        """The folded form of the tags that `choose` finds unpruned, without their order, many times faster."""
        if removed:
            return set(self.choose(added, removed, scored, pruned=False))
        found = set(map(self._own_keys.__getitem__, added))
        found.update(map(self._scored_keys.__getitem__, scored))
        found.discard("")
        return found

    def find_implied(self, keys: set[str], added: Sequence[str], scored: Sequence[str]) -> set[str]:
        """Which of a picture's tags are left out because more specific ones say them; `keys` are all it has."""
        if self._telling.isdisjoint(added) and self._telling.isdisjoint(scored):
            return set()
        telling = [self.own[tag].implies for tag in added if tag in self._telling]
        telling += [self.scored[tag].implies for tag in scored if tag in self._telling]
        implied = keys.intersection(set().union(*telling))
        if implied and self.rules.drop_overlaps == "scored":
            implied.difference_update([self.own[tag].shown_key for tag in added])
        return implied

    def spellings(self) -> dict[str, str]:
        """How the tags seen so far are written, by their folded form; a person's spelling wins."""
        seen = (*self.scored.values(), *reversed(self.own.values()))
        return {verdict.shown_key: verdict.text for verdict in seen if verdict.shown_key}

    def imbued_by(self, tag: str) -> str:
        """The entry of the imbued list that leaves a tag out, empty when it is said."""
        key = fold_tag(tag)
        if key in self._plain:
            return self._plain[key]
        return next((pattern for pattern in self._patterns if match_tag(pattern, tag)), "")

    def _judge(self, tag: str) -> Judged:
        key = fold_tag(tag)
        text = self._names.get(key, tag)
        shown = fold_tag(text)
        implied = self._implications.implied_by(shown) if self._implications else _NOTHING
        # What no picture shows need not be looked for.
        if implied and self._known is not None:
            implied &= self._known
        return Judged(key, shown, text, bool(self.imbued_by(text)), implied)

    def _judge_scored(self, tag: str) -> Judged:
        if not self.rules.meta_tags and fold_tag(tag) in meta_words():
            return Judged(fold_tag(tag), "", "", False, _NOTHING)
        return self._judge(spell_tag(tag) if self.rules.underscores_to_spaces else tag)
