"""Sentences about a subject's pictures from a captioner, kept beside the tags."""

from __future__ import annotations

import hashlib
import queue
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.captions.captioner import DeclinedError, TroubledError
from loratui.captions.service import captions_of, rules_of
from loratui.catalog.interrupts import hold_interrupts
from loratui.catalog.query import select_memberships
from loratui.catalog.sentences import sentences_of, store_sentences
from loratui.catalog.subjects import get_subject
from loratui.errors import Cancelled, LoratuiError, NotFoundError, UsageError
from loratui.events import Progress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loratui.captions.captioner import Captioner, Sentence
    from loratui.catalog.query import Duplicates, Selection
    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog
    from loratui.events import Report

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
_SAVE_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class DescribeResult:
    """What came of describing: pictures with a new sentence, those that had one, and those without, with the reason.

    `cut` sentences met the token limit and end at their last full stop. Tokens are as the server counted them.
    """

    described: int
    kept: int
    declined: tuple[tuple[str, str], ...]
    cut: int
    prompt_tokens: int
    answer_tokens: int


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
    parallel: int = 2,
    side: int = 1024,
    duplicates: Duplicates | None = None,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> DescribeResult:
    """Ask a captioner about pictures and keep its sentences beside the tags; rules say whether captions use them.

    With an empty selection all but the rejected pictures are asked about. A picture that the same model has
    described under the same question is passed over unless `again`. Pictures are sent as training sees them, upright
    and cropped, at most `side` pixels long. What was answered is kept when the rest fails or is stopped. Raises
    Cancelled, UsageError for the question, and the captioner's own error when no picture would get an answer.
    """
    for name, value in (("parallel", parallel), ("side", side)):
        if value < 1:
            raise UsageError(f"{name} can't be {value}.", hint="Give a whole number from 1 up.")
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    template = question.strip() or default_question(owner.kind)
    captioner.choose_model(cancel)
    mark = hashlib.sha256(template.encode()).hexdigest()[:12]
    chosen = _choose(catalog, owner, selection, duplicates)
    if not again:
        known = sentences_of(catalog, owner)
        # By the model, wherever it runs: the same one gives the same kind of sentence.
        before = {
            id_
            for id_, had in known.items()
            if (had.captioner.rpartition("@")[0], had.prompt) == (captioner.model, mark)
        }
    else:
        before = set()
    todo = [picture for picture in chosen if picture.id not in before]
    job = _Job(catalog, owner, captioner, template, mark, side, cancel or threading.Event())
    return job.run(todo, parallel, report, kept=len(chosen) - len(todo))


def _choose(catalog: Catalog, owner: Subject, selection: Selection, duplicates: Duplicates | None) -> list[Membership]:
    if not isinstance(selection, str):
        wanted = set(selection)
        return [picture for picture in select_memberships(catalog, owner) if picture.id in wanted]
    found = select_memberships(catalog, owner, selection, duplicates=duplicates)
    return [picture for picture in found if selection.strip() or picture.role != "rejected"]


class _Job:
    """One call of describe_pictures: threads ask, the caller's thread keeps and reports."""

    def __init__(
        self,
        catalog: Catalog,
        owner: Subject,
        captioner: Captioner,
        template: str,
        mark: str,
        side: int,
        cancel: threading.Event,
    ) -> None:
        self._catalog, self._owner, self._captioner = catalog, owner, captioner
        self._template, self._mark, self._side = template, mark, side
        self._cancels = [cancel]
        self._stop = threading.Event()
        self._todo: queue.SimpleQueue[Membership] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[tuple[Membership, Sentence | Exception]] = queue.SimpleQueue()
        self._fresh: dict[int, str] = {}
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

    def run(self, todo: list[Membership], parallel: int, report: Report, *, kept: int) -> DescribeResult:
        if "{tags}" in self._template:
            self._tags = captions_of(self._catalog, self._owner, todo)
        for picture in todo:
            self._todo.put(picture)
        # Daemons: after a stop nobody waits for a model that thinks for minutes.
        for _ in range(min(max(1, parallel), len(todo))):
            threading.Thread(target=self._ask, name="captioner", daemon=True).start()
        with hold_interrupts() as interrupted:
            self._cancels.append(interrupted)
            return self._take_answers(todo, report, kept)

    def _take_answers(self, todo: list[Membership], report: Report, kept: int) -> DescribeResult:
        declined: list[tuple[str, str]] = []
        described = cut = prompt_tokens = answer_tokens = 0
        started = saved = time.monotonic()
        try:
            for number in range(len(todo)):
                picture, answer = self._wait_for_answer()
                if isinstance(answer, DeclinedError | TroubledError):
                    declined.append((picture.name, f"{answer.message} {answer.hint}".strip()))
                    if len(declined) == min(_GIVE_UP_AFTER, len(todo)) and not described:
                        raise LoratuiError(
                            f"None of the first {len(declined)} pictures got a sentence: {answer.message}",
                            hint=answer.hint,
                        )
                elif isinstance(answer, Exception):
                    raise answer
                else:
                    self._fresh[picture.id] = answer.text
                    described += 1
                    cut += answer.cut
                    prompt_tokens += answer.prompt_tokens
                    answer_tokens += answer.answer_tokens
                if time.monotonic() - saved > _SAVE_EVERY_S:
                    self._save()
                    saved = time.monotonic()
                done = number + 1
                eta = (time.monotonic() - started) / done * (len(todo) - done)
                report(Progress("describe", done, len(todo), eta, picture.name))
        except Cancelled:
            raise Cancelled(
                f"Describing was stopped; {described} of {len(todo)} pictures have a new sentence.",
                hint="Run it again to go on with the others.",
            ) from None
        finally:
            self._stop.set()
            self._save()
        return DescribeResult(described, kept, tuple(declined), cut, prompt_tokens, answer_tokens)

    def _wait_for_answer(self) -> tuple[Membership, Sentence | Exception]:
        while True:
            if self._is_cancelled():
                raise Cancelled("Describing was stopped.")
            try:
                return self._done.get(timeout=0.1)
            except queue.Empty:
                continue

    def _is_cancelled(self) -> bool:
        return any(cancel.is_set() for cancel in self._cancels)

    def _save(self) -> None:
        if self._fresh:
            store_sentences(self._catalog, self._captioner.name, self._mark, self._fresh)
            self._fresh.clear()

    def _ask(self) -> None:
        while not (self._stop.is_set() or self._is_cancelled()):
            try:
                picture = self._todo.get_nowait()
            except queue.Empty:
                return
            try:
                self._done.put((picture, self._describe(picture)))
            # Whatever goes wrong here is told by the thread that waits for it.
            except Exception as error:
                self._done.put((picture, error))

    def _describe(self, picture: Membership) -> Sentence:
        try:
            jpeg = encode_picture(self._catalog, picture, self._side)
        except LoratuiError as error:
            raise DeclinedError(f"it can't be read: {error.message}", hint=error.hint) from error
        values = {**self._values, "name": picture.name, "tags": self._tags.get(picture.id, "")}
        return self._captioner.describe(jpeg, fill_question(self._template, values), self._stop)


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
