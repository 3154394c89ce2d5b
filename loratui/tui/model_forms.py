"""Forms that have a model look at pictures: a tagger scores tags, a captioner writes sentences."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from loratui.errors import Cancelled, LoratuiError, UsageError
from loratui.tui.asking import Job, ask_for_job, name_key
from loratui.tui.base import subject_of
from loratui.tui.dialogs import Field
from loratui.tui.paths import complete_folder
from loratui.tui.remembered import read_tagger, write_tagger
from loratui.tui.reports import offer_report
from loratui.tui.tag_lines import ALL, FILTERED, MARKED
from loratui.tui.text import count

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from loratui.captions.captioner import Captioner
    from loratui.captions.describing import DescribeResult
    from loratui.captions.tagging import TaggingResult
    from loratui.catalog.store import Catalog
    from loratui.events import Progress, Report
    from loratui.tui.app import LoratuiApp
    from loratui.tui.asking import Values
    from loratui.tui.bridge import Task
    from loratui.tui.reports import Asked

_ONWARDS, _AGAIN = "only those it has not seen", "all again"
_REST = "the rest of all again, which was stopped"
_HOME, _ANYWHERE = "only to this machine and its network", "to any address"
_STARTED = "It runs beside everything else: {key} shows how far it is, and stops it."
_TAGGER_HINT = "folder, OWNER/NAME, or cast for the one that ships"
_CAST_ONLY = (
    "It knows the drawn cast only: for other pictures {tag} names another tagger, SmilingWolf/wd-vit-tagger-v3."
)
_PASSED_OVER = "{key} passes over taggings: scores are kept, another tagger takes their place."
_OPTIONS = (
    (re.compile(r"`loratui tag [^`]*--tagger ([^`]*)`"), r"W with \1 as Tagger"),
    (re.compile(r": --tagger FOLDER"), " as Tagger"),
    (re.compile(r"with --tagger\b"), "in the line Tagger"),
    (re.compile(r"--tagger\b"), "Tagger"),
    (re.compile(r"with --endpoint\b"), "in the line Server"),
    (re.compile(r"with --model\b"), "in the line Model"),
    (re.compile(r"with --upload\b"), "in the line Send pictures"),
    (re.compile(r"--endpoint\b"), "Server"),
    (re.compile(r"--model\b"), "Model"),
)
"""Options of the command line, and what the form has in their place."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The pictures that a model is to look at: those of a query, or by their ids when some are marked."""

    query: str = ""
    ids: tuple[int, ...] = ()

    def select(self, catalog: Catalog, subject: str) -> list[int]:
        """Their ids, in the order of the library; called in a thread."""
        from loratui.catalog.dedupe import duplicates_of_subject
        from loratui.catalog.query import select_ids

        if self.ids:
            return list(self.ids)
        return list(
            select_ids(catalog, subject, self.query, duplicates=lambda: duplicates_of_subject(catalog, subject))
        )

    def name(self, catalog: Catalog, subject: str) -> list[str]:
        """The words that choose them in a command line; called in a thread."""
        from loratui.tui.naming import name_pictures

        named = name_pictures(catalog, subject, self.ids, None, len(self.ids)) if self.ids else self.query
        return [named] if named else []


@dataclass(frozen=True, slots=True)
class _Renewal:
    """Whether a model does again what it has done, and from when on: what is stopped is gone on with by that."""

    app: LoratuiApp
    job: str
    subject: str
    before: datetime | None = None
    is_rest: bool = False

    @property
    def options(self) -> list[str]:
        """The words for it in a command line."""
        from loratui.catalog.locks import write_before

        if self.before is None:
            return []
        return [write_before(self.before)] if self.is_rest else ["--again"]

    @contextmanager
    def begun(self, report: Report, action: str) -> Iterator[Report]:
        """The work itself, in a thread; from its first picture on there is something to go on with by `action`."""
        has_begun = False

        def heard(progress: Progress) -> None:
            nonlocal has_begun
            has_begun = has_begun or progress.done > 0
            report(progress)

        try:
            yield heard
        except LoratuiError as error:
            if self.before is not None and (has_begun or self.is_rest):
                self.app.stopped[self.job, self.subject] = self.before
            if isinstance(error, Cancelled) and has_begun:
                error.message = f"{error.message} {name_key(self.app, action)} goes on with the rest."
            raise
        if self.before is not None:
            self.app.stopped.pop((self.job, self.subject), None)


