"""Light and clothes in the coverage, how even it is, and what is still needed, with the pictures behind it."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from loratui.captions.coverage import Spread, coverage_of
from loratui.captions.facets import VOCABULARY, read_facets, read_shown
from loratui.captions.needs import Need, needs_of
from loratui.captions.wardrobe import GARMENTS, find_garment, kind_of_garment
from loratui.catalog.edits import add_tags
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_repeats, set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home

PICTURES = 10


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """A subject Mira with ten supporting pictures 0.png to 9.png, from black to white, each seen once an epoch."""
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "Mirvok")
        for number in range(PICTURES):
            low = 25 * number
            noise = bytes(random.Random(number).choices(range(low, low + 25), k=48 * 48))
            Image.frombytes("L", (48, 48), noise).save(tmp_path / f"{number}.png")
        import_pictures(opened, "Mira", sorted(tmp_path.glob("*.png")))
        set_role(opened, "Mira", "supporting", "")
        set_repeats(opened, "Mira", 1, "")
        yield opened


def tag(catalog: Catalog, numbers: range, *tags: str) -> None:
    for number in numbers:
        add_tags(catalog, "Mira", f"name:{number}.png", tags)


def ids(catalog: Catalog, *numbers: int) -> tuple[int, ...]:
    by_name = {member.name: member.id for member in select_memberships(catalog, "Mira")}
    return tuple(by_name[f"{number}.png"] for number in numbers)


def spread(catalog: Catalog, facet: str) -> Spread:
    return next(one for one in coverage_of(catalog, "Mira").entropy if one.facet == facet)


def need(catalog: Catalog, value: str) -> Need | None:
    return next((one for one in needs_of(catalog, "Mira") if one.value == value), None)


def test_the_light_is_measured_on_the_pictures_themselves(catalog: Catalog) -> None:
    tag(catalog, range(PICTURES), "portrait")
    found = coverage_of(catalog, "Mira")
    weights = [found.find("lighting", "portrait", value).weight for value in ("dark", "normal", "bright", "backlit")]
    assert weights == [3, 4, 3, 0]


@pytest.mark.parametrize(
    ("tags", "luminance", "light"),
    [
        (set(), 0.1, "dark"),
        (set(), 0.35, "normal"),
        ({"night"}, 0.35, "dark"),
        ({"night"}, 0.6, "normal"),
        ({"sunlight"}, 0.6, "bright"),
        ({"backlighting"}, 0.1, "backlit"),
    ],
)
def test_tags_of_a_tagger_decide_where_the_light_is_in_doubt(tags: set[str], luminance: float, light: str) -> None:
    assert read_facets(set(), dict.fromkeys(tags, 0.9), luminance)["lighting"] == light


def test_a_persons_word_on_the_light_is_final() -> None:
    assert read_facets({"dark"}, {"sunlight": 0.9}, 0.95)["lighting"] == "dark"


@pytest.mark.parametrize(
    ("tags", "garment"),
    [
        ({"shirt": 0.9, "red shirt": 0.8}, "red shirt"),
        ({"shirt": 0.9, "jacket": 0.8, "skirt": 0.9}, "jacket"),
        ({"white shirt": 0.9, "dress": 0.25}, "white shirt"),
        ({"school uniform": 0.9, "pleated skirt": 0.9, "shirt": 0.9}, "school uniform"),
        ({"smile": 0.9}, ""),
    ],
)
def test_the_outer_and_surer_garment_tells_outfits_apart(tags: dict[str, float], garment: str) -> None:
    assert find_garment(tags) == garment


@given(st.dictionaries(st.sampled_from(sorted(VOCABULARY)), st.floats(0.01, 1)))
def test_a_garment_is_there_exactly_when_the_clothing_is_known(scored: dict[str, float]) -> None:
    facets, garment = read_shown(set(), scored)
    assert facets.get("clothing", "") == (kind_of_garment(garment) if garment else "")
    assert bool(garment) == any(one in garments for garments in GARMENTS.values() for one in scored)


def test_wearing_one_thing_is_lopsided_and_nobody_misses_kinds_of_clothes(catalog: Catalog) -> None:
    tag(catalog, range(8), "portrait", "red shirt")
    tag(catalog, range(8, 10), "portrait", "blue shirt")
    found = coverage_of(catalog, "Mira")
    assert "in the same clothes: red shirt" in [crowd.words for crowd in found.lopsided]
    assert "clothing" not in {gap.facet for gap in found.missing}
    tag(catalog, range(4), "blue shirt", "kimono")
    assert "clothing" not in {crowd.facet for crowd in coverage_of(catalog, "Mira").lopsided}


def test_evenness_is_none_for_one_value_and_full_for_all_alike(catalog: Catalog) -> None:
    tag(catalog, range(4), "portrait", "simple background")
    assert (spread(catalog, "background").entropy, spread(catalog, "background").evenness) == (0, 0)
    for number, place in enumerate(("indoors", "outdoors", "blurry background")):
        tag(catalog, range(4 + number, 5 + number), place)
    # Repeats count: what is seen four times as often weighs as much as four pictures.
    set_repeats(catalog, "Mira", 4, "-tag:simple_background")
    even = spread(catalog, "background")
    assert (even.cells, even.evenness) == (4, 1)
    assert math.isclose(even.entropy, math.log(4), abs_tol=1e-3)


def test_what_is_too_rare_is_needed_with_what_there_is_and_what_waits(catalog: Catalog) -> None:
    tag(catalog, range(8), "portrait", "facing viewer", "smile", "white background")
    tag(catalog, range(8, 9), "full body", "profile")
    tag(catalog, range(9, 10), "portrait", "profile")
    set_role(catalog, "Mira", "inbox", "name:9.png")
    set_repeats(catalog, "Mira", 4, "tag:portrait")
    side = need(catalog, "side")
    assert side is not None
    assert (side.ids, side.waiting, round(side.share, 3)) == (ids(catalog, 8), ids(catalog, 9), round(1 / 33, 3))
    assert side.words == "pictures from the side: there is one, 3 % of training"
    upper = need(catalog, "upper body")
    assert upper is not None
    assert upper.words == "pictures of the upper body: there is none"
    assert need(catalog, "smile") is None
    # What is furthest below its share comes first.
    assert next(one.value for one in needs_of(catalog, "Mira") if one.facet == "framing") == "upper body"


def test_nothing_is_needed_of_what_no_tag_tells(catalog: Catalog) -> None:
    assert needs_of(catalog, "Mira") == []
    tag(catalog, range(PICTURES), "portrait")
    assert {one.facet for one in needs_of(catalog, "Mira")} == {"framing", "angle"}
