"""Verbs about subjects and what comes into them."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from loratui.cli.misuse import within
from loratui.cli.output import (
    PLAIN,
    Show,
    hush_libraries,
    number_of,
    print_fields,
    print_json,
    print_table,
    print_text,
    progress_line,
    remark,
)
from loratui.cli.session import open_library, read_settings
from loratui.errors import UsageError

if TYPE_CHECKING:
    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog
    from loratui.catalog.subjects import SubjectSummary

Kind = Literal["character", "style", "object", "person"]


def add_subject(
    name: str, *, trigger: str = "", kind: Kind = "character", class_word: str = "", show: Show = PLAIN
) -> None:
    """Add a subject with its own trigger word.

    Example: `loratui subject add Mira --trigger Mirvok --class-word woman`

    Parameters
    ----------
    name
        What you call the subject; for one that begins with a dash write --name=-NAME.
    trigger
        The word that will call it up; unique across the library. Without one some that are free are told.
    kind
        What the LoRA teaches.
    class_word
        The ordinary word for it, such as woman or teapot.
    """
    from loratui.captions.tokens import find_clip_tokenizer
    from loratui.catalog import subjects

    with open_library() as catalog:
        if not trigger:
            raise _ask_for_trigger(catalog, name)
        subject, warnings = subjects.add_subject(
            catalog,
            name,
            trigger,
            kind=kind,
            class_word=class_word,
            lora_folders=read_settings().lora_folders,
            tokenize=find_clip_tokenizer(),
        )
    if show.json:
        print_json({"name": subject.name, "trigger": subject.trigger, "kind": subject.kind, "warnings": warnings})
        return
    print_text(f"Added {subject.name} ({subject.kind}) with the trigger word {subject.trigger}.")
    for warning in warnings:
        remark(f"warning: {warning.message} {warning.hint}", show)
    remark(f"next: loratui import {shlex.quote(subject.name)} FOLDER", show)


def _ask_for_trigger(catalog: Catalog, name: str) -> UsageError:
    from loratui.captions.trigger_ideas import suggest_triggers
    from loratui.cli.triggers import open_trigger_lint

    free = [report.word for report in suggest_triggers(open_trigger_lint(catalog), like=name, count=3)]
    return UsageError(
        f"The subject '{name}' needs a trigger word: --trigger WORD.",
        hint=f"Free ones are {', '.join(free)}; `loratui trigger suggest --like {shlex.quote(name)}` has more.",
    )


def list_subjects(*, show: Show = PLAIN) -> None:
    """List all subjects with their pictures and influence."""
    from loratui.catalog import subjects

    with open_library() as catalog:
        found = subjects.list_subjects(catalog)
    if show.json:
        print_json([_summary(item) for item in found])
        return
    print_table(
        ["subject", "trigger", "kind", "pictures", "inbox", "primary", "supporting", "ratio", "runs"],
        [
            [
                item.subject.name,
                item.subject.trigger,
                item.subject.kind,
                item.pictures,
                item.counts["inbox"],
                item.counts["primary"],
                item.counts["supporting"],
                "" if item.ratio is None else f"{item.ratio:.2f}",
                item.runs,
            ]
            for item in found
        ],
        empty="No subjects yet. Add one: loratui subject add NAME --trigger WORD",
    )


def show_subject(name: str, *, show: Show = PLAIN) -> None:
    """Show one subject."""
    from loratui.catalog import subjects

    with open_library() as catalog:
        item = subjects.summarize_subject(catalog, name)
    if show.json:
        print_json(_summary(item))
        return
    subject = item.subject
    print_fields(
        {
            "subject": subject.name,
            "trigger": subject.trigger,
            "kind": subject.kind,
            "class word": subject.class_word or "-",
            "pictures": item.pictures,
            **{role: count for role, count in item.counts.items()},
            "repeats": f"primary x{subject.primary_repeats}, supporting x{subject.supporting_repeats}",
            "influence": f"primary {item.primary}, supporting {item.supporting}",
            "ratio": "-" if item.ratio is None else f"{item.ratio:.2f}",
            "runs": item.runs,
            "consent": _consent(subject.consent),
            "notes": subject.notes or "-",
        }
    )


def _summary(item: SubjectSummary) -> dict[str, Any]:
    subject = item.subject
    return {
        "name": subject.name,
        "trigger": subject.trigger,
        "kind": subject.kind,
        "class_word": subject.class_word,
        "primary_repeats": subject.primary_repeats,
        "supporting_repeats": subject.supporting_repeats,
        "notes": subject.notes,
        "consent": subject.consent,
        "pictures": item.pictures,
        "roles": item.counts,
        "primary": item.primary,
        "supporting": item.supporting,
        "ratio": item.ratio,
        "runs": item.runs,
    }


def _consent(consent: dict[str, Any] | None) -> str:
    if not consent:
        return "-"
    return ", ".join(f"{key} {value}" for key, value in consent.items() if value and key != "history")


def edit_subject(
    name: str,
    /,
    *,
    rename: Annotated[str | None, Parameter(name=("--rename", "--name"), help="Another name.")] = None,
    trigger: str | None = None,
    kind: Kind | None = None,
    class_word: str | None = None,
    primary_repeats: int | None = None,
    supporting_repeats: int | None = None,
    notes: str | None = None,
    show: Show = PLAIN,
) -> None:
    """Change a subject's name, trigger, kind, class word, default repeats or notes."""
    from loratui.captions.tokens import find_clip_tokenizer
    from loratui.catalog import subjects

    with open_library() as catalog:
        subject, warnings = subjects.edit_subject(
            catalog,
            name,
            name=rename,
            trigger=trigger,
            kind=kind,
            class_word=class_word,
            primary_repeats=primary_repeats,
            supporting_repeats=supporting_repeats,
            notes=notes,
            lora_folders=read_settings().lora_folders,
            tokenize=find_clip_tokenizer() if trigger else None,
        )
    if show.json:
        print_json({"subject": subject, "warnings": warnings})
        return
    print_text(f"Changed {subject.name}.")
    for warning in warnings:
        remark(f"warning: {warning.message} {warning.hint}", show)


