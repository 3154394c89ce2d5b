"""PNG files with texts in them, written so that nobody ever sees half of one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from PIL.PngImagePlugin import PngInfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from PIL import Image


def write_png(path: Path, image: Image.Image, texts: Mapping[str, str]) -> None:
    """Write an image with its text chunks, in order; the bytes are on the disk on return.

    Raises OSError when they can't be written, and then leaves nothing behind.
    """
    chunks = PngInfo()
    for name, text in texts.items():
        chunks.add_text(name, text)
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            image.save(file, format="PNG", pnginfo=chunks)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        # A full disk gets its space back.
        temporary.unlink(missing_ok=True)
        raise
