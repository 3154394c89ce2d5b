"""Whether a run may be trained or shown now: asked at every door, for consent ends and taggers read pictures later."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.catalog.consent import list_withheld_hashes, refuse_withheld
from loratui.catalog.ratings import find_unfit_hashes, refuse_words
from loratui.catalog.runs import get_run_subject, list_runs_of_weights
from loratui.catalog.snapshots import get_snapshot
from loratui.catalog.subjects import require_consent
from loratui.dataset.snapshot import parse_content
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from loratui.catalog.rows import Run, Subject
    from loratui.catalog.store import Catalog


def require_permission(catalog: Catalog, run: Run, prompts: Iterable[str] = ()) -> None:
    """Raise RefusedError when a run may not be trained or make images (any longer).

    It needs the consent of a person and of all who have its pictures too, pictures that may be used, and `prompts`,
    filled in, that ask for nothing a caption may not say. What counts is the dataset that was frozen for it, whatever
    became of the pictures since, and the kind of its subject then and now. The weights it goes on from are asked about
    like the run itself.
    """
    content = parse_content(get_snapshot(catalog, run.snapshot_id).content)
    owner = get_run_subject(catalog, run.id)
    lineage = _list_lineage(catalog, run)
    for each in lineage:
        _require_own(catalog, each)
    person = _find_person(catalog, lineage)
    for prompt in prompts:
        text = f"{prompt}, {content.trigger}, {content.class_word}"
        refuse_words(person or owner.name, "person" if person else owner.kind, text, "prompt")


def require_request(catalog: Catalog, subject: Subject, prompts: Iterable[str], weights: Path | None) -> None:
    """Raise RefusedError for a training that is about to start: prompts for samples, and weights it would go on from.

    `weights` may be those of a run of this library that may not be trained any longer. What a person's run learned is
    in all that goes on from it, so prompts for it may say what prompts for that person may say.
    """
    lineage = _list_runs_behind(catalog, weights) if weights is not None else []
    for each in lineage:
        _require_own(catalog, each)
    person = subject.name if subject.kind == "person" else _find_person(catalog, lineage)
    for prompt in prompts:
        text = f"{prompt}, {subject.trigger}, {subject.class_word}"
        refuse_words(person or subject.name, "person" if person else subject.kind, text, "prompt")


def _list_lineage(catalog: Catalog, run: Run) -> list[Run]:
    """A run and those whose weights it goes on from."""
    behind = _list_runs_behind(catalog, Path(run.continued_from)) if run.continued_from else []
    return [run, *(each for each in behind if each.id != run.id)]


def _list_runs_behind(catalog: Catalog, weights: Path) -> list[Run]:
    """The runs of this library that weights come from, at any distance."""
    from loratui.training.lorafile import autov3

    found: dict[int, Run] = {}
    waiting = [weights]
    while waiting:
        file = waiting.pop()
        for run in list_runs_of_weights(catalog, autov3(file)) if file.is_file() else ():
            if run.id not in found:
                found[run.id] = run
                waiting += [Path(run.continued_from)] if run.continued_from else []
    return list(found.values())


def _find_person(catalog: Catalog, runs: Iterable[Run]) -> str:
    """The first subject of some runs that is a person, now or when it was frozen for them; empty when none is."""
    for run in runs:
        owner = get_run_subject(catalog, run.id)
        if owner.kind == "person" or parse_content(get_snapshot(catalog, run.snapshot_id).content).kind == "person":
            return owner.name
    return ""


def _require_own(catalog: Catalog, run: Run) -> None:
    owner = get_run_subject(catalog, run.id)
    content = parse_content(get_snapshot(catalog, run.snapshot_id).content)
    person = content.kind == "person"
    require_consent(owner, person=person)
    frozen = {picture.sha256: picture for picture in (*content.pictures, *content.holdout)}
    names = {sha256: picture.name for sha256, picture in frozen.items()}
    refuse_withheld(owner, list_withheld_hashes(catalog, owner, names), run.name)
    captions = {sha256: picture.caption for sha256, picture in frozen.items()}
    if unfit := find_unfit_hashes(catalog, owner, captions, person=person):
        named = "; ".join(f"{frozen[sha256].name} ({found.why})" for sha256, found in list(unfit.items())[:5])
        query = " OR ".join(f"sha:{sha256[:12]}" for sha256 in unfit)
        raise RefusedError(
            f"{run.name} was made of pictures that can't be trained on: {named}.",
            hint="Change their captions, then start a new training."
            if all(found.said for found in unfit.values())
            else "Reject them, then start a new training: "
            f"`loratui role set {shlex.quote(owner.name)} rejected {shlex.quote(query)}`.",
        )
