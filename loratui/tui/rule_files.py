"""Caption rules that come from a file or another subject, with what each entry found, and rules written to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loratui.errors import ConflictError, RefusedError, UsageError
from loratui.tui.asking import ask_library, name_key
from loratui.tui.dialogs import Field
from loratui.tui.paths import complete_path
from loratui.tui.refused import RefusedScreen
from loratui.tui.reports import Asked, offer_report
from loratui.tui.text import count
from loratui.tui.undoing import watch_journal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.captions.sharing import Format, GivenRules, Mode, RulesImport
    from loratui.catalog.store import Catalog
    from loratui.tui.app import LoratuiApp
    from loratui.tui.asking import Values
    from loratui.tui.undoing import Done

_ADD, _REPLACE = "add to what there is", "in place of what there is"
_REFUSE, _TAKE = "is refused", "is taken in too"
_LEAVE, _OVER = "is left alone", "is written over"
_JSON, _KOHYA = "all rules, as JSON", "imbued tags, as kohya's undesired list"


class RulesReport(RefusedScreen):
    """What rules that were taken in found: each entry with its pictures, and what is doubtful."""

    DEFAULT_CSS = """
    RulesReport > Vertical { border: round $primary; }
    """


def ask_rules(app: LoratuiApp, subject: str) -> None:
    """Ask for a file with rules or for another subject, take its rules in, and tell what each entry found."""
    fields = [
        Field("file", "File", hint="rules, or a list of undesired tags", complete=complete_path),
        Field("other", "Or of the subject", hint="its name: takes over its rules"),
        Field("mode", "Take them", hint="left and right choose", choices=(_ADD, _REPLACE)),
        Field("strange", "A list that names no tag", hint="left and right choose", choices=(_REFUSE, _TAKE)),
    ]

    def work(catalog: Catalog, values: Values) -> Done[RulesImport]:
        from loratui.captions.sharing import import_rules

        file, other = _name_source(values)
        rules = _read_rules(catalog, file, other)
        mode: Mode = "replace" if values["mode"] == _REPLACE else "add"
        must_match = values["strange"] == _REFUSE

        def take(catalog: Catalog) -> RulesImport:
            return import_rules(catalog, subject, rules, mode=mode, must_match=must_match)

        try:
            return watch_journal(take)(catalog)
        except RefusedError as error:
            if must_match and "--anyway" in error.hint:
                raise RefusedError(error.message, hint="The last line can have it taken in all the same.") from error
            raise

    def done(values: Values, change: Done[RulesImport]) -> None:
        file, other = _name_source(values)
        source = [file] if file else [f"--from={other}"]
        options = ["--replace"] * (values["mode"] == _REPLACE) + ["--anyway"] * (values["strange"] == _TAKE)
        app.ran(["rules", "import", subject, *source, *options])
        said = f"Rules of {file or other} taken in: {count(change.result.preview.changed, 'caption')} changed."
        _report(app, subject, Asked(app), change, said)

    note = "A list of undesired tags may be written any way: spaces after commas and underscores are forgiven."
    ask_library(app, f"Caption rules for {subject}", fields, work, done, note=note)


def _name_source(values: Values) -> tuple[str, str]:
    """The file or the subject that was named: one of them."""
    file, other = values["file"].strip(), values["other"].strip()
    if bool(file) == bool(other):
        raise UsageError("Name either a file or a subject.")
    return file, other


def _read_rules(catalog: Catalog, file: str, other: str) -> GivenRules:
    from pathlib import Path

    from loratui.captions.sharing import read_rules_file, rules_of_other

    return read_rules_file(Path(file).expanduser()) if file else rules_of_other(catalog, other)


def _report(app: LoratuiApp, subject: str, asked: Asked, change: Done[RulesImport], said: str) -> None:
    from loratui.captions.matching import tell_unmatched

    result = change.result
    rows = [(match.entry, _tell_found(match.pictures, match.tags, match.entry)) for match in result.matches]
    warnings = [*result.remarks, *tell_unmatched(result.matches)]
    if not (rows or warnings):
        app.tell(change.say(said, name_key(app, "app.undo")))
        return

    def make(title: str, can_undo: bool) -> RulesReport:
        return RulesReport(title, rows, warnings, is_import=False, can_undo=can_undo)

    task = app.bridge.note(f"rules for {subject}", said)
    if change.entry:
        offer_report(app, task, asked, said, make, f"{name_key(app, 'app.undo')} undoes.")
    else:
        offer_report(app, task, asked, change.say(said), make)


def _tell_found(pictures: int, tags: Sequence[str], entry: str) -> str:
    if not pictures:
        return "in no picture"
    names = f": {', '.join(tags)}" if tuple(tags) != (entry,) else ""
    return f"in {count(pictures, 'picture')}{names}"


def ask_rules_file(app: LoratuiApp, subject: str) -> None:
    """Ask where to write the caption rules of a subject, and in which format."""

    def check(text: str) -> str:
        return "" if text.strip() else "something has to stand here"

    name = f"rules of {subject}"
    typed = app.typed.get(name, {})
    fields = [
        Field("file", "File", typed.get("file", ""), check=check, complete=complete_path),
        Field("what", "Write", typed.get("what", ""), "left and right choose", choices=(_JSON, _KOHYA)),
        Field("there", "One that is there", hint="left and right choose", choices=(_LEAVE, _OVER)),
    ]

    def work(catalog: Catalog, values: Values) -> list[str]:
        from pathlib import Path

        from loratui.captions.sharing import export_rules, write_rules_file

        text, remarks = export_rules(catalog, subject, _format_of(values["what"]))
        file = Path(values["file"].strip()).expanduser()
        try:
            write_rules_file(file, text, overwrite=values["there"] == _OVER)
        except ConflictError as error:
            raise ConflictError(error.message, hint="Name another file, or have it written over.") from error
        return remarks

    def done(values: Values, remarks: list[str]) -> None:
        file = values["file"].strip()
        options = ["--format=kohya"] * (_format_of(values["what"]) == "kohya")
        options += ["--overwrite"] * (values["there"] == _OVER)
        app.ran(["rules", "export", subject, file, *options])
        app.tell(" ".join([f"Rules of {subject} written to {file}.", *remarks]))

    ask_library(app, f"Write the caption rules of {subject}", fields, work, done, name=name)


def _format_of(words: str) -> Format:
    return "kohya" if words == _KOHYA else "json"
