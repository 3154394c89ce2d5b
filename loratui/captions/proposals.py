"""Proposing roles: the pictures to learn the looks from, and those that keep the LoRA flexible, each with reasons."""

from __future__ import annotations

import shlex
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from loratui.captions.clearness import USUAL, TrainingSize
from loratui.captions.picking import CHECKS, NOVELTY, Candidate, Variety, weigh_candidates
from loratui.captions.ratings import find_refused
from loratui.captions.samey import find_samey
from loratui.captions.survey import CANDIDATES, survey
from loratui.catalog.dedupe import find_groups
from loratui.catalog.findings import findings_of
from loratui.catalog.flags import FLAGGED_FROM
from loratui.catalog.moments import find_moments
from loratui.catalog.naming import tell_apart
from loratui.catalog.query import get_memberships
from loratui.catalog.roles import AIM, assign_roles
from loratui.catalog.subjects import get_subject
from loratui.catalog.vectors import count_taggers
from loratui.catalog.vocabulary import TRAINED
from loratui.errors import UsageError
from loratui.events import Report, ignore_progress

if TYPE_CHECKING:
    import threading
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from loratui.captions.picking import Feature
    from loratui.captions.samey import Sameness
    from loratui.catalog.roles import Balance
    from loratui.catalog.rows import Subject
    from loratui.catalog.store import Catalog

# Of what a supporting picture adds, this much is worth saying.
_REASONS = 3
_FEW = 3
_GOOD_VIEW = 0.8
_UNKNOWN_GAIN = 0.02


@dataclass(frozen=True, slots=True)
class Pick:
    """A picture that is proposed for a role, with the reasons; `kept` ones have the role already.

    `score` is what it was chosen by: the higher the better, about 0 to 1.
    """

    id: int
    name: str
    role: str
    score: float
    reasons: tuple[str, ...]
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Skip:
    """A picture that is not proposed, why, and the id of the picture that it repeats, if it does."""

    id: int
    name: str
    reason: str
    repeats: int | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Roles for the pictures of a subject; nothing is changed until it is accepted.

    `changes` says for each id which role it has and which it would get. `remarks` are sentences about the whole.
    """

    subject: Subject
    primary: tuple[Pick, ...]
    supporting: tuple[Pick, ...]
    skipped: tuple[Skip, ...]
    changes: dict[int, tuple[str, str]]
    remarks: tuple[str, ...]

    def without(self, ids: Collection[int]) -> Proposal:
        """The same, but these pictures keep the role they have."""
        return replace(self, changes={id_: roles for id_, roles in self.changes.items() if id_ not in ids})


def propose_roles(
    catalog: Catalog,
    subject: Subject | str,
    primary: int = 25,
    supporting: int = 50,
    *,
    again: bool = False,
    training: TrainingSize = USUAL,
    report: Report = ignore_progress,
    cancel: threading.Event | None = None,
) -> Proposal:
    """Propose primary pictures for clearness, view and what is typical, and supporting ones for variety.

    The numbers are how many of each there should be, those that a person chose before included: they stay, unless
    `again` lets all pictures in training start from the inbox. Holdouts and rejected pictures are left alone. Of
    near-duplicates and of pictures that show the same scene at most one is proposed. The same library gives the
    same proposal. Pictures that the `training` would blow up much are not clear. Raises Cancelled.
    """
    if primary < 0 or supporting < 0:
        raise UsageError("There can't be fewer than no pictures.", hint="Say how many with --primary and --supporting.")
    owner = get_subject(catalog, subject) if isinstance(subject, str) else subject
    seen = survey(catalog, owner, CANDIDATES, all_tags=True)
    groups = find_groups(catalog, owner, report=report, cancel=cancel)
    doubles = [tuple(member.id for member in group.pictures) for group in groups]
    names = {member.id: member.name for group in groups for member in group.pictures}
    held = {member.id for group in groups for member in group.pictures if member.role == "holdout"}
    sameness = find_samey(seen, doubles, lambda ids: find_moments(catalog, ids))
    names |= {one.id: one.picture.name for one in seen}
    if len(set(names.values())) < len(names):
        names = tell_apart(get_memberships(catalog, list(names)))
    flags: dict[int, set[str]] = defaultdict(set)
    for finding in findings_of(catalog, owner, CHECKS):
        if finding.value >= FLAGGED_FROM:
            flags[finding.picture_id].add(finding.kind)
    candidates = weigh_candidates(seen, owner.kind, training, flags)
    picker = _Picker(candidates, doubles, sameness, names)
    picker.refuse({unfit.membership.id: unfit.why for unfit in find_refused(catalog, owner, CANDIDATES)})
    picker.hold(held)
    if not again:
        for role in TRAINED:
            picker.keep(role)
    picker.pick_primaries(primary)
    picker.pick_supporting(supporting)
    is_read = bool(count_taggers(catalog, [one.picture.picture_id for one in seen]))
    return picker.conclude(owner, primary, supporting, is_read=is_read)


def accept_proposal(catalog: Catalog, proposal: Proposal) -> int:
    """Give the pictures the proposed roles, as one step that undo takes back; returns how many changed.

    Raises ConflictError when roles have changed since it was made.
    """
    return assign_roles(catalog, proposal.subject, proposal.changes, label="proposed roles")


def tell_balance(subject: str, found: Balance) -> str:
    """Where the roles of a subject leave its balance, and the verb that comes next, in one sentence."""
    name = shlex.quote(subject)
    if found.ratio is None or not found.primary:
        role = "supporting" if found.primary else "primary"
        return f"There is no {role} picture to balance with; `loratui coverage {name}` shows what is missing."
    now = f"Primary to supporting is {found.ratio:.2f}"
    if found.changes:
        return f"{now}, not {AIM:g}: `loratui balance {name} --apply` makes it {found.proposed_ratio or 0:.2f}."
    if found.is_off:
        return f"{now}, as near to {AIM:g} as repeats bring it; `loratui coverage {name}` shows what is missing."
    return f"{now}, about {AIM:g} as it should be; `loratui coverage {name}` shows what is missing."


class _Block(NamedTuple):
    """Why a picture can't be picked: mostly because another one stands for it."""

    by: int | None
    words: str


