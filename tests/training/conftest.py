"""A tiny Stable Diffusion 1 base with random weights, and run folders that train on it in milliseconds a step."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw

from loratui.events import RunEvent, parse_event
from loratui.training.spawn import engine_command, engine_environment

if TYPE_CHECKING:
    from pathlib import Path

RECIPE: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 2,
    "resolution": 32,
    "bucket_step": 8,
    "min_bucket": 16,
    "max_bucket": 64,
    "learning_rate": 1e-3,
    "rank": 4,
    "alpha": 2.0,
    "seed": 7,
    "state_every": 2,
    "noise_offset": 0.05,
    "caption_dropout": 0.1,
    "shuffle_captions": True,
    "flip": True,
}


@dataclass
class Run:
    """A run folder under test."""

    folder: Path

    @property
    def events(self) -> list[RunEvent]:
        file = self.folder / "events.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [event for line in lines if (event := parse_event(line))]

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [event.data for event in self.events if event.type == kind]

    @property
    def end(self) -> dict[str, Any]:
        return self.told("end")[-1]

    def checkpoint(self, name: str = "kim-0001") -> Path:
        return self.folder / "checkpoints" / f"{name}.safetensors"

    def train(self, attempt: int = 1) -> int:
        """Train in this process: loading torch once is enough for all tests."""
        from loratui.training.engine.__main__ import main

        return main([str(self.folder), "--attempt", str(attempt), "--nonce", "abc", "--device", "cpu"])

    def spawn(self, attempt: int = 1, **options: Any) -> subprocess.Popen[bytes]:
        """Train in a process of its own, as the runs layer does."""
        with (self.folder / "log.txt").open("ab") as log:
            return subprocess.Popen(
                engine_command(self.folder, attempt=attempt, nonce="abc"),
                env=engine_environment(os.environ, threads=1),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **options,
            )


MakeRun = Callable[..., Run]


@pytest.fixture(scope="session")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Eight drawn pictures of three shapes, as entries of a dataset.json."""
    folder = tmp_path_factory.mktemp("drawings")
    entries = []
    for index, size in enumerate([(40, 40), (40, 40), (48, 32), (32, 48), (40, 40), (48, 32), (64, 64), (40, 40)]):
        image = Image.new("RGB", size, (30 * index, 200 - 20 * index, 90))
        ImageDraw.Draw(image).ellipse((5, 5, size[0] - 8, size[1] - 12), fill=(250, 30 * index, 20))
        path = folder / f"{index}.png"
        image.save(path)
        entries.append(
            {
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "path": str(path),
                "name": path.name,
                "width": size[0],
                "height": size[1],
                "role": "primary" if index < 5 else "supporting",
                "repeats": 2 if index < 5 else 1,
                "caption": f"photo of kim, red hat, smile, tag {index}",
            }
        )
    return entries


@pytest.fixture(scope="session")
def make_tiny_base() -> Callable[..., Path]:
    """A function that writes a complete pipeline of a quarter million random weights to a folder."""

    def make(folder: Path, down_blocks: tuple[str, ...] = ("DownBlock2D", "CrossAttnDownBlock2D")) -> Path:
        import torch
        from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

        torch.manual_seed(1)
        characters = sorted({*map(chr, range(33, 127)), *map(chr, range(161, 173)), *map(chr, range(174, 256))})
        words = [*characters, *(f"{character}</w>" for character in characters)]
        words += ["<|startoftext|>", "<|endoftext|>"]
        spelling = folder / "tokenizer"
        spelling.mkdir(parents=True)
        (spelling / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
        (spelling / "merges.txt").write_text("#version: 0.2\n")
        tokenizer = CLIPTokenizer.from_pretrained(spelling, model_max_length=77)
        text = CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=2, bos_token_id=len(words) - 2, eos_token_id=len(words) - 1,
            pad_token_id=len(words) - 1,
        )  # fmt: skip
        unet = UNet2DConditionModel(
            sample_size=8, in_channels=4, out_channels=4, block_out_channels=(32, 64), layers_per_block=1,
            norm_num_groups=8, cross_attention_dim=32, attention_head_dim=2,
            down_block_types=down_blocks,
            up_block_types=tuple(kind.replace("Down", "Up") for kind in reversed(down_blocks)),
        )  # fmt: skip
        vae = AutoencoderKL(
            block_out_channels=(16, 16, 16), latent_channels=4, norm_num_groups=8, sample_size=32,
            down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
            scaling_factor=0.5, mid_block_add_attention=False,
        )  # fmt: skip
        pipeline = StableDiffusionPipeline(
            tokenizer=tokenizer, text_encoder=CLIPTextModel(text).eval(), unet=unet, vae=vae,
            scheduler=DDIMScheduler(
                beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1, clip_sample=False
            ),
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
        pipeline.save_pretrained(folder)
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory, make_tiny_base: Callable[..., Path]) -> Path:
    return make_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture
def make_run(
    tmp_path: Path, tiny_base: Path, drawings: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> MakeRun:
    """A function that writes a run folder; recipe settings and fields of run.json can be given."""
    # Sums split over threads round differently: every training of a test gets one.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def make(name: str = "run", *, pictures: list[dict[str, Any]] | None = None, **changes: Any) -> Run:
        folder = tmp_path / name
        folder.mkdir()
        recipe = {**RECIPE, **changes.pop("recipe", {})}
        run = {
            "version": 1,
            "run": "kim-0001",
            "nonce": "abc",
            "output_name": "kim-0001",
            "subject": {"name": "kim", "trigger": "kim", "kind": "character", "class_word": "woman"},
            "base": {"name": "tiny", "path": str(tiny_base), "family": "sd1", "layout": "folder"},
            "recipe": recipe,
            "dataset": "dataset.json",
            "continue_from": None,
            "latents_cache": str(tmp_path / "latents"),
            "comment": "",
            **changes,
        }
        (folder / "run.json").write_text(json.dumps(run))
        dataset = {"hash": "d" * 64, "pictures": drawings if pictures is None else pictures}
        (folder / "dataset.json").write_text(json.dumps(dataset))
        return Run(folder)

    return make
