"""Open a picture file safely and turn it into upright 8-bit sRGB: the one way pixels enter loratui."""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageFile, UnidentifiedImageError

from loratui.catalog.colours import flatten_to_rgb
from loratui.catalog.sniffing import EXTENSIONS, HEAD_BYTES, sniff_format
from loratui.errors import LoratuiError, NotFoundError, RefusedError

MAX_FILE_BYTES = 1 << 30
MIN_SIDE = 8
"""Anything smaller is a tracking pixel or a mistake, not a picture."""
MOST_MEGAPIXELS = 178.0
"""Pillow's own limit against decompression bombs, which stays in force.

For what is in the library: whether it is too large was decided when it was imported.
"""

_ORIENTATION, _GPS = 0x0112, 0x8825
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

BeforeDecode = Callable[[int], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture's first frame, upright RGB on white, and what was noticed on the way.

    `image` may be smaller than `width` x `height` (upright pixels of the file) after a draft decode.
    `jpeg_step` is the mean luminance quantiser step of a JPEG (1 fine, over 40 blocks show), else None.
    """

    image: Image.Image
    format: str
    width: int
    height: int
    orientation: int
    has_alpha: bool
    frames: int
    jpeg_step: float | None
    remarks: frozenset[str]


def load_rgb(source: Path | str | bytes, *, max_megapixels: float = 100.0) -> Image.Image:
    """Decode a picture to 8-bit RGB: upright, in sRGB, transparency over white, first frame.

    `source` is a path or the file's bytes. Raises NotFoundError for a path that is not there, RefusedError
    with the reason for a damaged, foreign or too large file, MissingFeatureError for HEIF without pillow-heif.
    """
    data = source if isinstance(source, bytes) else read_picture_file(Path(source))
    return decode_picture(data, max_megapixels=max_megapixels).image


def read_picture_file(path: Path) -> bytes:
    """All bytes of a file, after looking at its start and size: a foreign or giant file is not read."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            sniff_format(head, path.suffix[1:].lower())
            size = file.seek(0, io.SEEK_END)
            if size > MAX_FILE_BYTES:
                raise RefusedError(
                    f"The file has {size / 1e9:.1f} GB; pictures up to {MAX_FILE_BYTES / 1e9:.1f} GB are read.",
                    hint="Scale it down first.",
                )
            file.seek(0)
            return file.read()
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} is not there.", hint="Check the path, or relink moved pictures.") from error
    except OSError as error:
        raise RefusedError(f"The file can't be read: {error.strerror}.", hint="Check its permissions.") from error


def decode_picture(
    data: bytes,
    *,
    max_megapixels: float = 100.0,
    draft: int | None = None,
    extension: str = "",
    before_decode: BeforeDecode = nullcontext,
) -> Decoded:
    """Decode the first frame of a picture; the first error is final, nothing half-decoded comes out.

    With `draft`, a JPEG is decoded at 1/2, 1/4 or 1/8 so that both sides keep at least `draft` pixels: the
    whole file is still read, so a truncated one is noticed. `before_decode(pixels)` is entered around the
    decoding itself, once the size is known. Raises RefusedError with the reason in words.
    """
    format_ = sniff_format(data[:HEAD_BYTES], extension)
    with _collect_warnings() as caught:
        try:
            # MPO hides behind JPEG's magic; every other format is opened by its own decoder alone.
            formats = ["JPEG", "MPO"] if format_ == "JPEG" else [format_]
            with Image.open(io.BytesIO(data), formats=formats) as image:
                _check_size(image.size, max_megapixels)
                with before_decode(image.size[0] * image.size[1]):
                    return _decode(image, format_, draft, caught)
        except LoratuiError:
            raise
        except Image.DecompressionBombError as error:
            raise RefusedError(
                f"Too large: over {MOST_MEGAPIXELS:.0f} megapixels.", hint="Scale it down first."
            ) from error
        except UnidentifiedImageError as error:
            raise RefusedError(
                f"Damaged: it starts like {format_}, but its header can't be read.", hint="Copy or download it again."
            ) from error
        except MemoryError as error:
            raise RefusedError("Not enough memory to decode it.", hint="Scale it down first.") from error
        # Decoders raise whatever a broken file leads them into: OSError, ValueError, SyntaxError, struct.error...
        except Exception as error:
            words = str(error) or type(error).__name__
            raise RefusedError(f"Damaged: {words}.", hint="Copy or download it again.") from error


