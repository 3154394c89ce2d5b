"""Reads pictures with the cast's tagger, through the contract of the WD taggers; no torch needed."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from loratui.demo.assets import cast_folder
from loratui.errors import MissingFeatureError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

BATCH = 32


class Judge:
    """The tagger, opened once; its tags are spelled with spaces, as in captions."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or cast_folder() / "tagger"
        if not (folder / "model.onnx").exists():
            raise NotFoundError(f"no model.onnx in {folder}", hint="point at a WD tagger's folder")
        try:
            import onnxruntime
        except ImportError:
            raise MissingFeatureError("reading pictures needs onnxruntime", hint="pip install 'loratui[tag]'") from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session: Any = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0]
        with (folder / "selected_tags.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.tags = [row["name"].replace("_", " ") for row in rows]
        self._general = {n for n, row in enumerate(rows) if int(float(row["category"])) != 9}

    def read(self, images: Iterable[Image.Image]) -> list[dict[str, float]]:
        """Probability of every tag but the ratings, one mapping per picture."""
        edge = int(self._input.shape[1])
        arrays = [_prepare(image, edge) for image in images]
        found: list[dict[str, float]] = []
        for start in range(0, len(arrays), BATCH):
            (output,) = self._session.run(None, {self._input.name: np.stack(arrays[start : start + BATCH])})
            found += [{self.tags[n]: float(row[n]) for n in self._general} for row in output]
        return found

    def measure(self, images: Iterable[Image.Image], traits: Sequence[str], threshold: float = 0.5) -> dict[str, float]:
        """For each trait the share of the pictures that show it."""
        read = self.read(images)
        return {trait: sum(tags[trait] >= threshold for tags in read) / max(1, len(read)) for trait in traits}


def _prepare(image: Image.Image, edge: int) -> npt.NDArray[np.float32]:
    """On white, padded to a square, resized bicubically: float32 [edge, edge, 3] BGR 0-255."""
    rgba = image.convert("RGBA")
    side = max(rgba.size)
    square = Image.new("RGBA", (side, side), (255, 255, 255, 255))
    square.alpha_composite(rgba, ((side - rgba.width) // 2, (side - rgba.height) // 2))
    small = square.convert("RGB").resize((edge, edge), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(small, np.float32)[..., ::-1])
