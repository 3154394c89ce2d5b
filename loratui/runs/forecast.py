"""What would become of a training if it were started now: exact steps, estimates, and what speaks against it."""

from __future__ import annotations

import math
import shlex
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from loratui.captions.mixture import tell_mixture
from loratui.captions.rules import fill_in
from loratui.captions.service import rules_of
from loratui.captions.tags import mentions
from loratui.captions.tokens import find_long
from loratui.catalog.consent import list_withheld, refuse_withheld
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import AIM, TOLERANCE, balance
from loratui.catalog.runs import list_runs
from loratui.catalog.subjects import get_subject, require_consent
from loratui.catalog.vectors import count_taggers
from loratui.catalog.vocabulary import TRAINED as TRAINED_ROLES
from loratui.config import load_settings
from loratui.dataset.plan import AIM_STEPS
from loratui.dataset.snapshot import describe_dataset, refuse_unfit
from loratui.errors import LoratuiError, RefusedError
from loratui.runs.bases import check_base
from loratui.runs.devices import sample_devices
from loratui.training.basesize import measure_base
from loratui.training.estimate import Pace, estimate
from loratui.training.planning import plan_recipe
from loratui.training.recipe import SMALL
from loratui.training.sampling import plan_samples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.catalog.rows import Base, Run, Subject
    from loratui.catalog.store import Catalog
    from loratui.dataset.plan import Plan
    from loratui.dataset.snapshot import SnapshotContent
    from loratui.training.basesize import BaseSize
    from loratui.training.estimate import Device, Estimate
    from loratui.training.recipe import Recipe


