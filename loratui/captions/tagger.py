"""Tagging models in ONNX: the WD v2 and v3 families and cl_tagger, whatever their inputs and outputs are called."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from loratui.captions.preprocess import PREPROCESS, PixelLayout, Pixels
from loratui.captions.thresholds import Thresholds, cut_character, cut_general, thresholds_for
from loratui.captions.vocabulary import Vocabulary, read_vocabulary
from loratui.catalog.vocabulary import RATING
from loratui.errors import MissingFeatureError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.catalog.edits import ScoredTag

KEPT_FROM = 0.10
"""Scores below this are not kept; ratings always are. Thresholds act later, on what was kept."""

Scores = npt.NDArray[np.float32]

_USUAL_SIDE = 448
# What folders inside of a model's own are called: they say nothing about the model.
_GENERIC = ("tagger", "model", "models", "onnx", "main", "snapshots", "wd", "")
# Single precision lets a sigmoid end a hair beyond 0 and 1.
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class TaggerFiles:
    """The files of one tagger: the model, its list of tags, and whether it is laid out as cl_tagger is."""

    model: Path
    tags: Path
    is_cl: bool


class Tagger:
    """A tagging model, opened once: prepared pictures in, a score from 0 to 1 for each tag out.

    `id` names the model by name and content, and the preparation: scores of one id are comparable. `batch` is the
    batch size that the model insists on, or None. `device` is cuda or cpu.
    """

    def __init__(self, files: TaggerFiles, session: Any, vocabulary: Vocabulary, name: str, digest: str) -> None:
        self.name = name
        self.id = f"{name}@{digest}/{PREPROCESS}"
        self.folder = files.model.parent
        self.vocabulary = vocabulary
        self.thresholds: Thresholds = thresholds_for(name)
        self._session = session
        self._is_cl = files.is_cl
        self._input, self.layout, self.batch = _read_input(files, session)
        self._output = _choose_output(files, session, len(vocabulary))
        others = [output.name for output in session.get_outputs() if output.name != self._output]
        self._embedding = str(others[0]) if others else ""
        self._ratings = np.array([category == RATING for category in vocabulary.categories])
        self._members = {
            wanted: np.array([category == wanted for category in vocabulary.categories])
            for wanted in ("general", "character")
        }
        # Lower case, as the catalog keeps tags; where two differ in case alone, the higher score stands for both.
        self._keys = [tag.lower() for tag in vocabulary.names]

    @property
    def device(self) -> str:
        """Where the model runs."""
        return "cuda" if "CUDAExecutionProvider" in self._session.get_providers() else "cpu"

    def run(self, pictures: Pixels) -> Scores:
        """Scores [n, tags] of prepared pictures [n, *layout.shape], from 0 to 1."""
        if not len(pictures):
            return np.empty((0, len(self.vocabulary)), np.float32)
        return self._check(self._ask(self._output, pictures), len(pictures))

    @property
    def has_embedding(self) -> bool:
        """Whether a second output says what a picture is like, beyond its tags; some re-exports have one."""
        return bool(self._embedding)

    def embed(self, pictures: Pixels) -> Scores:
        """What prepared pictures [n, *layout.shape] are like, as vectors [n, width]; only with an embedding."""
        return np.asarray(self._ask(self._embedding, pictures), np.float32).reshape(len(pictures), -1)

    def _ask(self, output: str, pictures: Pixels) -> Any:
        if self.batch is None:
            return self._call(output, pictures)
        parts = []
        for start in range(0, len(pictures), self.batch):
            part = pictures[start : start + self.batch]
            short = self.batch - len(part)
            # A model of fixed batch size is given the last picture again where there are too few.
            filled = np.concatenate([part, np.repeat(part[-1:], short, axis=0)]) if short else part
            parts.append(np.asarray(self._call(output, filled))[: len(part)])
        return np.concatenate(parts)

    def list_scores(self, row: Scores) -> list[ScoredTag]:
        """What is worth keeping of one picture's scores: those from 0.10 on, and all ratings; highest first.

        A tag that is spelled like a rating does not stand for it: the rating's own score is kept.
        """
        found: dict[str, ScoredTag] = {}
        chosen = np.flatnonzero((row >= KEPT_FROM) | self._ratings)
        # Ratings first, then by score: the first of a name is kept.
        for number in chosen[np.lexsort((-row[chosen], ~self._ratings[chosen]))].tolist():
            key = self._keys[number]
            found.setdefault(key, (key, self.vocabulary.categories[number], float(row[number])))
        return sorted(found.values(), key=lambda one: -one[2])

    def find_cuts(self, row: Scores) -> dict[str, float]:
        """MCut of one picture's scores by category: where the gap between the tags that fit and the rest is largest."""
        found: dict[str, float] = {}
        for category, cut in (("general", cut_general), ("character", cut_character)):
            scores = row[self._members[category]]
            kept, rest = scores[scores >= KEPT_FROM], scores[scores < KEPT_FROM]
            # The gap below the last kept score counts too; further down there is none that large.
            at = cut([*kept.tolist(), *rest.max(initial=0.0, keepdims=True).tolist()])
            if at is not None and kept.size:
                found[category] = at
        return found

    def _call(self, name: str, pictures: Pixels) -> Any:
        try:
            (output,) = self._session.run([name], {self._input: pictures})
        # Whatever the runtime raises is told by its own exceptions, which share no base but this.
        except Exception as error:
            raise RefusedError(
                f"The tagger {self.name} failed: {_first_line(error)}", hint="Try another model, or --batch 1."
            ) from error
        return output

    def _check(self, output: Any, count: int) -> Scores:
        scores: Scores = np.asarray(output, np.float32)
        if scores.shape != (count, len(self.vocabulary)):
            raise RefusedError(
                f"The tagger {self.name} answers {list(scores.shape)} to {count} pictures and {len(self.vocabulary)} "
                "tags.",
                hint="Its model and its list of tags belong to different versions: download both again.",
            )
        if not np.isfinite(scores).all():
            raise RefusedError(
                f"The tagger {self.name} gives scores that are no numbers.",
                hint="On a graphics card half precision can overflow: use the single-precision model.",
            )
        if self._is_cl:
            return np.asarray(1 / (1 + np.exp(-np.clip(scores, -60, 60))), np.float32)
        if scores.size and (scores.min() < -_TOLERANCE or scores.max() > 1 + _TOLERANCE):
            raise RefusedError(
                f"The scores of {self.name} go from {scores.min():.1f} to {scores.max():.1f}, not from 0 to 1.",
                hint="Its last sigmoid is missing: use the model.onnx of the tagger's own release.",
            )
        return scores


