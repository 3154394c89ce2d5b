"""Imbuing tags and changing what captions begin with: every picture of the subject is shown at once as it will be."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from loratui.tui.asking import ask_library
from loratui.tui.dialogs import Field, Pick
from loratui.tui.tag_scope import TagCuration
from loratui.tui.text import count
from loratui.tui.undoing import watch_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loratui.captions.counts import TagCount
    from loratui.captions.rules import CaptionRules
    from loratui.catalog.store import Catalog
    from loratui.catalog.tagged import TaggedPicture
    from loratui.tui.asking import Values
    from loratui.tui.tag_lines import TagView
    from loratui.tui.undoing import Done


class RuleChanging(TagCuration):
    """The changes of rules that the tags screen makes."""

    @property
    @abstractmethod
    def examples(self) -> Sequence[TaggedPicture]:
        """Pictures that have the tag under the cursor."""

    @abstractmethod
    def show_view(self, view: TagView) -> None:
        """Show something else than what was read last."""

    def do_tag_imbue(self) -> None:
        tag = self.tag
        if tag is None:
            return
        if not tag.imbued:
            self._imbue(tag)
        elif others := self._imbued_with(tag):
            self._ask_which(tag, others)
        else:
            self._keep(tag)

    def _imbue(self, tag: TagCount) -> None:
        from loratui.captions.counts import imbue_tag

        self._foresee_rule(tag, tag.tag)
        sentence = f"{tag.tag} is imbued: left out of {count(self._changing(tag), 'caption')}."
        self._change_imbued(lambda rules: imbue_tag(rules, tag.tag), sentence, [f"--imbue={tag.tag}"])

    def _keep(self, tag: TagCount, others: Sequence[str] = ()) -> None:
        from loratui.captions.counts import keep_tag
        from loratui.captions.tags import match_tag

        entries = [entry for entry in self.view.book.rules.imbued if match_tag(entry, tag.tag)]
        options = [*(f"--keep={entry}" for entry in entries), *(f"--imbue={other}" for other in others)]
        sentence = f"{tag.tag} is said again in {count(self._changing(tag), 'caption')}."
        self._foresee_rule(tag, "")
        self._change_imbued(lambda rules: keep_tag(rules, tag.tag, others), sentence, options)

    def _imbued_with(self, tag: TagCount) -> list[str]:
        """Other tags that would be said again with this one, because an entry with a * leaves out all of them."""
        from loratui.captions.choosing import TagChooser
        from loratui.captions.counts import keep_tag
        from loratui.captions.tags import fold_tag

        rules = self.view.book.rules
        before, after = TagChooser(rules), TagChooser(replace(rules, imbued=tuple(keep_tag(rules, tag.tag))))
        others = [other for other in self.view.holders if other != fold_tag(tag.tag) and before.imbued_by(other)]
        return sorted(other for other in others if not after.imbued_by(other))

    def _ask_which(self, tag: TagCount, others: Sequence[str]) -> None:
        from loratui.captions.tags import match_tag

        entries = (entry for entry in self.view.book.rules.imbued if "*" in entry and match_tag(entry, tag.tag))
        pattern = next(entries, tag.imbued_by)
        title = f"'{pattern}' imbues {tag.tag} and {count(len(others), 'other tag')}"
        choices = [
            ("one", f"say only {tag.tag} again, go on leaving out the others"),
            ("all", f"say all of them again: {', '.join([tag.tag, *others])}"),
        ]

        def chosen(which: str | None) -> None:
            if which is not None:
                self._keep(tag, others if which == "one" else ())

        self.app.push_screen(Pick(title, choices), chosen)

    def _changing(self, tag: TagCount) -> int:
        return 0 if tag.named else sum(1 for one in self.examples if not one.caption)

    def _foresee_rule(self, tag: TagCount, imbued_by: str) -> None:
        from loratui.captions.counts import imbue_tag, keep_tag

        book = self.view.book
        imbued = imbue_tag(book.rules, tag.tag) if imbued_by else keep_tag(book.rules, tag.tag)
        tags = tuple(replace(one, imbued_by=imbued_by) if one.tag == tag.tag else one for one in self.view.tags)
        self.show_view(replace(self.view, book=book.with_rules({"imbued": imbued}), tags=tags))

    def _change_imbued(
        self, change: Callable[[CaptionRules], list[str]], sentence: str, options: Sequence[str]
    ) -> None:
        def work(catalog: Catalog) -> str:
            from loratui.captions.service import change_rules

            change_rules(catalog, self.subject, lambda rules: {"imbued": change(rules)})
            return sentence

        self.change(work, str, ["rules", "set", self.subject, *options], failed=self.reread)

    def do_tag_prefix(self) -> None:
        rules = self.view.book.rules
        hint = "{trigger} and {class_word} are filled in"
        fields = [
            Field("prefix", "prefix", rules.prefix, hint, check=self._checker("prefix")),
            Field("suffix", "suffix", rules.suffix, check=self._checker("suffix")),
        ]
        self._ask_rules("What captions begin and end with", fields)

    def do_tag_rules(self) -> None:
        rules = self.view.book.rules
        which = "left and right choose"
        fields = [
            Field("say", "Say", rules.say, f"{which}; a sentence only where a model wrote one", _choices("say")),
            Field("order", "Order of tags", rules.order, "score: a person's, then the surest first", _choices("order")),
            Field(
                "drop_overlaps",
                "Drop tags that others say too",
                rules.drop_overlaps,
                "of a tagger's tags, of all, or no",
                _choices("drop_overlaps"),
            ),
            Field(
                "max_tokens",
                "Most tokens",
                str(rules.max_tokens),
                "beyond them a tagger's least sure tags go; 0: no limit",
                check=self._checker("max_tokens"),
            ),
            Field(
                "general_threshold",
                "Use a tagger's tags from",
                f"{rules.general_threshold:g}",
                "a score of 0 to 1",
                check=self._checker("general_threshold"),
            ),
        ]
        self._ask_rules("How captions are computed", fields)

    def _checker(self, name: str) -> Callable[[str], str]:
        """What is wrong with a typed rule, by the rule's own check."""
        kind = self.view.book.subject.kind

        def check(text: str) -> str:
            from loratui.captions.rules import parse_rules
            from loratui.errors import UsageError

            try:
                parse_rules({name: _read_rule(name, text)}, kind)
            except UsageError as error:
                return error.hint
            return ""

        return check

    def _ask_rules(self, title: str, fields: Sequence[Field]) -> None:
        """Ask for rules and store them; the form stays with what was typed until they are taken."""
        rules = self.view.book.rules

        def find_changes(values: Values) -> dict[str, str | int | float]:
            typed = {name: _read_rule(name, text) for name, text in values.items()}
            return {name: value for name, value in typed.items() if value != getattr(rules, name)}

        def work(catalog: Catalog, values: Values) -> Done[int]:
            from loratui.captions.counts import preview_rules
            from loratui.captions.service import change_rules

            changes = find_changes(values)

            def change(catalog: Catalog) -> int:
                changed = preview_rules(catalog, self.subject, changes, limit=0).changed
                change_rules(catalog, self.subject, changes)
                return changed

            return watch_journal(change)(catalog)

        def done(values: Values, changed: Done[int]) -> None:
            changes = find_changes(values)
            if not changes:
                self.lora.tell("Nothing was changed.")
                return
            options = [f"--{name.replace('_', '-')}={value}" for name, value in changes.items()]
            self.lora.ran(["rules", "set", self.subject, *options])
            said = " and ".join(name.replace("_", " ") for name in changes).capitalize()
            told = f"{said} changed: {count(changed.result, 'caption')} read otherwise now."
            self.lora.tell(changed.say(told, self.key("app.undo")))

        ask_library(self.lora, title, fields, work, done)

    def do_tag_import_rules(self) -> None:
        from loratui.tui.rule_files import ask_rules

        ask_rules(self.lora, self.subject)

    def do_tag_export_rules(self) -> None:
        from loratui.tui.rule_files import ask_rules_file

        ask_rules_file(self.lora, self.subject)


def _read_rule(name: str, text: str) -> str | int | float:
    """The value of a rule as it was typed; what is no number stays text, which the rule's check refuses."""
    try:
        return int(text) if name == "max_tokens" else float(text) if name == "general_threshold" else text
    except ValueError:
        return text


def _choices(name: str) -> tuple[str, ...]:
    from loratui.captions.rule_values import Order, Overlaps, Say

    return get_args({"say": Say, "order": Order, "drop_overlaps": Overlaps}[name])