TRAINED = " OR ".join(f"role:{role}" for role in TRAINED_ROLES)


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something a person should know first; `code` is for scripts and never changes."""

    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class SubjectReport:
    """What there is to train on; `content` is None when nothing can be, and `blockers` say why."""

    subject: Subject
    content: SnapshotContent | None
    doubts: tuple[Doubt, ...]
    blockers: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class BaseReport:
    """A base, its size (None when it can't be counted), and the runs that tell how fast it trains."""

    base: Base
    size: BaseSize | None
    runs: tuple[Run, ...]
    blockers: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it would be trained: memory of the largest card (else of the computer) and free disk, in bytes."""

    device: Device
    name: str
    memory: int
    free_disk: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """A training that was not started. With `blockers` it can't be."""

    recipe: Recipe
    plan: Plan | None
    estimate: Estimate | None
    doubts: tuple[Doubt, ...]
    blockers: tuple[Doubt, ...]


def inspect_machine(catalog: Catalog) -> Machine:
    """Look at the cards, the memory and the disk of the library."""
    free = shutil.disk_usage(catalog.home.data).free
    cards = sample_devices()
    if not cards:
        return Machine("cpu", "", psutil.virtual_memory().total, free)
    largest = max(cards, key=lambda card: card.memory_total or 0)
    return Machine("cuda", largest.name, largest.memory_total or 0, free)


def inspect_base(catalog: Catalog, base: Base) -> BaseReport:
    """Look at the files of a base and at what was trained on it."""
    blockers = []
    size = None
    try:
        check_base(base)
        size = measure_base(Path(base.path))
    except LoratuiError as error:
        blockers.append(Doubt("base", error.message, error.hint))
    known = [run for run in list_runs(catalog) if run.base_id == base.id and run.images_per_s]
    return BaseReport(base, size, tuple(known), tuple(blockers))


def inspect_subject(catalog: Catalog, name: str) -> SubjectReport:
    """Look at the pictures, captions and consent of a subject; duplicates are looked for by `find_twins`."""
    subject = get_subject(catalog, name)
    checks = (
        _check_consent(subject),
        _check_others(catalog, subject),
        _check_fitness(catalog, subject),
        _check_trainer(catalog),
    )
    blockers = [doubt for doubt in checks if doubt]
    try:
        content: SnapshotContent | None = describe_dataset(catalog, subject)
    except LoratuiError as error:
        return SubjectReport(subject, None, (), (*blockers, Doubt("files", error.message, error.hint)))
    if content is None or not content.pictures:
        hint = "Give pictures the role primary or supporting first."
        blockers.append(Doubt("no_pictures", f"{subject.name} has no training pictures.", hint))
        return SubjectReport(subject, None, (), tuple(blockers))
    doubts = [
        *_doubt_roles(catalog, subject),
        *_doubt_captions(catalog, subject, content),
        *_doubt_pictures(catalog, subject),
        *_doubt_ratings(catalog, subject),
    ]
    return SubjectReport(subject, content, tuple(doubts), tuple(blockers))


def inspect_request(
    catalog: Catalog, report: SubjectReport, prompts: Sequence[str] = (), continue_from: str = ""
) -> SubjectReport:
    """The same report with what makes samples of these prompts, or going on from these weights, impossible."""
    from loratui.runs.permission import require_request
    from loratui.runs.preflight import find_weights

    blockers = list(report.blockers)
    subject, weights = report.subject, None
    try:
        weights = find_weights(catalog, continue_from) if continue_from else None
        require_request(catalog, subject, (), weights)
    except LoratuiError as error:
        blockers.append(Doubt("weights", error.message, error.hint))
        weights = None
    for prompt in dict.fromkeys(prompts):
        try:
            # How large the samples are decides nothing here.
            planned = plan_samples([prompt], trigger=subject.trigger, class_word=subject.class_word, resolution=SMALL)
            require_request(catalog, subject, planned.prompts if planned else (), weights)
        except LoratuiError as error:
            blockers.append(Doubt("prompt", error.message, error.hint))
    return replace(report, blockers=tuple(dict.fromkeys(blockers)))


def find_twins(catalog: Catalog, subject: Subject | str) -> list[Doubt]:
    """Doubts when training pictures look alike and nobody has said what to do: copies, and what only may be some."""
    from loratui.catalog.dedupe import find_groups

    groups = [
        group
        for group in find_groups(catalog, subject)
        if sum(picture.role in TRAINED_ROLES for picture in group.pictures) > 1
    ]
    near = sum(group.tier == "near" for group in groups)
    found = []
    if sure := len(groups) - near:
        waiting = _count(sure, "group of duplicates waits", "groups of duplicates wait")
        message = f"{waiting} among the training pictures."
        found.append(Doubt("duplicates", message, "They count double: resolve them first."))
    if near:
        alike = _count(near, "group of training pictures looks", "groups of training pictures look")
        found.append(Doubt("alike", f"{alike} much alike.", "If they are copies, they count double: have a look."))
    return found


def forecast(
    subject: SubjectReport, base: BaseReport, machine: Machine, recipe: Recipe, more_doubts: Sequence[Doubt] = ()
) -> Forecast:
    """Plan and estimate; computes only, so it may be asked again at every change of the recipe."""
    blockers = [*subject.blockers, *base.blockers]
    doubts = [*subject.doubts, *more_doubts]
    plan = None
    if subject.content is not None:
        try:
            plan = plan_content(subject.content, recipe)
        except LoratuiError as error:
            blockers.append(Doubt("plan", error.message, error.hint))
    if plan is None:
        return Forecast(recipe, None, None, tuple(doubts), tuple(blockers))
    # A model as small as the shipped one learns in a tenth of the steps.
    enough = AIM_STEPS // 10 if recipe.resolution < SMALL else AIM_STEPS
    if plan.total_steps < enough:
        short = f"{_count(plan.total_steps, 'step', 'steps')} may be too few to learn a subject."
        hint = f"{enough:,} need {math.ceil(enough / plan.steps_per_epoch)} epochs." if plan.steps_per_epoch else ""
        doubts.insert(0, Doubt("few_steps", short, hint))
    guess = estimate_plan(plan, base, machine, recipe)
    if guess is not None:
        blockers += _block_on_space(guess, machine)
        doubts += _doubt_memory(guess, machine)
    return Forecast(recipe, plan, guess, tuple(doubts), tuple(blockers))


def plan_content(content: SnapshotContent, recipe: Recipe) -> Plan:
    """The exact steps that our trainer will take; raises like `make_plan`."""
    return plan_recipe([(*picture.used_size, picture.repeats) for picture in content.pictures], recipe)


def estimate_plan(plan: Plan, base: BaseReport, machine: Machine, recipe: Recipe) -> Estimate | None:
    """The estimate for a plan; None for a base that can't be counted."""
    if base.size is None:
        return None
    return estimate(base.size, recipe, plan, device=machine.device, pace=find_pace(base.runs, recipe))


def find_pace(runs: Sequence[Run], recipe: Recipe) -> Pace | None:
    """The pace of the run most like this recipe, of equals the newest."""
    alike = ("resolution", "batch_size", "gradient_checkpointing", "precision")

    def distance(run: Run) -> tuple[int, int]:
        return sum(run.recipe.get(name) != getattr(recipe, name) for name in alike), -run.id

    usable = [run for run in runs if run.images_per_s and isinstance(run.recipe.get("resolution"), int)]
    if not usable:
        return None
    best = min(usable, key=distance)
    return Pace(best.name, best.images_per_s or 0.0, best.recipe["resolution"])


def _check_consent(subject: Subject) -> Doubt | None:
    try:
        require_consent(subject)
    except LoratuiError as error:
        return Doubt("consent", error.message, error.hint)
    return None


def _check_others(catalog: Catalog, subject: Subject) -> Doubt | None:
    try:
        refuse_withheld(subject, list_withheld(catalog, subject))
    except RefusedError as error:
        return Doubt("shared_consent", error.message, error.hint)
    return None


def _check_fitness(catalog: Catalog, subject: Subject) -> Doubt | None:
    try:
        refuse_unfit(catalog, subject)
    except RefusedError as error:
        return Doubt("unfit", error.message, error.hint)
    return None


def _check_trainer(catalog: Catalog) -> Doubt | None:
    from loratui.runs.preflight import check_trainer_installed

    if load_settings(catalog.home).trainer:
        return None
    try:
        check_trainer_installed()
    except LoratuiError as error:
        return Doubt("trainer", error.message, error.hint)
    return None


def _doubt_roles(catalog: Catalog, subject: Subject) -> list[Doubt]:
    weights = balance(catalog, subject)
    found = []
    if not weights.primary:
        hint = "Mark the clear and characteristic ones as primary."
        found.append(Doubt("no_primary", "No picture is primary.", hint))
    elif weights.ratio is not None and abs(weights.ratio / AIM - 1) > TOLERANCE:
        found.append(
            Doubt(
                "ratio",
                f"Primary to supporting is {weights.ratio:.1f} to 1; {AIM:.0f} to 1 is a good aim.",
                f"Repeats {weights.proposed_primary_repeats} and {weights.proposed_supporting_repeats} come near it.",
            )
        )
    if waiting := weights.roles["inbox"].pictures:
        found.append(
            Doubt(
                "inbox",
                f"{_count(waiting, 'picture in the inbox is', 'pictures in the inbox are')} left out.",
                "Sort them: primary, supporting or rejected.",
            )
        )
    return found


def _doubt_captions(catalog: Catalog, subject: Subject, content: SnapshotContent) -> list[Doubt]:
    prefix = fill_in(rules_of(catalog, subject).prefix, subject).rstrip(", ")
    without = [picture.name for picture in content.pictures if not mentions(picture.caption, subject.trigger)]
    bare = [picture.name for picture in content.pictures if picture.caption in ("", prefix)]
    found = []
    if without:
        found.append(
            Doubt(
                "trigger",
                f"{_count(len(without), 'caption lacks', 'captions lack')} the trigger {subject.trigger}, "
                f"such as that of {without[0]}.",
                "What is in such pictures is not tied to the trigger.",
            )
        )
    if long := find_long((picture.name, picture.caption) for picture in content.pictures):
        found.append(Doubt("long_captions", long.message, long.hint))
    if mixture := tell_mixture(catalog, subject):
        said, _, way_on = mixture.partition("; ")
        found.append(Doubt("mixed_tags", f"{said}.", way_on))
    if bare and subject.kind != "style":
        found.append(
            Doubt(
                "untagged",
                f"{_count(len(bare), 'picture has', 'pictures have')} no tags, such as {bare[0]}.",
                "Whatever is not named sinks into the trigger.",
            )
        )
    return found


def _doubt_pictures(catalog: Catalog, subject: Subject) -> list[Doubt]:
    trained = select_memberships(catalog, subject, TRAINED)
    blank = [picture.name for picture in trained if "blank" in picture.warnings]
    if not blank:
        return []
    return [
        Doubt(
            "blank",
            f"{_count(len(blank), 'training picture is', 'training pictures are')} blank, such as {blank[0]}.",
            "Reject them: one flat colour teaches nothing.",
        )
    ]


def _doubt_ratings(catalog: Catalog, subject: Subject) -> list[Doubt]:
    """For a person alone: of all others a picture without a rating is as good as any."""
    if subject.kind != "person":
        return []
    unrated = select_memberships(catalog, subject, f"({TRAINED}) rated:none")
    if not unrated:
        return []
    message = f"{_count(len(unrated), 'training picture was', 'training pictures were')} never rated by a tagger."
    tags = f"`loratui tag {shlex.quote(subject.name)} --tagger NAME`"
    hint = f"Sexual pictures of a person are refused; {tags} finds them."
    if read := count_taggers(catalog, [picture.picture_id for picture in unrated]):
        names = " and ".join(dict.fromkeys(tagger.rpartition("@")[0] or tagger for tagger in read))
        give = "gives" if len(read) == 1 else "give"
        message = f"{_count(len(unrated), 'training picture has', 'training pictures have')} no rating: {names} {give} "
        message += "none."
        hint = (
            f"Sexual pictures of a person are refused; {tags} with a tagger that rates, such as a WD one, finds them."
        )
    return [Doubt("unrated", message, hint)]


def _block_on_space(guess: Estimate, machine: Machine) -> list[Doubt]:
    if guess.disk_bytes <= machine.free_disk:
        return []
    needs = f"It needs about {guess.disk_bytes / 1e6:,.0f} MB of disk; {machine.free_disk / 1e6:,.0f} MB are free."
    return [Doubt("disk", needs, "Free some space, save fewer epochs or use a smaller rank.")]


def _doubt_memory(guess: Estimate, machine: Machine) -> list[Doubt]:
    if not machine.memory or guess.vram_most <= machine.memory:
        return []
    where = machine.name or "This computer"
    may = "will hardly" if guess.vram_least > machine.memory else "may not"
    return [
        Doubt(
            "memory",
            f"{where} has {machine.memory / 1e9:.1f} GB; it {may} be enough.",
            "A smaller batch, a smaller resolution or gradient_checkpointing needs less.",
        )
    ]


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
