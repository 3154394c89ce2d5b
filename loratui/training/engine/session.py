"""A training from the first step to the last: epochs, events, states, checkpoints, and stopping in between."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import torch

from loratui.dataset.epochs import count_batches
from loratui.errors import NotFoundError, RefusedError, TrainingError
from loratui.training.engine.device import choose_compute, set_threads
from loratui.training.engine.interrupts import Stopped
from loratui.training.engine.latents import LatentStore
from loratui.training.engine.loading import load_base
from loratui.training.engine.previews import Previews
from loratui.training.engine.samples import Samples
from loratui.training.engine.state import Position, check_identity, load_state, save_state
from loratui.training.engine.trainer import Trainer
from loratui.training.lorafile import autov3, checkpoint_name, write_lora
from loratui.training.metadata import TrainingFacts, make_metadata
from loratui.training.tensorfile import hash_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.training.engine.eventlog import EventLog
    from loratui.training.engine.interrupts import StopRequest
    from loratui.training.engine.state import SavedState
    from loratui.training.runspec import RunSpec

MEGABYTE = 1_000_000
SPARE_BYTES = 32 * MEGABYTE
"""Left free beyond what the training itself writes."""


@dataclass(frozen=True, slots=True)
class _Counts:
    batches_per_epoch: int
    steps_per_epoch: int
    total_steps: int


class Session:
    """One attempt at a run."""

    def __init__(self, spec: RunSpec, events: EventLog, stop: StopRequest, *, device: str = "auto") -> None:
        self._spec, self._events, self._stop = spec, events, stop
        self._recipe = spec.recipe
        self._saved = load_state(spec.folder)
        threads = self._saved.extra.get("threads") if self._saved else None
        set_threads(threads if isinstance(threads, int) else None)
        self._compute = choose_compute(device, spec.recipe.precision)
        self._samples = Samples(spec)
        self._counts = _count(spec, self._samples)
        self._position = self._saved.position if self._saved else Position(0, 1, 0)
        self._losses: list[torch.Tensor] = []
        self._drained = 0.0
        self._recent: deque[tuple[float, int]] = deque(maxlen=50)
        self._last_loss = math.nan
        self._previews: Previews | None = None
        starts = [event.at for event in events.earlier if event.type == "start"]
        self._started_at = datetime.fromisoformat(starts[0]).timestamp() if starts else time.time()

    @property
    def step(self) -> int:
        """Optimizer steps done so far."""
        return self._position.step

    def run(self) -> None:
        """Train to the end. Raises Stopped when asked to stop, LoratuiError or OSError when it can't go on."""
        spec, samples = self._spec, self._samples
        identity = self._identity()
        if self._saved:
            check_identity(self._saved, identity)
        self._say(f"Loading base {spec.base.name}")
        base = load_base(spec.base, self._compute.device, self._compute.dtype)
        samples.check_sizes(base.vae_factor)
        trainer = self._trainer = Trainer(spec, base, samples, self._compute, self._counts.total_steps)
        if spec.samples:
            self._previews = Previews(spec, spec.samples, base, trainer.embedder, self._compute, self._events)
        self._start(self._saved)
        store = LatentStore(spec.latents_cache, base, self._compute.device)
        samples.load_latents(store, self._note_latents)
        self._say(f"{len(spec.pictures)} pictures ready, {store.encoded} of them encoded now")
        self._warn_about_set_up()
        self._check_disk()
        last = self._recipe.epochs
        if self._position.epoch > last:
            # Killed after the last state: the weights are there, and the last checkpoint may not be.
            self._save_checkpoint(last)
        if self._position.step_in_epoch == 0:
            # Stopped or killed while it rendered: the weights are still those of that epoch.
            self._render_samples(self._position.epoch - 1)
        for epoch in range(self._position.epoch, last + 1):
            self._train_epoch(epoch)

    def _start(self, saved: SavedState | None) -> None:
        if saved:
            self._trainer.restore(saved.weights, saved.optimizer, saved.extra.get("scaler", {}))
        self._events.write(
            "start",
            pid=os.getpid(),
            total_steps=self._counts.total_steps,
            steps_per_epoch=self._counts.steps_per_epoch,
            device=self._compute.label,
            precision=self._compute.precision,
            step=self._position.step,
            epoch=self._position.epoch,
        )

    def _identity(self) -> dict[str, Any]:
        spec = self._spec
        return {
            "recipe": spec.recipe.to_dict(),
            "dataset": spec.dataset_hash,
            "base": str(spec.base.path),
            "continue_from": str(spec.continue_from or ""),
        }

    def _note_latents(self, done: int) -> None:
        self._check_stop()
        total = len(self._spec.pictures)
        if done % 100 == 0 and done < total:
            self._say(f"{done} of {total} pictures ready")

    def _warn_about_set_up(self) -> None:
        for message, hint in [*self._trainer.warnings, *(self._previews.warnings() if self._previews else ())]:
            self._events.write("warning", message=message, hint=hint)
        missing = [picture.name for picture in self._spec.pictures if not picture.path.exists()]
        if missing:
            self._events.write(
                "warning",
                message=f"{len(missing)} picture files are missing, such as {missing[0]}; cached latents are used.",
                hint="Import them again before the cache is cleared.",
            )
        embedder = self._trainer.embedder
        long = [p.name for p in self._spec.pictures if embedder.count_tokens(p.caption) > embedder.limit]
        if long:
            self._events.write(
                "warning",
                message=f"{len(long)} captions are longer than the {embedder.limit} tokens that the base reads, such "
                f"as that of {long[0]}; the rest is not seen.",
                hint="Shorten them, or put what matters first.",
            )

    def _check_disk(self) -> None:
        """Refuse to start when the disk can't hold what is to be written."""
        weights = 4 * sum(part.flat.numel() for part in self._trainer.weights)
        names = {self._checkpoint_path(epoch) for epoch in self._checkpoint_epochs()}
        left = sum(not path.exists() for path in names)
        # A state holds the weights and two moments; the old one stays until the new one is complete.
        needed = weights * left + 2 * 3 * weights + SPARE_BYTES
        free = shutil.disk_usage(self._spec.folder).free
        if free < needed:
            raise TrainingError(
                f"The disk of {self._spec.folder} has {free / MEGABYTE:.0f} MB free; the {left} checkpoints and the "
                f"state to come need {needed / MEGABYTE:.0f} MB.",
                hint="Free some space, save fewer epochs (save_every) or use a smaller rank; then resume.",
            )

    def _checkpoint_epochs(self) -> list[int]:
        every, last = self._recipe.save_every, self._recipe.epochs
        return [epoch for epoch in range(1, last + 1) if epoch % every == 0 or epoch == last]

    def _checkpoint_path(self, epoch: int) -> Path:
        return self._spec.checkpoints / checkpoint_name(self._spec.output_name, epoch, self._recipe.epochs)

    def _train_epoch(self, epoch: int) -> None:
        steps = self._samples.plan_steps(epoch)
        every = self._recipe.state_every
        for index in range(self._position.step_in_epoch, len(steps)):
            if reason := self._stop.reason():
                self._save_state()
                raise Stopped(reason, self.step)
            started = time.monotonic()
            self._losses.append(self._trainer.run_step(steps[index], self._position.step))
            self._advance(epoch, index + 1)
            ends = index + 1 == len(steps)
            self._report(steps[index].samples, time.monotonic() - started, always=ends)
            if every and self.step % every == 0 and not ends:
                self._save_state()
        self._end_epoch(epoch)

    def _advance(self, epoch: int, step_in_epoch: int) -> None:
        now = self._position
        self._position = Position(now.step + 1, epoch, step_in_epoch, now.loss_sum, now.loss_count)

    def _report(self, samples: int, seconds: float, *, always: bool) -> None:
        self._recent.append((seconds, samples))
        # Reading a loss waits for the device: on a GPU that is done a few times a second, not at every step.
        now = time.monotonic()
        if self._compute.device.type == "cuda" and not always and now - self._drained < 0.25:
            return
        self._drained = now
        self._drain()
        elapsed = sum(part for part, _ in self._recent)
        per_step = elapsed / len(self._recent)
        self._events.write_step(
            always=always,
            step=self.step,
            epoch=self._position.epoch,
            loss=self._last_loss,
            lr=self._trainer.rate_at(self.step - 1),
            images_per_s=round(sum(count for _, count in self._recent) / max(elapsed, 1e-9), 3),
            eta_s=round(per_step * (self._counts.total_steps - self.step), 1),
        )

    def _drain(self) -> None:
        """Read the losses that the device holds; raises TrainingError when one is not a number."""
        if not self._losses:
            return
        values = torch.stack(self._losses).tolist()
        first = self.step - len(values) + 1
        self._losses.clear()
        for offset, value in enumerate(values):
            if not math.isfinite(value):
                raise _not_a_number(first + offset, value)
        now = self._position
        self._position = Position(
            now.step, now.epoch, now.step_in_epoch, now.loss_sum + sum(values), now.loss_count + len(values)
        )
        self._last_loss = values[-1]

    def _check_weights(self) -> None:
        # A loss tells of the weights before its step: what the last step made of them is checked here.
        if not self._trainer.is_finite():
            raise _not_a_number(self.step, math.nan)

    def _save_state(self) -> None:
        self._drain()
        if self.step == 0:
            return
        self._check_weights()
        save_state(
            self._spec.folder,
            weights=self._trainer.to_kohya(),
            optimizer=self._trainer.optimizer_tensors(),
            position=self._position,
            identity=self._identity(),
            extra={"threads": torch.get_num_threads(), "scaler": self._trainer.scaler_state()},
        )
        self._events.write("state", durable=True, step=self.step)

    def _end_epoch(self, epoch: int) -> None:
        self._drain()
        self._check_weights()
        position = self._position
        loss = position.loss_sum / position.loss_count if position.loss_count else None
        if epoch in self._checkpoint_epochs():
            self._save_checkpoint(epoch)
        self._events.write("epoch", epoch=epoch, step=self.step, loss=loss)
        # The next step belongs to the next epoch: its loss starts from nothing.
        self._position = Position(self.step, epoch + 1, 0)
        self._save_state()
        self._render_samples(epoch)

    def _render_samples(self, epoch: int) -> None:
        # After the state: whatever happens to the process meanwhile, the epoch is safe.
        if self._previews and epoch and self._previews.is_due(epoch):
            self._previews.render(epoch, self._check_stop)

    def _check_stop(self) -> None:
        if reason := self._stop.reason():
            raise Stopped(reason, self.step)

    def _save_checkpoint(self, epoch: int) -> None:
        """Write an epoch's LoRA; one that a killed attempt already wrote stays as it is."""
        path = self._checkpoint_path(epoch)
        path.parent.mkdir(exist_ok=True, mode=0o700)
        tensors = self._trainer.to_kohya()
        precision = self._recipe.save_precision
        digest = hash_tensors(tensors, precision)
        if not _holds(path, digest):
            write_lora(path, tensors, self._metadata(epoch), precision=precision)
        if not self._events.has_checkpoint(epoch, digest):
            self._events.write(
                "checkpoint",
                durable=True,
                epoch=epoch,
                step=self.step,
                path=str(path),
                autov3=digest,
                bytes=path.stat().st_size,
            )

    def _metadata(self, epoch: int) -> dict[str, str]:
        trainer, samples = self._trainer, self._samples
        facts = TrainingFacts(
            rank=trainer.rank,
            alpha=trainer.alpha,
            buckets=samples.counts,
            aspect_error=samples.aspect_error,
            batches_per_epoch=self._counts.batches_per_epoch,
            total_steps=self._counts.total_steps,
            precision=self._compute.precision,
            prediction_type=trainer.objective.prediction_type,
            started_at=self._started_at,
            trains_text_encoder=trainer.trains_text_encoder,
        )
        return make_metadata(self._spec, facts, epoch=epoch, step=self.step, finished_at=time.time())

    def _say(self, message: str) -> None:
        self._events.write("log", message=message)


def _count(spec: RunSpec, samples: Samples) -> _Counts:
    recipe = spec.recipe
    batches = count_batches([len(members) for members in samples.members], recipe.batch_size)
    steps = math.ceil(batches / recipe.accumulation)
    return _Counts(batches, steps, steps * recipe.epochs)


def _holds(path: Path, digest: str) -> bool:
    try:
        return autov3(path) == digest
    except (NotFoundError, RefusedError):
        # Not there, or not whole: it is written anew.
        return False


def _not_a_number(step: int, value: float) -> TrainingError:
    return TrainingError(
        f"The loss became {'infinite' if math.isinf(value) else 'not a number'} at step {step}.",
        hint="Lower the learning rate (a tenth is a good next try), or train in bf16 or fp32. Checkpoints and the "
        "state from before are kept.",
    )


def is_done(events: EventLog, final: Path) -> bool:
    """Whether an earlier attempt finished the run and its last checkpoint is still whole."""
    ends = [event.data.get("state") for event in events.earlier if event.type == "end"]
    told = [str(event.data.get("autov3")) for event in events.earlier if event.type == "checkpoint"]
    return ends[-1:] == ["done"] and bool(told) and _holds(final, told[-1])
