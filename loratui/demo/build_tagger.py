"""Trains the tagger of the cast and writes it as ONNX behind the WD v3 contract."""

# mypy: allow-untyped-calls

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import nn
from torch.nn import functional

from loratui.demo import world
from loratui.demo.build_autoencoder import one_cycle
from loratui.demo.build_common import (
    Meter,
    Settings,
    load_checkpoint,
    pictures,
    records,
    save_checkpoint,
    say,
    to_tensor,
)

if TYPE_CHECKING:
    from pathlib import Path

BATCH = 32
PEAK_RATE = 2e-3
RATINGS = ("general", "sensitive", "questionable", "explicit")
ROUND_TRIPS = 6_000
WIDTHS = ((3, 32, 2), (32, 64, 2), (64, 96, 1), (96, 128, 2), (128, 128, 1))
"""Input channels, output channels and stride of each 3x3 convolution on 64 px pictures."""


class Tagger(nn.Module):
    """A small convolutional net: pictures [n, 3, 64, 64] BGR in -1..1 to logits [n, tags]."""

    def __init__(self, tags: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride, 1, bias=False) for a, b, stride in WIDTHS)
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for _, b, _ in WIDTHS)
        self.head = nn.Linear(WIDTHS[-1][1] * 2, tags)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = functional.relu(norm(conv(x)))
        logits: torch.Tensor = self.head(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))
        return logits


def tag_order(settings: Settings) -> list[tuple[str, int]]:
    """Every tag with its count in the data set, most frequent first."""
    counts = Counter(tag for r in records(settings.pictures) for tag in world.caption_tags(r.look, r.scene))
    return sorted(((tag, counts[tag]) for tag in world.ALL_TAGS), key=lambda pair: (-pair[1], pair[0]))


def labels(settings: Settings) -> npt.NDArray[np.float32]:
    """Truth [n, 4 + tags]: every picture is rated general."""
    column = {tag: n + len(RATINGS) for n, (tag, _) in enumerate(tag_order(settings))}
    items = records(settings.pictures)
    truth = np.zeros((len(items), len(RATINGS) + len(column)), np.float32)
    truth[:, 0] = 1
    for row, item in enumerate(items):
        truth[row, [column[tag] for tag in world.caption_tags(item.look, item.scene)]] = 1
    return truth


@torch.no_grad()
def round_trips(settings: Settings) -> npt.NDArray[np.uint8] | None:
    """The first pictures after the autoencoder, some with disturbed latents; None before it exists."""
    path = settings.work / "round-trips.npy"
    if path.exists():
        kept: npt.NDArray[np.uint8] = np.load(path)
        return kept
    if not (settings.work / "vae").exists():
        return None
    say("tagger: sending pictures through the autoencoder")
    vae = AutoencoderKL.from_pretrained(settings.work / "vae", local_files_only=True).to(settings.device)
    images = pictures(settings)[:ROUND_TRIPS]
    generator = torch.Generator().manual_seed(3)
    parts = []
    for start in range(0, len(images), 60):
        latents = vae.encode(to_tensor(images[start : start + 60], settings.device)).latent_dist.mean
        strength = torch.rand(len(latents), 1, 1, 1, generator=generator) * 0.3
        latents = latents + (torch.randn(latents.shape, generator=generator) * strength).to(latents)
        made = vae.decode(latents).sample.clamp(-1, 1).permute(0, 2, 3, 1)
        parts.append(((made + 1) * 127.5).round().to(torch.uint8).cpu().numpy())
    made_all = np.concatenate(parts)
    np.save(path, made_all)
    return made_all


def _spoil(image: npt.NDArray[np.uint8], rng: random.Random) -> npt.NDArray[np.uint8]:
    """One picture in four goes through JPEG or a reduction, as pictures in the wild do."""
    kind = rng.random()
    if kind > 0.25:
        return image
    picture = Image.fromarray(image)
    if kind < 0.12:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=rng.randint(50, 95))
        picture = Image.open(buffer)
    else:
        edge = rng.randint(40, 60)
        picture = picture.resize((edge, edge), Image.Resampling.BILINEAR).resize((64, 64), Image.Resampling.BICUBIC)
    return np.asarray(picture.convert("RGB"))


