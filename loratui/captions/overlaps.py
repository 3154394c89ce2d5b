"""Tags that more specific ones say as well: `hat` beside `straw hat`, `long hair` beside `very long hair`."""

from __future__ import annotations

from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from loratui.captions.tags import fold_tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# "No shoes" says nothing of shoes that could be dropped, and a teddy bear is no bear.
_TURNING = frozenset(
    ("no", "not", "without", "unworn", "missing", "fake", "removed", "removing", "teddy", "hot", "toy")
)


class Implications:
    """What tags say along with others: the shipped list, a subject's own, and the ends of their names."""

    def __init__(self, own: Mapping[str, Sequence[str]]) -> None:
        """`own` has, for a tag that is said, the tags that say it too."""
        self._direct: dict[str, set[str]] = {key: set(said) for key, said in _shipped().items()}
        for said, by in own.items():
            for tag in by:
                self._direct.setdefault(fold_tag(tag), set()).add(fold_tag(said))

        self._known: dict[str, frozenset[str]] = {}

    def implied_by(self, key: str) -> frozenset[str]:
        """Every tag that a tag says along with itself, folded; not those that say it too: of two, one has to stay."""
        if (found := self._known.get(key)) is None:
            found = frozenset(said for said in self._reach(key) if key not in self._reach(said))
            self._known[key] = found
        return found

    def _reach(self, key: str) -> set[str]:
        found: set[str] = set()
        waiting = [key]
        while waiting:
            tag = waiting.pop()
            for said in (*self._direct.get(tag, ()), *_ends(tag)):
                if said not in found:
                    found.add(said)
                    waiting.append(said)
        return found


def open_implications(own: Mapping[str, Sequence[str]]) -> Implications:
    """Implications with a subject's own, the same object for the same ones: what they work out, they remember."""
    return _open(tuple((said, tuple(by)) for said, by in own.items()))


@lru_cache(maxsize=16)
def _open(own: tuple[tuple[str, tuple[str, ...]], ...]) -> Implications:
    return Implications(dict(own))


@cache
def meta_words() -> frozenset[str]:
    """Tags about rating, quality and the file, folded: they describe no picture."""
    return frozenset(fold_tag(tag) for line in _lines("meta.txt") for tag in line.split(",") if tag.strip())


def _ends(key: str) -> Iterable[str]:
    """What the last words of a tag say: "hat" for "big straw hat", and "straw hat"."""
    words = key.split(" ")
    if len(words) == 1 or not _TURNING.isdisjoint(words):
        return ()
    return (" ".join(words[at:]) for at in range(1, len(words)))


@cache
def _shipped() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for line in _lines("implications.txt"):
        # A face like :d begins with the colon that ends the tag which is said.
        said, _, by = line.partition(": ")
        for tag in by.split(","):
            found.setdefault(fold_tag(tag), set()).add(fold_tag(said))
    return {tag: frozenset(said) for tag, said in found.items()}


def _lines(name: str) -> list[str]:
    text = files("loratui.captions").joinpath("words", name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