def _look_for_stopped(app: LoratuiApp, subject: str, job: str, then: Callable[[datetime | None], None]) -> None:
    """Find out when all was begun to be done again, if that was stopped, or killed with its program, before its end."""

    def work(catalog: Catalog) -> datetime | None:
        from loratui.catalog.locks import find_cut_off
        from loratui.catalog.subjects import get_subject

        cut_off = [one.before for one in find_cut_off(catalog, get_subject(catalog, subject), job)]
        return app.stopped.get((job, subject)) or max(cut_off, default=None)

    if app.top is not None:
        app.top.read(work, then, "stopped", opens=True)


def _field_of_extent(label: str, typed: str, stopped: datetime | None) -> Field:
    choices = (_REST,) * (stopped is not None) + (_ONWARDS, _AGAIN)
    value = _REST if stopped is not None else typed if typed in choices else ""
    return Field("again", label, value, "left and right choose", choices=choices)


def _read_renewal(
    app: LoratuiApp, job: str, subject: str, values: Mapping[str, str], stopped: datetime | None
) -> _Renewal:
    if values["again"] == _AGAIN:
        return _Renewal(app, job, subject, datetime.now(UTC))
    is_rest = values["again"] == _REST
    return _Renewal(app, job, subject, stopped if is_rest else None, is_rest)


def of_wall(app: LoratuiApp, subject: str) -> tuple[str, tuple[int, ...]]:
    """What is filtered and marked on the wall of this subject, if it is open."""
    for screen in app.screen_stack:
        if getattr(screen, "scope", "") == "pictures" and subject_of(screen) == subject:
            return app.wall_query, app.wall_marks
    return "", ()


def ask_tagging(app: LoratuiApp, subject: str) -> None:
    """Ask for a tagger, and have it score pictures of a subject beside everything else."""
    _look_for_stopped(app, subject, "tag", lambda stopped: _ask_tagging(app, subject, stopped))


def _ask_tagging(app: LoratuiApp, subject: str, stopped: datetime | None) -> None:
    typed = {"tagger": read_tagger(app.home) or app.settings.tagger, **app.typed.get("tagging", {})}
    fields = [
        _field_of_pictures(app, subject),
        Field("tagger", "Tagger", typed["tagger"], _TAGGER_HINT, complete=complete_folder, judge=_judge_tagger),
        _field_of_extent("Score", typed.get("again", ""), stopped),
    ]

    def prepare(values: Values) -> Job[tuple[TaggingResult, list[str]]]:
        chosen, wanted = _read_chosen(app, subject, values), values["tagger"].strip()
        renewal = _read_renewal(app, "tag", subject, values, stopped)

        def work(catalog: Catalog, report: Report, cancel: threading.Event) -> tuple[TaggingResult, list[str]]:
            from loratui.captions.hub import choose_tagger, find_hub
            from loratui.captions.tagging import tag_pictures

            try:
                if not wanted:
                    _refuse_silence(catalog, subject)
                named = chosen.name(catalog, subject)
                found = choose_tagger(app.home, wanted, find_hub(), report=report, cancel=cancel)
                ids = chosen.select(catalog, subject)
                with renewal.begun(report, "subject.tag") as heard:
                    result = tag_pictures(
                        catalog,
                        subject,
                        ids,
                        found.folder,
                        report=heard,
                        cancel=cancel,
                        before=renewal.before,
                        by_default=not wanted,
                    )
            except LoratuiError as error:
                error.message, error.hint = _name_lines(error.message), _name_lines(error.hint)
                raise
            if not found.is_cast:
                write_tagger(app.home, wanted)
            return result, named

        def done(result: tuple[TaggingResult, list[str]], task: Task, asked: Asked) -> str:
            found, named = result
            app.ran(["tag", subject, *named, *["--tagger", wanted] * bool(wanted), *renewal.options])
            sentence = _sum_up_tagging(found)
            refused = [(one.name, one.reason) for one in found.refused]
            remarks = [*[found.warning] * bool(found.warning), *_remark_on(app, found)]
            if refused:
                _list_refused(app, task, asked, sentence, refused, remarks)
            else:
                app.tell(" ".join([sentence, *remarks]), warning=bool(found.warning))
            return " ".join([sentence, *_remark_on(app, found)])

        return Job(f"tag {subject}", work, done, _STARTED.format(key=name_key(app, "app.tasks")))

    note = "All scores are kept; thresholds and the other rules act on them later. It goes on where it was stopped."
    title = f"Have a model tag pictures of {subject}"
    ask_for_job(app, "tagging", "subject.tag", title, fields, prepare, note=note, at="tagger")