def _augment(batch: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Shift, scale, brighten and roughen pictures [n, 3, 64, 64]."""
    count = len(batch)

    def spread(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator).to(batch.device) * 2 - 1

    theta = torch.zeros(count, 2, 3, device=batch.device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 + 0.08 * spread(count)
    theta[:, :, 2] = 0.08 * spread(count, 2)
    grid = functional.affine_grid(theta, list(batch.shape), align_corners=False)
    batch = functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)
    batch = batch * (1 + 0.08 * spread(count, 1, 1, 1)) + 0.06 * spread(count, 3, 1, 1)
    noise = torch.randn(batch.shape, generator=generator).to(batch)
    return batch + noise * 0.05 * spread(count, 1, 1, 1)


def train_tagger(settings: Settings) -> None:
    """Train on drawn pictures, later also on round trips, and write the ONNX file and the tag list."""
    images, truth = pictures(settings), labels(settings)
    tripped = round_trips(settings)
    model = Tagger(truth.shape[1]).to(settings.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=1e-3)
    path = settings.work / "tagger.pt"
    step = 0
    if state := load_checkpoint(path, settings.device):
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step = state["step"]
    total = settings.tagger_samples // BATCH
    # Without the autoencoder the first half can be learned already; the rest waits for round trips.
    last = total if tripped is not None else total // 2
    meter = Meter("tagger", total * BATCH)
    while step < last:
        rng = random.Random(step)
        generator = torch.Generator().manual_seed(step)
        pick = np.random.default_rng((3, step)).integers(0, len(images), BATCH)
        batch = images[pick]
        if tripped is not None:
            half = pick[: BATCH // 2] % len(tripped)
            pick[: BATCH // 2] = half
            batch[: BATCH // 2] = tripped[half]
        batch = np.stack([_spoil(image, rng) for image in batch])
        x = _augment(to_tensor(batch[..., ::-1], settings.device), generator)
        loss = functional.binary_cross_entropy_with_logits(model(x), torch.from_numpy(truth[pick]).to(x.device))
        for group in optimizer.param_groups:
            group["lr"] = one_cycle(step / total, PEAK_RATE)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        meter.note(step * BATCH, loss=loss.item())
        if meter.save_due() or step == last:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step}
            save_checkpoint(path, state)
    write_tagger(settings, model)


def write_tagger(settings: Settings, model: Tagger) -> None:
    """Write `model.onnx` and `selected_tags.csv` side by side."""
    folder = settings.out / "cast" / "tagger"
    folder.mkdir(parents=True, exist_ok=True)
    order = tag_order(settings)
    with (folder / "selected_tags.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("tag_id", "name", "category", "count"))
        for n, rating in enumerate(RATINGS):
            writer.writerow((9_999_999 - n, rating, 9, settings.pictures if n == 0 else 0))
        for n, (tag, count) in enumerate(order):
            writer.writerow((n + 1, tag.replace(" ", "_"), 0, count))
    _write_onnx(model.eval().cpu(), folder / "model.onnx")


@torch.no_grad()
def _write_onnx(model: Tagger, path: Path) -> None:
    """Spell the graph out: reduce 448 to 64, fold the norms into the convolutions, end in a sigmoid."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes: list[Any] = []
    weights: list[Any] = []

    def constant(name: str, value: torch.Tensor) -> str:
        weights.append(numpy_helper.from_array(value.float().contiguous().numpy(), name))
        return name

    def add(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    x = add("Transpose", ["input"], "planes", perm=[0, 3, 1, 2])
    x = add("AveragePool", [x], "reduced", kernel_shape=[7, 7], strides=[7, 7])
    x = add("Mul", [x, constant("scale", torch.tensor(1 / 127.5))], "scaled")
    x = add("Sub", [x, constant("one", torch.tensor(1.0))], "centred")
    layers: list[tuple[Any, Any]] = list(zip(model.convs, model.norms, strict=True))
    for n, (conv, norm) in enumerate(layers):
        gain = norm.weight / (norm.running_var + norm.eps).sqrt()
        kernel = constant(f"kernel{n}", conv.weight * gain[:, None, None, None])
        bias = constant(f"bias{n}", norm.bias - norm.running_mean * gain)
        stride = WIDTHS[n][2]
        x = add("Conv", [x, kernel, bias], f"conv{n}", pads=[1] * 4, strides=[stride] * 2, kernel_shape=[3, 3])
        x = add("Relu", [x], f"relu{n}")
    pooled = [add("GlobalAveragePool", [x], "mean"), add("GlobalMaxPool", [x], "peak")]
    x = add("Flatten", [add("Concat", pooled, "pooled", axis=1)], "features")
    head = [constant("head", model.head.weight), constant("head_bias", model.head.bias)]
    add("Sigmoid", [add("Gemm", [x, *head], "logits", transB=1)], "output")
    graph = helper.make_graph(
        nodes,
        "cast-tagger",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["N", 448, 448, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", model.head.out_features])],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(made)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(made.SerializeToString())
    temporary.replace(path)
