"""`loratui demo`: the whole path in one command."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from loratui.cli.output import PLAIN, Show, clean, print_json, print_table, print_text, progress_line
from loratui.config import find_home


def demo(
    *,
    home: Annotated[
        Path | None, Parameter(help="Folder of the demo's own library; an earlier demo is replaced.")
    ] = None,
    seed: Annotated[int, Parameter(help="Of the pictures and the training.")] = 1,
    show: Show = PLAIN,
) -> None:
    """Draw a character, curate, train and compare it: the whole path in about 3 minutes on two CPU cores.

    The demo has a library of its own and leaves yours alone.
    """
    from loratui.demo.walk import demo_home, walk
    from loratui.runs.preflight import check_trainer_installed

    check_trainer_installed()
    started = time.monotonic()
    folder = (home or demo_home(find_home())).expanduser().absolute()

    def say(step: str, what: str) -> None:
        if not show.json:
            if sys.stderr.isatty():
                # The progress line is on the same row.
                print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            print(f"{time.monotonic() - started:5.0f}s  {step:<10}  {clean(what)}", flush=True)

    with progress_line(show) as report:
        done = walk(folder, seed=seed, say=say, report=report)
    lesson = done.lesson
    if show.json:
        print_json(
            {
                "seconds": round(done.seconds, 1),
                "home": done.home,
                "learned": {
                    "with_trigger": lesson.with_trigger,
                    "without_lora": lesson.without_lora,
                    "hair_obeyed": lesson.hair_obeyed,
                },
                "traits_with_trigger": lesson.traits_with,
                "traits_without_lora": lesson.traits_without,
                "hair": lesson.hair,
                "images_per_side": lesson.images,
                "subject": done.subject,
                "trigger": done.trigger,
                "pictures": done.pictures,
                "export": done.export,
                "run": done.run,
                "checkpoints": [item.path for item in done.checkpoints],
                "sheet": done.sheet,
            }
        )
        return
    print_text("")
    print_table(
        ["share of images that show", "with trigger", "without LoRA"],
        [
            [trait, _percent(lesson.traits_with[trait]), _percent(lesson.traits_without[trait])]
            for trait in lesson.traits_with
        ]
        + [["all imbued traits, mean", _percent(lesson.with_trigger), _percent(lesson.without_lora)]]
        + [["the hair colour asked for", _percent(lesson.hair_obeyed), ""]],
    )
    print_text(
        f"\n{lesson.images} images per side, judged by the tagger that ships; {done.seconds:.0f} seconds in all."
    )
    print_text(f"epochs side by side: {done.sheet}")
    print_text(f"the LoRA:            {done.checkpoints[-1].path}")
    print_text(f"look around:         LORATUI_HOME={shlex.quote(str(done.home))} loratui")


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