def _check_size(size: tuple[int, int], max_megapixels: float) -> None:
    width, height = size
    if min(width, height) < MIN_SIDE:
        raise RefusedError(
            f"Too small: {width}x{height} pixels, under the minimum of {MIN_SIDE} on a side.",
            hint="Find a larger version.",
        )
    limit = min(max_megapixels, MOST_MEGAPIXELS)
    if width * height > limit * 1e6:
        raise RefusedError(
            f"Too large: {width}x{height} is {width * height / 1e6:.0f} megapixels, over the limit of {limit:g}.",
            hint="Scale it down, or raise max_megapixels in config.toml (up to 178).",
        )


def _decode(image: ImageFile.ImageFile, format_: str, draft: int | None, caught: list[str]) -> Decoded:
    remarks = set()
    width, height = image.size
    frames = 1 if format_ in ("PSD", "ICO") else int(getattr(image, "n_frames", 1))
    if frames > 1:
        remarks.add("multipage" if format_ in ("TIFF", "JPEG") else "animated")
    if any(";16" in str(tile.args) for tile in image.tile):
        remarks.add("converted_16bit")
    # Pillow turns TIFFs upright, size included, and drops the tag; every other format is left as stored.
    turned = _read_tag_v2(image) if format_ == "TIFF" else None
    if draft and format_ == "JPEG":
        image.draft(None, (draft, draft))  # type: ignore[arg-type,unused-ignore]
    image.decodermaxblock = 1 << 24
    image.load()
    pixels: Image.Image = image
    try:
        exif = image.getexif()
        has_gps = _GPS in exif
        orientation = exif.get(_ORIENTATION, 1)
    # Broken metadata never costs the pixels: whatever its parser raises, the picture stays as stored.
    except Exception:
        remarks.add("metadata_ignored")
        orientation, has_gps = 1, False
    if turned is not None:
        orientation = turned
    elif orientation in _UPRIGHT:
        pixels = image.transpose(_UPRIGHT[orientation])
        if orientation >= 5:
            width, height = height, width
    if orientation in _UPRIGHT:
        remarks.add("oriented")
    else:
        orientation = 1
    if has_gps:
        remarks.add("gps")
    rgb, has_alpha = flatten_to_rgb(pixels, image.info, remarks)
    if caught:
        remarks.add("metadata_ignored")
    return Decoded(
        image=rgb,
        format=format_,
        width=width,
        height=height,
        orientation=orientation,
        has_alpha=has_alpha,
        frames=frames,
        jpeg_step=_quantiser_step(image) if format_ == "JPEG" else None,
        remarks=frozenset(remarks),
    )


def _read_tag_v2(image: Any) -> int:
    value = image.tag_v2.get(_ORIENTATION, 1)
    return value if isinstance(value, int) else 1


def _quantiser_step(image: Any) -> float | None:
    tables = getattr(image, "quantization", None)
    if not tables or 0 not in tables:
        return None
    # The low frequencies, where steps show as blocks; the tables come in zigzag order.
    return float(sum(tables[0][:16]) / 16)


_hook_lock = threading.Lock()
_hook_users = 0
_hook_saved: Any = None
_hook_warnings: Any = None
_caught = threading.local()


@contextmanager
def _collect_warnings() -> Iterator[list[str]]:
    """Warnings that this thread's decoding raises, other threads' kept apart, nothing on the terminal.

    `warnings.catch_warnings` swaps process-wide state and so can't be nested across threads: the first
    user installs the hook, the last one takes it out.
    """
    global _hook_users, _hook_saved, _hook_warnings
    with _hook_lock:
        _hook_users += 1
        if _hook_users == 1:
            _hook_warnings = warnings.catch_warnings()
            _hook_warnings.__enter__()
            warnings.simplefilter("always")
            _hook_saved, warnings.showwarning = warnings.showwarning, _keep_warning
    caught: list[str] = []
    _caught.messages = caught
    try:
        yield caught
    finally:
        _caught.messages = None
        with _hook_lock:
            _hook_users -= 1
            if _hook_users == 0:
                _hook_warnings.__exit__(None, None, None)


def _keep_warning(message: Warning | str, category: type[Warning], *rest: Any, **named: Any) -> None:
    messages = getattr(_caught, "messages", None)
    if messages is None:
        _hook_saved(message, category, *rest, **named)
    # The size has been checked against our own limit, and palette transparency is handled.
    elif not issubclass(category, Image.DecompressionBombWarning) and "Transparency" not in str(message):
        messages.append(str(message))


def extension_fits(format_: str, extension: str) -> bool:
    """Whether an extension (lower case, no dot) is one that people give files of this format."""
    return extension in EXTENSIONS[format_]
