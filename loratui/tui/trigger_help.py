"""What the forms of a subject say about its trigger while it is typed, and the words they offer instead."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from loratui.errors import LoratuiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loratui.captions.trigger_lint import TriggerLint
    from loratui.tui.app import LoratuiApp

_IDEAS = 8


class TriggerHelp:
    """Judges words for one form, in its threads; what they may clash with is read once, at the first word."""

    def __init__(self, app: LoratuiApp, own_subject_id: int = 0, present: str = "") -> None:
        """`present` is the trigger that the subject has already."""
        self._app = app
        self._own_subject_id = own_subject_id
        self._present = present
        self._opening = threading.Lock()
        self._lint: TriggerLint | None = None

    def judge(self, word: str) -> str:
        """The tokens of a word, and a line for all that speaks against it."""
        from loratui.captions.trigger_lint import clean_token

        if not word.strip() or self._app.bridge.closing.is_set():
            return ""
        try:
            report = self._open().check(word)
        except LoratuiError as error:
            return f"{error.message} {error.hint}"
        parts = [f"read as {' + '.join(map(clean_token, report.tokens))}"] if report.tokens else []
        if not report.warnings:
            parts.append("its trigger now" if report.word == self._present else "free, nothing speaks against it")
        signs = [f"{self._app.glyphs.warn} {warning.message}" for warning in report.warnings]
        return "\n".join(["   ".join(parts)] * bool(parts) + signs)

    def suggest(self, values: Mapping[str, str]) -> list[tuple[str, str]]:
        """Free words that begin like the name in the form, with their tokens."""
        from loratui.captions.trigger_ideas import suggest_triggers
        from loratui.captions.trigger_lint import clean_token

        found = suggest_triggers(self._open(), values.get("name", ""), _IDEAS)
        return [
            (one.word, f"{one.word:10}  {' + '.join(map(clean_token, one.tokens or ()))}".rstrip()) for one in found
        ]

    def _open(self) -> TriggerLint:
        with self._opening:
            if self._lint is None:
                from loratui.captions.trigger_lint import open_lint, read_tagger_tags

                settings = self._app.settings
                self._lint = open_lint(
                    self._app.bridge.open(),
                    settings.lora_folders,
                    read_tagger_tags(self._app.home, settings.tagger),
                    own_subject_id=self._own_subject_id,
                )
            return self._lint
