"""What comparing pictures by their thumbnails found, kept in the cache: they never change, and it takes a while."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

# Another rule of what is alike (see likeness.py) needs another number here.
_MARK = b"loratui compared 1\n"
_DIGEST = 16
_RECORD = 2 * _DIGEST + 1
_MIRRORED, _ALIKE = 1, 2
# 16 MB of them: then only those of the last look are kept.
_MOST = 500_000


class Pair(NamedTuple):
    """Two pictures by the first bytes of their hashes; whether the second one's mirror image is meant."""

    left: bytes
    right: bytes
    mirrored: bool


def name_picture(sha256: str) -> bytes:
    """What a pair names a picture by."""
    return bytes.fromhex(sha256)[:_DIGEST]


class ComparedPairs:
    """Whether pairs of pictures are alike, as far as they were compared; what is new is written by `keep`."""

    def __init__(self, path: Path) -> None:
        """Read what the file holds; nothing when there is none, or when it was cut short or written by other rules."""
        self._path = path
        self._known: dict[Pair, bool] = {}
        self._used: dict[Pair, bool] = {}
        self._is_new = False
        with suppress(OSError):
            data = path.read_bytes()
            records = data[len(_MARK) :]
            if data.startswith(_MARK) and len(records) % _RECORD == 0:
                for start in range(0, len(records), _RECORD):
                    about = records[start + 2 * _DIGEST]
                    left, right = records[start : start + _DIGEST], records[start + _DIGEST : start + 2 * _DIGEST]
                    self._known[Pair(left, right, bool(about & _MIRRORED))] = bool(about & _ALIKE)

    def recall(self, pair: Pair) -> bool | None:
        """What was found about a pair; None when it was never compared."""
        found = self._known.get(pair)
        if found is not None:
            self._used[pair] = found
        return found

    def note(self, pair: Pair, alike: bool) -> None:
        """Remember what was found about a pair."""
        self._used[pair] = alike
        self._is_new = True

    def keep(self) -> None:
        """Write the file if anything was found; where that can't be done, it is found again another time."""
        if not self._is_new:
            return
        pairs = {**self._known, **self._used}
        if len(pairs) > _MOST:
            pairs = self._used
        records = (
            pair.left + pair.right + bytes([_MIRRORED * pair.mirrored | _ALIKE * alike])
            for pair, alike in pairs.items()
        )
        fresh = self._path.with_suffix(".new")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh.write_bytes(_MARK + b"".join(records))
            fresh.replace(self._path)
