"""The form of a training: every setting on a line, edited in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from loratui.tui.keymap import say_key
from loratui.tui.one_line import OneLine
from loratui.tui.table import GAP, Column, Row, RowTable
from loratui.tui.text import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.app import ComposeResult

    from loratui.tui.app import LoratuiApp

START = "start"
LABEL = 21
"""Cells for the name of a setting."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. With `choices`, left and right go through them; with `free` one may also type."""

    name: str
    label: str
    about: str
    choices: tuple[str, ...] = ()
    free: bool = True


ON_OFF = ("off", "on")

GROUPS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "what",
        (
            Entry("base", "base", "The model it is trained on.", free=False),
            Entry("continue_from", "continue from", "Weights to go on from: a LoRA file, RUN or RUN@EPOCH."),
        ),
    ),
    (
        "how long",
        (
            Entry("epochs", "epochs", "Passes over the dataset."),
            Entry("batch_size", "batch size", "Pictures per step. Larger is smoother, and needs more memory."),
            Entry("save_every", "save every", "Epochs between checkpoints; the last epoch always gets one."),
        ),
    ),
    (
        "how strongly",
        (
            Entry("rank", "rank", "How much the LoRA can hold: 8 to 32 suits one subject."),
            Entry("alpha", "alpha", "The LoRA acts with strength alpha / rank."),
            Entry(
                "learning_rate", "learning rate", "Of the UNet. Too high breaks the picture, too low learns nothing."
            ),
            Entry("text_encoder_lr", "text encoder rate", "Learning rate of the text encoder; 0 leaves it alone."),
            Entry("scheduler", "scheduler", "How the rate goes on: constant, or falling in a cosine.", free=False),
            Entry("warmup_steps", "warm-up steps", "Steps until the full learning rate."),
        ),
    ),
    (
        "pictures",
        (
            Entry("resolution", "resolution", "Side in pixels of the square whose area every bucket keeps to."),
            Entry("bucket_step", "bucket step", "Sides of buckets are multiples of this."),
            Entry("min_bucket", "smallest side", "Shortest side of a bucket, in pixels."),
            Entry("max_bucket", "longest side", "Longest side of a bucket, in pixels."),
            Entry(
                "upscale", "enlarge small ones", "Enlarge pictures that are smaller than their bucket.", ON_OFF, False
            ),
            Entry("flip", "mirror", "Mirror each use by chance. Not for asymmetric subjects.", ON_OFF, False),
        ),
    ),
    (
        "captions",
        (
            Entry("caption_dropout", "caption dropout", "Share of samples trained without their caption."),
            Entry("shuffle_captions", "shuffle tags", "Give the tags of a caption in another order.", ON_OFF, False),
            Entry("keep_tokens", "tags kept first", "Tags at the start that shuffling leaves in place."),
        ),
    ),
    (
        "finer",
        (
            Entry("seed", "seed", "The same seed and settings give the same LoRA."),
            Entry("accumulation", "accumulation", "Batches gathered before one step: like a larger batch, slower."),
            Entry("min_snr_gamma", "min-SNR gamma", "Weighs noisy timesteps less; 0 weighs all alike."),
            Entry("noise_offset", "noise offset", "Helps very dark and very bright pictures; 0 is off."),
            Entry("weight_decay", "weight decay", "Pulls weights towards zero."),
            Entry("max_grad_norm", "gradient norm", "Cuts larger gradients; 0 does not."),
            Entry("precision", "precision", "What is computed in; auto is bf16 on a graphics card.", free=False),
            Entry("save_precision", "save precision", "What checkpoints are written in.", free=False),
            Entry("gradient_checkpointing", "save memory", "Compute twice and remember less: slower.", ON_OFF, False),
            Entry("state_every", "state every", "Steps between states to resume from; 0 is at epoch ends alone."),
        ),
    ),
    (
        "besides",
        (
            Entry(
                "sample", "sample prompts", "Rendered after each saved epoch; separated by |. {trigger} is filled in."
            ),
            Entry("comment", "comment", "Kept in the metadata of the LoRA."),
        ),
    ),
)
ENTRIES = {entry.name: entry for _, entries in GROUPS for entry in entries}
BESIDES = ("base", "continue_from", "sample", "comment")
"""Lines that are no setting of the recipe."""


class EditLine(OneLine):
    """The value that is being typed, over its place in the table."""

    DEFAULT_CSS = """
    EditLine {
        display: none; position: absolute; height: 1; border: none; padding: 0; background: $primary 45%;
    }
    EditLine:focus { border: none; }
    EditLine.-open { display: block; }
    """
    BINDINGS: ClassVar = [
        ("escape", "leave(False)", "as it was"),
        ("up", "leave(True, -1)", "previous"),
        ("down", "leave(True, 1)", "next"),
    ]

    class Left(Message):
        """Typing is over: kept or not, and whether the cursor moves on."""

        def __init__(self, kept: bool, rows: int) -> None:
            super().__init__()
            self.kept = kept
            self.rows = rows

    def action_leave(self, kept: bool, rows: int = 0) -> None:
        self.post_message(self.Left(kept, rows))


