"""The trainer's process: reads a run folder, trains, says how it ended. Exit codes: 0 done or stopped, 6 failed."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from loratui.errors import ConflictError, LoratuiError, TrainingError
from loratui.training.engine.eventlog import EventLog
from loratui.training.engine.failures import explain
from loratui.training.engine.interrupts import Stopped, StopRequest
from loratui.training.lorafile import checkpoint_name
from loratui.training.runspec import read_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loratui.training.engine.session import Session
    from loratui.training.recipe import Recipe
    from loratui.training.runspec import RunSpec

FAILED = TrainingError.exit_code


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the run that the arguments name; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loratui.training.engine", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--attempt", type=int, default=1)
    parser.add_argument("--nonce", default="")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    asked = parser.parse_args(arguments)
    folder: Path = asked.folder.absolute()
    stop = StopRequest(folder / "stop")
    stop.listen()
    try:
        events = _claim(folder, asked.attempt, asked.nonce)
    except (LoratuiError, OSError) as error:
        # Somebody else's folder, or none: nothing may be written there.
        print(f"{error}\n{getattr(error, 'hint', '')}", file=sys.stderr)
        return FAILED
    try:
        return _train(folder, events, stop, asked.device)
    finally:
        events.close()


def _claim(folder: Path, attempt: int, nonce: str) -> EventLog:
    """Note our pid in the folder, if the run expects us by our nonce."""
    try:
        expected = str(json.loads((folder / "run.json").read_bytes())["nonce"])
    except (OSError, ValueError, KeyError, TypeError):
        # A damaged run.json is told of as a failed run, when it is read in earnest.
        expected = ""
    if nonce and expected and nonce != expected:
        raise ConflictError(
            f"{folder} expects another trainer (nonce {expected}, ours is {nonce}).",
            hint="A newer attempt was started; look at that one.",
        )
    identity = {
        "pid": os.getpid(),
        "process_started": psutil.Process().create_time(),
        "nonce": nonce,
        "attempt": attempt,
    }
    partial = folder / f".pid.json.{os.getpid()}.part"
    partial.write_text(json.dumps(identity), encoding="utf-8")
    partial.replace(folder / "pid.json")
    return EventLog(folder / "events.jsonl", attempt)


def _train(folder: Path, events: EventLog, stop: StopRequest, device: str) -> int:
    spec: RunSpec | None = None
    session: Session | None = None
    try:
        spec = read_run(folder)
        # Torch and diffusers take seconds to load: a wrong run.json was told by now, and signals are heard.
        from loratui.training.engine.session import Session, is_done

        final = spec.checkpoints / checkpoint_name(spec.output_name, spec.recipe.epochs, spec.recipe.epochs)
        if is_done(events, final):
            return _finish_again(events, final)
        session = Session(spec, events, stop, device=device)
        session.run()
    except Stopped as stopped:
        events.write("end", durable=True, state="stopped", reason=stopped.reason, hint="", step=stopped.step)
        print(stopped.reason)
        return 0
    except Exception as error:
        return _fail(error, events, spec.recipe if spec else None, session.step if session else 0)
    events.write("end", durable=True, state="done", reason="", hint="", step=session.step)
    return 0


def _finish_again(events: EventLog, final: Path) -> int:
    message = f"The run is finished already: {final.name} is complete."
    print(message)
    events.write("log", message=message)
    last = [event for event in events.earlier if event.type == "end"][-1]
    events.write("end", durable=True, **last.data)
    return 0


def _fail(error: Exception, events: EventLog, recipe: Recipe | None, step: int) -> int:
    traceback.print_exception(error)
    reason, hint = explain(error, recipe)
    print(f"{reason}\n{hint}", file=sys.stderr)
    try:
        events.write("end", durable=True, state="failed", reason=reason, hint=hint, step=step)
    except OSError as full:
        # Not even the last word fits on the disk: the log and the exit code must do.
        print(f"The end could not be noted: {full}", file=sys.stderr)
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