def open_tagger(folder: Path, *, threads: int | None = None) -> Tagger:
    """Open the tagger in a folder: model.onnx with selected_tags.csv, or cl_tagger's pair.

    `threads` are those of the model on a processor; the runtime's own choice when left out. Raises NotFoundError
    for missing files, RefusedError for files that don't fit, MissingFeatureError without onnxruntime.
    """
    files = find_files(folder)
    vocabulary = read_vocabulary(files.tags)
    session = _start(files.model, threads)
    return Tagger(files, session, vocabulary, name_of(folder), _hash(files))


def find_files(folder: Path) -> TaggerFiles:
    """The files of the tagger in a folder; NotFoundError tells which one is missing."""
    if not folder.is_dir():
        raise NotFoundError(f"There is no folder {folder}.", hint="Name a tagger's folder, or a model like OWNER/NAME.")
    mapping, tags = folder / "tag_mapping.json", folder / "selected_tags.csv"
    is_cl = mapping.is_file() and not tags.is_file()
    names = ("model_optimized.onnx", "model.onnx") if is_cl else ("model.onnx",)
    model = next((folder / name for name in names if (folder / name).is_file()), None)
    if model is None:
        raise NotFoundError(
            f"There is no model.onnx in {folder}.",
            hint="A tagger's folder holds model.onnx and selected_tags.csv, or model_optimized.onnx and "
            "tag_mapping.json.",
        )
    if not is_cl and not tags.is_file():
        raise NotFoundError(
            f"There is no selected_tags.csv beside {model}.", hint="Download it from where the model is from."
        )
    return TaggerFiles(model, mapping if is_cl else tags, is_cl)


def name_of(folder: Path) -> str:
    """What a tagger is called: its folder's name, unless that is one that any tagger's folder has."""
    folder = folder.absolute()
    return next((part.name for part in (folder, *folder.parents) if part.name.lower() not in _GENERIC), "tagger")


def _start(model: Path, threads: int | None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingFeatureError("Tagging needs onnxruntime.", hint="pip install 'loratui[tag]'") from error
    options = onnxruntime.SessionOptions()
    # Its warnings about optimised-away nodes would land in the middle of the progress line.
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    # Idle threads that spin would take the processor from those that decode the next pictures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    known = onnxruntime.get_available_providers()
    providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in known]
    try:
        return onnxruntime.InferenceSession(os.fspath(model), options, providers=providers)
    # As for running: every failure has a class of its own.
    except Exception as error:
        raise RefusedError(
            f"{model} can't be opened: {_first_line(error)}", hint="Download it again, whole, or use another model."
        ) from error


def _read_input(files: TaggerFiles, session: Any) -> tuple[str, PixelLayout, int | None]:
    (entry, *others) = session.get_inputs()
    shape = list(entry.shape)
    channels = 1 if files.is_cl else 3
    sides = shape[2:] if files.is_cl else shape[1:3]
    fits = len(shape) == 4 and not others and entry.type == "tensor(float)" and shape[channels] in (3, None, "3")
    fixed = {side for side in sides if isinstance(side, int)}
    if not fits or len(fixed) > 1:
        wanted = "[n, 3, side, side]" if files.is_cl else "[n, side, side, 3]"
        raise RefusedError(
            f"{files.model} takes {entry.type} {shape}; a tagger of its kind takes tensor(float) {wanted}.",
            hint="Use an ONNX release of a WD tagger or of cl_tagger.",
        )
    layout = PixelLayout(next(iter(fixed), _USUAL_SIDE), channels_first=files.is_cl)
    return entry.name, layout, shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None


def _choose_output(files: TaggerFiles, session: Any, tags: int) -> str:
    """The output with a score for each tag; a re-export has the picture's embedding as a second one."""
    outputs = session.get_outputs()
    widths = [output.shape[-1] if output.shape else None for output in outputs]
    for output, width in zip(outputs, widths, strict=True):
        if width == tags:
            return str(output.name)
    if not isinstance(widths[0], int):
        # Its width is not written down: what it answers is checked each time.
        return str(outputs[0].name)
    raise RefusedError(
        f"{files.model} scores {widths[0]} tags, but {files.tags.name} lists {tags}.",
        hint="They belong to different versions: download both again.",
    )


def _hash(files: TaggerFiles) -> str:
    """Eight digits for the content of model and tags, weights in files of their own (model.onnx.data) included."""
    digest = hashlib.sha256()
    for file in (*sorted(files.model.parent.glob(f"{files.model.name}*")), files.tags):
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:8]


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
