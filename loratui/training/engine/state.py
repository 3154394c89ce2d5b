"""The resumable state of a training: written beside the old one, verified, then put in its place.

`state/` holds weights.safetensors, optimizer.safetensors and manifest.json, which is written last and carries the
hashes of the others. Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from loratui.errors import LoratuiError, RefusedError
from loratui.training.lorafile import file_hash
from loratui.training.tensorfile import read_tensors, sync_folder, write_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loratui.training.tensorfile import Floats

VERSION = 1
FILES = ("weights.safetensors", "optimizer.safetensors")
CURRENT, PARTIAL, PREVIOUS = "state", "state.tmp", "state.old"


@dataclass(frozen=True, slots=True)
class Position:
    """How far a training is, and what its epoch's mean loss is made of so far."""

    step: int
    """Optimizer steps done in all."""
    epoch: int
    """The epoch that the next step belongs to, from 1."""
    step_in_epoch: int
    """Steps of that epoch already done."""
    loss_sum: float = 0.0
    loss_count: int = 0


@dataclass(frozen=True, slots=True)
class SavedState:
    """A state as it was read: tensors by name, position, and what must be equal for it to be resumed."""

    weights: dict[str, Floats]
    optimizer: dict[str, Floats]
    position: Position
    identity: dict[str, Any]
    extra: dict[str, Any]


def save_state(
    folder: Path,
    *,
    weights: Mapping[str, Floats],
    optimizer: Mapping[str, Floats],
    position: Position,
    identity: Mapping[str, Any],
    extra: Mapping[str, Any],
) -> None:
    """Save a state in the run folder; the one before stays until the new one is complete and verified."""
    partial = folder / PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        for name, tensors in zip(FILES, (weights, optimizer), strict=True):
            write_tensors(partial / name, tensors, {})
        manifest = {
            "version": VERSION,
            "position": asdict(position),
            "identity": dict(identity),
            "extra": dict(extra),
            "files": {name: file_hash(partial / name) for name in FILES},
        }
        with (partial / "manifest.json").open("w", encoding="utf-8") as file:
            json.dump(manifest, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(partial)
    except OSError:
        # A full disk gets its space back; the state before is untouched.
        shutil.rmtree(partial, ignore_errors=True)
        raise
    current, previous = folder / CURRENT, folder / PREVIOUS
    # If the current one is missing, a kill fell between the renames: the previous one is then the only one.
    if current.exists():
        shutil.rmtree(previous, ignore_errors=True)
        current.rename(previous)
    partial.rename(current)
    sync_folder(folder)
    shutil.rmtree(previous, ignore_errors=True)


def load_state(folder: Path) -> SavedState | None:
    """The furthest complete state of a run folder; None when there is none. Damaged ones are passed over."""
    found = [state for name in (CURRENT, PARTIAL, PREVIOUS) if (state := _read(folder / name))]
    return max(found, key=lambda state: state.position.step, default=None)


def _read(path: Path) -> SavedState | None:
    try:
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if manifest["version"] != VERSION:
            raise RefusedError(
                f"{path} was saved by another version of loratui.", hint="Resume with that version, or start anew."
            )
        if any(file_hash(path / name) != manifest["files"][name] for name in FILES):
            return None
        weights, optimizer = (read_tensors(path / name) for name in FILES)
        return SavedState(weights, optimizer, Position(**manifest["position"]), manifest["identity"], manifest["extra"])
    except RefusedError:
        raise
    except (OSError, ValueError, KeyError, TypeError, LoratuiError):
        # Not there, or cut short by a kill.
        return None


def check_identity(state: SavedState, identity: Mapping[str, Any]) -> None:
    """Raise RefusedError when a state belongs to another recipe, dataset or base than the run now asks for."""
    for key, value in identity.items():
        if state.identity.get(key) != value:
            raise RefusedError(
                f"The saved state was trained with another {key} than the run now asks for.",
                hint="Put run.json and dataset.json back as they were, or start a new training.",
            )
