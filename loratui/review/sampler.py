"""The process that renders a sheet folder: `python -m loratui.review.sampler FOLDER`.

Reads sheet.json, writes cells/KEY.png and events.jsonl. Loads the base once and merges one LoRA after the other in
place. Cells that are there and whole are left alone. A file `stop`, SIGTERM or SIGINT ends it after the batch at hand
with exit code 0; an error ends it with code 6 and an `end` event that says why.

Batches are cut from the whole list of cells, finished ones included, so that an interrupted sheet and one that was
never stopped have every image from the same batch and are bit-identical on one machine.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from loratui.errors import LoratuiError, TrainingError
from loratui.review.infotext import is_finished, save_cell
from loratui.review.request import LEASE, REQUEST, CellRequest, LoraFile, SheetRequest, cell_path, read_request
from loratui.runs.folder import RunFolder
from loratui.runs.leases import take_lease
from loratui.training.engine.eventlog import EventLog

if TYPE_CHECKING:
    from types import FrameType

    import torch

    from loratui.review.diffusion import Diffusion
    from loratui.review.merge import LoraMerger

ALREADY_RENDERING = 75
"""Exit code when another sampler works on the folder."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Cells that are rendered in one forward pass: all with the same LoRA at the same weight."""

    lora: LoraFile | None
    weight: float
    cells: tuple[tuple[str, CellRequest], ...]


def cut_batches(request: SheetRequest) -> list[Batch]:
    """Batches of the request's fixed size, grouped by LoRA in the order in which LoRAs first appear."""
    groups: dict[tuple[LoraFile | None, float], list[tuple[str, CellRequest]]] = {}
    for key, cell in request.cells.items():
        groups.setdefault((cell.lora, cell.weight), []).append((key, cell))
    return [
        Batch(lora, weight, tuple(cells[start : start + request.batch_size]))
        for (lora, weight), cells in groups.items()
        for start in range(0, len(cells), request.batch_size)
    ]