def remove_subject(name: str, *, show: Show = PLAIN) -> None:
    """Remove a subject with its trainings and sheets; its pictures stay in the store, and undo brings all back."""
    from loratui.catalog import subjects
    from loratui.catalog.belongings import count_belongings

    with open_library() as catalog:
        had = count_belongings(catalog, name)
        removed = subjects.remove_subject(catalog, name)
    if show.json:
        counts = {"pictures": had.pictures, "trainings": had.trainings, "sheets": had.sheets}
        print_json({"removed": removed.name, **counts})
        return
    gone = had.describe()
    print_text(f"Removed {removed.name}{f', with {gone}' * bool(gone)}. `loratui undo` brings it back.")


def record_consent(
    name: str,
    *,
    by: str = "",
    scope: str = "",
    on: datetime | None = None,
    note: str = "",
    withdraw: bool = False,
    show: Show = PLAIN,
) -> None:
    """Record who consented, to what, and when, or that they took it back; training a person needs it.

    Parameters
    ----------
    by
        Who consented.
    scope
        To what, such as "training and publishing".
    on
        The day, as YYYY-MM-DD; today when left out. It can't be in the future.
    note
        Anything else, such as where the signed paper is.
    withdraw
        The consent ends today: nothing more is trained or published, and a training that runs is stopped.
    """
    from loratui.catalog import subjects
    from loratui.runs.withdrawal import withdraw_consent

    if withdraw and (by or scope or on):
        raise UsageError("--withdraw ends the consent that is on record.", hint="Leave --by, --scope and --on out.")
    stopped: list[Run] = []
    with open_library() as catalog:
        if withdraw:
            subject, stopped = withdraw_consent(catalog, name, note=note)
        else:
            subject = subjects.record_consent(catalog, name, who=by, scope=scope, at=on, note=note)
    if show.json:
        print_json(subject)
    else:
        said = "Withdrawn" if withdraw else "Recorded"
        print_text(f"{said} for {subject.name}: {_consent(subject.consent)}.")
    for run in stopped:
        remark(f"warning: {run.name} is being stopped: it finishes its step and saves. {run.hint}", show)


def import_pictures(
    subject: str,
    *paths: Path,
    in_place: bool = False,
    captions: Annotated[bool, Parameter(help="Read .txt, .caption and kohya JSON beside the pictures.")] = True,
    whole_captions: Annotated[
        bool, Parameter(negative="", help="Keep each of their texts word for word as the caption, tags included.")
    ] = False,
    workers: Annotated[int | None, Parameter(validator=within(1, 256))] = None,
    max_megapixels: Annotated[float | None, Parameter(validator=within(0.01, 100_000))] = None,
    show: Show = PLAIN,
) -> int:
    """Import pictures and folders into a subject.

    Each file is decoded once; files that can't be used get a reason and stop nothing, but when it is all of them
    the exit code is 5. Running it again goes on where it was interrupted.

    Parameters
    ----------
    paths
        Files, and folders with their subfolders.
    in_place
        Refer to the files where they are, instead of keeping copies in the store.
    workers
        Pictures decoded at the same time.
    max_megapixels
        Refuse larger pictures; 100 unless config.toml says otherwise.
    """
    from loratui.captions.importing import import_with_captions
    from loratui.catalog.ratings import list_reasons
    from loratui.errors import RefusedError

    if not paths:
        raise UsageError("no files or folders were named.", hint=f"loratui import {shlex.quote(subject)} FOLDER")
    with open_library() as catalog, progress_line(show) as report, hush_libraries(show):
        done = import_with_captions(
            catalog,
            subject,
            paths,
            read_settings(),
            in_place=in_place,
            captions=captions,
            whole_captions=whole_captions,
            workers=workers,
            max_megapixels=max_megapixels,
            report=report,
        )
    result = done.pictures
    nothing_usable = result.refused and not result.imported and not result.duplicates
    code = RefusedError.exit_code if nothing_usable else 0
    if show.json:
        print_json(
            {
                "imported": result.imported,
                "duplicates": result.duplicates,
                "duplicate_files": result.duplicate_files,
                "refused": [{"path": item.path, "reason": item.reason} for item in result.refused],
                "captions": done.captions_read,
                "unfit": list_reasons(done.unfit),
                "orphans": result.orphans,
                "also_in": result.also_in,
                "warnings": done.warnings,
                "notes": done.notes,
            }
        )
        return code
    print_text(
        f"Imported {number_of(result.imported, 'picture')}; {result.duplicates} "
        f"{'was' if result.duplicates == 1 else 'were'} already there; "
        f"{number_of(len(result.refused), 'file')} refused; {number_of(done.captions_read, 'caption')} read."
    )
    for item in result.refused:
        remark(f"refused: {item.path}: {item.reason}", show)
    for warning in done.warnings:
        remark(f"warning: {warning}", show)
    for note in done.notes:
        remark(f"note: {note}", show)
    return code


def relink(folder: Path, *, show: Show = PLAIN) -> None:
    """Find moved in-place pictures again by their content, anywhere below FOLDER."""
    from loratui.catalog import blobs

    with open_library() as catalog, progress_line(show) as report:
        found = blobs.relink(catalog, folder, report=report)
    if show.json:
        print_json({"relinked": found})
        return
    print_text(f"Found {number_of(found, 'picture')} again.")
