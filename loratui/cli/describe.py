"""The verb that has a vision model write sentences about pictures."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, print_json, print_text, progress_line, remark
from loratui.cli.session import Query, find_duplicates, open_library, read_settings


def describe(
    subject: str,
    *query: Query,
    endpoint: str = "",
    model: str = "",
    question: str = "",
    question_file: Path | None = None,
    again: Annotated[bool, Parameter(negative="")] = False,
    parallel: int | None = None,
    per_minute: float | None = None,
    max_tokens: int = 300,
    upload: Annotated[bool, Parameter(negative="")] = False,
    show: Show = PLAIN,
) -> None:
    """Have a vision model describe pictures in sentences, kept beside their tags.

    Any server that speaks OpenAI's chat API will do: vLLM, Ollama, LM Studio, llama.cpp. What it wrote is used in
    captions once a rule says so: `loratui rules set Mira --say sentence`. A second call goes on with the pictures
    that have no sentence yet.

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
        Ask about pictures that have a sentence, too.
    parallel
        Questions at the same time.
    per_minute
        Most questions a minute; 0 means no limit.
    max_tokens
        Longest answer, in the model's tokens.
    upload
        Allow an address outside this machine and its private network. LORATUI_CAPTIONER_KEY holds its key.
    """
    from loratui.captions.captioner import KEY_VARIABLE, Captioner
    from loratui.captions.describing import describe_pictures, read_question
    from loratui.captions.service import rules_of

    settings = read_settings().captioner
    captioner = Captioner(
        endpoint or settings.endpoint,
        model or settings.model,
        key=os.environ.get(KEY_VARIABLE, ""),
        per_minute=settings.per_minute if per_minute is None else per_minute,
        max_tokens=max_tokens,
        upload=upload or settings.upload,
    )
    wanted = read_question(question_file) if question_file else question or settings.question
    with open_library() as catalog, progress_line(show) as report:
        result = describe_pictures(
            catalog,
            subject,
            " ".join(query),
            captioner,
            question=wanted,
            again=again,
            parallel=settings.parallel if parallel is None else parallel,
            duplicates=find_duplicates(catalog, subject),
            report=report,
        )
        say = rules_of(catalog, subject).say
    if show.json:
        print_json(
            {
                "captioner": captioner.name,
                "described": result.described,
                "kept": result.kept,
                "declined": [{"name": name, "reason": reason} for name, reason in result.declined],
                "cut": result.cut,
                "prompt_tokens": result.prompt_tokens,
                "answer_tokens": result.answer_tokens,
            }
        )
        return
    quoted = shlex.quote(subject)
    print_text(f"{result.described} described by {captioner.name}, {result.kept} had a sentence before.")
    for name, reason in result.declined:
        remark(f"{name}: {reason}", show)
    if result.cut:
        remark(
            f"{result.cut} sentences were cut where they became too long; --max-tokens sets the model's limit.", show
        )
    if (result.described or result.kept) and say == "tags":
        remark(f"next: loratui rules set {quoted} --say sentence (or both): captions say tags alone by now", show)
