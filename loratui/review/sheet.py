"""Comparison sheets of a run: planned in the catalog, rendered by a sampler, drawn as one labelled picture."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.catalog.bases import get_base_by_id
from loratui.catalog.runs import get_run, list_checkpoints
from loratui.catalog.sheets import PlannedCell, create_sheet, get_sheet, list_cells, record_cells
from loratui.catalog.snapshots import get_snapshot
from loratui.dataset.snapshot import parse_content
from loratui.errors import LoratuiError, NotFoundError, UsageError
from loratui.events import Progress
from loratui.review.contact import Block, Column, draw_contact
from loratui.review.infotext import is_finished
from loratui.review.prompts import default_prompts, drop_repeats
from loratui.review.render import find_missing, render
from loratui.review.request import CellRequest, LoraFile, SampleSettings, cell_key, cell_path, make_request
from loratui.runs.permission import require_permission
from loratui.training.sampling import SAMPLERS, check_placeholders, choose_sampling, fill_placeholders

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Sequence

    from loratui.catalog.rows import Base, Cell, Checkpoint, Run, Sheet
    from loratui.catalog.store import Catalog
    from loratui.dataset.snapshot import SnapshotContent
    from loratui.events import Report
    from loratui.review.request import SheetRequest

RECORD_S = 1.0
"""While a sheet renders, what has become ready is put on record at most this often."""


@dataclass(frozen=True, slots=True)
class SheetResult:
    """A finished sheet: its row, the first page of the labelled picture, all pages, and the cells by LoRA."""

    sheet: Sheet
    contact: Path
    pages: tuple[Path, ...]
    cells: list[Cell]
    rendered: int
    """Images that this call had to make; the others were there."""


@dataclass(frozen=True, slots=True)
class SheetForecast:
    """How many epochs, prompts and seeds a sheet would show, and how many of its images are not there yet."""

    epochs: int
    prompts: int
    seeds: int
    images: int
    missing: int


@dataclass(frozen=True, slots=True)
class _Variant:
    """A column of the sheet: a checkpoint at a weight, or the base alone."""

    checkpoint: Checkpoint | None
    weight: float

    @property
    def lora(self) -> LoraFile | None:
        if self.checkpoint is None:
            return None
        path = Path(self.checkpoint.path)
        return LoraFile(str(path), path.stem, self.checkpoint.autov3)

    def cell(self, prompt: str, negative: str, seed: int) -> CellRequest:
        """The image of this column for a prompt and a seed."""
        return CellRequest(prompt, seed, negative, self.lora, self.weight).normalised()


def default_settings(base: Base) -> SampleSettings:
    """What a base is usually sampled with, at its native size."""
    usual = choose_sampling(base.resolution)
    return SampleSettings(base.resolution, base.resolution, usual.steps, usual.cfg, usual.sampler)


def make_sheet(
    catalog: Catalog,
    run: Run | str,
    *,
    prompts: Sequence[str] | None = None,
    negative: str = "",
    seeds: Sequence[int] = (1, 2, 3, 4),
    weights: Sequence[float] = (1.0,),
    epochs: Sequence[int] | None = None,
    include_none: bool = True,
    settings: SampleSettings | None = None,
    report: Report,
    cancel: threading.Event | None = None,
    planned: Callable[[Sheet], None] | None = None,
) -> SheetResult:
    """Render prompts x seeds without a LoRA and for the run's checkpoints, and draw the labelled sheet.

    `prompts` may hold `{trigger}` and `{class}`; None takes the trigger alone and two training captions. `epochs`
    None takes every checkpoint that is still there. Images that an earlier sheet of the run has made the same way
    are used again, so an interrupted sheet goes on where it was. `planned` is told of the sheet once it is in the
    library; its images are put on record as they become ready. Raises NotFoundError for an epoch without a
    checkpoint, RefusedError for a prompt that asks what the subject may not show and for a run that may not be used
    (any longer), such as of a person without consent, and what `render` raises; finished images are on record then
    too.
    """
    found = get_run(catalog, run) if isinstance(run, str) else run
    layout = _lay_out(catalog, found, prompts, negative, seeds, weights, epochs, include_none, settings)
    base, content, sampling, request = layout.base, layout.content, layout.settings, layout.request
    variants, texts, chosen_seeds = layout.variants, layout.prompts, layout.seeds
    sheet = create_sheet(
        catalog,
        run_id=found.id,
        run_name=found.name,
        folder=found.name,
        settings=_describe(base, sampling, texts, negative, chosen_seeds, variants),
        cells=_plan(request, variants),
    )
    folder = Path(sheet.folder)
    if planned is not None:
        planned(sheet)
    missing = find_missing(folder, request)
    landing = _Landing(catalog, sheet, request, set(missing), report)
    try:
        render(folder, base, layout.cells, sampling, report=landing.report, cancel=cancel)
    finally:
        # Also when it failed or was stopped: what is there is there.
        left = set(find_missing(folder, request))
        record_cells(catalog, sheet.id, {key: cell_path(folder, key) for key in request.cells if key not in left})
    report(Progress("sheet", 0, 1))
    blocks = [
        Block(
            text,
            chosen_seeds,
            tuple(
                tuple(
                    cell_path(folder, cell_key(request.base, sampling, variant.cell(text, negative, seed)))
                    for variant in variants
                )
                for seed in chosen_seeds
            ),
        )
        for text in texts
    ]
    pages = draw_contact(
        folder / f"{sheet.name}.png",
        title=f"{content.subject}   ·   {found.name}",
        subtitle=_summarize(base, sampling, negative),
        columns=[_label(variant, weights) for variant in variants],
        blocks=blocks,
        size=(sampling.width, sampling.height),
    )
    report(Progress("sheet", 1, 1))
    return SheetResult(
        get_sheet(catalog, sheet.id), pages[0], tuple(pages), list_cells(catalog, sheet.id), len(missing)
    )


def foresee_sheet(
    catalog: Catalog,
    run: Run | str,
    *,
    prompts: Sequence[str] | None = None,
    negative: str = "",
    seeds: Sequence[int] = (1, 2, 3, 4),
    weights: Sequence[float] = (1.0,),
    epochs: Sequence[int] | None = None,
) -> SheetForecast:
    """What `make_sheet` would show and render, without doing it; raises what that raises before it renders."""
    found = get_run(catalog, run) if isinstance(run, str) else run
    layout = _lay_out(catalog, found, prompts, negative, seeds, weights, epochs, True, None)
    shown = {variant.checkpoint.epoch for variant in layout.variants if variant.checkpoint}
    missing = find_missing(catalog.home.sheets / found.name, layout.request)
    return SheetForecast(
        len(shown), len(layout.prompts), len(layout.seeds), images=len(layout.request.cells), missing=len(missing)
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """What a sheet shows: every variant x prompt x seed, and the request for the images."""

    base: Base
    content: SnapshotContent
    settings: SampleSettings
    variants: list[_Variant]
    prompts: list[str]
    seeds: tuple[int, ...]
    cells: list[CellRequest]
    request: SheetRequest


def _lay_out(
    catalog: Catalog,
    run: Run,
    prompts: Sequence[str] | None,
    negative: str,
    seeds: Sequence[int],
    weights: Sequence[float],
    epochs: Sequence[int] | None,
    include_none: bool,
    settings: SampleSettings | None,
) -> _Layout:
    base = get_base_by_id(catalog, run.base_id)
    content = parse_content(get_snapshot(catalog, run.snapshot_id).content)
    sampling = settings or default_settings(base)
    variants = _choose_variants(catalog, run, epochs, weights, include_none)
    texts = _choose_prompts(content, prompts)
    # The negative prompt may name what is not to be seen.
    require_permission(catalog, run, texts)
    chosen = tuple(dict.fromkeys(seeds))
    if not chosen:
        raise UsageError("A sheet needs at least one seed.", hint="For example --seeds 1,2,3,4.")
    cells = [variant.cell(text, negative, seed) for variant in variants for text in texts for seed in chosen]
    request = make_request(base, cells, sampling)
    return _Layout(base, content, sampling, variants, texts, chosen, cells, request)


class _Landing:
    """Passes progress on, and puts the images on record that have become ready since the last time."""

    def __init__(
        self, catalog: Catalog, sheet: Sheet, request: SheetRequest, missing: set[str], report: Report
    ) -> None:
        self._catalog, self._sheet, self._report = catalog, sheet, report
        self._folder = Path(sheet.folder)
        self._missing = missing
        self._record([key for key in request.cells if key not in missing])
        self._recorded_at = time.monotonic()

    def report(self, progress: Progress) -> None:
        self._report(progress)
        if time.monotonic() - self._recorded_at >= RECORD_S:
            self._record([key for key in self._missing if is_finished(cell_path(self._folder, key), key)])
            self._recorded_at = time.monotonic()

    def _record(self, ready: Sequence[str]) -> None:
        if not ready:
            return
        try:
            record_cells(self._catalog, self._sheet.id, {key: cell_path(self._folder, key) for key in ready})
        except LoratuiError:
            # A busy library is no reason to stop rendering: all is put on record at the end.
            return
        self._missing.difference_update(ready)


def _choose_variants(
    catalog: Catalog, run: Run, epochs: Sequence[int] | None, weights: Sequence[float], include_none: bool
) -> list[_Variant]:
    # A stopped and resumed run may have recorded an epoch twice: the last word counts.
    recorded = {checkpoint.epoch: checkpoint for checkpoint in list_checkpoints(catalog, run.id)}
    present = {epoch: found for epoch, found in sorted(recorded.items()) if Path(found.path).is_file()}
    wanted = present if epochs is None else dict.fromkeys(epochs)
    absent = [epoch for epoch in wanted if epoch not in present]
    if absent or not present:
        listed = _list_numbers(present) or "none"
        missing = f" of epoch {_list_numbers(absent)}" if absent else ""
        raise NotFoundError(
            f"Run {run.name} has no checkpoint{missing}.", hint=f"Checkpoints that are there: {listed}."
        )
    if not weights:
        raise UsageError("A sheet needs at least one weight.", hint="1.0 is the LoRA as it was trained.")
    chosen = [_Variant(present[epoch], float(weight)) for epoch in wanted for weight in dict.fromkeys(weights)]
    return [_Variant(None, 0.0), *chosen] if include_none else chosen


def _list_numbers(numbers: Iterable[int]) -> str:
    """Numbers in words, three and more that follow each other as a range: 1-40, 44."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [[f"{run[0]}-{run[-1]}"] if len(run) > 2 else list(map(str, run)) for run in runs]
    return ", ".join(part for several in parts for part in several)


