"""The text that travels inside a rendered PNG: the `parameters` line other programs read, and our own record."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from PIL import Image

from loratui.training.pngfile import write_png
from loratui.training.sampling import SAMPLERS

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.review.request import BaseModel, CellRequest, SampleSettings

_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


def format_parameters(base: BaseModel, settings: SampleSettings, cell: CellRequest) -> str:
    """The generation text in the form that A1111 writes and model sites parse.

    Prompt with the LoRA tag, the negative prompt on its own line if there is one, then `Key: value` pairs. Hashes
    have the lengths that sites match exactly: 10 digits of the base's sha256, 12 of the LoRA's AutoV3.
    """
    prompt, pairs = cell.prompt, dict[str, str]()
    if cell.lora:
        prompt = f"{prompt} <lora:{cell.lora.name}:{cell.weight:g}>"
    pairs["Steps"] = str(settings.steps)
    pairs["Sampler"] = SAMPLERS[settings.sampler]
    pairs["CFG scale"] = f"{settings.cfg:g}"
    pairs["Seed"] = str(cell.seed)
    pairs["Size"] = f"{settings.width}x{settings.height}"
    if base.sha256:
        pairs["Model hash"] = base.sha256[:10]
    pairs["Model"] = base.name.replace(",", " ").replace(":", " ")
    if settings.clip_skip > 1:
        pairs["Clip skip"] = str(settings.clip_skip)
    pairs["RNG"] = "CPU"
    if cell.lora:
        pairs["Lora hashes"] = f"{cell.lora.name}: {cell.lora.autov3[:12]}"
    lines = [prompt]
    if cell.negative:
        lines.append(f"Negative prompt: {cell.negative}")
    lines.append(", ".join(f"{key}: {_quote(value)}" for key, value in pairs.items()))
    return "\n".join(lines)


def _quote(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ",\n:") else value


def describe_cell(key: str, base: BaseModel, settings: SampleSettings, cell: CellRequest) -> dict[str, Any]:
    """Our own record of a cell, for the `loratui` chunk."""
    return {
        "key": key,
        "prompt": cell.prompt,
        "negative": cell.negative,
        "seed": cell.seed,
        "steps": settings.steps,
        "sampler": settings.sampler,
        "cfg": settings.cfg,
        "width": settings.width,
        "height": settings.height,
        "clip_skip": settings.clip_skip,
        "base": base.name,
        "base_sha256": base.sha256,
        "lora": cell.lora.name if cell.lora else None,
        "autov3": cell.lora.autov3 if cell.lora else None,
        "weight": cell.weight,
    }


def save_cell(
    path: Path, image: Image.Image, key: str, base: BaseModel, settings: SampleSettings, cell: CellRequest
) -> None:
    """Write the image with its texts; a reader never sees half a file, and the bytes are on the disk on return."""
    record = json.dumps(describe_cell(key, base, settings, cell), ensure_ascii=False)
    write_png(path, image, {"parameters": format_parameters(base, settings, cell), "loratui": record})


def is_finished(path: Path, key: str) -> bool:
    """Whether the file is a whole PNG that holds the cell with this key."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            record = json.loads(str(image.info.get("loratui", "null")))
            # Reads every chunk and its checksum, but not that of the last one.
            image.verify()
        with path.open("rb") as file:
            file.seek(-len(_PNG_END), os.SEEK_END)
            if file.read() != _PNG_END:
                return False
    except (OSError, SyntaxError, ValueError):
        return False
    return isinstance(record, dict) and record.get("key") == key
