"""What to render for the epochs of a training: the form, the question with what it costs, and the task."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from loratui.tui.asking import ask_library
from loratui.tui.dialogs import Confirm, Field
from loratui.tui.text import count

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from loratui.catalog.rows import Sheet
    from loratui.catalog.store import Catalog
    from loratui.events import Report
    from loratui.review.sheet import SheetForecast, SheetResult
    from loratui.tui.asking import Values
    from loratui.tui.base import LoratuiScreen

MOST_OF_RANGE = 1000
"""A longer range of seeds is a slip of the fingers."""

_RANGE = re.compile(r"(\d+)(?:-|\.\.)(\d+)")


class _RangeError(ValueError):
    """A range that is one, but not of the kind that is taken; its text says why."""


class SheetArguments(TypedDict):
    """What foreseeing a sheet and making it are both told."""

    prompts: Sequence[str] | None
    negative: str
    seeds: Sequence[int]
    weights: Sequence[float]
    epochs: Sequence[int] | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a sheet is to show; no prompts: the trigger and two captions; no epochs: all that were saved."""

    prompts: tuple[str, ...] = ()
    negative: str = ""
    seeds: tuple[int, ...] = (1, 2, 3, 4)
    epochs: tuple[int, ...] = ()
    weights: tuple[float, ...] = (1.0,)

    @property
    def arguments(self) -> SheetArguments:
        """The same for the services, which choose where nothing is given."""
        return SheetArguments(
            prompts=self.prompts or None,
            negative=self.negative,
            seeds=self.seeds,
            weights=self.weights,
            epochs=self.epochs or None,
        )

    def command(self, run: str) -> list[str]:
        """The command line, without `loratui`, that renders it."""
        words = ["sheet", run, *(word for prompt in self.prompts for word in ("--prompt", prompt))]
        words += ["--seeds", ",".join(map(str, self.seeds))]
        words += ["--epochs", ",".join(map(str, self.epochs))] if self.epochs else []
        words += ["--weights", ",".join(f"{weight:g}" for weight in self.weights)] if self.weights != (1.0,) else []
        return [*words, *(["--negative", self.negative] if self.negative else [])]


def ask_for_sheet(
    screen: LoratuiScreen,
    run: str,
    *,
    prompts: Sequence[str] = (),
    seeds: Sequence[int] = (1, 2, 3, 4),
) -> None:
    """Ask what to render for the epochs of a training, confirm once, and render it as a task.

    The form comes with what was typed into it before, until that was rendered; also when the answer is no.
    """
    usual = {"prompts": " | ".join(prompts), "seeds": ", ".join(map(str, seeds)), "weights": "1.0"}
    typed: Mapping[str, str] = {**usual, **screen.lora.typed.get(_form_of(run), {})}
    fields = [
        Field("prompts", "Prompts", typed["prompts"], "separated by |; empty: trigger and two captions", joint=" | "),
        Field("negative", "Negative prompt", typed.get("negative", ""), joint=", "),
        Field("seeds", "Seeds", typed["seeds"], "one image of each; 1-6 are six", check=check_numbers, joint=", "),
        Field(
            "epochs",
            "Epochs",
            typed.get("epochs", ""),
            "empty: all that were saved",
            check=check_numbers,
            joint=", ",
        ),
        Field("weights", "Weights", typed["weights"], "strengths of the LoRA", check=_check_weights, joint=", "),
    ]

    def foresee(catalog: Catalog, values: Values) -> SheetForecast:
        return _foresee(catalog, run, _read_wanted(values))

    def foreseen(values: Values, found: SheetForecast) -> None:
        def come_back() -> None:
            ask_for_sheet(screen, run, prompts=prompts, seeds=seeds)

        _confirm(screen, run, _read_wanted(values), found, declined=come_back)

    name = _form_of(run)
    ask_library(screen.lora, f"New sheet of {run}", fields, foresee, foreseen, writes=False, name=name)


def _read_wanted(values: Mapping[str, str]) -> Wanted:
    return Wanted(
        tuple(part.strip() for part in values["prompts"].split("|") if part.strip()),
        values["negative"],
        tuple(read_numbers(values["seeds"])) or (1, 2, 3, 4),
        tuple(read_numbers(values["epochs"])),
        tuple(float(part) for part in values["weights"].split(",") if part.strip()) or (1.0,),
    )


