"""Pictures that may not belong in a subject: checks that say what made them, and never reject anything themselves."""

from __future__ import annotations

import os
import shlex
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loratui.captions.clearness import USUAL, TrainingSize
from loratui.captions.counts import CaptionBook
from loratui.captions.ratings import BY_HAND, CHECK, find_refused, measure_refused
from loratui.captions.rules import thresholds_of
from loratui.captions.service import rules_of
from loratui.captions.tags import fold_tag
from loratui.captions.traits import load_list
from loratui.captions.untagged import explain_untagged
from loratui.catalog.findings import Measured, findings_of, list_known, replace_findings
from loratui.catalog.flags import FLAGGED_FROM
from loratui.catalog.query import select_memberships
from loratui.catalog.subjects import get_subject
from loratui.catalog.tagged import list_tagged
from loratui.catalog.vectors import taggers_of
from loratui.catalog.vocabulary import BRIGHT_FROM, DARK_BELOW, FLAGS
from loratui.errors import Cancelled, UsageError
from loratui.events import Progress, Report, ignore_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from loratui.catalog.rows import Membership, Subject
    from loratui.catalog.store import Catalog

BLURRED_BELOW = 0.09
"""Sharpness (see Fingerprint) of a photo that is out of focus or was enlarged."""

ENLARGED_FROM = 1.25
"""A picture is tiny when training enlarges it so many times a side."""

_OF_SUBJECT = ("people", "text", "other")
"""Checks whose answer depends on the subject: by its thresholds and tags, or by what its other pictures look like."""

_ABOUT_PEOPLE = ("character", "person")


@dataclass(frozen=True, slots=True)
class Suspect:
    """A picture that a check found worth a look: what for, why in words, and the model that says so.

    `value` is in units of the check's limit: 2 is twice as much as it takes.
    """

    membership: Membership
    kind: str
    value: float
    model: str
    why: str


@dataclass(frozen=True, slots=True)
class SkippedCheck:
    """A check that was not made, and what it would need; or one that passed over pictures it could not read."""

    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What the checks of a subject found: suspects in the order of checks, the worst of each first."""

    subject: Subject
    checked: int
    kinds: tuple[str, ...]
    suspects: tuple[Suspect, ...]
    skipped: tuple[SkippedCheck, ...] = ()

    def query_of(self, kind: str) -> str:
        """A query for the pictures that a check found."""
        return " OR ".join(f"sha:{each.membership.sha256[:12]}" for each in self.suspects if each.kind == kind)


@dataclass(slots=True)
class _Job:
    """What all checks of one call share."""

    catalog: Catalog
    subject: Subject
    pictures: list[Membership]
    training: TrainingSize
    faces: Path | None
    tagger: Path | None
    named: frozenset[str]
    workers: int
    report: Report
    cancel: threading.Event
    unread: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Pictures that the check being made could not read, by id: their names, and why."""

    def pass_over(self, picture: Membership, why: str) -> None:
        self.unread[picture.picture_id] = (picture.name, why)


class _Skip(Exception):  # noqa: N818 - no failure: a check says that it can't be made here
    """Why a check is not made."""


