"""Verbs about the library itself: undo, redo, where things are and whether they are well."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from loratui import __version__
from loratui.cli.output import (
    PLAIN,
    Show,
    format_bytes,
    number_of,
    print_fields,
    print_json,
    print_table,
    print_text,
    remark,
)
from loratui.cli.session import Limit, open_library, read_settings
from loratui.config import find_assets, find_home
from loratui.errors import LoratuiError

if TYPE_CHECKING:
    from datetime import datetime

    from loratui.config import Home

EXIT_CODES = (
    (0, "ok"),
    (1, "failed"),
    (2, "the arguments, a query or a setting can't be understood"),
    (3, "something that was named does not exist"),
    (4, "clash with what is there, or another process holds the lock"),
    (5, "checked and refused: invalid data, missing consent, unsafe content"),
    (6, "a training or rendering process failed"),
    (7, "an extra, a device or a terminal is missing"),
    (130, "interrupted; what was done so far is kept"),
)

EXTRAS = {
    "tag": ("onnxruntime",),
    "train": ("torch", "diffusers", "peft", "transformers", "safetensors", "accelerate"),
}


def undo(
    *,
    consent: Annotated[
        bool, Parameter(negative="", help="Undo even that a consent was withdrawn: it is in force again then.")
    ] = False,
    show: Show = PLAIN,
) -> None:
    """Take back the last action, whichever front end did it; `loratui history` says which one that is."""
    from loratui.catalog import journal

    with open_library() as catalog:
        entry = journal.undo(catalog, consent=consent)
    if show.json:
        print_json(entry)
        return
    # With its moment: what was done last may be older than the person thinks.
    print_text(f"Undone: {entry.label} (of {_by_the_clock_here(entry.at)}). `loratui redo` does it again.")
    if entry.action == "subject.consent" and entry.label.startswith("withdraw"):
        remark("The consent is in force again: what it allows can be trained and published.", show)


def redo(*, show: Show = PLAIN) -> None:
    """Do the last undone action again."""
    from loratui.catalog import journal

    with open_library() as catalog:
        entry = journal.redo(catalog)
    if show.json:
        print_json(entry)
        return
    print_text(f"Done again: {entry.label}.")


def history(*, limit: Limit = 20, show: Show = PLAIN) -> None:
    """List recent actions, newest first."""
    from loratui.catalog import journal

    with open_library() as catalog:
        entries = journal.history(catalog, limit)
    if show.json:
        print_json(entries)
        return
    print_table(
        ["when", "by", "action", "state"],
        [
            [_by_the_clock_here(entry.at), entry.actor, entry.label, "undone" if entry.undone_at else ""]
            for entry in entries
        ],
        empty="Nothing was done yet.",
    )


def _by_the_clock_here(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def where(*, show: Show = PLAIN) -> None:
    """Print where everything is kept."""
    home = find_home()
    places = {
        "database": home.database,
        "store": home.store,
        "runs": home.runs,
        "sheets": home.sheets,
        "models": home.models,
        "backups": home.backups,
        "cache": home.cache,
        "config": home.config_file,
    }
    if show.json:
        print_json(places)
        return
    print_fields(places)


def exit_codes(*, show: Show = PLAIN) -> None:
    """Explain the exit codes."""
    if show.json:
        print_json({str(code): meaning for code, meaning in EXIT_CODES})
        return
    print_table(["code", "meaning"], EXIT_CODES)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing doctor looked at: state is ok, warning or problem."""

    check: str
    state: str
    detail: str
    hint: str = ""


def doctor(*, show: Show = PLAIN) -> int:
    """Check the library, the disk, the extras and the devices; exit 1 when something is wrong."""
    home = find_home()
    findings = [
        Finding("loratui", "ok", f"{__version__}, Python {platform.python_version()}, {platform.platform()}"),
        *_check_settings(),
        *_check_database(home),
        _check_disk(home),
        *_check_extras(),
        _check_assets(),
        _check_devices(),
        *_check_terminal(),
    ]
    if show.json:
        print_json(findings)
    else:
        print_table(["check", "state", "detail"], [[item.check, item.state, item.detail] for item in findings])
        for item in findings:
            if item.hint:
                print_text(f"{item.check}: {item.hint}")
    return 1 if any(item.state == "problem" for item in findings) else 0


