"""A person says what pictures show: their word decides, captions don't contradict it, undo takes it back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from loratui.captions.coverage import coverage_of
from loratui.captions.facets import CHOICES, VOCABULARY
from loratui.captions.overruling import overrule_facet, overrule_facets, tell_contradiction
from loratui.captions.service import captions_of, change_rules
from loratui.captions.survey import CANDIDATES, survey
from loratui.catalog.edits import (
    add_tags,
    forget_tag_edits,
    set_caption,
    store_tag_scores,
    tag_edits_of,
    write_tag_edits,
)
from loratui.catalog.importer import import_pictures
from loratui.catalog.journal import history, undo
from loratui.catalog.query import select_memberships
from loratui.catalog.roles import set_role
from loratui.catalog.sentences import SentenceKeeper
from loratui.catalog.store import open_catalog
from loratui.catalog.subjects import add_subject
from loratui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loratui.catalog.store import Catalog
    from loratui.config import Home


@pytest.fixture
def catalog(home: Home, tmp_path: Path) -> Iterator[Catalog]:
    """A subject Mira with three primary pictures 0.png to 2.png, without tags."""
    with open_catalog(home) as opened:
        add_subject(opened, "Mira", "Mirvok")
        for number in range(3):
            noise = random.Random(number).randbytes(48 * 48)
            Image.frombytes("L", (48, 48), noise).save(tmp_path / f"{number}.png")
        import_pictures(opened, "Mira", sorted(tmp_path.glob("*.png")))
        set_role(opened, "Mira", "primary", "")
        yield opened


def score(catalog: Catalog, **scores: float) -> None:
    (picture,) = select_memberships(catalog, "Mira", "name:0.png")
    store_tag_scores(catalog, picture.picture_id, "wd", [(name, "general", value) for name, value in scores.items()])


def caption(catalog: Catalog) -> str:
    (picture,) = select_memberships(catalog, "Mira", "name:0.png")
    return captions_of(catalog, "Mira", [picture])[picture.id]


def test_a_word_on_the_framing_moves_the_picture_to_another_cell_and_undo_moves_it_back(catalog: Catalog) -> None:
    score(catalog, portrait=0.9, from_side=0.8)
    assert overrule_facet(catalog, "Mira", "name:0.png", "framing", "full body") == 1
    assert coverage_of(catalog, "Mira").find("angle", "full body", "side").pictures == 1
    undo(catalog)
    assert coverage_of(catalog, "Mira").find("angle", "portrait", "side").pictures == 1
    assert tag_edits_of(catalog, "Mira") == {}


def test_captions_do_not_say_what_was_overruled(catalog: Catalog) -> None:
    score(catalog, portrait=0.9, from_side=0.8, smile=0.7)
    overrule_facet(catalog, "Mira", "name:0.png", "framing", "full body")
    assert caption(catalog) == "photo of Mirvok, full body, from side, smile"


def test_a_person_can_overrule_what_a_person_said(catalog: Catalog) -> None:
    add_tags(catalog, "Mira", "name:0.png", ["Close-up", "smile"])
    overrule_facet(catalog, "Mira", "", "framing", "upper body")
    assert coverage_of(catalog, "Mira").find("angle", "upper body", "front").pictures == 3
    assert caption(catalog) == "photo of Mirvok, smile, upper body"


def test_a_smile_stays_when_teeth_are_said_and_goes_on_when_they_are_taken_back(catalog: Catalog) -> None:
    add_tags(catalog, "Mira", "name:0.png", ["smile"])
    overrule_facet(catalog, "Mira", "name:0.png", "expression", "teeth")
    assert caption(catalog) == "photo of Mirvok, smile, teeth"
    overrule_facet(catalog, "Mira", "name:0.png", "expression", "smile")
    assert caption(catalog) == "photo of Mirvok, smile"


def test_tags_that_contradict_a_word_go_even_where_it_held_already(catalog: Catalog) -> None:
    score(catalog, profile=0.9, facing_viewer=0.4)
    found = overrule_facets(catalog, "Mira", "name:0.png", {"angle": "profile"})
    assert (found.changed, found.removed) == ({"angle": 1}, {"facing viewer": 1})
    assert caption(catalog) == "photo of Mirvok, profile"
    undo(catalog)
    assert caption(catalog) == "photo of Mirvok, profile, facing viewer"


def test_a_mood_takes_the_place_of_the_one_a_tagger_saw_and_leaves_the_mouth(catalog: Catalog) -> None:
    score(catalog, smile=0.9, closed_mouth=0.8, teeth=0.5)
    overrule_facet(catalog, "Mira", "name:0.png", "expression", "sad")
    assert caption(catalog) == "photo of Mirvok, sad, closed mouth, teeth"
    overrule_facet(catalog, "Mira", "name:0.png", "expression", "neutral")
    assert caption(catalog) == "photo of Mirvok, closed mouth"


def test_captions_do_not_say_what_was_overruled_by_another_spelling_either(catalog: Catalog) -> None:
    change_rules(catalog, "Mira", {"aliases": {"facing viewer": ["facing front"]}})
    score(catalog, facing_front=0.9)
    assert caption(catalog) == "photo of Mirvok, facing viewer"
    overrule_facet(catalog, "Mira", "name:0.png", "angle", "side")
    assert caption(catalog) == "photo of Mirvok, from side"


def test_whole_sentences_that_contradict_a_word_are_kept_and_told(catalog: Catalog) -> None:
    score(catalog, from_behind=0.9)
    text = "Mirvok seen from behind, in the rain"
    set_caption(catalog, "Mira", "name:0.png", text)
    found = overrule_facets(catalog, "Mira", "", {"angle": "side", "framing": "portrait"})
    ((told,), removed) = found.contradictions, found.removed
    assert (told.name, told.words, told.written, removed) == ("0.png", ("from behind",), True, {"from behind": 1})
    assert tell_contradiction(told) == "the caption of 0.png, written by hand, still says 'from behind'."
    assert caption(catalog) == text
    assert overrule_facets(catalog, "Mira", "", {"angle": "back"}).contradictions == ()


def test_a_sentence_of_a_captioner_is_told_only_where_captions_say_it(catalog: Catalog) -> None:
    (picture,) = select_memberships(catalog, "Mira", "name:0.png")
    SentenceKeeper(catalog, "Mira", "captioner", "").keep({picture.id: "A woman in profile."})
    assert overrule_facets(catalog, "Mira", "", {"angle": "front"}).contradictions == ()
    change_rules(catalog, "Mira", {"say": "both"})
    (told,) = overrule_facets(catalog, "Mira", "", {"angle": "front"}).contradictions
    assert (told.words, told.written) == (("profile",), False)


def test_a_value_can_be_named_by_any_of_its_tags(catalog: Catalog) -> None:
    overrule_facet(catalog, "Mira", "name:0.png", "angle", "Profile")
    overrule_facet(catalog, "Mira", "name:0.png", "clothing", "red_shirt")
    assert caption(catalog) == "photo of Mirvok, profile, red shirt"
    (seen, *_) = survey(catalog, "Mira")
    assert (seen.facets["angle"], seen.facets["clothing"], seen.garment) == ("side", "shirt", "red shirt")


def test_saying_it_again_changes_nothing(catalog: Catalog) -> None:
    score(catalog, portrait=0.9, full_body=0.3)
    assert overrule_facet(catalog, "Mira", "name:0.png", "framing", "full body") == 1
    assert overrule_facet(catalog, "Mira", "name:0.png", "framing", "full body") == 0
    assert overrule_facet(catalog, "Mira", "name:0.png", "framing", "portrait") == 1


def test_several_words_at_once_are_one_step_back(catalog: Catalog) -> None:
    score(catalog, cowboy_shot=0.9, smile=0.9)
    before = caption(catalog)
    said = {"framing": "full body", "angle": "profile", "expression": "smile"}
    changed = overrule_facets(catalog, "Mira", "name:0.png", said).changed
    assert changed == {"framing": 1, "angle": 1, "expression": 0}
    assert history(catalog, 1)[0].label == "Mira: framing full body, angle profile, expression smile for 1 picture"
    assert "full body" in caption(catalog)
    assert "profile" in caption(catalog)
    undo(catalog)
    assert caption(catalog) == before


def test_a_wrong_word_among_several_changes_nothing(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="no angle 'sideways'"):
        overrule_facets(catalog, "Mira", "", {"framing": "full body", "angle": "sideways"})
    assert "full body" not in caption(catalog)


def test_a_word_on_the_light_overrules_the_measure(catalog: Catalog) -> None:
    add_tags(catalog, "Mira", "", ["portrait"])
    for value in ("bright", "dark", "backlit", "normal"):
        overrule_facet(catalog, "Mira", "", "lighting", value)
        assert coverage_of(catalog, "Mira").find("lighting", "portrait", value).pictures == 3


@pytest.mark.parametrize(
    ("facet", "value", "hint"),
    [
        ("framing", "sideways", "Say one of: close-up, portrait, upper body, cowboy shot, full body."),
        ("angle", "portrait", "Say one of: front, side, back, above, below."),
        ("mood", "smile", "Facets: framing, angle, expression, background, lighting, clothing."),
    ],
)
def test_an_unknown_facet_or_value_is_refused_with_those_there_are(
    catalog: Catalog, facet: str, value: str, hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        overrule_facet(catalog, "Mira", "", facet, value)
    assert caught.value.hint == hint
    assert tag_edits_of(catalog, "Mira") == {}


TAGS = st.sets(st.sampled_from(sorted(VOCABULARY - {"nude"})), max_size=6)
WORDS = [(facet, choice.name) for facet, choices in CHOICES.items() for choice in choices]


@given(own=TAGS, gone=TAGS, scored=TAGS, word=st.sampled_from(WORDS))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_was_said_before_the_last_word_holds(
    catalog: Catalog, own: set[str], gone: set[str], scored: set[str], word: tuple[str, str]
) -> None:
    facet, value = word
    forget_tag_edits(catalog, "Mira", "")
    score(catalog, **{tag: 0.3 + 0.6 * place / len(scored) for place, tag in enumerate(sorted(scored))})
    if own or gone - own:
        write_tag_edits(catalog, "Mira", "name:0.png", add=sorted(own), remove=sorted(gone - own))
    before = tag_edits_of(catalog, "Mira")
    changed = overrule_facet(catalog, "Mira", "name:0.png", facet, value)
    (seen, *_) = survey(catalog, "Mira", CANDIDATES)
    assert seen.facets[facet] == value  # type: ignore[index]
    if changed:
        undo(catalog)
    assert tag_edits_of(catalog, "Mira") == before
