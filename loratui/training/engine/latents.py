"""Pictures as the UNet sees them: fitted to their bucket, encoded once, cached by content so never stale."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from loratui.catalog.decoding import load_rgb, read_picture_file
from loratui.errors import LoratuiError, RefusedError, TrainingError
from loratui.training.tensorfile import hash_tensors, read_header, read_tensors, write_tensors

if TYPE_CHECKING:
    from pathlib import Path

    from loratui.dataset.buckets import Bucket
    from loratui.training.engine.loading import LoadedBase
    from loratui.training.runspec import TrainingPicture

# Part of every key: raised when decoding, resizing or encoding changes what comes out.
_VERSION = 1


class LatentStore:
    """Mean and deviation of the autoencoder's posterior for pictures in their buckets, float32 [2, c, h, w]."""

    def __init__(self, folder: Path, base: LoadedBase, device: torch.device) -> None:
        self._folder, self._base, self._device = folder, base, device
        self._vae: Any = None
        self.encoded = 0
        """Pictures that were not in the cache."""

    def get(self, picture: TrainingPicture, bucket: Bucket, *, flipped: bool) -> torch.Tensor:
        """The latents of a picture, from the cache or encoded now.

        Raises RefusedError, naming the picture, when its file is missing, damaged or not the one that was imported.
        """
        path = self._path(picture, bucket, flipped=flipped)
        cached = _read_cached(path)
        if cached is not None:
            return cached
        made = self._encode(picture, bucket, flipped=flipped)
        self.encoded += 1
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        values = made.numpy()
        write_tensors(path, {"latents": values}, {"sha256": hash_tensors({"latents": values})}, durable=False)
        return made

    def release(self) -> None:
        """Let go of the autoencoder, once every picture is encoded."""
        self._vae = None
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _path(self, picture: TrainingPicture, bucket: Bucket, *, flipped: bool) -> Path:
        size = f"{bucket.width}x{bucket.height} {bucket.resized_width}x{bucket.resized_height}"
        key = f"{_VERSION} {picture.sha256} {size} {flipped} {self._base.vae_hash} {self._device.type}"
        if picture.crop is not None:
            key += f" crop {' '.join(map(str, picture.crop))}"
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / name[:2] / f"{name}.safetensors"

    @torch.inference_mode()
    def _encode(self, picture: TrainingPicture, bucket: Bucket, *, flipped: bool) -> torch.Tensor:
        image = load_picture(picture)
        if self._vae is None:
            self._vae = self._base.load_vae()
        # One picture at a time: what comes out then never depends on what else is encoded with it.
        pixels = to_pixels(image, bucket, flipped=flipped)[None].to(self._device)
        posterior = self._vae.encode(pixels.contiguous(memory_format=torch.channels_last)).latent_dist
        latents = torch.stack([posterior.mean[0], posterior.std[0]]).float().cpu().contiguous()
        if not torch.isfinite(latents).all():
            raise TrainingError(
                f"The autoencoder of the base made no numbers of the picture {picture.name}.",
                hint="The base is damaged, or its autoencoder is known to overflow: use one with a fixed VAE.",
            )
        return latents


def load_picture(picture: TrainingPicture) -> Image.Image:
    """Decode a picture of the dataset and cut its crop out; RefusedError when it is not what was imported."""
    try:
        data = read_picture_file(picture.path)
        if hashlib.sha256(data).hexdigest() != picture.sha256:
            raise RefusedError(
                "The file was changed since it was imported.", hint="Import it again, or put the original back."
            )
        image = load_rgb(data, max_megapixels=1e9)
    except LoratuiError as error:
        raise RefusedError(
            f"The picture {picture.name} can't be trained on ({picture.path}): {error.message}",
            hint=error.hint or "Reject it or import it again.",
        ) from error
    if image.size != (picture.width, picture.height):
        raise RefusedError(
            f"The picture {picture.name} is {image.width}x{image.height}, the dataset says "
            f"{picture.width}x{picture.height}.",
            hint="Import it again and start a new training.",
        )
    if picture.crop is None:
        return image
    left, top, width, height = picture.crop
    if left + width > image.width or top + height > image.height:
        raise RefusedError(
            f"The crop of {picture.name} does not lie inside its {image.width}x{image.height} pixels.",
            hint="Crop it again and start a new training.",
        )
    return image.crop((left, top, left + width, top + height))


def to_pixels(image: Image.Image, bucket: Bucket, *, flipped: bool) -> torch.Tensor:
    """A picture as float32 [3, h, w] from -1 to 1: resized to cover its bucket, cut to its centre."""
    resized = image.resize((bucket.resized_width, bucket.resized_height), Image.Resampling.LANCZOS)
    left, top = bucket.crop_left, bucket.crop_top
    cropped = resized.crop((left, top, left + bucket.width, top + bucket.height))
    pixels = torch.from_numpy(np.asarray(cropped, np.float32).transpose(2, 0, 1).copy()).div_(127.5).sub_(1)
    return pixels.flip(2) if flipped else pixels


def _read_cached(path: Path) -> torch.Tensor | None:
    """The cached latents; None when there are none or a crash left the file damaged."""
    try:
        header = read_header(path)
        tensors = read_tensors(path)
    except LoratuiError:
        # Missing or cut short: encoded anew.
        return None
    if "latents" not in tensors or header.metadata.get("sha256") != hash_tensors(tensors):
        return None
    return torch.from_numpy(tensors["latents"].copy())
