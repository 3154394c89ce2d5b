"""Any Pillow mode to 8-bit sRGB on white: profiles, 16 bits, floats, CMYK, LAB, palettes and transparency."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageCms

from loratui.errors import RefusedError

_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}
_INTEGER_16 = ("I;16", "I;16B", "I;16L", "I;16N")


def flatten_to_rgb(image: Image.Image, info: dict[Any, Any], remarks: set[str]) -> tuple[Image.Image, bool]:
    """Convert a loaded image to RGB; returns it and whether any pixel was transparent.

    `info` is the file's info (transparency key, ICC profile), `remarks` collects codes of what was done.
    Raises RefusedError for pixels that have no meaning as a picture (no finite value).
    """
    colour, alpha = _split_alpha(image, info, remarks)
    profile = info.get("icc_profile")
    rgb = _to_srgb(colour, profile if isinstance(profile, bytes) else None, remarks)
    if alpha is None or alpha.getextrema()[0] == 255:
        return rgb, False
    remarks.add("alpha_flattened")
    white = Image.new("RGB", rgb.size, "white")
    white.paste(rgb, mask=alpha)
    return white, True


def _split_alpha(image: Image.Image, info: dict[Any, Any], remarks: set[str]) -> tuple[Image.Image, Image.Image | None]:
    """The colour channels in a mode a profile can apply to (L, RGB, CMYK, LAB), and the alpha channel."""
    mode, key = image.mode, info.get("transparency")
    if mode in _INTEGER_16 or mode in ("I", "F"):
        return _scale_to_8bit(image, key, remarks)
    if mode == "1":
        remarks.add("bilevel")
    if mode in ("1", "L", "RGB") and key is not None:
        image = image.convert("RGBA")
    elif mode == "P":
        # Pillow keeps the key in the image's own info, and transposing keeps that too.
        image = image.convert("RGBA" if key is not None or image.mode == "PA" else "RGB")
    elif mode in ("PA", "RGBa"):
        image = image.convert("RGBA")
    elif mode == "La":
        image = image.convert("LA")
    if image.mode in ("RGBA", "LA"):
        alpha = image.getchannel("A")
        return image.convert("RGB" if image.mode == "RGBA" else "L"), alpha
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image, None
    return image.convert("L" if image.mode == "1" else "RGB"), None


def _scale_to_8bit(image: Image.Image, key: Any, remarks: set[str]) -> tuple[Image.Image, Image.Image | None]:
    """Grey of more than 8 bits. `convert` would clip it: every pixel over 255 would come out white."""
    values = np.asarray(image).astype(np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        raise RefusedError("Its floating-point pixels hold no finite value.", hint="Export it as PNG.")
    low, high = float(values[finite].min()), float(values[finite].max())
    values = np.where(finite, values, low)
    if image.mode == "F":
        remarks.add("converted_float")
        unit = 255.0 if low >= 0 and high <= 1 else 1.0
        fits = low >= 0 and high * unit <= 255
        scaled = values * unit if fits else _stretch(values, low, high)
    else:
        remarks.add("converted_16bit")
        # Sensors put 8, 10 or 12 bits into 16-bit files; scaled by 257 those would come out black.
        bits = 16 if high > 4095 else max(8, int(high).bit_length())
        scaled = values * (255 / (2**bits - 1))
        if low < 0 or high > 65535:
            scaled = _stretch(values, low, high)
    grey = Image.fromarray(np.clip(np.rint(scaled), 0, 255).astype(np.uint8), "L")
    alpha = None
    if isinstance(key, int):
        alpha = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8), "L")
    return grey, alpha


def _stretch(values: Any, low: float, high: float) -> Any:
    return (values - low) * (255.0 / (high - low)) if high > low else np.full_like(values, 127.0)


def _to_srgb(image: Image.Image, profile: bytes | None, remarks: set[str]) -> Image.Image:
    if image.mode == "CMYK":
        remarks.add("converted_cmyk")
    if image.mode == "LAB":
        remarks.add("converted_lab")
    if profile:
        space = _profile_mode(profile)
        # Grey pictures often carry the RGB profile of the program that saved them.
        source = image.convert("RGB") if (image.mode, space) == ("L", "RGB") else image
        if space == source.mode:
            transform = _build_transform(profile, space)
            if transform is None:
                return _as_rgb(source)
            remarks.add("profile_converted")
            return transform.apply(source)
        remarks.add("profile_ignored")
    if image.mode == "LAB":
        return _lab_transform().apply(image)
    return _as_rgb(image)


def _as_rgb(image: Image.Image) -> Image.Image:
    # Pillow copies what is RGB already, which takes half as long as decoding it took.
    return image if image.mode == "RGB" else image.convert("RGB")


@lru_cache(maxsize=64)
def _profile_mode(profile: bytes) -> str:
    """The Pillow mode a profile applies to; "" for one that can't be read or is of another kind."""
    try:
        space = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space
    except (OSError, ImageCms.PyCMSError, TypeError, ValueError):
        return ""
    mode = _PROFILE_MODES.get(space.strip(), "")
    try:
        _build_transform(profile, mode)
    except (ImageCms.PyCMSError, KeyError, ValueError):
        return ""
    return mode


@lru_cache(maxsize=64)
def _build_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """A transform to sRGB, or None for a profile that changes no colour by more than one step of 255."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    transform = ImageCms.ImageCmsTransform(source, _built_in("sRGB"), mode, "RGB")
    if mode in ("RGB", "L"):
        levels = np.linspace(0, 255, 9).astype(np.uint8)
        if mode == "RGB":
            grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
            probe = Image.fromarray(grid, "RGB")
        else:
            probe = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(1, -1), "L")
        before = np.asarray(probe.convert("RGB")).astype(np.int16)
        if np.abs(np.asarray(transform.apply(probe)).astype(np.int16) - before).max() <= 1:
            return None
    return transform


@lru_cache(maxsize=1)
def _lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.ImageCmsTransform(_built_in("LAB"), _built_in("sRGB"), "LAB", "RGB")


def _built_in(space: Literal["LAB", "sRGB"]) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space))