def _form_of(run: str) -> str:
    return f"sheet of {run}"


def confirm_sheet(screen: LoratuiScreen, run: str, wanted: Wanted, *, goes_on: str = "") -> None:
    """Say how much is to be rendered, and render it if the person says so. `goes_on` names an interrupted sheet."""

    def ask(found: SheetForecast) -> None:
        _confirm(screen, run, wanted, found, goes_on)

    screen.read(lambda catalog: _foresee(catalog, run, wanted), ask, "epochs", opens=True)


def _foresee(catalog: Catalog, run: str, wanted: Wanted) -> SheetForecast:
    from loratui.review.sheet import foresee_sheet

    return foresee_sheet(catalog, run, **wanted.arguments)


def _confirm(
    screen: LoratuiScreen,
    run: str,
    wanted: Wanted,
    found: SheetForecast,
    goes_on: str = "",
    *,
    declined: Callable[[], None] = lambda: None,
) -> None:
    question = f"Render {count(found.missing, 'image')} for {run}?" if found.missing else f"Draw the sheet of {run}?"
    if goes_on:
        question = f"Go on with {goes_on}? {count(found.missing, 'image')} to render."
    details = f"{count(found.epochs, 'epoch')} and the base alone, {count(found.prompts, 'prompt')}, "
    details += f"{count(found.seeds, 'seed')}: {count(found.images, 'image')}"
    there = found.images - found.missing
    details += f"; {there:,} of them {'is' if there == 1 else 'are'} there already." if there else "."
    if goes_on:
        make, runs = screen.key("sheet.make"), screen.key("app.runs")
        details += f"\n{make} on the training, in {runs}, makes another sheet."

    def start(sure: bool | None) -> None:
        if sure:
            _render(screen, run, wanted)
        else:
            declined()

    screen.app.push_screen(Confirm(question, details), start)


def _render(screen: LoratuiScreen, run: str, wanted: Wanted) -> None:
    from loratui.tui.review import ReviewScreen

    def work(catalog: Catalog, report: Report, cancel: threading.Event) -> SheetResult:
        from loratui.review.sheet import make_sheet

        return make_sheet(
            catalog,
            run,
            **wanted.arguments,
            report=report,
            cancel=cancel,
            planned=lambda sheet: screen.bridge.deliver(lambda: begin(sheet)),
        )

    def begin(sheet: Sheet) -> None:
        task.about = sheet.name
        if isinstance(top := screen.lora.top, ReviewScreen):
            top.show_new_sheet(run, sheet.name)

    def done(result: SheetResult) -> str:
        screen.lora.typed.pop(_form_of(run), None)
        said = f"{result.sheet.name}: {count(len(result.cells), 'image')}, {result.rendered} new. {result.contact}"
        screen.tell(said)
        return said

    screen.lora.ran(wanted.command(run))
    task = screen.bridge.start_task(f"sheet of {run}", work, done, owner=screen.lora)
    screen.tell(f"Rendering the sheet of {run}. {screen.key('app.tasks')} shows how far it is.")


def read_numbers(text: str) -> list[int]:
    """Whole numbers and ranges of them: `1, 5`, `1-6`, `1..6`; raises ValueError."""
    numbers: list[int] = []
    for part in re.sub(r"\s*(-|\.\.)\s*", r"\1", text.strip()).replace(" ", ",").split(","):
        if found := _RANGE.fullmatch(part):
            first, last = int(found[1]), int(found[2])
            if last < first:
                raise _RangeError(f"{part} goes down: a range goes up, such as 1-6.")
            if last - first >= MOST_OF_RANGE:
                raise _RangeError(f"{part} is too long: a range has {MOST_OF_RANGE:,} numbers at most, such as 1-6.")
            numbers += range(first, last + 1)
        elif part:
            numbers.append(int(part))
    return numbers


def check_numbers(text: str) -> str:
    """What is wrong with typed numbers; nothing when they can be read."""
    try:
        read_numbers(text)
    except _RangeError as error:
        return str(error)
    except ValueError:
        return "whole numbers such as 1, 5 or 1-6, separated by commas."
    return ""


def _check_weights(text: str) -> str:
    try:
        [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        return "numbers such as 0.8, separated by commas."
    return ""
