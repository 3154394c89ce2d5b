"""Tagging models that tests build: what they answer depends on the exact preparation of the pictures."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

RATINGS = ("general", "sensitive", "questionable", "explicit")
COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "orange": (255, 128, 0),
    "azure": (0, 128, 255),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
}
"""RGB. A swapped channel makes azure of orange, another scale makes black of all."""
# Full score on the exact colour, none from a few steps away on.
_SHARPNESS = 0.05


def write_colour_tagger(
    folder: Path, *, side: int = 448, batch: int | str = "batch", kind: str = "wd", embedding: bool = False
) -> Path:
    """A model that tags the colour in the middle of the picture, and of the corner as `corner_...`.

    `kind` is wd or cl: cl_tagger's files, layout, scale and logits. With `embedding` it has a second output.
    """
    folder.mkdir(parents=True, exist_ok=True)
    is_cl = kind == "cl"
    names = [*RATINGS, *COLOURS, *(f"corner_{name}" for name in COLOURS)]
    initial, nodes = [], []

    def constant(name: str, value: np.ndarray) -> str:  # type: ignore[type-arg]
        initial.append(numpy_helper.from_array(value, name))
        return name

    def add(kind_of_node: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind_of_node, inputs, [output], **attributes))
        return output

    pixels = "input"
    if is_cl:
        # Back to what a WD model sees: [n, side, side, 3] from 0 to 255.
        scaled = add("Mul", [add("Add", [pixels, constant("one", np.float32([1]))], "shifted"), "half"], "scaled")
        constant("half", np.float32([127.5]))
        pixels = add("Transpose", [scaled], "turned", perm=[0, 2, 3, 1])
    middle = side // 2
    colours = np.array([rgb[::-1] for rgb in COLOURS.values()], np.float32)
    constant("colours", colours[None])
    constant("sharpness", np.float32([_SHARPNESS]))
    constant("full", np.float32([1]))
    constant("axes", np.array([1, 2], np.int64))
    constant("last", np.array([2], np.int64))
    scores = []
    for name, place in (("middle", middle), ("corner", 2)):
        start = constant(f"{name}_start", np.array([place, place], np.int64))
        end = constant(f"{name}_end", np.array([place + 1, place + 1], np.int64))
        pixel = add("Slice", [pixels, start, end, "axes"], f"{name}_pixel")
        flat = add("Squeeze", [pixel, constant(f"{name}_square", np.array([2], np.int64))], f"{name}_flat")
        away = add("Abs", [add("Sub", [flat, "colours"], f"{name}_difference")], f"{name}_distance")
        worst = add("ReduceMax", [away, "last"], f"{name}_worst", keepdims=0)
        lost = add("Mul", [worst, "sharpness"], f"{name}_lost")
        scores.append(add("Relu", [add("Sub", ["full", lost], f"{name}_raw")], f"{name}_scores"))
    # Ratings of a width that follows the batch: the first column of the scores, weighed.
    first = add(
        "Slice",
        [scores[0], constant("zero", np.int64([0])), constant("one_i", np.int64([1])), constant("axis", np.int64([1]))],
        "first",
    )
    rating = add(
        "Add",
        [
            add("Mul", [first, constant("nothing", np.zeros((1, 4), np.float32))], "blank"),
            constant("rated", np.float32([[0.9, 0.05, 0.03, 0.02]])),
        ],
        "ratings",
    )
    joined = add("Concat", [rating, *scores], "joined", axis=1)
    if is_cl:
        clipped = add("Clip", [joined, constant("low", np.float32(1e-6)), constant("high", np.float32(1 - 1e-6))], "p")
        rest = add("Sub", ["full", clipped], "rest")
        add("Log", [add("Div", [clipped, rest], "odds")], "output")
    else:
        add("Identity", [joined], "output")
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, len(names)])]
    if embedding:
        add("Identity", [scores[0]], "embedding")
        outputs.insert(0, helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [batch, len(COLOURS)]))
    shape = [batch, 3, side, side] if is_cl else [batch, side, side, 3]
    graph = helper.make_graph(
        nodes, "colours", [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)], outputs, initial
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, folder / ("model_optimized.onnx" if is_cl else "model.onnx"))
    if is_cl:
        table = {
            str(number): {"tag": name, "category": "Rating" if name in RATINGS else "General"}
            for number, name in enumerate(names)
        }
        (folder / "tag_mapping.json").write_text(json.dumps(table), encoding="utf-8")
    else:
        write_tags(folder, names)
    return folder


def write_tags(folder: Path, names: list[str]) -> None:
    """selected_tags.csv, as WD releases have it."""
    with (folder / "selected_tags.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["tag_id", "name", "category", "count"])
        for number, name in enumerate(names):
            writer.writerow([number, name, 9 if name in RATINGS else 0, 1000 - number])
