"""How balance and steps are said: aligned lines with bars of glyphs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from loratui.tui.text import count, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from loratui.catalog.roles import Balance, RoleCounts
    from loratui.runs.steps import SubjectPlan
    from loratui.tui.theme import Glyphs

BAR = 16
_GAUGE, _GAUGE_TO = 41, 4.0
_BUCKETS, _BUCKET_BAR = 8, 12
_IDLE = ("inbox", "holdout", "rejected")

Line = Content


def draw_influence(
    found: Balance, counts: RoleCounts, glyphs: Glyphs, aim: float, key: Callable[[str], str]
) -> Content:
    """Bars per role, the ratio against the aim, and what would bring it there."""
    head = f"{'pictures':>22}{'repeats':>9}{'samples':>9}{'share':>8}"
    lines = [Content.styled("Influence", "bold"), Content.styled(head, "$foreground-muted")]
    largest = max((role.share for role in found.roles.values()), default=0.0) or 1.0
    repeats = {"primary": found.primary_repeats, "supporting": found.supporting_repeats}
    for role, style in (("primary", "$text-success"), ("supporting", "$text-primary")):
        one = found.roles[role]
        bar = glyphs.bar * round(BAR * one.share / largest)
        numbers = (
            f"{role:<12}{one.pictures:>10,}{'x' + str(repeats[role]):>9}{one.samples:>9,}{100 * one.share:>6.0f} %"
        )
        lines.append(Content.assemble(numbers, "  ", (bar, style)))
    idle = [f"{found.roles[role].pictures:,} {role}" for role in _IDLE if found.roles[role].pictures]
    if idle:
        lines.append(Content.styled(f"not in training: {', '.join(idle)}", "$foreground-muted"))
    if counts.set_apart:
        has = "has" if counts.set_apart == 1 else "have"
        lines.append(
            Content.styled(f"{count(counts.set_apart, 'picture')} {has} repeats of their own", "$foreground-muted")
        )
    return _join([*lines, Content(""), *_draw_ratio(found, glyphs, aim), Content(""), _propose(found, glyphs, key)])


def _draw_ratio(found: Balance, glyphs: Glyphs, aim: float) -> list[Content]:
    if found.ratio is None:
        words = "no supporting pictures yet" if found.primary else "no training pictures yet"
        return [Content.assemble(("Ratio", "bold"), f"  -   {words}")]
    end = _GAUGE - 1
    at = round(min(found.ratio, _GAUGE_TO) / _GAUGE_TO * end)
    mark = round(aim / _GAUGE_TO * end)
    cells = [glyphs.bar if place <= at else glyphs.bar_rest for place in range(_GAUGE)]
    scale = [" "] * (_GAUGE + 1)
    for whole in range(int(_GAUGE_TO) + 1):
        scale[round(whole / _GAUGE_TO * end)] = str(whole)
    pointer = " " * mark + f"{glyphs.up} aim"
    return [
        Content.assemble(("Ratio", "bold"), f"  {found.ratio:.2f}", ("   primary to supporting", "$foreground-muted")),
        Content.styled("".join(scale).rstrip(), "$foreground-muted"),
        Content.assemble(("".join(cells[: at + 1]), "$primary"), ("".join(cells[at + 1 :]), "$foreground-muted")),
        Content.styled(pointer, "$foreground-muted"),
    ]


def _propose(found: Balance, glyphs: Glyphs, key: Callable[[str], str]) -> Content:
    if found.ratio is None:
        roles = f"{key('picture.primary')} and {key('picture.supporting')} set the role"
        words = f"Give pictures both roles: {key('subject.pictures')} shows them, {roles}."
        return Content.styled(words, "$foreground-muted")
    if not found.changes:
        return Content.styled(f"{glyphs.yes} these repeats are as near to the aim as it gets", "$text-success")
    ratio = "-" if found.proposed_ratio is None else f"{found.proposed_ratio:.2f}"
    words = f"primary x{found.proposed_primary_repeats}, supporting x{found.proposed_supporting_repeats}"
    more = " and takes back repeats set one by one" if found.clears_own_repeats else ""
    return Content.assemble(
        (f"{glyphs.arrow} {key('balance.apply')} sets {words}", "bold $text-accent"), f"{more}: ratio {ratio}"
    )


def draw_steps(found: SubjectPlan | None, trouble: Sequence[str], glyphs: Glyphs) -> Content:
    """Buckets, batches and steps of a plan; or in words why there is none."""
    title = Content.styled("Steps", "bold")
    if found is None:
        return _join([title, *(Content(plain(line)) for line in trouble or ("Counting...",))])
    plan, recipe = found.plan, found.recipe
    says = f"   {plain(found.base.name)} at {recipe.resolution} px, batches of {recipe.batch_size}"
    if recipe.accumulation > 1:
        says += f", {recipe.accumulation} a step"
    lines = [Content.assemble(title, (says, "$foreground-muted"))]
    lines.append(Content.styled(f"{'bucket':<12}{'pictures':>10}{'samples':>9}", "$foreground-muted"))
    largest = max((bucket.samples for bucket in plan.buckets), default=1)
    shown = sorted(plan.buckets, key=lambda bucket: -bucket.samples)
    for bucket in shown[:_BUCKETS]:
        bar = glyphs.bar * max(1, round(_BUCKET_BAR * bucket.samples / largest))
        size = f"{bucket.width}x{bucket.height}"
        lines.append(
            Content.assemble(f"{size:<12}{bucket.pictures:>10,}{bucket.samples:>9,}  ", (bar, "$text-secondary"))
        )
    if more := shown[_BUCKETS:]:
        samples = sum(bucket.samples for bucket in more)
        pictures = sum(bucket.pictures for bucket in more)
        lines.append(Content.styled(f"{f'{len(more)} more':<12}{pictures:>10,}{samples:>9,}", "$foreground-muted"))
    totals = (
        ("samples an epoch", f"{plan.samples_per_epoch:,}"),
        ("batches an epoch", f"{plan.batches_per_epoch:,}"),
        ("steps an epoch", f"{plan.steps_per_epoch:,}"),
        (count(plan.epochs, "epoch"), f"{count(plan.total_steps, 'step')}"),
        ("1,500 steps take", count(plan.epochs_for_1500_steps, "epoch") if plan.steps_per_epoch else "-"),
    )
    lines.append(Content(""))
    lines += [Content.assemble((f"{name:<18}", "$foreground-muted"), value) for name, value in totals]
    notes = list(plan.notes)
    if found.lost:
        notes.insert(0, f"{count(found.lost, 'training picture')} missing or damaged: a training would not start.")
    lines += [Content.styled(f"{glyphs.warn} {note}", "$foreground-muted") for note in notes]
    return _join(lines)


def _join(lines: Sequence[Content]) -> Content:
    return Content("\n").join(lines)
