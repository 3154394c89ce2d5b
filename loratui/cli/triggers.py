"""Verbs about trigger words: whether one is good, and inventing one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, print_json, print_table, print_text, remark
from loratui.cli.session import open_library, read_settings
from loratui.config import find_home
from loratui.errors import ConflictError

if TYPE_CHECKING:
    from loratui.captions.trigger_lint import TriggerLint, TriggerReport
    from loratui.catalog.store import Catalog


def check_trigger(
    word: str,
    *,
    subject: Annotated[str, Parameter(help="The subject it is for: its present trigger doesn't count as taken.")] = "",
    show: Show = PLAIN,
) -> int:
    """Say whether a word makes a good trigger: the tokens it is read as, and what it clashes with.

    It is compared with the triggers and names of other subjects, tags, common words, the vocabulary of the tagger
    set in config.toml, and the trigger words in the LoRA files of `lora_folders`. The exit code is 4 when another
    subject has the word, as it would be for `subject add`; what else speaks against it leaves it at 0.

    Example: `loratui trigger check mirvok`
    """
    with open_library() as catalog:
        report = open_trigger_lint(catalog, subject).check(word)
    code = 0 if report.free else ConflictError.exit_code
    if show.json:
        print_json(_plain(report))
        return code
    print_text(f"{report.word}: {_tell_tokens(report)}")
    if any(token.startswith("<") for token in _list_tokens(report) or ()):
        remark("<..> are the bytes of letters that the text encoder has no tokens for: it hardly knows them.", show)
    for warning in report.warnings:
        print_text(f"{warning.code}: {warning.message} {warning.hint}")
    if not report.warnings:
        print_text("Free, and nothing speaks against it.")
    return code


def suggest_triggers(
    *,
    like: Annotated[str, Parameter(help="A name whose beginning the words take.")] = "",
    count: Annotated[int, Parameter(help="How many words.")] = 5,
    seed: Annotated[int, Parameter(help="Another number gives other words; the same one the same words.")] = 0,
    show: Show = PLAIN,
) -> None:
    """Invent trigger words that are free, can be pronounced, and are two or three tokens that mean nothing yet.

    Every one of them passes `trigger check`.

    Example: `loratui trigger suggest --like Mira`
    """
    from loratui.captions.trigger_ideas import suggest_triggers as suggest

    with open_library() as catalog:
        found = suggest(open_trigger_lint(catalog), like, count, seed)
    if show.json:
        print_json([{"word": one.word, "tokens": _list_tokens(one)} for one in found])
        return
    print_table(["trigger", "tokens"], [[one.word, _tell_tokens(one)] for one in found], empty="No word is left.")
    if found:
        remark(f"next: loratui subject add NAME --trigger {found[0].word}", show)


def open_trigger_lint(catalog: Catalog, subject: str = "") -> TriggerLint:
    """Everything that a trigger of this library may clash with, as the settings say."""
    from loratui.captions.trigger_lint import open_lint, read_tagger_tags
    from loratui.catalog.subjects import get_subject

    settings = read_settings()
    own = get_subject(catalog, subject).id if subject else 0
    tags = read_tagger_tags(find_home(), settings.tagger)
    return open_lint(catalog, settings.lora_folders, tags, own_subject_id=own)


def _plain(report: TriggerReport) -> dict[str, Any]:
    return {
        "word": report.word,
        "tokens": _list_tokens(report),
        "free": report.free,
        "good": report.good,
        "owner": report.owner,
        "warnings": report.warnings,
    }


def _list_tokens(report: TriggerReport) -> list[str] | None:
    from loratui.captions.trigger_lint import clean_token

    return None if report.tokens is None else [clean_token(token) for token in report.tokens]


def _tell_tokens(report: TriggerReport) -> str:
    tokens = _list_tokens(report)
    return "tokens unknown, CLIP's tokenizer is not installed" if tokens is None else " + ".join(tokens)