def _check_settings() -> list[Finding]:
    try:
        settings = read_settings()
    except LoratuiError as error:
        return [Finding("settings", "problem", error.message, error.hint)]
    missing = [str(folder) for folder in settings.lora_folders if not folder.is_dir()]
    if missing:
        return [Finding("settings", "warning", f"lora_folders not found: {', '.join(missing)}")]
    return [Finding("settings", "ok", "config.toml read" if find_home().config_file.exists() else "defaults")]


def _check_database(home: Home) -> list[Finding]:
    if not home.database.exists():
        return [Finding("database", "ok", f"none yet; the first verb makes {home.database}")]
    try:
        from loratui.catalog import blobs, counting

        with open_library() as catalog:
            blobs.refresh_states(catalog)
            mended = counting.mend_counts(catalog)
        with sqlite3.connect(f"file:{home.database}?mode=ro", uri=True) as connection:
            check = connection.execute("PRAGMA quick_check").fetchone()[0]
            orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
            missing = connection.execute("SELECT count(*) FROM picture WHERE state <> 'ok'").fetchone()[0]
    except LoratuiError as error:
        return [Finding("database", "problem", error.message, error.hint)]
    except sqlite3.Error as error:
        return [Finding("database", "problem", str(error), f"Backups are in {home.backups}.")]
    if check != "ok" or orphans:
        detail = check if check != "ok" else f"{number_of(len(orphans), 'row refers', 'rows refer')} to nothing"
        return [Finding("database", "problem", detail, f"Backups are in {home.backups}.")]
    found = [Finding("database", "ok", f"{home.database}, {format_bytes(home.database.stat().st_size)}")]
    if mended:
        detail = f"{number_of(mended, 'number')} of pictures of a role had gone wrong and were counted anew"
        hint = "Another program has written into the library; change it with loratui alone."
        found.append(Finding("counts", "warning", detail, hint))
    if missing:
        hint = "Import the originals again, or let `loratui relink FOLDER` find them."
        found.append(
            Finding(
                "pictures", "warning", f"files of {number_of(missing, 'picture')} are missing or were changed", hint
            )
        )
    return found


def _check_disk(home: Home) -> Finding:
    folder = home.data
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    state = "ok" if free > 2 * 1024**3 else "warning"
    hint = "" if state == "ok" else "Trainings stop cleanly when the disk is full, but they do stop."
    return Finding("disk", state, f"{format_bytes(free)} free at {folder}", hint)


def _check_extras() -> list[Finding]:
    found = []
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        if missing:
            hint = f'pip install "loratui[{extra}]"'
            found.append(Finding(f"extra {extra}", "warning", f"not installed: {', '.join(missing)}", hint))
        else:
            found.append(Finding(f"extra {extra}", "ok", ", ".join(modules)))
    return found


def _check_assets() -> Finding:
    try:
        assets = find_assets()
    except LoratuiError as error:
        return Finding("assets", "problem", error.message, error.hint)
    if not (assets / "cast" / "base" / "model_index.json").exists():
        return Finding("assets", "problem", f"{assets} has no cast", "Reinstall loratui.")
    return Finding("assets", "ok", str(assets))


def _check_devices() -> Finding:
    # Asking torch would cost seconds and hold GPU memory; the driver's tool answers at once.
    cores = os.cpu_count() or 1
    if shutil.which("nvidia-smi") is None:
        return Finding("devices", "ok", f"{cores} CPU cores, no NVIDIA driver: training runs on the CPU")
    import subprocess

    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("devices", "warning", f"nvidia-smi does not answer: {error}", "Is the driver loaded?")
    return Finding("devices", "ok", f"{cores} CPU cores; " + "; ".join(answer.split("\n")).strip("; "))


def _check_terminal() -> list[Finding]:
    # In a script or a pipe nobody looks at pictures.
    if not (os.isatty(0) and os.isatty(1)):
        return []
    from loratui.tui.checkup import check_terminal

    try:
        return [Finding(*found) for found in check_terminal(os.environ, read_settings())]
    except LoratuiError as error:
        return [Finding("terminal", "problem", error.message, error.hint)]