def _refuse_silence(catalog: Catalog, subject: str) -> None:
    """Raise UsageError where no tagger was named, unless the one that ships has tagged the subject before."""
    from loratui.captions.hub import CAST
    from loratui.catalog.scores import count_counting

    if not any(tagger.partition("@")[0] == CAST for tagger in count_counting(catalog, subject)):
        raise UsageError(
            "The line Tagger is empty.",
            hint=f"Name a folder or a model like SmilingWolf/wd-vit-tagger-v3; {CAST} for the one that ships.",
        )


def _name_lines(sentence: str) -> str:
    """The sentence with lines of the form where it names options of the command line."""
    for option, line in _OPTIONS:
        sentence = option.sub(line, sentence)
    return sentence


def _remark_on(app: LoratuiApp, found: TaggingResult) -> list[str]:
    """What is to be known of a tagging: for whom its tagger is, and that it is not undone."""
    from loratui.captions.hub import CAST

    is_cast = found.tagger.partition("@")[0] == CAST
    passed = _PASSED_OVER.format(key=name_key(app, "app.undo"))
    cast = _CAST_ONLY.format(tag=name_key(app, "subject.tag"))
    return [*[cast] * (is_cast and found.tagged > 0), *[passed] * (found.tagged > 0)]


def _judge_tagger(text: str) -> str:
    from loratui.captions.hub import CAST

    if not text.strip():
        return f"Name one, such as SmilingWolf/wd-vit-tagger-v3; {CAST} is the one that ships, for the drawn cast only"
    if text.strip() != CAST:
        return ""
    return "The tagger that ships knows the drawn cast only; for other pictures name one: SmilingWolf/wd-vit-tagger-v3"


def _sum_up_tagging(found: TaggingResult) -> str:
    parts = [f"{count(found.tagged, 'picture')} tagged by {found.tagger.partition('@')[0]}"]
    parts += [f"{found.skipped:,} had been before"] * bool(found.skipped)
    parts += [f"{len(found.refused):,} could not be read"] * bool(found.refused)
    return f"{', '.join(parts)}."


def ask_sentences(app: LoratuiApp, subject: str) -> None:
    """Ask for a server with a model that sees, and have it write a sentence about each picture."""
    _look_for_stopped(app, subject, "describe", lambda stopped: _ask_sentences(app, subject, stopped))


