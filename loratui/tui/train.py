"""Choosing recipe and base for a training, with exact steps, estimates and doubts, and starting it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Static

from loratui.tui.base import LoratuiScreen
from loratui.tui.dialogs import Confirm
from loratui.tui.outlook import advise, draw_outlook, summarize
from loratui.tui.recipe_form import BESIDES, START, RecipeForm, split_prompts, write_command
from loratui.tui.text import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from loratui.catalog.rows import Run
    from loratui.catalog.store import Catalog
    from loratui.runs.forecast import BaseReport, Doubt, Forecast, Machine, SubjectReport
    from loratui.training.recipe import Recipe

PAUSE_S = 0.12
"""The outlook follows this long after the last key."""
LEAST_PAUSE_S = 2.0
"""Between two looks at the subject: a training that runs changes the library many times a second."""
SHARE = 0.1
"""Of the time at most so much goes into looking: large subjects take a while."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the library has for a training."""

    subject: SubjectReport
    base: BaseReport
    machine: Machine
    preset: Recipe
    bases: tuple[str, ...]
    weights: tuple[str, ...]
    """RUN@EPOCH of this subject's trainings on the base, newest first."""
    earlier: Mapping[str, Any]
    """Recipe of the run to continue from."""
    seconds: float
    """How long it took to look."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the form as it stands would lead to; `recipe` is None while a value is wrong."""

    recipe: Recipe | None
    found: Forecast | None
    wrong: Mapping[str, str]