class Sampling:
    """One pass over a sheet folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.request = read_request(folder / REQUEST)
        sheet = RunFolder(folder)
        events = sheet.read_events()
        self.events = EventLog(sheet.events_file, events[-1].attempt + 1 if events else 1)
        self.stopping = False
        # Embeddings by the text encoder's state (its LoRA and weight) and the prompt.
        self._encoder = ("", 0.0)
        self._embeddings: dict[tuple[tuple[str, float], str], torch.Tensor] = {}

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Signal handler: finish the batch at hand."""
        self.stopping = True

    def run(self) -> str:
        """Render what is missing; returns `done` or `stopped`."""
        cells = self.folder / "cells"
        cells.mkdir(exist_ok=True)
        for leftover in cells.glob("*.tmp"):
            leftover.unlink()
        missing = {key for key in self.request.cells if not is_finished(cell_path(self.folder, key), key)}
        batches = [batch for batch in cut_batches(self.request) if any(key in missing for key, _ in batch.cells)]
        total = len(self.request.cells)
        done = total - len(missing)
        self.events.write("start", pid=os.getpid(), total=total, done=done)
        if not batches:
            return "done"
        diffusion, merger = self._load(done)
        started = time.monotonic()
        merged: tuple[LoraFile | None, float] = (None, 0.0)
        for number, batch in enumerate(batches, start=1):
            if self.stopping or RunFolder(self.folder).stop_file.exists():
                return "stopped"
            if (batch.lora, batch.weight) != merged:
                self._merge(merger, batch)
                merged = (batch.lora, batch.weight)
            self._render(diffusion, batch, missing)
            eta = round((time.monotonic() - started) / number * (len(batches) - number), 2)
            for key in (key for key, _ in batch.cells if key in missing):
                done += 1
                path = str(cell_path(self.folder, key))
                self.events.write("cell", key=key, path=path, done=done, total=total, eta_s=eta)
        return "done"

    def _load(self, done: int) -> tuple[Diffusion, LoraMerger]:
        # Imported here: a sheet with nothing left to do, or one that is locked, ends without waiting for torch.
        from loratui.review.diffusion import Diffusion
        from loratui.review.merge import LoraMerger
        from loratui.training.engine.device import choose_compute, set_threads

        set_threads(self.request.settings.threads or None)
        compute = choose_compute(self.request.settings.device, "auto")
        begun = time.monotonic()
        diffusion = Diffusion.load(self.request.base, compute.device)
        self.events.write(
            "log", message=f"loaded {self.request.base.name} on {compute.label} in {time.monotonic() - begun:.1f} s"
        )
        for prompt in dict.fromkeys(cell.prompt for cell in self.request.cells.values()):
            if dropped := diffusion.count_dropped_tokens(prompt):
                self.events.write(
                    "warning",
                    message=f"The last {dropped} tokens of a prompt are not read: {prompt}",
                    hint="Shorten the prompt.",
                    done=done,
                    total=len(self.request.cells),
                )
        return diffusion, LoraMerger(diffusion.unet, diffusion.text_encoder)

    def _merge(self, merger: LoraMerger, batch: Batch) -> None:
        from loratui.review.merge import read_lora

        self._encoder = ("", 0.0)
        if batch.lora is None:
            merger.restore()
            return
        lora = read_lora(Path(batch.lora.path))
        merger.merge([(lora, batch.weight)])
        if lora.changes_text_encoder:
            self._encoder = (batch.lora.autov3, batch.weight)

    def _encode(self, diffusion: Diffusion, prompt: str) -> torch.Tensor:
        key = (self._encoder, prompt)
        if key not in self._embeddings:
            self._embeddings[key] = diffusion.encode(prompt, self.request.settings.clip_skip)
        return self._embeddings[key]

    def _render(self, diffusion: Diffusion, batch: Batch, missing: set[str]) -> None:
        from loratui.training.engine.denoising import Item

        items = [
            Item(self._encode(diffusion, cell.prompt), self._encode(diffusion, cell.negative), cell.seed)
            for _, cell in batch.cells
        ]
        # The last batch of a LoRA is filled up: kernels may round differently for another batch size.
        items += [items[-1]] * (self.request.batch_size - len(items))
        images = diffusion.sample(items, self.request.settings)
        for (key, cell), image in zip(batch.cells, images, strict=False):
            if key in missing:
                path = cell_path(self.folder, key)
                save_cell(path, image, key, self.request.base, self.request.settings, cell)


def main() -> int:
    """Render the folder named on the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m loratui.review.sampler", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--lease-fd", type=int, help="the folder's lease, taken by the process that started this one")
    asked = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    if asked.lease_fd is not None:
        # Held until this process ends; not for the processes that libraries may start.
        os.set_inheritable(asked.lease_fd, False)
    elif take_lease(asked.folder / LEASE) is None:
        return ALREADY_RENDERING
    try:
        sampling = Sampling(asked.folder)
    except LoratuiError as error:
        # There may be no place for events: the log is read instead.
        sys.stderr.write(f"{error.message} {error.hint}\n")
        return TrainingError.exit_code
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, sampling.stop)
    try:
        state = sampling.run()
    except Exception as error:
        known = error if isinstance(error, LoratuiError) else _explain(error)
        if known is not error:
            logging.exception("rendering failed")
        sampling.events.write("end", state="failed", reason=known.message, hint=known.hint)
        return TrainingError.exit_code
    sampling.events.write("end", state=state, reason="", hint="")
    return 0


def _explain(error: Exception) -> LoratuiError:
    if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError):
        return TrainingError(
            "There is not enough memory for the batch.", hint="Use a smaller batch, or close what else uses the device."
        )
    if isinstance(error, OSError):
        return TrainingError(f"A file can't be read or written: {error}.", hint="Check the disk and start again.")
    return TrainingError(f"{type(error).__name__}: {error}", hint="The log of the sheet folder has the details.")


if __name__ == "__main__":
    sys.exit(main())
