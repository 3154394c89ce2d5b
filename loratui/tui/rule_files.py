"""Caption rules that come from a file or another subject, with what each entry found, and rules written to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.errors import ConflictError, LoratuiError
from loratui.tui.dialogs import Field, Form
from loratui.tui.paths import complete_path
from loratui.tui.refused import RefusedScreen
from loratui.tui.reports import Asked, offer_report
from loratui.tui.text import count
from loratui.tui.undoing import watch_journal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loratui.captions.sharing import Format, GivenRules, RulesImport
    from loratui.catalog.store import Catalog
    from loratui.tui.app import LoratuiApp
    from loratui.tui.undoing import Done

_ADD, _REPLACE = "add to what there is", "in place of what there is"
_LEAVE, _OVER = "is left alone", "is written over"
_JSON, _KOHYA = "all rules, as JSON", "imbued tags, as kohya's undesired list"


class RulesReport(RefusedScreen):
    """What rules that were taken in found: each entry with its pictures, and what is doubtful."""

    DEFAULT_CSS = """
    RulesReport > Vertical { border: round $primary; }
    """


def ask_rules(app: LoratuiApp, subject: str, given: Mapping[str, str] = {}, wrong: str = "") -> None:
    """Ask for a file with rules or for another subject, take its rules in, and tell what each entry found.

    What can't be read is asked again, as it was typed.
    """
    fields = [
        Field("file", "File", given.get("file", ""), "rules, or a list of undesired tags", complete=complete_path),
        Field("other", "Or of the subject", given.get("other", ""), "its name: takes over its rules"),
        Field("mode", "Take them", given.get("mode", ""), "left and right choose", choices=(_ADD, _REPLACE)),
    ]

    def answered(values: dict[str, str] | None) -> None:
        if values is None:
            return
        file, other = values["file"].strip(), values["other"].strip()
        replace = values["mode"] == _REPLACE
        if bool(file) == bool(other):
            ask_rules(app, subject, values, "Name either a file or a subject.")
            return

        def work(catalog: Catalog) -> RulesImport | LoratuiError:
            from loratui.captions.sharing import import_rules

            try:
                rules = _read_rules(catalog, file, other)
                return import_rules(catalog, subject, rules, mode="replace" if replace else "add")
            except LoratuiError as error:
                return error

        def done(change: Done[RulesImport | LoratuiError]) -> None:
            result = change.result
            if isinstance(result, LoratuiError):
                ask_rules(app, subject, values, f"{result.message} {result.hint}".strip())
                return
            source = [file] if file else [f"--from={other}"]
            app.ran(["rules", "import", subject, *source, *["--replace"] * replace])
            said = f"Rules of {file or other} taken in: {count(result.preview.changed, 'caption')} changed."
            _report(app, subject, asked, result, said, change)

        asked = Asked(app)
        app.bridge.write(watch_journal(work), done, owner=app)

    note = "A list of undesired tags may be written any way: spaces after commas and underscores are forgiven."
    app.push_screen(Form(f"Caption rules for {subject}", fields, note=note, wrong=wrong), answered)


def _read_rules(catalog: Catalog, file: str, other: str) -> GivenRules:
    from pathlib import Path

    from loratui.captions.sharing import read_rules_file, rules_of_other

    return read_rules_file(Path(file).expanduser()) if file else rules_of_other(catalog, other)


def _report(
    app: LoratuiApp,
    subject: str,
    asked: Asked,
    result: RulesImport,
    said: str,
    change: Done[RulesImport | LoratuiError],
) -> None:
    from loratui.captions.matching import tell_unmatched

    rows = [(match.entry, _tell_found(match.pictures, match.tags, match.entry)) for match in result.matches]
    warnings = [*result.remarks, *tell_unmatched(result.matches)]
    if not (rows or warnings):
        app.tell(change.say(said))
        return

    def make(title: str, can_undo: bool) -> RulesReport:
        return RulesReport(title, rows, warnings, is_import=False, can_undo=can_undo)

    task = app.bridge.note(f"rules for {subject}", said)
    if change.entry:
        offer_report(app, task, asked, said, make, "u undoes.")
    else:
        offer_report(app, task, asked, change.say(said), make)


def _tell_found(pictures: int, tags: Sequence[str], entry: str) -> str:
    if not pictures:
        return "in no picture"
    names = f": {', '.join(tags)}" if tuple(tags) != (entry,) else ""
    return f"in {count(pictures, 'picture')}{names}"


def ask_rules_file(app: LoratuiApp, subject: str, given: Mapping[str, str] = {}, wrong: str = "") -> None:
    """Ask where to write the caption rules of a subject, and in which format."""

    def check(text: str) -> str:
        return "" if text.strip() else "something has to stand here"

    fields = [
        Field("file", "File", given.get("file", ""), check=check, complete=complete_path),
        Field("what", "Write", given.get("what", ""), "left and right choose", choices=(_JSON, _KOHYA)),
        Field("there", "One that is there", given.get("there", ""), "left and right choose", choices=(_LEAVE, _OVER)),
    ]

    def answered(values: dict[str, str] | None) -> None:
        if values is None:
            return
        file, format_ = values["file"].strip(), _format_of(values["what"])
        overwrite = values["there"] == _OVER

        def work(catalog: Catalog) -> list[str] | LoratuiError:
            from pathlib import Path

            from loratui.captions.sharing import export_rules, write_rules_file

            try:
                text, remarks = export_rules(catalog, subject, format_)
                write_rules_file(Path(file).expanduser(), text, overwrite=overwrite)
            except ConflictError as error:
                return ConflictError(error.message, hint="Name another file, or have it written over.")
            except LoratuiError as error:
                return error
            return remarks

        def done(result: list[str] | LoratuiError) -> None:
            if isinstance(result, LoratuiError):
                ask_rules_file(app, subject, values, f"{result.message} {result.hint}".strip())
                return
            options = ["--format=kohya"] * (format_ == "kohya") + ["--overwrite"] * overwrite
            app.ran(["rules", "export", subject, file, *options])
            app.tell(" ".join([f"Rules of {subject} written to {file}.", *result]))

        app.bridge.write(work, done, owner=app)

    app.push_screen(Form(f"Write the caption rules of {subject}", fields, wrong=wrong), answered)


def _format_of(words: str) -> Format:
    return "kohya" if words == _KOHYA else "json"
