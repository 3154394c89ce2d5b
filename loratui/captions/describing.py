"""Sentences about a subject's pictures from a captioner, kept beside the tags."""

from __future__ import annotations

import hashlib
import queue
import re
import threading
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from loratui.captions.answers import DeclinedError
from loratui.captions.captioner import TroubledError
from loratui.captions.ratings import flag_refused, warn_of_refused
from loratui.captions.service import captions_of, rules_of
from loratui.catalog.interrupts import hold_interrupts
from loratui.catalog.locks import Renewal, work_alone, write_before
from loratui.catalog.query import select_memberships
from loratui.catalog.sentences import SentenceKeeper, sentences_of
from loratui.catalog.store import now
from loratui.catalog.subjects import get_subject
from loratui.errors import Cancelled, LoratuiError, NotFoundError, RefusedError, UsageError
from loratui.events import Progress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from loratui.captions.answers import Sentence
    from loratui.captions.captioner import Captioner
    from loratui.catalog.query import Duplicates, Selection
    from loratui.catalog.ratings import UnfitPicture
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog
    from loratui.events import Report

T = TypeVar("T")

DEFAULT_QUESTION = """\
Describe this picture in one or two plain sentences, as a caption to train an image model with.
It shows {who}.
Say what can be seen: clothing, pose, expression, framing, background and light.
Do not mention {imbued}.
Answer with the caption alone."""
"""The question of a captioner that was given none."""

STYLE_QUESTION = """\
Describe this picture in one or two plain sentences, as a caption to train an image model with.
It is drawn in the style {trigger}.
Say what is shown, and nothing about the style, the medium or the artist.
Do not mention {imbued}.
Answer with the caption alone."""
"""The same for a subject that is a style."""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_PLACEHOLDERS = ("trigger", "class_word", "who", "imbued", "tags", "name")
# When the first so many answers are all refusals, the model or the question is at fault, not the pictures.
_GIVE_UP_AFTER = 5
_SAVE_EVERY_S, _REPORT_EVERY_S = 2.0, 1.0


@dataclass(frozen=True, slots=True)
class DescribeResult:
    """What came of describing so many pictures: how many were `described`, and how many `kept` the sentence they had.

    `replaced` of those described had another sentence before; `declined` got none, with the reason. `cut` sentences
    met the token limit and end at their last full stop. Tokens are as the server counted them. `unfit` are pictures
    of the subject that may not be used, by the new sentences among others; `warning` tells of them in a sentence.
    """

    pictures: int = 0
    described: int = 0
    kept: int = 0
    replaced: int = 0
    declined: tuple[tuple[str, str], ...] = ()
    cut: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    unfit: tuple[UnfitPicture, ...] = ()
    warning: str = ""


def default_question(kind: str) -> str:
    """The question asked about the pictures of a subject of this kind, with placeholders."""
    return STYLE_QUESTION if kind == "style" else DEFAULT_QUESTION


def fill_question(question: str, values: Mapping[str, str]) -> str:
    """A question with its placeholders filled in; a line that has an empty one is left out.

    They are trigger, class_word, who (trigger and class word), imbued (the tags left to the trigger), tags (what the
    caption rules say of the picture) and name (of the file). Raises UsageError for a placeholder that does not exist.
    """
    if unknown := [word for word in _PLACEHOLDER.findall(question) if word not in _PLACEHOLDERS]:
        raise UsageError(
            f"The question has the unknown placeholder {{{unknown[0]}}}.",
            hint=f"There are {', '.join(f'{{{word}}}' for word in _PLACEHOLDERS)}.",
        )
    kept = [
        _PLACEHOLDER.sub(lambda match: values.get(match[1], ""), line)
        for line in question.splitlines()
        if all(values.get(word, "") for word in _PLACEHOLDER.findall(line))
    ]
    return "\n".join(kept).strip()


