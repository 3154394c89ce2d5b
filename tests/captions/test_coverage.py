"""What training pictures show by their tags: cells weighted by repeats, gaps in words, and what is too much."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from loratui.captions.coverage import UNKNOWN, Coverage, coverage_of
from loratui.captions.facets import CHOICES, VOCABULARY, read_facets
from loratui.captions.service import captions_of
from loratui.captions.tags import fold_tag
from loratui.catalog.edits import add_tags, remove_tags, store_tag_scores
from loratui.catalog.importer import import_pictures
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_repeats, set_role
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject, edit_subject
from loratui.cli.root import run
from loratui.demo import world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home

PICTURES = 10


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """A subject Mira with ten supporting pictures 0.png to 9.png, each seen twice an epoch, without tags."""
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "Mirvok")
        for number in range(PICTURES):
            noise = random.Random(number).randbytes(48 * 48)
            Image.frombytes("L", (48, 48), noise).save(tmp_path / f"{number}.png")
        import_pictures(opened, "Mira", sorted(tmp_path.glob("*.png")))
        set_role(opened, "Mira", "supporting", "")
        set_repeats(opened, "Mira", 2, "")
        yield opened


def tag(catalog: Catalog, number: int, *tags: str) -> None:
    add_tags(catalog, "Mira", f"name:{number}.png", tags)


def score(catalog: Catalog, number: int, **scores: float) -> None:
    (picture,) = select_memberships(catalog, "Mira", f"name:{number}.png")
    rows = [(name, "general", value) for name, value in scores.items()]
    store_tag_scores(catalog, picture.picture_id, "wd", rows)


def words_of(found: Coverage) -> list[str]:
    return [gap.words for gap in found.missing]


def test_the_tagger_asked_last_counts_as_in_captions(catalog: Catalog) -> None:
    (picture,) = select_memberships(catalog, "Mira", "name:0.png")
    store_tag_scores(catalog, picture.picture_id, "t1", [("from_behind", "general", 0.9), ("hat", "general", 0.9)])
    store_tag_scores(catalog, picture.picture_id, "t2", [("straight-on", "general", 0.5)])
    assert captions_of(catalog, "Mira")[picture.id] == "photo of Mirvok, straight-on"
    cells = {(cell.facet, cell.column) for cell in coverage_of(catalog, "Mira").cells if cell.pictures}
    assert ("angle", "front") in cells and ("angle", "back") not in cells and ("clothing", "headwear") not in cells


def test_a_cell_weighs_its_pictures_by_their_repeats(catalog: Catalog) -> None:
    tag(catalog, 0, "portrait", "from side")
    tag(catalog, 1, "portrait", "from side")
    set_repeats(catalog, "Mira", 5, "name:1.png")
    cell = coverage_of(catalog, "Mira").find("angle", "portrait", "side")
    assert (cell.pictures, cell.weight) == (2, 7)
    assert list(cell.ids) == [picture.id for picture in select_memberships(catalog, "Mira", "tag:portrait")]


def test_only_pictures_in_training_count(catalog: Catalog) -> None:
    for number in range(3):
        tag(catalog, number, "portrait")
    set_role(catalog, "Mira", "rejected", "name:0.png")
    set_role(catalog, "Mira", "inbox", "name:1.png")
    found = coverage_of(catalog, "Mira")
    assert found.find("angle", "portrait", "front").pictures == 1
    assert (found.tagged, found.untagged) == (1, PICTURES - 3)


def test_pictures_without_tags_are_untagged_and_nothing_is_missing_yet(catalog: Catalog) -> None:
    found = coverage_of(catalog, "Mira")
    assert (found.tagged, found.untagged, found.missing, found.lopsided) == (0, PICTURES, (), ())
    assert not any(cell.pictures for cell in found.cells)


def test_what_no_picture_shows_is_named_the_widest_gap_first(catalog: Catalog) -> None:
    tag(catalog, 0, "portrait", "facing viewer", "smile", "white background")
    tag(catalog, 1, "full body", "from behind", "grass")
    missing = words_of(coverage_of(catalog, "Mira"))
    assert missing[0] == "no picture close up"
    assert "no picture from the side" in missing
    assert "no picture looking sad" in missing
    assert "no picture indoors" in missing
    assert missing.index("no picture as a portrait from behind") > missing.index("no picture from the side")
    assert not {"no picture as a portrait from the front", "no picture with a smile", "no picture outdoors"} & set(
        missing
    )
    # A framing or an angle that is missing as a whole is said once, not for every cell of it.
    assert "no picture close up from behind" not in missing


def test_a_tagger_counts_from_a_lower_score_than_in_captions(catalog: Catalog) -> None:
    score(catalog, 0, upper_body=0.25, from_behind=0.15, smile=0.3)
    cell = coverage_of(catalog, "Mira").find("angle", "upper body", "front")
    assert cell.pictures == 1


def test_the_highest_score_decides_the_framing(catalog: Catalog) -> None:
    score(catalog, 0, portrait=0.3, cowboy_shot=0.7, upper_body=0.5)
    assert coverage_of(catalog, "Mira").find("angle", "cowboy shot", "front").pictures == 1


def test_a_person_overrules_the_tagger_and_can_take_its_word_away(catalog: Catalog) -> None:
    score(catalog, 0, portrait=0.99, from_side=0.9)
    score(catalog, 1, portrait=0.99, from_side=0.9)
    tag(catalog, 0, "Full_Body")
    remove_tags(catalog, "Mira", "name:1.png", ["from side"])
    found = coverage_of(catalog, "Mira")
    assert found.find("angle", "full body", "side").pictures == 1
    assert found.find("angle", "portrait", "front").pictures == 1


def test_pictures_whose_framing_is_not_known_have_a_row_of_their_own(catalog: Catalog) -> None:
    tag(catalog, 0, "portrait")
    assert UNKNOWN not in coverage_of(catalog, "Mira").rows
    tag(catalog, 1, "smile", "indoors")
    found = coverage_of(catalog, "Mira")
    assert found.rows[-1] == UNKNOWN
    assert found.find("expression", UNKNOWN, "smile").pictures == 1


def test_one_cell_that_crowds_out_the_others_is_lopsided(catalog: Catalog) -> None:
    for number in range(6):
        tag(catalog, number, "portrait", "facing viewer", "smile")
    for number in range(6, PICTURES):
        tag(catalog, number, "full body", "from side", "expressionless")
    (crowd,) = coverage_of(catalog, "Mira").lopsided
    assert (crowd.row, crowd.column, round(crowd.share, 2)) == ("portrait", "front", 0.6)
    # Repeats count: what is seen often is what is learned.
    set_repeats(catalog, "Mira", 12, "tag:full_body")
    crowds = coverage_of(catalog, "Mira").lopsided
    assert [(crowd.row, crowd.column) for crowd in crowds] == [("full body", "side"), ("", "neutral")]


@pytest.mark.parametrize(
    ("tags", "value"),
    [
        ({"smile"}, "smile"),
        ({"smile", "open mouth"}, "open mouth"),
        ({"smile", "open mouth", "teeth"}, "teeth"),
        ({"smile", "closed eyes"}, "eyes closed"),
        ({"closed mouth"}, "neutral"),
        ({"smile", "closed mouth"}, "smile"),
        ({"laughing", "open mouth", "closed eyes"}, "laugh"),
    ],
)
def test_the_rarer_expression_of_several_counts(tags: set[str], value: str) -> None:
    assert read_facets(tags, {})["expression"] == value


def test_a_blurred_street_is_outdoors() -> None:
    assert read_facets(set(), {"depth of field": 0.9, "street": 0.4})["background"] == "outdoors"
    assert read_facets(set(), {"depth of field": 0.9})["background"] == "blurred"


@given(
    st.sets(st.sampled_from(sorted(VOCABULARY))), st.dictionaries(st.sampled_from(sorted(VOCABULARY)), st.floats(0, 1))
)
def test_every_value_that_tags_give_is_one_that_is_shown(written: set[str], scored: dict[str, float]) -> None:
    found = read_facets(written, scored)
    assert all(value in {choice.name for choice in CHOICES[facet]} for facet, value in found.items())
    assert bool(found) == bool(written or scored)


def test_every_scene_of_the_drawn_cast_is_understood() -> None:
    rng = random.Random(1)
    for _ in range(200):
        scene = world.random_scene(rng)
        found = read_facets({fold_tag(word) for word in world.scene_tags(scene)}, {})
        assert found["framing"] == scene.framing
        angles = {"facing viewer": "front", "from side": "side", "from behind": "back"}
        assert found["angle"] == angles[scene.view]
        assert ("expression" in found) == (scene.view != "from behind")
        assert found["background"] == ("outdoors" if scene.background in ("grass", "night sky") else "plain")


def test_the_verb_prints_cells_and_what_is_missing(
    catalog: Catalog, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tag(catalog, 0, "portrait", "from side")
    (picture,) = select_memberships(catalog, "Mira", "tag:portrait")
    monkeypatch.setenv("LORATUI_HOME", str(home.data))
    assert run(["coverage", "Mira", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    cell, light = [cell for cell in printed["cells"] if cell["pictures"]]
    assert (light["facet"], light["column"], light["weight"]) == ("lighting", "normal", 2)
    assert cell == {
        "facet": "angle",
        "row": "portrait",
        "column": "side",
        "pictures": 1,
        "weight": 2,
        "sha256": [picture.sha256],
    }
    assert "no picture of the full body" in [gap["words"] for gap in printed["missing"]]
    assert run(["coverage", "Mira"]) == 0
    assert "missing: no picture from behind" in capsys.readouterr().out


def tell(home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("LORATUI_HOME", str(home.data))
    assert run(["coverage", "Mira"]) == 0
    said = capsys.readouterr()
    return said.out + said.err


def test_the_verb_says_what_its_numbers_are_and_shows_no_table_of_zeros(
    catalog: Catalog, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, colour in enumerate(("red", "blue", "white")):
        tag(catalog, number, "full body", "from side", f"{colour} shirt")
    said = tell(home, monkeypatch, capsys)
    assert said.startswith("Numbers are pictures times repeats: 3 tagged pictures make 6 an epoch.\n")
    assert "7 training pictures have no tag that says any of this." in said
    # Three shirts are one column, and three garments: both can be seen.
    assert "garments: red shirt 2, blue shirt 2, white shirt 2" in said
    assert "% (3 garments)" in said
    assert "framing x expression" not in said
    assert "nothing found: expression, background: no tag of 3 tagged pictures says anything about it" in said
    assert "no picture laughing" not in said
    (clothing,) = [spread for spread in coverage_of(catalog, "Mira").entropy if spread.facet == "clothing"]
    assert dict(clothing.garments) == {"red shirt": 2, "blue shirt": 2, "white shirt": 2}


def test_of_a_thing_only_framings_that_are_there_are_shown(
    catalog: Catalog, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tag(catalog, 0, "full body", "from side")
    assert "\nportrait  " in tell(home, monkeypatch, capsys)
    edit_subject(catalog, "Mira", kind="object")
    said = tell(home, monkeypatch, capsys)
    assert "\nfull body  " in said and "\nportrait  " not in said
    assert "missing: no picture as a portrait" in said


def test_the_verb_says_why_there_is_nothing_to_count(
    catalog: Catalog, home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "No picture has a tag. `loratui tag Mira`" in tell(home, monkeypatch, capsys)
    tag(catalog, 0, "water bottle")
    said = tell(home, monkeypatch, capsys)
    assert "Nothing found: tags of 10 training pictures, such as water bottle, say nothing about framing" in said
    assert "framing x" not in said and "loratui tag Mira" not in said
    set_role(catalog, "Mira", "inbox", "")
    assert "is in training yet: `loratui propose Mira`" in tell(home, monkeypatch, capsys)