class _Picker:
    def __init__(
        self,
        candidates: Sequence[Candidate],
        doubles: Sequence[tuple[int, ...]],
        sameness: Sameness,
        names: dict[int, str],
    ) -> None:
        import numpy as np

        self.candidates = candidates
        self.names = names
        self.rows = {one.id: row for row, one in enumerate(candidates)}
        self.variety = Variety(candidates)
        self.picks: dict[int, Pick] = {}
        self.blocked: dict[int, _Block] = {}
        self.open = np.array([one.may_be_picked and one.seen.picture.state == "ok" for one in candidates], dtype=bool)
        self._doubles: dict[int, tuple[int, ...]] = {id_: group for group in doubles for id_ in group}
        clusters = {id_: cluster.ids for cluster in sameness.clusters for id_ in cluster.ids}
        self._clusters: dict[int, tuple[int, ...]] = clusters
        self.repeated = sameness.repeats_of

    def refuse(self, unfit: Mapping[int, str]) -> None:
        """Leave out what may not be trained on, each with the reason."""
        for id_, why in sorted(unfit.items()):
            self._block(id_, _Block(None, f"may not be used: {why}"))

    def hold(self, ids: Iterable[int]) -> None:
        """Keep what looks like a picture that is held out for judging from being trained on."""
        for id_ in sorted(ids):
            for other in self._doubles[id_]:
                self._block(other, _Block(id_, f"nearly the same as {self.names[id_]}, which is held out"))

    def keep(self, role: str) -> None:
        """Leave pictures that have a role with it."""
        for row, one in enumerate(self.candidates):
            if one.seen.picture.role == role:
                self.blocked.pop(one.id, None)
                self._pick(row, role, one.primary if role == "primary" else one.quality, ("chosen before",), kept=True)

    def pick_primaries(self, count: int) -> None:
        import numpy as np

        fit = np.array([one.may_be_primary for one in self.candidates], dtype=bool)
        scores = np.array([one.primary for one in self.candidates], dtype=np.float64)
        for _ in range(count - self._count("primary")):
            row = self._best(scores + NOVELTY * self.variety.gains(), fit)
            if row is None:
                return
            self._pick(row, "primary", float(scores[row]), tuple(_praise(self.candidates[row])))

    def pick_supporting(self, count: int) -> None:
        import numpy as np

        quality = np.array([one.quality for one in self.candidates], dtype=np.float64)
        for _ in range(count - self._count("supporting")):
            gains = self.variety.gains()
            # Of those that add nothing known, the clearer ones.
            row = self._best(quality * (_UNKNOWN_GAIN + gains), np.ones(len(self.candidates), dtype=bool))
            if row is None:
                return
            one = self.candidates[row]
            reasons = tuple(_say_news(one, {feature: self.variety.count(feature) for feature in one.features}))
            self._pick(row, "supporting", float(quality[row] * gains[row]), reasons)

    def conclude(self, owner: Subject, primary: int, supporting: int, *, is_read: bool) -> Proposal:
        changes: dict[int, tuple[str, str]] = {}
        skipped = []
        for one in self.candidates:
            role = one.seen.picture.role
            wanted = self.picks[one.id].role if one.id in self.picks else "inbox"
            if wanted != role:
                changes[one.id] = (role, wanted)
            if one.id not in self.picks:
                skipped.append(self._explain(one))
        chosen = {role: tuple(pick for pick in self.picks.values() if pick.role == role) for role in TRAINED}
        remarks = self._remark({"primary": primary, "supporting": supporting}, is_read=is_read)
        return Proposal(owner, chosen["primary"], chosen["supporting"], tuple(skipped), changes, tuple(remarks))

    def _best(self, scores: NDArray[np.float64], fit: NDArray[np.bool_]) -> int | None:
        import numpy as np

        usable = self.open & fit
        if not usable.any():
            return None
        # Rounded, so that no machine's arithmetic decides between equals: the picture added first does.
        return int(np.argmax(np.where(usable, np.round(scores, 9), -1.0)))

    def _pick(self, row: int, role: str, score: float, reasons: tuple[str, ...], *, kept: bool = False) -> None:
        one = self.candidates[row]
        self.picks[one.id] = Pick(one.id, one.seen.picture.name, role, round(score, 4), reasons, kept)
        self.open[row] = False
        self.variety.add(row)
        name = self.names[one.id]
        for other in self._doubles.get(one.id, ()):
            self._block(other, _Block(one.id, f"nearly the same as {name}"))
        for other in self._clusters.get(one.id, ()):
            self._block(other, _Block(one.id, f"shows the same as {name}: it teaches nothing new"))

    def _block(self, id_: int, block: _Block) -> None:
        if id_ in self.rows and id_ not in self.picks:
            self.open[self.rows[id_]] = False
            self.blocked.setdefault(id_, block)

    def _count(self, role: str) -> int:
        return sum(pick.role == role for pick in self.picks.values())

    def _explain(self, one: Candidate) -> Skip:
        picture = one.seen.picture
        block = self.blocked.get(one.id)
        if picture.state != "ok":
            words = f"its file is {picture.state}"
        elif one.is_poor:
            words = ", ".join(one.clearness.faults) or "much less clear than the others"
        elif picture.rating == 1:
            words = "you gave it one star"
        elif block is not None:
            return Skip(one.id, picture.name, block.words, block.by)
        elif one.stranger:
            words = "it looks like another subject's"
        elif one.others:
            words = "others are in the picture too"
        elif not one.seen.tagged:
            words = "others are clearer, and no tag tells what it adds"
        else:
            least = min(one.features, key=self.variety.count)
            count = self.variety.count(least)
            words = f"adds little: what is rarest in it, {least.words}, is in {count} of those picked"
            if not count:
                words = f"there was no place left, though none of those picked is {least.words}"
        return Skip(one.id, picture.name, words)

    def _remark(self, wanted: dict[str, int], *, is_read: bool) -> Iterable[str]:
        untagged = sum(not one.seen.tagged for one in self.candidates)
        if untagged:
            who = f"{untagged} pictures have no" if untagged > 1 else "One picture has no"
            if untagged == len(self.candidates):
                who = "No picture has"
            # Where a tagger has read pictures, reading them again tells no more.
            helps = "`loratui tag` reads what pictures show."
            if is_read:
                helps = "`loratui overrule` tells it where the tagger could not."
            yield f"{who} tags that tell framing, face or place: size, sharpness and light decide there. {helps}"
        for role, count in wanted.items():
            there = self._count(role)
            if there > count:
                yield f"{there} pictures are {role} already, more than {count}; --again chooses anew."
            elif there < count:
                why = "clear enough, alone and seen well" if role == "primary" else "clear enough and something new"
                yield f"{there} {role} instead of {count}: no other picture is {why}."
        kept: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for pick in self.picks.values():
            if pick.kept and pick.id in self._doubles:
                kept[self._doubles[pick.id]].append(self.names[pick.id])
        for same in kept.values():
            if len(same) > 1:
                yield f"{' and '.join(same)} were chosen before, though they are nearly the same."


