"""LoRA files: the hashes they are known by, and the checkpoints of a folder. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loratui.errors import NotFoundError, RefusedError
from loratui.training.tensorfile import hash_range, read_header, write_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from loratui.training.tensorfile import Floats

__all__ = [
    "CheckpointFile",
    "autov3",
    "checkpoint_name",
    "file_hash",
    "legacy_hash",
    "list_checkpoints",
    "read_header",
    "write_lora",
]


def autov3(path: Path) -> str:
    """The hash a LoRA is known by: sha256 (64 hex digits) of the tensor bytes, so metadata may change."""
    return hash_range(path, read_header(path).data_start)


def legacy_hash(path: Path) -> str:
    """The old web UI model hash: 8 hex digits of the sha256 of 64 KiB at offset 1 MiB."""
    return hash_range(path, 0x100000, 0x10000)[:8]


def file_hash(path: Path) -> str:
    """The sha256 of the whole file, 64 hex digits."""
    return hash_range(path, 0)


def write_lora(
    path: Path, tensors: Mapping[str, Floats], metadata: Mapping[str, str], *, precision: str = "fp32"
) -> str:
    """Write a LoRA atomically and verified (see `write_tensors`); returns its AutoV3 hash."""
    return write_tensors(path, tensors, metadata, precision=precision)


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A complete LoRA file; `epoch` is None when neither name nor metadata tell it."""

    path: Path
    bytes: int
    epoch: int | None
    step: int | None
    metadata: dict[str, str]


def list_checkpoints(folder: Path) -> list[CheckpointFile]:
    """The complete safetensors files of a folder by epoch; truncated, foreign and temporary ones are left out."""
    return sorted(_complete_files(folder), key=lambda file: (file.epoch is None, file.epoch or 0, file.path.name))


def _complete_files(folder: Path) -> Iterator[CheckpointFile]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.suffix != ".safetensors" or path.name.startswith(".") or not path.is_file():
            continue
        try:
            header = read_header(path)
        except (RefusedError, NotFoundError):
            # Not yet or no longer complete: exactly what must not be listed.
            continue
        yield CheckpointFile(
            path,
            path.stat().st_size,
            _number(header.metadata.get("ss_epoch", "")),
            _number(header.metadata.get("ss_steps", "")),
            header.metadata,
        )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def checkpoint_name(output_name: str, epoch: int, epochs: int) -> str:
    """The file name of an epoch's checkpoint by kohya's rule: the last epoch has no number."""
    return f"{output_name}.safetensors" if epoch >= epochs else f"{output_name}-{epoch:06d}.safetensors"
