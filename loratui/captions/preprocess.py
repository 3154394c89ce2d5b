"""Pictures as the tagging models were trained to see them, to the last bit of Pillow's arithmetic."""

from __future__ import annotations

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
    small = pad_to_square(image).resize((side, side), Image.Resampling.BICUBIC)
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


def pad_to_square(image: Image.Image) -> Image.Image:
    """The picture in the middle of a white square; half a pixel too many goes to the right and below."""
    width, height = image.size
    if width == height:
        return image
    side = max(width, height)
    square = Image.new("RGB", (side, side), _WHITE)
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    return square
