"""Whether a run may be trained now: asked at every door, for consent ends and taggers read pictures later."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.catalog.ratings import find_unfit_hashes
from loratui.catalog.runs import get_run_subject, list_runs_of_weights
from loratui.catalog.snapshots import get_snapshot
from loratui.catalog.subjects import require_consent
from loratui.dataset.snapshot import parse_content
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog


def require_permission(catalog: Catalog, run: Run) -> None:
    """Raise RefusedError when a run may not be trained (any longer): no consent, or pictures that may not be used.

    What counts is the dataset that was frozen for it, whatever became of the pictures since, and the kind of its
    subject then and now. The weights it goes on from are asked about like the run itself.
    """
    _require_own(catalog, run)
    if run.continued_from and Path(run.continued_from).is_file():
        require_weights(catalog, Path(run.continued_from))


def require_weights(catalog: Catalog, weights: Path) -> None:
    """Raise RefusedError when weights come from a run of this library that may not be trained any longer."""
    from loratui.training.lorafile import autov3

    seen: set[int] = set()
    waiting = [weights]
    while waiting:
        for run in list_runs_of_weights(catalog, autov3(waiting.pop())):
            if run.id in seen:
                continue
            seen.add(run.id)
            _require_own(catalog, run)
            if run.continued_from and Path(run.continued_from).is_file():
                waiting.append(Path(run.continued_from))


def _require_own(catalog: Catalog, run: Run) -> None:
    owner = get_run_subject(catalog, run.id)
    content = parse_content(get_snapshot(catalog, run.snapshot_id).content)
    person = content.kind == "person"
    require_consent(owner, person=person)
    frozen = {picture.sha256: picture for picture in (*content.pictures, *content.holdout)}
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
