"""Reads pictures with the cast's tagger, all tags with their probabilities; no torch needed."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from loratui.captions.preprocess import prepare_pictures
from loratui.captions.tagger import open_tagger
from loratui.captions.tags import spell_tag
from loratui.catalog.colours import flatten_to_rgb
from loratui.catalog.vocabulary import RATING
from loratui.demo.assets import cast_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from PIL import Image

BATCH = 32


class Judge:
    """The tagger, opened once; its tags are spelled with spaces, as in captions."""

    def __init__(self, folder: Path | None = None) -> None:
        # One thread: pictures are judged beside trainings, and two that compete take ten times as long as one alone.
        self._tagger = open_tagger(folder or cast_folder() / "tagger", threads=1)
        vocabulary = self._tagger.vocabulary
        self._general = {
            number: spell_tag(tag)
            for number, tag in enumerate(vocabulary.names)
            if vocabulary.categories[number] != RATING
        }

    def read(self, images: Iterable[Image.Image]) -> list[dict[str, float]]:
        """Probability of every tag but the ratings, one mapping per picture."""
        found: list[dict[str, float]] = []
        left = iter(images)
        while some := list(islice(left, BATCH)):
            upright = [flatten_to_rgb(image, image.info, set())[0] for image in some]
            rows = self._tagger.run(prepare_pictures(upright, self._tagger.layout))
            found += [{tag: float(row[number]) for number, tag in self._general.items()} for row in rows]
        return found

    def measure(self, images: Iterable[Image.Image], traits: Sequence[str], threshold: float = 0.5) -> dict[str, float]:
        """For each trait the share of the pictures that show it."""
        read = self.read(images)
        return {trait: sum(tags[trait] >= threshold for tags in read) / max(1, len(read)) for trait in traits}
