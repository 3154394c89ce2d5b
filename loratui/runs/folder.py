"""The run folder: what a trainer is told, and what it says back."""

from __future__ import annotations

import json
import os
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loratui.errors import ConflictError, RefusedError
from loratui.events import RunEvent, parse_event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERSION = 1
_BLOCK = 64 * 1024


class RunFolder:
    """Paths and files of one run; nothing is kept open or cached."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    @property
    def run_file(self) -> Path:
        return self.path / "run.json"

    @property
    def dataset_file(self) -> Path:
        return self.path / "dataset.json"

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def log_file(self) -> Path:
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def state(self) -> Path:
        return self.path / "state"

    @property
    def stop_file(self) -> Path:
        return self.path / "stop"

    @property
    def lease_file(self) -> Path:
        """Held by the trainer for as long as it lives: two can never work in one folder."""
        return self.path / "lease"

    def has_state(self) -> bool:
        """Whether a process that was stopped or killed left something to go on from."""
        # A kill between the two renames of a save leaves the old state beside its place.
        return any((self.path / name / "manifest.json").is_file() for name in ("state", "state.old"))

    def create(self, run: dict[str, Any], dataset: dict[str, Any]) -> None:
        """Make the folder of a new run; raises ConflictError when the name was used before."""
        try:
            self.path.mkdir(parents=True, mode=0o700)
        except FileExistsError as error:
            raise ConflictError(
                f"{self.path} exists already.", hint="Move it away; names of runs are never used twice."
            ) from error
        self.checkpoints.mkdir()
        write_json(self.dataset_file, dataset)
        write_json(self.run_file, run)

    def read_run(self) -> dict[str, Any]:
        """The content of run.json; raises RefusedError when it is missing or damaged."""
        try:
            content = json.loads(self.run_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RefusedError(
                f"{self.run_file} can't be read: {error}.", hint="Start a new training of the subject."
            ) from error
        if not isinstance(content, dict):
            raise RefusedError(f"{self.run_file} holds no run.", hint="Start a new training of the subject.")
        return content

    def read_prompts(self) -> list[str]:
        """The prompts of the samples that it is to make while it trains; raises like `read_run`."""
        samples = self.read_run().get("samples")
        prompts = samples.get("prompts") if isinstance(samples, dict) else None
        return [str(prompt) for prompt in prompts] if isinstance(prompts, list) else []

    def prepare_attempt(self, nonce: str, recorded: Sequence[RunEvent]) -> None:
        """Make the folder ready for the next process: its nonce, no stop wish, and an unbroken list of events.

        `recorded` are ingested events that the file may have lost in a power cut: they are put back, so that the
        trainer does not use their numbers again.
        """
        write_json(self.run_file, {**self.read_run(), "nonce": nonce})
        self.stop_file.unlink(missing_ok=True)
        self._cut_torn_line()
        last = next((event.seq for event in self._read_backwards()), 0)
        lost = [event for event in recorded if event.seq > last]
        if lost:
            with self.events_file.open("a", encoding="utf-8") as file:
                file.writelines(event.to_line() for event in lost)

    def ask_to_stop(self) -> None:
        """Leave the stop file, which the trainer looks for after every step; one that is there stays as it is."""
        if not self.stop_file.exists():
            self.stop_file.touch()

    def read_events(self, after: int = 0) -> list[RunEvent]:
        """Complete events with a greater number, in order; reads the file from its end and only as far as needed."""
        found: list[RunEvent] = []
        for event in self._read_backwards():
            if event.seq <= after:
                break
            found.append(event)
        return found[::-1]

    def begin_log(self, number: int) -> None:
        """Write on a line of the log that an attempt begins here; the first begins at its beginning."""
        if number == 1:
            return
        with self.log_file.open("a+b") as file:
            if end := file.seek(0, os.SEEK_END):
                file.seek(end - 1)
                # A killed trainer leaves a line without an end.
                file.write(b"" if file.read(1) == b"\n" else b"\n")
            file.write(f"--- attempt {number}, {datetime.now().astimezone():%Y-%m-%d %H:%M:%S} ---\n".encode())

    def read_log(self, lines: int | None = None) -> list[str]:
        """The last lines of the log, all of them without a number."""
        try:
            with self.log_file.open(encoding="utf-8", errors="replace") as file:
                return [line.rstrip("\n") for line in deque(file, maxlen=lines)]
        except FileNotFoundError:
            return []

    def _read_backwards(self) -> Iterator[RunEvent]:
        for line in _read_lines_backwards(self.events_file):
            # A line that is no event was cut by a kill and then appended to: its step is told again or lost.
            if event := parse_event(line.decode("utf-8", errors="replace")):
                yield event

    def _cut_torn_line(self) -> None:
        try:
            with self.events_file.open("r+b") as file:
                end = file.seek(0, os.SEEK_END)
                tail = b""
                while end > 0 and b"\n" not in tail:
                    end = max(0, end - _BLOCK)
                    file.seek(end)
                    tail = file.read()
                file.truncate(end + tail.rfind(b"\n") + 1)
        except FileNotFoundError:
            return


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file so that readers see the old or the new content, never a part."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _read_lines_backwards(path: Path) -> Iterator[bytes]:
    """Complete lines without their newline, the last first; an unfinished last line is left out."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        end = file.seek(0, os.SEEK_END)
        rest = b""
        complete = False
        while end > 0:
            start = max(0, end - _BLOCK)
            file.seek(start)
            rest = file.read(end - start) + rest
            end = start
            first, *lines = rest.split(b"\n")
            if lines and not complete:
                # What follows the last newline is being written or was torn.
                lines.pop()
                complete = True
            elif not complete:
                continue
            # The first piece may begin in the block before.
            rest = first
            yield from reversed(lines)
        if complete:
            yield rest