def read_question(file: Path) -> str:
    """The question in a text file; raises NotFoundError or UsageError when it can't be read."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {file}.", hint="Check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read as text: {error}", hint="Save it as UTF-8.") from error
    if not text:
        raise UsageError(f"{file} is empty.", hint="Write the question into it.")
    return text


def describe_pictures(
    catalog: Catalog,
    subject: Subject | str,
    selection: Selection,
    captioner: Captioner,
    *,
    question: str = "",
    again: bool = False,
    before: datetime | None = None,
    parallel: int = 2,
    side: int = 1024,
    duplicates: Duplicates | None = None,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> DescribeResult:
    """Ask a captioner about pictures and keep its sentences beside the tags; rules say whether captions use them.

    With an empty selection all but the rejected pictures are asked about. A picture that has a sentence, by whichever
    model, is passed over unless `again`, or where the sentence is from earlier than `before`. Pictures are sent as
    training sees them, upright and cropped, at most `side` pixels long. What was answered is kept when the rest fails
    or is stopped, and is one action that undo takes back. Raises Cancelled, UsageError for the question, ConflictError
    while pictures of the subject are described already, and the captioner's own error when no picture would get an
    answer.
    """
    for name, value in (("--parallel", parallel), ("The longest side", side)):
        if value < 1:
            raise UsageError(f"{name} can't be {value}.", hint="Give a whole number from 1 up.")
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    template = question.strip() or default_question(owner.kind)
    chosen = _choose(catalog, owner, selection, duplicates)
    job = _Job(catalog, owner, captioner, template, side, report)
    if not chosen:
        return DescribeResult()
    who = captioner.name if captioner.model else captioner.host
    renewal = Renewal(who, before or now()) if again or before is not None else None
    with (
        work_alone(catalog, owner, "describe", f"has pictures of {owner.name} described", renewal=renewal),
        hold_interrupts() as interrupted,
    ):
        result = job.run(
            chosen, parallel, again=again, before=before, cancels=(interrupted, *([cancel] if cancel else ()))
        )
    # Sentences are written, so the doors are shut to what they say; this is to tell people.
    unfit = flag_refused(catalog, owner)
    return replace(result, unfit=tuple(unfit), warning=warn_of_refused(owner, unfit))


def _choose(catalog: Catalog, owner: Subject, selection: Selection, duplicates: Duplicates | None) -> list[Membership]:
    if not isinstance(selection, str):
        wanted = set(selection)
        return [picture for picture in select_memberships(catalog, owner) if picture.id in wanted]
    found = select_memberships(catalog, owner, selection, duplicates=duplicates)
    return [picture for picture in found if selection.strip() or picture.role != "rejected"]


class _Job:
    """One call of describe_pictures: threads ask, the caller's thread keeps and reports."""

    def __init__(
        self, catalog: Catalog, owner: Subject, captioner: Captioner, template: str, side: int, report: Report
    ) -> None:
        self._catalog, self._owner, self._captioner = catalog, owner, captioner
        self._template, self._side, self._report = template, side, report
        self._mark = hashlib.sha256(template.encode()).hexdigest()[:12]
        self._cancels: Sequence[threading.Event] = ()
        self._stop = threading.Event()
        self._todo: queue.SimpleQueue[Membership] = queue.SimpleQueue()
        self._fresh: dict[int, str] = {}
        # What the captioner waits for, told by its threads; the next answer wipes it out.
        self._trouble = ""
        rules = rules_of(catalog, owner)
        self._values = {
            "trigger": owner.trigger,
            "class_word": owner.class_word,
            "who": f"{owner.trigger}, {owner.class_word}" if owner.class_word else owner.trigger,
            "imbued": ", ".join(tag for tag in rules.imbued if "*" not in tag),
        }
        self._tags: Mapping[int, str] = {}
        # Checked before the first picture is sent.
        fill_question(template, self._values)

    def run(
        self,
        chosen: Sequence[Membership],
        parallel: int,
        *,
        again: bool,
        before: datetime | None,
        cancels: Sequence[threading.Event],
    ) -> DescribeResult:
        self._cancels = cancels
        started = now()
        self._choose_model(len(chosen))
        known = sentences_of(self._catalog, self._owner)
        todo = []
        for picture in chosen:
            had = known.get(picture.id)
            # Whoever wrote it and whatever was asked: a picture has one sentence, and another takes its place.
            if had is None or (had.at < before if before is not None else again):
                todo.append(picture)
        way_on = "The same command goes on with the others."
        if again and before is None:
            way_on = (
                f"The same command with {write_before(started)} goes on with the others, whose old sentences are kept."
            )
        result = self._take_answers(todo, parallel, way_on, known.keys())
        return replace(result, pictures=len(chosen), kept=len(chosen) - len(todo))

    def _choose_model(self, total: int) -> None:
        answers: queue.SimpleQueue[str | Exception] = queue.SimpleQueue()
        progress = Progress("describe", 0, total, note=f"waiting for {self._captioner.host}")
        self._report(progress)
        self._start(lambda: answers.put(_try(lambda: self._captioner.choose_model(self._stop, self._tell))))
        try:
            answer = self._wait_for(answers, progress, self._captioner.list_timeout_s)
        except Cancelled:
            raise Cancelled(
                f"Describing was stopped before {self._captioner.host} said which models it has; nothing was changed.",
                hint="Look whether that server is well, or name a model with --model.",
            ) from None
        finally:
            # For those that wait between two tries; the next ones get another event.
            self._stop.set()
        if isinstance(answer, Exception):
            raise answer
        self._stop = threading.Event()

    def _take_answers(
        self, todo: Sequence[Membership], parallel: int, way_on: str, had: Container[int]
    ) -> DescribeResult:
        if "{tags}" in self._template:
            self._tags = captions_of(self._catalog, self._owner, todo)
        for picture in todo:
            self._todo.put(picture)
        answers: queue.SimpleQueue[tuple[Membership, Sentence | Exception]] = queue.SimpleQueue()
        for _ in range(min(parallel, len(todo))):
            self._start(lambda: self._ask(answers))
        keeper = SentenceKeeper(self._catalog, self._owner.name, self._captioner.name, self._mark)
        declined: list[tuple[str, str]] = []
        described = replaced = cut = prompt_tokens = answer_tokens = 0
        started = saved = time.monotonic()
        progress = Progress("describe", 0, len(todo), note=f"waiting for {self._captioner.host}")
        if todo:
            self._report(progress)
        try:
            for number in range(len(todo)):
                picture, answer = self._wait_for(answers, progress, self._captioner.timeout_s)
                if isinstance(answer, DeclinedError | TroubledError):
                    declined.append((picture.name, f"{answer.message} {answer.hint}".strip()))
                    if len(declined) == min(_GIVE_UP_AFTER, len(todo)) and not described:
                        message = f"None of the first {len(declined)} pictures got a sentence: {answer.message}"
                        # A picture that can't be read is refused everywhere else, too.
                        is_unread = isinstance(answer.__cause__, LoratuiError)
                        raise (RefusedError if is_unread else LoratuiError)(message, hint=answer.hint)
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    self._fresh[picture.id] = answer.text
                    described += 1
                    replaced += picture.id in had
                    cut += answer.cut
                    prompt_tokens += answer.prompt_tokens
                    answer_tokens += answer.answer_tokens
                if time.monotonic() - saved > _SAVE_EVERY_S:
                    self._save(keeper)
                    saved = time.monotonic()
                done = number + 1
                eta = (time.monotonic() - started) / done * (len(todo) - done)
                progress = Progress("describe", done, len(todo), eta, picture.name)
                self._report(progress)
        except Cancelled:
            raise Cancelled(
                f"Describing was stopped; {described} of {len(todo)} pictures have a new sentence.",
                hint=f"{'`loratui undo` takes them back. ' if described else ''}{way_on}",
            ) from None
        except LoratuiError as error:
            if described:
                kept = f"{described} of {len(todo)} pictures have a new sentence, which is kept."
                error.hint = f"{error.hint} {kept} {way_on}".strip()
            raise
        finally:
            self._stop.set()
            self._save(keeper)
        return DescribeResult(
            described=described,
            replaced=replaced,
            declined=tuple(declined),
            cut=cut,
            prompt_tokens=prompt_tokens,
            answer_tokens=answer_tokens,
        )

    def _start(self, work: Callable[[], None]) -> None:
        # Daemons: after a stop nobody waits for a model that thinks for minutes.
        threading.Thread(target=work, name="captioner", daemon=True).start()

    def _wait_for(self, answers: queue.SimpleQueue[T], progress: Progress, limit: float) -> T:
        """The next answer; meanwhile it is told, time and again, what is waited for, and how long at most.

        Once stopped nothing more is asked, but what was answered by then is still given out: it was paid for.
        """
        asked = told = time.monotonic()
        while True:
            stopped = any(cancel.is_set() for cancel in self._cancels)
            if stopped:
                self._stop.set()
            try:
                answer = answers.get(timeout=0 if stopped else 0.1)
            except queue.Empty:
                if stopped:
                    raise Cancelled("Describing was stopped.") from None
                if time.monotonic() - told >= _REPORT_EVERY_S:
                    told = time.monotonic()
                    seconds = told - asked
                    trouble = f"{self._trouble} ({seconds:.0f} s so far)" if self._trouble else ""
                    waiting = f"waiting for {self._captioner.host}, {seconds:.0f} s of {limit:g}"
                    self._report(replace(progress, note=trouble or waiting))
                continue
            self._trouble = ""
            return answer

    def _tell(self, words: str) -> None:
        self._trouble = words

    def _save(self, keeper: SentenceKeeper) -> None:
        if self._fresh:
            keeper.keep(self._fresh)
            self._fresh.clear()

    def _ask(self, answers: queue.SimpleQueue[tuple[Membership, Sentence | Exception]]) -> None:
        while not self._stop.is_set():
            try:
                picture = self._todo.get_nowait()
            except queue.Empty:
                return
            # Whatever goes wrong is told by the thread that waits for it.
            answer = _try(partial(self._describe, picture))
            answers.put((picture, answer))
            if isinstance(answer, Exception) and not isinstance(answer, DeclinedError | TroubledError):
                # It is not the picture's fault: no other one is sent to a server that refuses the key.
                return

    def _describe(self, picture: Membership) -> Sentence:
        try:
            jpeg = encode_picture(self._catalog, picture, self._side)
        except LoratuiError as error:
            raise DeclinedError(f"it can't be read: {error.message}", hint=error.hint) from error
        values = {**self._values, "name": picture.name, "tags": self._tags.get(picture.id, "")}
        return self._captioner.describe(jpeg, fill_question(self._template, values), self._stop, self._tell)


def _try(work: Callable[[], T]) -> T | Exception:
    try:
        return work()
    except Exception as error:
        return error


def encode_picture(catalog: Catalog, picture: Membership, side: int) -> bytes:
    """A picture as training sees it, upright, cropped and in sRGB, as JPEG with no side longer than `side` pixels."""
    from io import BytesIO

    from PIL import Image

    from loratui.catalog.blobs import read_picture
    from loratui.catalog.pictures import load_rgb

    image = load_rgb(read_picture(catalog, picture), max_megapixels=float("inf"))
    if picture.crop is not None:
        left, top, width, height = picture.crop
        image = image.crop((left, top, left + width, top + height))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