class TrainScreen(LoratuiScreen):
    """The form on the left, what it leads to on the right."""

    scope = "train"

    DEFAULT_CSS = """
    TrainScreen RecipeForm { width: 1fr; }
    TrainScreen.-wide RecipeForm { max-width: 72; }
    TrainScreen #side { width: 1fr; background: $surface; }
    TrainScreen #outlook { height: auto; padding: 0 2; }
    TrainScreen #outlook.-stale { text-opacity: 50%; }
    TrainScreen.-narrow RecipeForm { width: 40; }
    TrainScreen.-narrow #outlook { padding: 0 1; }
    """

    def __init__(self, subject: str, continue_from: str = "") -> None:
        super().__init__()
        self._subject = subject
        self._continue_from = continue_from
        self._ground: Ground | None = None
        self._twins: list[Doubt] = []
        self._outlook: Outlook | None = None
        self._pause: Timer | None = None
        self._rest: Timer | None = None
        self._missed = False
        """Whether the library changed while we rested."""
        self._starting = False
        self._chose_base = False

    def compose_body(self) -> ComposeResult:
        with Horizontal():
            yield RecipeForm()
            with VerticalScroll(id="side", can_focus=False):
                yield Static("Looking at pictures, base and machine...", id="outlook", classes="muted")

    def on_mount(self) -> None:
        self.lora.subject = self._subject
        self.set_header(self._subject, "train")
        self.form.values["continue_from"] = self._continue_from
        self.form.values |= self._kept
        self._chose_base = "base" in self._kept
        self.form.table.focus()

    @property
    def form(self) -> RecipeForm:
        """The settings."""
        return self.query_one(RecipeForm)

    @property
    def _kept(self) -> Mapping[str, str]:
        """What was changed here before, if the screen was left and opened again."""
        return self.lora.train_values.get((self._subject, self._continue_from), {})

    def _keep(self) -> None:
        base = {"base": self.form.values["base"]} if self._chose_base else {}
        self.lora.train_values[self._subject, self._continue_from] = base | self.form.kept_values()

    # Looking

    def library_changed(self) -> None:
        if self._rest is not None:
            self._missed = True
            return
        took = self._ground.seconds if self._ground else 0.0
        self._rest = self.set_timer(max(LEAST_PAUSE_S, took / SHARE), self._rested)
        self._look()

    def _rested(self) -> None:
        self._rest = None
        if self._missed:
            self._missed = False
            self.library_changed()

    def _look(self) -> None:
        subject, continue_from = self._subject, self._continue_from if self._ground is None else ""
        wanted = self.form.values["base"]
        self.read(lambda catalog: read_ground(catalog, subject, wanted, continue_from), self._take, "ground")

    def _take(self, ground: Ground) -> None:
        from loratui.training.recipe import PRECISIONS, SAVE_PRECISIONS, SCHEDULERS, write_setting

        before, self._ground = self._ground, ground
        presets = {name: write_setting(value) for name, value in ground.preset.to_dict().items()}
        choices = {
            "base": ground.bases,
            "continue_from": ("", *ground.weights),
            "scheduler": SCHEDULERS,
            "precision": PRECISIONS,
            "save_precision": SAVE_PRECISIONS,
        }
        self.form.values["base"] = ground.base.base.name
        self.form.check = lambda name, text: check_value(name, text, ground.preset)
        if before is None and not self._kept:
            self.form.values |= {
                name: write_setting(value) for name, value in ground.earlier.items() if name in presets
            }
        self.form.set_presets(presets, choices)
        if before is None and self._kept:
            sets = f"{self.key('train.preset')} on a line sets the preset"
            self.tell(f"{count(len(self._kept), 'line')} as you left the form: {sets}.")
        if before is None or before.subject.content != ground.subject.content:
            self._find_twins()
        self._ask()

    def _find_twins(self) -> None:
        subject = self._subject

        def work(catalog: Catalog) -> list[Doubt]:
            from loratui.runs.forecast import find_twins

            return find_twins(catalog, subject)

        def done(found: list[Doubt]) -> None:
            self._twins = found
            self._ask()

        self.read(work, done, "twins")

    def on_recipe_form_changed(self, event: RecipeForm.Changed) -> None:
        event.stop()
        if self._ground is not None:
            self._chose_base |= event.name == "base"
            self._keep()
        if event.name == "base":
            self._look()
            return
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE_S, self._ask)

    def _ask(self) -> None:
        ground = self._ground
        if ground is None:
            return
        values, twins, last = dict(self.form.values), list(self._twins), self.form.current
        self.read(lambda catalog: read_outlook(catalog, ground, values, twins, last), self._show_outlook, "outlook")

    def _show_outlook(self, outlook: Outlook) -> None:
        self._outlook = outlook
        self.form.set_wrong(outlook.wrong)
        side = self.query_one("#outlook", Static)
        ground = self._ground
        side.set_class(outlook.found is None, "-stale")
        if outlook.found is not None and ground is not None:
            side.remove_class("muted")
            side.update(draw_outlook(outlook.found, ground.machine, self.lora.glyphs, self.app.theme_variables))
            steps = count(outlook.found.plan.total_steps, "step") if outlook.found.plan else ""
            self.set_header(self._subject, "train", status=f"{self.form.values['base']}  {steps}".strip())
        self.refresh_keys()

    def on_key(self, event: events.Key) -> None:
        # A digit starts typing at once: most values are numbers.
        if event.character and event.character.isdecimal() and self.form.table.has_focus and self.form.can_type():
            event.stop()
            self.form.edit(event.character)

    # Actions

    def why_not(self, action: str) -> str:
        if action == "train.preset":
            return self.form.why_not_reset()
        if action != "train.start":
            return ""
        if self._starting:
            return "It is being started."
        if self._outlook is None:
            return "The pictures are still being looked at."
        if self._outlook.wrong:
            return self.form.explain(next(iter(self._outlook.wrong)))
        if self._outlook.found is None or not self._outlook.found.blockers:
            return ""
        blocker = self._outlook.found.blockers[0]
        return f"{blocker.message} {advise(blocker)}".strip()

    def screen_command(self) -> Sequence[str]:
        return [*write_command(self.form, self._subject), "--dry-run"]

    def do_train_start(self) -> None:
        outlook, ground = self._outlook, self._ground
        if outlook is None or outlook.found is None or ground is None:
            return
        base = ground.base.base.name
        question = Confirm(f"Start training {self._subject}?", summarize(outlook.found, base))
        self.app.push_screen(question, self._start_if)

    def _start_if(self, sure: bool | None) -> None:
        outlook = self._outlook
        if not sure or outlook is None or outlook.recipe is None:
            return
        self._starting = True
        self.refresh_keys()
        subject, values, recipe = self._subject, dict(self.form.values), outlook.recipe
        command = write_command(self.form, subject)

        def work(catalog: Catalog) -> Run:
            from loratui.runs.service import start_training

            return start_training(
                catalog,
                subject,
                base=values["base"],
                recipe=recipe,
                continue_from=values["continue_from"],
                comment=values["comment"],
                sample_prompts=split_prompts(values["sample"]),
            )

        def done(run: Run) -> None:
            self._starting = False
            self.lora.ran(command)
            # Back from the run leads to where the form was opened, not to the form.
            if self.is_current:
                self.lora.pop_screen()
                self.lora.show_screen("run", run=run.name)
            stop = self.key("run.stop")
            self.lora.tell(
                f"{run.name} is queued: {count(run.total_steps, 'step')}. It goes on when you quit; {stop} stops it."
            )

        self.bridge.write(work, done, owner=self.lora, failed=self.if_open(self._failed))

    def _failed(self) -> None:
        self._starting = False
        self._look()

    def do_train_edit(self) -> None:
        if self.form.current == START:
            self.action_do("train.start")
        else:
            self.form.edit()

    def do_train_change(self, key: str) -> None:
        if not self.form.choose(-1 if key in ("left", "h") else 1):
            self.tell(f"Nothing to choose from here: {self.key('train.edit')} lets you type.")

    def do_train_preset(self) -> None:
        self.form.reset()
        if self.form.current == "base":
            self.tell("The base is the usual one again.")

    def do_train_read_on(self) -> None:
        side = self.query_one("#side", VerticalScroll)
        at_end = side.scroll_offset.y >= side.max_scroll_y
        side.scroll_to(y=0 if at_end else side.scroll_offset.y + side.size.height - 2, animate=False)

    def do_move_up(self) -> None:
        self.form.move(-1)

    def do_move_down(self) -> None:
        self.form.move(1)

    def do_move_page_up(self) -> None:
        self.form.move(-self.form.table.page)

    def do_move_page_down(self) -> None:
        self.form.move(self.form.table.page)

    def do_move_half_up(self) -> None:
        self.form.move(-(self.form.table.page // 2))

    def do_move_half_down(self) -> None:
        self.form.move(self.form.table.page // 2)

    def do_move_first(self) -> None:
        self.form.move(-1000)

    def do_move_last(self) -> None:
        self.form.move(1000)


def read_ground(catalog: Catalog, subject: str, wanted: str, continue_from: str) -> Ground:
    """Look at subject, bases and machine; `wanted` is the base that was chosen, if any."""
    from loratui.catalog.bases import find_last_base, get_base, get_base_by_id, list_bases
    from loratui.catalog.runs import list_checkpoints, list_runs
    from loratui.config import load_settings
    from loratui.errors import LoratuiError, UsageError
    from loratui.runs import forecast
    from loratui.runs.bases import choose_base, ensure_shipped_base
    from loratui.training.recipe import preset_for

    started = time.monotonic()
    report = forecast.inspect_subject(catalog, subject)
    try:
        ensure_shipped_base(catalog)
    except LoratuiError:
        # Without the assets there are only the person's own bases; none at all is told by choose_base.
        if not list_bases(catalog):
            raise
    earlier: Mapping[str, Any] = {}
    runs = list_runs(catalog, subject_id=report.subject.id)
    bases = tuple(each.name for each in list_bases(catalog))
    if wanted in bases:
        base = get_base(catalog, wanted)
    elif continue_from and (match := [run for run in runs if run.name == continue_from.partition("@")[0]]):
        base, earlier = get_base_by_id(catalog, match[0].base_id), match[0].recipe
    else:
        try:
            base = choose_base(catalog, load_settings(catalog.home).default_base)
        except UsageError:
            # Several could be meant: the one that this subject was trained on last.
            base = find_last_base(catalog, report.subject) or list_bases(catalog)[-1]
    weights = [
        f"{run.name}@{checkpoint.epoch}"
        for run in runs
        if run.base_id == base.id
        for checkpoint in reversed(list_checkpoints(catalog, run.id))
    ]
    return Ground(
        subject=report,
        base=forecast.inspect_base(catalog, base),
        machine=forecast.inspect_machine(catalog),
        preset=preset_for(base.family, base.resolution),
        bases=bases,
        weights=tuple(weights),
        earlier=earlier,
        seconds=time.monotonic() - started,
    )


def read_outlook(
    catalog: Catalog, ground: Ground, values: Mapping[str, str], twins: Sequence[Doubt], last: str
) -> Outlook:
    """Check what was typed and forecast the training; what spans several lines is told at the `last` one."""
    from loratui.errors import LoratuiError, UsageError
    from loratui.runs.forecast import forecast, inspect_request
    from loratui.runs.preflight import find_weights
    from loratui.training.recipe import Recipe, parse_setting

    wrong: dict[str, str] = {}
    typed: dict[str, Any] = {}
    for name, text in values.items():
        if name in BESIDES:
            continue
        try:
            typed[name] = parse_setting(name, text)
        except UsageError as error:
            # Its hint is for the command line.
            wrong[name] = error.message
    if values["continue_from"]:
        try:
            find_weights(catalog, values["continue_from"])
        except LoratuiError as error:
            wrong["continue_from"] = f"{error.message} {error.hint}"
    recipe = None
    if not wrong.keys() - {"continue_from"}:
        try:
            recipe = Recipe.from_dict(typed)
        except UsageError as error:
            named = error.message.split(" ", 1)[0]
            if named in typed:
                wrong[named] = error.message
            else:
                wrong[last if last in typed else "resolution"] = f"{error.message} {error.hint}"
    if recipe is None:
        return Outlook(None, None, wrong)
    weights = "" if "continue_from" in wrong else values["continue_from"]
    report = inspect_request(catalog, ground.subject, split_prompts(values["sample"]), weights)
    return Outlook(recipe, forecast(report, ground.base, ground.machine, recipe, twins), wrong)


def check_value(name: str, text: str, preset: Recipe) -> str:
    """What is wrong with the value of one setting, whatever the others are; empty when nothing is."""
    from loratui.errors import UsageError
    from loratui.training.recipe import parse_setting

    if name in BESIDES:
        return ""
    try:
        preset.with_changes(**{name: parse_setting(name, text)})
    except UsageError as error:
        # What several settings make wrong together does not begin with the name of one.
        return error.message if error.message.startswith(f"{name} ") else ""
    return ""