def check_subject(
    catalog: Catalog,
    subject: Subject | str,
    only: Sequence[str] = (),
    *,
    faces: Path | None = None,
    tagger: Path | None = None,
    training: TrainingSize = USUAL,
    workers: int = 0,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> CheckResult:
    """Look for misplaced pictures with all checks, or some; what they measure is kept, so that `flag:KIND` finds it.

    `faces` is the folder of the face detector, `training` what tells how much is enlarged, `tagger` the folder of a
    model to compare subjects by: by its embeddings if it gives any, else by the tags that it has given; without
    one by those of the tagger that has read most. Pictures that a model has read are not read again, so a check that
    was stopped goes on where it was. Rejected pictures are left out. Raises UsageError for a check that does not exist,
    NotFoundError, Cancelled.
    """
    unknown = [kind for kind in only if kind not in FLAGS]
    if unknown:
        raise UsageError(f"There is no check '{unknown[0]}'.", hint=f"Checks: {', '.join(FLAGS)}.")
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    chosen = [kind for kind in FLAGS if not only or kind in only]
    pictures = select_memberships(catalog, owner, "-role:rejected")
    job = _Job(
        catalog,
        owner,
        pictures,
        training,
        faces,
        tagger,
        frozenset(only),
        workers or max(1, min(8, os.cpu_count() or 1)),
        report,
        cancel or threading.Event(),
    )
    by_id = {picture.picture_id: picture for picture in pictures}
    suspects: list[Suspect] = []
    skipped: list[SkippedCheck] = []
    made: list[str] = []
    for number, kind in enumerate(chosen):
        if job.cancel.is_set():
            raise Cancelled(f"The check of {owner.name} was stopped.", hint="Run it again: it goes on where it was.")
        report(Progress("check", number, len(chosen), note=kind))
        try:
            measured = _CHECKS[kind](job)
        except _Skip as reason:
            skipped.append(SkippedCheck(kind, str(reason)))
            continue
        made.append(kind)
        if job.unread:
            skipped.append(SkippedCheck(kind, _tell_unread(job.unread)))
            job.unread.clear()
        worst = [one for one in measured if one.value >= FLAGGED_FROM]
        worst.sort(key=lambda one: (-one.value, by_id[one.picture_id].id))
        suspects += [
            Suspect(by_id[one.picture_id], kind, one.value, one.model, str(one.detail.get("why", ""))) for one in worst
        ]
        if kind != "faces":
            replace_findings(catalog, [kind], list(by_id), measured, subject_id=owner.id if kind in _OF_SUBJECT else 0)
    report(Progress("check", len(chosen), len(chosen), eta_s=0.0))
    return CheckResult(owner, len(pictures), tuple(made), tuple(suspects), tuple(skipped))


def list_suspects(catalog: Catalog, subject: Subject | str) -> list[Suspect]:
    """What earlier checks found, in the order of check_subject, without looking at any picture again.

    Pictures that may not be used are looked up anew, for what is agreed to may have changed since.
    """
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    pictures = {picture.picture_id: picture for picture in select_memberships(catalog, owner, "-role:rejected")}
    unfit = [each for each in find_refused(catalog, owner) if each.membership.picture_id in pictures]
    kept = [
        Measured(each.picture_id, each.kind, each.model, each.value, each.detail)
        for each in findings_of(catalog, owner, [kind for kind in FLAGS if kind != CHECK])
        if each.picture_id in pictures and each.value >= FLAGGED_FROM
    ]
    found = [*measure_refused(catalog, unfit), *kept]
    return [
        Suspect(pictures[one.picture_id], one.kind, one.value, one.model, str(one.detail.get("why", "")))
        for one in sorted(found, key=lambda one: (FLAGS.index(one.kind), -one.value, pictures[one.picture_id].id))
    ]


def _measure(picture: Membership, kind: str, model: str, value: float, why: str, **detail: object) -> Measured:
    return Measured(picture.picture_id, kind, model, round(value, 4), {"why": why, **detail})


def _tell_unread(unread: Mapping[int, tuple[str, str]]) -> str:
    name, why = min(unread.values())
    if len(unread) == 1:
        return f"{name} can't be read: {why}"
    return f"{len(unread)} pictures can't be read; {name}: {why}"


def _find_unfit(job: _Job) -> list[Measured]:
    found = find_refused(job.catalog, job.subject)
    if not found and not taggers_of(job.catalog, [picture.picture_id for picture in job.pictures]):
        raise _Skip(f"no picture has a rating; `loratui tag {shlex.quote(job.subject.name)} --tagger NAME` gives them")
    known = {picture.id for picture in job.pictures}
    return measure_refused(job.catalog, [each for each in found if each.membership.id in known])


def _find_blurred(job: _Job) -> list[Measured]:
    return [
        _measure(
            picture,
            "blur",
            "sharpness/1",
            BLURRED_BELOW / picture.sharpness,
            f"sharpness {picture.sharpness:.3f}, of a sharp photo more than {BLURRED_BELOW}",
        )
        for picture in job.pictures
        # One flat colour is not out of focus; that it is blank was said at import.
        if 0 < picture.sharpness < BLURRED_BELOW and "blank" not in picture.warnings
    ]


def _find_tiny(job: _Job) -> list[Measured]:
    found = []
    for picture in job.pictures:
        scale = job.training.measure(picture.used_width, picture.used_height)
        if scale >= ENLARGED_FROM:
            size = f"{picture.used_width}x{picture.used_height}"
            why = f"{size}, enlarged {scale:.1f} times to train at {job.training.resolution}"
            found.append(_measure(picture, "tiny", f"size/{job.training.resolution}", scale / ENLARGED_FROM, why))
    return found


def _find_dark(job: _Job) -> list[Measured]:
    return [
        _measure(
            picture,
            "dark",
            "luminance/1",
            DARK_BELOW / max(picture.luminance, 0.01),
            f"mean luminance {100 * picture.luminance:.0f} %",
        )
        for picture in job.pictures
        if picture.luminance < DARK_BELOW
    ]


def _find_bright(job: _Job) -> list[Measured]:
    return [
        _measure(
            picture,
            "bright",
            "luminance/1",
            (1 - BRIGHT_FROM) / max(1 - picture.luminance, 0.01),
            f"mean luminance {100 * picture.luminance:.0f} %",
        )
        for picture in job.pictures
        if picture.luminance > BRIGHT_FROM
    ]


def _find_text(job: _Job) -> list[Measured]:
    return _find_tags(job, "text", load_list("lettering"))


def _find_people(job: _Job) -> list[Measured]:
    if job.subject.kind not in _ABOUT_PEOPLE and "people" not in job.named:
        raise _Skip(f"{job.subject.name} is of kind {job.subject.kind}, and several people are no fault there")
    return _find_tags(job, "people", load_list("several_people"), pairs=("1girl", "1boy"))


def _find_tags(job: _Job, kind: str, wanted: frozenset[str], pairs: tuple[str, ...] = ()) -> list[Measured]:
    """Pictures with tags of a list, by a person's word or else a tagger's, or with all of some that go together."""
    picture_ids = {picture.id: picture for picture in job.pictures}
    rules = rules_of(job.catalog, job.subject)
    tagged = list_tagged(job.catalog, job.subject, list(picture_ids), thresholds=thresholds_of(rules))
    if tagged and not any(each.added or each.scored for each in tagged):
        words = explain_untagged(job.catalog, CaptionBook(job.subject, rules, tuple(tagged)))
        raise _Skip(words[:1].lower() + words[1:].removesuffix("."))
    taggers = taggers_of(job.catalog, [picture.picture_id for picture in job.pictures])
    found = []
    for each in tagged:
        removed = {fold_tag(tag) for tag in each.removed}
        by_hand = {fold_tag(tag) for tag in each.added}
        tags = list(dict.fromkeys(tag for tag in map(fold_tag, (*each.added, *each.scored)) if tag not in removed))
        seen = [tag for tag in tags if tag in wanted]
        paired = bool(pairs) and not seen and all(tag in tags for tag in pairs)
        if paired:
            seen = list(pairs)
        if seen:
            picture = picture_ids[each.id]
            model = BY_HAND if by_hand.issuperset(seen) else taggers.get(picture.picture_id, BY_HAND)
            found.append(
                _measure(picture, kind, model, 1.0 if paired else float(len(seen)), ", ".join(seen), tags=seen)
            )
    return found


def _find_strangers(job: _Job) -> list[Measured]:
    # It needs numpy, which the other checks don't.
    from loratui.captions import strangers
    from loratui.captions.tagger import open_tagger

    opened = None if job.tagger is None else open_tagger(job.tagger)
    model = strangers.find_tagger(job.catalog, job.pictures) if opened is None else opened.id
    if opened is not None and opened.has_embedding:
        model = f"{opened.id}/embedding"
        found = strangers.find_strangers_by_embedding(
            job.catalog,
            job.subject,
            job.pictures,
            opened,
            workers=job.workers,
            report=job.report,
            cancel=job.cancel,
            pass_over=job.pass_over,
        )
    elif model:
        found = strangers.find_strangers(job.catalog, job.subject, job.pictures, model, job.cancel)
    else:
        raise _Skip(
            f"no tagger has read the pictures; `loratui tag {shlex.quote(job.subject.name)} --tagger NAME` does"
        )
    pictures = {picture.picture_id: picture for picture in job.pictures}
    return [
        _measure(
            pictures[one.picture_id],
            "other",
            model,
            one.ratio / strangers.MARGIN,
            f"looks like {one.subject} ({one.likeness:.2f}, {one.own_likeness:.2f} like {job.subject.name})",
            subject=one.subject,
            nearest=list(one.nearest),
        )
        for one in found
    ]


def _find_faces(job: _Job) -> list[Measured]:
    if job.subject.kind not in _ABOUT_PEOPLE and "faces" not in job.named:
        raise _Skip(f"{job.subject.name} is of kind {job.subject.kind}, and several faces are no fault there")
    if job.faces is None:
        raise _Skip("it needs YuNet, a face detector: --face-model FOLDER, or face_model in config.toml")
    from loratui.captions.faces import open_detector
    from loratui.captions.headcount import count_faces

    detector = open_detector(job.faces)
    known = list_known(job.catalog, "faces", detector.id, [picture.picture_id for picture in job.pictures])
    done = [Measured(one.picture_id, "faces", one.model, one.value, one.detail) for one in known.values()]
    waiting = [each for each in job.pictures if each.picture_id not in known and each.state == "ok"]
    counted = count_faces(
        job.catalog,
        waiting,
        detector,
        workers=job.workers,
        report=job.report,
        cancel=job.cancel,
        pass_over=job.pass_over,
    )
    return [*done, *counted]


_CHECKS: dict[str, Callable[[_Job], list[Measured]]] = {
    "unfit": _find_unfit,
    "faces": _find_faces,
    "people": _find_people,
    "text": _find_text,
    "blur": _find_blurred,
    "tiny": _find_tiny,
    "dark": _find_dark,
    "bright": _find_bright,
    "other": _find_strangers,
}
