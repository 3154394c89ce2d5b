"""What kind of base model lies at a path: read from its index or its header, without loading it."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loratui.config import find_assets
from loratui.errors import MissingFeatureError, NotFoundError, RefusedError, UsageError
from loratui.training.tensorfile import read_header

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.training.tensorfile import Header


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of base model that can be trained on, and what LoRA files call it."""

    name: str
    title: str
    resolution: int
    kohya_version: str
    """Value of ss_base_model_version."""
    architecture: str
    """Value of modelspec.architecture."""


FAMILIES = {
    "sd1": Family("sd1", "Stable Diffusion 1", 512, "sd_v1", "stable-diffusion-v1/lora"),
}


@dataclass(frozen=True, slots=True)
class DetectedBase:
    """A base model that can be trained on; `layout` is folder or file, `resolution` its native side in pixels."""

    family: str
    layout: str
    resolution: int


def detect_base(path: Path) -> DetectedBase:
    """Find out the family, layout and native resolution of a base model.

    Raises NotFoundError when nothing is there, RefusedError for a damaged, incomplete or unsafe one and UsageError
    for a kind that is not supported.
    """
    if path.is_dir():
        return _detect_folder(path)
    if not path.exists():
        raise NotFoundError(
            f"{path} is not there.", hint="Give the path of a diffusers folder or of a .safetensors file."
        )
    if path.suffix.lower() != ".safetensors":
        raise RefusedError(
            f"{path.name} is no safetensors file; .ckpt and .bin files can run programs when loaded.",
            hint="Convert it to .safetensors, or use a copy of the model in that format.",
        )
    return _detect_file(read_header(path), path)


def _detect_folder(folder: Path) -> DetectedBase:
    index = read_config(folder / "model_index.json")
    kind = str(index.get("_class_name", ""))
    if "StableDiffusionXL" in kind:
        raise _unsupported(folder, "SDXL")
    if kind != "StableDiffusionPipeline":
        raise _unsupported(folder, kind or "an unknown kind of pipeline")
    unet = read_config(folder / "unet" / "config.json")
    text = read_config(folder / "text_encoder" / "config.json")
    vae = read_config(folder / "vae" / "config.json")
    if unet.get("in_channels") != unet.get("out_channels", unet.get("in_channels")):
        raise _unsupported(folder, "an inpainting model")
    # Stable Diffusion 2 swapped CLIP ViT-L for OpenCLIP ViT-H, which is 1024 wide.
    if text.get("hidden_size") == 1024:
        raise _unsupported(folder, "Stable Diffusion 2")
    if unet.get("cross_attention_dim") != text.get("hidden_size"):
        raise RefusedError(
            f"{folder}: the UNet reads text {unet.get('cross_attention_dim')} wide, the text encoder writes "
            f"{text.get('hidden_size')}.",
            hint="The folder mixes parts of different models: copy the model again.",
        )
    for part in ("unet", "text_encoder", "vae"):
        find_weights(folder / part)
    read_config(folder / "scheduler" / "scheduler_config.json")
    if not any((folder / "tokenizer" / name).is_file() for name in ("vocab.json", "tokenizer.json")):
        raise RefusedError(
            f"{folder} has no tokenizer: every caption would mean the same.",
            hint="Copy the folder 'tokenizer' of this model into it.",
        )
    factor = 2 ** (len(vae.get("block_out_channels") or [0] * 4) - 1)
    size = unet.get("sample_size") or 64
    return DetectedBase("sd1", "folder", int(size) * factor)


def find_weights(folder: Path) -> list[Path]:
    """The safetensors weight files of one part of a diffusers folder: one file, or the shards of its index."""
    for stem in ("diffusion_pytorch_model", "model"):
        for suffix in ("", ".fp16"):
            single = folder / f"{stem}{suffix}.safetensors"
            if single.is_file():
                return [single]
        index = folder / f"{stem}.safetensors.index.json"
        if index.is_file():
            shards = sorted(set(read_config(index).get("weight_map", {}).values()))
            return [folder / str(name) for name in shards]
    if any(folder.glob("*.bin")):
        raise RefusedError(
            f"{folder} holds only .bin weights, which can run programs when loaded.",
            hint="Use a copy of the model with .safetensors files.",
        )
    raise RefusedError(f"{folder} holds no weights.", hint="Copy the whole model, with its .safetensors files.")


def read_config(path: Path) -> dict[str, Any]:
    """A JSON table of a diffusers folder; RefusedError when it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RefusedError(
            f"{path} is missing: this is no complete diffusers folder.",
            hint="Give the folder that holds model_index.json, unet, vae, text_encoder, tokenizer and scheduler.",
        ) from error
    except (OSError, ValueError) as error:
        raise RefusedError(f"{path} can't be read: {error}.", hint="Copy the model again.") from error
    if not isinstance(content, dict):
        raise RefusedError(f"{path} holds no table.", hint="Copy the model again.")
    return content


_ATTENTION = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
_INPUT = "model.diffusion_model.input_blocks.0.0.weight"


def _detect_file(header: Header, path: Path) -> DetectedBase:
    names = header.tensors.keys()
    if any(name.startswith(("lora_unet_", "lora_te", "unet.", "transformer.")) for name in names):
        raise UsageError(
            f"{path.name} is a LoRA, not a base model.", hint="Give the checkpoint that it was trained on."
        )
    if any(name.startswith("conditioner.embedders.1.") for name in names):
        raise _unsupported(path, "SDXL")
    if any("double_blocks." in name or "joint_blocks." in name for name in names):
        raise _unsupported(path, "a transformer model (Flux or Stable Diffusion 3)")
    if _ATTENTION not in names or _INPUT not in names:
        raise _unsupported(path, "an unknown kind of model")
    if any(name.startswith("cond_stage_model.model.") for name in names):
        raise _unsupported(path, "Stable Diffusion 2")
    shape = header.tensors[_INPUT].shape
    if len(shape) != 4 or shape[1] > 8:
        raise _unsupported(path, "an inpainting model")
    for prefix, part in (("first_stage_model.", "autoencoder"), ("cond_stage_model.", "text encoder")):
        if not any(name.startswith(prefix) for name in names):
            raise RefusedError(f"{path.name} has no {part}.", hint="Use a full checkpoint, not a pruned one.")
    return DetectedBase("sd1", "file", FAMILIES["sd1"].resolution)


def _unsupported(path: Path, kind: str) -> UsageError:
    return UsageError(
        f"{path.name}: {kind} is not supported yet.", hint="For now a base must be of the Stable Diffusion 1 family."
    )


def find_file_config(path: Path, family: str, given: Path | None = None) -> Path:
    """The folder with configs and tokenizer that a single-file base needs, for it holds weights alone.

    Looked for: the folder given, `<file without extension>/`, `config/` and the file's own folder, then the
    shipped configs. Raises MissingFeatureError naming those places.
    """
    places = [given] if given else [path.with_suffix(""), path.parent / "config", path.parent]
    # Without shipped assets the places beside the file are all there is.
    with contextlib.suppress(MissingFeatureError):
        places.append(find_assets() / "configs" / family)
    for place in places:
        if (place / "model_index.json").is_file() and (place / "tokenizer").is_dir():
            return place
    looked = ", ".join(str(place) for place in places)
    raise MissingFeatureError(
        f"{path.name} needs the configs and the tokenizer of its family, which are not here (looked in {looked}).",
        hint=f"Copy model_index.json and the folders unet, vae, text_encoder, tokenizer and scheduler (configs alone "
        f"are enough) of any {FAMILIES[family].title} diffusers model to {path.with_suffix('')}.",
    )
