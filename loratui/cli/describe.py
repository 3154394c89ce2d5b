"""The verb that has a vision model write sentences about pictures."""

from __future__ import annotations

import os
import shlex
from datetime import datetime
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from loratui.cli.misuse import within
from loratui.cli.output import PLAIN, Show, number_of, print_json, print_text, progress_line, remark
from loratui.cli.session import Query, find_duplicates, open_library, read_settings, tell_cut_off, tell_no_pictures


def describe(
    subject: str,
    *query: Query,
    endpoint: str = "",
    model: str = "",
    question: str = "",
    question_file: Path | None = None,
    again: Annotated[bool, Parameter(negative="")] = False,
    before: datetime | None = None,
    parallel: Annotated[int | None, Parameter(validator=within(1, 256))] = None,
    per_minute: float | None = None,
    max_tokens: int = 300,
    timeout: float = 120.0,
    upload: Annotated[bool, Parameter(negative="")] = False,
    show: Show = PLAIN,
) -> None:
    """Have a vision model describe pictures in sentences, kept beside their tags.

    Any server that speaks OpenAI's chat API will do: vLLM, Ollama, LM Studio, llama.cpp. What it wrote is used in
    captions once a rule says so: `loratui rules set Mira --say sentence`. A second call goes on with the pictures
    that have no sentence yet; undo takes the sentences of a call back.

    Example: `loratui describe Mira role:primary --endpoint http://localhost:8000/v1 --model Qwen3-VL-8B`

    Parameters
    ----------
    endpoint
        Address of the server; default is the [captioner] setting, else Ollama's on this machine.
    model
        Its name there; not needed when only one is served.
    question
        What to ask, with {who}, {trigger}, {class_word}, {imbued}, {tags} and {name}; a line with an empty one is
        left out.
    question_file
        A file with the question.
    again
        Ask about pictures that have a sentence, too, by whichever model; the new one takes its place.
    before
        Ask again where the sentence is from before this moment: to go on when --again was stopped, which names it.
    parallel
        Questions at the same time.
    per_minute
        Most questions a minute; 0 means no limit.
    max_tokens
        Longest answer, in the model's tokens.
    timeout
        Seconds that one answer may take; then the question is asked once more, and then given up.
    upload
        Allow an address outside this machine and its private network. LORATUI_CAPTIONER_KEY holds its key.
    """
    from loratui.captions.captioner import KEY_VARIABLE, Captioner
    from loratui.captions.describing import describe_pictures, read_question
    from loratui.captions.service import rules_of
    from loratui.catalog.ratings import list_reasons

    settings = read_settings().captioner
    captioner = Captioner(
        endpoint or settings.endpoint,
        model or settings.model,
        key=os.environ.get(KEY_VARIABLE, ""),
        per_minute=settings.per_minute if per_minute is None else per_minute,
        max_tokens=max_tokens,
        timeout_s=timeout,
        upload=upload or settings.upload,
    )
    wanted = read_question(question_file) if question_file else question or settings.question
    with open_library() as catalog, progress_line(show) as report:
        cut_off = tell_cut_off(catalog, subject, "describe", "Describing", again=again) if before is None else []
        for sentence in cut_off:
            remark(sentence, show)
        result = describe_pictures(
            catalog,
            subject,
            " ".join(query),
            captioner,
            question=wanted,
            again=again,
            before=None if before is None else before.astimezone(),
            parallel=settings.parallel if parallel is None else parallel,
            duplicates=find_duplicates(catalog, subject),
            report=report,
        )
        say = rules_of(catalog, subject).say
    if show.json:
        print_json(
            {
                "captioner": captioner.name,
                "pictures": result.pictures,
                "described": result.described,
                "kept": result.kept,
                "replaced": result.replaced,
                "declined": [{"name": name, "reason": reason} for name, reason in result.declined],
                "cut": result.cut,
                "prompt_tokens": result.prompt_tokens,
                "answer_tokens": result.answer_tokens,
                "unfit": list_reasons(result.unfit),
                "warnings": [result.warning] * bool(result.warning),
                "cut_off": cut_off,
            }
        )
        return
    quoted = shlex.quote(subject)
    if not result.pictures:
        print_text(tell_no_pictures(subject, query))
        return
    anew = f", {result.replaced} of them anew" if result.replaced else ""
    kept = f"; {result.kept} had a sentence already, which --again would ask for anew" if result.kept else ""
    print_text(f"{number_of(result.described, 'picture')} described by {captioner.name}{anew}{kept}.")
    if result.described:
        remark("`loratui undo` takes it back.", show)
    if result.warning:
        remark(f"warning: {result.warning}", show)
    for name, reason in result.declined:
        remark(f"{name}: {reason}", show)
    if result.cut:
        remark(
            f"{result.cut} sentences were cut where they became too long; --max-tokens sets the model's limit.", show
        )
    if (result.described or result.kept) and say == "tags":
        remark(f"next: loratui rules set {quoted} --say sentence (or both): captions say tags alone by now", show)
