"""A random base model in the Stable Diffusion 1 layout, small enough to render in milliseconds, and LoRAs for it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from loratui.catalog.bases import add_base
from loratui.catalog.rows import Run
from loratui.catalog.run_events import ingest_events
from loratui.catalog.runs import create_run
from loratui.catalog.snapshots import save_snapshot
from loratui.catalog.store import Catalog, open_catalog
from loratui.catalog.subjects import add_subject
from loratui.dataset.snapshot import SnapshotContent, SnapshotPicture
from loratui.events import RunEvent
from loratui.review.request import BaseModel, LoraFile

if TYPE_CHECKING:
    from loratui.config import Home


def write_tiny_base(folder: Path, *, size: int = 16) -> BaseModel:
    """All parts of a pipeline with random weights: 4 latent channels, one halving, a byte tokenizer."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(0)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789,.!"
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "tokenizer").mkdir(parents=True)
    vocabulary = {token: index for index, token in enumerate(tokens)}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=32).save_pretrained(folder / "tokenizer")
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokens),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            max_position_embeddings=32,
            bos_token_id=len(tokens) - 2,
            eos_token_id=len(tokens) - 1,
            pad_token_id=len(tokens) - 1,
        )
    ).save_pretrained(folder / "text_encoder")
    UNet2DConditionModel(
        sample_size=size // 2,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=8,
        norm_num_groups=8,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(16, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=8,
    ).save_pretrained(folder / "vae")
    scheduler = DDIMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, clip_sample=False, steps_offset=1
    )
    scheduler.save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "feature_extractor": [None, None],
        "safety_checker": [None, None],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return BaseModel("tiny", str(folder), sha256=hashlib.sha256(b"tiny").hexdigest())


def write_lora(
    path: Path,
    base: BaseModel,
    *,
    seed: int,
    rank: int = 2,
    alpha: float | None = 1.0,
    text_encoder: bool = False,
    convolutions: bool = False,
    size: float = 0.3,
) -> LoraFile:
    """A random kohya-format LoRA on the attention layers of the base, with or without the other parts."""
    import torch
    from safetensors.torch import save_file

    from loratui.review.diffusion import Diffusion

    model = Diffusion.load(base, torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Any] = {}

    def add(key: str, module: Any) -> None:
        out, *inner = module.weight.shape
        tensors[f"{key}.lora_down.weight"] = torch.randn((rank, *inner), generator=generator) * size
        last = (1,) * (len(inner) - 1)
        tensors[f"{key}.lora_up.weight"] = torch.randn((out, rank, *last), generator=generator) * size
        if alpha is not None:
            tensors[f"{key}.alpha"] = torch.tensor(alpha)

    for name, module in model.unet.named_modules():
        attention = ".attn" in name and name.endswith(("to_q", "to_k", "to_v", "to_out.0"))
        if attention or (convolutions and name.endswith((".conv1", "proj_in", "conv_shortcut"))):
            add("lora_unet_" + name.replace(".", "_"), module)
    if text_encoder:
        for name, module in model.text_encoder.named_modules():
            if name.endswith(("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")):
                add("lora_te_text_model_" + name.removeprefix("text_model.").replace(".", "_"), module)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    return LoraFile(str(path), path.stem, hashlib.sha256(content[header:]).hexdigest())


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> BaseModel:
    """The random base, written once per session."""
    pytest.importorskip("diffusers", reason="rendering needs the [train] extra")
    return write_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


@pytest.fixture(scope="session")
def plain_lora(tiny_base: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> LoraFile:
    """A LoRA on the UNet's attention alone."""
    return write_lora(tmp_path_factory.mktemp("loras") / "plain.safetensors", tiny_base, seed=1)


@pytest.fixture(scope="session")
def full_lora(tiny_base: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> LoraFile:
    """A LoRA on attention, convolutions and the text encoder, with another rank and alpha."""
    path = tmp_path_factory.mktemp("loras") / "full.safetensors"
    return write_lora(path, tiny_base, seed=2, rank=4, alpha=3.0, text_encoder=True, convolutions=True)


@pytest.fixture
def catalog(home: Home) -> Iterator[Catalog]:
    """An empty library."""
    with open_catalog(home) as opened:
        yield opened


MakeRun = Callable[..., Run]


@pytest.fixture
def make_run(catalog: Catalog) -> MakeRun:
    """A run of a subject on a base, with one recorded checkpoint per LoRA given."""

    def make(base: BaseModel, *loras: LoraFile, captions: Sequence[str] = (), trigger: str = "mirvok") -> Run:
        subject, _ = add_subject(catalog, f"Mira {trigger}", trigger, class_word="girl")
        row = add_base(
            catalog,
            base.name,
            Path(base.path),
            family=base.family,
            layout=base.layout,
            resolution=16,
            sha256=base.sha256,
        )
        pictures = tuple(
            SnapshotPicture(f"{number:064x}", f"{number}.png", 16, 16, "primary", 5, caption)
            for number, caption in enumerate(captions)
        )
        content = SnapshotContent(subject.name, trigger, subject.kind, subject.class_word, pictures, ())
        snapshot = save_snapshot(catalog, subject.id, content.compute_hash(), content.to_json(), len(pictures))
        run = create_run(
            catalog,
            subject_id=subject.id,
            subject_name=subject.name,
            snapshot_id=snapshot.id,
            base_id=row.id,
            recipe={},
            total_steps=10,
            steps_per_epoch=5,
            prepare=lambda made: Path(made.folder, "checkpoints").mkdir(parents=True),
        )
        for number, lora in enumerate(loras, start=1):
            path = Path(run.folder, "checkpoints", f"{run.output_name}-{number:06d}.safetensors")
            shutil.copyfile(lora.path, path)
            data = {"epoch": number, "step": 5 * number, "path": str(path), "autov3": lora.autov3, "bytes": 1}
            ingest_events(catalog, run.id, [RunEvent(number, "checkpoint", data)])
        return run

    return make
