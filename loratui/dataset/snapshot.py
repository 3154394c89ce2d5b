"""A frozen dataset: what a run or an export is made of, known by the hash of its content."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loratui.captions.ratings import find_refused
from loratui.captions.service import captions_of
from loratui.catalog.consent import require_consents
from loratui.catalog.query import select_memberships
from loratui.catalog.ratings import USED_ROLES, refuse_pictures
from loratui.catalog.snapshots import save_snapshot
from loratui.catalog.subjects import look_up
from loratui.catalog.vocabulary import TRAINED
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.rows import Box, Membership, Snapshot, Subject
    from loratui.catalog.store import Catalog

_VERSION = 1


@dataclass(frozen=True, slots=True)
class SnapshotPicture:
    """A picture as it is trained: upright size in pixels, the part that is used, and the caption on one line."""

    sha256: str
    name: str
    width: int
    height: int
    role: str
    repeats: int
    caption: str
    crop: Box | None = None
    """Left, top, width, height; None for the whole picture."""

    @property
    def used_size(self) -> tuple[int, int]:
        """Width and height of what is trained on."""
        return (self.width, self.height) if self.crop is None else self.crop[2:]

    def to_dict(self) -> dict[str, Any]:
        """The fields as canonical JSON has them: without a crop where there is none, as before there were crops."""
        # Like asdict, which copies every value and takes a second for ten thousand pictures.
        return {name: getattr(self, name) for name in (_PLAIN if self.crop is None else self.__slots__)}


_PLAIN = tuple(name for name in SnapshotPicture.__slots__ if name != "crop")


@dataclass(frozen=True, slots=True)
class SnapshotContent:
    """What the hash is taken of; pictures in order of their sha256."""

    subject: str
    trigger: str
    kind: str
    class_word: str
    pictures: tuple[SnapshotPicture, ...]
    holdout: tuple[SnapshotPicture, ...]
    """Kept out of training, to judge epochs by."""

    def to_json(self) -> str:
        """The canonical JSON: the same content gives the same text everywhere."""
        plain: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        for key in ("pictures", "holdout"):
            plain[key] = [each.to_dict() for each in plain[key]]
        plain["version"] = _VERSION
        return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)

    def compute_hash(self) -> str:
        """The sha256 of the canonical JSON, as 64 hexadecimal digits."""
        return _hash(self.to_json())


def parse_content(text: str) -> SnapshotContent:
    """Read the canonical JSON of a stored snapshot back; RefusedError when a newer version wrote it."""
    raw = json.loads(text)
    if "version" not in raw:
        raise RefusedError("This snapshot is damaged.", hint="Restore the library from a backup, or train anew.")
    if raw.pop("version") != _VERSION:
        raise RefusedError("This snapshot was made by a newer version.", hint="Update loratui to use it.")
    for key in ("pictures", "holdout"):
        raw[key] = tuple(_read_picture(picture) for picture in raw[key])
    return SnapshotContent(**raw)


def freeze(catalog: Catalog, subject: Subject | str) -> Snapshot:
    """Freeze a subject's training pictures under their content hash; the same dataset is stored once.

    Raises RefusedError when there is nothing to train on, when a training picture's file is lost or damaged or its
    rating forbids its use, and without the consent of a person whose subject it is or who has one of its pictures.
    """
    with catalog.read() as connection:
        owner = look_up(connection, subject)
    require_consents(catalog, owner)
    refuse_unfit(catalog, owner)
    content = describe_dataset(catalog, owner)
    if not content.pictures:
        raise RefusedError(
            f"{owner.name} has no training pictures.",
            hint=f"Give pictures a role first: loratui role set {shlex.quote(owner.name)} primary role:inbox.",
        )
    text = content.to_json()
    return save_snapshot(catalog, owner.id, _hash(text), text, len(content.pictures))


def refuse_unfit(catalog: Catalog, subject: Subject) -> None:
    """Raise RefusedError naming the pictures of a dataset that may not be used, by their ratings, tags and captions."""
    refuse_pictures(subject, find_refused(catalog, subject, USED_ROLES), "trained on")


def describe_dataset(catalog: Catalog, subject: Subject) -> SnapshotContent:
    """The content that freezing would store now; raises RefusedError for lost or damaged training pictures."""
    chosen = select_memberships(catalog, subject, "role:primary OR role:supporting OR role:holdout")
    captions = captions_of(catalog, subject, chosen)
    _refuse_lost(chosen, subject)

    def freeze_pictures(roles: Sequence[str]) -> tuple[SnapshotPicture, ...]:
        frozen = (
            SnapshotPicture(
                sha256=picture.sha256,
                name=picture.name,
                width=picture.width,
                height=picture.height,
                role=picture.role,
                repeats=picture.repeats,
                caption=captions[picture.id],
                crop=picture.crop,
            )
            for picture in chosen
            if picture.role in roles and picture.repeats >= 1
        )
        return tuple(sorted(frozen, key=lambda picture: picture.sha256))

    return SnapshotContent(
        subject=subject.name,
        trigger=subject.trigger,
        kind=subject.kind,
        class_word=subject.class_word,
        pictures=freeze_pictures(TRAINED),
        holdout=freeze_pictures(("holdout",)),
    )


def _read_picture(raw: dict[str, Any]) -> SnapshotPicture:
    crop = raw.pop("crop", None)
    return SnapshotPicture(**raw, crop=None if crop is None else tuple(crop))


def _refuse_lost(chosen: Sequence[Membership], subject: Subject) -> None:
    lost = [picture for picture in chosen if picture.state != "ok" and picture.role in TRAINED]
    if lost:
        raise RefusedError(
            f"{len(lost)} training pictures of {subject.name} are missing or damaged (the first is {lost[0].name}).",
            hint="Import the files again, or reject these pictures: loratui picture list SUBJECT 'state:missing'.",
        )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
