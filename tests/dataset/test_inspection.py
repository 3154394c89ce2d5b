"""Looking at one picture from all sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from loratui.captions.service import change_rules
from loratui.catalog.edits import set_caption, store_tag_scores, write_tag_edits
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.dataset.buckets import BucketSettings
from loratui.dataset.inspection import inspect_picture, place_picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """Two subjects with the same picture of 300x200 pixels."""
    Image.new("RGB", (300, 200), (90, 120, 40)).save(tmp_path / "one.png")
    with open_catalog(home) as opened:
        for name, trigger in (("Mira", "Mirvok"), ("Oda", "Odavex")):
            add_subject(opened, name, trigger)
            import_pictures(opened, name, [tmp_path / "one.png"])
        yield opened


def test_tags_say_where_they_are_from_and_what_becomes_of_them(catalog: Catalog) -> None:
    (picture,) = select_memberships(catalog, "Mira")
    scores = [
        ("smile", "general", 0.9),
        ("blue_eyes", "general", 0.8),
        ("hat", "general", 0.5),
        ("dust", "general", 0.1),
    ]
    store_tag_scores(catalog, picture.picture_id, "wd", scores)
    write_tag_edits(catalog, "Mira", [picture.id], add=["red scarf"], remove=["hat"])
    change_rules(catalog, "Mira", {"imbued": ["* eyes"]})
    found = inspect_picture(catalog, "Mira", picture, None)
    assert [(tag.text, tag.state, tag.score, tag.by_hand) for tag in found.tags] == [
        ("red scarf", "said", None, True),
        ("smile", "said", 0.9, False),
        ("blue eyes", "imbued", 0.8, False),
        ("hat", "removed", 0.5, True),
    ]
    assert found.caption == "photo of Mirvok, red scarf, smile"
    assert (found.written, found.doubts, found.placing) == (False, (), None)
    assert found.tokens is None or found.tokens > 6


def test_a_caption_written_by_hand_is_shown_with_its_doubts(catalog: Catalog) -> None:
    (picture,) = select_memberships(catalog, "Mira")
    set_caption(catalog, "Mira", [picture.id], "a field")
    (picture,) = select_memberships(catalog, "Mira")
    found = inspect_picture(catalog, "Mira", picture, None)
    assert (found.caption, found.written) == ("a field", True)
    assert "Mirvok" in found.doubts[0]


def test_the_file_and_the_other_subjects_are_named(catalog: Catalog) -> None:
    (picture,) = select_memberships(catalog, "Oda")
    found = inspect_picture(catalog, "Oda", picture, BucketSettings())
    assert (found.file, found.others) == ("ok", ("Mira",))
    assert found.placing is not None
    found.path.unlink()
    assert inspect_picture(catalog, "Oda", picture, None).file == "missing"


def test_a_picture_is_placed_as_training_does_it() -> None:
    placing = place_picture(300, 200, BucketSettings(resolution=64, step=16, min_side=32, max_side=128))
    assert placing is not None
    assert (placing.bucket.width, placing.bucket.height) == (80, 48)
    assert placing.scale == pytest.approx(placing.bucket.resized_width / 300)
    assert placing.cut.sides.startswith("top") and placing.cut.share > 0
    assert place_picture(2000, 10, BucketSettings(upscale=False)) is None


def test_a_tag_that_is_left_out_says_why(catalog: Catalog) -> None:
    pytest.importorskip("instant_clip_tokenizer")
    (picture,) = select_memberships(catalog, "Mira")
    scores = [
        ("hat", "general", 0.9),
        ("straw_hat", "general", 0.8),
        ("smile", "general", 0.7),
        ("dog", "general", 0.6),
    ]
    store_tag_scores(catalog, picture.picture_id, "wd", scores)
    change_rules(catalog, "Mira", {"imbued": ["smile"], "max_tokens": 8})
    found = inspect_picture(catalog, "Mira", picture, None)
    assert found.caption == "photo of Mirvok, straw hat" and found.tokens == 8
    assert {tag.text: tag.state for tag in found.tags} == {
        "hat": "implied",
        "straw hat": "said",
        "smile": "imbued",
        "dog": "cut",
    }
