"""Pictures as the tagging models were trained to see them, to the last bit of Pillow's arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

PREPROCESS = "p1"
"""Version of the preparation, kept with every score: raised whenever the arrays below change for any picture."""

Pixels = npt.NDArray[np.float32]

_WHITE = (255, 255, 255)

# Decoded four bytes a pixel, as every picture is in Pillow: 32 MB.
_STRIP_PIXELS = 8_000_000
# No format of cameras or of the web goes further; at 448 pixels across, columns of this length take 120 MB.
_LONGEST = 65_536


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """How a model wants a picture: `side` pixels a side, blue first.

    WD taggers read [side, side, 3] from 0 to 255; with `channels_first`, as cl_tagger has it, it is
    [3, side, side] from -1 to 1. Neither knows the mean and deviation of ImageNet.
    """

    side: int
    channels_first: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one prepared picture."""
        return (3, self.side, self.side) if self.channels_first else (self.side, self.side, 3)


def prepare_picture(image: Image.Image, layout: PixelLayout, out: Pixels) -> None:
    """Write an upright RGB picture (see load_rgb) into `out`, float32 of the layout's shape.

    It is padded with white to a centred square, resized bicubically in 8 bits and turned to BGR.
    """
    side = layout.side
    small = _fit_into_square(image, side)
    # Pillow swaps the channels while it copies: three times as fast as numpy on a view turned round.
    blue_first = np.frombuffer(small.tobytes("raw", "BGR"), np.uint8).reshape(side, side, 3)
    if layout.channels_first:
        np.divide(blue_first.transpose(2, 0, 1), np.float32(127.5), out=out, dtype=np.float32)
        out -= 1
    else:
        np.copyto(out, blue_first)


def prepare_pictures(images: Sequence[Image.Image], layout: PixelLayout) -> Pixels:
    """Several pictures as one batch [n, *layout.shape]."""
    batch = np.empty((len(images), *layout.shape), np.float32)
    for image, out in zip(images, batch, strict=True):
        prepare_picture(image, layout, out)
    return batch


def _fit_into_square(image: Image.Image, side: int) -> Image.Image:
    """The picture in the middle of a white square, bicubically resized; half a pixel too many is right and below.

    Bit by bit what resizing the padded square gives, which for a long picture would take gigabytes: Pillow resizes
    first along the rows, each for itself, so a few rows are padded at a time, and then along the columns.
    """
    longest = max(image.size)
    if longest > _LONGEST:
        # Nothing like it is drawn or photographed: only that it takes no memory counts, not the last bit.
        shrunk = math.ceil(longest / _LONGEST)
        image = image.reduce((min(shrunk, image.width), min(shrunk, image.height)))
        longest = max(image.size)
    width, height = image.size
    if width == height and width * height <= _STRIP_PIXELS:
        return image.resize((side, side), Image.Resampling.BICUBIC)
    left, top = (longest - width) // 2, (longest - height) // 2
    narrow = Image.new("RGB", (side, longest), _WHITE)
    step = max(1, _STRIP_PIXELS // longest)
    for start in range(0, height, step):
        end = min(start + step, height)
        strip = image.crop((0, start, width, end))
        if width < longest:
            padded = Image.new("RGB", (longest, end - start), _WHITE)
            padded.paste(strip, (left, 0))
            strip = padded
        narrow.paste(strip.resize((side, end - start), Image.Resampling.BICUBIC), (0, top + start))
    return narrow.resize((side, side), Image.Resampling.BICUBIC)
