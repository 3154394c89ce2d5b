"""Captions that lie beside pictures: `.txt` and `.caption` files, and kohya's JSON metadata.

What is read is untrusted: size-capped, decoded without failing, cleaned of control characters, never evaluated.
"""

from __future__ import annotations

import json
import stat
import unicodedata
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from loratui.captions.tags import fold_tag, mentions, unescape_tag
from loratui.catalog.walking import show_path
from loratui.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_TEXT_BYTES = 256 * 1024
MAX_JSON_BYTES = 64 * 1024 * 1024

METADATA_SUFFIXES = (".json", ".jsonl")

# Longer parts than these between two commas are prose: the longest common tags have five words.
_TAG_WORDS = 5
_TAG_WORDS_ALONE = 3
_TAG_LETTERS = 100


_ARTICLES = frozenset(("a", "an", "the", "this"))
_GOING_ON = _ARTICLES | frozenset(
    ("and", "as", "at", "her", "his", "in", "its", "near", "on", "over", "their", "under", "while", "who", "with")
)


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What one sidecar says about one picture: tags in order, or a sentence; both empty when it says nothing."""

    tags: tuple[str, ...] = ()
    text: str = ""
    written: str = field(default="", compare=False)
    """All that was written, word for word on one line, whichever of both it was read as."""
    lines: int = field(default=1, compare=False)
    """How many lines it was written on; without any, there was nothing but space."""
    cleaned: tuple[str, ...] = field(default=(), compare=False)
    """What `written` lacks of the words in the file besides new lines, such as "tabs became spaces"."""


@dataclass(frozen=True, slots=True)
class SidecarFile:
    """One file read: a single caption, or kohya metadata with captions by the stem of the picture's name."""

    single: Sidecar | None = None
    by_stem: Mapping[str, Sidecar] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def find(self, name: str) -> Sidecar | None:
        """The caption of the picture of this name."""
        return self.single if self.single is not None else self.by_stem.get(fold_stem(name))


def read_sidecar(path: Path) -> SidecarFile:
    """Read a sidecar by its suffix; RefusedError with the reason when it is too big or is not what its name says."""
    is_metadata = path.suffix.lower() in METADATA_SUFFIXES
    text, warnings = read_text(path, MAX_JSON_BYTES if is_metadata else MAX_TEXT_BYTES)
    if not is_metadata:
        return SidecarFile(single=parse_caption(text), warnings=warnings)
    try:
        return _parse_metadata(text, is_lines=path.suffix.lower() == ".jsonl", warnings=warnings)
    except (ValueError, RecursionError) as error:
        raise RefusedError(
            f"{show_path(path)} is not caption metadata: {error}.",
            hint="Expected kohya's JSON with captions by picture.",
        ) from error


def read_text(path: Path, limit: int, what: str = "captions") -> tuple[str, tuple[str, ...]]:
    """The text of a file of at most so many bytes, with warnings; RefusedError with the reason when it is none.

    `what` it holds is said in the reasons.
    """
    try:
        # Opening a pipe would wait for its other end for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise RefusedError(
                f"{show_path(path)} is not a file.", hint=f"{what.capitalize()} are read from plain files."
            )
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise RefusedError(
            f"{show_path(path)} can't be read: {error.strerror}.", hint="Check the file and its rights."
        ) from error
    if len(data) > limit:
        raise RefusedError(
            f"{show_path(path)} is larger than {limit // 1024} KiB: too large for {what}.",
            hint="Remove the file or shorten it.",
        )
    text, guessed = decode_text(data)
    if is_binary(text, guessed):
        raise RefusedError(
            f"{show_path(path)} is no text: it has control characters.",
            hint=f"{what.capitalize()} are plain text, best in UTF-8.",
        )
    return text, (f"{show_path(path)} is not UTF-8: read as Latin-1, so check its accents.",) if guessed else ()


def decode_text(data: bytes) -> tuple[str, bool]:
    """Decode by byte-order mark, else as UTF-8, else as Latin-1, which always works; True when it was guessed."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace"), False
    try:
        return data.decode("utf-8-sig"), False
    except UnicodeDecodeError:
        return data.decode("latin-1"), True


def is_binary(text: str, guessed: bool) -> bool:
    """Tell whether decoded bytes were never text: NULs, or where the encoding was guessed any control character.

    Latin-1 makes text of any bytes. Windows-1252 has quotes and dashes where Latin-1 has the controls from 0x80 on.
    """
    return "\0" in text or (guessed and any(char < " " and not char.isspace() for char in text))


def clean_text(text: str) -> str:
    """Drop what no terminal or database should get: control characters and lone surrogates; tabs become spaces."""
    lines = text.replace("\t", " ").splitlines()
    return "\n".join("".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cs")).strip() for line in lines)


def tell_cleaned(text: str) -> tuple[str, ...]:
    """What `clean_text` changes of a text, in a few words each; new lines, and lines without words, don't count."""
    tabs = controls = ends = False
    for line in text.splitlines():
        if line.isprintable() and line == line.strip():
            continue
        plain = clean_text(line)
        kept = [c for c in line if c == "\t" or unicodedata.category(c) not in ("Cc", "Cs")]
        tabs |= bool(plain) and "\t" in "".join(kept).strip()
        controls |= len(kept) < len(line)
        ends |= bool(plain) and len(plain) < len(kept)
    said = {"tabs became spaces": tabs, "control characters were left out": controls}
    return tuple(words for words, true in (said | {"spaces at the ends were left out": ends}).items() if true)


