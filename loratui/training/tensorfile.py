"""Safetensors files: read with every check, written so that a half file never gets a name.

Layout (safetensors 0.x): 8 bytes little-endian header length, JSON header, tensor bytes without holes. The module
needs no torch; numpy is loaded by the functions that touch values.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from loratui.errors import NotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

MAX_HEADER = 100_000_000
"""The limit that the safetensors library itself sets."""
_SIZES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "F8_E8M0"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64", "C64"), 8),
}
_DTYPES = {"fp32": "F32", "fp16": "F16", "bf16": "BF16"}
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One entry of a header; `start` and `end` count bytes from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """What a safetensors file says about itself; `data_start` is where its tensor bytes begin."""

    data_start: int
    tensors: dict[str, TensorInfo]
    metadata: dict[str, str] = field(default_factory=dict)


def read_header(path: Path) -> Header:
    """Read and check the header: lengths, offsets and file size must agree.

    Raises NotFoundError for a missing file and RefusedError, saying what is wrong, for a truncated or foreign one.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            if len(start) < 8:
                raise _broken(path, f"it has only {size} bytes")
            (length,) = struct.unpack("<Q", start)
            if length > MAX_HEADER or 8 + length > size:
                raise _broken(path, "its header is longer than the file, or it is no safetensors file")
            raw = file.read(length)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path} is not there.", hint="Check the path.") from error
    except OSError as error:
        raise RefusedError(f"{path} can't be read: {error.strerror}.", hint="Check its permissions.") from error
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _broken(path, "its header is not JSON") from error
    if not isinstance(content, dict):
        raise _broken(path, "its header is not a table")
    metadata = content.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _broken(path, "its metadata is not text")
    tensors = {name: _read_info(path, name, info) for name, info in content.items()}
    position = 0
    for info in sorted(tensors.values(), key=lambda info: (info.start, info.end)):
        if info.start != position:
            raise _broken(path, "its tensors overlap or leave holes")
        position = info.end
    if 8 + length + position != size:
        raise _broken(path, f"it has {size} bytes where its header asks for {8 + length + position}")
    return Header(8 + length, tensors, metadata)


def _read_info(path: Path, name: str, raw: Any) -> TensorInfo:
    try:
        dtype, shape, (start, end) = raw["dtype"], tuple(raw["shape"]), raw["data_offsets"]
    except (TypeError, KeyError, ValueError) as error:
        raise _broken(path, f"its entry for {name} is incomplete") from error
    numbers = (*shape, start, end)
    if dtype not in _SIZES or not all(type(number) is int and number >= 0 for number in numbers):
        raise _broken(path, f"its entry for {name} makes no sense")
    count = 1
    for side in shape:
        count *= side
    if end - start != count * _SIZES[dtype]:
        raise _broken(path, f"{name} has {end - start} bytes for a {dtype} of shape {list(shape)}")
    return TensorInfo(dtype, shape, start, end)


def _broken(path: Path, what: str) -> RefusedError:
    return RefusedError(
        f"{path.name} is not a complete safetensors file: {what}.", hint="Copy or download it again, or remove it."
    )


def hash_range(path: Path, start: int, length: int | None = None) -> str:
    """The sha256 (64 hex digits) of `length` bytes from `start`, up to the end without a length."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(start)
        left = length
        while left is None or left > 0:
            chunk = file.read(_CHUNK if left is None else min(_CHUNK, left))
            if not chunk:
                break
            digest.update(chunk)
            left = None if left is None else left - len(chunk)
    return digest.hexdigest()


def read_tensors(path: Path) -> dict[str, Floats]:
    """All tensors of a file as float32 arrays; RefusedError for a dtype that holds no floats."""
    import numpy as np

    header = read_header(path)
    with path.open("rb") as file:
        file.seek(header.data_start)
        data = file.read()
    found: dict[str, Floats] = {}
    for name, info in header.tensors.items():
        raw = data[info.start : info.end]
        if info.dtype == "BF16":
            values = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        elif info.dtype in ("F16", "F32", "F64", "I64", "I32"):
            kind = info.dtype.replace("F", "f").replace("I", "i").replace("64", "8").replace("32", "4")
            values = np.frombuffer(raw, "<" + kind.replace("16", "2")).astype(np.float32)
        else:
            raise RefusedError(
                f"{path.name} holds {info.dtype} values in {name}.", hint="Only fp32, fp16 and bf16 LoRAs can be read."
            )
        found[name] = values.reshape(info.shape)
    return found


def encode(values: Floats, precision: str) -> bytes:
    """Little-endian bytes of float32 values in fp32, fp16 or bf16, rounded to nearest even."""
    import numpy as np

    if precision == "fp32":
        return np.ascontiguousarray(values, "<f4").tobytes()
    if precision == "fp16":
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(values).astype("<f2").tobytes()
    bits = np.ascontiguousarray(values, "<f4").view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    # Rounding would turn some NaNs into infinity: those keep their quiet bit instead.
    rounded = np.where(np.isnan(values), (bits >> 16) | 0x0040, rounded)
    return rounded.astype("<u2").tobytes()


def hash_tensors(tensors: Mapping[str, Floats], precision: str = "fp32") -> str:
    """The sha256 that the tensor bytes of a file of these tensors will have."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(encode(tensors[name], precision))
    return digest.hexdigest()


def write_tensors(
    path: Path,
    tensors: Mapping[str, Floats],
    metadata: Mapping[str, str],
    *,
    precision: str = "fp32",
    durable: bool = True,
) -> str:
    """Write a file whole or not at all, in name order; returns the sha256 of its tensor bytes.

    A temporary file in the same folder is written, forced to the disk, read back and renamed; an existing file is
    replaced only then. Without `durable` it is only renamed: enough for what can be made again. Errors of the disk
    come through as OSError, with nothing left behind.
    """
    header = _make_header(tensors, metadata, _DTYPES[precision])
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    digest = hashlib.sha256()
    try:
        with partial.open("wb") as file:
            file.write(header)
            for name in sorted(tensors):
                chunk = encode(tensors[name], precision)
                digest.update(chunk)
                file.write(chunk)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if durable and hash_range(partial, read_header(partial).data_start) != digest.hexdigest():
            raise RefusedError(
                f"{path.name} reads back differently from what was written.", hint="Check the disk for errors."
            )
        partial.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()
    if durable:
        sync_folder(path.parent)
    return digest.hexdigest()


def _make_header(tensors: Mapping[str, Floats], metadata: Mapping[str, str], dtype: str) -> bytes:
    entries: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    position = 0
    for name in sorted(tensors):
        end = position + tensors[name].size * _SIZES[dtype]
        entries[name] = {"dtype": dtype, "shape": list(tensors[name].shape), "data_offsets": [position, end]}
        position = end
    raw = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode()
    # The library pads to 8 bytes so that tensors are aligned for memory mapping.
    raw += b" " * (-len(raw) % 8)
    return struct.pack("<Q", len(raw)) + raw


def sync_folder(folder: Path) -> None:
    """Force a folder's list of names to the disk."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