def _ask_sentences(app: LoratuiApp, subject: str, stopped: datetime | None) -> None:
    usual = app.settings.captioner
    typed = {"endpoint": usual.endpoint, "model": usual.model, "question": usual.question}
    typed |= app.typed.get("sentences", {})
    upload = typed.get("upload", _ANYWHERE if usual.upload else _HOME)
    hint = "{who}, {imbued}, {tags} are filled in; may be empty"
    fields = [
        _field_of_pictures(app, subject),
        Field("endpoint", "Server", typed["endpoint"], "one that speaks OpenAI's chat API: Ollama, vLLM, LM Studio"),
        Field("model", "Model", typed["model"], "its name there; not needed when only one is served"),
        Field("question", "Question", typed["question"], hint),
        _field_of_extent("Ask about", typed.get("again", ""), stopped),
        Field("upload", "Send pictures", upload, "left and right choose", choices=(_HOME, _ANYWHERE)),
    ]

    def prepare(values: Values) -> Job[tuple[DescribeResult, list[str]]]:
        chosen, question = _read_chosen(app, subject, values), values["question"]
        renewal = _read_renewal(app, "describe", subject, values, stopped)

        def work(catalog: Catalog, report: Report, cancel: threading.Event) -> tuple[DescribeResult, list[str]]:
            from loratui.captions.describing import describe_pictures

            named = chosen.name(catalog, subject)
            try:
                with renewal.begun(report, "subject.describe") as heard:
                    result = describe_pictures(
                        catalog,
                        subject,
                        chosen.ids or chosen.query,
                        _open_captioner(app, values),
                        question=question,
                        before=renewal.before,
                        parallel=usual.parallel,
                        report=heard,
                        cancel=cancel,
                    )
            except LoratuiError as error:
                error.message, error.hint = _name_lines(error.message), _name_lines(error.hint)
                raise
            return result, named

        def done(result: tuple[DescribeResult, list[str]], task: Task, asked: Asked) -> str:
            found, named = result
            given = {"endpoint": values["endpoint"], "model": values["model"], "question": question}
            options = [f"--{name}={value}" for name, value in given.items() if value != getattr(usual, name)]
            options += [*renewal.options] + ["--upload"] * (values["upload"] == _ANYWHERE)
            app.ran(["describe", subject, *named, *options])
            sentence = _sum_up_sentences(found)
            remarks = [found.warning] * bool(found.warning)
            if found.declined:
                _list_refused(app, task, asked, sentence, found.declined, remarks)
            else:
                undo = [f"{name_key(app, 'app.undo')} undoes."] * bool(found.described)
                app.tell(" ".join([sentence, *remarks, *undo]), warning=bool(found.warning))
            return sentence

        return Job(f"describe {subject}", work, done, _STARTED.format(key=name_key(app, "app.tasks")))

    rules = name_key(app, "tag.rules")
    note = f"Sentences are kept beside the tags. {rules} on the tags screen says whether captions use them."
    title = f"Have a model describe pictures of {subject}"
    ask_for_job(app, "sentences", "subject.describe", title, fields, prepare, note=note, at="endpoint")


def _open_captioner(app: LoratuiApp, values: Mapping[str, str]) -> Captioner:
    from loratui.captions.captioner import KEY_VARIABLE, Captioner

    return Captioner(
        values["endpoint"].strip(),
        values["model"].strip(),
        key=os.environ.get(KEY_VARIABLE, ""),
        per_minute=app.settings.captioner.per_minute,
        upload=values["upload"] == _ANYWHERE,
    )


def _sum_up_sentences(found: DescribeResult) -> str:
    parts = [f"{count(found.described, 'picture')} described"]
    parts += [f"{found.replaced:,} of them anew"] * bool(found.replaced)
    parts += [f"{found.kept:,} had a sentence before"] * bool(found.kept)
    parts += [f"{len(found.declined):,} got none"] * bool(found.declined)
    parts += [f"{count(found.cut, 'sentence')} cut at the longest answer"] * bool(found.cut)
    return f"{', '.join(parts)}."


def _field_of_pictures(app: LoratuiApp, subject: str) -> Field:
    """Which pictures; on the wall those that are marked or filtered there come first."""
    query, marks = of_wall(app, subject)
    choices = [MARKED] * bool(marks) + [FILTERED] * bool(query.strip())
    is_wall = getattr(app.top, "scope", "") == "pictures"
    choices = [*choices, ALL] if is_wall else [ALL, *choices]
    told = [f"{len(marks):,} marked"] * bool(marks) + [f"filtered {query}"] * bool(query.strip())
    hint = f"left and right choose: {', '.join(told)}" if told else f"all of {subject}"
    return Field("pictures", "Pictures", hint=hint, choices=tuple(choices))


def _read_chosen(app: LoratuiApp, subject: str, values: Mapping[str, str]) -> Chosen:
    query, marks = of_wall(app, subject)
    if values["pictures"] == MARKED:
        return Chosen(ids=marks)
    return Chosen(query.strip() if values["pictures"] == FILTERED else "")


def _list_refused(
    app: LoratuiApp,
    task: Task,
    asked: Asked,
    sentence: str,
    refused: Sequence[tuple[str, str]],
    remarks: Sequence[str] = (),
) -> None:
    from loratui.tui.refused import RefusedScreen

    def make(title: str, can_undo: bool) -> RefusedScreen:
        return RefusedScreen(title, refused, remarks, is_import=False, can_undo=can_undo)

    offer_report(app, task, asked, sentence, make)
