"""Trigger words that LoRA files on disk already use, read from their headers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MAX_HEADER_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class WordInUse:
    """A phrase a LoRA file answers to, and where its header says so; or the `problem` with the file."""

    path: Path
    text: str
    source: str
    problem: str = ""


def find_words_in_use(folders: Sequence[Path]) -> Iterator[WordInUse]:
    """Phrases from every .safetensors file under some folders; unreadable ones come with a problem."""
    for folder in folders:
        if not folder.is_dir():
            yield WordInUse(folder, "", "", problem="there is no such folder")
            continue
        for path in sorted(folder.rglob("*.safetensors")):
            try:
                metadata = read_metadata(path)
            except (OSError, ValueError) as error:
                yield WordInUse(path, "", "", problem=str(error))
                continue
            yield from _read_words(path, metadata)


def read_metadata(path: Path) -> dict[str, Any]:
    """The `__metadata__` of a safetensors file; raises ValueError for a file that isn't one, and OSError."""
    with path.open("rb") as file:
        # 8 bytes of little-endian length, then that much JSON: the format's whole header.
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= MAX_HEADER_BYTES:
            raise ValueError("it has no safetensors header")
        header = json.loads(file.read(length))
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        raise ValueError("its header is not a table")
    return metadata


def _read_words(path: Path, metadata: dict[str, Any]) -> Iterator[WordInUse]:
    for key in ("modelspec.trigger_phrase", "ss_output_name"):
        if isinstance(value := metadata.get(key), str) and value:
            yield WordInUse(path, value, key)
    for key in ("ss_tag_frequency", "ss_dataset_dirs"):
        try:
            folders = json.loads(metadata.get(key) or "{}")
        except (TypeError, ValueError):
            # Other tools put other things under these keys; there is no folder name in it then.
            continue
        if isinstance(folders, dict):
            # kohya's "5_mira woman": the number is the repeats.
            yield from (WordInUse(path, re.sub(r"^\d+_", "", folder), key) for folder in folders)