def _praise(one: Candidate) -> Iterable[str]:
    """What speaks for a primary picture."""
    picture = one.seen.picture
    if picture.rating >= 3:
        yield f"you gave it {picture.rating} stars"
    together = next((feature for feature in one.features if feature.facet == "framing x angle"), None)
    if together is not None:
        yield f"{'a good view' if one.view >= _GOOD_VIEW else 'seen'}: {together.words}"
    elif one.seen.tagged:
        yield "no tag tells how much of it is seen"
    else:
        yield "for its size and sharpness: no tag tells what it shows"
    size = f"{picture.used_width}x{picture.used_height}"
    yield f"{'clear' if not one.clearness.faults else ', '.join(one.clearness.faults)}: {size}" + (
        f", sharpness {picture.sharpness:.2f}" if picture.sharpness else ""
    )
    if one.shown:
        yield f"typical: {', '.join(one.shown[:4])}" + (f" and {len(one.shown) - 4} more" if len(one.shown) > 4 else "")


def _say_news(one: Candidate, counts: dict[Feature, int]) -> Iterable[str]:
    """What a supporting picture adds to those picked before it, the newest first."""
    if not counts:
        return ["for its size and sharpness: no tag tells what it shows"]
    ranked = sorted(counts, key=lambda feature: counts[feature])
    # What is new by itself is said, not again with what it stands beside.
    news = [feature for feature in ranked if not counts[feature]]
    single = {feature.value for feature in news if feature.facet in ("framing", "angle")}
    news = [one for one in news if one.facet != "framing x angle" or not single & set(one.value.split("/"))]
    if news:
        return [f"the first {feature.words}" for feature in news[:_REASONS]]
    rare = [feature for feature in ranked if counts[feature] <= _FEW]
    if rare:
        return [
            f"only {counts[feature]} others {feature.words}"
            if counts[feature] > 1
            else f"only one other {feature.words}"
            for feature in rare[:_REASONS]
        ]
    least = ranked[0]
    return [f"more variety: {counts[least]} others {least.words}", *one.clearness.faults]