class RecipeForm(Vertical):
    """Settings with their values; changed ones are marked, wrong ones say why below."""

    DEFAULT_CSS = """
    RecipeForm { layers: base edit; }
    RecipeForm EditLine { layer: edit; }
    RecipeForm #settings { height: 1fr; }
    RecipeForm #help { height: 4; padding: 0 1; color: $text-muted; border-top: solid $panel; }
    """

    class Changed(Message):
        """A value is another now."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self) -> None:
        super().__init__(id="form")
        self.values: dict[str, str] = dict.fromkeys(BESIDES, "")
        self.presets: dict[str, str] = dict(self.values)
        self.choices: dict[str, tuple[str, ...]] = {name: entry.choices for name, entry in ENTRIES.items()}
        self.wrong: dict[str, str] = {}
        self.check: Callable[[str, str], str] = lambda name, text: ""
        """What is wrong with the text of a line by itself; typing goes on until nothing is."""
        self._editing = ""
        self._before = ""

    def compose(self) -> ComposeResult:
        yield RowTable([Column("setting", LABEL), Column("value")], id="settings")
        yield Static(id="help", markup=False)
        yield EditLine(select_on_focus=False)

    def on_mount(self) -> None:
        self.draw()
        self.table.move_to(1)

    @property
    def table(self) -> RowTable:
        """The lines."""
        return self.query_one("#settings", RowTable)

    @property
    def current(self) -> str:
        """Name of the line under the cursor."""
        return self.table.cursor_key

    @property
    def is_editing(self) -> bool:
        """Whether a value is being typed."""
        return bool(self._editing)

    def changed_values(self) -> dict[str, str]:
        """Settings of the recipe that differ from the preset."""
        return {
            name: value
            for name, value in self.values.items()
            if name not in BESIDES and value != self.presets.get(name, value)
        }

    def set_presets(self, presets: Mapping[str, str], choices: Mapping[str, tuple[str, ...]]) -> None:
        """Take other presets; what the person has changed stays, the rest follows."""
        for name, value in presets.items():
            if name not in self.values or self.values[name] == self.presets.get(name):
                self.values[name] = value
        self.presets |= presets
        self.choices |= choices
        self.draw()

    def kept_values(self) -> dict[str, str]:
        """Everything that the person has chosen besides the base."""
        besides = {name: self.values[name] for name in BESIDES if name != "base" and self.values[name]}
        return self.changed_values() | besides

    def explain(self, name: str) -> str:
        """What is wrong with a line, and which key helps."""
        wrong = self.wrong.get(name, "")
        if not wrong or name in BESIDES:
            return wrong
        if name == self._editing:
            return f"{wrong} esc brings {self._before or 'nothing'} back."
        return f"{wrong} {self._key('train.preset')} sets the preset, {self.presets.get(name, '')}."

    def _key(self, action: str) -> str:
        app: LoratuiApp = self.app  # type: ignore[assignment]
        return say_key(action, app.keymap_of_person)

    def set_wrong(self, wrong: Mapping[str, str]) -> None:
        """Say what is wrong with which line."""
        if dict(wrong) != self.wrong:
            self.wrong = dict(wrong)
            self.draw()

    def draw(self) -> None:
        """Draw all lines anew."""
        app: LoratuiApp = self.app  # type: ignore[assignment]
        rows: list[Row] = []
        for title, entries in GROUPS:
            rows.append(Row(f"-{title}", (f"{title.upper()}", ""), tone="secondary"))
            for entry in entries:
                value, preset = self.values.get(entry.name, ""), self.presets.get(entry.name, "")
                is_changed = value != preset and entry.name != "base"
                shown = f"{value}   (preset {preset})" if is_changed and entry.name not in BESIDES else value or "-"
                tone = "error" if entry.name in self.wrong else "warning" if is_changed else ""
                sign = app.glyphs.warn if entry.name in self.wrong else app.glyphs.mark if is_changed else " "
                rows.append(Row(entry.name, (f"  {entry.label}", shown), tone=tone, mark=sign))
        rows.append(Row("-", ("", "")))
        rows.append(
            Row(
                START,
                ("START", f"{self._key('train.edit')} or {self._key('train.start')}"),
                tone="success",
                mark=app.glyphs.running,
            )
        )
        self.table.set_rows(rows)
        self._show_help()

    def _show_help(self) -> None:
        name = self.current
        entry = ENTRIES.get(name)
        text = Text()
        if name == START:
            text.append("Asks once, then trains in the background; it outlives this terminal.")
        elif entry is not None:
            if name in self.wrong:
                text.append(f"{plain(self.explain(name))}\n", style=self._error_color())
            text.append(entry.about)
            if name not in BESIDES and self.values.get(name) != self.presets.get(name):
                text.append(
                    f"\nThe preset is {plain(self.presets.get(name, ''))}; {self._key('train.preset')} sets it again.",
                    style="dim",
                )
        self.query_one("#help", Static).update(text)

    def _error_color(self) -> str:
        color = self.app.theme_variables.get("error", "")
        return color if color.startswith("#") else "bold"

    # Moving

    def move(self, rows: int) -> None:
        """Move the cursor, past titles."""
        table = self.table
        place, step = table.cursor, 1 if rows > 0 else -1
        target = min(max(place + rows, 0), len(table.rows) - 1)
        while 0 <= target < len(table.rows) and table.rows[target].key.startswith("-"):
            target += step
        if not 0 <= target < len(table.rows):
            # Nothing but titles that way; show them, and stay.
            target = next(at for at, row in enumerate(table.rows) if not row.key.startswith("-"))
            table.scroll_to(y=0, animate=False, immediate=True)
        table.move_to(target)

    def on_row_table_cursor_moved(self, event: RowTable.CursorMoved) -> None:
        event.stop()
        if event.key.startswith("-"):
            self.move(1)
        self._show_help()

    # Editing

    def choose(self, step: int) -> bool:
        """Go to the next or previous choice of the line; False when it has none."""
        name = self.current
        choices = self.choices.get(name, ())
        if not choices:
            return False
        place = choices.index(self.values[name]) if self.values.get(name) in choices else -step
        self.put(name, choices[(place + step) % len(choices)])
        return True

    def put(self, name: str, value: str) -> None:
        """Set a value."""
        if self.values.get(name) != value:
            self.values[name] = value
            self.draw()
            self.post_message(self.Changed(name))

    def can_type(self) -> bool:
        """Whether the line under the cursor is one to type in."""
        entry = ENTRIES.get(self.current)
        return entry is not None and entry.free and not self._editing

    def edit(self, text: str | None = None) -> None:
        """Type the value of the line, over what is there or from `text` on; or take its next choice."""
        if not self.can_type():
            self.choose(1)
            return
        name = self.current
        self._editing, self._before = name, self.values.get(name, "")
        line = self.query_one(EditLine)
        line.joint = " | " if self._editing == "sample" else " "
        line.value = self._before if text is None else text
        line.cursor_position = len(line.value)
        if text is None:
            # What is typed takes the place of the old value; the arrows go into it.
            line.select_all()
        left = 2 + LABEL + GAP
        line.styles.offset = (left, self.table.cursor + 1 - self.table.scroll_offset.y)
        line.styles.width = max(8, self.table.size.width - left)
        line.add_class("-open")
        line.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        if self._editing:
            self.values[self._editing] = event.value
            self.post_message(self.Changed(self._editing))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self._refuse():
            self._leave(kept=True, rows=1)

    def on_edit_line_left(self, event: EditLine.Left) -> None:
        event.stop()
        if not event.kept or not self._refuse():
            self._leave(kept=event.kept, rows=event.rows)

    def _refuse(self) -> bool:
        """Say what is wrong with what is being typed; True when it can't stay like that."""
        name = self._editing
        wrong = self.check(name, self.values.get(name, "")) if name else ""
        if wrong:
            self.set_wrong({**self.wrong, name: wrong})
            self.query_one(EditLine).select_all()
        return bool(wrong)

    def on_descendant_blur(self) -> None:
        if self._editing and not self.query_one(EditLine).has_focus:
            self._leave(kept=True, rows=0)

    def _leave(self, *, kept: bool, rows: int) -> None:
        if not self._editing:
            return
        name, self._editing = self._editing, ""
        self.values[name] = self.values[name].strip() if kept else self._before
        self.query_one(EditLine).remove_class("-open")
        self.table.focus()
        self.draw()
        self.post_message(self.Changed(name))
        if rows:
            self.move(rows)

    def reset(self) -> None:
        """Give the line its preset again."""
        if self.current in self.presets:
            self.put(self.current, self.presets[self.current])

    def why_not_reset(self) -> str:
        """Why the line under the cursor has nothing to give back, in a sentence; empty when it has."""
        name = self.current
        if name not in self.presets:
            return "This line has no value."
        if self.values.get(name) != self.presets[name]:
            return ""
        return f"{ENTRIES[name].label} is as the preset has it: {self.presets[name] or 'empty'}."


def write_command(form: RecipeForm, subject: str) -> Sequence[str]:
    """The command line, without `loratui`, that starts the same training."""
    values = form.values
    command = ["train", subject, "--base", values["base"]]
    for name, value in form.changed_values().items():
        option = name.replace("_", "-")
        if ENTRIES[name].choices == ON_OFF:
            command.append(f"--{option}" if value == "on" else f"--no-{option}")
        else:
            command += [f"--{option}", value]
    if values["continue_from"]:
        command += ["--continue-from", values["continue_from"]]
    for prompt in split_prompts(values["sample"]):
        command += ["--sample", prompt]
    return [*command, *(["--comment", values["comment"]] if values["comment"] else [])]


def split_prompts(text: str) -> tuple[str, ...]:
    """Prompts that are separated by bars."""
    return tuple(part.strip() for part in text.split("|") if part.strip())
