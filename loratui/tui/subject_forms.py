"""Forms about a subject: adding and changing it, who agreed, what comes in and what goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.tui.asking import Job, ask_for_job, ask_library, start_job
from loratui.tui.dialogs import Field
from loratui.tui.paths import check_paths, complete_folder, complete_paths, read_paths
from loratui.tui.reports import offer_report
from loratui.tui.text import count
from loratui.tui.trigger_help import TriggerHelp

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from loratui.captions.importing import PicturesImport
    from loratui.catalog.rows import Run, Subject
    from loratui.catalog.store import Catalog
    from loratui.catalog.triggers import TriggerWarning
    from loratui.dataset.kohya import ExportResult
    from loratui.events import Report
    from loratui.tui.app import LoratuiApp
    from loratui.tui.asking import Values
    from loratui.tui.bridge import Task
    from loratui.tui.reports import Asked

    Changed = tuple[Subject, list[TriggerWarning]]

_KINDS = ("character", "style", "object", "person")
_AGREED, _TAKEN_BACK = "agreed", "take it back"
_PERSON = (
    "For a real human being. Nothing is trained until their consent is on record: C in the library records it. "
    "With pictures, trainings or a consent it stays a person."
)
_UNCHANGED = "Nothing was changed."
_COPY, _IN_PLACE = "copy into the library", "refer to the files where they are"


def ask_new_subject(app: LoratuiApp, then: Callable[[str], None]) -> None:
    """Ask for a new subject and add it; `then` gets its name."""
    ideas = TriggerHelp(app)
    fields = [
        Field("name", "Name", hint="what you call it", check=_need),
        Field(
            "trigger",
            "Trigger",
            hint="a word of its own that calls it up",
            check=_need,
            judge=ideas.judge,
            suggest=ideas.suggest,
        ),
        Field("kind", "Kind", hint="left and right choose", choices=_KINDS, judge=_judge_kind),
        Field("class_word", "Class word", hint="the ordinary word for it: woman, teapot"),
    ]

    def work(catalog: Catalog, values: Values) -> Changed:
        from loratui.captions.tokens import find_clip_tokenizer
        from loratui.catalog import subjects

        return subjects.add_subject(
            catalog,
            values["name"],
            values["trigger"],
            kind=values["kind"],
            class_word=values["class_word"],
            lora_folders=app.settings.lora_folders,
            tokenize=find_clip_tokenizer(),
        )

    def done(values: Values, changed: Changed) -> None:
        subject, warnings = changed
        command = ["subject", "add", values["name"], "--trigger", values["trigger"], "--kind", values["kind"]]
        app.ran([*command, *["--class-word", values["class_word"]] * bool(values["class_word"])])
        said = _warn(f"Added {subject.name}. a imports its pictures, u undoes.", warnings)
        app.tell(said, warning=bool(warnings))
        then(subject.name)

    ask_library(app, "A new subject", fields, work, done)


def ask_edit(app: LoratuiApp, subject: Subject, then: Callable[[str], None]) -> None:
    """Ask what to change about a subject and change it; `then` gets its name."""
    before = {
        "name": subject.name,
        "trigger": subject.trigger,
        "kind": subject.kind,
        "class_word": subject.class_word,
        "primary_repeats": str(subject.primary_repeats),
        "supporting_repeats": str(subject.supporting_repeats),
        "notes": subject.notes,
    }
    ideas = TriggerHelp(app, subject.id, subject.trigger)
    fields = [
        Field("name", "Name", before["name"], check=_need),
        Field(
            "trigger",
            "Trigger",
            before["trigger"],
            "captions and later trainings use the new one",
            check=_need,
            judge=ideas.judge,
            suggest=ideas.suggest,
        ),
        Field("kind", "Kind", before["kind"], "left and right choose", choices=_KINDS, judge=_judge_kind),
        Field("class_word", "Class word", before["class_word"]),
        Field("primary_repeats", "Repeats of primaries", before["primary_repeats"], check=_check_repeats),
        Field("supporting_repeats", "Repeats of supporting", before["supporting_repeats"], check=_check_repeats),
        Field("notes", "Notes", before["notes"]),
    ]
    options = {"name": "--rename"}

    def work(catalog: Catalog, values: Values) -> Changed:
        from loratui.captions.tokens import find_clip_tokenizer
        from loratui.catalog import subjects

        changes = find_changes(values)
        return subjects.edit_subject(
            catalog,
            subject,
            **{key: int(value) if key.endswith("repeats") else value for key, value in changes.items()},  # type: ignore[arg-type]
            lora_folders=app.settings.lora_folders,
            tokenize=find_clip_tokenizer() if "trigger" in changes else None,
        )

    def done(values: Values, changed: Changed) -> None:
        changes = find_changes(values)
        if changed[0] == subject:
            app.tell(f"{subject.name} was so already." if changes else f"Nothing about {subject.name} was changed.")
            return
        command = ["subject", "edit", subject.name]
        for key, value in changes.items():
            command += [options.get(key, "--" + key.replace("_", "-")), value]
        app.ran(command)
        what = ", ".join(key.replace("_", " ") for key in changes)
        app.tell(_warn(f"Changed {changed[0].name}: {what}. u undoes.", changed[1]), warning=bool(changed[1]))
        then(changed[0].name)

    def find_changes(values: Values) -> Values:
        return {key: value for key, value in values.items() if value != before[key]}

    ask_library(app, f"Change {subject.name}", fields, work, done)


def _judge_kind(kind: str) -> str:
    """What a kind brings with it that one should know before."""
    return _PERSON if kind == "person" else ""


def ask_consent(app: LoratuiApp, subject: Subject) -> None:
    """Ask who agreed to what, or that they took it back, and write it down."""
    known = {key: str(value) for key, value in (subject.consent or {}).items()}
    is_given = bool(known) and "withdrawn_at" not in known
    shown = {"scope": "training and publishing", **known}
    fields = [
        Field("who", "Who agreed", shown.get("who", ""), check=_need),
        Field("scope", "To what", shown["scope"], check=_need),
        Field("note", "Note", shown.get("note", ""), "where it is written down, or why it ended"),
    ]
    if is_given:
        fields.append(Field("how", "Now", hint="left and right choose", choices=(_AGREED, _TAKEN_BACK)))

    def ends(values: Values) -> bool:
        return values.get("how") == _TAKEN_BACK

    def work(catalog: Catalog, values: Values) -> tuple[Subject, list[Run]]:
        from loratui.catalog import subjects
        from loratui.runs.withdrawal import withdraw_consent

        note = values["note"].strip()
        if ends(values):
            return withdraw_consent(catalog, subject, note=note)
        return subjects.record_consent(catalog, subject, who=values["who"], scope=values["scope"], note=note), []

    def done(values: Values, result: tuple[Subject, list[Run]]) -> None:
        changed, stopped = result
        command = ["subject", "consent", subject.name]
        command += ["--withdraw"] if ends(values) else ["--by", values["who"], "--scope", values["scope"]]
        app.ran([*command, *["--note", values["note"].strip()] * bool(values["note"].strip())])
        if ends(values):
            told = f"{values['who']} took the consent for {changed.name} back. C records a new one."
            if stopped:
                names = ", ".join(run.name for run in stopped)
                told += f" Being stopped: {names}; {'it finishes its' if len(stopped) == 1 else 'each finishes its'} "
                told += "step and saves."
            app.tell(told, warning=bool(stopped))
        else:
            app.tell(f"{values['who']} agreed to {values['scope']} for {changed.name}. u undoes.")

    about = "Training and publishing a person needs their word. Recorded with today's date."
    if "withdrawn_at" in known:
        about = f"It was taken back on {known['withdrawn_at'][:10]}: nothing is trained until it is given anew."
    ask_library(app, f"Consent for {subject.name}", fields, work, done, note=about)


def ask_import(app: LoratuiApp, subject: str) -> None:
    """Ask for pictures, and import them beside everything else with the captions that lie beside them."""
    name = f"import into {subject}"
    typed = app.typed.get(name, {})
    fields = [
        Field(
            "paths",
            "Folders and files",
            typed.get("paths", ""),
            "with their subfolders",
            check=check_paths,
            complete=complete_paths,
        ),
        Field("how", "Keep", typed.get("how", ""), "left and right choose", choices=(_COPY, _IN_PLACE)),
    ]

    def look(catalog: Catalog, values: Values) -> list[Path]:
        from loratui.catalog.walking import require_paths

        paths = read_paths(values["paths"])
        require_paths(paths)
        return paths

    def looked(values: Values, found: list[Path]) -> None:
        start_job(app, name, "subject.import", _prepare_import(app, subject, found, values["how"] == _IN_PLACE))

    note = "Each file is read once. One that can't be used is listed with the reason and stops nothing."
    ask_library(app, f"Import into {subject}", fields, look, looked, writes=False, name=name, note=note)


_REWORDED = "Captions say it otherwise than their files: w, then enter on the job, shows how."


def _prepare_import(app: LoratuiApp, subject: str, paths: Sequence[Path], in_place: bool) -> Job[PicturesImport]:
    def work(catalog: Catalog, report: Report, cancel: threading.Event) -> PicturesImport:
        from loratui.captions.importing import import_with_captions

        return import_with_captions(
            catalog,
            subject,
            paths,
            app.settings,
            in_place=in_place,
            report=report,
            cancel=cancel,
        )

    def done(result: PicturesImport, task: Task, asked: Asked) -> str:
        # The next import is of something else.
        app.typed.pop(f"import into {subject}", None)
        app.ran(["import", subject, *map(str, paths), *["--in-place"] * in_place])
        said, undo = _sum_up(subject, result), _tell_undo(result)
        from loratui.tui.refused import RefusedScreen

        rows = [(str(item.path), item.reason) for item in result.pictures.refused]

        def make(title: str, can_undo: bool) -> RefusedScreen:
            return RefusedScreen(title, rows, [*result.warnings, *result.notes], can_undo=can_undo)

        if rows or result.warnings:
            offer_report(app, task, asked, said if undo else f"{said} {_UNCHANGED}", make, undo)
        elif result.notes:
            # Worth knowing, but nothing that would have to be mended: it opens when it is asked for.
            task.report = lambda: make(said, False)
            app.tell(f"{said} {undo or _UNCHANGED} {_REWORDED}")
        else:
            app.tell(f"{said} {undo or _UNCHANGED}")
        return said

    return Job(f"import into {subject}", work, done)


def _sum_up(subject: str, result: PicturesImport) -> str:
    found = result.pictures
    parts = [f"{count(found.imported, 'picture')} imported into {subject}"]
    parts += [f"{count(found.duplicates, 'duplicate')}"] * bool(found.duplicates)
    parts += [f"{count(result.captions_read, 'caption')} read"] * bool(result.captions_read)
    parts += [f"{len(found.refused):,} refused"] * bool(found.refused)
    return f"{', '.join(parts)}."


def _tell_undo(result: PicturesImport) -> str:
    """How to take an import back; nothing when it changed nothing."""
    if result.pictures.imported and result.captions_read:
        # Pictures and captions are two steps of the journal.
        return "u undoes the captions, again the import."
    return "u undoes." if result.pictures.imported or result.captions_read else ""


def ask_export(app: LoratuiApp, subject: str) -> None:
    """Ask for a folder, and write the dataset into it with the settings of the default base."""
    name, hint = f"export of {subject}", "new, empty, or an earlier export"
    typed = app.typed.get(name, {}).get("folder", "")
    fields = [Field("folder", "Folder", typed, hint, check=_need, complete=complete_folder)]

    def prepare(values: Values) -> Job[ExportResult]:
        folder = values["folder"].strip()
        words: list[str] = []

        def work(catalog: Catalog, report: Report, cancel: threading.Event) -> ExportResult:
            from pathlib import Path

            from loratui.runs.sizes import find_export_purpose
            from loratui.training.export import export_for_recipe

            purpose = find_export_purpose(catalog, subject, app.settings.default_base)
            words.append(purpose.describe(purpose.resolution, hint=False))
            return export_for_recipe(catalog, subject, Path(folder), purpose.recipe, report=report, cancel=cancel)

        def done(result: ExportResult, *_: object) -> str:
            app.ran(["export", subject, folder])
            sentence = f"Exported {count(result.pictures, 'picture')} of {subject} to {result.folder}."
            sentence = " ".join([sentence, *(f"It is {size}." for size in words[-1:])])
            app.tell(" ".join([sentence, *(f"Warning: {warning}" for warning in result.warnings)]))
            return sentence

        return Job(f"export {subject}", work, done)

    note = "Training folders for sd-scripts with captions and dataset.toml. Exporting again updates the folder."
    ask_for_job(app, name, "subject.export", f"Export {subject}", fields, prepare, note=note)


def _warn(sentence: str, warnings: Sequence[TriggerWarning]) -> str:
    return " ".join([sentence, *(f"Mind: {warning.message} {warning.hint}" for warning in warnings)])


def _need(value: str) -> str:
    return "" if value.strip() else "something has to stand here"


def _check_repeats(value: str) -> str:
    return "" if value.strip().isdecimal() and int(value) > 0 else "a whole number from 1 on"
