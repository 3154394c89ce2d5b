"""The verb that tags pictures."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import Annotated

from cyclopts import Parameter

from loratui.cli.misuse import within
from loratui.cli.output import PLAIN, Show, number_of, print_json, print_text, progress_line, remark
from loratui.cli.session import (
    Query,
    find_duplicates,
    open_library,
    read_settings,
    tell_cut_off,
    tell_no_pictures,
)
from loratui.config import find_home

_OF_CAST = (
    "The tagger that ships knows the drawn cast only; for other pictures name one: "
    "--tagger SmilingWolf/wd-vit-tagger-v3"
)


def tag(
    subject: str,
    *query: Query,
    tagger: Annotated[
        str | None, Parameter(help="A tagger's folder, OWNER/NAME on the hub, or cast for the one that ships.")
    ] = None,
    again: Annotated[bool, Parameter(negative="", help="Score pictures that this tagger has scored before.")] = False,
    before: Annotated[
        datetime | None,
        Parameter(help="Score again what was scored before this moment: to go on when --again was stopped."),
    ] = None,
    batch: Annotated[
        int | None, Parameter(help="Pictures that the model is given at a time.", validator=within(1, 1_000_000))
    ] = None,
    workers: Annotated[
        int | None, Parameter(help="Pictures decoded and scored at the same time.", validator=within(1, 256))
    ] = None,
    show: Show = PLAIN,
) -> int:
    """Score the pictures of a subject with a tagging model: a WD tagger (v2, v3) or cl_tagger, in ONNX.

    All scores from 0.10 on are kept, once; thresholds and the other caption rules act on them later. A tagging that
    was stopped goes on where it was. Where several taggers have scored a picture, the one asked last counts; asking
    an earlier one again takes no time. A model that is named like SmilingWolf/wd-vit-tagger-v3 is downloaded once.
    Without --tagger and without `tagger` in config.toml it is the one that ships, which knows the drawn cast only.

    Example: `loratui tag Mira role:inbox --tagger SmilingWolf/wd-vit-tagger-v3`
    """
    from loratui.captions.hub import choose_tagger, find_hub
    from loratui.captions.mixture import tell_mixture
    from loratui.captions.service import rules_of
    from loratui.captions.tagging import tag_pictures
    from loratui.catalog.query import select_ids
    from loratui.errors import RefusedError

    wanted = read_settings().tagger if tagger is None else tagger
    with open_library() as catalog, progress_line(show) as report:
        duplicates = find_duplicates(catalog, subject)
        # Said before a tagger is downloaded for nothing.
        if not show.json and not select_ids(catalog, subject, " ".join(query), duplicates=duplicates):
            print_text(tell_no_pictures(subject, query))
            return 0
        cut_off = tell_cut_off(catalog, subject, "tag", "Tagging", again=again) if before is None else []
        for sentence in cut_off:
            remark(sentence, show)
        chosen = choose_tagger(find_home(), wanted, find_hub(), report=report)
        if chosen.is_cast:
            remark(_OF_CAST, show)
        done = tag_pictures(
            catalog,
            subject,
            " ".join(query),
            chosen.folder,
            report=report,
            again=again,
            before=None if before is None else before.astimezone(),
            by_default=not wanted,
            batch=batch,
            workers=workers,
            duplicates=duplicates,
        )
        used = rules_of(catalog, subject).general_threshold
        mixture = tell_mixture(catalog, subject)
    times = done.times
    code = RefusedError.exit_code if done.refused and not done.tagged and not done.skipped else 0
    if show.json:
        warnings = [*[_OF_CAST] * chosen.is_cast, *[done.warning] * bool(done.warning), *[mixture] * bool(mixture)]
        told = {name: getattr(done, name) for name in done.__slots__}
        print_json({**told, "warnings": warnings, "cut_off": cut_off})
        return code
    pace = f" at {done.tagged / times.total:.1f} a second" if done.tagged and times.total else ""
    skipped = f"; {done.skipped} had been tagged before" if done.skipped else ""
    print_text(
        f"{done.tagged} of {number_of(done.pictures, 'picture')} tagged "
        f"by {done.tagger} on {done.device}{pace}{skipped}."
    )
    for picture in done.refused:
        print_text(f"refused {picture.name}: {picture.reason}")
    if done.warning:
        remark(f"warning: {done.warning}", show)
    if done.tagged:
        remark("Scores are kept for good: undo passes them over, another --tagger takes their place.", show)
        remark(
            f"{times.total:.1f} s, {times.opening:.1f} s of it opening the model; the workers' time went "
            f"{times.session / (times.session + times.decoding):.0%} to the model, the rest to decoding.",
            show,
        )
        cut = f" (the largest gap in these scores is at {done.mcut['general']:.2f})" if "general" in done.mcut else ""
        if abs(done.thresholds.general - used) > 0.05:
            remark(
                f"{done.thresholds.general:.2f} suits this tagger, captions use tags from {used:.2f} on{cut}: "
                f"loratui rules set {shlex.quote(subject)} --general-threshold {done.thresholds.general:.2f}",
                show,
            )
    if mixture:
        remark(mixture, show)
    remark(f"next: loratui tags list {shlex.quote(subject)}", show)
    return code
