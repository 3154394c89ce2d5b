"""The tree of verbs, loaded one by one when used, and the way errors become exit codes."""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper
from pathlib import Path

from cyclopts import App, CycloptsError

from loratui import __version__
from loratui.bugs import report_bug
from loratui.cli.misuse import refuse_emptiness, word_misuse
from loratui.errors import LoratuiError, NotFoundError

# (verb path, "module:function", what it does). Help is given here so that listing verbs imports none.
VERBS: tuple[tuple[str, str, str], ...] = (
    ("overview", "overview:overview", "Show all subjects with what waits for a decision."),
    ("subject add", "library:add_subject", "Add a subject with its own trigger word."),
    ("subject list", "library:list_subjects", "List all subjects with their pictures and influence."),
    ("subject show", "library:show_subject", "Show one subject."),
    ("subject edit", "library:edit_subject", "Change a subject's name, trigger, kind, repeats or notes."),
    ("subject remove", "library:remove_subject", "Remove a subject; its pictures stay in the store."),
    ("subject consent", "library:record_consent", "Record who consented, to what, or --withdraw it (kind person)."),
    ("trigger check", "triggers:check_trigger", "Say whether a word makes a good trigger, and what it clashes with."),
    ("trigger suggest", "triggers:suggest_triggers", "Invent trigger words that are free and mean nothing yet."),
    ("import", "library:import_pictures", "Import pictures and folders into a subject."),
    ("relink", "library:relink", "Find moved in-place pictures again by their content."),
    ("picture list", "pictures:list_pictures", "List the pictures of a subject, filtered by a query."),
    ("picture show", "inspection:show_pictures", "Show pictures from all sides: file, bucket, tags, caption."),
    ("picture remove", "pictures:remove_pictures", "Take pictures out of a subject; undo brings them back."),
    ("picture rate", "pictures:rate_pictures", "Give pictures 0-5 stars."),
    ("picture refused", "pictures:list_refused", "List files that imports turned away, and why."),
    ("role set", "pictures:set_role", "Set the role of the pictures that match a query."),
    ("repeats set", "pictures:set_repeats", "Set the repeats of the pictures that match a query."),
    ("crop set", "crops:set_crop", "Train on a part of pictures: a box, or the largest one of a shape."),
    ("crop clear", "crops:clear_crop", "Train on whole pictures again."),
    ("crop list", "crops:list_crops", "List the pictures that have a crop, and what it leaves out."),
    ("dupes list", "pictures:list_duplicates", "Group pictures that look alike, with a suggested best."),
    ("dupes resolve", "pictures:resolve_duplicates", "Reject all but the best picture of each group."),
    ("dupes keep", "pictures:keep_duplicates", "Remember that pictures are not duplicates, or wanted variants."),
    ("balance", "pictures:balance", "Show the influence of each role; --apply sets repeats near 2:1."),
    ("check", "checks:check", "Look for misplaced pictures: faces, text, blur, tiny, dark, another subject."),
    ("coverage", "coverage:coverage", "Show what the training pictures show, and what none of them shows."),
    ("overrule", "coverage:overrule", "Say what pictures show where the tags say something else."),
    ("propose", "proposals:propose", "Propose primary and supporting pictures; --accept sets the roles."),
    ("caption list", "dataset:list_captions", "List captions as the trainer will see them."),
    ("caption show", "dataset:list_captions", "The same as `caption list`, by its older name."),
    (
        "caption diff",
        "captions:diff_captions",
        "Show what captions changed since a training, or would with other rules.",
    ),
    ("describe", "describe:describe", "Have a vision model describe pictures in sentences."),
    ("caption set", "dataset:set_caption", "Write captions by hand; they win over every rule."),
    ("caption tag", "dataset:edit_tags", "Add tags to captions or remove them."),
    ("caption replace", "tags:replace_tag", "Put one tag in place of another."),
    ("tag", "tagging:tag", "Score pictures with a tagging model; captions are made of its tags."),
    ("tags list", "tags:list_tags", "Count the tags of a subject, the most frequent first."),
    ("tags add", "tags:add_tags", "Say that pictures show tags."),
    ("tags remove", "tags:remove_tags", "Say that pictures don't show tags."),
    ("tags rename", "tags:rename_tag", "Put one tag in place of another in the whole subject, its rules included."),
    ("rules show", "rules:show_rules", "Show how captions are computed."),
    ("rules set", "rules:set_rules", "Change prefix, imbued tags and the other caption rules."),
    ("rules import", "rules:import_rules", "Take rules from a file, a kohya list or another subject."),
    ("rules export", "rules:export_rules", "Write rules to a file, or imbued tags as kohya's list."),
    ("imbue suggest", "imbue:suggest_imbue", "Say what to learn with the trigger, and what fuses by accident."),
    ("imbue apply", "imbue:apply_imbue", "Put tags on the imbued list: given ones, or those advised."),
    ("imbue presets", "imbue:list_presets", "List what may be imbued, by kind of subject."),
    ("imbue groups", "imbue:list_groups", "List the groups that tags are sorted into, or their tags."),
    ("plan", "dataset:plan", "Count buckets, batches and steps exactly."),
    ("export", "dataset:export", "Write a subject's dataset as training folders."),
    ("base add", "training:add_base", "Register a base model: a diffusers folder or a single file."),
    ("base list", "training:list_bases", "List base models."),
    ("base remove", "training:remove_base", "Forget a base model that no training needs; its files stay."),
    ("train", "training:train", "Train a LoRA in the background."),
    ("run list", "training:list_runs", "List trainings."),
    ("run show", "training:show_run", "Show one training: state, step, speed, time left."),
    ("run log", "training:run_log", "Print a training's log."),
    ("run loss", "forecast:show_loss", "Show how the loss and the learning rate went."),
    ("run wait", "training:wait_run", "Wait until a training ends."),
    ("run stop", "training:stop_run", "Stop a training after its current step and save its state."),
    ("run resume", "training:resume_run", "Go on with a stopped or failed training."),
    ("run remove", "training:remove_run", "Forget a training that has ended; its files stay."),
    ("checkpoint list", "training:list_checkpoints", "List the epochs that a training saved."),
    ("sheet", "training:sheet", "Render prompts x seeds for every epoch and write a contact sheet."),
    ("review list", "review:list_sheets", "List sheets, newest first."),
    ("review show", "review:show_sheet", "Show a sheet: mean rating per epoch, prompts, images."),
    ("review rate", "review:rate_cells", "Give images of a sheet 0-5 stars."),
    ("devices", "forecast:show_devices", "Show what graphics cards and trainers are doing."),
    ("undo", "admin:undo", "Take back the last action."),
    ("redo", "admin:redo", "Do the last undone action again."),
    ("history", "admin:history", "List recent actions, newest first."),
    ("where", "admin:where", "Print where everything is kept."),
    ("doctor", "admin:doctor", "Check the library, the disk, the extras and the devices."),
    ("exit-codes", "admin:exit_codes", "Explain the exit codes."),
)

