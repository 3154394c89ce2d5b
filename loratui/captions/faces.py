"""Counting faces with YuNet, a small face detector in ONNX (libfacedetection, 320 kB)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from loratui.errors import MissingFeatureError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "f1"
"""Raised whenever faces would be found otherwise in any picture."""

SURE_FROM = 0.8
"""A face counts from this score on: real ones reach 0.9, the face of a dog 0.65."""

_STRIDES = (8, 16, 32)
# Faces of 10 to 300 pixels are what it was trained on: larger pictures are made smaller, tiny ones larger.
_SIDE = 640
_LEAST_SIDE = 320
_SAME_FACE = 0.3

_Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Face:
    """A face: left, top, width and height in pixels of the picture, and how sure the model is (0 to 1)."""

    left: float
    top: float
    width: float
    height: float
    score: float


class FaceDetector:
    """YuNet, opened once; `id` names the model by name and content, and how it is used."""

    def __init__(self, session: Any, name: str, digest: str) -> None:
        self.id = f"{name}@{digest}/{VERSION}"
        self._session = session
        (entry,) = session.get_inputs()
        self._input = entry.name
        self._outputs = [output.name for output in session.get_outputs()]

    def find_faces(self, picture: Image.Image) -> list[Face]:
        """The faces in an upright RGB picture, the surest first. May be called from many threads."""
        scale = min(1.0, _SIDE / max(picture.size))
        if max(picture.size) < _LEAST_SIDE:
            scale = _LEAST_SIDE / max(picture.size)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        small = picture.resize((width, height), Image.Resampling.BILINEAR)
        # Its three grids need sides that 32 divides; black beside the picture is no face.
        padded = np.zeros((1, 3, -(-height // 32) * 32, -(-width // 32) * 32), np.float32)
        padded[0, :, :height, :width] = np.asarray(small)[:, :, ::-1].transpose(2, 0, 1)
        try:
            answers = dict(zip(self._outputs, self._session.run(self._outputs, {self._input: padded}), strict=True))
        # Whatever the runtime raises is told by its own exceptions, which share no base but this.
        except Exception as error:
            raise RefusedError(f"The face detector failed: {error}", hint="Download its model again.") from error
        boxes, scores = read_grids(answers, padded.shape[2], padded.shape[3])
        kept = drop_repeats(boxes, scores)
        found = [(*(boxes[index] / scale).tolist(), float(scores[index])) for index in kept]
        return [Face(left, top, wide, high, score) for left, top, wide, high, score in found]


def open_detector(path: Path, *, threads: int = 1) -> FaceDetector:
    """Open the detector: its ONNX file, or a folder that holds one called yunet*.onnx.

    Raises NotFoundError without one, RefusedError for another model, MissingFeatureError without onnxruntime.
    """
    file = path
    if path.is_dir():
        files = sorted(path.glob("*yunet*.onnx"))
        if not files:
            raise NotFoundError(f"There is no yunet*.onnx in {path}.", hint="YuNet comes with libfacedetection.")
        file = files[-1]
    if not file.is_file():
        raise NotFoundError(f"There is no face detector at {path}.", hint="Name the folder of YuNet's ONNX file.")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingFeatureError("Finding faces needs onnxruntime.", hint="pip install 'loratui[tag]'") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(os.fspath(file), options, providers=["CPUExecutionProvider"])
    # As for running: every failure has a class of its own.
    except Exception as error:
        raise RefusedError(f"{file} can't be opened: {error}", hint="Download it again, whole.") from error
    names = {output.name for output in session.get_outputs()}
    wanted = {f"{part}_{stride}" for part in ("cls", "obj", "bbox") for stride in _STRIDES}
    if not wanted <= names or len(session.get_inputs()) != 1:
        raise RefusedError(f"{file} is no YuNet face detector.", hint="Use yunet_n_dynamic.onnx.")
    return FaceDetector(session, file.stem, hashlib.sha256(file.read_bytes()).hexdigest()[:8])


def read_grids(answers: dict[str, Any], height: int, width: int) -> tuple[_Floats, _Floats]:
    """Boxes (left, top, width, height) and scores of the cells that may be faces, for an input of this size.

    Each cell of a grid says where a face is that is centred near it: the offset of its middle in cells, the
    logarithm of its size in cells, and as score the geometric mean of two probabilities.
    """
    boxes, scores = [], []
    for stride in _STRIDES:
        classes = answers[f"cls_{stride}"][0, :, 0]
        objects = answers[f"obj_{stride}"][0, :, 0]
        score = np.sqrt(np.clip(classes, 0, 1) * np.clip(objects, 0, 1))
        sure = np.flatnonzero(score >= SURE_FROM)
        rows, columns = np.divmod(sure, width // stride)
        offsets = answers[f"bbox_{stride}"][0, sure]
        sizes = np.exp(offsets[:, 2:]) * stride
        middles = (offsets[:, :2] + np.stack([columns, rows], axis=1)) * stride
        boxes.append(np.concatenate([middles - sizes / 2, sizes], axis=1))
        scores.append(score[sure])
    return np.concatenate(boxes).astype(np.float32), np.concatenate(scores).astype(np.float32)


def drop_repeats(boxes: _Floats, scores: _Floats) -> list[int]:
    """The indices of boxes that are no second look at a surer one, the surest first."""
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable").tolist():
        if all(_overlap(boxes[index], boxes[other]) < _SAME_FACE for other in kept):
            kept.append(index)
    return kept


def _overlap(one: _Floats, other: _Floats) -> float:
    """The area that two boxes share over the area of both, 0 to 1."""
    sides = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - np.maximum(one[:2], other[:2])
    shared = float(np.prod(np.clip(sides, 0, None)))
    return shared / (float(np.prod(one[2:])) + float(np.prod(other[2:])) - shared)