def _choose_prompts(content: SnapshotContent, prompts: Sequence[str] | None) -> list[str]:
    if prompts is None:
        # Captions of pictures kept out of training say most about what was learned.
        pictures = content.holdout or content.pictures
        return default_prompts(content.trigger, [picture.caption for picture in pictures])
    for text in prompts:
        check_placeholders(text)
    texts = [fill_placeholders(text, trigger=content.trigger, class_word=content.class_word) for text in prompts]
    if not texts:
        raise UsageError("A sheet needs at least one prompt.", hint="For example --prompt 'photo of {trigger}'.")
    return drop_repeats(texts)


def _plan(request: SheetRequest, variants: Sequence[_Variant]) -> list[PlannedCell]:
    checkpoints = {variant.checkpoint.autov3: variant.checkpoint for variant in variants if variant.checkpoint}
    planned = []
    for key, cell in request.cells.items():
        checkpoint = checkpoints[cell.lora.autov3] if cell.lora else None
        planned.append(
            PlannedCell(
                key=key,
                checkpoint_id=checkpoint.id if checkpoint else None,
                epoch=checkpoint.epoch if checkpoint else None,
                weight=cell.weight,
                prompt=cell.prompt,
                negative=cell.negative,
                seed=cell.seed,
            )
        )
    return planned


