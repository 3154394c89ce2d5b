"""The whole path with a drawn character, walked through the services as a person would walk it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.captions import service as captions
from loratui.captions.tagging import tag_pictures
from loratui.catalog import dedupe, importer, roles, subjects
from loratui.catalog.store import open_catalog
from loratui.config import Home, find_home
from loratui.demo import world
from loratui.demo.assets import cast_folder
from loratui.demo.judge import Judge
from loratui.demo.lesson import Lesson, measure_lesson
from loratui.demo.subject import DemoManifest, draw_demo_pictures
from loratui.errors import ConflictError
from loratui.review import sheet as sheets
from loratui.runs import service as runs
from loratui.runs.bases import SHIPPED, choose_base
from loratui.training.export import export_for_recipe
from loratui.training.recipe import preset_for

if TYPE_CHECKING:
    import threading

    from loratui.catalog.rows import Checkpoint, Run, Subject
    from loratui.catalog.store import Catalog
    from loratui.events import Report

MARKER = "demo.json"
CLASS_WORD = "character"
EPOCHS = 8

Say = Callable[[str, str], None]
"""Told the name of a step and what came of it."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo did and where it lies."""

    seconds: float
    home: Path
    subject: str
    trigger: str
    pictures: Path
    export: Path
    run: str
    checkpoints: tuple[Checkpoint, ...]
    sheet: Path
    lesson: Lesson


def walk(folder: Path, *, seed: int, say: Say, report: Report, cancel: threading.Event | None = None) -> Demo:
    """Draw a character's pictures and take them all the way to a judged LoRA, in a library of its own.

    An earlier demo in the folder is replaced; a folder that holds anything else is refused with ConflictError.
    """
    started = time.monotonic()
    _clear(folder)
    home = find_home({"LORATUI_HOME": str(folder)})
    home.create()
    (folder / MARKER).write_text(json.dumps({"made_by": "loratui demo", "seed": seed}), encoding="utf-8")
    source, exported = folder / "pictures", folder / "export"
    drawn = draw_demo_pictures(source, seed)
    say("draw", f"{len(drawn.pictures)} pictures of {drawn.name}, a character the base has never seen")
    with open_catalog(home, actor="cli") as catalog:
        subject = _curate(catalog, drawn, source, say, report, cancel)
        _export(catalog, subject, exported, say, report)
        run = _train(catalog, subject, seed, say, report, cancel)
        checkpoints = tuple(runs.show_checkpoints(catalog, run.name))
        contact = _compare(catalog, run, subject, say, report, cancel)
        lesson = measure_lesson(
            folder / "judged", choose_base(catalog, SHIPPED), checkpoints[-1], drawn, Judge(), report, cancel
        )
    return Demo(
        seconds=time.monotonic() - started,
        home=folder,
        subject=subject.name,
        trigger=subject.trigger,
        pictures=source,
        export=exported,
        run=run.name,
        checkpoints=checkpoints,
        sheet=contact,
        lesson=lesson,
    )


def _clear(folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARKER).is_file():
        raise ConflictError(
            f"{folder} holds something that is not a demo.", hint="Name another folder: loratui demo --home FOLDER"
        )
    shutil.rmtree(folder)


def _curate(
    catalog: Catalog,
    drawn: DemoManifest,
    source: Path,
    say: Say,
    report: Report,
    cancel: threading.Event | None,
) -> Subject:
    """Import, duplicates, roles, balance and caption rules."""
    subject, _ = subjects.add_subject(catalog, drawn.name, drawn.name, class_word=CLASS_WORD)
    say("subject", f"{subject.name}, trigger word {subject.trigger}")
    result = importer.import_pictures(catalog, subject.name, [source], report=report, cancel=cancel)
    read = captions.import_sidecars(catalog, subject, result.sidecars)
    say("import", f"{result.imported} pictures and {read.imported} captions; {len(result.refused)} refused")
    for item in result.refused:
        say("refused", f"{Path(item.path).name}: {item.reason}")
    for role in ("primary", "supporting"):
        count = roles.set_role(catalog, subject, role, f"name:{role}*")
        say("role", f"{count} pictures {role}")
    groups = dedupe.find_groups(catalog, subject.name)
    rejected = dedupe.resolve(catalog, subject.name, "").rejected
    near = sum(group.tier == "near" for group in groups)
    say("duplicates", f"{len(groups) - near} groups; {rejected} pictures rejected, the best of each group kept")
    if near:
        say("alike", f"{near} groups that only may be copies are left to a person: d in the app shows them")
    roles.set_role(catalog, subject, "supporting", "role:inbox")
    roles.apply_balance(catalog, subject)
    weighed = roles.balance(catalog, subject)
    say("balance", f"primary {weighed.primary}, supporting {weighed.supporting}: ratio {weighed.ratio or 0:.2f}")
    tagged = tag_pictures(catalog, subject, "", cast_folder() / "tagger", report=report, cancel=cancel)
    say("tag", f"{tagged.tagged} pictures scored by the tagger of the cast")
    captions.change_rules(
        catalog, subject, {"imbued": list(drawn.imbued), "general_threshold": tagged.thresholds.general}
    )
    example = captions.show_captions(catalog, subject, "role:primary")[0].text
    say("imbue", f"{', '.join(drawn.imbued)} left to the trigger word")
    say("caption", example)
    return subject


def _export(catalog: Catalog, subject: Subject, folder: Path, say: Say, report: Report) -> None:
    base = choose_base(catalog, SHIPPED)
    recipe = preset_for(base.family, base.resolution)
    result = export_for_recipe(catalog, subject, folder, recipe, report=report)
    folders = ", ".join(f"{name}: {count}" for name, count in result.folders.items())
    say("export", f"{result.pictures} pictures as {folders}")


def _train(
    catalog: Catalog, subject: Subject, seed: int, say: Say, report: Report, cancel: threading.Event | None
) -> Run:
    run = runs.start_training(catalog, subject, base=SHIPPED, changes={"epochs": EPOCHS, "seed": seed})
    run = runs.wait_for_run(catalog, run.name, report, cancel)
    took = (run.ended_at - run.started_at).total_seconds() if run.ended_at and run.started_at else 0
    say("train", f"{run.name}: {run.total_steps} steps in {run.epoch} epochs, {took:.0f} seconds")
    return run


def _compare(
    catalog: Catalog, run: Run, subject: Subject, say: Say, report: Report, cancel: threading.Event | None
) -> Path:
    hair = tuple(world.HAIR_COLOURS)[:2]
    prompts = [
        f"photo of {subject.trigger}",
        *(f"photo of {subject.trigger}, facing viewer, {colour}" for colour in hair),
    ]
    result = sheets.make_sheet(catalog, run.name, prompts=prompts, seeds=(1, 2), report=report, cancel=cancel)
    say("sheet", f"{len(result.cells)} images, epochs side by side")
    return result.contact


def demo_home(home: Home) -> Path:
    """Where the demo's library lies unless told otherwise: beside the person's own, never in it."""
    return home.data / "demo"
