"""What captions were when a dataset was frozen for a training, and what they are now."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from loratui.captions.service import captions_of
from loratui.catalog.query import select_memberships
from loratui.catalog.runs import get_run
from loratui.catalog.snapshots import get_snapshot, list_snapshots
from loratui.catalog.subjects import get_subject
from loratui.catalog.vocabulary import TRAINED
from loratui.dataset.snapshot import parse_content
from loratui.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from datetime import datetime

    from loratui.catalog.rows import Snapshot, Subject
    from loratui.catalog.store import Catalog


@dataclass(frozen=True, slots=True)
class CaptionDifference:
    """A training picture whose caption differs; None for the side on which it isn't trained on."""

    sha256: str
    name: str
    before: str | None
    after: str | None

    @property
    def state(self) -> Literal["added", "removed", "changed"]:
        """What became of the picture."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class CaptionDiff:
    """Differences between a frozen dataset and the training pictures as they are, by name."""

    snapshot: str
    at: datetime
    differences: tuple[CaptionDifference, ...]
    pictures: int
    """Training pictures now."""


def diff_captions(catalog: Catalog, subject: Subject | str, *, snapshot: str = "", run: str = "") -> CaptionDiff:
    """Compare captions with those of a snapshot, of a run, or else of the subject's latest snapshot.

    Raises NotFoundError without a snapshot, RefusedError for one of another subject.
    """
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    frozen = _find(catalog, owner, snapshot, run)
    if frozen.subject_id != owner.id:
        raise RefusedError(
            f"That dataset is not one of {owner.name}.",
            hint=f"See its trainings: loratui run list {shlex.quote(owner.name)}",
        )
    content = parse_content(frozen.content)
    before = {picture.sha256: (picture.name, picture.caption) for picture in content.pictures}
    chosen = select_memberships(catalog, owner, " OR ".join(f"role:{role}" for role in TRAINED))
    captions = captions_of(catalog, owner, chosen)
    after = {picture.sha256: (picture.name, captions[picture.id]) for picture in chosen if picture.repeats >= 1}
    found = []
    for sha256 in before.keys() | after.keys():
        name, _ = after.get(sha256) or before[sha256]
        old, new = (side[sha256][1] if sha256 in side else None for side in (before, after))
        if old != new:
            found.append(CaptionDifference(sha256, name, old, new))
    found.sort(key=lambda one: (one.name, one.sha256))
    return CaptionDiff(frozen.hash, frozen.created_at, tuple(found), len(after))


def _find(catalog: Catalog, owner: Subject, snapshot: str, run: str) -> Snapshot:
    if run:
        return get_snapshot(catalog, get_run(catalog, run).snapshot_id)
    if snapshot:
        return get_snapshot(catalog, snapshot)
    if not (kept := list_snapshots(catalog, owner)):
        raise NotFoundError(
            f"{owner.name} was never trained or exported, so there is nothing to compare with.",
            hint='Try a rule out instead: loratui caption diff SUBJECT --set "imbued=freckles"',
        )
    return kept[0]