def _describe(
    base: Base,
    settings: SampleSettings,
    prompts: Sequence[str],
    negative: str,
    seeds: Sequence[int],
    variants: Sequence[_Variant],
) -> dict[str, object]:
    """What the sheet shows, for its row; how fast it was rendered is no part of it."""
    return {
        "base": base.name,
        "prompts": list(prompts),
        "negative": negative,
        "seeds": list(seeds),
        "columns": [{"epoch": v.checkpoint.epoch if v.checkpoint else None, "weight": v.weight} for v in variants],
        "steps": settings.steps,
        "cfg": settings.cfg,
        "sampler": settings.sampler,
        "width": settings.width,
        "height": settings.height,
        "clip_skip": settings.clip_skip,
    }


def _label(variant: _Variant, weights: Sequence[float]) -> Column:
    if variant.checkpoint is None:
        return Column("no LoRA", "the base alone")
    note = f"weight {variant.weight:g}" if tuple(weights) != (1.0,) else f"step {variant.checkpoint.step}"
    return Column(f"epoch {variant.checkpoint.epoch}", note)


def _summarize(base: Base, settings: SampleSettings, negative: str) -> str:
    parts = [
        base.name,
        f"{settings.width} x {settings.height}",
        f"{settings.steps} steps",
        SAMPLERS[settings.sampler],
        f"CFG {settings.cfg:g}",
    ]
    if settings.clip_skip > 1:
        parts.append(f"clip skip {settings.clip_skip}")
    if negative and settings.cfg > 1:
        parts.append(f"negative: {negative}")
    return "   ·   ".join(parts)