def parse_caption(text: str) -> Sidecar:
    """Tell tags from a sentence: tags are short, between commas or on lines of their own."""
    cleaned = tell_cleaned(text)
    lines = [line for line in clean_text(text).split("\n") if line]
    parts = [part.strip() for line in lines for part in line.split(",") if part.strip()]
    longest = _TAG_WORDS if len(parts) > 1 else _TAG_WORDS_ALONE
    if any(_is_prose(part, longest) for part in parts) or _reads_on(parts):
        return Sidecar(text=" ".join(lines), written=" ".join(lines), lines=len(lines), cleaned=cleaned)
    # Tags on lines of their own need commas once they share one.
    written = lines[0] if len(lines) == 1 else ", ".join(line.rstrip(", ") for line in lines)
    tags = tuple(unescape_tag(part) for part in parts)
    return Sidecar(tags=tags, written=written if parts else "", lines=len(lines), cleaned=cleaned)


def strip_prefix(tags: tuple[str, ...], prefix: str, trigger: str) -> tuple[str, ...]:
    """Leave out what computed captions start with anyway: the parts of the prefix, and the trigger that it says."""
    named = {fold_tag(part) for part in prefix.split(",")}
    if mentions(prefix, trigger):
        named.add(fold_tag(trigger))
    return tuple(tag for tag in tags if fold_tag(tag) not in named)


def fold_stem(name: str) -> str:
    """The part of a picture's name or path that metadata is matched on: no folder, no suffix, NFC."""
    base = PurePosixPath(name.replace("\\", "/")).name
    stem, dot, suffix = base.rpartition(".")
    # Kohya's older scripts wrote stems, and a stem may hold a dot of its own.
    is_suffix = bool(dot and stem) and suffix.lower() in _PICTURE_SUFFIXES
    return unicodedata.normalize("NFC", stem if is_suffix else base)


_PICTURE_SUFFIXES = frozenset(
    ("png", "jpg", "jpeg", "jfif", "webp", "bmp", "gif", "tif", "tiff", "avif", "heic", "heif", "jxl", "mpo", "npz")
)


def _is_prose(part: str, longest: int) -> bool:
    words = part.split()
    # A full stop alone says nothing: "..." and "!?" are tags.
    return len(words) > longest or len(part) > _TAG_LETTERS or (len(words) >= 3 and part[-1] in ".!?")


def _reads_on(parts: list[str]) -> bool:
    """Tell a sentence with commas in it: it begins with an article, and goes on as no tag does."""
    split = [part.casefold().split() for part in parts]
    if not split or len(split[0]) < 3 or split[0][0] not in _ARTICLES:
        return False
    return any(len(words) >= 3 and words[0] in _GOING_ON for words in split[1:])


def _parse_metadata(text: str, *, is_lines: bool, warnings: tuple[str, ...]) -> SidecarFile:
    if is_lines:
        entries = [json.loads(line) for line in text.splitlines() if line.strip()]
        pairs = [(entry.get("image_path"), entry) for entry in entries if isinstance(entry, dict)]
    else:
        raw = json.loads(text)
        if not isinstance(raw, dict):
            raise ValueError("the file holds no object")
        if isinstance(raw.get("caption"), str) or isinstance(raw.get("tags"), str | list):
            return SidecarFile(single=_parse_entry(raw), warnings=warnings)
        pairs = list(raw.items())
    by_stem: dict[str, Sidecar] = {}
    clashes = set()
    for path, entry in pairs:
        if isinstance(path, str) and isinstance(entry, dict) and {"caption", "tags"} & set(entry):
            stem, sidecar = fold_stem(path), _parse_entry(entry)
            if by_stem.setdefault(stem, sidecar) != sidecar:
                clashes.add(stem)
    if clashes:
        warnings += (f"{len(clashes)} names stand for several pictures with different captions; the first was used.",)
    return SidecarFile(by_stem=by_stem, warnings=warnings)


def _parse_entry(entry: Mapping[str, Any]) -> Sidecar:
    caption, tags = (_as_text(entry.get(key)) for key in ("caption", "tags"))
    # Sd-scripts trains on "caption, tags" where metadata has both.
    parts = [part for part in (caption, tags) if part.strip()]
    return parse_caption(parts[0] if len(parts) == 1 else ", ".join(part.strip() for part in parts))


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(item for item in value if isinstance(item, str))
    return value if isinstance(value, str) else ""