# Verbs that open or draw something; outside of VERBS, whose every member tells data and has --json.
SHOWS: tuple[tuple[str, str, str], ...] = (
    ("tui", "loratui.cli.terminal:tui", "Open the terminal app; the same as loratui without a verb."),
    ("serve", "loratui.tui.serve:serve", "Show the app in a browser on this machine."),
    ("demo", "loratui.demo.command:demo", "Draw a character, train it, show the epochs: 3 minutes."),
    ("reset-terminal", "loratui.cli.terminal:reset_terminal", "Put a terminal in order that a program left broken."),
)

GROUPS = {
    "subject": "Subjects: what each LoRA teaches.",
    "trigger": "Trigger words.",
    "picture": "Pictures of a subject.",
    "role": "Roles: inbox, primary, supporting, holdout, rejected.",
    "repeats": "How often pictures are seen in an epoch.",
    "crop": "Which part of a picture is trained on.",
    "dupes": "Pictures that look alike.",
    "caption": "Captions.",
    "tags": "Tags of a subject.",
    "rules": "Caption rules.",
    "imbue": "What is learned with the trigger word.",
    "base": "Base models.",
    "run": "Trainings.",
    "checkpoint": "LoRA files of a training.",
    "review": "Sheets and what you think of their images.",
}


def build_app() -> App:
    """The command tree; no verb's module is imported."""
    app = App(
        name="loratui",
        help="From a folder of pictures to a published image LoRA. Start with `loratui demo`.",
        version=f"loratui {__version__}",
        version_flags=["--version"],
        help_format="plaintext",
        result_action="return_value",
    )
    groups = {name: App(name=name, help=text, version_flags=[]) for name, text in GROUPS.items()}
    for group in groups.values():
        app.command(group)
    for path, target, text in VERBS:
        *parents, name = path.split()
        owner = groups[parents[0]] if parents else app
        owner.command(f"loratui.cli.{target}", name=name, help=text)
    for name, target, text in SHOWS:
        app.command(target, name=name, help=text)
    return app


def run(arguments: list[str]) -> int:
    """Run one verb and return the exit code; see `loratui exit-codes`."""
    from loratui.cli.output import print_error

    as_json = "--json" in arguments
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # Names are in any script: what a terminal or a pipe can't take is shown as an escape, not as a traceback.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app = build_app()
    try:
        refuse_emptiness(app, arguments)
        result = app(
            arguments or ["--help"], exit_on_error=False, print_error=False, help_on_error=False, verbose=False
        )
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except CycloptsError as error:
        usage = word_misuse(error, _help_of(arguments))
        print_error(usage, as_json=as_json)
        return usage.exit_code
    except LoratuiError as error:
        print_error(error, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        print("loratui: interrupted; what was done so far is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain again at exit without this.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        told = _explain(error) or report_bug(error, " ".join(("loratui", *arguments)))
        print_error(told, as_json=as_json)
        return told.exit_code
    except Exception as error:
        print_error(report_bug(error, " ".join(("loratui", *arguments))), as_json=as_json)
        return 1


def _open_closed_streams() -> None:
    """Put the null device in place of streams that the caller has closed: what a verb does, it does unheard, too."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    # Each takes the lowest number that is free: a file of the library must not become the place for output.
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _explain(error: OSError) -> LoratuiError | None:
    """What a person can do something about; None for a bug."""
    if error.errno == errno.ENOSPC:
        return LoratuiError("The disk is full: not all could be written.", hint="Free some space and run it again.")
    try:
        Path.cwd()
    except FileNotFoundError:
        return NotFoundError(
            "The folder this was called in does not exist any more.", hint="Change to one that does: cd FOLDER."
        )
    return None


def _help_of(arguments: list[str]) -> str:
    verbs = {path for path, _, _ in VERBS} | {name for name, _, _ in SHOWS} | set(GROUPS)
    for length in (2, 1):
        words = " ".join(arguments[:length])
        if words in verbs:
            return f"loratui {words} --help"
    return "loratui --help"
