"""The one registry of what a person can do: keys, help, palette, key bar and keymap file are all read from here."""

from __future__ import annotations

from loratui.tui.actions import EVERYWHERE, LISTS, VIEW, Action


def _view(
    id_: str, keys: str, label: str, help_: str, *scopes: str, bar: bool = False, per_key: bool = False
) -> Action:
    return Action(id_, keys, label, help_, scopes, no_verb=VIEW, bar=bar, per_key=per_key)


def _edit(
    id_: str, keys: str, label: str, help_: str, verb: str, *scopes: str, bar: bool = False, per_key: bool = False
) -> Action:
    return Action(id_, keys, label, help_, scopes, verb=verb, undo="journal", bar=bar, per_key=per_key)


def _do(id_: str, keys: str, label: str, help_: str, verb: str, *scopes: str, bar: bool = False) -> Action:
    return Action(id_, keys, label, help_, scopes, verb=verb, undo="none", bar=bar)


def _show(id_: str, keys: str, label: str, help_: str, verb: str, *scopes: str, bar: bool = False) -> Action:
    return Action(id_, keys, label, help_, scopes, verb=verb, bar=bar)


ACTIONS: tuple[Action, ...] = (
    # Library
    _view("subject.open", "enter", "open", "Open the subject's pictures.", "library", bar=True),
    _edit(
        "subject.add",
        "n",
        "new subject",
        "Add a subject with its own trigger word.",
        "subject add",
        "library",
        bar=True,
    ),
    _edit(
        "subject.import",
        "a",
        "import",
        "Import pictures and folders into the subject.",
        "import",
        "library",
        "pictures",
        bar=True,
    ),
    _edit(
        "subject.edit",
        "e",
        "edit",
        "Change name, trigger, kind, class word or repeats.",
        "subject edit",
        "library",
        bar=True,
    ),
    _edit("subject.consent", "C", "consent", "Record who agreed to what (kind person).", "subject consent", "library"),
    _edit(
        "subject.remove",
        "X",
        "remove",
        "Remove the subject; its pictures stay in the store.",
        "subject remove",
        "library",
    ),
    _show(
        "subject.refused",
        "R",
        "refused files",
        "Files that imports turned away, and why.",
        "picture refused",
        "library",
    ),
    _view("library.sort", "o", "order", "Sort by the next column.", "library", "runs", "tags"),
    _view("library.reverse", "O", "turn order", "The same order the other way round.", "library"),
    # Picture wall
    _view("picture.open", "enter", "view", "See the picture as large as the terminal allows.", "pictures", bar=True),
    _edit(
        "picture.primary",
        "p",
        "primary",
        "Clear and characteristic: more repeats.",
        "role set",
        "pictures",
        "view",
        bar=True,
    ),
    _edit(
        "picture.supporting",
        "s",
        "supporting",
        "Adds variety: fewer repeats.",
        "role set",
        "pictures",
        "view",
        bar=True,
    ),
    _edit(
        "picture.reject", "x", "reject", "Leave the picture out of training.", "role set", "pictures", "view", bar=True
    ),
    _edit("picture.reject_because", "X", "reject because", "Reject and say why.", "role set", "pictures", "view"),
    _edit("picture.inbox", "i", "inbox", "Back to the pictures not sorted yet.", "role set", "pictures", "view"),
    _edit("picture.holdout", "o", "holdout", "Keep out of training to judge epochs.", "role set", "pictures", "view"),
    _edit("picture.more_repeats", "plus", "repeats +", "One more repeat.", "repeats set", "pictures", "view"),
    _edit("picture.fewer_repeats", "minus", "repeats -", "One repeat fewer.", "repeats set", "pictures", "view"),
    _edit(
        "picture.default_repeats",
        "equals_sign",
        "repeats =",
        "The role's own repeats again.",
        "repeats set",
        "pictures",
        "view",
    ),
    _edit(
        "picture.rate", "0,1,2,3,4,5", "rate", "Give 0 to 5 stars.", "picture rate", "pictures", "view", per_key=True
    ),
    _edit(
        "picture.caption",
        "e",
        "caption",
        "Write the caption by hand; it wins over every rule.",
        "caption set",
        "pictures",
        "view",
        "tags",
        bar=True,
    ),
    _edit("picture.tag", "m", "edit tags", "Add and remove tags: `smile, -hat`.", "caption tag", "pictures", "view"),
    _edit("picture.shows", "f", "what it shows", "Say framing, angle, face or light.", "overrule", "pictures", "view"),
    _edit(
        "picture.remove", "D,delete", "remove", "Take the pictures out of the subject.", "picture remove", "pictures"
    ),
    _view(
        "picture.crop", "c", "crop", "Crop to a bucket shape; the file stays as it is.", "pictures", "view", bar=True
    ),
    _view("wall.larger", "right_square_bracket", "larger", "Larger thumbnails.", "pictures", "review"),
    _view("wall.smaller", "left_square_bracket", "smaller", "Smaller thumbnails.", "pictures", "review"),
    _view("wall.detail", "tab", "detail", "Show or hide the detail pane.", "pictures"),
    _view(
        "wall.order", "S", "order", "Sort by the next order: added, name, size, rating, role, sharpness.", "pictures"
    ),
    _view("wall.refresh", "R", "refresh", "Sort and filter anew: what does not match any more goes.", "pictures"),
    _view("picture.next", "n", "next", "The next picture.", "view", "crop", bar=True),
    _view("picture.previous", "N", "previous", "The picture before.", "view", "crop"),
    # Screens of a subject
    _view("subject.pictures", "f3", "pictures", "The pictures of the subject.", EVERYWHERE),
    _view("subject.duplicates", "d", "duplicates", "Pictures that look alike.", "pictures", "library", bar=True),
    _view(
        "subject.tags", "t", "tags", "Tags, captions and what is imbued.", "pictures", "library", "balance", bar=True
    ),
    _view(
        "subject.balance",
        "b",
        "balance",
        "Influence of the roles, steps and coverage.",
        "pictures",
        "library",
        "tags",
        "proposals",
        bar=True,
    ),
    _do("subject.export", "E", "export", "Write the dataset as training folders.", "export", "pictures", "library"),
    # Crop
    _edit("crop.apply", "enter", "apply", "Keep this crop.", "crop set", "crop", bar=True),
    _edit("crop.clear", "r", "whole picture", "Use the whole picture again.", "crop clear", "crop", bar=True),
    _view("crop.shape", "tab", "shape", "The next bucket shape.", "crop", bar=True),
    _view("crop.shape_back", "shift+tab", "shape back", "The bucket shape before.", "crop"),
    _view(
        "crop.move",
        "up,down,left,right,h,j,k,l,H,J,K,L,shift+up,shift+down,shift+left,shift+right",
        "move",
        "Move the box; with shift five times as far, and faster while a key is held.",
        "crop",
        bar=True,
        per_key=True,
    ),
    _view("crop.larger", "plus", "larger", "A larger box.", "crop", bar=True),
    _view("crop.smaller", "minus", "smaller", "A smaller box.", "crop", bar=True),
    # Duplicates
    _edit(
        "group.resolve",
        "enter",
        "keep best",
        "Keep the best of the group, reject the others.",
        "dupes resolve",
        "duplicates",
        bar=True,
    ),
    _edit(
        "group.keep_this",
        "b",
        "keep this one",
        "Keep the picture under the cursor, or the marked ones, and reject the others.",
        "dupes resolve",
        "duplicates",
        bar=True,
    ),
    _edit(
        "group.reject_this",
        "x",
        "reject this",
        "Reject only the picture under the cursor, or the marked ones.",
        "role set",
        "duplicates",
        bar=True,
    ),
    _edit(
        "group.different",
        "n",
        "not duplicates",
        "Remember that these, or the marked ones, are not duplicates.",
        "dupes keep",
        "duplicates",
        bar=True,
    ),
    _edit(
        "group.alternates",
        "a",
        "alternates",
        "Remember that these, or the marked ones, are wanted variants.",
        "dupes keep",
        "duplicates",
        bar=True,
    ),
    _edit(
        "group.resolve_all",
        "A",
        "keep best of all",
        "Resolve every sure group at once.",
        "dupes resolve",
        "duplicates",
        bar=True,
    ),
    _view("picture.zoom", "z", "zoom", "See the picture as large as the terminal allows.", "duplicates", "tags"),
    # Tags and captions
    _edit(
        "tag.imbue",
        "i,enter",
        "imbue / keep",
        "Leave the tag out of captions so that it sinks into the trigger.",
        "rules set",
        "tags",
        bar=True,
    ),
    _edit("tag.add", "a", "add", "Add a tag to the pictures in scope.", "caption tag", "tags", bar=True),
    _edit("tag.remove", "x", "remove", "Remove the tag from the pictures in scope.", "caption tag", "tags", bar=True),
    _edit("tag.replace", "r", "replace", "Put another tag in place of this one.", "caption replace", "tags", bar=True),
    _edit(
        "tag.prefix", "P", "prefix", "Change what every caption begins and ends with.", "rules set", "tags", bar=True
    ),
    _edit("tag.rules", "R", "rules", "What is said, order, overlaps, tokens.", "rules set", "tags", bar=True),
    _edit("tag.import_rules", "L", "take rules", "Rules of a file or a subject.", "rules import", "tags"),
    _do("tag.export_rules", "E", "write rules", "Write the rules to a file.", "rules export", "tags"),
    _view("tag.scope", "s", "scope", "What bulk edits act on: all, filtered or marked pictures.", "tags", bar=True),
    _do("subject.tag", "W", "tag by model", "Have a tagger score pictures.", "tag", "tags", "pictures", "imbue"),
    _edit("subject.describe", "M", "sentences", "Have a model describe pictures.", "describe", "tags", "pictures"),
    _show("subject.imbue", "I", "what to imbue", "What to imbue, and what fuses.", "imbue suggest", "tags", bar=True),
    _view("imbue.choose", "space", "in / out", "Take the tag into what will be imbued, or out.", "imbue", bar=True),
    _edit(
        "imbue.apply", "enter,A", "apply", "Imbue all that is chosen, in one step.", "imbue apply", "imbue", bar=True
    ),
    _show("imbue.preset", "b", "preset", "What kind of subject the advice is for.", "imbue presets", "imbue", bar=True),
    _show(
        "imbue.except", "B", "but not", "Leave groups, such as hair, to the prompt.", "imbue groups", "imbue", bar=True
    ),
    _view("imbue.alone", "c", "captions", "Captions with this tag alone imbued, or all chosen.", "imbue", bar=True),
    _view("tag.pictures", "g", "its pictures", "Show the pictures that have the tag.", "tags", "imbue", bar=True),
    _view("tag.next_example", "n", "next example", "The caption of the next picture.", "tags", "imbue", bar=True),
    _view("tag.scroll", "tab", "scroll", "Scroll what is beside the table: examples, rules, doubts.", "tags", "imbue"),
    _view(
        "subject.train",
        "T",
        "train",
        "Choose recipe and base, and start a training.",
        "pictures",
        "library",
        "tags",
        "imbue",
        "balance",
        "runs",
        bar=True,
    ),
    # Proposed roles
    _show(
        "subject.proposals",
        "r",
        "propose roles",
        "Which pictures to choose, and why.",
        "propose",
        "pictures",
        "balance",
    ),
    _edit("proposal.accept", "enter,A", "accept", "Give all of them these roles.", "propose", "proposals", bar=True),
    _view("proposal.take_out", "space", "take out", "Leave this picture as it is.", "proposals", bar=True),
    _view("proposal.primary_more", "p", "primary +", "One more primary picture.", "proposals", bar=True),
    _view("proposal.primary_fewer", "P", "primary -", "One primary picture fewer.", "proposals", bar=True),
    _view("proposal.supporting_more", "s", "supporting +", "One more supporting picture.", "proposals", bar=True),
    _view("proposal.supporting_fewer", "S", "supporting -", "One supporting picture fewer.", "proposals", bar=True),
    _view("proposal.numbers", "n", "numbers", "Type how many there should be.", "proposals", bar=True),
    _view("proposal.anew", "a", "all anew", "Choose those in training anew too, or not.", "proposals", bar=True),
    _view("proposal.view", "z", "zoom", "See the picture large.", "proposals"),
    # Checks
    _show("subject.checks", "K", "checks", "Pictures that may not belong here.", "check", "pictures", "balance"),
    _do("check.run", "r", "check", "Look for misplaced pictures; rejects nothing.", "check", "checks", bar=True),
    _edit("check.reject", "x", "reject", "Reject with this reason.", "role set", "checks", bar=True),
    _view("check.open", "enter,z", "view", "See the picture large.", "checks", bar=True),
    _view("check.pictures", "g", "all of these", "All that this check found, on the wall.", "checks", bar=True),
    # Balance
    _edit("balance.apply", "enter", "apply", "Set the proposed repeats.", "balance", "balance", bar=True),
    _edit(
        "balance.primary_more", "p", "primary +", "One more repeat for primaries.", "subject edit", "balance", bar=True
    ),
    _edit(
        "balance.primary_fewer",
        "P",
        "primary -",
        "One repeat fewer for primaries.",
        "subject edit",
        "balance",
        bar=True,
    ),
    _edit(
        "balance.supporting_more",
        "s",
        "supporting +",
        "One more repeat for supporting pictures.",
        "subject edit",
        "balance",
        bar=True,
    ),
    _edit(
        "balance.supporting_fewer",
        "S",
        "supporting -",
        "One repeat fewer for supporting pictures.",
        "subject edit",
        "balance",
        bar=True,
    ),
    _view("balance.cell", "c", "its pictures", "The pictures of a cell or behind a line.", "balance"),
    # Train
    _do("train.start", "ctrl+s", "start", "Start the training; asks once.", "train", "train", bar=True),
    _view("train.edit", "enter", "edit", "Type the value of the line, or take its next choice.", "train", bar=True),
    _view(
        "train.change", "left,right,h,l", "choose", "The next or previous choice of the line.", "train", per_key=True
    ),
    _view("train.preset", "r", "preset", "The preset's value again.", "train", bar=True),
    _view("train.read_on", "tab", "read on", "Scroll what the training would be.", "train", bar=True),
    # Runs
    _view("run.open", "enter", "open", "Watch the training: loss, log, checkpoints.", "runs", bar=True),
    _do(
        "run.stop", "S", "stop", "Finish the step, save and stop; resume goes on.", "run stop", "runs", "run", bar=True
    ),
    _do("run.resume", "R", "resume", "Go on with a stopped or failed training.", "run resume", "runs", "run", bar=True),
    _do("run.continue", "c", "continue from", "Train further from a checkpoint's weights.", "train", "run", bar=True),
    _view("run.review", "v", "review", "Compare the epochs of the training.", "runs", "run", bar=True),
    _view("run.next_pane", "tab", "next pane", "Checkpoints, log, plot.", "run"),
    # Review
    _do("sheet.make", "n", "new sheet", "Render prompts x seeds for every epoch.", "sheet", "review", "run", bar=True),
    _view("sheet.choose", "o", "other sheet", "Choose another sheet.", "review", bar=True),
    _view("cell.open", "enter,z", "zoom", "The image as large as the terminal allows.", "review", bar=True),
    _view("cell.pin", "m", "pin", "Remember this epoch to flip with.", "review", "cell", bar=True),
    _view(
        "cell.flip",
        "f,tab",
        "flip",
        "Flip between this epoch and the pinned one, on the same spot.",
        "review",
        "cell",
        bar=True,
    ),
    _edit(
        "cell.rate",
        "0,1,2,3,4,5",
        "rate",
        "Give the image 0 to 5 stars.",
        "review rate",
        "review",
        "cell",
        bar=True,
        per_key=True,
    ),
    _view("cell.seed", "s", "seed", "Show the next seed.", "review", "cell", bar=True),
    # History
    _show("app.history", "U", "history", "What was done, newest first.", "history", EVERYWHERE),
    # Moving and marking
    _view("move.up", "up,k", "up", "Up.", *LISTS, "balance", "view", "cell"),
    _view("move.down", "down,j", "down", "Down.", *LISTS, "balance", "view", "cell"),
    _view("move.left", "left,h", "left", "Left.", "pictures", "duplicates", "balance", "review", "view", "cell"),
    _view("move.right", "right,l", "right", "Right.", "pictures", "duplicates", "balance", "review", "view", "cell"),
    _view("move.page_down", "pagedown,ctrl+f", "page down", "A page down.", *LISTS, "balance"),
    _view("move.page_up", "pageup,ctrl+b", "page up", "A page up.", *LISTS, "balance"),
    _view("move.half_down", "ctrl+d", "half a page down", "Half a page down.", *LISTS),
    _view("move.half_up", "ctrl+u", "half a page up", "Half a page up.", *LISTS),
    _view("move.first", "home", "first", "The first.", *LISTS, "balance"),
    _view("move.last", "end,G", "last", "The last.", *LISTS, "balance"),
    _view("mark.toggle", "space", "mark", "Mark and go on.", "pictures", "duplicates", bar=True),
    _view("mark.range", "v", "mark range", "Mark from here to where the cursor goes; again to end.", "pictures"),
    _view("mark.all", "ctrl+a", "mark all", "Mark all, or none when all are marked.", "pictures"),
    _view("mark.invert", "asterisk", "invert marks", "Mark what is not marked.", "pictures"),
    _view("filter.open", "slash", "filter", "Show only what matches.", "library", "pictures", "tags", "runs", bar=True),
    # Everywhere
    _view("app.help", "question_mark,f1", "keys", "The keys that work here.", EVERYWHERE, bar=True),
    _view("app.palette", "colon,ctrl+p", "palette", "Find any action by name.", EVERYWHERE),
    _view("app.jump", "ctrl+o", "jump", "Put a letter on everything that can be reached.", EVERYWHERE),
    Action(
        "app.undo", "u", "undo", "Take back the last action, whatever it was.", (EVERYWHERE,), verb="undo", bar=True
    ),
    Action("app.redo", "ctrl+r", "redo", "Do again what was undone last.", (EVERYWHERE,), verb="redo"),
    _view("app.copy_command", "Y", "copy command", "Copy the command line that does the last action.", EVERYWHERE),
    _view("app.tasks", "w", "tasks", "Long jobs with progress and cancel; recent messages.", EVERYWHERE),
    _view("app.back", "escape", "back", "Leave what is open; never quits.", EVERYWHERE),
    _show("app.library", "f2", "library", "All subjects.", "overview", EVERYWHERE),
    _show("app.runs", "f4", "runs", "All trainings.", "run list", EVERYWHERE),
    _show("app.review", "f5", "review", "Compare epochs.", "review list", EVERYWHERE),
    _view("app.repaint", "ctrl+l", "repaint", "Draw the screen and its images anew.", EVERYWHERE),
    _view("app.theme", "f9", "theme", "The next colour theme.", EVERYWHERE),
    _view("app.suspend", "ctrl+z", "to the shell", "Leave the terminal to the shell; fg comes back.", EVERYWHERE),
    _view("app.quit", "q,ctrl+q", "quit", "Quit; trainings go on.", EVERYWHERE),
)

BY_ID = {action.id: action for action in ACTIONS}
