"""A base model in memory, from local files alone. One loader per family; Stable Diffusion 1 is the first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import transformers
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from transformers import CLIPTextModel, CLIPTokenizer

from loratui.errors import LoratuiError, RefusedError
from loratui.training.bases import detect_base, find_file_config, find_weights, read_config
from loratui.training.tensorfile import read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from loratui.training.runspec import BaseSpec


@dataclass(frozen=True, slots=True)
class LoadedBase:
    """The parts of a base model that training needs, frozen; the autoencoder is loaded only when it is called for."""

    tokenizer: Any
    text_encoder: torch.nn.Module
    unet: torch.nn.Module
    load_vae: Callable[[], torch.nn.Module]
    vae_hash: str
    """Tells autoencoders apart by content: latents of one are no use to another."""
    vae_factor: int
    """Pixels per latent, along one side."""
    scaling_factor: float
    shift_factor: float
    scheduler_config: dict[str, Any]


def load_base(spec: BaseSpec, device: torch.device, dtype: torch.dtype) -> LoadedBase:
    """Load a base onto the device; LoratuiError with a hint for anything missing, damaged or of another family."""
    found = detect_base(spec.path)
    if found.family != spec.family:
        raise RefusedError(
            f"{spec.path} is a base of the family {found.family}, the run expects {spec.family}.",
            hint="Register the base again: the model at this path was changed.",
        )
    libraries: tuple[Any, ...] = (transformers.logging, diffusers_logging)
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        return _LOADERS[found.family](spec, device, dtype)
    except LoratuiError:
        raise
    # The libraries raise whatever a damaged file leads them into.
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise RefusedError(
            f"The base {spec.name} can't be loaded: {error}.", hint="Copy the model again, or use another base."
        ) from error


def _load_sd1(spec: BaseSpec, device: torch.device, dtype: torch.dtype) -> LoadedBase:
    single = spec.path if spec.path.is_file() else None
    folder = find_file_config(spec.path, spec.family, spec.config) if single else spec.path
    tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    if single:
        text_encoder = _text_encoder_of_file(single, folder)
    else:
        text_encoder = _from_folder(CLIPTextModel, folder / "text_encoder", dtype=torch.float32)
    _check_tokenizer(tokenizer, text_encoder.config, folder)
    unet = _load_part(UNet2DConditionModel, "unet", single, folder, dtype)
    vae_config = read_config(folder / "vae" / "config.json")
    return LoadedBase(
        tokenizer=tokenizer,
        # The text encoder is small, and its rounding reaches every step through the caption.
        text_encoder=_freeze(text_encoder).to(device),
        unet=_freeze(unet).to(device, memory_format=torch.channels_last),
        load_vae=lambda: _freeze(_load_part(AutoencoderKL, "vae", single, folder, torch.float32)).to(
            device, memory_format=torch.channels_last
        ),
        vae_hash=_hash_vae(single, folder),
        vae_factor=2 ** (len(vae_config["block_out_channels"]) - 1),
        scaling_factor=float(vae_config.get("scaling_factor") or 0.18215),
        shift_factor=float(vae_config.get("shift_factor") or 0.0),
        scheduler_config=read_config(folder / "scheduler" / "scheduler_config.json"),
    )


_LOADERS = {"sd1": _load_sd1}


def _from_folder(kind: Any, folder: Path, **dtype: torch.dtype) -> Any:
    # A folder may hold half-precision files alone, under the variant's name.
    half = any(".fp16." in path.name for path in find_weights(folder))
    return kind.from_pretrained(
        folder, variant="fp16" if half else None, local_files_only=True, use_safetensors=True, **dtype
    )


def _load_part(kind: Any, part: str, single: Path | None, folder: Path, dtype: torch.dtype) -> Any:
    if single is None:
        return _from_folder(kind, folder / part, torch_dtype=dtype)
    return kind.from_single_file(
        str(single), config=str(folder), subfolder=part, torch_dtype=dtype, local_files_only=True
    )


_CLIP_PREFIX = "cond_stage_model.transformer."


def _text_encoder_of_file(path: Path, folder: Path) -> Any:
    from safetensors import safe_open

    config = transformers.CLIPTextConfig(**read_config(folder / "text_encoder" / "config.json"))
    model = CLIPTextModel(config)
    nested = hasattr(model, "text_model")
    state = {}
    with safe_open(path, framework="pt") as file:
        for key in file.keys():  # noqa: SIM118 - not a dict
            if key.startswith(_CLIP_PREFIX) and not key.endswith("position_ids"):
                name = key.removeprefix(_CLIP_PREFIX)
                # Transformers 5 dropped the text_model level that files still name.
                state[name if nested else name.removeprefix("text_model.")] = file.get_tensor(key).float()
    missing, unexpected = model.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("position_ids")]
    if missing or unexpected:
        raise RefusedError(
            f"The text encoder in {path.name} does not fit its config: {len(missing)} tensors are missing, "
            f"{len(unexpected)} are unknown.",
            hint=f"Check that the configs in {folder} belong to this model.",
        )
    return model


def _check_tokenizer(tokenizer: Any, config: Any, folder: Path) -> None:
    # Without its files transformers makes up a tokenizer of two tokens, and every caption means the same.
    if len(tokenizer) != config.vocab_size:
        raise RefusedError(
            f"The tokenizer in {folder} has {len(tokenizer)} tokens, the text encoder expects {config.vocab_size}.",
            hint="Copy tokenizer/vocab.json and tokenizer/merges.txt of this model into the folder.",
        )


def _freeze(module: Any) -> Any:
    """Make a module's weights constant, and our own.

    Loaders hand out weights mapped from the file: it may change under a long training, and sums over unaligned
    memory round differently, so that the same weights from another file would train to other bits.
    """
    for parameter in module.parameters():
        parameter.data = parameter.data.clone()
    return module.eval().requires_grad_(False)


def _hash_vae(single: Path | None, folder: Path) -> str:
    digest = hashlib.sha256((folder / "vae" / "config.json").read_bytes())
    files = [single] if single else find_weights(folder / "vae")
    for path in files:
        digest.update(hash_ranges(path, "first_stage_model." if single else ""))
    return digest.hexdigest()


def hash_ranges(path: Path, prefix: str) -> bytes:
    """A sha256 digest over the names and bytes of a file's tensors that begin with a prefix."""
    header = read_header(path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for name, info in _by_name(header.tensors.items()):
            if name.startswith(prefix):
                file.seek(header.data_start + info.start)
                digest.update(f"{name} {info.dtype} {info.shape}".encode())
                digest.update(file.read(info.end - info.start))
    return digest.digest()


def _by_name(items: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return sorted(items, key=lambda item: item[0])
