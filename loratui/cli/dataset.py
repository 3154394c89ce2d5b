"""Verbs about datasets: captions, the exact plan, the export."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from loratui.cli.misuse import within
from loratui.cli.output import (
    PLAIN,
    Show,
    number_of,
    print_fields,
    print_json,
    print_table,
    print_text,
    progress_line,
    remark,
)
from loratui.cli.session import Query, open_library, read_mixture, read_settings, refuse_options, tell_no_pictures
from loratui.cli.settings import PRESET, RecipeOptions, choose_recipe

Words = Annotated[str, Parameter(allow_leading_hyphen=True, validator=refuse_options)]


def list_captions(subject: str, *query: Query, show: Show = PLAIN) -> None:
    """List captions as the trainer will see them, with what is doubtful about them.

    Example: `loratui caption list Mira role:primary`
    """
    from loratui.captions import service
    from loratui.catalog.naming import tell_apart

    with open_library() as catalog:
        found = service.show_captions(catalog, subject, " ".join(query))
        mixture = read_mixture(catalog, subject, show)
    if show.json:
        print_json(
            [
                {
                    "name": item.membership.name,
                    "sha256": item.membership.sha256,
                    "caption": item.text,
                    "written": item.written,
                    "warnings": item.warnings,
                }
                for item in found
            ]
        )
        return
    names = tell_apart(item.membership for item in found)
    rows = [[names[item.membership.id], item.text] for item in found]
    print_table(["name", "caption"], rows, empty=tell_no_pictures(subject, query))
    for item in found:
        for warning in item.warnings:
            remark(f"warning: {names[item.membership.id]}: {warning}", show)
    if mixture:
        remark(mixture, show)


def set_caption(
    subject: str,
    query: Query,
    text: Words = "",
    *,
    computed: Annotated[bool, Parameter(negative="", help="Go back to the computed caption.")] = False,
    show: Show = PLAIN,
) -> None:
    """Write the caption of the pictures that a query chooses; it is used word for word.

    Example: `loratui caption set Mira "name:portrait_01*" "photo of Mirvok, a woman in the rain"`
    """
    from loratui.captions import service
    from loratui.captions.tokens import check_length
    from loratui.catalog import edits
    from loratui.catalog.query import select_ids
    from loratui.catalog.ratings import warn_of_words
    from loratui.catalog.subjects import get_subject
    from loratui.cli.tags import tell_unchanged
    from loratui.errors import UsageError

    if computed == bool(text.strip()):
        raise UsageError(
            "say either a caption or --computed.", hint=f'loratui caption set {shlex.quote(subject)} QUERY "TEXT"'
        )
    with open_library() as catalog:
        owner = get_subject(catalog, subject)
        count = edits.set_caption(catalog, owner, query, None if computed else text)
        nothing = "" if count else tell_unchanged(catalog, subject, query, "{pictures} had that caption already.")
        warnings = [*warn_of_words(owner, text), *service.check_caption(text, owner), *check_length(text)]
        chosen = select_ids(catalog, owner, query)
        warnings = [] if computed or not chosen else warnings
    if show.json:
        print_json({"changed": count, "warnings": warnings})
        return
    print_text(nothing or f"{number_of(count, 'caption')} {'computed again' if computed else 'written'}.")
    if count and not query.strip():
        pictures = "the only picture" if len(chosen) == 1 else f"all {len(chosen):,} pictures"
        remark(f"No query was given, so this was for {pictures} of {owner.name}; `loratui undo` takes it back.", show)
    for warning in warnings:
        remark(f"warning: {warning}", show)


def edit_tags(
    subject: str,
    *query: Query,
    add: Annotated[list[str] | None, Parameter(help="A tag to add; may be given often.")] = None,
    remove: Annotated[list[str] | None, Parameter(help="A tag to remove; may be given often.")] = None,
    show: Show = PLAIN,
) -> None:
    """Add tags to the captions of the pictures that a query chooses, or remove them.

    Example: `loratui caption tag Mira "name:portrait*" --add "red hair" --remove hat`
    """
    from loratui.cli.tags import change_tags
    from loratui.errors import UsageError

    if not add and not remove:
        raise UsageError("no tags were named.", hint="Use --add TAG or --remove TAG.")
    change_tags(subject, query, show, add=add or (), remove=remove or ())


def plan(
    subject: str,
    *,
    base: Annotated[str | None, Parameter(help="Base model; decides resolution and preset.")] = None,
    recipe: RecipeOptions = PRESET,
    trainer: Literal["loratui", "sd-scripts"] = "loratui",
    processes: Annotated[int, Parameter(help="GPUs, for sd-scripts.", validator=within(1, 4096))] = 1,
    show: Show = PLAIN,
) -> None:
    """Count buckets, batches and steps exactly, before anything is trained."""
    from loratui.captions.tokens import find_long
    from loratui.catalog.subjects import get_subject
    from loratui.cli.forecast import describe_estimate, print_estimate
    from loratui.dataset.snapshot import describe_dataset
    from loratui.runs.forecast import estimate_plan, inspect_base, inspect_machine
    from loratui.training.planning import plan_recipe

    with open_library() as catalog:
        chosen, settings = choose_recipe(catalog, base, recipe)
        content = describe_dataset(catalog, get_subject(catalog, subject))
        report, machine = inspect_base(catalog, chosen), inspect_machine(catalog)
    sizes = [(*picture.used_size, picture.repeats) for picture in content.pictures]
    found = plan_recipe(sizes, settings, trainer=trainer, processes=processes)
    long = find_long((picture.name, picture.caption) for picture in content.pictures)
    notes = [*found.notes, *([f"{long.message} {long.hint}"] if long else [])]
    # What sd-scripts takes is its own affair.
    guess = estimate_plan(found, report, machine, settings) if trainer == "loratui" else None
    if show.json:
        print_json(
            {
                "subject": content.subject,
                "base": chosen.name,
                "trainer": found.trainer,
                "pictures": found.pictures,
                "samples_per_epoch": found.samples_per_epoch,
                "buckets": found.buckets,
                "batches_per_epoch": found.batches_per_epoch,
                "steps_per_epoch": found.steps_per_epoch,
                "epochs": found.epochs,
                "total_steps": found.total_steps,
                "epochs_for_1500_steps": found.epochs_for_1500_steps,
                "notes": notes,
                "estimate": describe_estimate(guess),
            }
        )
        return
    print_table(
        ["bucket", "pictures", "samples"],
        [[f"{item.width}x{item.height}", item.pictures, item.samples] for item in found.buckets],
    )
    print_fields(
        {
            "base": f"{chosen.name} at {settings.resolution} px",
            "pictures": found.pictures,
            "samples per epoch": found.samples_per_epoch,
            "batches per epoch": f"{found.batches_per_epoch} of {settings.batch_size}",
            "steps per epoch": found.steps_per_epoch,
            "total steps": f"{found.total_steps} in {number_of(found.epochs, 'epoch')}",
            "for 1,500 steps": number_of(found.epochs_for_1500_steps, "epoch"),
        }
    )
    if guess is not None:
        print_estimate(guess)
    for note in notes:
        remark(f"note: {note}", show)


def export(
    subject: str,
    folder: Path,
    *,
    format: Annotated[
        Literal["kohya"], Parameter(help="N_Trigger folders with captions beside the pictures.")
    ] = "kohya",
    base: Annotated[str | None, Parameter(help="Base model; decides the resolution in dataset.toml.")] = None,
    recipe: RecipeOptions = PRESET,
    show: Show = PLAIN,
) -> None:
    """Write a subject's dataset as training folders, with a dataset.toml for sd-scripts.

    Exporting again updates the folder; a folder that holds something else is left alone.
    """
    from loratui.runs.sizes import find_export_purpose
    from loratui.training.export import export_for_recipe

    with open_library() as catalog:
        purpose = find_export_purpose(catalog, subject, base or read_settings().default_base)
        settings = recipe.apply(purpose.recipe)
        with progress_line(show) as report:
            result = export_for_recipe(catalog, subject, folder, settings, report=report)
    if show.json:
        print_json({**asdict(result), "base": purpose.base, "resolution": settings.resolution})
        return
    samples = number_of(result.samples, "sample")
    print_text(f"Exported {number_of(result.pictures, 'picture')} ({samples} an epoch) to {result.folder}:")
    for name, count in result.folders.items():
        print_text(f"  {name}: {number_of(count, 'picture')}")
    print_text(
        f"{result.linked} linked, {result.copied} copied, {result.encoded} re-encoded, {result.unchanged} unchanged, "
        f"{number_of(result.removed, 'stale file')} removed."
    )
    remark(purpose.describe(settings.resolution), show)
    for name in result.kept:
        remark(f"kept, not ours: {name}", show)
    for name in result.edited:
        remark(f"kept, changed by hand: {name}", show)
    for warning in result.warnings:
        remark(f"warning: {warning}", show)
